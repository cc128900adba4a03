"""The claim statement as people read it: with words, for letters, `statement` and `why`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Book
from mahnwerk.kernel.rates import default_rate
from mahnwerk.kernel.rules import RULES
from mahnwerk.kernel.statement import Statement, StatementLine, claim_statements
from mahnwerk.law import Laws

LABELS: Final = {
    "principal": ("Hauptforderung", "Principal"),
    "payment_received": ("Zahlung", "Payment"),
    "credit_note": ("Gutschrift", "Credit note"),
    "goods_returned": ("Rücksendung", "Goods returned"),
    "waiver": ("Nachlass", "Waiver"),
    "write_off": ("Ausbuchung", "Write-off"),
    "compromise": ("Vergleich", "Compromise"),
    "set_off": ("Aufrechnung", "Set-off"),
    "early_payment_discount": ("Skonto", "Early-payment discount"),
    "paid_as_demanded": ("Wie gefordert bezahlt: Zinsen erlassen", "Paid as demanded: interest waived"),
}
"""Rule id → what it is called in German and English; costs and interest have theirs in the catalogue."""


@dataclass(frozen=True)
class Account:
    """A case on a day: claims, the lines that add up to what is open, the schedule, the payments."""

    case_reference: str
    currency: str
    on: dt.date
    language: str
    claims: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    schedule: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    open_cents: int
    disputed_cents: int  # part of open_cents
    surplus_cents: int
    day_count: str
    law_gaps: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def of_claims(self, claim_ids: set[int]) -> Account:
        """The part that concerns some claims."""
        mine = [row for row in self.claims if row["claim_id"] in claim_ids]
        return Account(
            self.case_reference,
            self.currency,
            self.on,
            self.language,
            mine,
            [row for row in self.lines if row["claim_id"] in claim_ids],
            [row for row in self.schedule if row["claim_id"] in claim_ids],
            [part for row in self.payments if (part := _of_claims(row, claim_ids))],
            sum(row["open_cents"] for row in mine),
            sum(row["disputed_cents"] for row in mine),
            self.surplus_cents,
            self.day_count,
            self.law_gaps,
        )


def _of_claims(payment: Mapping[str, Any], claim_ids: set[int]) -> dict[str, Any] | None:
    paid = [part for part in payment["paid"] if part["claim_id"] in claim_ids]
    return {**payment, "paid": paid, "amount_cents": sum(p["amount_cents"] for p in paid)} if paid else None


def accounts(
    book: Book, balances: pl.DataFrame, laws: Laws, on: dt.date, case_ids: Iterable[int]
) -> dict[int, Account]:
    """The accounts of some cases of a book, out of one replay.

    Parameters
    ----------
    balances : BALANCES of the same book and day; says when default began
    """
    defaults = balances.select("claim_id", "default_began_on", "default_ground")
    found = claim_statements(book, laws, on, case_ids, defaults)
    cases = {row["case_id"]: row for row in book.cases.iter_rows(named=True)}
    claims = {row["claim_id"]: row for row in book.claims.iter_rows(named=True)}
    return {case_id: _account(one, cases[case_id], claims, laws) for case_id, one in found.items()}


def _account(
    statement: Statement, case: Mapping[str, Any], claims: Mapping[int, Mapping[str, Any]], laws: Laws
) -> Account:
    language = case["language"]
    numbers = {row.claim_id: row.invoice_number for row in statement.claims}
    return Account(
        case_reference=case["case_reference"],
        currency=statement.currency,
        on=statement.on,
        language=language,
        claims=[
            {
                **asdict(row),
                "kind": claims[row.claim_id]["kind"],
                "default_rate_ppm": _default_rate(claims[row.claim_id], case, laws, statement.on),
            }
            for row in statement.claims
        ],
        lines=[
            *(_line(line, numbers, language) for line in statement.lines),
            *(_line(line, numbers, language, is_unproven=True) for line in statement.unproven_costs),
        ],
        schedule=[{**asdict(row), "invoice_number": numbers[row.claim_id]} for row in statement.interest],
        payments=_payments(statement, numbers, language),
        open_cents=statement.open_cents,
        disputed_cents=statement.disputed_cents,
        surplus_cents=statement.surplus_cents,
        day_count=statement.day_count,
        law_gaps=sorted({row.law_gap for row in statement.claims if row.law_gap}),
    )


def _default_rate(claim: Mapping[str, Any], case: Mapping[str, Any], laws: Laws, on: dt.date) -> int | None:
    """What the claim bears once in default: as agreed, else as the law says; None = not known."""
    agreed: int | None = claim["agreed_default_rate_ppm"]
    return default_rate(claim, case["is_consumer"], laws, on) if agreed is None else agreed


def _line(
    line: StatementLine, numbers: Mapping[int, str], language: str, *, is_unproven: bool = False
) -> dict[str, Any]:
    """A line with its words; an unproven cost counts nothing."""
    label = label_of(line.rule_id, language)
    if is_unproven:
        label += {"de": " (ungeklärt, nicht gefordert)", "en": " (unproven, not asked for)"}[language]
    return {
        **asdict(line),
        "label": label,
        "invoice_number": numbers[line.claim_id],
        "amount_cents": 0 if is_unproven else line.amount_cents,
        "is_unproven": is_unproven,
    }


def label_of(rule_id: str, language: str) -> str:
    """What a rule is called."""
    if rule_id in RULES:
        return RULES[rule_id].title(language)
    return LABELS.get(rule_id, (rule_id, rule_id))[language != "de"]


def _payments(statement: Statement, numbers: Mapping[int, str], language: str) -> list[dict[str, Any]]:
    """Payments, and credits of every kind, with what each settled; by day."""
    found: dict[int, dict[str, Any]] = {}
    for line in statement.lines:
        if line.fact_no is None or line.component not in ("payment", "credit"):
            continue
        entry = found.setdefault(
            line.fact_no,
            {
                "fact_no": line.fact_no,
                "paid_on": line.first_day,
                "kind": line.rule_id,
                "label": label_of(line.rule_id, language),
                "amount_cents": 0,
                "paid": [],
            },
        )
        if line.rule_id == "paid_as_demanded":
            continue
        entry["amount_cents"] -= line.amount_cents
        entry["paid"].append(
            {
                "claim_id": line.claim_id,
                "invoice_number": numbers[line.claim_id],
                "component": line.settles,
                "amount_cents": -line.amount_cents,
            }
        )
    return sorted(
        (entry for entry in found.values() if entry["paid"]), key=lambda e: (e["paid_on"], e["fact_no"])
    )
