"""Why nothing may be done in a case, or for a claim, on a day.

Each function gives candidates: rows of case, reason, detail and the day on which to look again.
`first_reason` keeps one per case, by the order of `HeldReason`. What concerns the person (death,
insolvency, a lawyer …) holds the whole case; what concerns the debt (dispute, deferral, court …)
holds the claim it names, and the case where it names none or leaves nothing to ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import polars as pl

from mahnwerk.frames import HELD, Channel, FactKind, HeldReason
from mahnwerk.kernel.notices import DISPROVED, UNCERTAIN
from mahnwerk.kernel.promises import to_last_days

RANK: Final[Mapping[HeldReason, int]] = {reason: rank for rank, reason in enumerate(HeldReason)}
"""Place of each reason in the order of precedence."""

CANDIDATES: Final = {
    "case_id": pl.Int64,
    "rank": pl.Int16,
    "detail": pl.String,
    "next_look_on": pl.Date,
}
BLOCKS: Final = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "rank": pl.Int16,
    "detail": pl.String,
    "until_on": pl.Date,
}
_SHARED_CODES: Final = {"unmatched_credit": HeldReason.UNMATCHED_CREDIT, "stale_feed": HeldReason.STALE_FEED}


@dataclass(frozen=True)
class Rule:
    """Which facts begin and end a hold, and whom it concerns."""

    reason: HeldReason
    begins: tuple[FactKind, ...]
    ends: tuple[FactKind, ...] = ()
    is_personal: bool = False
    detail: Mapping[FactKind, str] = field(default_factory=dict)


_COURT: Final = {
    FactKind.LITIGATION_PENDING: "litigation",
    FactKind.PAYMENT_ORDER_FILED: "payment_order",
    FactKind.PAYMENT_ORDER_SERVED: "payment_order",
}

RULES: Final = (
    Rule(HeldReason.DEBTOR_DECEASED, (FactKind.DEBTOR_DECEASED,), (FactKind.HEIRS_KNOWN,), True),
    Rule(HeldReason.INSOLVENCY, (FactKind.INSOLVENCY_OPENED,), (FactKind.INSOLVENCY_CLOSED,), True),
    Rule(HeldReason.MINOR, (FactKind.MINOR_KNOWN,), (FactKind.GUARDIAN_NAMED,), True),
    Rule(HeldReason.IDENTITY_DISPUTED, (FactKind.IDENTITY_DISPUTED,), (FactKind.IDENTITY_CONFIRMED,), True),
    Rule(HeldReason.CONTACT_BANNED, (FactKind.CONTACT_BANNED,), (FactKind.CONTACT_ALLOWED,), True),
    Rule(HeldReason.LAWYER_NAMED, (FactKind.LAWYER_NAMED,), (), True),
    Rule(HeldReason.HARDSHIP, (FactKind.HARDSHIP_REPORTED,), (FactKind.HARDSHIP_ENDED,), True),
    Rule(HeldReason.HOLD, (FactKind.HOLD_SET,), (FactKind.HOLD_LIFTED,)),
    Rule(HeldReason.PLAN_KEPT, (FactKind.PLAN_AGREED,), (FactKind.PLAN_ENDED, FactKind.PLAN_BROKEN)),
    Rule(HeldReason.PROMISE_PENDING, (FactKind.PROMISE_TO_PAY,)),
    Rule(HeldReason.DEFERRED, (FactKind.DEFERRAL_GRANTED,)),
    Rule(HeldReason.DISPUTED, (FactKind.DISPUTE_RAISED,), (FactKind.DISPUTE_RESOLVED,)),
    Rule(HeldReason.NEGOTIATION, (FactKind.NEGOTIATION_BEGAN,), (FactKind.NEGOTIATION_ENDED,)),
    Rule(HeldReason.IN_COURT, tuple(_COURT), (FactKind.PAYMENT_ORDER_ENDED,), detail=_COURT),
    # A title is enforced, not dunned; only voiding the fact ends this.
    Rule(
        HeldReason.IN_COURT,
        (FactKind.TITLE_OBTAINED,),
        detail={FactKind.TITLE_OBTAINED: "title_obtained"},
    ),
    Rule(HeldReason.CLOSED, (FactKind.CLAIM_CLOSED, FactKind.CLAIM_MOVED), (FactKind.CLAIM_REOPENED,)),
    Rule(HeldReason.NO_ADDRESS, (FactKind.ADDRESS_UNKNOWN,), (FactKind.ADDRESS_FOUND,), True),
)
"""Every hold that a fact begins."""


def fact_blocks(facts: pl.DataFrame, on: date) -> pl.DataFrame:
    """Find every hold that is in force on a day because of a fact.

    A beginning is in force until its own last day (`until_on`) has passed or an ending of the same
    kind follows it: on a later day, or on the same day with a higher number. An ending without a claim
    ends those of all claims; `HOLD_LIFTED` with a code ends the holds of that code only. The last day of a
    promise to pay is the one that `promises.to_last_days` gives it.

    Parameters
    ----------
    facts : FACTS, live (no voided ones, none effective after `on`)
    on : the day asked

    Returns
    -------
    case_id · claim_id (null = the whole case) · rank Int16, of RANK · detail String · until_on Date,
    the last day it is in force (null = until a fact ends it). A contact ban of one channel names it in
    `detail`. A dispute over a part of a claim is no block: its amount is in BALANCES.disputed_cents.

    Guarantees
    ----------
    Pure. The order in which facts arrived does not matter, only their days (and numbers within a day).
    """
    kinds = [int(kind) for rule in RULES for kind in (*rule.begins, *rule.ends)]
    mine = facts.filter(pl.col("kind").is_in(kinds))
    if mine.is_empty():
        return pl.DataFrame(schema=BLOCKS)
    begun = _begun(mine, on)
    ended = _ended(mine)
    over = (
        begun.join(ended, on=["case_id", "rule"])
        .filter(
            (pl.col("ended_claim").is_null() | pl.col("ended_claim").eq_missing(pl.col("claim_id")))
            & (pl.col("ended_code").is_null() | pl.col("ended_code").eq_missing(pl.col("code")))
            & (
                (pl.col("ended_on") > pl.col("effective_on"))
                | ((pl.col("ended_on") == pl.col("effective_on")) & (pl.col("ended_no") > pl.col("fact_no")))
            )
        )
        .select("case_id", "fact_no")
    )
    return (
        begun.join(over, on=["case_id", "fact_no"], how="anti")
        .with_columns(claim_id=pl.when(~pl.col("is_personal")).then(pl.col("claim_id")))
        .select(list(BLOCKS))
    )


def _begun(mine: pl.DataFrame, on: date) -> pl.DataFrame:
    begins = pl.DataFrame(
        [
            (int(kind), n, RANK[rule.reason], rule.is_personal, rule.detail.get(kind))
            for n, rule in enumerate(RULES)
            for kind in rule.begins
        ],
        schema={
            "kind": pl.Int16,
            "rule": pl.Int16,
            "rank": pl.Int16,
            "is_personal": pl.Boolean,
            "word": pl.String,
        },
        orient="row",
    )
    partial = (
        (pl.col("kind") == FactKind.DISPUTE_RAISED)
        & pl.col("claim_id").is_not_null()
        & pl.col("amount_cents").is_not_null()
    )
    shared = pl.col("code").replace_strict(
        {code: RANK[reason] for code, reason in _SHARED_CODES.items()}, default=None, return_dtype=pl.Int16
    )
    code = pl.when(pl.col("code") != "").then(pl.col("code"))
    return (
        to_last_days(mine)
        .join(begins, on="kind")
        .filter(~partial)
        .with_columns(
            code=code,
            rank=pl.when((pl.col("kind") == FactKind.HOLD_SET) & shared.is_not_null())
            .then(shared)
            .otherwise(pl.col("rank")),
        )
        .filter(pl.col("until_on").is_null() | (pl.col("until_on") >= on))
        .with_columns(
            detail=pl.coalesce("word", "code", pl.col("until_on").dt.to_string("until %Y-%m-%d"), pl.lit(""))
        )
    )


def _ended(mine: pl.DataFrame) -> pl.DataFrame:
    ends = pl.DataFrame(
        [(int(kind), n) for n, rule in enumerate(RULES) for kind in rule.ends],
        schema={"kind": pl.Int16, "rule": pl.Int16},
        orient="row",
    )
    by_code = pl.col("kind").is_in([int(FactKind.HOLD_LIFTED), int(FactKind.CONTACT_ALLOWED)])
    return mine.join(ends, on="kind").select(
        "case_id",
        "rule",
        ended_claim=pl.col("claim_id"),
        ended_code=pl.when(by_code & (pl.col("code") != "")).then(pl.col("code")),
        ended_on=pl.col("effective_on"),
        ended_no=pl.col("fact_no"),
    )


def channels(
    cases: pl.DataFrame, blocks: pl.DataFrame, evidenced: pl.DataFrame, facts: pl.DataFrame
) -> pl.DataFrame:
    """Say by which channels each case can be written to.

    A channel is out without an address for it, after a message on it came back (until `ADDRESS_FOUND`),
    under a contact ban that names it, and post also while the address is unknown.

    Parameters
    ----------
    cases : CASES
    blocks : as from `fact_blocks`
    evidenced : as from `notices.evidence`
    facts : FACTS, live

    Returns
    -------
    case_id · can_post Boolean · can_email Boolean, one row per case, in the order of cases
    """
    found = (
        facts.filter(pl.col("kind") == FactKind.ADDRESS_FOUND)
        .group_by("case_id")
        .agg(found_on=pl.col("effective_on").max())
    )
    returned = (
        evidenced.filter(pl.col("evidence") == DISPROVED)
        .join(found, on="case_id", how="left")
        .filter(pl.col("found_on").is_null() | (pl.col("found_on") < pl.col("disproved_on")))
        .select("case_id", word=pl.col("channel"))
    )
    banned = blocks.filter(
        (pl.col("rank") == RANK[HeldReason.CONTACT_BANNED])
        & pl.col("detail").is_in([channel.value for channel in Channel])
    ).select("case_id", word=pl.col("detail"))
    unknown = blocks.filter(pl.col("rank") == RANK[HeldReason.NO_ADDRESS]).select(
        "case_id", word=pl.lit(Channel.POST.value)
    )
    out = pl.concat([returned, banned, unknown])
    no_post = out.filter(pl.col("word") == Channel.POST)["case_id"].implode()
    no_email = out.filter(pl.col("word") == Channel.EMAIL)["case_id"].implode()
    return cases.select(
        "case_id",
        can_post=pl.col("has_postal_address").fill_null(False) & ~pl.col("case_id").is_in(no_post),
        can_email=pl.col("has_email").fill_null(False) & ~pl.col("case_id").is_in(no_email),
    )


def case_candidates(blocks: pl.DataFrame) -> pl.DataFrame:
    """Holds of whole cases among the blocks, as candidates; a ban of one channel is none."""
    one_channel = (pl.col("rank") == RANK[HeldReason.CONTACT_BANNED]) & pl.col("detail").is_in(
        [channel.value for channel in Channel]
    )
    address = pl.col("rank") == RANK[HeldReason.NO_ADDRESS]
    return blocks.filter(pl.col("claim_id").is_null() & ~one_channel & ~address).select(
        "case_id", "rank", "detail", next_look_on=pl.col("until_on").dt.offset_by("1d")
    )


def claim_blocks(blocks: pl.DataFrame) -> pl.DataFrame:
    """The first block of each claim by precedence: claim_id · block_rank · block_detail · block_until."""
    return (
        blocks.filter(pl.col("claim_id").is_not_null())
        .sort("rank", "until_on", "detail", descending=[False, True, False], nulls_last=False)
        .unique("claim_id", keep="first", maintain_order=True)
        .select("claim_id", block_rank="rank", block_detail="detail", block_until="until_on")
    )


def message_candidates(evidenced: pl.DataFrame) -> pl.DataFrame:
    """Cases with a message of which nobody knows whether it left: nothing follows until that is known."""
    return _candidates(
        evidenced.filter(pl.col("evidence") == UNCERTAIN).select("case_id").unique(),
        HeldReason.UNCERTAIN_MESSAGE,
        "message_not_confirmed",
    )


def feed_candidates(cases: pl.DataFrame, on: date) -> pl.DataFrame:
    """Cases whose creditor's bank, shop or return data are older than they may be."""
    age = (pl.lit(on) - pl.col("feed_checked_on")).dt.total_days()
    stale = cases.filter(age > pl.col("feed_max_age_days"))
    return stale.select(
        "case_id",
        rank=pl.lit(RANK[HeldReason.STALE_FEED], pl.Int16),
        detail=pl.col("feed_checked_on").dt.to_string("checked %Y-%m-%d"),
        next_look_on=pl.lit(on + timedelta(days=1), pl.Date),
    )


