"""Two plans, told aloud: one that stumbles and is kept to its end, one that breaks."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.usecases import plan_world
from tests.usecases.plan_world import PlanWorld

from mahnwerk.frames import FactKind
from mahnwerk.records.models import AuditEntry, Fact, Message
from mahnwerk.usecases import cases, plan_reminders, plans
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.plan_asks import read_ask
from mahnwerk.usecases.why import why

pytestmark = pytest.mark.django_db


def d(month: int, day: int, year: int = 2026) -> date:
    return date(year, month, day)


def reason(world: PlanWorld, on: date) -> tuple[str, str]:
    (row,) = cases.list_cases(world.book, on).rows
    return row["reason"], row["detail"]


def state(world: PlanWorld, on: date) -> str:
    return plans.show(world.book, world.reference, on)[0].state


def owed(world: PlanWorld, on: date) -> int:
    return int(cases.list_cases(world.book, on).rows[0]["open_cents"])


def test_a_plan_that_stumbles_and_is_kept_to_its_end(tenant_id: int, tmp_path: Path) -> None:
    # Änne owes 300 euro since January and has had a reminder. On 2 March she calls: 100 a month is too much.
    world = plan_world.make(tenant_id, tmp_path)
    world.runs(d(3, 2))
    with world.on(d(3, 2)) as book:
        view = plans.offer(book, world.reference, read_ask("80", first_on=d(4, 1)), save=True)
    # She sees every instalment, the total and the last day before she agrees. It costs nothing.
    amounts = [row["amount_cents"] for row in view.terms["instalments"]]
    assert sum(amounts) == view.terms["total_cents"] == view.terms["open_cents"]
    assert (view.terms["fee_cents"], view.terms["interest_cents"]) == (0, 0)
    assert max(amounts) == 80_00
    assert view.terms["last_due_on"] == "2026-07-01"
    assert "acknowledges nothing" in view.terms["clauses"]["no_acknowledgement"]

    # She thinks about it for a week and agrees to exactly that; the days of thinking cost nothing either.
    with world.on(d(3, 9)) as book:
        agreed = plans.agree(book, world.reference, offer_id=view.offer_id, on=d(3, 9))
        again = plans.agree(book, world.reference, offer_id=view.offer_id, on=d(3, 9))
    assert agreed.terms_hash == view.terms["terms_hash"] == again.terms_hash
    assert again.is_known  # a double click
    owes = owed(world, d(3, 9))
    assert owes == view.terms["open_cents"]

    # While she keeps it, nobody writes to her, and no interest runs.
    world.runs(d(3, 10))
    assert reason(world, d(3, 10)) == ("plan_kept", "next_instalment 2026-04-01")
    world.pays(d(4, 1), "80")
    world.pays(d(5, 4), "80")  # 1 May is a holiday and the weekend follows: in time
    world.runs(d(5, 4))
    assert state(world, d(5, 4)) == "kept"
    assert owed(world, d(5, 4)) == owes - 160_00

    # In June nothing comes. First nothing happens: seven days of grace.
    world.runs(d(6, 8))
    assert reason(world, d(6, 8))[1] == "instalment_late 2026-06-01"
    # Then a kind word is due: a letter of its own, free, and no step of dunning.
    report = world.runs(d(6, 9))
    assert [(row["step_id"], row["fee_cents"]) for row in report.measures] == [("plan_reminder", 0)]
    assert reason(world, d(6, 9))[1].startswith("instalment missed since 2026-06-01")
    # Before it leaves, somebody reaches her by telephone. The letter is not needed any more.
    with world.on(d(6, 9)) as book:
        told = plan_reminders.remind(book, world.reference, channel="phone", on=d(6, 9))
    assert told.missing_cents == 80_00
    assert "kleinere Rate oder eine Pause" in told.text
    assert "Kosten entstehen Ihnen dadurch nicht" in told.text
    assert world.runs(d(6, 10)).measure_count == 0
    assert Message.objects.get(step_id="plan_reminder").state == "withdrawn"

    # She answers: fewer hours at work, 40 a month would do. Both want the change.
    with world.on(d(6, 12)) as book:
        with pytest.raises(BadInput, match="has plan 1"):
            plans.agree(book, world.reference, ask=read_ask("40", first_on=d(7, 1)), on=d(6, 12))
        ask = read_ask("40", first_on=d(7, 1))
        changed = plans.agree(book, world.reference, ask=ask, on=d(6, 12), replaces=True)
    assert changed.plan_no == 2
    assert [view.state for view in plans.show(world.book, world.reference, d(6, 12))] == ["kept", "ended"]

    # And she keeps it to the end.
    days = [date.fromisoformat(row["due_on"]) for row in changed.terms["instalments"]]
    for day, row in zip(days, changed.terms["instalments"], strict=True):
        world.pays(day, f"{row['amount_cents'] / 100:.2f}")
    world.runs(days[-1])
    assert state(world, days[-1]) == "fulfilled"
    assert owed(world, days[-1]) == 0
    assert reason(world, days[-1])[0] == "settled"
    kinds = [FactKind(kind).name for kind in Fact.objects.order_by("fact_no").values_list("kind", flat=True)]
    assert kinds.count("PLAN_AGREED") == 2
    assert kinds.count("PLAN_ENDED") == 2
    assert "PLAN_BROKEN" not in kinds
    assert kinds.count("COST_INCURRED") == 0


def test_a_plan_that_breaks_only_after_a_word_and_time_to_answer(tenant_id: int, tmp_path: Path) -> None:
    # Another debtor agrees to 100 a month, pays once, and is not heard of again.
    world = plan_world.make(tenant_id, tmp_path)
    world.runs(d(3, 2))
    with world.on(d(3, 2)) as book:
        plans.agree(book, world.reference, ask=read_ask("100", first_on=d(4, 1)), on=d(3, 2))
    world.pays(d(4, 1), "100")
    rest = owed(world, d(4, 1))
    # May and June are missing. But nobody told him: the terms do not let the plan break yet.
    world.runs(d(6, 25))
    assert state(world, d(6, 25)) == "broken"
    assert reason(world, d(6, 25))[0] == "plan_reminder"
    # He is told on 25 June and has fourteen days. On the thirteenth the plan still stands.
    with world.on(d(6, 25)) as book:
        plan_reminders.remind(book, world.reference, channel="post", on=d(6, 25))
    world.runs(d(7, 8))
    assert reason(world, d(7, 8))[0] == "plan_kept"
    # On the fifteenth the signed terms are carried out, and nothing else.
    world.runs(d(7, 10))
    assert state(world, d(7, 10)) == "broken"
    entry = AuditEntry.objects.get(action="plan_execute")
    assert entry.detail["because"] == "instalments_missed"
    assert entry.detail["terms_hash"] == plans.show(world.book, world.reference, d(7, 10))[0].terms_hash
    # Dunning goes on where it had been; for the time of the plan no interest is added afterwards.
    assert reason(world, d(7, 10))[0] != "plan_kept"
    assert owed(world, d(7, 10)) == rest
    assert owed(world, d(8, 10)) > rest
    # The same day again changes nothing.
    count = Fact.objects.count()
    world.runs(d(7, 10))
    assert Fact.objects.count() == count
    facts = [row["kind"] for row in why(world.book, world.reference, d(7, 10)).facts]
    assert facts.count("plan_broken") == 1


def test_a_plan_paid_to_its_end_comes_back_when_the_last_payment_does(tenant_id: int, tmp_path: Path) -> None:
    # A third debtor pays 150 a month, each on its day. The plan is done.
    world = plan_world.make(tenant_id, tmp_path, {"amount_cents": 30_000})
    world.runs(d(3, 2))
    with world.on(d(3, 2)) as book:
        agreed = plans.agree(book, world.reference, ask=read_ask("150", first_on=d(4, 1)), on=d(3, 2))
    amounts = [row["amount_cents"] for row in agreed.terms["instalments"]]
    days = [date.fromisoformat(row["due_on"]) for row in agreed.terms["instalments"]]
    paid = [
        world.pays(day, f"{cents / 100:.2f}", reference=f"pay-{day}")
        for day, cents in zip(days, amounts, strict=True)
    ]
    world.runs(days[-1])
    assert state(world, days[-1]) == "fulfilled"
    assert reason(world, days[-1])[0] == "settled"
    # Five weeks later his bank takes the first payment back. As of that day the plan runs as it ran before.
    back = days[-1] + timedelta(days=35)
    world.fact("payment_returned", back, voids=paid[0].fact_no)
    assert state(world, back) == "missed"
    assert state(world, back - timedelta(days=1)) == "fulfilled"  # a look at the day before
    # No dunning letter goes out: the kind word about what is missing does, and it alone.
    report = world.runs(back)
    assert [row["step_id"] for row in report.measures] == ["plan_reminder"]
    with world.on(back) as book:
        told = plan_reminders.remind(book, world.reference, channel="phone", on=back)
    assert told.missing_cents == 150_00
    world.runs(back + timedelta(days=1))
    assert reason(world, back + timedelta(days=1))[0] == "plan_kept"
    # He pays it again; the plan ends again, by a fact of its own. Run twice, it ends once.
    again = back + timedelta(days=3)
    world.pays(again, f"{amounts[0] / 100:.2f}", reference="once more")
    world.runs(again)
    world.runs(again)
    assert state(world, again) == "fulfilled"
    assert reason(world, again)[0] == "settled"
    assert owed(world, again) == 0
    ends = Fact.objects.filter(kind=FactKind.PLAN_ENDED).order_by("fact_no")
    assert list(ends.values_list("effective_on", flat=True)) == [days[-1], again]
    assert AuditEntry.objects.filter(action="plan_execute").count() == 2


def test_a_deferral_is_offered_agreed_and_over_on_its_day(tenant_id: int, tmp_path: Path) -> None:
    # A fourth debtor starts work in May. All of it on 15 June would do; nothing until then.
    world = plan_world.make(tenant_id, tmp_path)
    world.runs(d(3, 2))
    with world.on(d(3, 2)) as book:
        ask = read_ask("", all_on=d(6, 15), income="2000")
        view = plans.offer(book, world.reference, ask, save=True)
    (only,) = view.terms["instalments"]
    assert (only["due_on"], only["amount_cents"]) == ("2026-06-15", view.terms["open_cents"])
    assert (view.terms["total_cents"], view.terms["last_due_on"]) == (view.terms["open_cents"], "2026-06-15")
    assert "due_on_default" not in view.terms["clauses"]
    assert not view.exceeds_affordable  # three months of what could be attached are more
    with pytest.raises(BadInput, match="defers all of it"):
        read_ask("50", all_on=d(6, 15))
    with world.on(d(3, 4)) as book:
        agreed = plans.agree(book, world.reference, offer_id=view.offer_id, on=d(3, 4))
    assert agreed.terms_hash == view.terms["terms_hash"]
    rest = owed(world, d(3, 4))
    # Nobody writes, and no interest runs. On 15 June nothing comes; the kind word follows its days of grace.
    world.runs(d(6, 1))
    assert reason(world, d(6, 1)) == ("plan_kept", "next_instalment 2026-06-15")
    assert owed(world, d(6, 1)) == rest
    assert world.runs(d(6, 22)).measure_count == 0
    report = world.runs(d(6, 23))
    assert [row["step_id"] for row in report.measures] == ["plan_reminder"]
    with world.on(d(6, 23)) as book:
        plan_reminders.remind(book, world.reference, channel="phone", on=d(6, 23))
    world.runs(d(7, 7))
    assert state(world, d(7, 7)) == "missed"
    # Told, and unanswered for fourteen days: the deferral is over, and dunning goes on where it had been.
    world.runs(d(7, 8))
    assert state(world, d(7, 8)) == "broken"
    assert reason(world, d(7, 8))[0] != "plan_kept"
    assert AuditEntry.objects.get(action="plan_execute").detail["because"] == "not_paid_by_its_end"


def test_what_lacks_at_the_end_is_not_deferred_for_ever(tenant_id: int, tmp_path: Path) -> None:
    # A fifth debtor pays 90 of each 100. What lacks in the end is less than two instalments, and due.
    world = plan_world.make(tenant_id, tmp_path)
    world.runs(d(3, 2))
    with world.on(d(3, 2)) as book:
        agreed = plans.agree(book, world.reference, ask=read_ask("100", first_on=d(4, 1)), on=d(3, 2))
    *days, last = [date.fromisoformat(row["due_on"]) for row in agreed.terms["instalments"]]
    for day in days:
        world.pays(day, "90", reference=f"pay-{day}")
    told = last + timedelta(days=8)
    world.runs(told)
    with world.on(told) as book:
        plan_reminders.remind(book, world.reference, channel="phone", on=told)
    world.runs(told + timedelta(days=14))
    assert state(world, told + timedelta(days=14)) == "missed"
    world.runs(told + timedelta(days=15))
    assert state(world, told + timedelta(days=15)) == "broken"
    assert reason(world, told + timedelta(days=15))[0] != "plan_kept"
