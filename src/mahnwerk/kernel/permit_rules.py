"""The questions each message must pass, asked anew of what the plan wants to send.

They look at the finished message and at the facts, not at the way the plan came to it. What is not
answered with yes is refused.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import Channel, HeldReason
from mahnwerk.kernel.holds import RANK
from mahnwerk.kernel.notices import DEBIT_NOTICE, DISPROVED, PLAN_REMINDER

RULES: Final = {
    "channel_usable": "The debtor can be written to by this channel.",
    "something_owed": "The message asks for what its items owe, and that is more than nothing.",
    "above_tolerance": "The sum is above the amount for which nobody is written to.",
    "nothing_blocked": "No item is closed, disputed as a whole, deferred, in court, time-barred or held.",
    "due_as_said": "A reminder lists only what is overdue, a notice before due only what is not yet due.",
    "one_step": "No item climbs more than one step, and none climbs beyond the message.",
    "interval_kept": "The last message was received long enough ago.",
    "pay_by_ahead": "The pay-by date lies ahead.",
    "not_sent_before": "The case has not had this step for these items already.",
    "no_fee_for_default": "A message that puts somebody in default charges nothing.",
    "lump_sum_lawful": "No consumer is asked for a lump sum, and nobody for it beside a letter cost.",
    "debit_in_time": "A direct debit is announced as many days ahead as agreed; nothing else announces one.",
    "rate_missed": "A plan's reminder asks for rates past their days of grace only; nothing else is one.",
}
"""Rule id → what yes means."""


def answers(
    measures: pl.DataFrame,
    items: pl.DataFrame,
    states: pl.DataFrame,
    table: pl.DataFrame,
    sent: pl.DataFrame,
    on: date,
) -> pl.DataFrame:
    """Answer every rule for every message of a plan.

    Parameters
    ----------
    measures, items : MEASURES, MEASURE_ITEMS
    states : claim_id · block_rank · is_closed · due_on · level Int16 (before the message) ·
        open_cents · disputed_cents
    table : case_id · can_post · can_email · is_consumer · tolerance_cents · min_interval_days ·
        last_message_on
    sent : NOTICES plus evidence
    on : the day of the message

    Returns
    -------
    case_id and one Boolean column per rule; an answer that cannot be given is False.
    """
    by_case = _by_case(measures, items, states, on)
    used = (
        sent.filter(pl.col("evidence") != DISPROVED)
        .select("case_id", "cycle", step_id="message_step_id", is_used=pl.lit(True))
        .unique()
    )
    wide = (
        measures.join(by_case, on="case_id", how="left", maintain_order="left")
        .join(table, on="case_id", how="left", maintain_order="left")
        .join(used, on=["case_id", "step_id", "cycle"], how="left", maintain_order="left")
    )
    channel = pl.col("channel")
    quiet = pl.col("last_message_on").cast(pl.Int32) + pl.col("min_interval_days")
    today = pl.lit(on).cast(pl.Int32)
    given = {
        "channel_usable": ((channel == Channel.POST.value) & pl.col("can_post"))
        | ((channel == Channel.EMAIL.value) & pl.col("can_email")),
        "something_owed": pl.col("is_owed")
        & (pl.col("demanded_cents") == pl.col("listed_cents"))
        & (pl.col("demanded_cents") > 0),
        "above_tolerance": pl.col("demanded_cents") > pl.col("tolerance_cents"),
        "nothing_blocked": pl.col("nothing_blocked"),
        "due_as_said": pl.col("due_as_said"),
        "one_step": pl.col("one_step"),
        "interval_kept": pl.col("last_message_on").is_null() | (quiet <= today),
        "pay_by_ahead": pl.col("pay_by").is_not_null() & (pl.col("pay_by") > on),
        "not_sent_before": pl.col("is_used").is_null(),
        "no_fee_for_default": (pl.col("fee_cents") == 0) | ~pl.col("puts_in_default"),
        "lump_sum_lawful": (pl.col("lump_sum_cents") == 0)
        | (~pl.col("is_consumer") & (pl.col("fee_cents") == 0)),
        # Reminders of plans are asked in `plan_reminders`, announcements of direct debits in
        # `debit_notices`; one that came this way would be dunning.
        "rate_missed": pl.col("step_id") != PLAN_REMINDER,
        "debit_in_time": pl.col("step_id") != DEBIT_NOTICE,
    }
    return wide.select("case_id", *[given[rule].fill_null(False).alias(rule) for rule in RULES])


def _by_case(measures: pl.DataFrame, items: pl.DataFrame, states: pl.DataFrame, on: date) -> pl.DataFrame:
    """What the rules need to know of a message's items, taken together."""
    known = items.join(
        states.select(
            "claim_id",
            "block_rank",
            "is_closed",
            "due_on",
            level_before="level",
            owed_cents=pl.col("open_cents") - pl.col("disputed_cents").fill_null(0),
        ),
        on="claim_id",
        how="left",
        maintain_order="left",
    ).join(measures.select("case_id", message_level="level"), on="case_id", how="left", maintain_order="left")
    is_notice = pl.col("message_level") == 0
    rise = pl.col("level") - pl.col("level_before").fill_null(0)
    return known.group_by("case_id").agg(
        listed_cents=pl.col("open_cents").sum(),
        is_owed=(pl.col("open_cents") == pl.col("owed_cents")).all(),
        nothing_blocked=(pl.col("block_rank").is_null() & ~pl.col("is_closed")).all(),
        due_as_said=pl.when(is_notice).then(pl.col("due_on") > on).otherwise(pl.col("due_on") < on).all(),
        one_step=(
            pl.when(pl.col("climbs") & ~is_notice).then(rise == 1).otherwise(rise == 0)
            & (~pl.col("climbs") | (pl.col("level") <= pl.col("message_level")))
        ).all()
        & pl.col("climbs").any(),
        puts_in_default=pl.col("triggers_default").any(),
        lump_sum_cents=pl.col("lump_sum_cents").sum(),
    )


def refusals(answered: pl.DataFrame) -> pl.DataFrame:
    """Candidates `not_permitted` for messages with a no: the first rule in the order of RULES."""
    first = pl.coalesce([pl.when(~pl.col(rule)).then(pl.lit(rule)) for rule in RULES])
    return answered.select(
        "case_id",
        rank=pl.lit(RANK[HeldReason.NOT_PERMITTED], pl.Int16),
        detail=first,
        next_look_on=pl.lit(None, pl.Date),
    ).filter(pl.col("detail").is_not_null())
