"""What a replay did, for printing: which fact settled what, and the spans that bore interest."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from mahnwerk.frames import ALLOCATIONS, SPANS
from mahnwerk.kernel.interest import Days, half_up
from mahnwerk.kernel.replay import Ledger, Story


def allocations(story: Story) -> pl.DataFrame:
    """ALLOCATIONS of a walked book.

    What was settled out of a surplus is shown under the fact the surplus came from (first in, first
    out), on the day it was set off.
    """
    if story.walk is None or not story.walk.allocated:
        return pl.DataFrame(schema=ALLOCATIONS)
    event, claim, component, cents, from_surplus = (
        np.concatenate(part) for part in zip(*story.walk.allocated, strict=True)
    )
    frame = pl.DataFrame(
        {
            **story.event_columns(event),
            "claim_id": story.claims["claim_id"][claim],
            "component": pl.Series(component).cast(pl.Int16),
            "amount_cents": cents,
            "from_surplus": from_surplus,
            "turn": event,
        }
    )
    direct = frame.filter(~pl.col("from_surplus")).select(list(ALLOCATIONS))
    drawn = frame.filter("from_surplus")
    if drawn.is_empty():
        return direct
    return pl.concat([direct, _sourced(drawn, story)]).sort(
        "case_id", "effective_on", "fact_no", "claim_id", "component"
    )


def _sourced(drawn: pl.DataFrame, story: Story) -> pl.DataFrame:
    """Match what was drawn from each case's surplus with what went in, first in, first out."""
    assert story.walk is not None  # noqa: S101
    event, cents = (np.concatenate(part) for part in zip(*story.walk.drawn, strict=True))
    moves = pl.DataFrame({**story.event_columns(event), "turn": event, "cents": cents}).sort("turn")
    through = pl.col("cents").cum_sum().over("case_id")
    sources = (
        moves.filter(pl.col("cents") > 0)
        .with_columns(source_to=through, source_from=through - pl.col("cents"))
        .select("case_id", "source_from", "source_to", source_no="fact_no")
    )
    # Refunds draw on the surplus as well; settlements of one event share its draw row by row.
    own = drawn.select(*ALLOCATIONS, "turn")
    settled = own.select("case_id", "turn").unique()
    refunds = (
        moves.filter(pl.col("cents") < 0)
        .join(settled, on=["case_id", "turn"], how="anti")
        .with_columns(
            amount_cents=-pl.col("cents"),
            claim_id=pl.lit(None, pl.Int64),
            component=pl.lit(None, pl.Int16),
        )
        .select(*ALLOCATIONS, "turn")
    )
    used = pl.col("amount_cents").cum_sum().over("case_id")
    uses = (
        pl.concat([own, refunds])
        .sort("turn", "claim_id", "component")
        .with_columns(used_to=used, used_from=used - pl.col("amount_cents"))
    )
    overlap = pl.min_horizontal("used_to", "source_to") - pl.max_horizontal("used_from", "source_from")
    return (
        uses.join(sources, on="case_id")
        .with_columns(amount_cents=overlap, fact_no="source_no")
        .filter((pl.col("amount_cents") > 0) & pl.col("claim_id").is_not_null())
        .select(list(ALLOCATIONS))
    )


def spans(claims: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """SPANS of a ledger that kept its stretches: neighbours with the same principal are joined."""
    if not ledger.stretches:
        return pl.DataFrame(schema=SPANS)
    row, first, last, principal = (np.concatenate(part) for part in zip(*ledger.stretches, strict=True))
    order = np.lexsort((first, row))
    row, first, last, principal = row[order], first[order], last[order], principal[order]
    same = (np.diff(row) == 0) & (np.diff(principal) == 0) & (first[1:] == last[:-1] + 1)
    begins = np.flatnonzero(np.concatenate(([True], ~same))) if len(row) else np.zeros(0, dtype=np.int64)
    ends = np.append(begins[1:] - 1, len(row) - 1) if len(row) else begins
    row, first, last, principal = row[begins], first[begins], last[ends], principal[begins]
    parts = []
    for phase in ledger.rates.phases:
        start, stop = np.maximum(first, phase.first_day[row]), np.minimum(last, phase.last_day[row])
        keep = np.flatnonzero((start <= stop) & ~phase.is_unknown[row])
        own = row[keep]
        parts.append(
            pl.DataFrame(
                {
                    "case_id": claims["case_id"][own],
                    "claim_id": claims["claim_id"][own],
                    "first_day": pl.Series(start[keep]).cast(pl.Int32).cast(pl.Date),
                    "last_day": pl.Series(stop[keep]).cast(pl.Int32).cast(pl.Date),
                    "principal_cents": principal[keep],
                    "is_base_linked": phase.is_base_linked[own],
                    "margin_ppm": phase.margin_ppm[own],
                    "rule_id": pl.repeat(phase.rule_id, len(own), dtype=pl.String, eager=True),
                }
            ).cast(dict[Any, Any](SPANS))
        )
    parts += [_plan_spans(claims, stretch) for stretch in ledger.plan_stretches]
    return pl.concat(parts).sort("case_id", "claim_id", "first_day")


def _plan_spans(claims: pl.DataFrame, stretch: tuple[Days, Days, Days, Days, Days]) -> pl.DataFrame:
    row, first, last, principal, ppm = stretch
    return pl.DataFrame(
        {
            "case_id": claims["case_id"][row],
            "claim_id": claims["claim_id"][row],
            "first_day": pl.Series(first).cast(pl.Int32).cast(pl.Date),
            "last_day": pl.Series(last).cast(pl.Int32).cast(pl.Date),
            "principal_cents": principal,
            "is_base_linked": pl.repeat(False, len(row), eager=True),
            "margin_ppm": ppm,
            "rule_id": pl.repeat("interest.agreed", len(row), dtype=pl.String, eager=True),
        }
    ).cast(dict[Any, Any](SPANS))


def tomorrow(claims: pl.DataFrame, ledger: Ledger, day: int) -> pl.DataFrame:
    """Rate and interest of the day after the ledger's last, in thousandths of a cent."""
    every = slice(None)
    rate_days = ledger.rates.cumulated(every, day) - ledger.reached_rate_days
    runs = (ledger.paused == 0) & (ledger.principal > 0)
    unknown = ledger.rates.has_gap(every, ledger.reached, day) | ledger.has_gap
    rows = np.arange(claims.height)
    rate = ledger.rates.yearly(rows, np.full(claims.height, day, dtype=np.int64))
    by_plan = (ledger.plan_ppm > 0) & (ledger.principal > 0)
    if by_plan.any():
        agreed = ledger.plan_ppm * ledger.rates.weight_between(every, ledger.reached, day)
        rate_days, rate = np.where(by_plan, agreed, rate_days), np.where(by_plan, ledger.plan_ppm, rate)
        runs, unknown = runs | by_plan, unknown & ~by_plan
    exact = pl.col("principal").cast(pl.Int128) * pl.col("rate_days") * pl.lit(1000, pl.Int128)
    frame = pl.DataFrame(
        {
            "claim_id": claims["claim_id"],
            "rate": rate,
            "principal": ledger.principal,
            "rate_days": np.where(runs, rate_days, 0),
            "is_known": ~(unknown & runs),
            "bears": runs & (rate != 0),
        }
    )
    return frame.select(
        "claim_id",
        rate_ppm=pl.when(pl.col("is_known") & pl.col("bears")).then("rate"),
        interest_millicents=pl.when("is_known").then(half_up(exact, ledger.rates.denominator)),
    )
