"""The GiroCode (EPC069-12): a QR code a banking app turns into a filled transfer form."""

from __future__ import annotations

import re
from typing import Any, Final

import zxingcpp

from mahnwerk.letters.model import LetterError

PAYLOAD_BYTES_MAX: Final = 331
AMOUNT_CENTS_MAX: Final = 99_999_999_999
NAME_MAX: Final = 70
_DARK: Final = re.compile(rb"\x00+")


def giro_payload(name: str, iban: str, amount_cents: int, rf_reference: str, bic: str = "") -> str:
    """Put together the text of a GiroCode.

    Parameters
    ----------
    name : account holder; cut to 70 characters
    iban : with or without spaces
    amount_cents : 1..99 999 999 999, in euro cents
    rf_reference : structured creditor reference, see `rf_reference`
    bic : "" where not known (version 002 allows it)

    Returns
    -------
    Twelve fields on lines of their own, trailing empty fields left out.

    Raises
    ------
    LetterError : amount out of bounds, or more than 331 bytes.

    Sources
    -------
    EPC069-12, version 002, character set 1 (UTF-8).
    """
    if not 0 < amount_cents <= AMOUNT_CENTS_MAX:
        raise LetterError(f"GiroCode amount {amount_cents} cents: must be 1 to {AMOUNT_CENTS_MAX}")
    fields = (
        "BCD",
        "002",
        "1",
        "SCT",
        _field(bic).replace(" ", ""),
        _field(name)[:NAME_MAX].strip(),
        _field(iban).replace(" ", ""),
        f"EUR{amount_cents // 100}.{amount_cents % 100:02d}",
        "",
        _field(rf_reference).replace(" ", ""),
    )
    payload = "\n".join(fields)
    if len(payload.encode()) > PAYLOAD_BYTES_MAX:
        raise LetterError(
            f"GiroCode is {len(payload.encode())} bytes, at most {PAYLOAD_BYTES_MAX}: shorten the name"
        )
    return payload


def giro_svg(payload: str) -> str:
    """Draw a GiroCode as SVG: one black path, one unit per module, without quiet zone.

    Error correction level M, as EPC069-12 asks. Bytes go in as UTF-8 without an ECI mark, which some
    banking apps do not know.
    """
    code = zxingcpp.create_barcode(payload.encode(), zxingcpp.QRCode, ec_level="M")
    image: Any = code.to_image(scale=1, add_hrt=False, add_quiet_zones=False)
    modules: Any = memoryview(image)  # one byte each, 0 is dark
    size, signs = modules.shape[0], modules.tobytes()
    path = []
    for y in range(size):
        for run in _DARK.finditer(signs, y * size, (y + 1) * size):
            width = run.end() - run.start()
            path.append(f"M{run.start() - y * size} {y}h{width}v1h-{width}z")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" height="{size}">'
        f'<path d="{"".join(path)}"/></svg>'
    )


def _field(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
