"""All cases at a glance: what is open, what is due or why nothing is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Book, HeldReason
from mahnwerk.kernel.daily_run import Decided, decide
from mahnwerk.law import load_laws
from mahnwerk.records import load
from mahnwerk.usecases import clock, day, procedures
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

SUMMED: Final = (
    "principal_open_cents",
    "interest_open_cents",
    "costs_open_cents",
    "open_cents",
    "paid_cents",
    "disputed_cents",
)


@dataclass(frozen=True)
class CaseListing:
    """Some of the cases of a book on a day."""

    on: dt.date
    total: int
    shown: int
    rows: list[dict[str, Any]]


def viewing_day(book: OpenBook, on: dt.date | None) -> dt.date:
    """The day to look at: as said, else the day of the last run, else today."""
    return on or day.last_run_on(book) or clock.today()


def case_id_of(book: OpenBook, text: str) -> int:
    """The case of a reference, RF reference or earlier reference.

    Raises
    ------
    NotFound
        There is none in this book.
    """
    try:
        return load.case_id(book.tenant_id, text)
    except LookupError:
        raise NotFound(
            f"book {book.place.name}: there is no case {text!r}.", "`mahnwerk cases` lists them."
        ) from None


def decided(book: OpenBook, on: dt.date, cases: Book) -> Decided:
    """The plan of a day for some cases, with what it rests on; records nothing."""
    return decide(cases, load_laws(), on, procedures=procedures.of_book(book.place))


def _shards(book: OpenBook, on: dt.date) -> Iterator[tuple[Book, Decided]]:
    for shard in load.shards(book.tenant_id):
        cases = load.book(book.tenant_id, case_range=shard, on=on)
        yield cases, decided(book, on, cases)


def list_cases(
    book: OpenBook,
    on: dt.date | None = None,
    *,
    held: str = "",
    measure: str = "",
    creditor: str = "",
    limit: int = 0,
) -> CaseListing:
    """List cases: due steps first, then by reason, then by what is open.

    Parameters
    ----------
    held : only cases held for this reason (a word of HeldReason)
    measure : only cases with this step due
    creditor : only cases of the creditor of this key
    limit : at most so many rows; 0 = all

    Raises
    ------
    BadInput
        An unknown reason; NotFound: an unknown creditor.
    """
    reasons = [reason.value for reason in HeldReason]
    if held and held not in reasons:
        raise BadInput(f"{held!r} is no reason to hold.", f"Known: {', '.join(reasons)}.")
    creditors = load.creditors(book.tenant_id)
    names = {creditor_id: row["key"] for creditor_id, row in creditors.items()}
    if creditor and creditor not in names.values():
        raise NotFound(f"there is no creditor {creditor!r}.", f"Known: {', '.join(sorted(names.values()))}.")
    chosen = viewing_day(book, on)
    frames = [_rows(cases, result, chosen) for cases, result in _shards(book, chosen)]
    if not frames:
        return CaseListing(chosen, 0, 0, [])
    table = pl.concat(frames).with_columns(
        creditor=pl.col("creditor_id").replace_strict(names, default="", return_dtype=pl.String)
    )
    for column, word in (("reason", held), ("reason", measure), ("creditor", creditor)):
        if word:
            table = table.filter(pl.col(column) == word)
    if held or measure:
        table = table.filter(pl.col("outcome") == ("held" if held else "measure"))
    table = table.sort(
        pl.col("outcome") == "held", pl.col("rank"), -pl.col("open_cents"), pl.col("case_reference")
    ).drop("rank", "creditor_id")
    rows = (table.head(limit) if limit else table).to_dicts()
    return CaseListing(chosen, table.height, len(rows), rows)


def _rows(cases: Book, result: Decided, on: dt.date) -> pl.DataFrame:
    """One row per case: balance, outcome, reason, since when."""
    plan = result.plan
    money = (
        _placed(cases, result, on)
        .group_by("case_id")
        .agg(pl.col("open_cents").sum(), pl.col("surplus_cents").max(), claims=pl.len())
    )
    first = cases.claims.group_by("case_id").agg(oldest_due_on=pl.col("due_on").min())
    measures = plan.measures.select(
        "case_id",
        outcome=pl.lit("measure"),
        reason="step_id",
        detail=pl.format("{} by {}, level {}", "reason", "channel", "level"),
        next_look_on=pl.lit(None, pl.Date),
        rank=pl.lit(0, pl.Int64) - pl.col("level").cast(pl.Int64),
    )
    order = {reason.value: rank for rank, reason in enumerate(HeldReason)}
    held = plan.held.select(
        "case_id",
        outcome=pl.lit("held"),
        reason="reason",
        detail="detail",
        next_look_on="next_look_on",
        rank=pl.col("reason").replace_strict(order, default=99, return_dtype=pl.Int64),
    )
    since = cases.decisions.select("case_id", "from_on", old_outcome="outcome", old_reason="reason")
    return (
        cases.cases.select("case_id", "creditor_id", "case_reference", "currency")
        .join(pl.concat([measures, held]), on="case_id", how="left")
        .join(money, on="case_id", how="left")
        .join(first, on="case_id", how="left")
        .join(since, on="case_id", how="left")
        .with_columns(
            pl.col("open_cents", "surplus_cents", "claims").fill_null(0),
            from_on=pl.when(
                pl.col("outcome").eq_missing(pl.col("old_outcome"))
                & pl.col("reason").eq_missing(pl.col("old_reason"))
            ).then("from_on"),
        )
        .drop("old_outcome", "old_reason", "case_id")
    )


def _placed(cases: Book, result: Decided, on: dt.date) -> pl.DataFrame:
    """The balances of the claims that had been placed by the day: a later invoice is not owed yet."""
    placed = cases.claims.filter(
        pl.coalesce("issued_on", "due_on").is_null() | (pl.coalesce("issued_on", "due_on") <= pl.lit(on))
    )
    return result.plan.balances.join(placed, on="claim_id", how="semi")


def totals(book: OpenBook, on: dt.date) -> list[dict[str, Any]]:
    """What is owed in the whole book on a day, one row per currency."""
    frames = []
    for cases, result in _shards(book, on):
        currency = cases.cases.select("case_id", "currency")
        balances = _placed(cases, result, on).join(currency, on="case_id")
        surplus = (
            balances.group_by("case_id", "currency")
            .agg(pl.col("surplus_cents").max())
            .group_by("currency")
            .agg(pl.col("surplus_cents").sum())
        )
        frames.append(
            balances.group_by("currency")
            .agg(
                *(pl.col(name).sum() for name in SUMMED), claims=pl.len(), cases=pl.col("case_id").n_unique()
            )
            .join(surplus, on="currency")
        )
    if not frames:
        return []
    summed = pl.concat(frames).group_by("currency").sum()
    return summed.sort("currency").to_dicts()
