"""What a payment left short by so little that nobody is written to: given up, so that the books close too.

The tolerance is the procedure's; a case that it holds stays open for good otherwise. The rest is written off
as a fact of its own, and taken back if the claim is open again, for example because the payment was returned.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
from django.db import transaction
from django.db.models import F

from mahnwerk.frames import Book, DayPlan, FactKind, HeldReason
from mahnwerk.kernel.accounts import TRUST_ROLES
from mahnwerk.kernel.daily_run import decide
from mahnwerk.kernel.facts import live_facts
from mahnwerk.law import load_laws
from mahnwerk.records import facts as fact_records
from mahnwerk.records import load
from mahnwerk.records.models import Decision, Fact
from mahnwerk.usecases import clock, four_eyes, procedures
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.opening import OpenBook

CODE: Final = "tolerance"
CHUNK: Final = 5_000
WAIT: Final = dt.timedelta(days=14)
"""So long after the last payment the debtor may still send the rest. Policy."""


@dataclass
class RestsReport:
    """What a run over the small rests changed."""

    on: dt.date
    is_dry_run: bool
    claims: int = 0
    cents: dict[str, int] = field(default_factory=dict)
    """Given up, per currency."""
    taken_back: int = 0


def write_off(book: OpenBook, on: dt.date, *, dry_run: bool = False) -> RestsReport:
    """Write off what payments left short within the procedure's tolerance; run again, it changes nothing.

    Only claims a payment was made on, of cases in which nothing else is open, two weeks after the last
    payment, and never more than one person may give up. A creditor we collect for decides that himself.
    """
    report = RestsReport(on, dry_run)
    for shard in load.shards(book.tenant_id):
        _look(book, load.book(book.tenant_id, case_range=shard, on=on), report)
    return report


def execute(book: OpenBook, on: dt.date) -> RestsReport:
    """The same as part of the daily run: only cases that an earlier run held for so little, and cases in
    which something happened since a rest of theirs was written off.
    """
    held = Decision.objects.filter(
        tenant_id=book.tenant_id,
        until_on=None,
        outcome="held",
        reason=HeldReason.WITHIN_TOLERANCE.value,
        # What a run of this very day held, the next day looks at: a second run records nothing new.
        from_on__lt=on,
    )
    given_up = Fact.objects.filter(
        tenant_id=book.tenant_id, kind=FactKind.WRITE_OFF, code=CODE, case__last_fact_no__gt=F("fact_no")
    )
    wanted = {*held.values_list("case_id", flat=True), *given_up.values_list("case_id", flat=True)}
    report, ordered = RestsReport(on, is_dry_run=False), sorted(wanted)
    for start in range(0, len(ordered), CHUNK):
        _look(book, load.book(book.tenant_id, case_ids=ordered[start : start + CHUNK], on=on), report)
    return report


def _look(book: OpenBook, cases: Book, report: RestsReport) -> None:
    """Find and record what is to be given up, or taken back, in some cases; add it to the report."""
    on = report.on
    plan = decide(cases, load_laws(), on, procedures=procedures.of_book(book.place)).plan
    rests, again = _rests(book, cases, plan, on), _open_again(cases, plan, on)
    currencies = rests.join(cases.cases.select("case_id", "currency"), on="case_id")
    for currency, cents in currencies.group_by("currency").agg(pl.col("amount_cents").sum()).iter_rows():
        report.cents[currency] = report.cents.get(currency, 0) + cents
    report.claims += rests.height
    report.taken_back += again.height
    told = [*_voids(again, on), *_write_offs(currencies, on)]
    if told and not report.is_dry_run:
        with transaction.atomic():
            fact_records.append(book.tenant_id, told, recorded_at=clock.now())
            note(book, "rests", on=on, detail={"claims": rests.height, "taken_back": again.height})


def _rests(book: OpenBook, cases: Book, plan: DayPlan, on: dt.date) -> pl.DataFrame:
    """case_id, claim_id, amount_cents, before (write-offs of rests so far) of what may be given up."""
    live = live_facts(cases.facts, on)
    small = plan.held.filter(pl.col("reason") == HeldReason.WITHIN_TOLERANCE.value).select("case_id")
    own = cases.cases.filter(~pl.col("role").is_in([int(role) for role in TRUST_ROLES]).fill_null(False))
    last = (
        live.filter(pl.col("kind") == int(FactKind.PAYMENT_RECEIVED))
        .group_by("case_id")
        .agg(last=pl.col("effective_on").max())
        .filter(pl.col("last") <= on - WAIT)
    )
    before = (
        cases.facts.filter((pl.col("kind") == int(FactKind.WRITE_OFF)) & (pl.col("code") == CODE))
        .group_by("claim_id")
        .agg(before=pl.len())
    )
    is_rest = (pl.col("due_on") < on) & (pl.col("principal_open_cents") < pl.col("principal_cents"))
    is_whole = is_rest.all().over("case_id") & (
        pl.col("open_cents").sum().over("case_id") <= four_eyes.limit_cents(book.place)
    )
    return (
        plan.balances.filter(pl.col("open_cents") > 0)
        .select("claim_id", "open_cents", "principal_open_cents")
        .join(cases.claims.select("case_id", "claim_id", "due_on", "principal_cents"), on="claim_id")
        .join(small, on="case_id", how="semi")
        .join(own, on="case_id", how="semi")
        .join(last, on="case_id", how="semi")
        .filter(is_whole.fill_null(False))
        .join(before, on="claim_id", how="left")
        .select("case_id", "claim_id", pl.col("before").fill_null(0), amount_cents="open_cents")
        .sort("case_id", "claim_id")
    )


def _open_again(cases: Book, plan: DayPlan, on: dt.date) -> pl.DataFrame:
    """case_id, fact_no of rests written off whose claim has something open again."""
    live = live_facts(cases.facts, on).filter(
        (pl.col("kind") == int(FactKind.WRITE_OFF)) & (pl.col("code") == CODE)
    )
    if live.is_empty():
        return live.select("case_id", "fact_no")
    balances = plan.balances.filter(pl.col("open_cents") > 0)
    return live.join(balances, on="claim_id", how="semi").select("case_id", "fact_no").sort("case_id")


def _write_offs(rests: pl.DataFrame, on: dt.date) -> Sequence[dict[str, Any]]:
    return [
        {
            "case_id": row["case_id"],
            "claim_id": row["claim_id"],
            "kind": FactKind.WRITE_OFF,
            "effective_on": on,
            "amount_cents": row["amount_cents"],
            "currency": row["currency"],
            "code": CODE,
            "source_key": f"{CODE}|{row['claim_id']}|{row['before'] + 1}",
        }
        for row in rests.iter_rows(named=True)
    ]


def _voids(again: pl.DataFrame, on: dt.date) -> Sequence[dict[str, Any]]:
    return [
        {
            "case_id": case_id,
            "kind": FactKind.VOIDED,
            "effective_on": on,
            "voids_fact_no": fact_no,
            "code": CODE,
            "source_key": f"{CODE}|back|{case_id}|{fact_no}",
        }
        for case_id, fact_no in again.iter_rows()
    ]
