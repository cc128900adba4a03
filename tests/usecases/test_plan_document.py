"""The document of a plan says what was agreed, to the cent and the day, and records nothing."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from tests.records import worlds
from tests.usecases import plan_world
from tests.usecases.plan_world import PlanWorld

from mahnwerk.frames import Role
from mahnwerk.kernel.plans import hash_of
from mahnwerk.letters.formatting import day_short, money
from mahnwerk.records import load
from mahnwerk.records import plans as plan_records
from mahnwerk.records.models import AuditEntry, Case, Claim, Creditor, Fact, InstalmentPlan, Mandate, Message
from mahnwerk.usecases import plan_document, plan_pauses, plans
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.plan_asks import read_ask
from mahnwerk.usecases.plan_document import PlanDocument

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 9)
PROFILE: dict[str, Any] = {
    "key": "shop", "address_extra": "", "street": "Lindenallee 12", "postcode": "70173", "city": "Stuttgart",
    "country": "DE", "contact_person": "Miriam Öztürk", "phone": "0711 1234", "email": "hilfe@shop.example",
    "hours": "Mo–Fr 9–17 Uhr", "bic": "", "bank_name": "Commerzbank", "account_holder": "", "register": "",
    "website": "", "privacy": "",
}  # fmt: skip
CLIENT = {
    "name": "Lampenladen Lux GmbH", "address_extra": "", "street": "Lichtgasse 1", "postcode": "50667",
    "city": "Köln", "subject": "Kauf von Lampen",
}  # fmt: skip
REGISTRATION = {
    "number": "RDG 3712-I-0815/21",
    "authority": "Bundesamt für Justiz",
    "authority_address": ["Adenauerallee 99", "53113 Bonn"],
    "authority_contact": "rdg@bfj.example",
}


def complete(key: str = "shop", **profile: Any) -> None:
    Creditor.objects.filter(key=key).update(profile=PROFILE | profile)


@pytest.fixture
def world(tenant_id: int, tmp_path: Path) -> PlanWorld:
    made = plan_world.make(tenant_id, tmp_path, {"amount_cents": 30_000}, {"amount_cents": 12_345})
    complete()
    return made


def offered(world: PlanWorld, per_month: str = "50", **more: object) -> plans.OfferView:
    with world.on(DAY) as book:
        return plans.offer(book, world.reference, read_ask(per_month, **more), on=DAY, save=True)  # type: ignore[arg-type]


def agreed(world: PlanWorld, per_month: str = "50", **more: object) -> plans.PlanView:
    with world.on(DAY) as book:
        return plans.agree(book, world.reference, ask=read_ask(per_month, **more), on=DAY)  # type: ignore[arg-type]


def drawn(world: PlanWorld, tmp_path: Path, on: date = DAY, **more: Any) -> PlanDocument:
    with world.on(on) as book:
        return plan_document.draw(book, world.reference, tmp_path / "plan.pdf", on=on, **more)


def words(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


def layer(path: str) -> str:
    pages = pypdfium2.PdfDocument(Path(path))
    return words("\n".join(page.get_textpage().get_text_range() for page in pages))


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(("per_month", "rate"), [("50", "0"), ("50", "4"), ("12", "2"), ("150", "0")])
def test_every_figure_of_the_terms_stands_in_text_and_pdf(
    world: PlanWorld, tmp_path: Path, per_month: str, rate: str, language: str
) -> None:
    """Each instalment with day, sum and interest, what it comes to, who, what for, and the hash."""
    view = agreed(world, per_month, rate=rate)
    made, terms = drawn(world, tmp_path, language=language), view.terms
    text, pdf = words(made.text), layer(made.path)

    def shown(cents: int) -> str:
        return words(money(cents, "EUR", language))

    needed = [made.terms_hash, "Größler-Weiß", "shop GmbH", "R-1", "R-2"]
    needed += [shown(terms[key]) for key in ("total_cents", "open_cents", "interest_cents", "fee_cents")]
    for row in terms["instalments"]:
        needed.append(words(day_short(date.fromisoformat(row["due_on"]), language)))
        needed.append(shown(row["amount_cents"]))
        needed.append(shown(row["left_cents"]))
        needed += [shown(row["interest_cents"])] if terms["interest_cents"] else []
    missing = [part for part in needed if part not in text or part not in pdf]
    assert missing == []
    assert made.terms_hash == view.terms_hash == hash_of(terms)


def rates_of(text: str) -> list[int]:
    """What the text says each instalment is, in cents."""
    found = re.findall(r"\* Nr\. \d+, .*?Sie zahlen ([\d.]+),(\d\d) €", words(text))
    return [int(whole.replace(".", "")) * 100 + int(rest) for whole, rest in found]


@pytest.mark.parametrize("per_month", ["7", "11,77", "50", "99,99", "212", "423,45", "1000"])
@pytest.mark.parametrize("rate", ["0", "3,5"])
def test_the_instalments_read_from_the_text_come_to_its_total(
    world: PlanWorld, tmp_path: Path, per_month: str, rate: str
) -> None:
    view = offered(world, per_month, rate=rate)
    text = drawn(world, tmp_path, offer_id=view.offer_id).text
    shown = rates_of(text)
    assert len(shown) == len(view.terms["instalments"])
    assert sum(shown) == view.terms["total_cents"]
    assert f"Sie zahlen insgesamt: {money(sum(shown), 'EUR', 'de')}".replace("\u00a0", " ") in text


def test_it_is_complete_before_anybody_signs(world: PlanWorld, tmp_path: Path) -> None:
    view = offered(world)
    made = drawn(world, tmp_path, offer_id=view.offer_id)
    text = words(made.text)
    for part in (
        "Das Angebot gilt bis zum 8. April 2026",
        "Ort, Tag, Unterschrift",
        "IBAN DE89 3704 0044 0532 0130 00",
        "Zahlungen bis zu sieben Tage nach dem vereinbarten Tag",
        "erinnern wir Sie, kostenlos und mit einem neuen Tag",
        "Erst danach kann der Rest fällig werden",
        "ruhen alle Mahnungen",
        "Miriam Öztürk",
        "Schuldnerberatung",
        "erkennen Sie nichts an",
        "keine Gebühr",
    ):
        assert part in text, part
    assert made.offer_id == view.offer_id
    assert made.plan_no == 0


def test_the_claims_come_to_what_is_open(world: PlanWorld, tmp_path: Path) -> None:
    view = agreed(world)
    rows = re.findall(r"\* Rechnung (R-\d), .*?zusammen ([\d.]+,\d\d) €", words(drawn(world, tmp_path).text))
    assert [number for number, _ in rows] == ["R-1", "R-2"]
    cents = sum(int(re.sub(r"\D", "", amount)) for _, amount in rows)
    assert cents == view.terms["open_cents"]


def test_a_late_payment_changes_nothing_of_what_was_agreed(world: PlanWorld, tmp_path: Path) -> None:
    """What became known later, even of a day before, is not in the terms; nor is what was paid since."""
    agreed(world)
    before = drawn(world, tmp_path).text
    world.pays(date(2026, 3, 2), "20")
    world.pays(date(2026, 4, 1), "50")
    assert drawn(world, tmp_path).text == before


def test_a_plan_in_the_place_of_another_shows_its_own_claims(world: PlanWorld, tmp_path: Path) -> None:
    agreed(world, with_pause=True)
    with world.on(DAY) as book:
        plan_pauses.pause(book, world.reference, on=DAY)
    made = drawn(world, tmp_path)
    assert made.plan_no == 2
    assert len(re.findall(r"\* Rechnung R-\d, Rechnungsbetrag [\d,.]+ €", words(made.text))) == 2
    assert "Einmal im Jahr dürfen Sie eine Rate ans Ende schieben" in words(made.text)


def test_a_deferral_names_one_day_and_nothing_falls_due_early(world: PlanWorld, tmp_path: Path) -> None:
    view = offered(world, "", all_on=date(2026, 9, 15))
    text = words(drawn(world, tmp_path, offer_id=view.offer_id).text)
    assert "Sie zahlen am 15. September 2026 alles zusammen" in text
    assert "Vorzeitig fällig wird nichts." in text
    assert "Rate von" not in text
    assert len(rates_of(text)) == 1


def test_by_direct_debit_the_mandate_is_named_and_no_code_is_shown(tenant_id: int, tmp_path: Path) -> None:
    world = plan_world.many(tenant_id, tmp_path, 1)
    complete()
    agreed(world, by_debit=True)
    made = drawn(world, tmp_path)
    text = words(made.text)
    assert "SEPA-Mandat M-1" in text
    assert plan_world.IDENTIFIER in text
    assert "dessen IBAN auf 2051 endet" in text
    assert "DE02120300000000202051" not in text.replace(" ", "")
    assert "Der Code" not in layer(made.path)


def test_without_a_mandate_he_pays_himself_until_there_is_one(world: PlanWorld, tmp_path: Path) -> None:
    agreed(world, by_debit=True)
    made = drawn(world, tmp_path)
    assert "Abbuchen können wir erst, wenn uns Ihr SEPA-Mandat vorliegt." in words(made.text)
    assert "Der Code ist für eine Rate von 50,00 €." in layer(made.path)


@pytest.mark.parametrize("role", [Role.AGENCY, Role.ASSIGNEE])
def test_an_agency_names_its_client_and_that_the_plan_costs_nothing(
    tenant_id: int, tmp_path: Path, role: Role
) -> None:
    world = plan_world.make(tenant_id, tmp_path, {"obligation_arose_on": date(2025, 12, 1)}, role=role)
    complete(client=CLIENT)
    Mandate.objects.filter(role=role).update(registration=REGISTRATION)
    agreed(world)
    text = words(drawn(world, tmp_path).text)
    party = {
        Role.AGENCY: "Gläubiger: Lampenladen Lux GmbH, Lichtgasse 1, 50667 Köln vertreten durch: shop GmbH",
        Role.ASSIGNEE: "Gläubiger: shop GmbH, Lindenallee 12, 70173 Stuttgart Ursprünglicher Gläubiger:",
    }
    assert party[role] in text
    assert "keine Gebühr, jetzt nicht und später nicht (§ 13a Abs. 3 RDG)" in text
    assert "RDG 3712-I-0815/21" in text


@pytest.mark.parametrize("role", [Role.OWN, Role.AGENCY])
def test_no_acknowledgement_is_asked_for_so_its_notice_stands_nowhere(
    tenant_id: int, tmp_path: Path, role: Role
) -> None:
    """§ 13a Abs. 4 RDG speaks of who asks for one; no clause does, and the document says so."""
    world = plan_world.make(tenant_id, tmp_path, {"obligation_arose_on": date(2025, 12, 1)}, role=role)
    complete(client=CLIENT) if role is Role.AGENCY else complete()
    Mandate.objects.filter(role=role).update(registration=REGISTRATION)
    agreed(world)
    text = words(drawn(world, tmp_path).text)
    assert re.findall(r"\w*[Aa]nerkenn\w*", text) == ["Anerkenntnis"]
    assert "Kein Anerkenntnis: Mit der Vereinbarung erkennen Sie nichts an." in text
    assert "Abs. 4 RDG" not in text


def test_a_long_plan_with_long_names_stays_on_its_pages(tenant_id: int, tmp_path: Path) -> None:
    given = [
        {"amount_cents": 90_000 + number, "last_name": "von und zu " + "Hohenlohe-Waldenburg-" * 4 + "Ost",
         "invoice_number": f"RE-2026-{'0' * 20}{number:04d}"}
        for number in range(1, 13)
    ]  # fmt: skip
    world = plan_world.make(tenant_id, tmp_path, *given)
    complete(contact_person="Maximiliane " + "Freifrau von Schwarzenberg-" * 2 + "West")
    view = offered(world, "310", rate="3")
    assert len(view.terms["instalments"]) >= 36
    made = drawn(world, tmp_path, offer_id=view.offer_id)
    pages = pypdfium2.PdfDocument(Path(made.path))
    assert len(pages) <= 5
    for page in pages:
        text = page.get_textpage()
        for index in range(text.count_rects()):
            left, bottom, right, top = text.get_rect(index)
            assert 0 <= left < right <= page.get_width() - 20  # nothing runs off the right edge
            assert 0 <= bottom < top <= page.get_height()
    assert sum(rates_of(made.text)) == view.terms["total_cents"]


def test_it_records_nothing_and_sends_nothing(world: PlanWorld, tmp_path: Path) -> None:
    agreed(world)
    before = (Fact.objects.count(), Message.objects.count(), InstalmentPlan.objects.count())
    last = Case.objects.get(case_reference=world.reference).last_fact_no
    drawn(world, tmp_path)
    drawn(world, tmp_path)
    assert (Fact.objects.count(), Message.objects.count(), InstalmentPlan.objects.count()) == before
    assert Case.objects.get(case_reference=world.reference).last_fact_no == last
    noted = AuditEntry.objects.filter(action="plan_document")
    assert noted.count() == 2
    assert "Größler" not in json.dumps([entry.detail for entry in noted])


def test_the_same_terms_give_the_same_bytes(world: PlanWorld, tmp_path: Path) -> None:
    agreed(world)
    first = drawn(world, tmp_path)
    assert drawn(world, tmp_path) == first


def test_plain_text_by_the_name_of_the_file(world: PlanWorld, tmp_path: Path) -> None:
    agreed(world)
    with world.on(DAY) as book:
        made = plan_document.draw(book, world.reference, tmp_path / "plan.txt", on=DAY)
    assert (tmp_path / "plan.txt").read_text(encoding="utf-8") == made.text


def test_a_plan_is_signed_only_where_that_is_wanted(world: PlanWorld, tmp_path: Path) -> None:
    agreed(world)
    assert "Unterschrift" not in drawn(world, tmp_path).text
    assert "Ort, Tag, Unterschrift" in drawn(world, tmp_path, to_sign=True).text


@pytest.mark.parametrize(
    ("more", "error", "why"),
    [
        ({}, BadInput, "no plan that runs"),
        ({"offer_id": "abc"}, NotFound, "no offer"),
        ({"language": "fr"}, BadInput, "--language"),
    ],
)
def test_what_is_not_there_is_said(
    world: PlanWorld, tmp_path: Path, more: dict[str, str], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        drawn(world, tmp_path, **more)
    assert not (tmp_path / "plan.pdf").exists()


def test_a_wrong_case_is_said(world: PlanWorld, tmp_path: Path) -> None:
    with world.on(DAY) as book, pytest.raises(NotFound, match="9-999999"):
        plan_document.draw(book, "9-999999", tmp_path / "plan.pdf", on=DAY)


def test_an_offer_that_stands_no_longer_is_not_drawn(world: PlanWorld, tmp_path: Path) -> None:
    view = offered(world)
    with pytest.raises(BadInput, match="does not bind"):
        drawn(world, tmp_path, on=date(2026, 4, 9), offer_id=view.offer_id)
    world.pays(DAY, "20")
    with pytest.raises(BadInput, match="terms changed"):
        drawn(world, tmp_path, offer_id=view.offer_id)


def test_terms_that_are_not_on_record_as_signed_are_not_shown(world: PlanWorld, tmp_path: Path) -> None:
    """A plan's rows cannot be changed; this one was written with the hash of other terms."""
    values = {**offered(world).terms, "terms_hash": "0" * 64}
    case = Case.objects.get(case_reference=world.reference)
    plan_records.add(
        case.tenant_id, case.id, 1, "plan-1", values, agreed_on=DAY, recorded_at=worlds.NOW, actor="clerk"
    )
    for claim in Claim.objects.filter(case=case):
        world.fact("plan_agreed", DAY, code="plan-1", invoice_number=claim.invoice_number)
    with pytest.raises(BadInput, match="another hash"):
        drawn(world, tmp_path)


