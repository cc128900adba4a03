"""A second opinion on what is owed: day by day, in exact fractions, one case after the other.

Written from the text of the law and the decisions, in plain Python without frames, so that an error in
the columnar replay does not repeat itself here. Slow on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from mahnwerk.frames import Book, ClaimKind, FactKind
from mahnwerk.law import Law, LawGap

ONE_DAY = timedelta(days=1)
Row = dict[str, Any]


def half_up(amount: Fraction) -> int:
    return floor(amount + Fraction(1, 2))


def year_share(day: date, day_count: str) -> Fraction:
    """How much of a year one day is."""
    if day_count == "act/365":
        return Fraction(1, 365)
    if day_count == "30/360":

        def position(d: date) -> int:
            return 360 * d.year + 30 * d.month + min(d.day, 30)

        return Fraction(position(day + ONE_DAY) - position(day), 360)
    is_leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
    return Fraction(1, 366 if is_leap else 365)


@dataclass
class Debt:
    """One claim as the days go by."""

    row: Row
    rate_by_law: Row | None  # parameter, key
    default_on: date | None
    pending_on: date | None = None
    titled_on: date | None = None
    principal: int = 0
    interest: Fraction = Fraction(0)
    interest_settled: int = 0
    contractual_due: int = 0  # interest due when default began
    costs: list[Row] = field(default_factory=list)  # fact_no, charged, open
    paused: int = 0
    remembered: dict[int, int] = field(default_factory=dict)  # message → interest due on its day
    before_insolvency: int | None = None

    def rate_on(self, law: Law, day: date) -> Fraction | None:
        """Yearly rate of a day as a fraction; None where it bears no interest."""
        default_on, pending = self.default_on, self.litigation_on()
        by_contract = self.row["agreed_default_rate_ppm"]
        if default_on is not None and day >= default_on:
            if by_contract is not None:
                return Fraction(by_contract, 1_000_000)
            return self.legal_rate(law, day)
        if pending is not None and day >= pending:
            return self.legal_rate(law, day)
        begins = self.row["agreed_from"] or self.row["issued_on"]
        if self.row["agreed_rate_ppm"] is not None and day >= begins:
            return Fraction(self.row["agreed_rate_ppm"], 1_000_000)
        return None

    def litigation_on(self) -> date | None:
        if self.pending_on is None:
            return None
        return max(self.pending_on, self.row["due_on"]) + ONE_DAY

    def legal_rate(self, law: Law, day: date) -> Fraction | None:
        arose = self.row["obligation_arose_on"] or self.row["issued_on"]
        assert self.rate_by_law is not None
        try:
            margin = law.number(self.rate_by_law["parameter"], arose, self.rate_by_law["key"])
            base = law.number("interest.base_rate", day)
        except LawGap:
            return None
        return (Fraction(margin) + Fraction(base)) / 100

    @property
    def interest_due(self) -> int:
        return half_up(self.interest)

    @property
    def interest_open(self) -> int:
        return self.interest_due - self.interest_settled

    @property
    def costs_open(self) -> int:
        return sum(cost["open"] for cost in self.costs)

    def pay_costs(self, cents: int) -> None:
        for cost in self.costs:
            part = min(cents, cost["open"])
            cost["open"] -= part
            cents -= part
        assert cents == 0

    def pay(self, component: str, cents: int) -> None:
        if component == "costs":
            self.pay_costs(cents)
        elif component == "interest":
            self.interest_settled += cents
        else:
            self.principal -= cents

    def open_parts(self) -> list[tuple[str, int]]:
        """What is open in the order of § 367 Abs. 1, or § 497 Abs. 3 for a consumer loan."""
        if self.row["kind"] != ClaimKind.CONSUMER_LOAN:
            return [
                ("costs", self.costs_open),
                ("interest", self.interest_open),
                ("principal", self.principal),
            ]
        contractual = max(0, min(self.contractual_due - self.interest_settled, self.interest_open))
        return [
            ("costs", self.costs_open),
            ("interest", contractual),
            ("principal", self.principal),
            ("interest", self.interest_open - contractual),
        ]


@dataclass
class Case:
    """One case as the days go by."""

    debts: list[Debt]  # by claim number
    facts: list[Row]
    named: dict[int, dict[int, int]]  # fact → claim → position
    notices: list[Row]
    law: Law
    day_count: str
    surplus: int = 0
    refunded: int = 0
    paid: dict[int, int] = field(default_factory=dict)  # payment → cents settled at once

    def run(self, on: date) -> None:
        if not self.debts:
            return
        starts = [f["effective_on"] for f in self.facts] + [d.row["issued_on"] for d in self.debts]
        begins = [d.row["agreed_from"] for d in self.debts if d.row["agreed_from"] is not None]
        letters = [notice["sealed_on"] for notice in self.notices]
        day = min([*starts, *begins, *letters])
        while day <= on:
            self.live_through(day)
            day += ONE_DAY

    def live_through(self, day: date) -> None:
        for debt in self.debts:
            rate = debt.rate_on(self.law, day)
            if rate is not None and not debt.paused:
                debt.interest += debt.principal * rate * year_share(day, self.day_count)
            if debt.default_on is None or day < debt.default_on:
                debt.contractual_due = debt.interest_due
        for fact in [f for f in self.facts if f["effective_on"] == day]:
            self.happen(fact, day)
        for debt in self.debts:
            if debt.row["due_on"] == day:
                self.set_off_surplus(day)
        for fact in [f for f in self.facts if f["kind"] == FactKind.DEFERRAL_GRANTED]:
            if fact["until_on"] == day and fact["effective_on"] <= day:
                for debt in self.scope(fact):
                    debt.paused -= 1
        for debt in self.debts:
            for notice in self.notices:
                if notice["sealed_on"] == day:
                    debt.remembered[notice["message_id"]] = debt.interest_due
            opened = [f for f in self.facts if f["kind"] == FactKind.INSOLVENCY_OPENED]
            if any(f["effective_on"] - ONE_DAY == day and debt in self.scope(f) for f in opened):
                debt.before_insolvency = debt.interest_due

    def scope(self, fact: Row) -> list[Debt]:
        named = self.named.get(fact["fact_no"])
        if named:
            return [d for d in self.debts if d.row["claim_id"] in named]
        if fact["claim_id"] is not None:
            return [d for d in self.debts if d.row["claim_id"] == fact["claim_id"]]
        return self.debts

    def happen(self, fact: Row, day: date) -> None:
        kind, amount = FactKind(fact["kind"]), fact["amount_cents"]
        if kind in (FactKind.PAYMENT_RECEIVED, FactKind.SET_OFF):
            self.receive(fact, amount or 0, day)
        elif kind in (FactKind.CREDIT_NOTE, FactKind.GOODS_RETURNED, FactKind.EARLY_PAYMENT_DISCOUNT):
            left = self.spread(amount or 0, self.order(self.scope(fact), day, fact), ("principal",))
            self.surplus += left
            self.set_off_surplus(day)
        elif kind in (FactKind.WAIVER, FactKind.WRITE_OFF, FactKind.COMPROMISE):
            parts = (fact["code"],) if fact["code"] in ("costs", "interest", "principal") else None
            everything = 10**18
            self.spread(
                everything if amount is None else amount,
                self.order(self.scope(fact), day, fact),
                parts or ("costs", "interest", "principal"),
            )
        elif kind is FactKind.REFUND_PAID:
            part = min(amount or 0, self.surplus)
            self.surplus -= part
            self.refunded += part
        elif kind is FactKind.COST_INCURRED and not fact["is_unproven"]:
            for debt, cents in self.shares(fact):
                debt.costs.append({"fact_no": fact["fact_no"], "charged": cents, "open": cents})
            self.set_off_surplus(day)
        elif kind is FactKind.DEFERRAL_GRANTED:
            for debt in self.scope(fact):
                debt.paused += 1

    def shares(self, fact: Row) -> list[tuple[Debt, int]]:
        """A case-wide cost, split over the claims it was caused by."""
        if fact["claim_id"] is not None:
            return [(debt, fact["amount_cents"]) for debt in self.scope(fact)]
        listed = {
            n["claim_id"]: n["item_demanded_cents"]
            for n in self.notices
            if n["message_id"] == fact["message_id"] and fact["message_id"] is not None
        }
        weighed = [(d, listed[d.row["claim_id"]]) for d in self.debts if d.row["claim_id"] in listed]
        if not weighed:
            due = [d for d in self.debts if d.row["due_on"] <= fact["effective_on"]] or self.debts
            weighed = [(d, d.row["principal_cents"]) for d in due]
        total = sum(weight for _, weight in weighed)
        through, given, out = 0, 0, []
        for debt, weight in weighed:
            through += weight
            upto = floor(Fraction(fact["amount_cents"] * through, total))
            out.append((debt, upto - given))
            given = upto
        return out

    def is_due(self, debt: Debt, day: date) -> bool:
        return bool(debt.row["due_on"] <= day) and debt.paused == 0

    def answered_notice(self, fact: Row, amount: int, day: date) -> Row | None:
        """The latest letter whose whole demand this payment meets in time (decision: paid as demanded)."""
        named = set(self.named.get(fact["fact_no"], {}))
        if not named and fact["claim_id"] is not None:
            named = {fact["claim_id"]}
        met = [
            n for n in self.notices if n["sealed_on"] <= day <= n["pay_by"] and amount >= n["demanded_cents"]
        ]
        if not met:
            return None
        best = max(met, key=lambda n: (n["sealed_on"], n["message_id"]))
        return best if named <= self.listed(best["message_id"]) else None

    def listed(self, message_id: int) -> set[int]:
        return {n["claim_id"] for n in self.notices if n["message_id"] == message_id}

    def receive(self, fact: Row, amount: int, day: date) -> None:
        positions = dict(self.named.get(fact["fact_no"], {}))
        if not positions and fact["claim_id"] is not None:
            positions = {fact["claim_id"]: 0}
        notice = self.answered_notice(fact, amount, day)
        if notice is not None:
            listed = self.listed(notice["message_id"])
            positions = positions or dict.fromkeys(listed, 0)
            for debt in self.debts:
                known = debt.remembered.get(notice["message_id"])
                if debt.row["claim_id"] in listed and known is not None:
                    debt.interest_settled += min(debt.interest_open, max(0, debt.interest_due - known))
        payable = [
            d
            for d in self.debts
            if d.row["claim_id"] in positions or self.is_due(d, day) or d.row["issued_on"] <= day
        ]
        left = self.spread(amount, self.order(payable, day, fact, positions))
        self.paid[fact["fact_no"]] = amount - left
        self.surplus += left

    def order(
        self, debts: list[Debt], day: date, fact: Row | None, positions: dict[int, int] | None = None
    ) -> list[list[Debt]]:
        """Groups of claims in the order of § 366; claims of one group share pro rata."""
        if positions is None and fact is not None:
            positions = dict(self.named.get(fact["fact_no"], {}))
            if not positions and fact["claim_id"] is not None:
                positions = {fact["claim_id"]: 0}

        def rank(debt: Debt) -> tuple[Any, ...]:
            rate = debt.rate_on(self.law, day) or Fraction(0)
            titled = debt.titled_on is not None and debt.titled_on <= day
            return (
                (positions or {}).get(debt.row["claim_id"], 10**9),
                not self.is_due(debt, day),
                bool(debt.row["is_secured"]),
                not titled,
                -rate,
                debt.row["due_on"],
                debt.row["issued_on"],
            )

        groups: dict[tuple[Any, ...], list[Debt]] = {}
        for debt in debts:
            groups.setdefault(rank(debt), []).append(debt)
        return [groups[key] for key in sorted(groups)]

    def spread(
        self,
        amount: int,
        groups: Iterable[list[Debt]],
        parts: tuple[str, ...] = ("costs", "interest", "principal"),
    ) -> int:
        """Pay groups one after the other, claims of a group pro rata; returns what is left."""
        for group in groups:
            open_each = [sum(c for part, c in d.open_parts() if part in parts) for d in group]
            total = sum(open_each)
            give = min(amount, total)
            amount -= give
            through, given = 0, 0
            for debt, open_cents in zip(group, open_each, strict=True):
                through += open_cents
                upto = floor(Fraction(give * through, total)) if total else 0
                share, given = upto - given, upto
                for part, cents in debt.open_parts():
                    if part in parts:
                        debt.pay(part, min(share, cents))
                        share -= min(share, cents)
                assert share == 0
        return amount

    def set_off_surplus(self, day: date) -> None:
        """What was paid too much settles whatever is due (§ 387), costs at any time."""
        groups = self.order(self.debts, day, None, {})
        due = [[d for d in group if self.is_due(d, day)] for group in groups]
        self.surplus = self.spread(self.surplus, [g for g in due if g])
        rest = [[d for d in group if not self.is_due(d, day)] for group in groups]
        self.surplus = self.spread(self.surplus, [g for g in rest if g], ("costs",))


def in_force(facts: list[Row], on: date) -> list[Row]:
    """Facts effective by a day that no fact in force undoes; the last word is the highest number."""
    seen = sorted((f for f in facts if f["effective_on"] <= on), key=lambda f: -f["fact_no"])
    undone: set[int] = set()
    kept = []
    for fact in seen:
        if fact["fact_no"] in undone:
            continue
        kept.append(fact)
        undoes = fact["kind"] in (FactKind.VOIDED, FactKind.PAYMENT_RETURNED)
        if undoes and fact["voids_fact_no"] is not None:
            undone.add(fact["voids_fact_no"])
    return sorted(kept, key=lambda f: (f["effective_on"], f["fact_no"]))


def rate_rule(claim: Row, is_consumer: bool | None) -> Row:
    if claim["kind"] == ClaimKind.CONSUMER_LOAN:
        return {"parameter": "interest.consumer_loan_margin", "key": "value"}
    if claim["kind"] == ClaimKind.REAL_ESTATE_CONSUMER_LOAN:
        return {"parameter": "interest.real_estate_consumer_loan_margin", "key": "value"}
    paid_for = claim["kind"] in (ClaimKind.GOODS_OR_SERVICES, ClaimKind.RENT)
    key = "commercial" if is_consumer is False and paid_for else "general"
    return {"parameter": "interest.default_margin", "key": key}


def cases_of(book: Book, defaults: list[Row], law: Law, on: date, day_count: str) -> list[Case]:
    """Every case of a book, lived through to the day."""
    began = {row["claim_id"]: row["default_began_on"] for row in defaults}
    states: dict[int, int] = {}
    every = in_force_by_case(book, on)
    for facts in every.values():
        for fact in facts:
            if fact["message_id"] is not None and 300 <= fact["kind"] <= 303:
                states[fact["message_id"]] = fact["kind"]
    cases = []
    for case in book.cases.iter_rows(named=True):
        facts = every.get(case["case_id"], [])
        for fact in facts:
            fact["is_unproven"] = states.get(fact["message_id"]) in (
                FactKind.MESSAGE_BOUNCED,
                FactKind.MESSAGE_UNCERTAIN,
            )
        rows = [c for c in book.claims.iter_rows(named=True) if c["case_id"] == case["case_id"]]
        named: dict[int, dict[int, int]] = {}
        for row in book.designations.iter_rows(named=True):
            if row["case_id"] == case["case_id"]:
                named.setdefault(row["fact_no"], {})[row["claim_id"]] = row["position"]
        debts = []
        for row in sorted(rows, key=lambda r: r["claim_no"]):
            debt = Debt(row, rate_rule(row, case["is_consumer"]), began.get(row["claim_id"]))
            debt.principal = row["principal_cents"]
            debt.pending_on = first_of(facts, FactKind.LITIGATION_PENDING, row["claim_id"])
            debt.titled_on = first_of(facts, FactKind.TITLE_OBTAINED, row["claim_id"])
            debts.append(debt)
        notices = [n for n in book.notices.iter_rows(named=True) if n["case_id"] == case["case_id"]]
        lived = Case(debts, facts, named, notices, law, day_count)
        lived.run(on)
        cases.append(lived)
    return cases


def in_force_by_case(book: Book, on: date) -> dict[int, list[Row]]:
    by_case: dict[int, list[Row]] = {}
    for fact in book.facts.iter_rows(named=True):
        by_case.setdefault(fact["case_id"], []).append(fact)
    return {case: in_force(facts, on) for case, facts in by_case.items()}


def first_of(facts: list[Row], kind: FactKind, claim_id: int) -> date | None:
    days = [f["effective_on"] for f in facts if f["kind"] == kind and f["claim_id"] in (None, claim_id)]
    return min(days, default=None)
