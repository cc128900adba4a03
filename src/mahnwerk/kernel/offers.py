"""Paid as demanded: a letter's demand is an offer; who accepts it in time owes nothing in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from mahnwerk.kernel.events import EVENT, LINE, Op

OFFERS: Final[Mapping[Any, Any]] = {
    **LINE,
    "sealed_day": pl.Int64,
    "moment": pl.Int64,
    "is_whole": pl.Boolean,  # the payment is exactly what the letter demands
}


def accepted_offers(money: pl.DataFrame, designations: pl.DataFrame, notices: pl.DataFrame) -> pl.DataFrame:
    """Payments that accept a letter's offer, with the claims the letter listed.

    One payment of at least the whole demand, with its value date from the day of the letter to its
    pay-by date. Of several letters the latest counts. A payer who names a claim the letter did not list
    is not answering the letter.

    Parameters
    ----------
    money : `events.money_facts`
    designations, notices : DESIGNATIONS, NOTICES

    Returns
    -------
    OFFERS: a LINE per payment and listed claim, `value` = a slot of its own from 0; `moment` numbers the
    letter's day as an event of its case (negative, so no fact has it)
    """
    if notices.is_empty():
        return pl.DataFrame(schema=OFFERS)
    payments = money.filter(pl.col("op") == int(Op.PAY)).select(
        "case_id", "fact_no", "day", "amount", "claim_id"
    )
    letters = notices.select(
        "case_id",
        "message_id",
        "demanded_cents",
        sealed_day=pl.col("sealed_on").cast(pl.Int32).cast(pl.Int64),
        pay_by_day=pl.col("pay_by").cast(pl.Int32).cast(pl.Int64),
    ).unique()
    met = payments.join(letters, on="case_id").filter(
        (pl.col("day") >= pl.col("sealed_day"))
        & (pl.col("day") <= pl.col("pay_by_day"))
        & (pl.col("amount") >= pl.col("demanded_cents"))
    )
    if met.is_empty():
        return pl.DataFrame(schema=OFFERS)
    fact = ["case_id", "fact_no"]
    latest = met.sort("sealed_day", "message_id").unique(fact, keep="last", maintain_order=True)
    listed = notices.select("message_id", listed_id="claim_id").unique()
    named = pl.concat(
        [
            latest.filter(pl.col("claim_id").is_not_null()).select(*fact, "message_id", listed_id="claim_id"),
            latest.select(*fact, "message_id").join(
                designations.select("case_id", pl.col("fact_no").cast(pl.Int64), listed_id="claim_id"),
                on=fact,
            ),
        ]
    )
    elsewhere = named.join(listed, on=["message_id", "listed_id"], how="anti")
    answered = latest.join(elsewhere, on=fact, how="anti")
    return (
        answered.select(
            *fact, "message_id", "sealed_day", is_whole=pl.col("amount") == pl.col("demanded_cents")
        )
        .join(listed, on="message_id")
        .sort("case_id", "fact_no", "listed_id")
        .with_row_index("value")
        .with_columns(
            op=pl.lit(int(Op.PAY), pl.Int8),
            claim_id="listed_id",
            moment=-pl.col("message_id").rank("dense").cast(pl.Int64),
        )
        .select(list(OFFERS))
        .cast(OFFERS)
    )


def moments(offers: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ends of the letters' days: events at which the interest due then is remembered, and its lines."""
    at = offers.select(
        "case_id",
        "claim_id",
        "value",
        day="sealed_day",
        turn=pl.lit(int(Op.REMEMBER), pl.Int8),
        fact_no="moment",
        op=pl.lit(int(Op.REMEMBER), pl.Int8),
        kind=pl.lit(0, pl.Int16),
        amount=pl.lit(0, pl.Int64),
        component=pl.lit(0, pl.Int8),
    )
    return at.select(list(EVENT)).unique(), at.select(list(LINE))
