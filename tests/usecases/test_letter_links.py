"""The letters of a day carry pay links: one per case, made together, worth what the letter asks for."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.gateways.provider_server import Simulator
from tests.usecases.conftest import FIRST
from tests.usecases.provider_worlds import FILES, SECRETS

PAGES = "https://pay.example.org"
ACCOUNT = f"key: stripe-1\nprovider: stripe\ncreditor: kiosk\n{FILES['stripe']}\n"
TABLES = ('"pay_links"', '"provider_accounts"')
DUNNED = FIRST + dt.timedelta(days=24)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(now=dt.datetime.combine(FIRST, dt.time(6), dt.UTC)) as made:
        yield made


@pytest.fixture
def shop(kiosk: Any, folder: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The kiosk with an account at a provider and pay pages."""
    from mahnwerk.usecases import letter_links, provider_accounts

    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(provider_accounts.TEST_SERVER, simulator.host)
    monkeypatch.setenv(letter_links.PUBLIC_URL, f"{PAGES}/")
    add_account(kiosk, folder, ACCOUNT)
    return kiosk


def add_account(book: Any, folder: Path, text: str) -> Any:
    from mahnwerk.usecases import provider_accounts

    file = folder / "account.yaml"
    file.write_text(text, encoding="utf-8")
    return provider_accounts.add_file(book, file)


def run(book: Any, on: dt.date = FIRST, **options: Any) -> Any:
    """The day's plan, and its letters as files."""
    from mahnwerk.gateways.files import FileGateway
    from mahnwerk.usecases import day, sending
    from mahnwerk.usecases.channels import Channels

    day.run_day(book, on, confirm_day=True)
    channels = Channels(FileGateway(book.place.outbox))
    return sending.send(book, on, channels=channels, confirm_day=True, **options)


def links() -> dict[str, str]:
    """Case → the name of its link; two links of a case would be an error."""
    from mahnwerk.records.models import PayLink

    rows = list(PayLink.objects.values_list("case__case_reference", "public_id"))
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def mail_of(path: Path) -> Any:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def targets(pdf: bytes) -> list[str]:
    """Where the links of a PDF lead."""
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    found = [one.get_object() for page in pages for one in page.get("/Annots", [])]
    return [str(one["/A"]["/URI"]) for one in found]


def in_letters(book: Any) -> dict[str, list[str]]:
    """File → the links in it: of the PDF, or of the PDF attached to the mail."""
    found = {}
    for path in sorted(book.place.outbox.iterdir()):
        pdf = path.read_bytes()
        if path.suffix == ".eml":
            (attached,) = mail_of(path).iter_attachments()
            pdf = attached.get_content()
        found[path.name] = targets(pdf)
    return found


def sealed(book: Any) -> dict[str, bytes]:
    """What would be sealed now, by case."""
    from mahnwerk.gateways.files import FileGateway
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import preparing
    from mahnwerk.usecases.channels import Channels

    waiting = Message.objects.filter(state="planned").order_by("id").values_list("id", flat=True)
    made = preparing.prepare(book, FIRST, list(waiting), Channels(FileGateway(book.place.outbox)))
    return {one.case_reference: one.sealing.content for one in made if one.sealing}


def test_each_letter_carries_the_link_of_its_case_and_says_what_the_page_says(shop: Any) -> None:
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import provider_links

    assert run(shop).sent == 3
    named = links()
    assert in_letters(shop) == {
        f"{case}_payment_reminder_1.{kind}": [f"{PAGES}/pay/{named[case]}"]
        for case, kind in (("M-000001", "pdf"), ("M-000002", "eml"), ("M-000003", "eml"))
    }
    for message in Message.objects.filter(state="sent"):
        page = provider_links.page(named[message.case.case_reference])
        assert (page.state, page.amount_cents) == ("open", message.demanded_cents)


def test_an_email_has_a_button_the_address_to_read_and_says_what_is_attached(shop: Any) -> None:
    run(shop)
    mail = mail_of(shop.place.outbox / "M-000002_payment_reminder_1.eml")
    url = f"{PAGES}/pay/{links()['M-000002']}"
    bodies = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    text, html = (body.replace("\r\n", "\n") for body in bodies)
    assert f"\n{url}\n" in text
    assert html.count(f'href="{url}"') == 2 and "Online zahlen</a>" in html
    assert [part.get_content_type() for part in mail.iter_attachments()] == ["application/pdf"]
    assert "Ihr Schreiben liegt als PDF bei." in text and "Ihr Schreiben liegt als PDF bei." in html


