"""What a payment left short within the tolerance is posted, once, and taken back with the payment."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.records import worlds
from tests.usecases import plan_world
from tests.usecases.plan_world import PlanWorld

from mahnwerk.frames import Role
from mahnwerk.records.models import Case, Fact
from mahnwerk.usecases import cases, day, journal, rests

PAID, EARLY, LATE = date(2026, 3, 2), date(2026, 3, 15), date(2026, 3, 16)


@pytest.fixture
def world(tenant_id: int, tmp_path: Path) -> PlanWorld:
    """A claim of 300,00 that was paid but for 1,50."""
    made = plan_world.make(tenant_id, tmp_path)
    nearly_paid(made, PAID)
    return made


def row(world: PlanWorld, on: date) -> dict[str, Any]:
    return cases.list_cases(world.book, on).rows[0]


def nearly_paid(world: PlanWorld, on: date) -> None:
    """All that is open but for 1,50."""
    cents = row(world, on)["open_cents"] - 150
    world.pays(on, f"{cents // 100},{cents % 100:02d}")


def posted(world: PlanWorld, on: date) -> dict[str, int]:
    with world.on(on) as book:
        journal.post(book, on, confirm_day=True)
        assert journal.post(book, on, confirm_day=True).posting_count == 0
        state = journal.balance(book)
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    return {one["account"]: one["balance_cents"] for one in state["accounts"] if one["balance_cents"]}


def run(world: PlanWorld, on: date, *, dry_run: bool = False) -> rests.RestsReport:
    with world.on(on) as book:
        return rests.write_off(book, on, dry_run=dry_run)


def test_a_rest_within_the_tolerance_is_posted_once(world: PlanWorld) -> None:
    before = row(world, LATE)
    assert (before["reason"], before["open_cents"] > 0) == ("within_tolerance", True)
    assert run(world, EARLY).claims == 0, "the debtor may still send it"
    assert (run(world, LATE, dry_run=True).claims, run(world, LATE).claims) == (1, 1)
    assert run(world, LATE).claims == 0
    assert row(world, LATE)["open_cents"] == 0
    found = posted(world, LATE)
    assert found["bad_debt"] > 0 and "receivable" not in found


def test_it_is_taken_back_with_the_payment(world: PlanWorld) -> None:
    run(world, LATE)
    paid = Fact.objects.get(kind=200)
    world.fact("payment_returned", date(2026, 3, 30), voids=paid.fact_no)
    count = Fact.objects.count()
    assert (run(world, date(2026, 3, 30), dry_run=True).taken_back, Fact.objects.count()) == (1, count)
    assert run(world, date(2026, 3, 30)).taken_back == 1
    assert run(world, date(2026, 3, 30)).taken_back == 0
    assert row(world, date(2026, 3, 30))["open_cents"] > 300_00, "as if nothing had been paid or given up"
    assert "bad_debt" not in posted(world, date(2026, 3, 30))
    # Paid once more, and short once more: the second rest is a fact of its own.
    nearly_paid(world, date(2026, 4, 2))
    assert run(world, date(2026, 4, 20)).claims == 1
    assert row(world, date(2026, 4, 20))["open_cents"] == 0
    assert posted(world, date(2026, 4, 20))["bad_debt"] > 0
    assert Fact.objects.filter(code="tolerance", amount_cents__gt=0).count() == 2


def night(world: PlanWorld, on: date) -> day.DayReport:
    """The daily run, once more after it: that one finds nothing to do."""
    with world.on(on) as book:
        found = day.run_day(book, on, confirm_day=True)
        again = day.run_day(book, on, confirm_day=True)
    assert (again.rests_written_off, again.rests_taken_back, again.recorded_count) == (0, 0, 0)
    return found


def test_the_daily_run_does_it_by_itself(world: PlanWorld) -> None:
    assert night(world, PAID).rests_written_off == 0
    assert night(world, EARLY).rests_written_off == 0, "the debtor may still send it"
    with world.on(LATE) as book:
        assert day.run_day(book, LATE, dry_run=True, confirm_day=True).rests_written_off == 0
    assert not Fact.objects.filter(code="tolerance").exists(), "a dry run records nothing"
    assert night(world, LATE).rests_written_off == 1
    assert row(world, LATE)["open_cents"] == 0
    assert night(world, date(2026, 3, 17)).rests_written_off == 0
    paid = Fact.objects.get(kind=200)
    world.fact("payment_returned", date(2026, 3, 30), voids=paid.fact_no)
    assert night(world, date(2026, 3, 30)).rests_taken_back == 1
    assert row(world, date(2026, 3, 30))["open_cents"] > 300_00
    assert night(world, date(2026, 3, 31)).rests_taken_back == 0


def test_a_first_run_long_after_the_payment_leaves_it_to_the_next(world: PlanWorld) -> None:
    assert night(world, LATE).rests_written_off == 0
    assert night(world, date(2026, 3, 17)).rests_written_off == 1


@pytest.mark.parametrize("other", ["disputed", "unpaid", "agency", "limit"])
def test_nothing_else_is_given_up(tenant_id: int, tmp_path: Path, other: str) -> None:
    rows: list[dict[str, Any]] = [{"amount_cents": 30_000}]
    if other == "unpaid":
        rows = [{"amount_cents": 100}]
    role = Role.AGENCY if other == "agency" else Role.OWN
    world = plan_world.make(tenant_id, tmp_path, *rows, role=role)
    if other == "agency":
        Case.objects.update(role=Role.AGENCY)
    if other != "unpaid":
        nearly_paid(world, PAID)
    if other == "disputed":
        world.fact("dispute_raised", date(2026, 3, 3))
    if other == "limit":
        (tmp_path / "settings.yaml").write_text("four_eyes_above_cents: 10\n")
    assert run(world, LATE).claims == 0
    assert not Fact.objects.filter(code="tolerance").exists()


def test_a_case_in_which_more_will_fall_due_waits(tenant_id: int, tmp_path: Path) -> None:
    world = plan_world.make(tenant_id, tmp_path)
    nearly_paid(world, PAID)
    later = worlds.claim_row(2, amount_cents=5_000, invoice_number="R-2", due_on=date(2026, 5, 1))
    worlds.import_rows(tenant_id, later)
    assert row(world, LATE)["reason"] == "within_tolerance"
    assert run(world, LATE).claims == 0
