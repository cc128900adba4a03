"""Payments of every kind at odd moments: nothing lost, nothing booked twice, nobody dunned for it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.records import worlds
from tests.usecases import plan_world
from tests.usecases.plan_world import PlanWorld

from mahnwerk.frames import FactKind
from mahnwerk.records.models import AuditEntry, Fact
from mahnwerk.usecases import cases, facts
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.why import why

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 2)


@pytest.fixture
def world(tenant_id: int, tmp_path: Path) -> PlanWorld:
    return plan_world.make(tenant_id, tmp_path)


def row(world: PlanWorld, on: date = DAY) -> dict[str, Any]:
    return cases.list_cases(world.book, on).rows[0]


def test_what_came_before_its_claim_waits_and_is_set_off_when_it_comes(
    tenant_id: int, tmp_path: Path
) -> None:
    world = plan_world.make(tenant_id, tmp_path, {"amount_cents": 5_000})
    world.pays(date(2026, 1, 15), "80")
    assert row(world)["reason"] == "credit_balance"
    assert row(world)["surplus_cents"] == 30_00
    later = worlds.claim_row(
        2, invoice_number="R-9", amount_cents=4_000, issued_on=date(2026, 2, 1), due_on=date(2026, 2, 15)
    )
    worlds.import_rows(tenant_id, later, at=datetime(2026, 3, 2, tzinfo=UTC))
    found = row(world)
    assert (found["surplus_cents"], found["claims"]) == (0, 2)
    assert 10_00 <= found["open_cents"] < 10_10


def test_a_payment_to_the_shop_instead_of_the_agency_counts_on_its_day(world: PlanWorld) -> None:
    world.runs(DAY)
    before = row(world)["open_cents"]
    world.pays(date(2026, 2, 1), "300", reference="shop-till-17")
    world.pays(date(2026, 2, 1), "300", reference="shop-till-17")  # told twice
    assert Fact.objects.filter(kind=200).count() == 1
    assert row(world)["open_cents"] < before - 299_00


def test_a_payment_on_a_closed_case_is_a_credit_not_an_income(world: PlanWorld) -> None:
    world.fact("write_off", DAY, amount="300", approved_by="anna")
    world.fact("claim_closed", DAY, code="uncollectable")
    world.pays(date(2026, 3, 10), "50")
    found = row(world, date(2026, 3, 10))
    assert found["outcome"] == "held"
    assert found["surplus_cents"] > 45_00


def test_a_payment_after_the_opening_of_insolvency_is_booked_and_nobody_is_dunned(world: PlanWorld) -> None:
    world.fact("insolvency_opened", DAY)
    world.pays(date(2026, 3, 10), "50")
    found = row(world, date(2026, 3, 10))
    assert found["reason"] == "insolvency"
    assert found["open_cents"] < 255_00


def test_a_returned_debit_opens_the_claim_as_of_its_old_day(world: PlanWorld) -> None:
    untouched = row(world, date(2026, 4, 1))["open_cents"]
    paid = world.pays(date(2026, 2, 1), "300")
    world.fact("payment_returned", date(2026, 3, 20), voids=paid.fact_no)
    assert row(world, date(2026, 4, 1))["open_cents"] == untouched


def test_more_than_the_limit_takes_two_people(world: PlanWorld) -> None:
    with pytest.raises(BadInput, match="two people"):
        world.fact("waiver", DAY, amount="100,01")
    with pytest.raises(BadInput, match="themselves"):
        world.by("cli:Anna").fact("waiver", DAY, amount="150", approved_by="anna")
    world.fact("waiver", DAY, amount="150", approved_by="anna")
    assert AuditEntry.objects.get(action="fact_add").detail["approved_by"] == "anna"
    assert 150_00 <= row(world)["open_cents"] < 155_00


def test_two_halves_make_a_whole(world: PlanWorld) -> None:
    first = world.fact("waiver", DAY, amount="60")
    with pytest.raises(BadInput, match="two people"):
        world.fact("compromise", DAY, amount="60")
    world.fact("voided", DAY, voids=first.fact_no)
    world.fact("compromise", DAY, amount="60")


def test_the_limit_is_a_setting_of_the_book(world: PlanWorld) -> None:
    (world.book.place.folder / "settings.yaml").write_text("four_eyes_above_cents: 0\n")
    with pytest.raises(BadInput, match="two people"):
        world.fact("waiver", DAY, amount="0,01")
    (world.book.place.folder / "settings.yaml").write_text("four_eyes_above_cents: -1\n")
    with pytest.raises(BadInput, match="whole cents"):
        world.fact("waiver", DAY, amount="0,01")


def test_a_discount_taken_in_time_closes_the_claim_and_a_return_reopens_it(
    tenant_id: int, tmp_path: Path
) -> None:
    terms = {"amount_cents": 10_000, "discount_cents": 300, "discount_until": date(2026, 1, 15)}
    world = plan_world.make(tenant_id, tmp_path, terms)
    paid = world.pays(date(2026, 1, 14), "97")
    assert (row(world)["reason"], row(world)["surplus_cents"]) == ("settled", 0)
    world.fact("payment_returned", DAY, voids=paid.fact_no)
    assert row(world)["open_cents"] > 100_00


def test_why_says_that_a_promise_was_not_kept(world: PlanWorld) -> None:
    world.fact("promise_to_pay", DAY, amount="50", until=date(2026, 3, 10))
    assert row(world, date(2026, 3, 10))["reason"] == "promise_pending"
    assert why(world.book, world.reference, date(2026, 3, 10)).promises_not_kept == []
    (broken,) = why(world.book, world.reference, date(2026, 3, 11)).promises_not_kept
    assert (broken["promised_cents"], broken["paid_cents"]) == (50_00, 0)
    assert row(world, date(2026, 3, 11))["reason"] != "promise_pending"


def test_zero_and_negative_amounts_are_no_payments(world: PlanWorld) -> None:
    for amount in ("0", "-5", "abc"):
        with pytest.raises(BadInput, match="cannot be read"):
            facts.add(world.book, world.reference, "payment_received", on=DAY, amount=amount)


@pytest.mark.parametrize("kind", ["waiver", "compromise", "write_off"])
def test_no_more_is_given_up_than_is_open(world: PlanWorld, kind: str) -> None:
    owed = world.fact("hold_set", DAY).open_before_cents
    shown = f"{owed // 100},{owed % 100:02d}"
    with pytest.raises(BadInput, match=f"more than is open on {DAY}, {shown}"):
        world.fact(kind, DAY, amount=f"{(owed + 1) // 100},{(owed + 1) % 100:02d}", approved_by="anna")
    assert Fact.objects.filter(kind__in=[int(FactKind[kind.upper()])]).count() == 0
    given = world.fact(kind, DAY, amount=shown, approved_by="anna", reference="G-1")
    assert given.open_after_cents == 0
    assert world.fact(kind, DAY, amount=shown, approved_by="anna", reference="G-1").is_known
    with pytest.raises(BadInput, match="Nothing is owed there"):
        world.fact(kind, DAY, amount="0,01", approved_by="anna")


def test_what_is_given_up_of_a_claim_is_held_against_that_claim(tenant_id: int, tmp_path: Path) -> None:
    world = plan_world.make(tenant_id, tmp_path, {"amount_cents": 5_000}, {"amount_cents": 30_000})
    with pytest.raises(BadInput, match="more than is open"):
        world.fact("waiver", DAY, amount="90", invoice_number="R-1")
    world.fact("waiver", DAY, amount="50", invoice_number="R-1")
