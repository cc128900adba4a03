"""A book with a case and an account of each provider, and the simulator they speak with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.provider_server import STRIPE_SECRET, WEBHOOK_ID, Simulator
from tests.records import worlds
from tests.records.worlds import claim_row

from mahnwerk.frames import FactKind
from mahnwerk.kernel.facts import live_facts
from mahnwerk.records import load
from mahnwerk.records.models import Case, ProviderEvent, ProviderPayment
from mahnwerk.usecases import letter_links, provider_accounts, provider_links, providers
from mahnwerk.usecases.opening import OpenBook

PROVIDERS = ("stripe", "paypal", "mollie")
MONEY = (FactKind.PAYMENT_RECEIVED, FactKind.REFUND_PAID)
FAR = date(2027, 1, 1)
SECRETS = {
    "STRIPE_API_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": STRIPE_SECRET,
    "STRIPE_OLD_SECRET": "whsec_old",
    "PAYPAL_SECRET": "pp-secret",
    "MOLLIE_API_KEY": "test_mollie",
}
FILES = {
    "stripe": "secrets:\n  api_key: STRIPE_API_KEY\n"
    "  webhook_secrets: [STRIPE_OLD_SECRET, STRIPE_WEBHOOK_SECRET]",
    "paypal": f"settings: {{client_id: c-1, webhook_id: {WEBHOOK_ID}, sandbox: true}}\n"
    "secrets: {client_secret: PAYPAL_SECRET}",
    "mollie": "secrets: {api_key: MOLLIE_API_KEY}",
}


def set_environment(monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(provider_accounts.TEST_SERVER, simulator.host)
    monkeypatch.setenv(letter_links.PUBLIC_URL, "https://pay.example.org")


@dataclass
class World:
    """One provider's account in a book, and what a test does with it."""

    book: OpenBook
    simulator: Simulator
    provider: str
    account_path: str = ""
    case_id: int = 0
    links: list[str] = field(default_factory=list)

    @property
    def public_id(self) -> str:
        return self.account_path.rsplit("/", 1)[-1]

    def case(self) -> Any:
        return Case.objects.get(id=self.case_id)

    def link(self, amount: str = "", claim: str = "") -> str:
        made = provider_links.make(
            self.book,
            self.case().case_reference,
            account=f"{self.provider}-1",
            amount=amount,
            invoice_number=claim,
        )
        self.links.append(made.public_id)
        return made.public_id

    def checkout(self, amount: str = "", claim: str = "") -> str:
        """A checkout made on a new link; its name at the provider."""
        link = self.link(amount, claim)
        provider_links.checkout_url(link)
        return self.simulator.of(link).checkout_id

    def deliver(self, raw: bytes, headers: dict[str, str]) -> providers.Received:
        return providers.receive_webhook(self.provider, self.public_id, raw, headers)

    def deliver_all(self) -> list[providers.Received]:
        """Every webhook so far, also those that follow from delivering (a capture at PayPal)."""
        found, done = [], 0
        while done < len(self.simulator.events[self.provider]):
            event = self.simulator.events[self.provider][done]
            found.append(self.deliver(*self.simulator.signed(self.provider, event)))
            done += 1
        return found

    def in_force(self) -> list[tuple[int, date, int]]:
        """The money facts that count: (kind, day, cents)."""
        facts = live_facts(load.book(self.book.tenant_id, case_ids=[self.case_id]).facts, FAR)
        rows = facts.filter(facts["kind"].is_in([int(kind) for kind in MONEY]))
        return sorted(rows.select("kind", "effective_on", "amount_cents").rows())

    def states(self) -> list[str]:
        return sorted(ProviderEvent.objects.values_list("state", flat=True))

    def payment(self) -> ProviderPayment:
        return ProviderPayment.objects.get()


def make_world(tenant_id: int, folder: Path, simulator: Simulator, provider: str) -> World:
    from mahnwerk.usecases import books

    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(1, amount_cents=20_000), claim_row(2, amount_cents=5_000))
    book = OpenBook(books.place(str(folder)), tenant_id, "test")
    file = folder / f"{provider}.yaml"
    file.write_text(
        f"key: {provider}-1\nprovider: {provider}\ncreditor: shop\nmax_age_days: 2\n{FILES[provider]}\n"
    )
    added = provider_accounts.add_file(book, file)
    case_id = Case.objects.get(tenant_id=tenant_id).id
    return World(book, simulator, provider, added.webhook_path, case_id)
