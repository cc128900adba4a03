"""Which characters the shipped font can draw, read from its own character map."""

from __future__ import annotations

import struct
from functools import lru_cache
from importlib.resources import files
from typing import Final

FONT_FILE: Final = "SourceSans3-wght.ttf"


@lru_cache(maxsize=1)
def drawable() -> frozenset[str]:
    """Every character the font has a glyph for (its format 12 or 4 `cmap`)."""
    font = (files("mahnwerk.letters") / "fonts" / FONT_FILE).read_bytes()
    tables = {}
    for index in range(struct.unpack_from(">H", font, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * index)
        tables[tag] = offset
    start = tables[b"cmap"]
    found: set[int] = set()
    for index in range(struct.unpack_from(">H", font, start + 2)[0]):
        offset = start + struct.unpack_from(">HHI", font, start + 4 + 8 * index)[2]
        form = struct.unpack_from(">H", font, offset)[0]
        if form == 12:
            found |= _groups(font, offset)
        elif form == 4:
            found |= _segments(font, offset)
    return frozenset(map(chr, found))


def _groups(font: bytes, offset: int) -> set[int]:
    count = struct.unpack_from(">I", font, offset + 12)[0]
    found: set[int] = set()
    for index in range(count):
        first, last, _ = struct.unpack_from(">III", font, offset + 16 + 12 * index)
        found.update(range(first, last + 1))
    return found


def _segments(font: bytes, offset: int) -> set[int]:
    count = struct.unpack_from(">H", font, offset + 6)[0] // 2
    lasts = struct.unpack_from(f">{count}H", font, offset + 14)
    firsts = struct.unpack_from(f">{count}H", font, offset + 16 + 2 * count)
    return {
        code
        for first, last in zip(firsts, lasts, strict=True)
        if last != 0xFFFF
        for code in range(first, last + 1)
    }


def undrawable(text: str) -> tuple[str, ...]:
    """The characters of a text that the font lacks, each once, in order of code."""
    return tuple(sorted(set(text) - drawable()))
