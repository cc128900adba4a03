"""The daily run: plan the day and record the plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Book, DayPlan, FactKind, HeldReason
from mahnwerk.kernel import limitation
from mahnwerk.kernel.daily_run import Decided, decide, ruleset
from mahnwerk.kernel.facts import live_facts
from mahnwerk.kernel.notices import fees_to_void
from mahnwerk.law import load_laws
from mahnwerk.records import facts, load, save
from mahnwerk.records.models import Run
from mahnwerk.usecases import attempts, clock, plan_run, procedures, rests
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.errors import DayRefused
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

FAR_AHEAD: Final = dt.timedelta(days=35)
"""A day further ahead than this needs a word of confirmation: a clock may be wrong (decision 0005)."""
NEEDS_PERSON: Final = (HeldReason.DATA_ERROR, HeldReason.LAW_GAP)
"""Reasons to hold that only a person can end: broken data, or law nobody has entered."""


FIRST_CASES: Final = 5
"""So many cases are named of those that will soon be time-barred."""


@dataclass(frozen=True)
class DayReport:
    """What one run found and recorded."""

    on: dt.date
    is_dry_run: bool
    case_count: int
    measure_count: int
    held_count: int
    recorded_count: int
    law_hash: str
    coverage_hash: str
    measures: list[dict[str, Any]]
    held: list[dict[str, Any]]
    plans_to_remind: list[str] = field(default_factory=list)
    """Cases with a missed instalment whose debtor only a person can tell: `mahnwerk plan remind`."""
    plans_not_collected: list[str] = field(default_factory=list)
    """Cases with an instalment that was ours to collect by direct debit, and is not there."""
    plans_not_as_signed: list[str] = field(default_factory=list)
    """Cases with a plan on record that does not have the hash agreed: nothing is done to it."""
    rests_written_off: int = 0
    """Claims on which a payment left short no more than the procedure's tolerance (`fact rests`)."""
    rests_taken_back: int = 0
    """Such write-offs taken back, since the claim is open again."""
    barred_soon: list[dict[str, Any]] = field(default_factory=list)
    """Per currency: claims, cases, open principal, last safe day of the first, and the first few cases."""

    @property
    def needs_person(self) -> bool:
        """Some case is held because its data or the law are incomplete."""
        return any(row["reason"] in NEEDS_PERSON for row in self.held)


def last_run_on(book: OpenBook) -> dt.date | None:
    """The latest day this book was run for."""
    return Run.objects.filter(tenant_id=book.tenant_id).order_by("-on").values_list("on", flat=True).first()


def guard(book: OpenBook, on: dt.date, *, confirm_day: bool = False) -> None:
    """Refuse a day that cannot be meant (decision 0005).

    Raises
    ------
    DayRefused
        The day lies before the book's last run; or, without confirmation, more than 35 days after the
        last run or after today.
    """
    last, today = last_run_on(book), clock.today()
    if last is not None and on < last:
        raise DayRefused(
            f"book {book.place.name}: {on} lies before its last run, {last}: it would change what was said.",
            f"Use --on {last} or a later day.",
        )
    if on > (last or today) + FAR_AHEAD and not confirm_day:
        since = f"its last run, {last}" if last is not None else f"today, {today}"
        raise DayRefused(
            f"book {book.place.name}: {on} lies more than {FAR_AHEAD.days} days after {since}.",
            "If the day is right, add --confirm-day; otherwise name it with --on.",
        )


