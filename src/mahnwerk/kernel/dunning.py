"""Which message is due: one per case at the highest step any claim has reached, or the reason for none.

Each claim climbs on its own, one step at a time; the case gets one message that lists all that is
overdue, each item with its own status. A pause of the scheduler never adds up: the next step counts
from the last message the debtor got, not from the calendar.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import Channel, HeldReason
from mahnwerk.kernel import calendar
from mahnwerk.kernel.holds import RANK
from mahnwerk.kernel.notices import LISTED
from mahnwerk.kernel.procedures import Procedure, Trigger

DUE: Final = "due"
WAITING: Final = "waiting"
ENDED: Final = "ended"
NOTICE: Final = "notice"
NOT_DUE: Final = "not_due"

_LEVELS: Final = 16  # room for a level beside a day in one number


def step_table(procedures: Mapping[str, Procedure]) -> pl.DataFrame:
    """All steps of all procedures as a frame, one row per procedure and step.

    Returns
    -------
    procedure String (`name@version`) · next_level Int16 · step_id String · trigger String ·
    trigger_days Int32 · pay_by_days Int32 · is_dunning Boolean · charges_letter_cost Boolean ·
    charges_lump_sum Boolean · channel_1, channel_2 String · cost_1, cost_2 Int64, cents per letter as the
    procedure says · own_cost_1, own_cost_2 Int64, of this very step (null = none)
    """
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "procedure": pl.String,
        "next_level": pl.Int16,
        "step_id": pl.String,
        "trigger": pl.String,
        "trigger_days": pl.Int32,
        "pay_by_days": pl.Int32,
        "is_dunning": pl.Boolean,
        "charges_letter_cost": pl.Boolean,
        "charges_lump_sum": pl.Boolean,
        "channel_1": pl.String,
        "channel_2": pl.String,
        "cost_1": pl.Int64,
        "cost_2": pl.Int64,
        "own_cost_1": pl.Int64,
        "own_cost_2": pl.Int64,
    }
    rows = []
    for key, procedure in procedures.items():
        for step in procedure.steps:
            first, second = (*step.channels, None)[:2]
            own = step.letter_cost_cents or {}
            rows.append(
                {
                    "procedure": key,
                    "next_level": step.level,
                    "step_id": step.id,
                    "trigger": step.trigger.value,
                    "trigger_days": step.days,
                    "pay_by_days": step.pay_by_days,
                    "is_dunning": step.is_dunning,
                    "charges_letter_cost": step.charges_letter_cost,
                    "charges_lump_sum": step.charges_lump_sum,
                    "channel_1": first,
                    "channel_2": second,
                    "cost_1": procedure.letter_cost(step, str(first)),
                    "cost_2": procedure.letter_cost(step, second) if second else 0,
                    "own_cost_1": own.get(str(first)),
                    "own_cost_2": own.get(str(second)),
                }
            )
    return pl.DataFrame(rows, schema=schema)


def procedure_table(procedures: Mapping[str, Procedure]) -> pl.DataFrame:
    """The settings of all procedures as a frame, one row each.

    Returns
    -------
    procedure String · tolerance_cents Int64 · min_interval_days Int32 · delivery_post_days,
    delivery_email_days Int32 · end_after_days Int32 · propose String · bureau_reminders,
    bureau_days Int32 (null = no report is proposed) · notice_days Int32 (days before due of the
    level-0 step; null = none) · has_post, has_email_step Boolean (some step uses the channel)
    """
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "procedure": pl.String,
        "tolerance_cents": pl.Int64,
        "min_interval_days": pl.Int32,
        "delivery_post_days": pl.Int32,
        "delivery_email_days": pl.Int32,
        "end_after_days": pl.Int32,
        "propose": pl.String,
        "bureau_reminders": pl.Int32,
        "bureau_days": pl.Int32,
        "notice_days": pl.Int32,
        "has_post": pl.Boolean,
        "has_email_step": pl.Boolean,
    }
    rows = []
    for key, procedure in procedures.items():
        used = {channel for step in procedure.steps for channel in step.channels}
        notices = [step.days for step in procedure.steps if step.level == 0]
        delivery = procedure.presumed_delivery_working_days
        bureau = procedure.ending.bureau_conditions
        rows.append(
            {
                "procedure": key,
                "tolerance_cents": procedure.tolerance_cents,
                "min_interval_days": procedure.min_interval_days,
                "delivery_post_days": delivery[Channel.POST],
                "delivery_email_days": delivery[Channel.EMAIL],
                "end_after_days": procedure.ending.after_days,
                "propose": procedure.ending.propose,
                "bureau_reminders": bureau.written_reminders if bureau else None,
                "bureau_days": bureau.first_reminder_days_ago if bureau else None,
                "notice_days": notices[0] if notices else None,
                "has_post": Channel.POST in used,
                "has_email_step": Channel.EMAIL in used,
            }
        )
    return pl.DataFrame(rows, schema=schema)


def schedule(items: pl.DataFrame, steps: pl.DataFrame, on: date) -> pl.DataFrame:
    """Say for each claim which step is its next, on which day, and how it stands today.

    The first step counts from the due date (moved by § 193 BGB); each later one from the pay-by date
    of the last message that asked for the claim, or from its receipt if that is later.

    Parameters
    ----------
    items : one row per claim that may be asked for: case_id · claim_id · due_on · land · ask_cents Int64
        · issued_on · level Int16 · last_pay_by, last_received_on Date · has_notice Boolean · and of the case:
        procedure · notice_days · end_after_days
    steps : as from `step_table`
    on : the day asked

    Returns
    -------
    items plus next_level Int16 · step_id String (null = no further step) · step_is_dunning Boolean ·
    is_overdue Boolean · next_on Date (when the step, the notice or the end is due) · status String:
    due | waiting | ended | notice | not_due

    Guarantees
    ----------
    Pure; one row per item. next_level is level + 1, never more. A message sent on `on` makes every
    item it climbs wait.

    Sources
    -------
    §§ 187, 188, 193 BGB.
    """
    items = items.with_columns(
        base_on=calendar.next_working_days(items["due_on"], items["land"]),
        next_level=(pl.col("level") + 1).cast(pl.Int16),
        after_on=pl.max_horizontal("last_pay_by", "last_received_on"),
    ).join(
        steps.select(
            "procedure",
            "next_level",
            "step_id",
            "trigger",
            "trigger_days",
            step_is_dunning="is_dunning",
            step_charges_lump_sum="charges_lump_sum",
        ),
        on=["procedure", "next_level"],
        how="left",
        maintain_order="left",
    )
    from_due = _plus("base_on", "trigger_days")
    follows = pl.col("trigger") == Trigger.AFTER_PREVIOUS.value
    step_on = (
        pl.when(follows & pl.col("after_on").is_not_null())
        .then(_plus("after_on", "trigger_days"))
        # A claim that an earlier message listed already keeps that message's pay-by date.
        .otherwise(pl.max_horizontal(from_due, pl.col("after_on").dt.offset_by("1d")))
    )
    has_step = pl.col("step_id").is_not_null()
    end_on = _plus("after_on", "end_after_days")
    notice_on = (pl.col("due_on").cast(pl.Int32) - pl.col("notice_days")).cast(pl.Date)
    day = pl.lit(on)
    is_issued = pl.col("issued_on").is_null() | (pl.col("issued_on") <= day)
    wants_notice = (
        pl.col("notice_days").is_not_null() & ~pl.col("has_notice") & (pl.col("level") == 0) & is_issued
    )
    items = items.with_columns(
        is_overdue=pl.col("base_on") < day,
        act_on=pl.when(has_step).then(step_on).otherwise(end_on),
        notice_on=pl.when(wants_notice & (pl.col("due_on") > day)).then(notice_on),
    )
    acts = pl.col("act_on").is_null() | (pl.col("act_on") <= day)
    return items.with_columns(
        status=pl.when(pl.col("is_overdue"))
        .then(pl.when(~acts).then(pl.lit(WAITING)).when(has_step).then(pl.lit(DUE)).otherwise(pl.lit(ENDED)))
        .otherwise(pl.when(pl.col("notice_on") <= day).then(pl.lit(NOTICE)).otherwise(pl.lit(NOT_DUE))),
        next_on=pl.when(~pl.col("is_overdue") & (pl.col("notice_on") > day))
        .then(pl.col("notice_on"))
        .otherwise(pl.col("act_on")),
    ).drop("trigger", "trigger_days", "act_on", "notice_on", "after_on", "base_on")


def _plus(day: str, days: str) -> pl.Expr:
    return (pl.col(day).cast(pl.Int32) + pl.col(days)).cast(pl.Date)


def case_table(scheduled: pl.DataFrame, cases: pl.DataFrame, on: date) -> pl.DataFrame:
    """Sum up the items of each case: what is overdue, which step is reached, when to look again.

    Parameters
    ----------
    scheduled : as from `schedule`
    cases : case_id · procedure · tolerance_cents · min_interval_days · propose · bureau_reminders ·
        bureau_days · last_message_on Date (receipt of the last message got; null = none)

    Returns
    -------
    cases plus overdue_cents Int64 · notice_cents Int64 · message_level Int16 (null = no message) ·
    is_notice Boolean · quiet_until Date (null = the interval is over) · first_on Date and first_level
    of the next thing to happen · is_ended, is_due, may_report Boolean
    """
    status, ask = pl.col("status"), pl.col("ask_cents")
    key = pl.col("next_on").cast(pl.Int64) * _LEVELS + pl.col("next_level").cast(pl.Int64)
    # Columns made before grouping: a plain sum or maximum per group is several times faster than a filter.
    summed = (
        scheduled.select(
            "case_id",
            overdue_cents=pl.when("is_overdue").then(ask).otherwise(0),
            notice_cents=pl.when(status == NOTICE).then(ask).otherwise(0),
            top_level=pl.when(status == DUE).then(pl.col("next_level")),
            first_key=pl.when(status.is_in([WAITING, NOT_DUE])).then(key),
            is_ended=status == ENDED,
        )
        .group_by("case_id")
        .agg(
            pl.col("overdue_cents", "notice_cents").sum(),
            pl.col("top_level").max(),
            pl.col("first_key").min(),
            pl.col("is_ended").max(),
        )
    )
    ended = (
        scheduled.filter(status == ENDED)
        .group_by("case_id")
        .agg(
            fewest_reminders=pl.col("reminders").min(),
            latest_first_reminder=pl.col("first_reminder_on").max(),
            is_all_proven=pl.col("is_all_proven").all(),
        )
    )
    joined = cases.join(summed, on="case_id", maintain_order="left").join(
        ended, on="case_id", how="left", maintain_order="left"
    )
    is_dunned = pl.col("top_level").is_not_null() & (pl.col("overdue_cents") > pl.col("tolerance_cents"))
    # Whoever owes something overdue is not also told of what comes next: it would delay the dunning.
    is_notice = (pl.col("overdue_cents") <= pl.col("tolerance_cents")) & (
        pl.col("notice_cents") > pl.col("tolerance_cents")
    )
    quiet_until = _plus("last_message_on", "min_interval_days")
    waited = (pl.lit(on) - pl.col("latest_first_reminder")).dt.total_days()
    return joined.with_columns(
        quiet_until=pl.when(quiet_until > on).then(quiet_until),
        first_on=(pl.col("first_key") // _LEVELS).cast(pl.Int32).cast(pl.Date),
        first_level=(pl.col("first_key") % _LEVELS).cast(pl.Int16),
        is_due=is_dunned,
        is_notice=is_notice,
        may_report=pl.col("is_all_proven")
        & (pl.col("fewest_reminders") >= pl.col("bureau_reminders"))
        & (waited >= pl.col("bureau_days")),
    ).with_columns(
        message_level=pl.when(pl.col("quiet_until").is_null()).then(
            pl.when(is_dunned).then(pl.col("top_level")).when(is_notice).then(pl.lit(0, pl.Int16))
        )
    )


def measures(table: pl.DataFrame, steps: pl.DataFrame, on: date) -> pl.DataFrame:
    """The message of each case that gets one: its step, its channel and its pay-by date.

    Parameters
    ----------
    table : as from `case_table`, plus can_post, can_email Boolean · land · last_fact_no ·
        letter_cost_post_cents, letter_cost_email_cents (the creditor's own; null = the procedure's)
    steps : as from `step_table`
    on : the day of the message

    Returns
    -------
    case_id · step_id · level · channel (null = none usable) · procedure · pay_by Date (null for the
    notice before due) · is_dunning · charges_letter_cost · charges_lump_sum · letter_cost_cents ·
    fact_no
    """
    chosen = (
        table.filter(pl.col("message_level").is_not_null())
        .rename({"message_level": "level"})
        .join(
            steps.rename({"next_level": "level"}),
            on=["procedure", "level"],
            maintain_order="left",
        )
    )
    first, second = _usable("channel_1"), _usable("channel_2")
    chosen = chosen.with_columns(
        channel=pl.when(first).then(pl.col("channel_1")).when(second).then(pl.col("channel_2")),
        letter_cost_cents=pl.when(first).then(_cost(1)).otherwise(_cost(2)),
        pay_by=(pl.lit(on).cast(pl.Int32) + pl.col("pay_by_days")).cast(pl.Date),
    )
    return chosen.with_columns(pay_by=calendar.next_working_days(chosen["pay_by"], chosen["land"])).select(
        "case_id",
        "step_id",
        "level",
        "channel",
        "procedure",
        "pay_by",
        "is_dunning",
        "charges_letter_cost",
        "charges_lump_sum",
        "letter_cost_cents",
        fact_no="last_fact_no",
    )


def _usable(channel: str) -> pl.Expr:
    word = pl.col(channel)
    return ((word == Channel.POST.value) & pl.col("can_post")) | (
        (word == Channel.EMAIL.value) & pl.col("can_email")
    )


def _cost(number: int) -> pl.Expr:
    """What a letter costs: the step's own figure, else the creditor's, else the procedure's."""
    is_post = pl.col(f"channel_{number}") == Channel.POST.value
    of_creditor = pl.when(is_post).then("letter_cost_post_cents").otherwise("letter_cost_email_cents")
    return pl.coalesce(f"own_cost_{number}", of_creditor, f"cost_{number}")


