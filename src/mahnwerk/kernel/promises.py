"""Promises to pay: how long they are waited for, and which were not kept.

From a broken one nothing follows but that dunning goes on and `why` says so.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import FactKind
from mahnwerk.kernel.calendar import next_working_days

PROMISE_DAYS: Final = 14
"""Days a promise to pay without a date is waited for. Policy."""

NOT_KEPT: Final = {
    "case_id": pl.Int64,
    "fact_no": pl.Int32,
    "promised_on": pl.Date,
    "until_on": pl.Date,
    "promised_cents": pl.Int64,
    "paid_cents": pl.Int64,
}


def to_last_days(facts: pl.DataFrame) -> pl.DataFrame:
    """Put into `until_on` of each promise to pay the last day on which a payment keeps it.

    It is the day promised, PROMISE_DAYS after it was given where none was, and the next working day where
    that is a Saturday, Sunday or public holiday. The Land is not asked for: any Land's holiday counts, in
    the debtor's favour. A day outside the calendar stays as it is.

    Parameters
    ----------
    facts : FACTS; those of other kinds stay as they are

    Guarantees
    ----------
    Pure; the promises stand last, else the order of the rows is kept.

    Sources
    -------
    § 193 BGB.
    """
    is_promise = pl.col("kind") == int(FactKind.PROMISE_TO_PAY)
    promises = facts.filter(is_promise)
    if promises.is_empty():
        return facts
    named = pl.coalesce("until_on", pl.col("effective_on").dt.offset_by(f"{PROMISE_DAYS}d"))
    days = promises.select(until_on=named).to_series()
    last = next_working_days(days, pl.Series([None], dtype=pl.String), keep_uncovered=True)
    return pl.concat([facts.filter(~is_promise), promises.with_columns(until_on=last)])


def not_kept(live: pl.DataFrame, on: date) -> pl.DataFrame:
    """Promises whose last day (`to_last_days`) has passed without what was promised.

    A promise of a sum is kept when at least so much came in from the day it was given to its last day; one
    without a sum when anything did. Where a case has several, a payment counts for the one whose last day
    comes first, until that is kept, and what is left of it for the next; a promise without a sum is kept by
    the whole of the first payment that reaches it. What falls short counts, too: no cent counts twice.

    Parameters
    ----------
    live : FACTS in force

    Returns
    -------
    NOT_KEPT, by case, last day and day given; `promised_cents` null = no sum was named, `paid_cents` what
    counts for it.

    Guarantees
    ----------
    Pure; row order does not matter. Goes through promises and payments one by one: for single cases.
    """
    given = to_last_days(live.filter(pl.col("kind") == int(FactKind.PROMISE_TO_PAY)))
    promises = given.select(
        "case_id", "fact_no", "until_on", promised_on="effective_on", promised_cents="amount_cents"
    )
    over = promises.filter(pl.col("until_on") < on)
    if over.is_empty():
        return pl.DataFrame(schema=NOT_KEPT)
    payments = (
        live.filter(pl.col("kind") == int(FactKind.PAYMENT_RECEIVED))
        .join(over, on="case_id", how="semi")
        .sort("case_id", "effective_on", "fact_no")
        .select("case_id", "effective_on", "amount_cents")
    )
    over = over.sort("case_id", "until_on", "promised_on", "fact_no")
    return (
        over.with_columns(_counted(over, payments))
        .filter(pl.col("paid_cents") < pl.col("promised_cents").fill_null(1))
        .select(list(NOT_KEPT))
    )


def _counted(promises: pl.DataFrame, payments: pl.DataFrame) -> pl.Series:
    """What of the payments counts for each promise, in the order of both: no cent for two of them."""
    left: dict[int, list[tuple[date, int]]] = {}
    for case_id, paid_on, cents in payments.iter_rows():
        left.setdefault(case_id, []).append((paid_on, cents))
    found = []
    for row in promises.iter_rows(named=True):
        mine, counted, wanted = left.get(row["case_id"], []), 0, row["promised_cents"]
        for place, (paid_on, cents) in enumerate(mine):
            if not row["promised_on"] <= paid_on <= row["until_on"]:
                continue
            lacks = wanted - counted if wanted is not None else cents * (counted == 0)
            taken = min(cents, lacks)
            counted += taken
            mine[place] = (paid_on, cents - taken)
        found.append(counted)
    return pl.Series("paid_cents", found, dtype=pl.Int64)