def test_paid_on_the_link_it_is_a_fact_and_the_page_says_so(shop: Any, simulator: Simulator) -> None:
    from mahnwerk.records.models import ProviderAccount
    from mahnwerk.usecases import cases, providers

    run(shop)
    path = f"/pay/{links()['M-000002']}"
    client = Client()
    assert "100,00\xa0€" in client.get(path).content.decode()
    assert client.post(path).status_code == 303
    simulator.pay(links()["M-000002"])
    for raw, headers in simulator.deliveries("stripe"):
        providers.receive_webhook("stripe", ProviderAccount.objects.get().public_id, raw, headers)
    assert "nichts mehr zu zahlen" in client.get(path).content.decode()
    run(shop, DUNNED)
    assert not list(shop.place.outbox.glob("M-000002_dunning*"))
    rows = {row["case_reference"]: row["reason"] for row in cases.list_cases(shop, DUNNED).rows}
    assert rows["M-000002"] == "settled"


def test_the_next_letter_carries_the_same_link_also_after_a_part_was_paid(
    shop: Any, simulator: Simulator, at: Callable[[int], None]
) -> None:
    from mahnwerk.records.models import PayLink
    from mahnwerk.usecases import facts, provider_links

    run(shop)
    before = links()
    PayLink.objects.filter(case__case_reference="M-000001").update(state="paid")
    facts.add(shop, "M-000001", "payment_received", on=FIRST, amount="40,00")
    at(24 * 24)
    assert run(shop, DUNNED).sent
    assert links() == before
    letters = in_letters(shop)
    assert letters["M-000001_dunning_notice_1.pdf"] == [f"{PAGES}/pay/{before['M-000001']}"]
    assert provider_links.page(before["M-000001"]).amount_cents == 6_000