def items_of(chosen: pl.DataFrame, scheduled: pl.DataFrame, steps: pl.DataFrame, on: date) -> pl.DataFrame:
    """What each message lists: all that is overdue, or, before due, what will soon be.

    Items whose own step is due climb; the others keep their level and step (`listed` before their
    first). An item triggers default where its own step demands payment and it is not in default yet.

    Parameters
    ----------
    chosen : as from `measures`
    scheduled : as from `schedule`, with default_began_on

    Returns
    -------
    case_id · claim_id · step_id · level · climbs · open_cents · triggers_default · is_in_default ·
    is_top (climbs to the message's own level) · step_charges_lump_sum · due_on · next_on · kind ·
    jurisdiction · currency · is_consumer · obligation_arose_on
    """
    listed = scheduled.join(
        chosen.select("case_id", message_level="level"), on="case_id", maintain_order="left"
    ).filter(
        pl.when(pl.col("message_level") == 0).then(pl.col("status") == NOTICE).otherwise(pl.col("is_overdue"))
    )
    own = steps.select("procedure", level="next_level", own_step="step_id", own_is_dunning="is_dunning")
    listed = listed.join(
        own.filter(pl.col("level") > 0), on=["procedure", "level"], how="left", maintain_order="left"
    )
    notice = steps.filter(pl.col("next_level") == 0).select("procedure", notice_step="step_id")
    listed = listed.join(notice, on="procedure", how="left", maintain_order="left")
    is_notice = pl.col("message_level") == 0
    climbs = (pl.col("status") == DUE) | is_notice
    demands = (
        pl.when(is_notice)
        .then(False)
        .when(climbs)
        .then(pl.col("step_is_dunning"))
        .otherwise("own_is_dunning")
    ).fill_null(False)
    in_default = pl.col("default_began_on").is_not_null() & (pl.col("default_began_on") <= on)
    return listed.select(
        "case_id",
        "claim_id",
        step_id=pl.when(is_notice)
        .then(pl.col("notice_step"))
        .when(climbs)
        .then(pl.col("step_id"))
        .otherwise(pl.col("own_step").fill_null(LISTED)),
        level=pl.when(is_notice).then(pl.lit(0, pl.Int16)).when(climbs).then("next_level").otherwise("level"),
        climbs=climbs,
        open_cents="ask_cents",
        triggers_default=demands & ~in_default,
        is_in_default=in_default,
        is_top=climbs & ~is_notice & (pl.col("next_level") == pl.col("message_level")),
        step_charges_lump_sum=climbs & ~is_notice & pl.col("step_charges_lump_sum").fill_null(False),
        due_on="due_on",
        next_on="next_on",
        kind="kind",
        jurisdiction="jurisdiction",
        currency="currency",
        is_consumer="is_consumer",
        obligation_arose_on="obligation_arose_on",
    )


