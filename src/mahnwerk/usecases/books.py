"""Books on disk: each in its own folder, so that a sample never enters a real one (decision 0005).

`example` lies in `var/example`, every other name in `var/books/NAME`; a value with a slash is a
folder of its own. Letters and messages go to `var/outbox/NAME` (or `outbox` in the own folder).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mahnwerk.usecases.errors import BadInput

EXAMPLE: Final = "example"
DEFAULT: Final = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class BookPlace:
    """Where the parts of one book lie."""

    name: str
    folder: Path
    outbox: Path

    @property
    def procedures(self) -> Path:
        """The book's own dunning procedures."""
        return self.folder / "procedures"

    @property
    def rejects(self) -> Path:
        """Where rejected rows go that have no folder of their own."""
        return self.folder / "rejects"


def var_folder() -> Path:
    """`MAHNWERK_VAR`, else `var` in the source tree, else `var` where the command was called."""
    if chosen := os.environ.get("MAHNWERK_VAR"):
        return Path(chosen).resolve()
    root = Path(__file__).resolve().parents[3]
    return (root if (root / "pyproject.toml").is_file() else Path.cwd()) / "var"


def place(book: str = "") -> BookPlace:
    """The place of a book by name or folder; `default` where none is named.

    Raises
    ------
    BadInput
        The name is neither a plain name nor a folder.
    """
    book = book or DEFAULT
    if "/" in book or os.sep in book or book in (".", ".."):
        folder = Path(book).expanduser().resolve()
        var = var_folder()
        if folder == var / EXAMPLE or folder.parent == var / "books":
            return place(folder.name)
        return BookPlace(folder.name, folder, folder / "outbox")
    if not _NAME.fullmatch(book):
        raise BadInput(
            f"book {book!r}: a name has small letters, digits, '-' and '_', at most 64.",
            "Choose such a name, or give a folder, for example ./my-book.",
        )
    var = var_folder()
    folder = var / EXAMPLE if book == EXAMPLE else var / "books" / book
    return BookPlace(book, folder, var / "outbox" / book)


def name_from_file(path: Path) -> str:
    """A book's name from its first file: `Invoices 2013.csv` → `invoices-2013`."""
    words = re.sub(r"[^a-z0-9_]+", "-", path.stem.lower()).strip("-_")[:64].strip("-_")
    return words if _NAME.fullmatch(words) and words != EXAMPLE else f"book-{words}".strip("-")[:64]
