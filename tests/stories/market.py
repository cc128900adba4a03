"""A marketplace and a shop for stories: forty claims, two bank accounts, a payment provider, and time.

The sellers `radwerk` and `teehaus` share the operator's trust account, whose statement comes every evening;
the shop `lindenladen` collects for itself and gets its statement on Fridays.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from tests.gateways.provider_server import Simulator
from tests.usecases.bank_worlds import OTHER_IBAN, SHOP_IBAN, Bank, Line

from mahnwerk.gateways.files import FileGateway
from mahnwerk.records import load
from mahnwerk.records.models import Case, Claim
from mahnwerk.usecases import (
    bank_import,
    bank_questions,
    cases,
    day,
    facts,
    imports,
    journal,
    payouts,
    sending,
)
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.channels import Channels
from mahnwerk.usecases.opening import OpenBook

TRUST_IBAN = OTHER_IBAN
HEADER = (
    "Verkäufer;Kundennummer;Vorname;Nachname;Straße;PLZ;Ort;E-Mail;Rechnungsnummer;Rechnungsdatum;Fällig am;"
    "Fälligkeitsart;Betrag;Skonto;Skonto bis"
)
SPECIAL = (
    ("radwerk", "Bert", "Brandt", "RW-2026-0023", "16.02.2026", "invoice", "120,00", ""),
    ("radwerk", "Bert", "Brandt", "RW-2026-0024", "16.02.2026", "invoice", "79,50", ""),
    ("radwerk", "Cora", "Clausen", "RW-2026-0035", "16.02.2026", "invoice", "300,00", ""),
    ("radwerk", "Dora", "Dietz", "RW-2026-0047", "27.03.2026", "invoice", "500,00", "15,00;06.03.2026"),
    ("radwerk", "Änne", "Größler-Weiß", "RW-2025-0101", "20.06.2025", "calendar", "1.200,00", ""),
    ("radwerk", "Änne", "Größler-Weiß", "RW-2026-0102", "15.01.2026", "calendar", "340,00", ""),
    ("teehaus", "Emil", "Ehlers", "TH-5501", "16.02.2026", "invoice", "150,00", ""),
    ("teehaus", "Frieda", "Funk", "TH-5513", "16.02.2026", "invoice", "65,40", ""),
    ("teehaus", "Gustav", "Gerlach", "TH-5527", "16.02.2026", "invoice", "88,10", ""),
    ("lindenladen", "Hanna", "Hoffmann", "LL-7001", "16.02.2026", "invoice", "600,00", ""),
    ("lindenladen", "Ida", "Irmscher", "LL-7015", "16.02.2026", "invoice", "249,00", ""),
)
ORDINARY = (
    "Kaya",
    "Lenz",
    "Moser",
    "Nagel",
    "Oertel",
    "Pohl",
    "Quandt",
    "Richter",
    "Seidel",
    "Thiele",
    "Ulmer",
    "Vogt",
    "Winter",
    "Yilmaz",
    "Zander",
    "Arndt",
    "Bergmann",
    "Conrad",
    "Dörfler",
    "Ebert",
    "Fiedler",
    "Götz",
    "Hartung",
    "Ilgner",
    "Jansen",
    "Krause",
    "Lorenz",
    "Menzel",
    "Naumann",
)
TERMS = """
creditor: {key}
valid_from: 2026-01-01
fees: {{principal_percent: "5", per_payment_cents: 20, vat: true}}
reserve: {{percent: "10", days: 30}}
pay_to: {{name: "{key} GmbH", iban: DE75512108001245126199}}
pay_from: {{name: Marktplatz AG, iban: {iban}}}
"""


def creditor_file(key: str, role: str, iban: str) -> str:
    client = (
        "client: {name: Marktplatz AG, street: Markt 1, postcode: '04109', city: Leipzig}\n"
        if role == "marketplace"
        else ""
    )
    return (
        f"key: {key}\nname: {key.title()} GmbH\n"
        'address: {street: Gärtnerweg 4, postcode: "04103", city: Leipzig}\n'
        f"iban: {iban}\nrole: {role}\ninput_tax_deductible: true\n{client}"
        "contact: {person: Mara Lind, phone: +49 341 5550123, email: konto@markt.example, hours: Mo-Fr}\n"
    )


def ordinary_cents(number: int) -> int:
    """What the debtor of this number owes: no two the same."""
    return 4_100 + 137 * number


def ordinary_invoice(number: int) -> str:
    return f"{('RW-2026-1', 'TH-6', 'LL-8')[number % 3]}{number * 37 + 101:03}"


def claims_file() -> str:
    rows = [HEADER]
    for seller, first, last, number, due, kind, amount, discount in SPECIAL:
        issued = "01.06.2025" if due.endswith("2025") else "05.01.2026"
        rows.append(_row(seller, last, f"{first};{last}", number, issued, due, kind, amount, discount))
    for number, last in enumerate(ORDINARY):
        seller = ("radwerk", "teehaus", "lindenladen")[number % 3]
        cents = ordinary_cents(number)
        amount = f"{cents // 100},{cents % 100:02}"
        invoice = ordinary_invoice(number)
        rows.append(
            _row(seller, last, f"Kim;{last}", invoice, "26.01.2026", "16.02.2026", "invoice", amount, "")
        )
    return "\n".join(rows) + "\n"


def _row(seller: str, last: str, name: str, *cells: str) -> str:
    number, issued, due, kind, amount, discount = cells
    mail = f"kunde{sum(map(ord, last))}@example.org"
    return (
        f"{seller};{seller}-{last};{name};Weg 1;10115;Berlin;{mail};{number};{issued};{due};{kind};{amount};"
        f"{discount or ';'}"
    )


def iban_of(name: str) -> str:
    """An account for everybody, with right check digits."""
    number = f"50010517{sum(ord(letter) * (i + 7) for i, letter in enumerate(name)):010}"
    return f"DE{98 - int(number + '131400') % 97:02}{number}"


@dataclass
class Market:
    """The book, the banks and the provider; every verb is what happens on the day."""

    book: OpenBook
    simulator: Simulator
    trust: Bank
    shop: Bank
    today: dt.date = dt.date(2026, 3, 2)
    queued: dict[str, list[Line]] = field(default_factory=lambda: {"trust": [], "shop": []})
    sent: int = 0
    webhook: str = ""
    trust_no: int = 1  # the first account a statement came of

    def begins(self, day_: dt.date) -> None:
        """The morning of a day."""
        self.today = day_
        self.simulator.now = dt.datetime.combine(day_, dt.time(9), dt.UTC)

    def pays(self, name: str, cents: int, text: str, *, to: str = "trust", **more: Any) -> None:
        """Money comes in today (or goes out, or back) and will stand in the next statement."""
        line = Line(cents, text, name, iban_of(name), day=self.today.isoformat(), **more)
        self.queued[to].append(line)

    def bank_tells(self, account: str) -> bank_import.BankImport:
        """The statement of an account with everything since the last."""
        bank = self.trust if account == "trust" else self.shop
        lines, self.queued[account] = self.queued[account], []
        return bank_import.import_files(self.book, [bank.statement(*lines, day=self.today.isoformat())])

    def ends(self) -> bank_import.BankImport:
        """The evening: statements come in, the day is run, messages leave, the journal is posted."""
        told = self.bank_tells("trust")
        if self.today.weekday() == 4:
            shop = self.bank_tells("shop")
            told.matched.booked += shop.matched.booked
        day.run_day(self.book, self.today)
        channels = Channels(FileGateway(self.book.place.outbox), None)
        sent = sending.send(self.book, self.today, channels=channels)
        assert not sent.needs_person, sent.notes
        self.sent += sent.sent
        journal.post(self.book, self.today)
        if self.today.weekday() == 4:
            assert journal.post(self.book, self.today).posting_count == 0, "posted once"
        self.assert_journal_balances()
        self.assert_bank_is_what_the_bank_says()
        return told

    def assert_bank_is_what_the_bank_says(self) -> None:
        """The journal's bank accounts = the closing balances of the last statements; the question of who paid
        what stands beside them."""
        told = {"bank": self.shop, "trust_bank": self.trust}
        for name, bank in told.items():
            assert self.account(name) == (bank.balance if bank.number else 0), (self.today, name)
        open_cents = {"suspense": 0, "trust_suspense": 0}
        for question in bank_questions.suspense(self.book, self.today):
            open_cents["trust_suspense" if question.account == self.trust_no else "suspense"] -= (
                question.amount_cents
            )
        assert {name: self.account(name) for name in open_cents} == open_cents, self.today
        assert self.account("trust_in_transit") == 0, "every fact about money met its entry"

    def assert_journal_balances(self) -> None:
        """Debits = credits, clearing accounts empty, trust money owed to somebody; journal = statement."""
        checks = journal.balance(self.book)["checks"]
        assert {row["check"] for row in checks} >= {"debits_less_credits", "clearing"}
        assert all(row["ok"] for row in checks), (self.today, checks)
        owed = {
            (row["case_reference"], row["principal_cents"], row["credit_cents"])
            for row in journal.debtors(self.book)
        }
        assert owed == set(self._owed_by_replay()), self.today

    def _owed_by_replay(self) -> list[tuple[str, int, int]]:
        loaded = load.book(self.book.tenant_id, on=self.today)
        balances = cases.decided(self.book, self.today, loaded).plan.balances
        table = (
            balances.group_by("case_id")
            .agg(pl.col("principal_open_cents").sum(), pl.col("surplus_cents").first())
            .filter((pl.col("principal_open_cents") != 0) | (pl.col("surplus_cents") != 0))
            .join(loaded.cases.select("case_id", "case_reference"), on="case_id")
        )
        return table.select("case_reference", "principal_open_cents", "surplus_cents").rows()

    def account(self, name: str) -> int:
        """Balance of an account of the journal, debit positive."""
        rows = journal.balance(self.book)["accounts"]
        return next((row["balance_cents"] for row in rows if row["account"] == name), 0)

    def case_of(self, invoice: str) -> str:
        found = Claim.objects.get(tenant_id=self.book.tenant_id, invoice_number=invoice)
        return str(Case.objects.get(id=found.case_id).case_reference)

    def row(self, invoice: str) -> dict[str, Any]:
        """How the debtor of an invoice stands today: reason to hold (or step), open and credit."""
        case = Case.objects.get(tenant_id=self.book.tenant_id, case_reference=self.case_of(invoice))
        loaded = load.book(self.book.tenant_id, case_ids=[case.id], on=self.today)
        plan = cases.decided(self.book, self.today, loaded).plan
        return {
            "reason": [*plan.held["reason"], *plan.measures["step_id"]][0],
            "open_cents": int(plan.balances["open_cents"].sum()),
            "surplus_cents": int(plan.balances["surplus_cents"][0]),
        }

    def paid_count(self) -> int:
        """Invoices on which nothing is open today."""
        loaded = load.book(self.book.tenant_id, on=self.today)
        balances = cases.decided(self.book, self.today, loaded).plan.balances
        return balances.filter(pl.col("open_cents") == 0).height

    def somebody_notes(self, invoice: str, kind: str, amount: str) -> None:
        """A person records a fact on the case of an invoice."""
        facts.add(self.book, self.case_of(invoice), kind, on=self.today, amount=amount)


def open_market(tenant_id: int, folder: Path, simulator: Simulator) -> Market:
    """Creditors, claims and payout terms come in as files on 2 March 2026."""
    book = OpenBook(BookPlace("market", folder, folder / "outbox"), tenant_id, "clerk")
    for name in ("trust", "shop"):
        (folder / name).mkdir()
    market = Market(
        book, simulator, Bank(folder / "trust", TRUST_IBAN), Bank(folder / "shop", SHOP_IBAN, 50_000)
    )
    market.begins(dt.date(2026, 3, 2))
    files = []
    for key, role, iban in (
        ("radwerk", "marketplace", TRUST_IBAN),
        ("teehaus", "marketplace", TRUST_IBAN),
        ("lindenladen", "own", SHOP_IBAN),
    ):
        files.append(folder / f"{key}.yaml")
        files[-1].write_text(creditor_file(key, role, iban), encoding="utf-8")
    files.append(folder / "claims.csv")
    files[-1].write_text(claims_file(), encoding="utf-8")
    summaries = imports.import_files(book, files)
    assert not any(summary.rejected for summary in summaries), summaries
    for key in ("radwerk", "teehaus"):
        terms = folder / f"{key}-terms.yaml"
        terms.write_text(TERMS.format(key=key, iban=TRUST_IBAN), encoding="utf-8")
        payouts.add_terms(book, terms)
    return market
