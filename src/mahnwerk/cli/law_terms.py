"""What the calculators of `mahnwerk law` share: options, reading amounts, telling what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any, Final, NoReturn

import typer

from mahnwerk.cli.options import DAY_FORMATS

_EXIT_USAGE: Final = 2
_EXIT_LAW_GAP: Final = 3


class Debtor(StrEnum):
    """Who owes."""

    CONSUMER = "consumer"
    BUSINESS = "business"


class DayCount(StrEnum):
    """How days become parts of a year."""

    ACT_ACT = "act/act"
    ACT_365 = "act/365"
    THIRTY_360 = "30/360"


class Per(StrEnum):
    """Period a net income is paid for."""

    MONTH = "month"
    WEEK = "week"
    DAY = "day"


class Kind(StrEnum):
    """How the due date came about."""

    CALENDAR = "calendar"
    PERIOD = "period"
    NOTICE = "notice"
    INVOICE = "invoice"


class Jurisdiction(StrEnum):
    """Whose law."""

    DE = "de"
    AT = "at"
    CH = "ch"


AmountArgument = Annotated[str, typer.Argument(help="In euro: 1234.56 or 1.234,56.")]
DebtorOption = Annotated[Debtor, typer.Option("--debtor", help="Unknown counts as consumer.")]
LandOption = Annotated[
    str, typer.Option("--land", help="The debtor's Land: BE, BY …; unknown = any Land's holiday counts.")
]
JurisdictionOption = Annotated[Jurisdiction, typer.Option("--jurisdiction", help="Whose law.")]


def day_option(name: str, text: str) -> Any:
    """An option that takes a day, ISO or German."""
    return typer.Option(name, formats=DAY_FORMATS, metavar="DAY", help=text, show_default=False)


@contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Say what is wrong in one sentence, instead of a traceback."""
    from mahnwerk.law import LawGap

    try:
        yield
    except LawGap as gap:
        leave(str(gap), _EXIT_LAW_GAP, as_json)
    except ValueError as error:  # every kernel and law error about an argument is one
        leave(str(error), _EXIT_USAGE, as_json)


def leave(problem: str, code: int, as_json: bool) -> NoReturn:
    """Print a problem, for people on the error stream, for machines as JSON, and leave with `code`."""
    if as_json:
        typer.echo(json.dumps({"error": problem, "remedy": "", "exit_code": code}, ensure_ascii=False))
    else:
        typer.echo(f"mahnwerk: {problem}", err=True)
    raise typer.Exit(code)


def read_cents(text: str) -> int:
    """Read one amount as the import reads a column of them."""
    import polars as pl

    from mahnwerk.formats import amounts

    cents, reason = amounts.parse(pl.Series([text])).row(0)
    if reason == amounts.AMBIGUOUS:
        reason = "can be read in two ways"
    if cents is None:
        raise ValueError(f"amount {text!r} {reason or 'is empty'}; write 1234.56, 1234,56 or 1.234,56")
    return int(cents)


def german_law() -> Any:
    """The law of Germany, loaded when a calculator needs it."""
    from mahnwerk.law import load_laws

    return load_laws()["de"]


def show_sources(lines: Iterable[str]) -> None:
    """Where the figures come from, each once."""
    typer.echo("Sources:")
    for line in dict.fromkeys(lines):
        typer.echo(f"  {line}")