def test_a_creditor_that_is_not_complete_is_named(tenant_id: int, tmp_path: Path) -> None:
    world = plan_world.make(tenant_id, tmp_path)
    agreed(world)
    with pytest.raises(BadInput, match="lacks address"):
        drawn(world, tmp_path)


def test_an_erased_debtor_has_no_document(
    world: PlanWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed(world)
    monkeypatch.setattr(load, "persons", lambda *_: {})
    with pytest.raises(BadInput, match="erased"):
        drawn(world, tmp_path)


def test_a_file_that_cannot_be_written_is_named(world: PlanWorld, tmp_path: Path) -> None:
    agreed(world)
    with world.on(DAY) as book, pytest.raises(BadInput, match="cannot be written"):
        plan_document.draw(book, world.reference, tmp_path / "nowhere" / "plan.pdf", on=DAY)
    assert not AuditEntry.objects.filter(action="plan_document").exists()


def test_nobody_elses_book_has_it(world: PlanWorld, tenant_id: int, tmp_path: Path) -> None:
    view = offered(world)
    with world.on(DAY) as book:
        other = type(book)(book.place, tenant_id + 1, book.actor)
        with pytest.raises(NotFound):
            plan_document.draw(other, world.reference, tmp_path / "x.pdf", offer_id=view.offer_id, on=DAY)
    assert not (tmp_path / "x.pdf").exists()
