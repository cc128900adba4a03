"""Offers show everything and record nothing; what is agreed is what was shown."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.records import worlds
from tests.usecases import plan_world
from tests.usecases.plan_world import PlanWorld

from mahnwerk.frames import FactKind, Role
from mahnwerk.kernel.plans import CLAUSES
from mahnwerk.records import plans as plan_records
from mahnwerk.records.models import AuditEntry, Case, CaseParticipant, Claim, Fact, InstalmentPlan, PayLink
from mahnwerk.records.models import PlanOffer as OfferRow
from mahnwerk.usecases import cases, clock, plan_reminders, plans, provider_accounts, provider_links
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.plan_asks import read_ask

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 9)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "plans.md"


@pytest.fixture
def world(tenant_id: int, tmp_path: Path) -> PlanWorld:
    return plan_world.make(tenant_id, tmp_path)


def offer(world: PlanWorld, per_month: str = "50", on: date = DAY, **more: object) -> plans.OfferView:
    save = bool(more.pop("save", False))
    with world.on(on) as book:
        return plans.offer(book, world.reference, read_ask(per_month, **more), on=on, save=save)  # type: ignore[arg-type]


def test_the_page_names_every_clause_as_the_code_does() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M))
    assert rows == CLAUSES
    assert not any("acknowledg" in name and not name.startswith("no_") for name in CLAUSES)


def test_an_offer_records_nothing(world: PlanWorld) -> None:
    view = offer(world, income="2.100,00", dependants=1)
    assert view.offer_id == ""
    assert view.affordable_cents == 0  # with one to maintain nothing of 2,100 is attachable
    assert view.exceeds_affordable
    assert "not a limit" in view.affordability
    assert (OfferRow.objects.count(), Fact.objects.filter(kind=700).count()) == (0, 0)


def test_the_signal_is_held_against_what_is_to_be_paid_not_against_what_was_asked(world: PlanWorld) -> None:
    view = offer(world, "500", income="2200")  # 300 euro are owed, so no instalment is more
    assert (view.affordable_cents, view.exceeds_affordable) == (451_50, False)


def test_a_kept_offer_does_not_keep_the_income(world: PlanWorld) -> None:
    offer(world, income="2100", dependants=2, save=True)
    assert "2100" not in str(OfferRow.objects.get().terms)


def test_an_agency_tells_the_costs_before(tenant_id: int, tmp_path: Path) -> None:
    agency = plan_world.make(tenant_id, tmp_path, role=Role.AGENCY)
    assert "§ 13a Abs. 3 RDG" in offer(agency).costs_told


def test_what_changed_since_the_offer_is_not_agreed_to(world: PlanWorld) -> None:
    view = offer(world, save=True)
    world.pays(DAY, "20")
    with pytest.raises(BadInput, match="terms changed"):
        plans.agree(world.book, world.reference, offer_id=view.offer_id, on=date(2026, 3, 12))
    assert InstalmentPlan.objects.count() == 0


@pytest.mark.parametrize("on", [date(2026, 3, 8), date(2026, 4, 9)])
def test_an_offer_binds_for_thirty_days(world: PlanWorld, on: date) -> None:
    view = offer(world, save=True)
    with pytest.raises(BadInput, match="does not bind"):
        plans.agree(world.book, world.reference, offer_id=view.offer_id, on=on)


def test_an_offer_of_another_case_is_not_found(world: PlanWorld) -> None:
    with pytest.raises(NotFound, match="no offer"):
        plans.agree(world.book, world.reference, offer_id="abc", on=DAY)


@pytest.mark.parametrize(
    ("per_month", "more", "why"),
    [
        ("0", {}, "deferral"),
        ("1", {}, "deferral"),
        ("50", {"rate": "12"}, "above the law"),
        ("50", {"first_on": date(2026, 3, 1)}, "before today"),
    ],
)
def test_no_unlawful_plan_and_none_of_nothing(
    world: PlanWorld, per_month: str, more: dict[str, object], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        offer(world, per_month, **more)


@pytest.mark.parametrize(
    ("text", "why"), [("abc", "--per-month"), ("-5", "--per-month"), ("", "what can be paid is not said")]
)
def test_unreadable_amounts(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        read_ask(text)
    with pytest.raises(BadInput, match="--rate"):
        read_ask("50", rate="x")


def test_an_income_alone_names_no_instalment() -> None:
    with pytest.raises(BadInput, match="the income alone is a signal") as told:
        read_ask("", income="0")
    assert "--per-month" in told.value.remedy and "--all-on" in told.value.remedy


def test_a_refusal_speaks_in_euros(world: PlanWorld) -> None:
    with pytest.raises(BadInput, match="0,01 a month is below 5,00"):
        offer(world, "0,01")


def test_disputes_are_only_spoken_of_where_there_are_some(world: PlanWorld) -> None:
    world.pays(DAY, "900")
    with pytest.raises(BadInput, match="nothing is open") as told:
        offer(world)
    assert "disputed" not in told.value.remedy


def test_disputed_claims_are_left_out_and_said(tenant_id: int, tmp_path: Path) -> None:
    world = plan_world.make(tenant_id, tmp_path, {"amount_cents": 20_000}, {"amount_cents": 30_000})
    world.fact("dispute_raised", DAY, invoice_number="R-2")
    view = offer(world)
    assert view.terms["covers"] == ["R-1"]
    assert view.not_covered == ["R-2: disputed"]
    world.fact("dispute_raised", DAY, invoice_number="R-1")
    with pytest.raises(BadInput, match="nothing is open") as told:
        offer(world)
    assert "Settle what is disputed first" in told.value.remedy


def test_a_later_claim_is_not_part_of_the_plan(world: PlanWorld) -> None:
    plans.agree(world.book, world.reference, ask=read_ask("50"), on=DAY)
    late = worlds.claim_row(7, issued_on=date(2026, 3, 20), due_on=date(2026, 4, 3), amount_cents=9_900)
    worlds.import_rows(world.book.tenant_id, late)
    (row,) = cases.list_cases(world.book, date(2026, 4, 20)).rows
    assert row["outcome"] == "measure"  # the reminder of the new invoice


def test_interest_as_agreed_is_paid_as_signed_and_the_rest_is_waived(world: PlanWorld) -> None:
    view = plans.agree(world.book, world.reference, ask=read_ask("80", rate="3"), on=DAY)
    assert "interest_as_agreed" in view.terms["clauses"]
    assert 0 < view.terms["interest_cents"] < 5_00
    rows = view.terms["instalments"]
    for row in rows:
        world.pays(date.fromisoformat(row["due_on"]), f"{row['amount_cents'] / 100:.2f}")
    last = date.fromisoformat(rows[-1]["due_on"])
    world.runs(last)
    (found,) = cases.list_cases(world.book, last).rows
    assert found["open_cents"] == 0
    assert found["surplus_cents"] <= 5
    assert plans.show(world.book, world.reference, last)[0].state == "fulfilled"


def test_the_list_by_state(world: PlanWorld) -> None:
    view = plans.agree(world.book, world.reference, ask=read_ask("50"), on=DAY)
    assert view.state == "kept"
    assert plans.list_plans(world.book, date(2026, 4, 20), state="missed")[0].missing_cents == 50_00
    with pytest.raises(BadInput, match="no state"):
        plans.list_plans(world.book, DAY, state="lost")


def test_a_reminder_is_told_once_and_only_when_something_is_missed(world: PlanWorld) -> None:
    plans.agree(world.book, world.reference, ask=read_ask("50"), on=DAY)
    with pytest.raises(BadInput, match="no instalment is missed"):
        plan_reminders.remind(world.book, world.reference, channel="email", on=date(2026, 4, 2))
    day = date(2026, 4, 20)
    assert not plan_reminders.remind(world.book, world.reference, on=day, dry_run=True).is_recorded
    assert plan_reminders.remind(world.book, world.reference, channel="phone", on=day).is_recorded
    assert not plan_reminders.remind(world.book, world.reference, channel="phone", on=day).is_recorded
    with pytest.raises(BadInput, match="no way to tell"):
        plan_reminders.remind(world.book, world.reference, channel="pigeon", on=day)
    assert AuditEntry.objects.filter(action="plan_remind").count() == 1


def test_a_reminder_names_a_link_for_what_is_missing_and_no_more(
    world: PlanWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAHNWERK_PUBLIC_URL", "https://pay.example.org")
    monkeypatch.setenv("MOLLIE_API_KEY", "test_mollie")
    file, day = tmp_path / "mollie.yaml", date(2026, 4, 20)
    file.write_text("key: m\nprovider: mollie\ncreditor: shop\nsecrets: {api_key: MOLLIE_API_KEY}\n")
    provider_accounts.add_file(world.book, file)
    plans.agree(world.book, world.reference, ask=read_ask("50"), on=DAY)
    shown = plan_reminders.remind(world.book, world.reference, on=day, dry_run=True)
    assert not PayLink.objects.exists()
    told = plan_reminders.remind(world.book, world.reference, channel="email", on=day)
    again = plan_reminders.remind(world.book, world.reference, channel="email", on=day)
    link = PayLink.objects.get()
    assert link.amount_cents == told.missing_cents == 5_000
    assert shown.pay_url == told.pay_url == again.pay_url == f"https://pay.example.org/pay/{link.public_id}"
    assert told.text.endswith(f"\nOnline zahlen: {told.pay_url}")
    with world.on(day):
        assert provider_links.page(link.public_id).amount_cents == 5_000
    world.pays(day, "30,00")
    with world.on(day):
        assert provider_links.page(link.public_id).amount_cents == 2_000
    world.pays(day, "20,00", reference="the rest")
    with world.on(day):
        page = provider_links.page(link.public_id)
        assert (page.state, page.amount_cents) == ("settled", 0)


def test_a_plan_that_is_not_on_record_as_signed_is_not_executed(world: PlanWorld) -> None:
    """Its rows cannot be changed; this one was written with the hash of other terms."""
    case = Case.objects.get(tenant_id=world.book.tenant_id, case_reference=world.reference)
    claim = Claim.objects.get(tenant_id=world.book.tenant_id, case=case)
    with world.on(DAY) as book:
        view = plans.offer(book, world.reference, read_ask("100"), on=DAY)
        values = {**view.terms, "terms_hash": "0" * 64}
        plan_records.add(
            book.tenant_id,
            case.id,
            1,
            "plan-1",
            values,
            agreed_on=DAY,
            recorded_at=clock.now(),
            actor="clerk",
        )
    world.fact("plan_agreed", DAY, code="plan-1", invoice_number=claim.invoice_number)
    world.pays(DAY, f"{view.terms['total_cents'] / 100:.2f}")
    report = world.runs(DAY)
    assert report.plans_not_as_signed == [world.reference]
    assert not Fact.objects.filter(kind=FactKind.PLAN_ENDED).exists()


UNABLE = ["insolvency_opened", "debtor_deceased", "minor_known", "identity_disputed"]


@pytest.mark.parametrize("kind", UNABLE)
def test_with_whom_nothing_can_be_agreed_there_is_no_offer_and_no_plan(world: PlanWorld, kind: str) -> None:
    kept = offer(world, save=True)
    world.fact(kind, date(2026, 3, 11))
    with pytest.raises(BadInput, match="no plan can be agreed on 2026-03-12"):
        offer(world, on=date(2026, 3, 12))
    with world.on(date(2026, 3, 12)) as book, pytest.raises(BadInput, match="no plan can be agreed"):
        plans.agree(book, world.reference, offer_id=kept.offer_id, on=date(2026, 3, 12))
    assert not InstalmentPlan.objects.exists()


def test_what_is_disputed_since_the_offer_is_not_agreed(world: PlanWorld) -> None:
    kept = offer(world, save=True)
    world.fact("dispute_raised", date(2026, 3, 11))
    with world.on(date(2026, 3, 12)) as book, pytest.raises(BadInput, match="disputed since"):
        plans.agree(book, world.reference, offer_id=kept.offer_id, on=date(2026, 3, 12))


@pytest.mark.parametrize(("paid", "is_agreed"), [("", False), ("49,99", False), ("50", True)])
def test_nobody_signs_a_plan_whose_first_instalment_is_missing_already(
    world: PlanWorld, paid: str, is_agreed: bool
) -> None:
    first, on = date(2026, 3, 16), date(2026, 3, 25)
    kept = offer(world, first_on=first, save=True)
    if paid:
        world.pays(date(2026, 3, 17), paid)
    with world.on(on) as book:
        if is_agreed:
            view = plans.agree(book, world.reference, offer_id=kept.offer_id, on=on)
            assert (view.state, view.missing_cents) == ("kept", 0)
        else:
            with pytest.raises(BadInput, match="instalment of 2026-03-16 has fallen due"):
                plans.agree(book, world.reference, offer_id=kept.offer_id, on=on)


@pytest.mark.parametrize(
    ("others", "asked", "affordable", "exceeds"),
    [
        ({"per_month": "100"}, {"per_month": "60"}, 351_50, False),
        ({"all_on": date(2026, 6, 15)}, {"per_month": "60"}, 451_50, False),  # 300 once, 60 besides
        ({"all_on": date(2026, 6, 15)}, {"per_month": "160"}, 451_50, False),  # over by then
        ({"all_on": date(2026, 4, 15)}, {"per_month": "160"}, 451_50, True),  # 300 and 160 in one month
        ({"all_on": date(2026, 4, 15)}, {"all_on": date(2026, 4, 20)}, 451_50, True),  # one month's for both
        ({"all_on": date(2026, 4, 15)}, {"all_on": date(2026, 5, 20)}, 451_50, False),
        ({"all_on": date(2026, 4, 15)}, {"all_on": date(2026, 3, 30)}, 451_50, False),
    ],
)
def test_another_deferral_counts_in_its_month_and_a_plan_in_each(
    tenant_id: int, tmp_path: Path, world: PlanWorld, others: dict[str, Any], asked: dict[str, Any],
    affordable: int, exceeds: bool,
) -> None:  # fmt: skip
    other = plan_world.make(tenant_id, tmp_path, key="other")
    person = CaseParticipant.objects.get(case__case_reference=world.reference, part="debtor")
    CaseParticipant.objects.create(
        tenant_id=tenant_id,
        case=Case.objects.get(case_reference=other.reference),
        person_id=person.person_id,
        part="debtor",
    )
    with other.on(DAY) as book:
        plans.agree(book, other.reference, ask=read_ask(others.pop("per_month", ""), **others), on=DAY)
    view = offer(world, asked.pop("per_month", ""), income="2200", **asked)
    assert (view.affordable_cents, view.exceeds_affordable) == (affordable, exceeds)