def address_candidates(reachable: pl.DataFrame) -> pl.DataFrame:
    """Cases that can be written to by no channel of their procedure.

    Parameters
    ----------
    reachable : case_id · has_postal_address, has_email · can_post, can_email · has_post, has_email_step
        Boolean (null = no procedure: any channel would do)
    """
    post = pl.col("can_post") & pl.col("has_post").fill_null(True)
    email = pl.col("can_email") & pl.col("has_email_step").fill_null(True)
    had = pl.col("has_postal_address").fill_null(False) | pl.col("has_email").fill_null(False)
    return reachable.filter(~post & ~email).select(
        "case_id",
        rank=pl.lit(RANK[HeldReason.NO_ADDRESS], pl.Int16),
        detail=pl.when(had).then(pl.lit("address_not_usable")).otherwise(pl.lit("no_address_known")),
        next_look_on=pl.lit(None, pl.Date),
    )


def balance_candidates(totals: pl.DataFrame) -> pl.DataFrame:
    """Cases settled, with a credit balance that covers the debt, or with one that covers a part.

    Parameters
    ----------
    totals : case_id · open_cents (over its claims that are not closed) · surplus_cents · open_claims (number
        of claims not closed)
    """
    owed, surplus = pl.col("open_cents"), pl.col("surplus_cents")
    closed = totals.filter(pl.col("open_claims") == 0).select("case_id")
    live = totals.filter(pl.col("open_claims") > 0)
    return pl.concat(
        [
            _candidates(closed, HeldReason.CLOSED, "all_claims_closed"),
            _candidates(live.filter((owed <= 0) & (surplus <= 0)), HeldReason.SETTLED, ""),
            _candidates(live.filter((surplus > 0) & (surplus >= owed)), HeldReason.CREDIT_BALANCE, ""),
            _candidates(
                live.filter((surplus > 0) & (surplus < owed)),
                HeldReason.UNMATCHED_CREDIT,
                "surplus_not_allocated",
            ),
        ]
    )


