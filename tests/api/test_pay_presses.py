"""How often the pay button may be pressed: enough for everybody, on all processes together, and no more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.api.web_servers import web_server
from tests.gateways.provider_server import Simulator
from tests.usecases.provider_worlds import World, make_world, set_environment

from mahnwerk.records.models import AuditEntry, Case, PayLink, PaymentIntent, ProviderAccount
from mahnwerk.usecases import clock, pay_presses

MOST = pay_presses.PER_LINK.most


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made, clock.use_clock(lambda: made.now):
        yield made


@pytest.fixture
def world(tenant_id: int, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> World:
    set_environment(monkeypatch, simulator)
    return make_world(tenant_id, tmp_path, simulator, "stripe")


def press(link: str) -> Any:
    return Client(enforce_csrf_checks=True).post(f"/pay/{link}")


def test_who_presses_a_few_times_is_let_through_and_a_machine_is_not(world: World) -> None:
    link = world.link()
    assert {press(link).status_code for _ in range(MOST)} == {303}
    before = (PayLink.objects.values().get(), AuditEntry.objects.count(), len(world.simulator.requests))
    answer = press(link)
    assert answer.status_code == 429 and "Location" not in answer.headers
    assert 0 < int(answer.headers["Retry-After"]) <= 600
    page = answer.content.decode()
    assert '<html lang="de">' in page and "in 10 Minuten" in page and "nichts abgebucht" in page
    assert f'href="/pay/{link}"' in page and answer.headers["Cache-Control"] == "no-store"
    after = (PayLink.objects.values().get(), AuditEntry.objects.count(), len(world.simulator.requests))
    assert after == before  # a refused press writes nothing and asks nobody
    assert Client().get(f"/pay/{link}").status_code == 200  # looking is never refused
    world.simulator.tick(minutes=9, seconds=30)
    assert "in 1 Minute" in press(link).content.decode()
    world.simulator.tick(seconds=31)
    assert press(link).status_code == 303


def test_the_page_speaks_the_debtors_language(world: World) -> None:
    Case.objects.filter(id=world.case_id).update(language="en")
    link = world.link()
    PayLink.objects.update(presses=MOST, presses_since=clock.now())
    page = press(link).content.decode()
    assert '<html lang="en">' in page and "in 10 minutes" in page and "Nothing was charged" in page


def test_links_do_not_lock_each_other_out(world: World) -> None:
    first, second = world.link("10,00"), world.link("20,00")
    assert [press(first).status_code for _ in range(MOST + 1)][-1] == 429
    assert press(second).status_code == 303


def test_an_account_asks_its_provider_only_so_often(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pay_presses, "PER_ACCOUNT", pay_presses.Limit(3, timedelta(minutes=1)))
    links = [world.link(f"{cents},00") for cents in range(10, 15)]
    answers = [press(link) for link in links]
    assert [one.status_code for one in answers] == [303, 303, 303, 429, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert press(links[0]).status_code == 303  # an open checkout is found again without asking
    # The provider's own messages are bound by nothing of this.
    world.simulator.pay(world.simulator.of(links[0]).checkout_id)
    assert {one.state for one in world.deliver_all()} == {"applied"}
    world.simulator.tick(minutes=1)
    assert press(links[4]).status_code == 303
    assert PaymentIntent.objects.filter(state="open").count() == 3


def test_a_provider_that_refuses_is_not_asked_without_end(world: World) -> None:
    link = world.link()
    world.simulator.fail = ["500"] * 50
    codes = Counter(press(link).status_code for _ in range(30))
    assert codes == {503: MOST, 429: 30 - MOST}
    assert len(world.simulator.requests) == MOST and PaymentIntent.objects.count() == 1


def test_a_clock_that_was_wrong_locks_nobody_out(world: World) -> None:
    link = world.link()
    PayLink.objects.update(presses=MOST, presses_since=clock.now() + timedelta(days=400))
    assert press(link).status_code == 303


def test_nothing_is_kept_of_who_pressed(world: World) -> None:
    link = world.link()
    Client().post(f"/pay/{link}", headers={"X-Forwarded-For": "203.0.113.77"}, REMOTE_ADDR="203.0.113.77")
    kept = repr(
        [list(model.objects.values()) for model in (PayLink, PaymentIntent, ProviderAccount, AuditEntry)]
    )
    assert "203.0.113" not in kept


@pytest.mark.django_db(transaction=True)
def test_presses_at_once_are_counted_together(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """A real server, each press on a database connection of its own: none slips through."""
    from mahnwerk.records.book import ensure_tenant

    settings.BOOK = tmp_path
    with Simulator() as simulator, clock.use_clock(lambda: simulator.now):
        set_environment(monkeypatch, simulator)
        world = make_world(ensure_tenant("Test operator"), tmp_path, simulator, "stripe")
        link = world.link("10,00")
        codes: list[int] = []

        def send() -> None:
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", f"/pay/{link}")
            codes.append(connection.getresponse().status)
            connection.close()

        with web_server() as port:
            threads = [threading.Thread(target=send) for _ in range(MOST + 8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert Counter(codes) == {303: MOST, 429: 8}
        assert len(simulator.payments) == 1


WORKER = """
import sys
from mahnwerk.records.book import ensure_tenant, open_book
open_book(sys.argv[1], create=False)
ensure_tenant()
from mahnwerk.records.models import PayLink
from mahnwerk.usecases import pay_presses
let = 0
for _ in range(9):
    try:
        pay_presses.of_link(PayLink.objects.get())
        let += 1
    except pay_presses.TooOften:
        pass
print(let)
"""


def test_two_processes_count_together(
    real_book: Any, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    from mahnwerk.records.book import ensure_tenant

    settings.MASTER_KEY = ""  # the workers find the key in the book
    folder = real_book("shop")
    set_environment(monkeypatch, simulator)
    make_world(ensure_tenant("default"), folder, simulator, "stripe").link()
    source = str(Path(__file__).parents[2] / "src")
    clean = {name: text for name, text in os.environ.items() if not re.match("MAHNWERK|DJANGO", name)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder)],
            env=clean | {"PYTHONPATH": source},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    let = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    assert sum(let) == MOST
