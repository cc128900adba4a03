"""Kill the receipt of webhooks and a refund at every point where they could stop, and let them come again.

    python -m tests.usecases.provider_kill_points               every point
    python -m tests.usecases.provider_kill_points --points 12   a sample

Each trial forks a process that receives a payment, a part of it taken back, and pays a part back, and kills
itself at its point. The provider sends everything again, the refund is asked for again under the same
reference, and the night reconciles. Then nothing is lost and nothing is there twice, here and there.

MAHNWERK_TEST_DATABASE=postgres does it on a PostgreSQL of its own.
"""

from __future__ import annotations

import argparse
import copy
import datetime as dt
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.gateways.provider_server import STRIPE_SECRET, Delivery, Simulator
from tests.usecases.kill_points import BOOK, CLAIMS, Counts, creditor_file
from tests.usecases.trials import TrialBook, databases, inside

ACCOUNT = (
    "key: stripe-1\nprovider: stripe\ncreditor: kiosk\n"
    "secrets: {api_key: STRIPE_API_KEY, webhook_secrets: [STRIPE_WEBHOOK_SECRET]}\n"
)


def make_book(folder: Path, simulator: Simulator) -> dict[str, str]:
    """A book with claims, an account and a checkout; runs in a process of its own."""
    from mahnwerk.records.models import Case
    from mahnwerk.usecases import clock, imports, opening, provider_accounts, provider_links

    with clock.use_clock(lambda: simulator.now):
        book = opening.open_book(BOOK, actor="test", create=True)
        for name, text in {
            "kiosk.yaml": creditor_file(),
            "kiosk.csv": CLAIMS,
            "stripe.yaml": ACCOUNT,
        }.items():
            (folder / name).write_text(text, encoding="utf-8")
        imports.import_files(book, [folder / "kiosk.yaml", folder / "kiosk.csv"])
        added = provider_accounts.add_file(book, folder / "stripe.yaml")
        case = Case.objects.order_by("case_no").first()
        assert case is not None
        link = provider_links.make(book, case.case_reference, amount="80,00").public_id
        provider_links.checkout_url(link)
    return {"path": added.webhook_path, "link": link}


def work(now: dt.datetime, path: str, deliveries: list[Delivery], payment_id: str, again: bool) -> Any:
    """Receive, pay back, reconcile; what is in the book afterwards."""
    from mahnwerk.kernel.facts import live_facts
    from mahnwerk.records import load
    from mahnwerk.records.models import Fact, ProviderEvent, ProviderRefund
    from mahnwerk.usecases import clock, opening, provider_reconciliation, provider_refunds, providers

    with clock.use_clock(lambda: now):
        book = opening.open_book(BOOK, actor="test")
        for raw, headers in deliveries:
            providers.receive_webhook("stripe", path.rsplit("/", 1)[-1], raw, headers)
        provider_refunds.refund(book, payment_id, "10,00", reference="r-1")
        if again:
            provider_reconciliation.reconcile(book)
        facts = live_facts(load.book(book.tenant_id).facts, now.date().replace(year=2027))
        money = facts.filter(facts["kind"].is_between(200, 202)).select("kind", "amount_cents")
        return {
            "money": sorted(list(row) for row in money.rows()),
            "facts": Fact.objects.filter(kind__gte=200, kind__lt=300).count(),
            "events": ProviderEvent.objects.exclude(kind__startswith="state.").count(),
            "states": sorted(set(ProviderEvent.objects.values_list("state", flat=True))),
            "refunds": sorted(ProviderRefund.objects.values_list("state", flat=True)),
        }


def run(folder: Path, points: int) -> Counts:
    """Try `points` of all points (0 = every one)."""
    os.environ |= {
        "STRIPE_API_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRET": STRIPE_SECRET,
        "MAHNWERK_PUBLIC_URL": "https://pay.example.org",
    }
    out, log, book = folder / "result.json", folder / "points.log", TrialBook(folder, "webhooks")
    with Simulator() as simulator:
        os.environ["MAHNWERK_TEST_PROVIDER"] = simulator.host
        book.make(lambda: make_book(folder, simulator), out)
        told = json.loads(out.read_text())
        name = simulator.pay(told["link"]).payment_id
        simulator.dispute(name, 2_000)
        deliveries = simulator.deliveries("stripe")
        now = simulator.now
        kept = copy.deepcopy((simulator.payments, simulator.events, simulator.answers))

        def reset() -> None:
            book.reset()
            simulator.payments, simulator.events, simulator.answers = copy.deepcopy(kept)

        def trial(kill_at: int, again: bool, log: str = "") -> bool:
            task = book.using(lambda: work(now, told["path"], deliveries, name, again))
            return inside(task, out, kill_at=kill_at, log=log)

        reset()
        trial(0, False, str(log))
        trial(0, True)
        clean = json.loads(out.read_text())
        names = log.read_text().splitlines()
        counts = Counts("webhooks", points=len(names))
        step = max(1, len(names) // points) if points else 1
        for point in range(1, len(names) + 1, step):
            reset()
            if trial(point, False):
                counts.faults.append(f"point {point} ({names[point - 1]}) was not reached")
                counts.differing += 1
                continue
            counts.killed += 1
            trial(0, True)
            _compare(counts, point, names[point - 1], clean, json.loads(out.read_text()), simulator, name)
        book.drop()
        return counts


def _compare(
    counts: Counts, point: int, where: str, clean: Any, after: Any, simulator: Simulator, name: str
) -> None:
    sent = len(simulator.of(name).refunds)
    counts.doubled += max(0, sent - 1) + max(0, len(after["money"]) - len(clean["money"]))
    counts.lost += max(0, 1 - sent) + max(0, len(clean["money"]) - len(after["money"]))
    if after != clean:
        counts.differing += 1
        counts.faults.append(f"point {point} ({where}): {clean} became {after}")


def main() -> int:
    """Print the counts; 1 if anything was lost, doubled or different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, default=0, help="about so many; 0 = all")
    options = parser.parse_args()
    with databases(), tempfile.TemporaryDirectory(prefix="mw-kill-") as folder:
        counts = run(Path(folder), options.points)
    print(counts.line())
    for fault in counts.faults[:20]:
        print("  ", fault)
    return 0 if counts.is_clean and counts.killed else 1


if __name__ == "__main__":
    sys.exit(main())