def nothing_left_candidates(states: pl.DataFrame) -> pl.DataFrame:
    """Cases in which every open claim is blocked: the first reason among the claims counts.

    Parameters
    ----------
    states : one row per open claim: case_id · block_rank · block_detail · block_until (nulls = not blocked)
    """
    return (
        states.group_by("case_id")
        .agg(
            is_all=pl.col("block_rank").is_not_null().all(),
            rank=pl.col("block_rank").min(),
            detail=pl.col("block_detail").sort_by("block_rank", "block_detail").first(),
            next_look_on=pl.col("block_until").min().dt.offset_by("1d"),
        )
        .filter("is_all")
        .select(list(CANDIDATES))
    )


def _candidates(cases: pl.DataFrame, reason: HeldReason, detail: str) -> pl.DataFrame:
    return cases.select(
        "case_id",
        rank=pl.lit(RANK[reason], pl.Int16),
        detail=pl.lit(detail),
        next_look_on=pl.lit(None, pl.Date),
    )


def candidates(cases: pl.DataFrame, reason: HeldReason, detail: str = "") -> pl.DataFrame:
    """One candidate with the same reason and detail for each of the cases."""
    return _candidates(cases, reason, detail)


def first_reason(found: list[pl.DataFrame]) -> pl.DataFrame:
    """Keep one candidate per case: the first by precedence, then by detail and day."""
    every = pl.concat([frame.select(list(CANDIDATES)) for frame in found])
    several = every["case_id"].is_duplicated()
    # Most cases have one candidate; only the others need the order.
    chosen = (
        every.filter(several)
        .sort("case_id", "rank", "detail", "next_look_on", nulls_last=True)
        .unique("case_id", keep="first", maintain_order=True)
    )
    return pl.concat([every.filter(~several), chosen])


def together(found: list[pl.DataFrame]) -> pl.DataFrame:
    """Candidates of cases that exclude each other, in the order of the cases."""
    return pl.concat([frame.select(list(CANDIDATES)) for frame in found]).sort("case_id")


def frame(held: pl.DataFrame, every_case: pl.DataFrame) -> pl.DataFrame:
    """Candidates, one per case, as HELD: the reason by its word, and the last fact the decision saw."""
    words = pl.DataFrame(
        {"rank": list(RANK.values()), "reason": [reason.value for reason in RANK]},
        schema={"rank": pl.Int16, "reason": pl.String},
    )
    numbers = every_case.select("case_id", fact_no="last_fact_no").unique("case_id", keep="first")
    return (
        held.join(words, on="rank", how="left", maintain_order="left")
        .join(numbers, on="case_id", how="left", maintain_order="left")
        .select(list(HELD))
    )
