"""Webhooks and pay pages as the outside sees them."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.api.web_servers import web_server
from tests.gateways.provider_server import Simulator
from tests.usecases.provider_worlds import World, make_world, set_environment

from mahnwerk.records.models import Case, Fact, PaymentIntent, ProviderEvent
from mahnwerk.usecases import clock, providers


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made, clock.use_clock(lambda: made.now):
        yield made


@pytest.fixture
def world(tenant_id: int, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> World:
    set_environment(monkeypatch, simulator)
    return make_world(tenant_id, tmp_path, simulator, "stripe")


def post(world: World, raw: bytes, headers: dict[str, str], path: str = "") -> Any:
    return Client(enforce_csrf_checks=True, raise_request_exception=False).post(
        path or world.account_path, raw, content_type="application/json", headers=headers
    )


def test_a_webhook_is_answered_after_its_effect(world: World) -> None:
    world.simulator.pay(world.checkout())
    raw, headers = world.simulator.deliveries("stripe")[0]
    answer = post(world, raw, headers)
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert len(world.in_force()) == 1
    assert post(world, raw, headers).status_code == 200
    assert len(world.in_force()) == 1


def test_others_are_told_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.simulator.pay(world.checkout())
    raw, headers = world.simulator.deliveries("stripe")[0]
    assert post(world, raw + b" ", headers).status_code == 400
    assert post(world, raw, {}).content == b"refused"
    assert post(world, b"x" * 600_000, headers).status_code == 413
    assert post(world, raw, headers, "/hooks/paypal/" + world.public_id).status_code == 404
    assert post(world, raw, headers, "/hooks/stripe/1-AAAAAAAAAAAAAAAA").status_code == 404
    assert Client().get(world.account_path).status_code == 405

    def broken(*given: Any, **named: Any) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(providers, "record", broken)
    answer = post(world, raw, headers)
    assert (answer.status_code, answer.content) == (500, b"error")
    assert not ProviderEvent.objects.exists() and not world.in_force()


def test_the_pay_page_works_without_script_and_names_nobody(world: World) -> None:
    link = world.link()
    answer = Client(enforce_csrf_checks=True).get(f"/pay/{link}")
    page = answer.content.decode()
    assert answer.status_code == 200 and not answer.cookies
    assert "shop GmbH" in page and re.search(r"2\d\d,\d\d\xa0€", page)
    assert "<script" not in page and "Größler" not in page and "aenne" not in page
    for name, value in {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
    }.items():
        assert answer.headers[name] == value
    policy = answer.headers["Content-Security-Policy"]
    style = page.split("<style>", 1)[1].split("</style>", 1)[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "form-action 'self' https://checkout.stripe.com" in policy


def test_the_button_leads_to_the_provider_and_twice_to_the_same_place(world: World) -> None:
    link = world.link()
    client = Client(enforce_csrf_checks=True)
    first, again = (client.post(f"/pay/{link}") for _ in range(2))
    assert first.status_code == again.status_code == 303
    assert first.headers["Location"] == again.headers["Location"]
    assert first.headers["Location"].startswith(f"http://{world.simulator.host}/checkout/")
    assert len(world.simulator.payments) == 1
    world.simulator.pay(world.simulator.of(link).checkout_id)
    world.deliver_all()
    page = client.get(f"/pay/{link}").content.decode()
    assert "nichts mehr zu zahlen" in page and "<button" not in page
    assert "nichts mehr zu zahlen" in client.post(f"/pay/{link}").content.decode()


def test_every_pay_page_says_its_language_and_what_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, client = world.link(), Client()

    def heading(path: str, *, post: bool = False, **headers: str) -> tuple[int, str, str]:
        answer = (client.post if post else client.get)(path, headers=headers)
        page = answer.content.decode()
        assert page.count("<h1>") == page.count("<main>") == 1
        title, above = re.search(r"<title>(.*?)</title>", page), re.search(r"<h1>(.*?)</h1>", page)
        assert title and above and title[1] == above[1]
        found = re.search(r'<html lang="(..)">', page)
        assert found
        return answer.status_code, found[1], above[1]

    assert heading(f"/pay/{link}") == (200, "de", "Zahlung an shop GmbH")
    assert heading("/pay/x") == (404, "de", "Link nicht gefunden")
    assert heading("/pay/x", accept_language="fr-FR,en-GB;q=0.8,de;q=0.5") == (404, "en", "Link not found")
    Case.objects.filter(id=world.case_id).update(language="en")
    assert heading(f"/pay/{link}") == (200, "en", "Payment to shop GmbH")
    assert heading(f"/pay/{link}/cancelled") == (200, "en", "Payment cancelled")
    assert heading(f"/pay/{link}/nowhere", accept_language="de") == (404, "en", "Link not found")
    assert "€2" in client.get(f"/pay/{link}").content.decode()
    monkeypatch.setattr(Simulator, "session", lambda self, payment: {
        "id": payment.checkout_id, "url": "https://checkout.stripe.com.evil.example/x", "status": "open"
    })  # fmt: skip
    assert heading(f"/pay/{link}", post=True) == (503, "en", "Not possible right now")


def test_there_is_no_way_to_be_sent_elsewhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    link, client = world.link(), Client()
    assert client.get(f"/pay/{link}/done").status_code == 200
    assert client.get(f"/pay/{link}/cancelled").status_code == 200
    for path in (
        f"/pay/{link}/evil",
        f"/pay/{link}/https:",
        "/pay/1-AAAAAAAAAAAAAAAA",
        "/pay/x",
        "/pay/x/done",
    ):
        assert client.get(path).status_code == 404
    answer = client.get(f"/pay/{link}?next=https://evil.example&return_url=//evil.example")
    assert b"evil" not in answer.content
    monkeypatch.setattr(Simulator, "session", lambda self, payment: {
        "id": payment.checkout_id, "url": "https://checkout.stripe.com.evil.example/x", "status": "open"
    })  # fmt: skip
    answer = client.post(f"/pay/{link}")
    assert answer.status_code == 503 and "Location" not in answer.headers
    assert PaymentIntent.objects.get().state != "open"


def test_a_provider_that_is_away_is_said_so_and_trying_again_is_safe(world: World) -> None:
    link, client = world.link(), Client()
    world.simulator.fail = ["after"]
    answer = client.post(f"/pay/{link}")
    assert answer.status_code == 503 and "noch einmal" in answer.content.decode()
    assert client.post(f"/pay/{link}").status_code == 303
    assert len(world.simulator.payments) == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_webhook_many_times_at_once(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """A real server on loopback, eight senders at once: one event, one fact; everybody is told "ok"."""
    from mahnwerk.records.book import ensure_tenant

    settings.BOOK = tmp_path
    with Simulator() as simulator, clock.use_clock(lambda: simulator.now):
        set_environment(monkeypatch, simulator)
        world = make_world(ensure_tenant("Test operator"), tmp_path, simulator, "stripe")
        simulator.pay(world.checkout("10,00"))
        simulator.dispute(world.links[0])
        deliveries = simulator.deliveries("stripe")
        answers: list[int] = []

        def send(raw: bytes, headers: dict[str, str]) -> None:
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", world.account_path, raw, headers)
            answers.append(connection.getresponse().status)
            connection.close()

        with web_server() as port:
            threads = [threading.Thread(target=send, args=one) for one in deliveries * 3]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert answers == [200] * len(threads)
        assert ProviderEvent.objects.count() == len(deliveries)
        assert set(world.states()) == {"applied"}
        assert world.in_force() == []
        assert Fact.objects.filter(kind__in=[200, 201]).count() == 2