def run_day(
    book: OpenBook,
    on: dt.date,
    *,
    dry_run: bool = False,
    confirm_day: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DayReport:
    """Plan the day for every case and record the plan.

    Each open case stands in it once, with a measure or with the reason to hold. Running it again on
    the same day records nothing new; stopped anywhere and started again, it goes on where it was.

    Parameters
    ----------
    on : the day; every rule is asked for it, none reads the clock
    dry_run : plan only
    confirm_day : the day is meant although it lies far ahead

    Raises
    ------
    DayRefused
        See `guard`.
    """
    guard(book, on, confirm_day=confirm_day)
    laws, known = load_laws(), procedures.of_book(book.place)
    rules = ruleset(laws, known)
    run_id, plans = None, plan_run.PlanRun(0, 0, [], [], [])
    small = rests.RestsReport(on, dry_run)
    if not dry_run:
        run_id = save.start_run(book.tenant_id, on, law_hash=rules, at=clock.now())
        reached("run started")
        plans = plan_run.execute(book, on)
        small = rests.execute(book, on)
    tally, saved = _Tally(), save.SavedPlan()
    shards = load.shards(book.tenant_id)
    for number, shard in enumerate(shards):
        cases = load.book(book.tenant_id, case_range=shard, on=on)
        result = decide(cases, laws, on, procedures=known)
        if run_id is not None and _void_fees(book, cases, result, on):
            cases = load.book(book.tenant_id, case_range=shard, on=on)
            result = decide(cases, laws, on, procedures=known)
        plan = result.plan
        tally.add(plan, cases.cases)
        tally.warn(limitation.ending_soon(result.limitation, plan.balances, on), cases.cases)
        if run_id is not None:
            saved += save.day_plan(book.tenant_id, run_id, plan, on, shard_no=number)
            tally.again += attempts.plan_again(book, run_id, plan, on, cases.notices)
        progress(number + 1, len(shards))
    report = replace(
        tally.report(on, dry_run, saved, rules),
        plans_to_remind=plans.to_remind,
        plans_not_collected=plans.not_collected,
        plans_not_as_signed=plans.not_as_signed,
        rests_written_off=small.claims,
        rests_taken_back=small.taken_back,
    )
    if run_id is not None:
        _finish(book, run_id, report, saved)
    return report


def _void_fees(book: OpenBook, cases: Book, result: Decided, on: dt.date) -> int:
    """Take back, by counter-facts, what letters cost that never arrived or asked for nothing owed.

    A payment that crossed a letter, or a bounce learnt later, makes its cost groundless (decision 0003);
    the letter's bytes stay. Told twice it is one counter-fact. Returns how many costs were voided.
    """
    groundless = fees_to_void(live_facts(cases.facts, on), result.evidence, result.groundless)
    rows = groundless.select(
        "case_id",
        voids_fact_no="fact_no",
        kind=pl.lit(int(FactKind.VOIDED), pl.Int16),
        effective_on=pl.lit(on),
        code=pl.col("reason"),
        source_key=pl.format("fee_voided:{}:{}", "case_id", "fact_no"),
    )
    if rows.is_empty():
        return 0
    facts.append(book.tenant_id, rows, recorded_at=clock.now())
    return rows.height


def _finish(book: OpenBook, run_id: int, report: DayReport, saved: save.SavedPlan) -> None:
    counts = {
        "cases": report.case_count,
        "measures": report.measure_count,
        "held": report.held_count,
        "recorded": report.recorded_count,
        "skipped": saved.skipped,
    }
    reached("run saved")
    save.finish_run(book.tenant_id, run_id, at=clock.now(), counts=counts, coverage=report.coverage_hash)
    note(book, "run_day", on=report.on, detail={"run_id": run_id, **counts})


class _Tally:
    """Counts over the shards of a run."""

    def __init__(self) -> None:
        self.measures: list[pl.DataFrame] = []
        self.held: list[pl.DataFrame] = []
        self.barred_soon: list[pl.DataFrame] = []
        self.cases = 0
        self.again = 0

    def warn(self, soon: pl.DataFrame, cases: pl.DataFrame) -> None:
        """Keep the claims of `limitation.ending_soon` with their case's name."""
        named = cases.select("case_id", "case_reference", "currency")
        self.barred_soon.append(soon.join(named, on="case_id"))

    def add(self, plan: DayPlan, cases: pl.DataFrame) -> None:
        self.cases += cases.height
        lump_sums = plan.measure_items.group_by("case_id").agg(lump_cents=pl.col("lump_sum_cents").sum())
        self.measures.append(
            plan.measures.join(cases.select("case_id", "currency"), on="case_id")
            .join(lump_sums, on="case_id", how="left")
            .select(
                "step_id",
                "channel",
                "currency",
                "demanded_cents",
                fee_cents=pl.col("fee_cents") + pl.col("lump_cents").fill_null(0),
            )
        )
        self.held.append(plan.held.select("reason", "next_look_on"))

    def report(self, on: dt.date, dry_run: bool, saved: save.SavedPlan, law_hash: str) -> DayReport:
        """The counts by step and channel, and by reason."""
        measures = pl.concat(self.measures) if self.measures else None
        held = pl.concat(self.held) if self.held else None
        by_step = [] if measures is None else _by_step(measures)
        by_reason = [] if held is None else _by_reason(held)
        return DayReport(
            on=on,
            is_dry_run=dry_run,
            case_count=self.cases,
            measure_count=sum(row["cases"] for row in by_step),
            held_count=sum(row["cases"] for row in by_reason),
            recorded_count=saved.opened + saved.planned + saved.replanned + saved.withdrawn + self.again,
            law_hash=law_hash,
            coverage_hash=saved.coverage,
            measures=by_step,
            held=by_reason,
            barred_soon=_by_currency(pl.concat(self.barred_soon)) if self.barred_soon else [],
        )


def _by_step(measures: pl.DataFrame) -> list[dict[str, Any]]:
    grouped = measures.group_by("step_id", "channel", "currency").agg(
        cases=pl.len(), demanded_cents=pl.col("demanded_cents").sum(), fee_cents=pl.col("fee_cents").sum()
    )
    return grouped.sort("step_id", "channel", "currency").to_dicts()


def _by_currency(soon: pl.DataFrame) -> list[dict[str, Any]]:
    by_case = soon.sort("warn_on", "case_reference")
    grouped = by_case.group_by("currency", maintain_order=True).agg(
        claims=pl.len().cast(pl.Int64),
        cases=pl.col("case_id").n_unique().cast(pl.Int64),
        principal_open_cents=pl.col("principal_open_cents").sum(),
        first_on=pl.col("warn_on").min(),
        first_cases=pl.col("case_reference").unique(maintain_order=True).head(FIRST_CASES),
    )
    return grouped.sort("currency").to_dicts()


def _by_reason(held: pl.DataFrame) -> list[dict[str, Any]]:
    grouped = held.group_by("reason").agg(
        cases=pl.len().cast(pl.Int64), next_look_on=pl.col("next_look_on").min()
    )
    order = {reason.value: rank for rank, reason in enumerate(HeldReason)}
    rank = pl.col("reason").replace_strict(order, default=99, return_dtype=pl.Int64)
    return grouped.sort(pl.col("cases").cast(pl.Int64).neg(), rank).to_dicts()
