"""What a message charges: the cost of the letter, or the lump sum, or nothing.

Both are damages of default, so nobody pays for the message that puts them in default. Whoever owes
the lump sum pays no letter cost beside it: it would be set off (§ 288 Abs. 5 Satz 3 BGB).
"""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import REMUNERATION_KINDS, Channel, FactKind
from mahnwerk.law import Laws

LETTER_RULE: Final = "costs.dunning_letter"
LUMP_SUM_RULE: Final = "costs.late_payment_lump_sum"
CAPS: Final = {Channel.POST: "costs.dunning_letter_cap", Channel.EMAIL: "costs.dunning_email_cap"}


def lump_sums(items: pl.DataFrame, facts: pl.DataFrame, laws: Laws) -> pl.DataFrame:
    """Add to each item the lump sum its message charges for it.

    Charged once per claim, when the claim itself climbs to a step that charges it and is in default:
    only German claims in euro, for payment of goods or services, of a debtor who is no consumer, and
    only if the obligation arose under the rule.

    Parameters
    ----------
    items : claim_id · kind · jurisdiction · currency · is_consumer · obligation_arose_on · climbs ·
        is_in_default · step_charges_lump_sum Boolean
    facts : FACTS, live
    laws : gives the amount by the day the obligation arose

    Returns
    -------
    items plus lump_sum_cents Int64 (0 = none) · has_lump_sum Boolean (charged now or before)

    Sources
    -------
    § 288 Abs. 5 BGB; Art. 229 § 34 EGBGB.
    """
    already = facts.filter((pl.col("kind") == FactKind.COST_INCURRED) & (pl.col("code") == LUMP_SUM_RULE))
    by_case = already.filter(pl.col("claim_id").is_null())["case_id"].implode()
    by_claim = already["claim_id"].drop_nulls().implode()
    had = pl.col("claim_id").is_in(by_claim) | pl.col("case_id").is_in(by_case)
    may = (
        pl.col("step_charges_lump_sum")
        & pl.col("climbs")
        & pl.col("is_in_default")
        & ~pl.col("is_consumer")
        & pl.col("kind").is_in([int(kind) for kind in REMUNERATION_KINDS])
        & (pl.col("jurisdiction") == "de")
        & (pl.col("currency") == "EUR")
        & ~had
    )
    law = laws["de"]
    amount = pl.lit(0, pl.Int64)
    for since, _ in law.changes_of(LUMP_SUM_RULE):
        cents = law.cents(LUMP_SUM_RULE, since) if law.applies(LUMP_SUM_RULE, since) else 0
        amount = pl.when(pl.col("obligation_arose_on") >= since).then(pl.lit(cents)).otherwise(amount)
    return (
        items.with_columns(
            lump_sum_cents=pl.when(may).then(amount).otherwise(pl.lit(0, pl.Int64)), had_lump_sum=had
        )
        .with_columns(has_lump_sum=pl.col("had_lump_sum") | (pl.col("lump_sum_cents") > 0))
        .drop("had_lump_sum")
    )


def letter_fees(chosen: pl.DataFrame, items: pl.DataFrame, laws: Laws, on: date) -> pl.DataFrame:
    """The fee of each message: the letter's cost within the cap, or 0.

    Charged only where the step charges it, an item that climbs to that step is already in default, no
    item of the message is put in default by it, no item bears the lump sum, and the case is a German
    one in euro.

    Parameters
    ----------
    chosen : case_id · channel · charges_letter_cost · letter_cost_cents
    items : case_id · triggers_default · is_in_default · is_top · has_lump_sum · jurisdiction · currency
    laws : gives the caps of the day

    Returns
    -------
    case_id · fee_cents Int64 · fee_rule_id String (null where 0), one row per row of chosen

    Raises
    ------
    LawGap : the caps of the day are not known.

    Sources
    -------
    §§ 280 Abs. 1, 2, 286 BGB; BGH VIII ZR 95/18.
    """
    grounds = items.group_by("case_id").agg(
        may=~pl.col("triggers_default").any()
        & (pl.col("is_top") & pl.col("is_in_default")).any()
        & ~pl.col("has_lump_sum").any()
        & ((pl.col("jurisdiction") == "de") & (pl.col("currency") == "EUR")).all()
    )
    charging = chosen.join(grounds, on="case_id", how="left", maintain_order="left").with_columns(
        charges=pl.col("may").fill_null(False) & pl.col("charges_letter_cost")
    )
    cap = pl.lit(0, pl.Int64)
    if charging["charges"].any():
        for channel, parameter in CAPS.items():
            most = laws["de"].cents(parameter, on)
            cap = pl.when(pl.col("channel") == channel.value).then(pl.lit(most)).otherwise(cap)
    fee = pl.when("charges").then(pl.min_horizontal("letter_cost_cents", cap)).otherwise(pl.lit(0, pl.Int64))
    return charging.with_columns(fee_cents=fee).select(
        "case_id",
        "fee_cents",
        fee_rule_id=pl.when(pl.col("fee_cents") > 0).then(pl.lit(LETTER_RULE)),
    )
