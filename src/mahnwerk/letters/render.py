"""One letter to PDF, text and HTML: `render`. Pure: the same letter gives the same bytes.

One compiler per thread is kept and fed a new data string for each letter; the template, the font and
what they parse to stay in its memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import typst

from mahnwerk.letters.compose import compose
from mahnwerk.letters.document import Document
from mahnwerk.letters.giro import giro_svg
from mahnwerk.letters.glyphs import FONT_FILE, undrawable
from mahnwerk.letters.model import Letter, LetterError, Rendered
from mahnwerk.letters.twins import html_twin, text_twin
from mahnwerk.letters.wording import Wording

PDF_STANDARDS: Final = ("ua-1", "a-3a")
"""Accessible (ISO 14289-1) and made to be kept (ISO 19005-3, level A); the engine checks both."""
_HERE: Final = Path(__file__).parent
_threads: Final = threading.local()
LOGO_BYTES_MAX: Final = 300_000
LOGO_MM: Final = (70.0, 18.0)
"""Widest and tallest a logo is printed."""


def render(letter: Letter, wording: Wording | None = None) -> Rendered:
    """Draw one letter, three times the same words: PDF, plain text, HTML.

    Parameters
    ----------
    letter : everything the letter says; see `Letter`
    wording : instead of the shipped texts, from `parse_wording`

    Returns
    -------
    `Rendered`; `unprintable` lists characters the font lacks, shown in the PDF as `[U+4E2D]`.

    Raises
    ------
    LetterError : a field the letter cannot do without, or a logo that is neither PNG nor JPEG.

    Guarantees
    ----------
    Pure; equal letters give equal bytes. No value is read as markup. PDF/UA-1 and PDF/A-3a as checked
    by the engine. The GiroCode holds exactly the amount, account and reference printed beside it.
    """
    document = compose(letter, wording)
    data, unprintable = _data(document, letter.sender.logo)
    pdf = _compiled(data, document)
    return Rendered(
        pdf=pdf,
        text=text_twin(document),
        html=html_twin(document),
        subject=document.subject,
        sha256=hashlib.sha256(pdf).hexdigest(),
        unprintable=unprintable,
        template_hash=template_hash(document.wording_hash),
    )


@lru_cache(maxsize=8)
def template_hash(wording_hash: str) -> str:
    """Hash over wording, page template and font: what a letter's look depends on beside its data."""
    digest = hashlib.sha256(wording_hash.encode())
    digest.update((_HERE / "templates" / "letter.typ").read_bytes())
    digest.update((_HERE / "fonts" / FONT_FILE).read_bytes())
    return digest.hexdigest()


def _compiler() -> Any:
    """This thread's compiler: one cannot be shared while it works.

    Only shipped fonts: a letter must not depend on the machine.
    """
    if not hasattr(_threads, "compiler"):
        faces = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_HERE / "fonts")]
        )
        root = _HERE / "templates"
        _threads.compiler = typst.Compiler(str(root / "letter.typ"), root=str(root), font_paths=faces)
    return _threads.compiler


def _compiled(data: str, document: Document) -> bytes:
    moment = datetime.combine(document.dated_on, datetime.min.time(), tzinfo=UTC)
    try:
        pdf = _compiler().compile(
            format="pdf",
            sys_inputs={"letter": data},
            pdf_standards=list(PDF_STANDARDS),
            timestamp=int(moment.timestamp()),
        )
    except typst.TypstError as error:
        raise LetterError(f"letter of {document.dated_on}: the page could not be set: {error}") from error
    return bytes(pdf)


def _data(document: Document, logo: bytes | None) -> tuple[str, tuple[str, ...]]:
    day = document.dated_on
    data = _fields(document)
    box = data["box"] = _fields(document.box)
    box["svg"] = giro_svg(box.pop("giro")) if document.box.giro else ""
    del data["dated_on"]
    data["day"] = [day.year, day.month, day.day]
    data["logo"], data["logo_mm"] = _logo_svg(logo) if logo else ("", 0)
    data["running"] = f"{document.info[1][1]} · {document.info[0][1]}"
    text = json.dumps(data, ensure_ascii=False, default=_fields)
    missing = undrawable(text)
    if missing:
        text = text.translate({ord(sign): f"[U+{ord(sign):04X}]" for sign in missing})
    return text, missing


def _fields(part: Any) -> dict[str, Any]:
    """A part of a document as a mapping; `dataclasses.asdict` would copy every word."""
    return {name: getattr(part, name) for name in part.__slots__}


@lru_cache(maxsize=64)
def _logo_svg(logo: bytes) -> tuple[str, float]:
    """A PNG or JPEG inside an SVG (text, so it travels with the data), and its width in millimetres."""
    kinds = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}
    kind = next((name for magic, name in kinds.items() if logo.startswith(magic)), None)
    if kind is None or len(logo) > LOGO_BYTES_MAX:
        raise LetterError(f"logo: must be PNG or JPEG of at most {LOGO_BYTES_MAX // 1000} kB")
    width, height = _png_size(logo) if kind == "png" else _jpeg_size(logo)
    href = f"data:image/{kind};base64,{base64.b64encode(logo).decode()}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}"><image width="{width}" height="{height}" xlink:href="{href}"/></svg>'
    )
    return svg, round(min(LOGO_MM[0], LOGO_MM[1] * width / height), 2)


def _png_size(logo: bytes) -> tuple[int, int]:
    width, height = int.from_bytes(logo[16:20], "big"), int.from_bytes(logo[20:24], "big")
    if not (0 < width <= 10_000 and 0 < height <= 10_000):
        raise LetterError(f"logo: {width} × {height} pixels; must be 1 to 10000 each way")
    return width, height


def _jpeg_size(logo: bytes) -> tuple[int, int]:
    place = 2
    while place + 9 < len(logo) and logo[place] == 0xFF:
        marker, length = logo[place + 1], int.from_bytes(logo[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height = int.from_bytes(logo[place + 5 : place + 7], "big")
            width = int.from_bytes(logo[place + 7 : place + 9], "big")
            if width and height:
                return width, height
        place += 2 + length
    raise LetterError("logo: the JPEG says no size")
