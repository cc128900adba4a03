"""A seeded set of invoices, payments and true matches, damaged as payers, banks and shops damage them.

    python -m benchmarks.matching_maker FOLDER --seed 1 --matches 3000

writes the layout that `mahnwerk match evaluate FOLDER` reads. Four kinds of creditor: a shop where nearly
everything costs 19.90 and invoices are called RE-26-0411, a utility with ten-digit numbers, a company with
long sequential numbers, a landlord with a few debtors and many small sums. One payment in ten belongs to an
invoice that is not in the list of open ones.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIRST = [
    "Anna",
    "Bert",
    "Carla",
    "Dieter",
    "Änne",
    "Jörg",
    "Günther",
    "Sören",
    "Müge",
    "Zeynep",
    "Łukasz",
    "Renée",
    "Heinz-Peter",
    "Ute",
    "Kai",
    "Max",
]
LAST = [
    "Müller",
    "Schmidt",
    "Schneider",
    "Fischer",
    "Weber",
    "Meyer",
    "Wagner",
    "Becker",
    "Schulz",
    "Hoffmann",
    "Größler",
    "Yıldırım",
    "Nguyen",
    "Kowalski",
    "Brandstätter",
    "Jäger",
    "Weiß",
    "König",
    "Strauß",
    "Lüdemann",
    "Petersen",
    "Özdemir",
    "Bäcker",
    "Hübner",
    "Krüger",
    "Vogt",
    "Sommer",
    "Winter",
]
ENDINGS = ("", "", "mann", "berg", "stein", "hofer", "brecht", "-Lang", "-Roth", "-Kern", "ski", "inger")
"""Names as varied as a town's: sixteen by twenty-eight alone would make every third debtor a namesake."""
TRADES = [
    "Bau",
    "Elektro",
    "Handels",
    "Garten",
    "Metall",
    "Druck",
    "Transport",
    "Software",
    "Medien",
    "Sanitär",
    "Hotel",
    "Möbel",
]
FORMS = ("GmbH", "UG (haftungsbeschränkt)", "AG", "GmbH & Co. KG", "e.K.", "OHG")
PRICES = (1990, 1990, 1990, 1990, 2990, 1990, 4990, 1990)


@dataclass
class Invoice:
    number: str
    order: str
    customer: str
    name: str
    cents: int
    discount: int = 0
    is_listed: bool = True


@dataclass
class Payment:
    text: str
    cents: int
    name: str
    iban: str
    day: str


@dataclass
class Match:
    category: str
    invoices: list[Invoice]
    payments: list[Payment]
    damage: list[str] = field(default_factory=list)


def shop(rng: random.Random, n: int) -> tuple[str, str, int]:
    return f"RE-26-{n % 10000:04}", f"B{100000 + n}", rng.choice(PRICES)


def utility(rng: random.Random, n: int) -> tuple[str, str, int]:
    return str(rng.randrange(10**9, 10**10)), f"V{rng.randrange(10**6, 10**7)}", rng.randrange(2500, 90000)


def company(rng: random.Random, n: int) -> tuple[str, str, int]:
    return f"INV2026{n:09}", f"AUF{n + 4711:07}", rng.randrange(10_000, 5_000_000)


def landlord(rng: random.Random, n: int) -> tuple[str, str, int]:
    return f"{n % 12 + 1:02}/2026-{n // 12:03}", f"OBJ{n // 12:05}", rng.choice((45000, 52000, 61050, 45000))


SCHEMES: tuple[Callable[[random.Random, int], tuple[str, str, int]], ...] = (shop, utility, company, landlord)


# --- damage to numbers -------------------------------------------------------------------------


def transposed(rng: random.Random, text: str) -> str:
    places = [i for i in range(len(text) - 1) if text[i : i + 2].isdigit() and text[i] != text[i + 1]]
    if not places:
        return text
    i = rng.choice(places)
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]


def missing(rng: random.Random, text: str) -> str:
    places = [i for i, char in enumerate(text) if char.isdigit()]
    i = rng.choice(places)
    return text[:i] + text[i + 1 :]


def doubled(rng: random.Random, text: str) -> str:
    places = [i for i, char in enumerate(text) if char.isdigit()]
    i = rng.choice(places)
    return text[:i] + text[i] + text[i:]


