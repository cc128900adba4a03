"""Dunning procedures: the shipped ones and the book's own, read and checked against the law.

Shipped files lie in `mahnwerk/procedures`, a book's own in its folder `procedures`. A case is
enrolled in `name@version`, so an old version stays readable as long as its file stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from mahnwerk.kernel.procedures import Procedure, ProcedureError, parse_procedure
from mahnwerk.law import LawError, strict_yaml
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.errors import BadInput, NotFound

MAX_BYTES = 256_000


def read(text: str, where: str) -> Procedure:
    """Parse one procedure file.

    Raises
    ------
    BadInput
        Not YAML, a key twice, unknown keys, values out of bounds; the message names the place.
    """
    try:
        mapping: Any = strict_yaml.load(text, where)
        return parse_procedure(mapping, where)
    except (LawError, ProcedureError) as error:
        raise BadInput(str(error)) from error


def read_file(path: Path) -> Procedure:
    """Parse a procedure from a file on disk."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path}: is larger than {MAX_BYTES} bytes, too large for a procedure.")
        return read(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file.", "Check the name.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}.") from error


def _shipped_files() -> Iterator[tuple[str, str]]:
    folder = resources.files("mahnwerk") / "procedures"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yaml"):
            yield entry.name, entry.read_text(encoding="utf-8")


@cache
def shipped() -> Mapping[str, Procedure]:
    """The procedures that come with Mahnwerk, by key."""
    found = [read(text, name) for name, text in _shipped_files()]
    return {procedure.key: procedure for procedure in found}


def of_book(place: BookPlace) -> Mapping[str, Procedure]:
    """Shipped and own procedures of a book, by key `name@version`.

    Raises
    ------
    BadInput
        An own file is broken, or says something else under the key of another file.
    """
    known = dict(shipped())
    for path in sorted(place.procedures.glob("*.yaml")):
        own = read_file(path)
        if own.key in known and known[own.key].hash != own.hash:
            raise BadInput(
                f"{path}: {own.key} exists with other content.",
                "Cases are enrolled in a version: give the changed procedure a new version.",
            )
        known[own.key] = own
    return known


def find(procedures: Mapping[str, Procedure], word: str) -> Procedure:
    """By key, or by name alone: then its newest version.

    Raises
    ------
    NotFound
        No procedure of that name; the message lists the known ones.
    """
    if word in procedures:
        return procedures[word]
    versions = [procedure for procedure in procedures.values() if procedure.name == word]
    if not versions:
        raise NotFound(f"procedure {word!r} is not known.", f"Known: {', '.join(sorted(procedures))}.")
    return max(versions, key=lambda procedure: (procedure.valid_from, procedure.version))
