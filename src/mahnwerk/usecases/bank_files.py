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
        raise refusal(path.name, error) from error


def refusal(name: str, error: BankFileError, consequence: str = "") -> BadInput:
    """What is wrong with a bank file: the place once, then why; what to do apart from it.

    `name` is the file given; a place inside it (a statement, a row, a member of an archive) is kept.
    `consequence` is said first of what is to be done.
    """
    told, place = error.problem.rstrip("."), error.where
    if not place.startswith(name):
        place = f"{name}, {place}" if place else name
    problem = f"{told}." if told.startswith(name) else f"{place}: {told}."
    remedy = f"{error.remedy.rstrip('.')}." if error.remedy else "Fetch the file from the bank again."
    return BadInput(problem, f"{consequence} {remedy}".strip())
