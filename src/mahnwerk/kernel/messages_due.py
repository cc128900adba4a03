"""From the steps that are due to messages ready to be written: items, costs, key, permission."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from mahnwerk.frames import MEASURE_ITEMS, MEASURES, HeldReason
from mahnwerk.kernel import dunning, holds, message_fees, notices, permit_rules
from mahnwerk.law import LawGap, Laws


@dataclass(frozen=True)
class Written:
    """The messages of a day, what they list, and what was refused."""

    measures: pl.DataFrame
    """MEASURES"""
    items: pl.DataFrame
    """MEASURE_ITEMS"""
    refused: pl.DataFrame
    """Candidates: no usable channel, unknown law, or a rule that said no."""
    answers: pl.DataFrame
    """As from `permit_rules.answers`."""


def write(
    table: pl.DataFrame,
    scheduled: pl.DataFrame,
    steps: pl.DataFrame,
    evidenced: pl.DataFrame,
    facts: pl.DataFrame,
    laws: Laws,
    on: date,
) -> Written:
    """Make the messages of a day complete, and ask for each whether it may leave.

    Parameters
    ----------
    table : as from `dunning.case_table`
    scheduled : as from `dunning.schedule`, with the columns of the claims' states
    steps : as from `dunning.step_table`
    evidenced : as from `notices.evidence`
    facts : FACTS, live
    laws, on : the law and the day of the message

    Returns
    -------
    Written; a case is in `measures` or in `refused`, never in both.
    """
    chosen = dunning.measures(table, steps, on)
    unreachable = chosen.filter(pl.col("channel").is_null())
    chosen = chosen.filter(pl.col("channel").is_not_null())
    evidenced = evidenced.join(chosen, on="case_id", how="semi", maintain_order="left")
    items = dunning.items_of(chosen, scheduled, steps, on)
    items = message_fees.lump_sums(items, facts, laws)
    refused = [_no_channel(unreachable)]
    try:
        fees = message_fees.letter_fees(chosen, items, laws, on)
    except LawGap as gap:
        stopped = chosen.filter("charges_letter_cost")
        refused.append(holds.candidates(stopped, HeldReason.LAW_GAP, gap.parameter))
        chosen = chosen.filter(~pl.col("charges_letter_cost"))
        items = items.join(stopped, on="case_id", how="anti", maintain_order="left")
        fees = message_fees.letter_fees(chosen, items, laws, on)
    measures = _measures(chosen, items, fees, evidenced)
    listed = items.select(list(MEASURE_ITEMS))
    states = scheduled.join(chosen, on="case_id", how="semi", maintain_order="left")
    answers = permit_rules.answers(measures, listed, states, _of_cases(table), evidenced, on)
    noes = permit_rules.refusals(answers)
    if noes.height:
        measures = measures.join(noes, on="case_id", how="anti", maintain_order="left")
        listed = listed.join(noes, on="case_id", how="anti", maintain_order="left")
    return Written(
        measures.sort("case_id"),
        listed.sort("case_id", "claim_id"),
        pl.concat([*refused, noes]),
        answers,
    )


def joined(first: Written, second: Written) -> Written:
    """Messages of different cases as one."""
    if second.measures.is_empty() and second.answers.is_empty():
        return first
    return Written(
        pl.concat([first.measures, second.measures]).sort("case_id"),
        pl.concat([first.items, second.items]).sort("case_id", "claim_id"),
        pl.concat([first.refused, second.refused]),
        pl.concat([first.answers, second.answers]),
    )


def _measures(
    chosen: pl.DataFrame, items: pl.DataFrame, fees: pl.DataFrame, evidenced: pl.DataFrame
) -> pl.DataFrame:
    summed = items.group_by("case_id").agg(
        demanded_cents=pl.col("open_cents").sum(),
        last_due_on=pl.col("due_on").max(),
        since=pl.col("next_on").filter(pl.col("climbs")).max(),
    )
    # The key must be new, except after proven non-delivery: then it is another attempt at the same one.
    had = (
        evidenced.filter(pl.col("evidence") != notices.DISPROVED)
        .group_by("case_id", step_id="message_step_id")
        .agg(had=pl.col("cycle").max())
    )
    return (
        chosen.join(summed, on="case_id", how="left", maintain_order="left")
        .join(fees, on="case_id", how="left", maintain_order="left")
        .join(had, on=["case_id", "step_id"], how="left", maintain_order="left")
        .with_columns(
            cycle=(pl.col("had").fill_null(0) + 1).cast(pl.Int32),
            # A notice before due sets no date of its own: it repeats the last due date it lists.
            pay_by=pl.coalesce("pay_by", "last_due_on"),
            reason=pl.when(pl.col("level") == 0)
            .then(pl.col("last_due_on").dt.to_string("due on %Y-%m-%d"))
            .otherwise(pl.col("since").dt.to_string("step due since %Y-%m-%d")),
        )
        .select(list(MEASURES))
    )


def _no_channel(unreachable: pl.DataFrame) -> pl.DataFrame:
    return unreachable.select(
        "case_id",
        rank=pl.lit(holds.RANK[HeldReason.NO_ADDRESS], pl.Int16),
        detail=pl.col("step_id"),
        next_look_on=pl.lit(None, pl.Date),
    )


def _of_cases(table: pl.DataFrame) -> pl.DataFrame:
    return table.select(
        "case_id",
        "can_post",
        "can_email",
        "is_consumer",
        "tolerance_cents",
        "min_interval_days",
        "last_message_on",
    )
