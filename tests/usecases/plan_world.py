"""A small book with one creditor for the tests of plans and direct debits; time passes by `days`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from tests.records import worlds

from mahnwerk.frames import Role
from mahnwerk.records import load, mandates
from mahnwerk.records.models import Case, Creditor, Mandate
from mahnwerk.usecases import clock, day, facts
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.opening import OpenBook

PROCEDURE = "consumers@2026-11"
IDENTIFIER = "DE98ZZZ09999999999"


@dataclass
class PlanWorld:
    """One case of one creditor; every verb is what a person or the bank does on a day."""

    book: OpenBook
    reference: str

    @contextmanager
    def on(self, day_: date) -> Iterator[OpenBook]:
        with clock.use_clock(lambda: datetime.combine(day_, time(9), UTC)):
            yield self.book

    def runs(self, day_: date) -> day.DayReport:
        with self.on(day_) as book:
            return day.run_day(book, day_, confirm_day=True)

    def fact(self, kind: str, day_: date, **more: Any) -> facts.AddedFact:
        with self.on(day_) as book:
            return facts.add(book, self.reference, kind, on=day_, **more)

    def pays(self, day_: date, amount: str, **more: Any) -> facts.AddedFact:
        return self.fact("payment_received", day_, amount=amount, **more)

    def by(self, actor: str) -> PlanWorld:
        return PlanWorld(replace(self.book, actor=actor), self.reference)


def make(
    tenant_id: int, folder: Path, *rows: dict[str, Any], role: Role = Role.OWN, key: str = "shop"
) -> PlanWorld:
    """A case with the claims of these rows (as `worlds.claim_row` takes them)."""
    creditor_id = worlds.creditor(tenant_id, key)
    Creditor.objects.filter(id=creditor_id).update(procedure=PROCEDURE, iban="DE89370400440532013000")
    if role is not Role.OWN:
        Mandate.objects.create(
            tenant_id=tenant_id, creditor_id=creditor_id, role=role, given_on=date(2026, 3, 3)
        )
    given = rows or ({"amount_cents": 30_000},)
    made = [worlds.claim_row(number, creditor_key=key, **row) for number, row in enumerate(given, start=1)]
    worlds.import_rows(tenant_id, *made)
    case = Case.objects.filter(creditor_id=creditor_id).order_by("id")[0]
    book = OpenBook(BookPlace("test", folder, folder / "outbox"), tenant_id, "clerk")
    return PlanWorld(book, case.case_reference)


def many(
    tenant_id: int, folder: Path, count: int, key: str = "shop", sequence: str = "FRST", **row: Any
) -> PlanWorld:
    """As `make`, with one claim in each of `count` cases, and an open mandate M-1 … in each."""
    given = [{"customer_number": f"K-{number}", **row} for number in range(1, count + 1)]
    made = make(tenant_id, folder, *given, key=key)
    mine = Case.objects.filter(tenant_id=tenant_id, creditor__key=key)
    cases = mine.order_by("case_reference").values_list("id", flat=True)
    persons = load.persons(tenant_id, list(cases))
    mandates.add_many(
        tenant_id,
        [
            {
                "case_id": case_id,
                "person_id": persons[case_id].person_id,
                "reference": f"M-{number}" if key == "shop" else f"M-{key}-{number}",
                "creditor_identifier": IDENTIFIER,
                "signed_on": date(2026, 1, 5),
                "notice_days": 14,
                "sequence": sequence,
                "name": "Änne Größler-Weiß",
                "iban": "DE02120300000000202051",
            }
            for number, case_id in enumerate(cases, start=1)
        ],
        recorded_at=worlds.NOW,
    )
    return made