@pytest.mark.parametrize("why", ["no pages", "no account", "not in letters", "not active"])
def test_without_an_account_for_letters_nothing_is_asked_or_made(
    why: str, shop: Any, as_owner: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mahnwerk.records.models import ProviderAccount
    from mahnwerk.usecases import letter_links

    if why == "no pages":
        monkeypatch.delenv(letter_links.PUBLIC_URL)
    elif why == "no account":
        ProviderAccount.objects.all().delete()
    elif why == "not in letters":
        assert not add_account(shop, folder, f"{ACCOUNT}in_letters: false\n").in_letters
    else:
        ProviderAccount.objects.update(is_active=False)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert run(shop).sent == 3
    assert sum(any(name in one["sql"] for name in TABLES) for one in asked) == (why != "no pages")
    assert links() == {}
    assert set(map(tuple, in_letters(shop).values())) == {()}


def test_an_account_is_in_letters_unless_its_file_says_no(shop: Any, folder: Path) -> None:
    from mahnwerk.usecases import provider_accounts
    from mahnwerk.usecases.errors import BadInput

    add_account(shop, folder, f"{ACCOUNT}in_letters: false\n")
    assert [row["in_letters"] for row in provider_accounts.overview(shop)] == [False]
    add_account(shop, folder, ACCOUNT)
    assert [row["in_letters"] for row in provider_accounts.overview(shop)] == [True]
    with pytest.raises(BadInput, match="in_letters"):
        add_account(shop, folder, f"{ACCOUNT}in_letters: 'yes'\n")


def test_many_letters_ask_no_more_often_than_few(shop: Any, folder: Path) -> None:
    from mahnwerk.usecases import imports

    def statements(on: dt.date) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as asked:
            sent = run(shop, on).sent
        return sent, sum(any(name in one["sql"] for name in TABLES) for one in asked)

    few = statements(FIRST)
    head = (
        "Kundennummer;Vorname;Nachname;Straße;PLZ;Ort;E-Mail;Kundenart;"
        "Rechnungsnummer;Rechnungsdatum;Fällig am;Betrag"
    )
    rows = [
        f"N{n};Anna;Abel{n};Weg {n};10115;Berlin;;Verbraucher;S-{n};01.02.2026;15.02.2026;{n},00"
        for n in range(10, 60)
    ]
    (folder / "more.csv").write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    imports.import_files(shop, [folder / "kiosk.yaml", folder / "more.csv"])
    many = statements(FIRST + dt.timedelta(days=1))
    assert (few[0], many[0]) == (3, 50)
    assert few[1] == many[1] == 3  # which accounts, which links are there, the new ones
    assert len(links()) == 53


def test_written_again_it_is_the_same_letter_and_a_dry_run_keeps_nothing(shop: Any) -> None:
    from mahnwerk.usecases import day

    day.run_day(shop, FIRST)
    first = sealed(shop)
    assert run(shop, dry_run=True).sent == 3
    assert links() == {}
    assert sealed(shop) == first
    run(shop)
    for path in shop.place.outbox.iterdir():
        assert path.read_bytes() == first[path.name[:8]]


def test_stopped_between_link_and_seal_the_letter_names_the_link_that_is_there(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mahnwerk.usecases import outbox

    def stop(*arguments: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "seal", stop)
        with pytest.raises(KeyboardInterrupt):
            run(shop)
    before = links()
    assert len(before) == 3
    assert run(shop).sent == 3
    assert links() == before
    assert {url for urls in in_letters(shop).values() for url in urls} == {
        f"{PAGES}/pay/{name}" for name in before.values()
    }


def test_a_link_made_by_hand_or_by_another_process_is_the_letters_link(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mahnwerk.usecases import letter_links, provider_links

    by_hand = provider_links.make(shop, "M-000001").public_id
    keep = letter_links.keep

    def keep_late(book: Any, new: Any) -> int:
        """Another process keeps the same links in the same moment."""
        new = list(new)
        for link in new:
            provider_links.make(book, link.case.case_reference)
        return keep(book, new)

    monkeypatch.setattr(letter_links, "keep", keep_late)
    run(shop)
    assert len(links()) == 3
    assert links()["M-000001"] == by_hand


@pytest.mark.parametrize("address", ["http://pay.example.org", "ftp://pay.example.org", "pay.example.org"])
def test_pages_that_are_not_safe_keep_the_letters_in(
    address: str, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mahnwerk.usecases import letter_links

    monkeypatch.setenv(letter_links.PUBLIC_URL, address)
    report = run(shop)
    assert (report.sent, report.held_back) == (0, 3)
    assert "MAHNWERK_PUBLIC_URL" in report.notes[0]["what"]
    assert links() == {}
    monkeypatch.setenv(letter_links.PUBLIC_URL, "http://127.0.0.1:8000")
    assert run(shop).sent == 3


def test_a_disputed_part_stands_in_neither_letter_nor_page(shop: Any) -> None:
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import facts, provider_links

    facts.add(shop, "M-000003", "dispute_raised", on=FIRST, amount="500,00", invoice_number="R-4")
    run(shop)
    named = links()
    assert Message.objects.get(case__case_reference="M-000003").demanded_cents == 49_000
    assert provider_links.page(named["M-000003"]).amount_cents == 49_000
    assert "M-000004" not in named  # disputed as a whole: no letter, no link
    facts.add(shop, "M-000003", "dispute_raised", on=FIRST, invoice_number="R-4")
    assert provider_links.page(named["M-000003"]).state == "paused"
    assert "zurzeit nichts zu zahlen" in Client().get(f"/pay/{named['M-000003']}").content.decode()


def test_a_closed_case_is_settled_on_its_page(shop: Any) -> None:
    from mahnwerk.usecases import facts, provider_links

    run(shop)
    for number in ("R-1", "R-2"):
        facts.add(shop, "M-000001", "claim_closed", on=FIRST, invoice_number=number)
    assert provider_links.page(links()["M-000001"]).state == "settled"
    with pytest.raises(provider_links.NotPayable):
        provider_links.checkout_url(links()["M-000001"])
    assert Client().post(f"/pay/{links()['M-000001']}").status_code == 200


def test_a_sum_too_small_for_a_provider_gets_a_letter_without_link(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mahnwerk.usecases import letter_data

    monkeypatch.setattr(letter_data, "MIN_CENTS", 10_001)  # the others ask for 100,00
    assert run(shop).sent == 3
    assert list(links()) == ["M-000003"]
    assert [len(urls) for urls in in_letters(shop).values()] == [0, 0, 1]


def test_the_reminder_of_a_plan_links_to_what_is_missed(shop: Any, at: Callable[[int], None]) -> None:
    from mahnwerk.records.models import Message, PayLink
    from mahnwerk.usecases import plans, provider_links
    from mahnwerk.usecases.plan_asks import read_ask

    plans.agree(
        shop, "M-000002", ask=read_ask("25", first_on=dt.date(2026, 5, 4)), on=FIRST + dt.timedelta(days=1)
    )
    on = dt.date(2026, 5, 12)
    at((on - FIRST).days * 24)
    run(shop, on)
    assert Message.objects.get(step_id="plan_reminder").state == "sent"
    link = PayLink.objects.get(case__case_reference="M-000002")
    text = mail_of(shop.place.outbox / "M-000002_plan_reminder_1.eml").get_body(("plain",)).get_content()
    assert f"{PAGES}/pay/{link.public_id}" in text
    page = provider_links.page(link.public_id)
    assert (page.state, page.amount_cents) == ("open", 25_00)


def test_what_a_reminder_asked_for_is_asked_for_no_more_once_it_came_another_way(
    shop: Any, at: Callable[[int], None]
) -> None:
    from mahnwerk.records.models import PayLink
    from mahnwerk.usecases import facts, plans, provider_links
    from mahnwerk.usecases.plan_asks import read_ask

    case, on = "M-000002", dt.date(2026, 5, 12)

    def page(public_id: str, day: dt.date) -> tuple[str, int]:
        at((day - FIRST).days * 24)
        shown = provider_links.page(public_id)
        return shown.state, shown.amount_cents

    plans.agree(shop, case, ask=read_ask("25", first_on=dt.date(2026, 5, 4)), on=FIRST + dt.timedelta(days=1))
    at((on - FIRST).days * 24)
    run(shop, on)
    link = PayLink.objects.get(case__case_reference=case)
    whole = provider_links.make(shop, case).public_id  # as an older letter may have it
    assert page(whole, on) == ("open", 25_00)
    # A part of it comes by transfer: the link asks for the rest. Then the rest comes, too.
    facts.add(shop, case, "payment_received", on=on, amount="10")
    assert page(link.public_id, on) == page(whole, on) == ("open", 15_00)
    facts.add(shop, case, "payment_received", on=on, amount="15")
    assert page(link.public_id, on) == ("settled", 0)
    assert page(whole, on) == ("open", 25_00)  # the next one, for who likes to pay early
    # It is asked for again when that payment goes back, and never the next one with it.
    back = facts.add(shop, case, "payment_returned", on=dt.date(2026, 6, 8), voids=_last_payment(case))
    assert page(link.public_id, dt.date(2026, 6, 8)) == ("open", 25_00)
    facts.add(shop, case, "voided", on=dt.date(2026, 6, 8), voids=back.fact_no)
    # The plan breaks: the general link asks for the whole, this one still for no more than it told of.
    facts.add(shop, case, "plan_broken", on=dt.date(2026, 6, 9), code="instalments_missed")
    assert page(link.public_id, dt.date(2026, 6, 9)) == ("open", 25_00)
    state, cents = page(whole, dt.date(2026, 6, 9))
    assert state == "open"
    assert cents > 70_00


def _last_payment(case: str) -> int:
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import Fact

    mine = Fact.objects.filter(case__case_reference=case, kind=FactKind.PAYMENT_RECEIVED)
    return mine.latest("fact_no").fact_no


def test_who_pays_on_a_reminders_link_names_the_claims_of_its_plan(
    shop: Any, at: Callable[[int], None], simulator: Simulator
) -> None:
    from mahnwerk.records import plans as plan_records
    from mahnwerk.records.models import Designation, PayLink, ProviderAccount
    from mahnwerk.usecases import plans, provider_links, providers
    from mahnwerk.usecases.plan_asks import read_ask

    case, on = "M-000002", dt.date(2026, 5, 12)
    plans.agree(shop, case, ask=read_ask("25", first_on=dt.date(2026, 5, 4)), on=FIRST + dt.timedelta(days=1))
    at((on - FIRST).days * 24)
    run(shop, on)
    link = PayLink.objects.get(case__case_reference=case)
    provider_links.checkout_url(link.public_id)
    simulator.now = dt.datetime.combine(on, dt.time(6), dt.UTC)
    simulator.pay(link.public_id)
    for raw, headers in simulator.deliveries("stripe"):
        providers.receive_webhook("stripe", ProviderAccount.objects.get().public_id, raw, headers)
    covered = plan_records.claims_of(shop.tenant_id, link.plan_id)
    fact_no = _last_payment(case)
    named = Designation.objects.filter(case__case_reference=case, fact_no=fact_no)
    assert sorted(named.values_list("claim_id", flat=True)) == sorted(covered)
    assert plans.show(shop, case, on)[0].paid_cents == 25_00
