"""A plan we collect, with its letters: our omission is ours, a debit that came back is told of kindly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from tests.usecases.plan_lives import CASE, Life
from tests.usecases.test_direct_debits import IDENTIFIER

IBAN = "DE02120300000000202051"


@pytest.fixture
def life(kiosk: Any, at: Callable[[int], None]) -> Life:
    from mahnwerk.usecases import direct_debits

    made = Life(kiosk, at, by_debit=True)
    direct_debits.add_mandate(
        kiosk,
        CASE,
        reference="M-1",
        creditor_identifier=IDENTIFIER,
        signed_on=dt.date(2026, 3, 2),
        iban=IBAN,
    )
    return made


def collects(life: Life, month: int, day: int) -> Any:
    """The file of a day for the bank; its one order."""
    from mahnwerk.records.models import DebitOrder
    from mahnwerk.usecases import debit_files

    debit_files.create(life.book, "kiosk", dt.date(2026, month, day))
    return DebitOrder.objects.order_by("-id").first()


def refused(life: Life, order: Any, month: int, day: int, reason: str = "AM04") -> None:
    from mahnwerk.records.models import DebitStatus
    from mahnwerk.usecases import clock

    DebitStatus.objects.create(
        tenant_id=life.book.tenant_id,
        order_id=order.id,
        word=DebitStatus.Word.REFUSED,
        reason=reason,
        on=dt.date(2026, month, day),
        recorded_at=clock.now(),
    )


def state(life: Life, month: int, day: int) -> str:
    from mahnwerk.usecases import plans

    return plans.show(life.book, CASE, dt.date(2026, month, day))[0].state


def test_nobody_made_a_file_so_a_person_is_told_and_not_the_debtor(life: Life) -> None:
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import Fact
    from mahnwerk.usecases import day, plans

    for month, on in ((5, 5), (5, 12), (6, 10), (7, 20)):
        assert life.goes(month, on)["detail"] == "instalment_not_collected 2026-05-04"
        assert life.told() == []
    assert state(life, 7, 20) == "not_collected"
    (view,) = plans.list_plans(life.book, dt.date(2026, 7, 20), state="not_collected")
    assert view.not_collected_since == dt.date(2026, 5, 4)
    report = day.run_day(life.book, dt.date(2026, 7, 20), confirm_day=True)
    assert (report.plans_not_collected, report.plans_to_remind) == ([CASE], [])
    assert not Fact.objects.filter(kind=FactKind.PLAN_BROKEN).exists()


def test_a_debit_that_came_back_is_told_of_as_that(life: Life) -> None:
    order = collects(life, 4, 29)
    assert life.goes(5, 11)["detail"] == "instalment_late 2026-05-04"
    refused(life, order, 5, 6)
    life.goes(5, 12)
    assert [row.demanded_cents for row in life.told()] == [25_00]
    text = life.letter(f"{CASE}_plan_reminder_1.eml")
    assert "Die Lastschrift kam von Ihrer Bank zurück" in text
    assert "keine Mahnung. Sie kostet Sie nichts." in text
    assert "ziehen wir wie vereinbart am 5. Juni 2026 ein" in text
    assert "untergegangen" not in text


def test_returned_by_the_bank_statement_it_is_the_same(life: Life) -> None:
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import Fact
    from mahnwerk.usecases import debit_files, facts

    order = collects(life, 4, 29)
    life.goes(5, 4)
    debit_files.book_credit(life.book, order.file.message_id, dt.date(2026, 5, 4))
    assert state(life, 5, 12) == "kept"
    mine = Fact.objects.filter(case__case_reference=CASE, kind=FactKind.PAYMENT_RECEIVED)
    paid = mine.latest("fact_no")
    facts.add(life.book, CASE, "payment_returned", on=dt.date(2026, 5, 20), voids=paid.fact_no)
    life.goes(5, 21)
    assert "Die Lastschrift kam von Ihrer Bank zurück" in life.letter(f"{CASE}_plan_reminder_1.eml")


def test_without_a_mandate_he_is_asked_to_pay_himself_before_anything_is_held_against_him(life: Life) -> None:
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import DebitMandate, Fact
    from mahnwerk.usecases import plan_reminders

    # Two were not collected. Then the mandate ends.
    life.goes(6, 20)
    DebitMandate.objects.update(ended_on=dt.date(2026, 6, 20))
    life.goes(6, 22)
    (first,) = life.told()
    assert first.demanded_cents == 50_00
    text = life.letter(f"{CASE}_plan_reminder_1.eml")
    assert "Bitte überweisen Sie sie von jetzt an selbst" in text
    assert "kein gültiges SEPA-Mandat" in text
    assert "Erst wenn auch danach" not in text
    told = plan_reminders.remind(life.book, CASE, on=dt.date(2026, 6, 22), dry_run=True)
    assert "Bitte überweisen Sie sie von jetzt an selbst" in told.text
    # He does not answer. The first word alone breaks nothing.
    life.goes(7, 12)
    assert not Fact.objects.filter(kind=FactKind.PLAN_BROKEN).exists()
    # The third is missed: he is told once more, and only now the day to answer by counts.
    life.goes(7, 14)
    (_, second) = life.told()
    assert "Erst wenn auch danach zwei volle Raten fehlen" in life.letter(f"{CASE}_plan_reminder_2.eml")
    life.goes(7, 28)
    assert not Fact.objects.filter(kind=FactKind.PLAN_BROKEN).exists()
    life.goes(7, 30)
    assert second.pay_by < dt.date(2026, 7, 30)
    assert Fact.objects.filter(kind=FactKind.PLAN_BROKEN).exists()
