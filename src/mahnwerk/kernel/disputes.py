"""How much of each claim is disputed."""

from __future__ import annotations

import polars as pl

from mahnwerk.frames import FactKind
from mahnwerk.kernel.facts import per_claim


def disputed(live: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Amounts under dispute, before they are capped by what is open.

    A dispute lasts until a later `DISPUTE_RESOLVED` of the same claim or of the whole case. Disputes of
    several parts add up; one without an amount disputes everything. A case-wide amount counts against
    each claim of the case, in the debtor's favour.

    Returns
    -------
    claim_id Int64 · disputed_cents Int64, null = all; only disputed claims
    """
    kinds = [int(FactKind.DISPUTE_RAISED), int(FactKind.DISPUTE_RESOLVED)]
    facts = live.filter(pl.col("kind").is_in(kinds))
    if facts.is_empty():
        return pl.DataFrame(schema={"claim_id": pl.Int64, "disputed_cents": pl.Int64})
    resolved = pl.col("kind") == int(FactKind.DISPUTE_RESOLVED)
    ordered = per_claim(facts, claims).sort("claim_id", "effective_on", "fact_no")
    standing = ordered.filter((resolved.cum_sum(reverse=True).over("claim_id") == 0) & ~resolved)
    amount = pl.col("amount_cents")
    return standing.group_by("claim_id").agg(
        disputed_cents=pl.when(amount.is_null().any()).then(None).otherwise(amount.sum())
    )
