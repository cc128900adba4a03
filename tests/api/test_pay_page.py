"""What a payer reads: who asks, for what, how much, where else to send it, and whom to call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.api.web_servers import web_server
from tests.gateways.provider_server import Simulator
from tests.usecases.provider_worlds import World, make_world, set_environment

from mahnwerk.frames import Role
from mahnwerk.records.models import Case, Creditor, PayLink, PaymentIntent
from mahnwerk.usecases import clock, facts, letter_links, provider_links

PROFILE = {
    "contact_person": "Mara Lind",
    "phone": "+49 (0)341 5550123",
    "email": "konto@lindenhof.example",
    "hours": "Mo–Fr 9–16 Uhr",
}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made, clock.use_clock(lambda: made.now):
        yield made


@pytest.fixture
def world(tenant_id: int, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> World:
    set_environment(monkeypatch, simulator)
    made = make_world(tenant_id, tmp_path, simulator, "stripe")
    creditor = Creditor.objects.get(tenant_id=tenant_id)
    Creditor.objects.filter(id=creditor.id).update(
        iban="DE02120300000000202051", profile={**creditor.profile, **PROFILE}
    )
    return made


class Elements(HTMLParser):
    """The elements of a page, with their attributes and the text inside them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.texts.setdefault(tag, []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def text(self, tag: str) -> str:
        return " ".join(self.texts.get(tag, ()))


def read(path: str, **headers: str) -> tuple[Any, Elements]:
    answer = Client().get(path, headers=headers)
    return answer, Elements(answer.content.decode())


def test_it_says_who_asks_for_what_where_else_to_pay_and_whom_to_call(world: World) -> None:
    answer, page = read(f"/pay/{world.link()}")
    case = world.case()
    text = page.text("main")
    assert page.text("h1") == page.text("title") == "Zahlung an shop GmbH"
    assert re.search(r"Betrag am 03\.03\.2026\s+2\d\d,\d\d\xa0€", text) and case.case_reference in text
    assert "DE02 1203 0000 0000 2020 51" in text
    assert case.rf_reference in text.replace(" ", "")
    assert "sagen Sie es uns, bevor Sie zahlen" in text and "Mara Lind" in text and "Mo–Fr 9–16 Uhr" in text
    own = [f"/pay/{world.link()}?lang=en", "tel:+493415550123", "mailto:konto@lindenhof.example"]
    assert [link["href"] for link in page.all("a")] == own
    assert "Seite von Stripe" in text
    assert len(answer.content) < 6_000


def test_it_can_be_read_aloud_and_used_with_the_keyboard(world: World) -> None:
    link = world.link()
    for path in (f"/pay/{link}", f"/pay/{link}/done", f"/pay/{link}/cancelled", "/pay/x", "/elsewhere"):
        _, page = read(path)
        assert page.all("html")[0]["lang"] == "de"
        assert len(page.all("h1")) == len(page.all("main")) == 1
        tags = [tag for tag, _ in page.found]
        assert {"script", "img", "link", "iframe", "input"}.isdisjoint(tags)
        assert not any("onclick" in attributes or "tabindex" in attributes for _, attributes in page.found)
        headings = [tag for tag in tags if tag in ("h1", "h2", "h3")]
        assert headings[0] == "h1" and "h3" not in headings
    _, page = read(f"/pay/{link}")
    assert page.text("button") == "Weiter zur Zahlung" and len(page.all("form")) == 1
    assert ":focus-visible{outline:3px" in page.text("style") and "outline:none" not in page.text("style")


def test_nothing_comes_from_elsewhere_and_nothing_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = world.link()
    for path in (f"/pay/{link}", f"/pay/{link}/done", "/pay/x"):
        answer, _ = read(path)
        assert not re.search(r"(src|href|action)=\"(https?:)?//", answer.content.decode())
        assert not answer.cookies and answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        policy = answer.headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            assert part in policy
        assert "unsafe" not in policy
    monkeypatch.setenv(letter_links.PUBLIC_URL, "http://127.0.0.1:8000")
    assert "Strict-Transport-Security" not in read(f"/pay/{link}")[0].headers


def test_a_page_with_nothing_to_pay_still_says_whom_to_call(world: World) -> None:
    link = world.link()
    facts.add(world.book, world.case().case_reference, "debtor_deceased", on=clock.today())
    answer, page = read(f"/pay/{link}")
    text = page.text("main")
    assert answer.status_code == 200 and page.text("h1") == "Zurzeit nichts zu zahlen"
    assert "Mara Lind" in text and "IBAN" not in text and not page.all("button")
    assert read(f"/pay/{link}/cancelled")[1].text("a").count("Zurück") == 0


def test_a_creditor_without_contact_and_account_is_no_error(world: World) -> None:
    Creditor.objects.update(iban="", profile={})
    text = read(f"/pay/{world.link()}")[1].text("main")
    assert "steht in unserem Schreiben" in text and "IBAN" not in text


def test_an_agencys_page_says_whose_claim_it_is_and_names_stay_text(world: World) -> None:
    bad = '<script>alert(1)</script> & "Söhne"'
    profile = {**PROFILE, "client": {"name": bad}, "phone": '"><b>', "email": '"onclick="x'}
    Creditor.objects.update(name=bad, profile=profile)
    Case.objects.update(role=Role.AGENCY)
    answer, page = read(f"/pay/{world.link()}")
    assert f"Forderung von {bad}." in page.text("main") and page.text("h1") == f"Zahlung an {bad}"
    assert b"<script" not in answer.content and b"<b>" not in answer.content
    assert all(set(link) <= {"href", "lang", "hreflang"} for link in page.all("a"))


def test_an_assignees_page_names_the_first_creditor_and_a_sellers_no_other(world: World) -> None:
    Creditor.objects.update(profile={**PROFILE, "client": {"name": "Werkbank GmbH"}})
    link = world.link()
    for role, said in (
        (Role.AGENCY, "Forderung von Werkbank GmbH."),
        (Role.ASSIGNEE, "Werkbank GmbH hat uns die Forderung abgetreten."),
        (Role.MARKETPLACE, ""),
        (Role.OWN, ""),
    ):
        Case.objects.update(role=role)
        text = read(f"/pay/{link}")[1].text("main")
        assert said in text and ("Werkbank" in text) == bool(said)


def test_the_reader_can_choose_the_other_language_and_stays_in_it(world: World) -> None:
    link = world.link()
    for path in (f"/pay/{link}", f"/pay/{link}/done"):
        _, german = read(path)
        way = german.all("a")[0]
        assert way == {"href": f"/pay/{link}?lang=en", "lang": "en", "hreflang": "en"}
        assert german.text("header") == "This page in English"
    _, english = read(f"/pay/{link}?lang=en")
    assert english.all("html")[0]["lang"] == "en" and english.text("h1") == "Payment to shop GmbH"
    assert english.all("form")[0]["action"] == f"/pay/{link}?lang=en"
    assert english.all("a")[0]["href"] == f"/pay/{link}" and english.text("header").endswith("Deutsch")
    assert read(f"/pay/{link}/cancelled?lang=en")[1].text("h1") == "Payment cancelled"
    assert read("/pay/x?lang=en")[1].text("h1") == "Link not found"
    assert read(f"/pay/{link}?lang=<b>")[1].all("html")[0]["lang"] == "de"


def test_it_says_who_offers_the_page_with_address_and_register(world: World) -> None:
    told = {"street": "Gärtnerweg 4", "postcode": "04103", "city": "Leipzig", "register": "HRB 1234 <b>"}
    Creditor.objects.update(profile={**PROFILE, **told}, vat_id="DE136695976")
    for path in (f"/pay/{world.link()}", f"/pay/{world.link()}/done"):
        _, page = read(path)
        said = (
            "Anbieter dieser Seite: shop GmbH Gärtnerweg 4 04103 Leipzig HRB 1234 <b> USt-IdNr. DE136695976"
        )
        assert " ".join(page.text("footer").split()) == said
    notice = "https://lindenhof.example/datenschutz"
    for told, shown in ((notice, [notice]), ("javascript:alert(1)", [])):
        Creditor.objects.update(profile={**PROFILE, "privacy": told})
        _, page = read(f"/pay/{world.link()}")
        assert [way["href"] for way in page.all("a")[3:]] == shown


def test_where_the_provider_is_away_the_account_is_told_with_the_amount_and_the_creditor(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(link: str) -> str:
        raise provider_links.NotPayable("away", "Try again.")

    monkeypatch.setattr(provider_links, "checkout_url", away)
    answer = Client().post(f"/pay/{world.link()}?lang=en")
    page = Elements(answer.content.decode())
    assert answer.status_code == 503 and page.text("h1") == "Not possible right now"
    assert re.search(r"Amount\s+€2\d\d\.\d\d\s+Payee\s+shop GmbH\s+IBAN\s+DE02", page.text("main"))
    assert re.search(r"Mara Lind\s+shop GmbH", page.text("main"))


def test_looking_changes_nothing(world: World) -> None:
    link = world.link()

    def kept() -> Any:
        return [list(model.objects.values()) for model in (PayLink, PaymentIntent, Case)]

    before = kept()
    for method in ("get", "head", "options"):
        for path in (f"/pay/{link}", f"/pay/{link}/done", f"/pay/{link}/cancelled"):
            answer = getattr(Client(), method)(path)
            assert answer.status_code == (405 if method == "options" else 200)
            assert answer.content == b"" or method == "get"
    assert kept() == before and not world.simulator.requests


def test_other_addresses_and_defects_are_answered_in_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Client().get("/", headers={"host": "evil.example"}).status_code == 400
    answer, page = read("/wp-login.php", accept_language="en")
    assert answer.status_code == 404 and page.text("h1") == "Link not found"

    def broken(link: str) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(provider_links, "page", broken)
    answer = Client(raise_request_exception=False).get("/pay/x")
    assert answer.status_code == 500 and b"secret" not in answer.content
    assert "schiefgegangen" in answer.content.decode() and answer.headers["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_the_real_entry_point_speaks_the_same(transactional_db: None) -> None:
    from http.client import HTTPConnection

    with web_server() as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/pay/1-aaaaaaaaaaaaaaaa", headers={"Host": "127.0.0.1"})
        answer = connection.getresponse()
        assert answer.status == 404 and "Link nicht gefunden" in answer.read().decode()
        assert answer.headers["Content-Security-Policy"] and not answer.headers["Set-Cookie"]
        connection.request("GET", "/pay/x", headers={"Host": "evil.example"})
        assert connection.getresponse().status == 400
        connection.close()