def changed(rng: random.Random, text: str) -> str:
    places = [i for i, char in enumerate(text) if char.isdigit()]
    i = rng.choice(places)
    return text[:i] + rng.choice("0123456789".replace(text[i], "")) + text[i + 1 :]


def blank(rng: random.Random, text: str) -> str:
    i = rng.randrange(1, len(text))
    return text[:i] + " " + text[i:]


def bare(rng: random.Random, text: str) -> str:
    return "".join(char for char in text if char.isdigit())


NUMBER_DAMAGE: dict[str, Callable[[random.Random, str], str]] = {
    "number_transposed": transposed,
    "number_missing_digit": missing,
    "number_doubled_digit": doubled,
    "number_changed_digit": changed,
    "number_blank": blank,
    "number_digits_only": bare,
}

# --- damage to names ---------------------------------------------------------------------------


def person_order(rng: random.Random, name: str) -> str:
    words = name.split()
    return ", ".join((" ".join(words[1:]), words[0])) if len(words) > 1 else name


def umlauts(rng: random.Random, name: str) -> str:
    return name.translate(
        str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "AE", "Ö": "OE", "ı": "i"})
    ).upper()


def legal_form(rng: random.Random, name: str) -> str:
    for form in FORMS:
        name = name.replace(f" {form}", "")
    return name


def maiden(rng: random.Random, name: str) -> str:
    return f"{name.split()[0]} {rng.choice(LAST)}"


def stranger(rng: random.Random, name: str) -> str:
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


NAME_DAMAGE: dict[str, Callable[[random.Random, str], str]] = {
    "name_order": person_order,
    "name_umlauts": umlauts,
    "name_legal_form": legal_form,
    "name_maiden": maiden,
    "name_stranger": stranger,
}
TEXTS = (
    "{}",
    "Rechnung {}",
    "Rg.Nr. {} vom 26.04.2026",
    "re {} danke",
    "{} Kd 4711",
    "Zahlung {} Betrag dankend",
    "Rechnungsnr {} / Miete",
)


