"""Bank files without a book: what one says, for `bank parse` and before an import."""

from __future__ import annotations

from pathlib import Path

from mahnwerk.formats import bank_file
from mahnwerk.formats.bank import BankFile, BankFileError
from mahnwerk.usecases.errors import BadInput, NotFound


def parse(path: Path, *, account: str = "") -> list[tuple[str, BankFile]]:
    """Read a bank file without a book.

    Raises
    ------
    NotFound : no such file. BadInput : not a bank file, or one that cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path}: cannot be read: {error.strerror}.", "Check the name.") from error
    try:
        return bank_file.read(data, account=account, source=path.name)
    except BankFileError as error:
        raise BadInput(f"{path.name}: {error}") from error
