"""Costs as charged: one row per cost fact and claim, case-wide costs split to the cent."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from mahnwerk.frames import FactKind
from mahnwerk.kernel.facts import unproven_messages

CHARGES: Final[dict[str, Any]] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "claim_no": pl.Int32,
    "fact_no": pl.Int32,
    "day": pl.Int64,
    "rule_id": pl.String,
    "charged_cents": pl.Int64,
    "is_unproven": pl.Boolean,
}


def charges(live: pl.DataFrame, claims: pl.DataFrame, notices: pl.DataFrame) -> pl.DataFrame:
    """Lay each cost on the claims it was caused by.

    A cost that names its claim stays with it. A case-wide one is split when it arises: over the claims
    its message listed, by what the message demanded for each; without a message over the claims due by
    then (or all, if none was due), by principal. Shares are differences of cumulated floors, so they add
    up; odd cents fall to the later claims.

    Parameters
    ----------
    live : FACTS in force
    claims : CLAIMS
    notices : NOTICES; a cost about to be sealed is split as it will be if its own message is among them

    Returns
    -------
    CHARGES. `is_unproven`: the message's last word is "uncertain" or "bounced"; not owed for now.
    """
    costs = live.filter(pl.col("kind") == int(FactKind.COST_INCURRED)).select(
        "case_id",
        "fact_no",
        "claim_id",
        "effective_on",
        "message_id",
        rule_id="code",
        charged_cents=pl.col("amount_cents").fill_null(0),
    )
    if costs.is_empty():
        return pl.DataFrame(schema=CHARGES)
    marks = unproven_messages(live).with_columns(is_unproven=pl.lit(True))
    costs = costs.join(marks, on="message_id", how="left").with_columns(
        pl.col("is_unproven").fill_null(False)
    )
    numbers = claims.select("case_id", "claim_id", "claim_no", "due_on", "principal_cents")
    own = costs.filter(pl.col("claim_id").is_not_null()).join(
        numbers.select("case_id", "claim_id", "claim_no"), on=["case_id", "claim_id"]
    )
    parts = [own, *_split(costs.filter(pl.col("claim_id").is_null()).drop("claim_id"), numbers, notices)]
    day = pl.col("effective_on").cast(pl.Int32).cast(pl.Int64)
    return pl.concat([part.with_columns(day=day).select(list(CHARGES)) for part in parts])


def _split(wide: pl.DataFrame, numbers: pl.DataFrame, notices: pl.DataFrame) -> list[pl.DataFrame]:
    """Rows per claim of the costs that name none."""
    if wide.is_empty():
        return []
    listed = wide.join(
        notices.select("message_id", "claim_id", weight="item_demanded_cents"), on="message_id"
    ).join(numbers.select("case_id", "claim_id", "claim_no"), on=["case_id", "claim_id"])
    alone = wide.join(listed, on=["case_id", "fact_no"], how="anti").join(numbers, on="case_id")
    is_due = pl.col("due_on") <= pl.col("effective_on")
    some_due = is_due.any().over("case_id", "fact_no")
    owing = alone.filter(is_due | ~some_due).with_columns(weight="principal_cents")
    both = pl.concat([listed.select(sorted(listed.columns)), owing.select(sorted(listed.columns))])
    fact = ["case_id", "fact_no"]
    weight = pl.col("weight").fill_null(0).clip(0)
    weighed = both.sort("case_id", "fact_no", "claim_no").with_columns(
        weight=pl.when(weight.sum().over(fact) > 0).then(weight).otherwise(1)
    )
    through = pl.col("weight").cum_sum().over(fact).cast(pl.Int128)
    size = pl.col("weight").sum().over(fact).cast(pl.Int128)
    amount = pl.col("charged_cents").cast(pl.Int128)
    share = (amount * through) // size - (amount * (through - pl.col("weight"))) // size
    return [weighed.with_columns(charged_cents=share.cast(pl.Int64)).drop("weight")]
