"""What commands share: their options, and opening the book they name."""

from __future__ import annotations

import datetime as dt
import getpass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mahnwerk.usecases import opening

if TYPE_CHECKING:
    from mahnwerk.usecases.opening import OpenBook

DAY_FORMATS: Final = ["%Y-%m-%d", "%d.%m.%Y"]

BookOption = Annotated[
    str,
    typer.Option(
        "--book", envvar="MAHNWERK_BOOK", help="Which book: a name, or a folder.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value on the standard output.")]
ActorOption = Annotated[
    str,
    typer.Option("--actor", envvar="MAHNWERK_ACTOR", help="Who does this; kept with what is recorded."),
]
OnOption = Annotated[
    dt.datetime | None,
    typer.Option("--on", formats=DAY_FORMATS, help="The day, 2026-03-31 or 31.03.2026; else today."),
]
LastRunOption = Annotated[
    dt.datetime | None, typer.Option("--on", formats=DAY_FORMATS, help="The day; else that of the last run.")
]
ConfirmOption = Annotated[
    bool,
    typer.Option(
        "--confirm-day", help="Go on although the day lies more than 35 days ahead of the last run."
    ),
]
CaseArgument = Annotated[str, typer.Argument(help="Case reference, as `mahnwerk cases` shows it.")]


def day_of(value: dt.datetime | None) -> dt.date | None:
    """The day of an option, or None. Typer reads days as midnight."""
    return None if value is None else value.date()


def default_actor() -> str:
    """The user of this shell."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"


def open_book(book: str, actor: str = "", *, create: bool = False) -> OpenBook:
    """The book of a command's options. Use cases are imported after it: they need its models."""
    return opening.open_book(book, actor=actor or default_actor(), create=create)