class Maker:
    """Draws matches until there are enough; everything from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.matches: list[Match] = []
        self.listed: list[Invoice] = []
        self.counts = [0, 0, 0, 0]

    def customer(self, scheme: int) -> tuple[str, str]:
        rng = self.rng
        if scheme in (2, 1) and rng.random() < 0.6:
            name = f"{rng.choice(LAST)}{rng.choice(ENDINGS)} {rng.choice(TRADES)} {rng.choice(FORMS)}"
        else:
            name = f"{rng.choice(FIRST)} {rng.choice(LAST)}{rng.choice(ENDINGS)}"
        return f"C{rng.randrange(10**9)}", name

    def invoices(self, scheme: int, count: int) -> list[Invoice]:
        customer, name = self.customer(scheme)
        made = []
        for _ in range(count):
            self.counts[scheme] += 1
            number, order, cents = SCHEMES[scheme](self.rng, self.counts[scheme])
            discount = cents * 2 // 100 if scheme == 2 and self.rng.random() < 0.5 else 0
            made.append(Invoice(number, order, customer, name, cents, discount))
        return made

    def one(self) -> Match:
        rng = self.rng
        scheme = rng.choices(range(4), (5, 2, 2, 1))[0]
        kind = rng.choices(
            ("one_pay_one_inv", "one_pay_multi_inv", "multi_pay_one_inv", "invoice_not_listed"),
            (60, 18, 12, 10),
        )[0]
        invoices = self.invoices(scheme, rng.randrange(2, 6) if kind == "one_pay_multi_inv" else 1)
        if kind == "invoice_not_listed":
            invoices[0].is_listed = False
        match = Match(kind, invoices, [])
        total = sum(invoice.cents for invoice in invoices)
        day = "20260510"
        if kind in ("one_pay_one_inv", "one_pay_multi_inv") and any(i.discount for i in invoices):
            if rng.random() < 0.6:
                total -= sum(invoice.discount for invoice in invoices)
                match.damage.append("skonto_taken")
                day = "20260415"
        elif kind == "one_pay_one_inv" and rng.random() < 0.08:
            total -= rng.choice((1, 5, 10, 150, 500))
            match.damage.append("bank_charge_deducted")
        parts = [total]
        if kind == "multi_pay_one_inv":
            first = rng.randrange(total // 5, total * 4 // 5)
            parts = [first, total - first]
        numbers = [self.number(invoice, match) for invoice in invoices]
        name = self.name(invoices[0].name, match)
        glue = (
            ""
            if len(numbers) == 2 and rng.random() < 0.15 and scheme in (1, 2)
            else rng.choice((" ", ", ", " und ", "/"))
        )
        if not glue:
            match.damage.append("numbers_glued")
        text = rng.choice(TEXTS).format(glue.join(numbers))
        iban = f"DE{rng.randrange(10**20):020}"
        match.payments = [Payment(text, part, name, iban, day) for part in parts]
        return match

    def number(self, invoice: Invoice, match: Match) -> str:
        written = invoice.order if self.rng.random() < 0.1 else invoice.number
        if self.rng.random() < 0.45:
            kind = self.rng.choice(list(NUMBER_DAMAGE))
            match.damage.append(kind)
            return NUMBER_DAMAGE[kind](self.rng, written)
        return written

    def name(self, name: str, match: Match) -> str:
        if self.rng.random() < 0.45:
            kind = self.rng.choice(list(NAME_DAMAGE))
            match.damage.append(kind)
            return NAME_DAMAGE[kind](self.rng, name)
        return name

    def make(self, matches: int, bystanders: int) -> None:
        """Matches, and open invoices that nobody has paid."""
        for _ in range(matches):
            match = self.one()
            self.matches.append(match)
            self.listed += [invoice for invoice in match.invoices if invoice.is_listed]
        for _ in range(bystanders):
            self.listed += self.invoices(self.rng.choices(range(4), (5, 2, 2, 1))[0], 1)
        self.rng.shuffle(self.listed)

    def write(self, folder: Path) -> None:
        """The three files."""
        folder.mkdir(parents=True, exist_ok=True)
        ids = {id(invoice): number for number, invoice in enumerate(self.listed)}
        _csv(folder / "invoices.csv", _INVOICES, [self._invoice(n, i) for n, i in enumerate(self.listed)])
        payments, truth = [], []
        for number, match in enumerate(self.matches):
            payment_ids = []
            for payment in match.payments:
                payment_ids.append(len(payments))
                payments.append(
                    [
                        len(payments),
                        payment.name,
                        payment.iban,
                        payment.text,
                        _money(payment.cents),
                        "EUR",
                        payment.day,
                    ]
                )
            claim_ids = [ids[id(invoice)] for invoice in match.invoices if invoice.is_listed]
            damage = json.dumps(sorted(set(match.damage)))
            truth.append([number, match.category, damage, json.dumps(claim_ids), json.dumps(payment_ids)])
        _csv(folder / "payments.csv", _PAYMENTS, payments)
        _csv(folder / "matches.csv", _MATCHES, truth)

    def _invoice(self, number: int, invoice: Invoice) -> list[Any]:
        until = "20260420" if invoice.discount else ""
        return [
            number, invoice.number, invoice.order, invoice.customer, invoice.name, "EUR",
            _money(invoice.cents), _money(invoice.discount), until,
        ]  # fmt: skip


_INVOICES = (
    "invoice_id", "Assignment Number", "Billing Number", "Customer ID", "Customer Name", "Currency Code",
    "Amount", "Discount Amount", "Discount Until",
)  # fmt: skip
_PAYMENTS = (
    "payment_id", "Business Partner", "Account Number", "Memo Line", "Amount", "Currency", "Posting Date"
)  # fmt: skip
_MATCHES = ("match_id", "match_category", "perturbation_categories", "invoice_ids", "payment_ids")


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _csv(path: Path, header: tuple[str, ...], rows: list[list[Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def make(folder: Path, seed: int, matches: int = 3000, bystanders: int | None = None) -> Path:
    """Write one set and return its folder."""
    maker = Maker(seed)
    maker.make(matches, matches // 2 if bystanders is None else bystanders)
    maker.write(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--matches", type=int, default=3000)
    options = parser.parse_args()
    make(options.folder, options.seed, options.matches)


if __name__ == "__main__":
    main()
