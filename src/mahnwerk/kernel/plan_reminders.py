"""The kind word about a missed instalment: whose turn it is, and the message. It is no dunning.

Each instalment that is not paid when its days of grace are over is told of once, together with all that
are missed by then. The message asks for these only, costs nothing, puts nobody in default, climbs no step
and offers to change the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from mahnwerk.frames import MEASURE_ITEMS, MEASURES, Channel, HeldReason
from mahnwerk.kernel import calendar, permit_rules, plans
from mahnwerk.kernel.holds import CANDIDATES, RANK
from mahnwerk.kernel.messages_due import Written
from mahnwerk.kernel.notices import DISPROVED, PLAN_REMINDER, PRESUMED, PROVEN
from mahnwerk.kernel.plan_states import OFFER_DAYS, TOLD, PlanState

WANTED: Final = {
    "case_id": pl.Int64,
    "plan_id": pl.Int64,
    "plan_code": pl.String,
    "missed_since": pl.Date,
    "missed_until": pl.Date,
    "missed_cents": pl.Int64,
}


@dataclass(frozen=True)
class Turn:
    """Whose turn it is on a day: the plans to be told of, and the claims they cover."""

    wanted: pl.DataFrame
    """WANTED, at most one plan per case."""
    claims: pl.DataFrame
    """case_id · claim_id · plan_code"""
    told: pl.DataFrame
    """TOLD of all plans."""


COVERED: Final = {"case_id": pl.Int64, "claim_id": pl.Int64, "plan_code": pl.String}


def told(
    live: pl.DataFrame, claims: pl.DataFrame, instalments: pl.DataFrame, evidenced: pl.DataFrame
) -> pl.DataFrame:
    """When the debtor of each plan was last told of a missed instalment, by a person or by a message.

    A message counts from the day on its paper once it left and did not come back; one of which nobody
    knows whether it left does not count (and holds the case until that is known).

    Parameters
    ----------
    live : FACTS in force
    claims, instalments : CLAIMS, INSTALMENTS
    evidenced : as from `notices.evidence`

    Returns
    -------
    TOLD, one row per plan that was told of.
    """
    days = instalments.select("plan_id", pl.concat_list("reminded_first_on", "reminded_on").alias("told_on"))
    by_hand = (
        days.explode("told_on")
        .drop_nulls()
        .unique()
        .with_columns(answer_by=pl.col("told_on").dt.offset_by(f"{OFFER_DAYS}d"))
    )
    sent = evidenced.filter(
        (pl.col("message_step_id") == PLAN_REMINDER) & pl.col("evidence").is_in([PROVEN, PRESUMED])
    )
    if sent.is_empty() and by_hand.is_empty():
        return pl.DataFrame(schema=TOLD)
    known = instalments.select("case_id", "plan_id", "plan_code", "agreed_on").unique()
    written = (
        sent.join(plans.claims_covered(live, claims, instalments), on=["case_id", "claim_id"])
        .join(known, on=["case_id", "plan_code"])
        .filter(pl.col("sealed_on") >= pl.col("agreed_on"))
        .select("plan_id", told_on="sealed_on", answer_by="pay_by")
    )
    return (
        pl.concat([by_hand, written])
        .group_by("plan_id", "told_on")
        .agg(pl.col("answer_by").max())
        .sort("told_on")
        .group_by("plan_id")
        .agg(
            pl.col("told_on", "answer_by").last(),
            told_before=pl.col("told_on").get(-2, null_on_oob=True),
        )
        .select(list(TOLD))
        .sort("plan_id")
    )


def turn(
    live: pl.DataFrame,
    claims: pl.DataFrame,
    instalments: pl.DataFrame,
    evidenced: pl.DataFrame,
    stand: pl.DataFrame,
) -> Turn:
    """Which plans have a missed instalment their debtor was not told of yet.

    Parameters
    ----------
    As for `told`, and
    stand : STATES of the plans that run on the day asked

    Returns
    -------
    Turn; of several plans of a case the one that has been missed longest comes first.

    Guarantees
    ----------
    Pure; row order does not matter.
    """
    if instalments.is_empty():
        return Turn(pl.DataFrame(schema=WANTED), pl.DataFrame(schema=COVERED), pl.DataFrame(schema=TOLD))
    covered = plans.claims_covered(live, claims, instalments)
    known = told(live, claims, instalments, evidenced)
    terms = instalments.select("case_id", "plan_id", "plan_code").unique()
    wanted = (
        stand.filter((pl.col("missed_cents") > 0) & (pl.col("state") != PlanState.FULFILLED.value))
        .join(terms, on=["case_id", "plan_id"])
        .join(known, on="plan_id", how="left")
        .filter(pl.col("told_on").is_null() | (pl.col("told_on") <= pl.col("missed_from")))
        .sort("missed_since", "plan_id")
        .unique("case_id", keep="first", maintain_order=True)
        .select(list(WANTED))
    )
    return Turn(wanted, covered.join(wanted, on=["case_id", "plan_code"], how="semi"), known)


def lifted(blocks: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """The blocks of facts without those of the plans to be told of: they no longer explain the silence.

    Parameters
    ----------
    blocks : as from `holds.fact_blocks`
    wanted : WANTED
    """
    if wanted.is_empty() or blocks.is_empty():
        return blocks
    mine = wanted.select(
        "case_id", rank=pl.lit(RANK[HeldReason.PLAN_KEPT], pl.Int16), detail=pl.col("plan_code")
    )
    return blocks.join(mine, on=["case_id", "rank", "detail"], how="anti", maintain_order="left")


def marked(states: pl.DataFrame, whose: Turn, cases: pl.DataFrame) -> pl.DataFrame:
    """Say of each claim whether it is under a plan that is to be told of, or why that plan is not.

    What stands against one claim of a plan stands against telling of the plan: a dispute, a deferral, a
    court. So does a sum within the tolerance. Such a plan goes on holding its claims, with that reason.

    Parameters
    ----------
    states : one row per claim: case_id · claim_id · open_cents · disputed_cents · is_closed · block_rank ·
        block_detail · block_until
    cases : case_id · tolerance_cents

    Returns
    -------
    states plus reminds Boolean: the claim may be named in the reminder of its plan.
    """
    if whose.wanted.is_empty():
        return states.with_columns(reminds=pl.lit(False))
    asked = (
        whose.claims.join(whose.wanted.select("case_id", "missed_cents"), on="case_id")
        .join(cases.select("case_id", "tolerance_cents"), on="case_id")
        .select("claim_id", "missed_cents", "tolerance_cents", is_mine=pl.lit(True))
    )
    rows = states.join(asked, on="claim_id", how="left", maintain_order="left").with_columns(
        is_mine=pl.col("is_mine").fill_null(False) & ~pl.col("is_closed") & (pl.col("open_cents") > 0)
    )
    against = (
        pl.when(pl.col("block_rank").is_not_null())
        .then("block_rank")
        .when(pl.col("disputed_cents") > 0)
        .then(pl.lit(RANK[HeldReason.DISPUTED], pl.Int16))
        .when(pl.col("missed_cents") <= pl.col("tolerance_cents"))
        .then(pl.lit(RANK[HeldReason.WITHIN_TOLERANCE], pl.Int16))
    )
    blocked = (
        rows.filter("is_mine")
        .with_columns(against=against)
        .filter(pl.col("against").is_not_null())
        .sort("against", "block_detail", "block_until", nulls_last=True)
        .unique("case_id", keep="first", maintain_order=True)
        .select("case_id", "against", why="block_detail", until="block_until")
    )
    stays = pl.col("is_mine") & pl.col("against").is_not_null()
    return (
        rows.join(blocked, on="case_id", how="left", maintain_order="left")
        .with_columns(
            block_rank=pl.when(stays).then("against").otherwise("block_rank"),
            block_detail=pl.when(stays).then(pl.col("why").fill_null("")).otherwise("block_detail"),
            block_until=pl.when(stays).then("until").otherwise("block_until"),
            reminds=pl.col("is_mine") & pl.col("against").is_null(),
        )
        .drop("is_mine", "missed_cents", "tolerance_cents", "against", "why", "until")
    )


def write(
    states: pl.DataFrame,
    whose: Turn,
    cases: pl.DataFrame,
    first: pl.DataFrame,
    steps: pl.DataFrame,
    evidenced: pl.DataFrame,
    on: date,
) -> Written:
    """The reminders of a day, each asked every rule.

    The message goes by the channels of the procedure's first reminder, in their order; else by any its
    procedure uses. It keeps the interval to the last message, and its day to answer by is OFFER_DAYS ahead,
    on a working day.

    Parameters
    ----------
    states : as from `marked`
    cases : the cases with the settings of their procedures, channels and last_message_on
    first : candidates that hold a case
    steps : as from `dunning.step_table`
    evidenced : as from `notices.evidence`

    Returns
    -------
    Written; a case whose claims are marked and that nothing holds is in `measures` or in `refused`.
    """
    if not states["reminds"].any():
        return nothing()
    mine = states.filter("reminds").join(first, on="case_id", how="anti", maintain_order="left")
    due = cases.join(mine.select("case_id").unique(), on="case_id", how="semi", maintain_order="left")
    quiet = (pl.col("last_message_on").cast(pl.Int32) + pl.col("min_interval_days")).cast(pl.Date)
    early = due.with_columns(quiet_until=quiet).filter(pl.col("quiet_until") > on)
    ready = channels_of(due.join(early, on="case_id", how="anti", maintain_order="left"), steps)
    mute = ready.filter(pl.col("channel").is_null())
    ready = ready.filter(pl.col("channel").is_not_null())
    items = _items(mine.join(ready, on="case_id", how="semi", maintain_order="left"), whose)
    measures = _measures(ready, items, whose, evidenced, on)
    asked = answers(measures, items, states, cases, whose, evidenced, on)
    noes = permit_rules.refusals(asked)
    return Written(
        measures.join(noes, on="case_id", how="anti", maintain_order="left").sort("case_id"),
        items.join(noes, on="case_id", how="anti", maintain_order="left").sort("case_id", "claim_id"),
        pl.concat(
            [
                _candidates(early, HeldReason.MIN_INTERVAL, pl.col("quiet_until")),
                _candidates(mute, HeldReason.NO_ADDRESS, pl.lit(None, pl.Date)),
                noes.select(list(CANDIDATES)),
            ]
        ),
        asked,
    )


def nothing() -> Written:
    """No message."""
    asked = {"case_id": pl.Int64, **dict.fromkeys(permit_rules.RULES, pl.Boolean)}
    return Written(
        pl.DataFrame(schema=dict(MEASURES)),
        pl.DataFrame(schema=dict(MEASURE_ITEMS)),
        pl.DataFrame(schema=CANDIDATES),
        pl.DataFrame(schema=asked),
    )


def _candidates(cases: pl.DataFrame, reason: HeldReason, look_on: pl.Expr) -> pl.DataFrame:
    return cases.select(
        "case_id",
        rank=pl.lit(RANK[reason], pl.Int16),
        detail=pl.lit(PLAN_REMINDER),
        next_look_on=look_on,
    )


def channels_of(cases: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """The cases with the channel a message that is no step takes; null = none."""
    opening = steps.filter(pl.col("next_level") == 1).select("procedure", "channel_1", "channel_2")
    can = {Channel.EMAIL: pl.col("can_email"), Channel.POST: pl.col("can_post")}
    used = {Channel.EMAIL: pl.col("has_email_step"), Channel.POST: pl.col("has_post")}

    def usable(column: str) -> pl.Expr:
        word = pl.col(column)
        fits = [(word == channel.value) & can[channel] for channel in Channel]
        return pl.when(pl.any_horizontal(fits)).then(word)

    others = [pl.when(can[channel] & used[channel]).then(pl.lit(channel.value)) for channel in Channel]
    return cases.join(opening, on="procedure", how="left", maintain_order="left").with_columns(
        channel=pl.coalesce(usable("channel_1"), usable("channel_2"), *others)
    )


def _items(mine: pl.DataFrame, whose: Turn) -> pl.DataFrame:
    """What is missed, laid on the claims of the plan, the oldest first; never more than is open."""
    rows = mine.join(whose.wanted.select("case_id", "missed_cents"), on="case_id").sort(
        "case_id", "due_on", "claim_id"
    )
    before = pl.col("ask_cents").cum_sum().over("case_id") - pl.col("ask_cents")
    share = pl.min_horizontal("ask_cents", (pl.col("missed_cents") - before).clip(lower_bound=0))
    return (
        rows.with_columns(open_cents=share)
        .filter(pl.col("open_cents") > 0)
        .select(
            "case_id",
            "claim_id",
            "level",
            "open_cents",
            step_id=pl.lit(PLAN_REMINDER),
            climbs=pl.lit(False),
            triggers_default=pl.lit(False),
            lump_sum_cents=pl.lit(0, pl.Int64),
        )
        .select(list(MEASURE_ITEMS))
    )


def _measures(
    ready: pl.DataFrame, items: pl.DataFrame, whose: Turn, evidenced: pl.DataFrame, on: date
) -> pl.DataFrame:
    sums = items.group_by("case_id").agg(demanded_cents=pl.col("open_cents").sum())
    had = (
        evidenced.filter((pl.col("message_step_id") == PLAN_REMINDER) & (pl.col("evidence") != DISPROVED))
        .group_by("case_id")
        .agg(had=pl.col("cycle").max())
    )
    rows = (
        ready.join(sums, on="case_id", maintain_order="left")
        .join(whose.wanted.select("case_id", "missed_since"), on="case_id", maintain_order="left")
        .join(had, on="case_id", how="left", maintain_order="left")
    )
    answer_by = pl.repeat(on + timedelta(days=OFFER_DAYS), rows.height, dtype=pl.Date, eager=True)
    return rows.with_columns(
        step_id=pl.lit(PLAN_REMINDER),
        level=pl.lit(0, pl.Int16),
        cycle=(pl.col("had").fill_null(0) + 1).cast(pl.Int32),
        fee_cents=pl.lit(0, pl.Int64),
        fee_rule_id=pl.lit(None, pl.String),
        pay_by=calendar.next_working_days(answer_by, rows["land"]),
        is_dunning=pl.lit(False),
        reason=pl.col("missed_since").dt.to_string("instalment missed since %Y-%m-%d"),
        fact_no="last_fact_no",
    ).select(list(MEASURES))


def answers(
    measures: pl.DataFrame,
    items: pl.DataFrame,
    states: pl.DataFrame,
    cases: pl.DataFrame,
    whose: Turn,
    sent: pl.DataFrame,
    on: date,
) -> pl.DataFrame:
    """Answer every rule of `permit_rules.RULES` for every reminder; they look at the finished message.

    Returns
    -------
    case_id and one Boolean column per rule; an answer that cannot be given is False.
    """
    of_items = _by_case(items, states)
    used = (
        sent.filter((pl.col("message_step_id") == PLAN_REMINDER) & (pl.col("evidence") != DISPROVED))
        .select("case_id", "cycle", is_used=pl.lit(True))
        .unique()
    )
    settings = cases.select(
        "case_id", "can_post", "can_email", "tolerance_cents", "min_interval_days", "last_message_on"
    )
    wide = (
        measures.join(of_items, on="case_id", how="left", maintain_order="left")
        .join(settings, on="case_id", how="left", maintain_order="left")
        .join(used, on=["case_id", "cycle"], how="left", maintain_order="left")
        .join(
            whose.wanted.select("case_id", "missed_cents", "missed_until"),
            on="case_id",
            how="left",
            maintain_order="left",
        )
    )
    quiet = pl.col("last_message_on").cast(pl.Int32) + pl.col("min_interval_days")
    channel, asked = pl.col("channel"), pl.col("demanded_cents")
    given = {
        "channel_usable": ((channel == Channel.POST.value) & pl.col("can_post"))
        | ((channel == Channel.EMAIL.value) & pl.col("can_email")),
        "something_owed": pl.col("is_owed") & (asked == pl.col("listed_cents")) & (asked > 0),
        "above_tolerance": pl.col("missed_cents") > pl.col("tolerance_cents"),
        "nothing_blocked": pl.col("is_free"),
        "due_as_said": pl.col("missed_until") < on,
        "one_step": pl.col("stays"),
        "interval_kept": pl.col("last_message_on").is_null() | (quiet <= pl.lit(on).cast(pl.Int32)),
        "pay_by_ahead": pl.col("pay_by") > on,
        "not_sent_before": pl.col("is_used").is_null(),
        "no_fee_for_default": (pl.col("fee_cents") == 0) & ~pl.col("warns") & ~pl.col("is_dunning"),
        "lump_sum_lawful": pl.col("lump_sum_cents") == 0,
        "debit_in_time": pl.lit(True),
        "rate_missed": asked <= pl.col("missed_cents"),
    }
    return wide.select("case_id", *[given[rule].fill_null(False).alias(rule) for rule in permit_rules.RULES])


def _by_case(items: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """What the rules need to know of a reminder's items, taken together."""
    return (
        items.join(
            states.select(
                "claim_id", "reminds", "is_closed", "block_rank", level_before="level", owed_cents="ask_cents"
            ),
            on="claim_id",
            how="left",
        )
        .group_by("case_id")
        .agg(
            listed_cents=pl.col("open_cents").sum(),
            is_owed=(pl.col("open_cents") <= pl.col("owed_cents")).all(),
            is_free=(pl.col("block_rank").is_null() & ~pl.col("is_closed") & pl.col("reminds")).all(),
            stays=(~pl.col("climbs") & (pl.col("level") == pl.col("level_before"))).all(),
            warns=pl.col("triggers_default").any(),
            lump_sum_cents=pl.col("lump_sum_cents").sum(),
        )
    )
