"""The announcement of a direct debit: who is to be told, of what and of which day. It is no dunning.

What is to be collected is told by a message as many days before as agreed. The message costs nothing, puts
nobody in default, climbs no step and names the day that is lawful on the day it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from mahnwerk.frames import DEBITS, MEASURE_ITEMS, MEASURES, Channel, HeldReason
from mahnwerk.kernel import permit_rules, plans
from mahnwerk.kernel.holds import BLOCKS, CANDIDATES, RANK
from mahnwerk.kernel.messages_due import Written
from mahnwerk.kernel.notices import DEBIT_NOTICE, DISPROVED, PRESUMED, PROVEN
from mahnwerk.kernel.plan_reminders import Turn as PlanTurn
from mahnwerk.kernel.plan_reminders import channels_of, nothing
from mahnwerk.kernel.target_days import target_day

HOLD_CODE: Final = "direct_debit"
"""Code of the facts that keep a claim from being dunned while it is collected."""
HOLD_AFTER: Final = timedelta(days=7)
"""A claim announced for collection is not dunned until so long after the collection day."""
WANTED: Final = {**DEBITS, "debit_on": pl.Date}
"""DEBITS plus the day of collection: not before the one recorded, as far ahead as agreed, a TARGET day."""
COVERED: Final = {"case_id": pl.Int64, "claim_id": pl.Int64, "plan_code": pl.String}
TOLD: Final = {"notice_id": pl.Int64, "left_on": pl.Date, "debit_on": pl.Date}


@dataclass(frozen=True)
class Turn:
    """Whose turn it is on a day: what the debtor is to be told of, of each case the first day only."""

    wanted: pl.DataFrame
    """WANTED"""
    claims: pl.DataFrame
    """COVERED: the claims collected, by themselves (plan_code null) or by an instalment of their plan."""
    quiet: pl.DataFrame
    """BLOCKS: claims told of, until the collection on the day named is over."""


def told(
    debits: pl.DataFrame,
    live: pl.DataFrame,
    claims: pl.DataFrame,
    instalments: pl.DataFrame,
    evidenced: pl.DataFrame,
) -> pl.DataFrame:
    """Which direct debits the debtor was told of by a message, when it left, and the day it named.

    A message counts once it left and did not come back.

    Parameters
    ----------
    debits : DEBITS
    live : FACTS in force
    claims, instalments : CLAIMS, INSTALMENTS
    evidenced : as from `notices.evidence`

    Returns
    -------
    TOLD; of several messages about one the last counts.
    """
    sent = evidenced.filter(
        (pl.col("message_step_id") == DEBIT_NOTICE) & pl.col("evidence").is_in([PROVEN, PRESUMED])
    ).select("claim_id", "sealed_on", left_on=pl.max_horizontal("sealed_on", "sent_on"), debit_on="pay_by")
    if debits.is_empty() or sent.is_empty():
        return pl.DataFrame(schema=TOLD)
    return (
        _named(debits, live, claims, instalments)
        .join(sent, on="claim_id")
        .filter(pl.col("sealed_on") >= pl.col("notified_on"))
        .sort("left_on", "debit_on")
        .group_by("notice_id")
        .agg(pl.col("left_on", "debit_on").last())
        .select(list(TOLD))
        .sort("notice_id")
    )


def _named(
    debits: pl.DataFrame, live: pl.DataFrame, claims: pl.DataFrame, instalments: pl.DataFrame
) -> pl.DataFrame:
    """Each direct debit with the claims that its message names, and the plan that covers them."""
    direct = debits.filter(pl.col("claim_id").is_not_null()).with_columns(plan_code=pl.lit(None, pl.String))
    by_plan = debits.filter(pl.col("claim_id").is_null()).drop("claim_id")
    if by_plan.is_empty():
        return direct
    codes = instalments.select("case_id", "plan_id", "plan_code").unique()
    covered = plans.claims_covered(live, claims, instalments).select("case_id", "claim_id", "plan_code")
    others = by_plan.join(codes, on=["case_id", "plan_id"]).join(covered, on=["case_id", "plan_code"])
    return pl.concat([direct, others.select(direct.columns)])


def turn(
    debits: pl.DataFrame,
    live: pl.DataFrame,
    claims: pl.DataFrame,
    instalments: pl.DataFrame,
    evidenced: pl.DataFrame,
    stand: pl.DataFrame,
    on: date,
) -> Turn:
    """Which direct debits their debtors are to be told of.

    Parameters
    ----------
    As for `told`; stand : STATES of the plans that run on the day `on`.

    Returns
    -------
    Turn; of a case those of its first day of collection, the others on a later day.

    Guarantees
    ----------
    Pure; row order does not matter.
    """
    mine = debits.filter(pl.col("notified_on") <= on)
    if mine.is_empty():
        return Turn(pl.DataFrame(schema=WANTED), pl.DataFrame(schema=COVERED), pl.DataFrame(schema=BLOCKS))
    known = told(mine, live, claims, instalments, evidenced)
    mine = _missing(mine.join(known, on="notice_id", how="anti"), instalments, stand)
    wanted = (
        mine.with_columns(debit_on=debit_day(on))
        .filter(pl.col("debit_on") == pl.col("debit_on").min().over("case_id"))
        .select(list(WANTED))
        .sort("case_id", "notice_id")
    )
    covered = _named(wanted, live, claims, instalments)
    claims_named = covered.select(list(COVERED)).unique().sort("case_id", "claim_id")
    return Turn(wanted, claims_named, _quiet(debits, known, on))


def _quiet(debits: pl.DataFrame, known: pl.DataFrame, on: date) -> pl.DataFrame:
    return (
        debits.join(known, on="notice_id")
        .filter(pl.col("claim_id").is_not_null() & (pl.col("debit_on") + HOLD_AFTER >= on))
        .select(
            "case_id",
            "claim_id",
            rank=pl.lit(RANK[HeldReason.HOLD], pl.Int16),
            detail=pl.lit(HOLD_CODE),
            until_on=pl.col("debit_on") + HOLD_AFTER,
        )
    )


def _missing(debits: pl.DataFrame, instalments: pl.DataFrame, stand: pl.DataFrame) -> pl.DataFrame:
    """Instalments as far as payments since leave them open; those that are paid are not told of."""
    by_plan = debits.filter(pl.col("claim_id").is_null())
    if by_plan.is_empty():
        return debits
    rates = (
        instalments.sort("plan_id", "number")
        .with_columns(until_cents=pl.col("amount_cents").cum_sum().over("plan_id"))
        .join(stand.select("plan_id", "paid_cents"), on="plan_id")
    )
    missing = (pl.col("until_cents") - pl.col("paid_cents")).clip(0, pl.col("amount_cents"))
    left = rates.select("plan_id", "number", missing_cents=missing)
    return (
        debits.join(left, on=["plan_id", "number"], how="left")
        .filter(pl.col("claim_id").is_not_null() | (pl.col("missing_cents") > 0))
        .with_columns(amount_cents=pl.min_horizontal("amount_cents", "missing_cents"))
        .drop("missing_cents")
    )


def debit_day(told_on: date) -> pl.Expr:
    """The day of collection of what is told on a day: from `collect_on` and `notice_days`."""
    agreed = pl.lit(told_on).cast(pl.Int32) + pl.col("notice_days")
    later = pl.max_horizontal("collect_on", agreed.cast(pl.Date))
    return later.map_elements(target_day, return_dtype=pl.Date)


def first(whose: PlanTurn, mine: Turn) -> PlanTurn:
    """The plans to remind without the cases that are told of a direct debit first: one message a day."""
    if mine.wanted.is_empty():
        return whose
    return PlanTurn(
        whose.wanted.join(mine.wanted, on="case_id", how="anti", maintain_order="left"),
        whose.claims.join(mine.wanted, on="case_id", how="anti", maintain_order="left"),
        whose.told,
    )


def lifted(blocks: pl.DataFrame, mine: Turn) -> pl.DataFrame:
    """The blocks of facts without those that keep quiet about what is collected: this must be told first.

    Parameters
    ----------
    blocks : as from `holds.fact_blocks`
    """
    blocks = pl.concat([blocks, mine.quiet])
    if mine.claims.is_empty() or blocks.is_empty():
        return blocks
    direct = mine.claims.filter(pl.col("plan_code").is_null()).select(
        "case_id", "claim_id", detail=pl.lit(HOLD_CODE)
    )
    of_plans = mine.claims.filter(pl.col("plan_code").is_not_null()).select(
        "case_id", detail=pl.col("plan_code"), rank=pl.lit(RANK[HeldReason.PLAN_KEPT], pl.Int16)
    )
    return blocks.join(direct, on=["case_id", "claim_id", "detail"], how="anti", maintain_order="left").join(
        of_plans, on=["case_id", "detail", "rank"], how="anti", maintain_order="left"
    )


def marked(states: pl.DataFrame, mine: Turn) -> pl.DataFrame:
    """Say of each claim whether it is named in an announcement, or keep it quiet.

    What is disputed in part, settled or blocked otherwise is not told of: it would not be collected.

    Parameters
    ----------
    states : one row per claim: case_id · claim_id · open_cents · ask_cents · disputed_cents · is_closed ·
        block_rank · block_detail · block_until

    Returns
    -------
    states plus tells Boolean
    """
    if mine.claims.is_empty():
        return states.with_columns(tells=pl.lit(False))
    covered = mine.claims.select("claim_id", "plan_code", is_mine=pl.lit(True)).unique("claim_id")
    until = mine.wanted.group_by("case_id").agg(quiet_until=pl.col("debit_on").max())
    rows = states.join(covered, on="claim_id", how="left", maintain_order="left").join(
        until, on="case_id", how="left", maintain_order="left"
    )
    free = pl.col("is_mine").fill_null(False) & pl.col("block_rank").is_null() & ~pl.col("is_closed")
    tells = free & (pl.col("ask_cents") > 0) & (pl.col("disputed_cents").fill_null(0) == 0)
    quiet, is_of_plan = free & ~tells, pl.col("plan_code").is_not_null()
    rank = pl.when(is_of_plan).then(RANK[HeldReason.PLAN_KEPT]).otherwise(RANK[HeldReason.HOLD])
    return rows.with_columns(
        tells=tells,
        block_rank=pl.when(quiet).then(rank.cast(pl.Int16)).otherwise("block_rank"),
        block_detail=pl.when(quiet)
        .then(pl.coalesce("plan_code", pl.lit(HOLD_CODE)))
        .otherwise("block_detail"),
        block_until=pl.when(quiet).then("quiet_until").otherwise("block_until"),
    ).drop("is_mine", "plan_code", "quiet_until")


def write(
    states: pl.DataFrame,
    mine: Turn,
    cases: pl.DataFrame,
    held: pl.DataFrame,
    steps: pl.DataFrame,
    evidenced: pl.DataFrame,
    on: date,
) -> Written:
    """The announcements of a day, each asked every rule.

    The message goes by the channels of the procedure's first reminder, in their order; else by any its
    procedure uses. It waits for no interval and asks nobody to pay anything.

    Parameters
    ----------
    states : as from `marked`
    cases : the cases with the settings of their procedures and channels
    held : candidates that hold a case
    steps : as from `dunning.step_table`
    evidenced : as from `notices.evidence`

    Returns
    -------
    Written; a case whose claims are marked and that nothing holds is in `measures` or in `refused`.
    """
    if not states["tells"].any():
        return nothing()
    items = _items(states.filter("tells").join(held, on="case_id", how="anti"), mine)
    due = cases.join(items, on="case_id", how="semi", maintain_order="left")
    ready = channels_of(due, steps)
    mute = ready.filter(pl.col("channel").is_null())
    measures = _measures(ready.filter(pl.col("channel").is_not_null()), items, mine, evidenced)
    items = items.join(measures, on="case_id", how="semi", maintain_order="left")
    asked = answers(measures, items, states, cases, mine, evidenced, on)
    noes = permit_rules.refusals(asked)
    unreachable = mute.select(
        "case_id",
        rank=pl.lit(RANK[HeldReason.NO_ADDRESS], pl.Int16),
        detail=pl.lit(DEBIT_NOTICE),
        next_look_on=pl.lit(None, pl.Date),
    )
    return Written(
        measures.join(noes, on="case_id", how="anti", maintain_order="left").sort("case_id"),
        items.join(noes, on="case_id", how="anti", maintain_order="left").sort("case_id", "claim_id"),
        pl.concat([unreachable, noes.select(list(CANDIDATES))]),
        asked,
    )


def _items(rows: pl.DataFrame, mine: Turn) -> pl.DataFrame:
    """What is collected, laid on the claims; never more than is open. Of a plan the oldest claim first."""
    by_claim = mine.wanted.drop_nulls("claim_id").select("claim_id", claim_cents="amount_cents")
    by_plan = (
        mine.wanted.filter(pl.col("claim_id").is_null())
        .group_by("case_id")
        .agg(plan_cents=pl.col("amount_cents").sum())
    )
    rows = (
        rows.join(by_claim, on="claim_id", how="left")
        .join(by_plan, on="case_id", how="left")
        .sort("case_id", "due_on", "claim_id")
        .with_columns(under_plan=pl.when(pl.col("claim_cents").is_null()).then("ask_cents").otherwise(0))
    )
    before = pl.col("under_plan").cum_sum().over("case_id") - pl.col("under_plan")
    left = (pl.col("plan_cents").fill_null(0) - before).clip(lower_bound=0)
    return (
        rows.with_columns(open_cents=pl.min_horizontal("ask_cents", pl.coalesce("claim_cents", left)))
        .filter(pl.col("open_cents") > 0)
        .select(
            "case_id",
            "claim_id",
            "level",
            "open_cents",
            step_id=pl.lit(DEBIT_NOTICE),
            climbs=pl.lit(False),
            triggers_default=pl.lit(False),
            lump_sum_cents=pl.lit(0, pl.Int64),
        )
        .select(list(MEASURE_ITEMS))
    )


def _measures(ready: pl.DataFrame, items: pl.DataFrame, mine: Turn, evidenced: pl.DataFrame) -> pl.DataFrame:
    sums = items.group_by("case_id").agg(demanded_cents=pl.col("open_cents").sum())
    days = mine.wanted.group_by("case_id").agg(pay_by=pl.col("debit_on").first())
    # The key must be new, except after proven non-delivery: then it is another attempt at the same one.
    had = (
        evidenced.filter((pl.col("message_step_id") == DEBIT_NOTICE) & (pl.col("evidence") != DISPROVED))
        .group_by("case_id")
        .agg(had=pl.col("cycle").max())
    )
    return (
        ready.join(sums, on="case_id", maintain_order="left")
        .join(days, on="case_id", maintain_order="left")
        .join(had, on="case_id", how="left", maintain_order="left")
        .with_columns(
            step_id=pl.lit(DEBIT_NOTICE),
            level=pl.lit(0, pl.Int16),
            cycle=(pl.col("had").fill_null(0) + 1).cast(pl.Int32),
            fee_cents=pl.lit(0, pl.Int64),
            fee_rule_id=pl.lit(None, pl.String),
            is_dunning=pl.lit(False),
            reason=pl.col("pay_by").dt.to_string("direct debit on %Y-%m-%d"),
            fact_no="last_fact_no",
        )
        .select(list(MEASURES))
    )


def answers(
    measures: pl.DataFrame,
    items: pl.DataFrame,
    states: pl.DataFrame,
    cases: pl.DataFrame,
    mine: Turn,
    sent: pl.DataFrame,
    on: date,
) -> pl.DataFrame:
    """Answer every rule of `permit_rules.RULES` for every announcement; they look at the finished message.

    Returns
    -------
    case_id and one Boolean column per rule; an answer that cannot be given is False.
    """
    used = (
        sent.filter((pl.col("message_step_id") == DEBIT_NOTICE) & (pl.col("evidence") != DISPROVED))
        .select("case_id", "cycle", is_used=pl.lit(True))
        .unique()
    )
    agreed = mine.wanted.group_by("case_id").agg(
        pl.col("notice_days", "collect_on").max(), most_cents=pl.col("amount_cents").sum()
    )
    wide = (
        measures.join(_by_case(items, states), on="case_id", how="left", maintain_order="left")
        .join(
            cases.select("case_id", "can_post", "can_email"), on="case_id", how="left", maintain_order="left"
        )
        .join(used, on=["case_id", "cycle"], how="left", maintain_order="left")
        .join(agreed, on="case_id", how="left", maintain_order="left")
    )
    channel, asked, day = pl.col("channel"), pl.col("demanded_cents"), pl.col("pay_by")
    ahead = (day - pl.lit(on)).dt.total_days()
    given = {
        "channel_usable": ((channel == Channel.POST.value) & pl.col("can_post"))
        | ((channel == Channel.EMAIL.value) & pl.col("can_email")),
        "something_owed": pl.col("is_owed") & (asked == pl.col("listed_cents")) & (asked > 0),
        # It asks for no payment: what may be collected must be told, however little and whenever.
        "above_tolerance": pl.lit(True),
        "nothing_blocked": pl.col("is_free"),
        "due_as_said": day >= pl.col("due_on"),
        "one_step": pl.col("stays"),
        "interval_kept": pl.lit(True),
        "pay_by_ahead": day > on,
        "not_sent_before": pl.col("is_used").is_null(),
        "no_fee_for_default": (pl.col("fee_cents") == 0) & ~pl.col("warns") & ~pl.col("is_dunning"),
        "lump_sum_lawful": pl.col("lump_sum_cents") == 0,
        "debit_in_time": (ahead >= pl.col("notice_days"))
        & (day >= pl.col("collect_on"))
        & (asked <= pl.col("most_cents")),
        "rate_missed": pl.lit(True),
    }
    return wide.select("case_id", *[given[rule].fill_null(False).alias(rule) for rule in permit_rules.RULES])


def _by_case(items: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """What the rules need to know of an announcement's items, taken together."""
    known = states.select(
        "claim_id", "tells", "is_closed", "block_rank", "due_on", level_before="level", owed_cents="ask_cents"
    )
    return (
        items.join(known, on="claim_id", how="left")
        .group_by("case_id")
        .agg(
            pl.col("due_on").max(),
            listed_cents=pl.col("open_cents").sum(),
            is_owed=(pl.col("open_cents") <= pl.col("owed_cents")).all(),
            is_free=(pl.col("block_rank").is_null() & ~pl.col("is_closed") & pl.col("tells")).all(),
            stays=(~pl.col("climbs") & (pl.col("level") == pl.col("level_before"))).all(),
            warns=pl.col("triggers_default").any(),
            lump_sum_cents=pl.col("lump_sum_cents").sum(),
        )
    )


def in_time(collect_on: date, told_on: date, notice_days: int) -> date:
    """The first TARGET day on which what was told on a day may be collected."""
    return target_day(max(collect_on, told_on + timedelta(days=notice_days)))
