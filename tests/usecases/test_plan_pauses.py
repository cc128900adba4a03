"""One instalment put off to the end: as the clause says, and not otherwise."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.usecases import plan_world
from tests.usecases.plan_world import PlanWorld

from mahnwerk.records.models import AuditEntry, Fact, InstalmentPlan
from mahnwerk.usecases import cases, plan_pauses, plans
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.plan_asks import read_ask

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 9)


def agreed(tenant_id: int, folder: Path, *, rate: str = "0", with_pause: bool = True) -> PlanWorld:
    world = plan_world.make(tenant_id, folder)
    with world.on(DAY) as book:
        ask = read_ask("100", first_on=date(2026, 4, 1), rate=rate, with_pause=with_pause)
        plans.agree(book, world.reference, ask=ask, on=DAY)
    return world


def pause(world: PlanWorld, on: date, **more: bool) -> plan_pauses.Pause:
    with world.on(on) as book:
        return plan_pauses.pause(book, world.reference, on=on, **more)


def instalments(values: dict[str, object]) -> list[tuple[str, int]]:
    rows: list[dict[str, object]] = values["instalments"]  # type: ignore[assignment]
    return [(str(row["due_on"]), int(str(row["amount_cents"]))) for row in rows]


def test_the_next_instalment_goes_to_the_end_and_nothing_else_changes(tenant_id: int, tmp_path: Path) -> None:
    world = agreed(tenant_id, tmp_path)
    before = instalments(plans.show(world.book, world.reference, DAY)[0].terms)
    assert [day for day, _ in before] == ["2026-04-01", "2026-05-04", "2026-06-01", "2026-07-01"]
    world.pays(date(2026, 4, 1), "100")
    shown = pause(world, date(2026, 4, 20), dry_run=True)
    assert (shown.is_recorded, InstalmentPlan.objects.count()) == (False, 1)
    done = pause(world, date(2026, 4, 20))
    assert instalments(done.terms) == instalments(shown.terms)
    after = instalments(done.terms)
    assert [day for day, _ in after] == ["2026-06-01", "2026-07-01", "2026-08-03"]
    assert [cents for _, cents in after] == [cents for _, cents in before[1:]]
    assert (done.put_off, done.put_off_cents) == (date(2026, 5, 4), 100_00)
    assert [view.state for view in plans.show(world.book, world.reference, date(2026, 5, 20))] == [
        "kept",
        "ended",
    ]
    world.runs(date(2026, 5, 20))
    (row,) = cases.list_cases(world.book, date(2026, 5, 20)).rows
    assert (row["reason"], row["detail"]) == ("plan_kept", "next_instalment 2026-06-01")
    assert AuditEntry.objects.get(action="plan_pause").detail["put_off"] == "2026-05-04"
    for day, cents in after:
        world.pays(date.fromisoformat(day), f"{cents / 100:.2f}")
    world.runs(date(2026, 8, 3))
    assert plans.show(world.book, world.reference, date(2026, 8, 3))[0].state == "fulfilled"
    assert int(cases.list_cases(world.book, date(2026, 8, 3)).rows[0]["open_cents"]) == 0


def test_once_a_year(tenant_id: int, tmp_path: Path) -> None:
    world = agreed(tenant_id, tmp_path)
    pause(world, DAY)
    with pytest.raises(BadInput, match="one a year"):
        pause(world, date(2026, 4, 20))
    assert InstalmentPlan.objects.count() == 2


def test_not_without_the_clause(tenant_id: int, tmp_path: Path) -> None:
    world = agreed(tenant_id, tmp_path, with_pause=False)
    with pytest.raises(BadInput, match="no clause pause_once"):
        pause(world, DAY)


@pytest.mark.parametrize("on", [date(2026, 4, 1), date(2026, 4, 5), date(2026, 4, 20)])
def test_not_once_it_is_due_or_missing(tenant_id: int, tmp_path: Path, on: date) -> None:
    world = agreed(tenant_id, tmp_path)
    count = Fact.objects.count()
    with pytest.raises(BadInput, match="not due yet"):
        pause(world, on)
    assert Fact.objects.count() == count


def test_not_while_a_claim_of_it_is_disputed(tenant_id: int, tmp_path: Path) -> None:
    world = agreed(tenant_id, tmp_path)
    world.fact("dispute_raised", date(2026, 3, 10))
    world.fact("dispute_resolved", date(2026, 3, 11))
    assert pause(world, date(2026, 3, 12), dry_run=True).put_off == date(2026, 4, 1)
    numbers = plans.show(world.book, world.reference, DAY)[0].terms["covers"]
    world.fact("dispute_raised", date(2026, 3, 13), invoice_number=numbers[0], amount="10")
    with pytest.raises(BadInput, match="disputed"):
        pause(world, date(2026, 3, 14))


def test_agreed_interest_runs_on_and_is_shown(tenant_id: int, tmp_path: Path) -> None:
    world = agreed(tenant_id, tmp_path, rate="4")
    before = plans.show(world.book, world.reference, DAY)[0].terms
    after = pause(world, DAY, dry_run=True).terms
    assert after["interest_cents"] > before["interest_cents"]
    assert after["rate_ppm"] == before["rate_ppm"] == 40_000


def test_without_a_plan_there_is_nothing_to_pause(tenant_id: int, tmp_path: Path) -> None:
    world = plan_world.make(tenant_id, tmp_path)
    with pytest.raises(BadInput, match="no plan that runs"):
        pause(world, DAY)
