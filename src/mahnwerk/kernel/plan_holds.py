"""What a plan means for its claims on a day: it holds them, and says what comes next."""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import HeldReason
from mahnwerk.kernel import holds
from mahnwerk.kernel.holds import BLOCKS, RANK
from mahnwerk.kernel.plan_states import PlanState, grace_ends

WORDS: Final = {
    PlanState.KEPT: "next_instalment",
    PlanState.GRACE: "instalment_late",
    PlanState.MISSED: "instalment_missed",
    PlanState.NOT_COLLECTED: "instalment_not_collected",
    PlanState.BROKEN: "instalments_missed",
    PlanState.FULFILLED: "plan_fulfilled",
}
"""First word of the detail; the day of the instalment in question follows."""


def plan_blocks(
    blocks: pl.DataFrame, stand: pl.DataFrame, instalments: pl.DataFrame, told: pl.DataFrame, on: date
) -> pl.DataFrame:
    """Say in the blocks of plans how each plan stands, and when to look again.

    A plan that was agreed without instalments on record holds until a fact ends it. A plan that its
    debtor does not keep goes on holding, in words a person sees, until the daily run has executed its
    terms and recorded `PLAN_BROKEN`: nobody is dunned under a plan by the mere passing of a day. What we
    were to collect and did not is said, too. Where we collect, a case with an instalment due is looked at
    every day: neither the end of a mandate nor the bank's refusal is a fact of the case.

    Parameters
    ----------
    blocks : as from `holds.fact_blocks`
    stand : STATES of the plans that run
    instalments : INSTALMENTS
    told : TOLD

    Returns
    -------
    The blocks, in their order, with detail and until_on of the plans' replaced.

    Guarantees
    ----------
    Pure. Adds and removes no block, changes no other.
    """
    if stand.is_empty() or blocks.is_empty():
        return blocks
    known = stand.join(
        instalments.select("case_id", "plan_id", "plan_code", "grace_days", "is_debited").unique(),
        on=["case_id", "plan_id"],
    ).join(told, on="plan_id", how="left")
    known = known.with_columns(
        missing_over=grace_ends(known, "missing_since"), next_over=grace_ends(known, "next_open_on")
    )
    # Told of what is missed: next the answer runs out, or another instalment is missed.
    answer = pl.when(pl.col("answer_by") >= on).then("answer_by")
    state, missing = pl.col("state"), pl.col("missing_since")
    day = pl.coalesce("missed_since", "uncollected_since", missing, "next_due_on", pl.lit(on))
    said = known.select(
        "case_id",
        detail="plan_code",
        said=pl.format(
            "{} {}",
            state.replace_strict({s.value: word for s, word in WORDS.items()}, return_dtype=pl.String),
            day,
        ),
        look=pl.when(state == PlanState.KEPT.value)
        .then(pl.col("next_due_on").dt.offset_by("-1d"))
        .when("is_debited")
        .then(pl.lit(on))
        .when(state == PlanState.GRACE.value)
        .then("missing_over")
        .otherwise(pl.min_horizontal(answer, "next_over")),
        rank=pl.lit(RANK[HeldReason.PLAN_KEPT], pl.Int16),
    )
    return (
        blocks.join(said, on=["case_id", "rank", "detail"], how="left", maintain_order="left")
        .with_columns(
            until_on=pl.when(pl.col("said").is_not_null()).then("look").otherwise("until_on"),
            detail=pl.coalesce("said", "detail"),
        )
        .select(list(BLOCKS))
    )


def stands_against(
    live: pl.DataFrame,
    owed: pl.DataFrame,
    cases: pl.DataFrame,
    evidenced: pl.DataFrame,
    held: pl.DataFrame,
    on: date,
) -> pl.DataFrame:
    """Plans that must not break today, whatever their terms say: something besides the plan stands.

    Who disputes, negotiates, promised a day or told of hardship has answered the offer; where the bank has
    not spoken or money waits for its place, the instalment may be there.

    Parameters
    ----------
    live : FACTS in force
    owed : case_id · claim_id · plan_code · disputed_cents of the claims covered
    cases : CASES
    evidenced : as from `notices.evidence`
    held : HELD of the day

    Returns
    -------
    case_id · plan_code
    """
    blocks = holds.fact_blocks(live, on).filter(pl.col("rank") != RANK[HeldReason.PLAN_KEPT])
    unread = (HeldReason.DATA_ERROR.value, HeldReason.LAW_GAP.value)
    whole = pl.concat(
        [
            blocks.filter(pl.col("claim_id").is_null()).select("case_id"),
            holds.feed_candidates(cases, on).select("case_id"),
            holds.message_candidates(evidenced).select("case_id"),
            held.filter(pl.col("reason").is_in(unread)).select("case_id"),
        ]
    )
    single = blocks["claim_id"].drop_nulls().implode()
    stands = (pl.col("disputed_cents") > 0) | pl.col("claim_id").is_in(single)
    return pl.concat(
        [
            owed.join(whole, on="case_id", how="semi").select("case_id", "plan_code"),
            owed.filter(stands).select("case_id", "plan_code"),
        ]
    ).unique()
