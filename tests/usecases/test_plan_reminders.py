"""Two months of a plan as its debtor sees them: missed, paid late, returned; each told of once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.usecases.conftest import FIRST
from tests.usecases.plan_lives import CASE, Life


@pytest.fixture
def life(kiosk: Any, at: Callable[[int], None]) -> Life:
    return Life(kiosk, at)


def test_missed_told_paid_late_returned_and_told_again_of_the_next_one(life: Life) -> None:
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import Fact
    from mahnwerk.usecases import facts, plans
    from mahnwerk.usecases.why import why

    # 4 May passes without the first 25 euro. For seven days nothing happens.
    assert life.goes(5, 11)["detail"] == "instalment_late 2026-05-04"
    assert life.told() == []
    # On the eighth the run writes by itself, and sends it.
    assert life.goes(5, 12)["reason"] == "plan_kept"  # seen after the sending: told, now it rests
    (first,) = life.told()
    assert (first.demanded_cents, first.fee_cents, first.is_dunning, first.level) == (25_00, 0, False, 0)
    assert first.pay_by == dt.date(2026, 5, 26)
    text = life.letter(f"{CASE}_plan_reminder_1.eml")
    for words in (
        "25,00 € bis 26. Mai 2026",
        "Rate Nr. 1, fällig am 04.05.2026",
        "freundliche Erinnerung und keine Mahnung. Sie kostet Sie nichts.",
        "eine kleinere Rate, ein anderer Tag oder eine Pause",
        "Erst wenn später zwei volle Raten fehlen",
        "Schuldnerberatung",
        "Mara Lind",
    ):
        assert words in text
    assert "Verzug" not in text
    # The second run of the day, and the days after it, send nothing more.
    for day in (12, 13, 20, 27):
        life.goes(5, day)
    assert len(life.told()) == 1
    told = why(life.book, CASE, dt.date(2026, 5, 13))
    assert [row["state"] for row in told.messages if row["step_id"] == "plan_reminder"] == ["sent"]
    assert plans.show(life.book, CASE, dt.date(2026, 5, 27))[0].reminded_on == dt.date(2026, 5, 12)
    # He pays late, and the second one in time: nobody writes.
    late = life.pays(5, 28)
    life.pays(6, 1)
    assert life.goes(6, 10)["detail"] == "next_instalment 2026-07-06"
    # The bank takes the late payment back. Now what he paid covers the first; the second is missing, past
    # its grace, and he was never told of it.
    facts.add(life.book, CASE, "payment_returned", on=dt.date(2026, 6, 15), voids=late.fact_no)
    life.goes(6, 15)
    assert [message.cycle for message in life.told()] == [1, 2]
    assert "Rate Nr. 2, fällig am 05.06.2026" in life.letter(f"{CASE}_plan_reminder_2.eml")
    life.pays(6, 16)
    assert life.goes(6, 30)["detail"] == "next_instalment 2026-07-06"
    # In all this time: two kind words, no cost, no dunning, and the plan stands.
    mine = Fact.objects.filter(case__case_reference=CASE)
    kinds = [FactKind(kind) for kind in mine.values_list("kind", flat=True)]
    assert FactKind.COST_INCURRED not in kinds
    assert FactKind.PLAN_BROKEN not in kinds


def test_only_after_two_missed_told_and_unanswered_the_rest_falls_due(life: Life) -> None:
    from mahnwerk.usecases import plans

    def state(month: int, day: int) -> str:
        return plans.show(life.book, CASE, dt.date(2026, month, day))[0].state

    life.goes(5, 12)
    life.goes(6, 12)
    assert len(life.told()) == 1
    assert state(6, 12) == "missed"  # the second, of 5 June, is late but not missed
    life.goes(6, 13)
    assert [message.demanded_cents for message in life.told()] == [25_00, 50_00]
    text = life.letter(f"{CASE}_plan_reminder_2.eml")
    assert "2 Raten" in text or "zwei Raten" in text
    assert "endet der Plan und der Rest wird auf einmal fällig" in text
    assert life.goes(6, 29)["reason"] == "plan_kept"  # the last day to answer
    life.goes(6, 30)
    assert state(6, 30) == "broken"


def test_who_answers_keeps_the_plan(life: Life) -> None:
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import Fact
    from mahnwerk.usecases import facts

    def is_broken() -> bool:
        return Fact.objects.filter(case__case_reference=CASE, kind=FactKind.PLAN_BROKEN).exists()

    for month, day in ((5, 12), (6, 13)):
        life.goes(month, day)
    assert [message.demanded_cents for message in life.told()] == [25_00, 50_00]
    facts.add(life.book, CASE, "negotiation_began", on=dt.date(2026, 6, 20))
    life.goes(6, 30)
    life.goes(7, 2)
    assert not is_broken()
    facts.add(life.book, CASE, "negotiation_ended", on=dt.date(2026, 7, 3))
    life.goes(7, 4)
    assert is_broken()


def test_a_letter_stopped_in_the_middle_leaves_once(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import outbox, sending

    confirm = outbox.confirm

    def dies(tenant_id: int, message_id: int, *rest: Any) -> bool:
        if Message.objects.get(id=message_id).step_id == "plan_reminder":
            raise KeyboardInterrupt
        return confirm(tenant_id, message_id, *rest)

    monkeypatch.setattr(outbox, "confirm", dies)
    with pytest.raises(KeyboardInterrupt):
        life.goes(5, 12)
    assert life.told() == []
    monkeypatch.setattr(outbox, "confirm", confirm)
    sending.send(life.book, dt.date(2026, 5, 12), confirm_day=True)
    assert life.told() == []  # its lease still runs
    life.goes(5, 13)
    assert [message.attempt for message in life.told()] == [1]
    assert len(list(Path(life.book.place.outbox).glob(f"{CASE}_plan_reminder*"))) == 1
    life.goes(5, 14)
    assert len(life.told()) == 1


def test_a_promise_rests_the_reminder_until_its_day_and_when_broken_it_goes_on(life: Life) -> None:
    from mahnwerk.usecases import facts
    from mahnwerk.usecases.why import why

    facts.add(life.book, CASE, "promise_to_pay", on=dt.date(2026, 5, 10), until=dt.date(2026, 5, 20))
    assert life.goes(5, 12)["reason"] == "promise_pending"
    assert life.goes(5, 20)["reason"] == "promise_pending"
    assert life.told() == []
    life.goes(5, 21)
    assert len(life.told()) == 1
    assert len(why(life.book, CASE, dt.date(2026, 5, 21)).promises_not_kept) == 1


def test_whom_the_run_cannot_write_to_a_person_is_asked_to_tell(life: Life) -> None:
    from mahnwerk.usecases import day, facts, plan_reminders

    on = dt.date(2026, 5, 12)
    facts.add(life.book, CASE, "contact_banned", on=dt.date(2026, 5, 1), code="email")
    facts.add(life.book, CASE, "address_unknown", on=dt.date(2026, 5, 1))
    life.at((on - FIRST).days * 24)
    assert day.run_day(life.book, on, confirm_day=True).plans_to_remind == [CASE]
    assert plan_reminders.remind(life.book, CASE, channel="phone", on=on).is_recorded
    assert day.run_day(life.book, on, confirm_day=True).plans_to_remind == []
