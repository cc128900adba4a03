"""GiroCodes: the fields of EPC069-12, and a reader that gets back what was put in."""

from __future__ import annotations

import re

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.letters.giro import PAYLOAD_BYTES_MAX, giro_payload, giro_svg
from mahnwerk.letters.model import LetterError

IBAN = "DE89370400440532013000"


def modules(svg: str) -> np.ndarray:
    """The code's modules from the SVG's path, dark = 0, with a quiet zone, four pixels each."""
    size = int(re.search(r'viewBox="0 0 (\d+)', svg).group(1))  # type: ignore[union-attr]
    pixels = np.full((size, size), 255, dtype=np.uint8)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", svg):
        pixels[int(y), int(x) : int(x) + int(width)] = 0
    return np.pad(np.kron(pixels, np.ones((4, 4), dtype=np.uint8)), 16, constant_values=255)


def test_fields_stand_on_their_lines() -> None:
    payload = giro_payload(
        "Möbelhaus Grünwald GmbH", "DE89 3704 0044 0532 0130 00", 123_456, "RF46 2026 0001 23"
    )
    assert payload.split("\n") == [
        "BCD",
        "002",
        "1",
        "SCT",
        "",
        "Möbelhaus Grünwald GmbH",
        IBAN,
        "EUR1234.56",
        "",
        "RF462026000123",
    ]


@given(st.text(min_size=1, max_size=90), st.integers(1, 99_999_999_999))
@settings(max_examples=60, deadline=None)
def test_reads_back_and_keeps_its_lines(name: str, cents: int) -> None:
    try:
        payload = giro_payload(name, IBAN, cents, "RF462026000123")
    except LetterError:
        assert len(name.encode(errors="replace")) > 150
        return
    assert payload.count("\n") == 9
    found = zxingcpp.read_barcode(modules(giro_svg(payload)))
    assert found.bytes.decode() == payload
    assert found.ec_level == "M"


@pytest.mark.parametrize("cents", [0, -1, 100_000_000_000])
def test_refuses_amounts_no_transfer_can_have(cents: int) -> None:
    with pytest.raises(LetterError, match="amount"):
        giro_payload("A", IBAN, cents, "RF462026000123")


def test_refuses_what_no_app_would_read() -> None:
    with pytest.raises(LetterError, match=str(PAYLOAD_BYTES_MAX)):
        giro_payload("😀" * 70, IBAN, 1, "RF462026000123" + "A" * 20, "COBADEFFXXX")
