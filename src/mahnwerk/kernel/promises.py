"""Promises to pay that were not kept: nothing follows but that dunning goes on and `why` says so."""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import FactKind
from mahnwerk.kernel.holds import PROMISE_DAYS

NOT_KEPT: Final = {
    "case_id": pl.Int64,
    "fact_no": pl.Int32,
    "promised_on": pl.Date,
    "until_on": pl.Date,
    "promised_cents": pl.Int64,
    "paid_cents": pl.Int64,
}


def not_kept(live: pl.DataFrame, on: date) -> pl.DataFrame:
    """Promises whose last day has passed without what was promised.

    A promise of a sum is kept when at least so much came in from the day it was given to its last day; one
    without a sum when anything did.

    Parameters
    ----------
    live : FACTS in force

    Returns
    -------
    NOT_KEPT, the oldest first; `promised_cents` null = no sum was named.
    """
    promises = live.filter(pl.col("kind") == int(FactKind.PROMISE_TO_PAY)).select(
        "case_id",
        "fact_no",
        promised_on="effective_on",
        until_on=pl.coalesce("until_on", pl.col("effective_on").dt.offset_by(f"{PROMISE_DAYS}d")),
        promised_cents="amount_cents",
    )
    over = promises.filter(pl.col("until_on") < on)
    if over.is_empty():
        return pl.DataFrame(schema=NOT_KEPT)
    payments = live.filter(pl.col("kind") == int(FactKind.PAYMENT_RECEIVED)).select(
        "case_id", paid_on="effective_on", cents="amount_cents"
    )
    paid = (
        over.join(payments, on="case_id")
        .filter(pl.col("paid_on").is_between(pl.col("promised_on"), pl.col("until_on")))
        .group_by("case_id", "fact_no")
        .agg(paid_cents=pl.col("cents").sum())
    )
    return (
        over.join(paid, on=["case_id", "fact_no"], how="left")
        .with_columns(pl.col("paid_cents").fill_null(0))
        .filter(pl.col("paid_cents") < pl.col("promised_cents").fill_null(1))
        .select(list(NOT_KEPT))
        .sort("case_id", "until_on", "fact_no")
    )
