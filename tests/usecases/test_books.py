"""Books on disk: apart from each other, whatever they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from mahnwerk.usecases.books import name_from_file, place
from mahnwerk.usecases.errors import BadInput


def test_the_example_lies_apart_from_all_named_books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAHNWERK_VAR", str(tmp_path))
    assert place("example").folder == tmp_path / "example"
    assert place("shop").folder == tmp_path / "books" / "shop"
    assert place("shop").outbox == tmp_path / "outbox" / "shop"
    assert place().folder == tmp_path / "books" / "default"


def test_a_folder_may_be_a_book(tmp_path: Path) -> None:
    own = place(str(tmp_path / "mine"))
    assert own.folder == tmp_path / "mine"
    assert own.outbox == tmp_path / "mine" / "outbox"


@pytest.mark.parametrize("name", ["Ümlaut", "..", "UPPER", "a b", "-x", "x" * 65])
def test_other_names_are_refused_or_are_folders(name: str) -> None:
    if name == "..":
        assert place(name).folder == Path("..").resolve()
    else:
        with pytest.raises(BadInput, match="a name has small letters"):
            place(name)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Invoices 2013.csv", "invoices-2013"),
        ("invoices.csv", "invoices"),
        ("example.csv", "book-example"),
        ("Ü.csv", "book"),
    ],
)
def test_a_book_is_named_after_its_first_file_but_never_example(file: str, name: str) -> None:
    assert name_from_file(Path(file)) == name
    place(name)