def reasons(table: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """Why a case without message gets none, as candidates.

    These reasons describe how the items stand, so they follow what there is: nothing overdue, little
    overdue, a step due too soon after the last message, a procedure at its end (a person must act:
    this goes before waiting), and last waiting.

    Parameters
    ----------
    table : as from `case_table`
    steps : as from `step_table`
    """
    silent = table.filter(pl.col("message_level").is_null()).join(
        steps.select("procedure", first_level="next_level", next_step="step_id"),
        on=["procedure", "first_level"],
        how="left",
        maintain_order="left",
    )
    step = pl.col("next_step").fill_null("end")
    proposal = (
        pl.when((pl.col("propose") == "bureau_report") & ~pl.col("may_report").fill_null(False))
        .then(pl.lit("bureau_conditions_not_met"))
        .otherwise(pl.format("propose_{}", "propose"))
    )
    nothing = pl.col("overdue_cents") == 0
    little = pl.col("overdue_cents") <= pl.col("tolerance_cents")
    return silent.select(
        "case_id",
        rank=pl.when(nothing)
        .then(_rank(HeldReason.NOT_YET_DUE))
        .when(little)
        .then(_rank(HeldReason.WITHIN_TOLERANCE))
        .when(pl.col("is_due"))
        .then(_rank(HeldReason.MIN_INTERVAL))
        .when(pl.col("is_ended"))
        .then(_rank(HeldReason.PROCEDURE_ENDED))
        .otherwise(_rank(HeldReason.WAITING)),
        detail=pl.when(nothing)
        .then(step)
        .when(little)
        .then(pl.lit(""))
        .when(pl.col("is_due"))
        .then(pl.lit(""))
        .when(pl.col("is_ended"))
        .then(proposal)
        .otherwise(step),
        next_look_on=pl.when(~nothing & ~little & pl.col("is_due"))
        .then(pl.col("quiet_until"))
        .otherwise(pl.col("first_on")),
    )


def _rank(reason: HeldReason) -> pl.Expr:
    return pl.lit(RANK[reason], pl.Int16)
