"""What is owed on a day and why: every line with its rule, base, rate, days and source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Book, ClaimKind, Component, FactKind
from mahnwerk.kernel.allocation import Replay, ReplaySettings, replay
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.interest import interest_schedule, rate_index
from mahnwerk.kernel.rates import rate_rule
from mahnwerk.kernel.rules import RULES
from mahnwerk.law import Law, Laws, Source

PAYMENT: Final = "payment"
CREDIT: Final = "credit"
_CONFIDENCE: Final = ("A", "B", "C")


@dataclass(frozen=True)
class StatementLine:
    """One figure of a statement. The lines of a claim add up to what is open on it."""

    claim_id: int
    component: str  # principal, interest, costs; payment and credit lines are negative
    settles: str  # for payment and credit lines the component they settle, else ""
    rule_id: str
    label_key: str  # for wordings: "statement." + rule id
    amount_cents: int
    base_cents: int | None = None
    rate_ppm: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    days: int | None = None
    source: str = ""  # statute
    reference: str = ""  # where the figure was published
    confidence: str = ""  # A, B, C of the figures used; "" where none is
    fact_no: int | None = None


@dataclass(frozen=True)
class PaidPart:
    """What a payment settled on one claim."""

    claim_id: int
    component: str
    amount_cents: int
    settled_on: date


@dataclass(frozen=True)
class StatementPayment:
    """A payment and where it went; what it did not settle is (or was) credit."""

    fact_no: int
    paid_on: date
    amount_cents: int
    parts: tuple[PaidPart, ...]
    unused_cents: int


@dataclass(frozen=True)
class InterestRow:
    """One row of the interest schedule: one principal, one rate, one year."""

    claim_id: int
    first_day: date
    last_day: date
    days: int
    principal_cents: int
    rate_ppm: int
    rule_id: str
    interest_cents: int


@dataclass(frozen=True)
class ClaimPosition:
    """One claim on the day."""

    claim_id: int
    claim_no: int
    invoice_number: str
    issued_on: date
    due_on: date
    original_cents: int
    principal_open_cents: int
    interest_open_cents: int
    costs_open_cents: int
    open_cents: int
    disputed_cents: int
    subordinated_cents: int  # open interest since insolvency was opened
    default_began_on: date | None
    default_ground: str | None
    default_source: str
    rate_ppm: int | None  # borne tomorrow; None = none or unknown
    per_day_millicents: int | None  # interest of tomorrow in thousandths of a cent; None = unknown
    law_gap: str  # parameter without which the figures stop; "" = none


@dataclass(frozen=True)
class Statement:
    """What is owed in one case at the end of a day."""

    case_id: int
    on: date
    currency: str
    day_count: str
    law_hash: str
    claims: tuple[ClaimPosition, ...]
    lines: tuple[StatementLine, ...]
    interest: tuple[InterestRow, ...]
    payments: tuple[StatementPayment, ...]
    unproven_costs: tuple[StatementLine, ...]  # not owed unless their letter proves to have arrived
    principal_open_cents: int
    interest_open_cents: int
    costs_open_cents: int
    open_cents: int
    disputed_cents: int
    surplus_cents: int

    @property
    def per_day_millicents(self) -> int | None:
        """Interest of tomorrow over all claims; None where it is unknown for one."""
        each = [claim.per_day_millicents for claim in self.claims]
        return None if None in each else sum(cents for cents in each if cents is not None)

    def lines_of(self, claim_id: int) -> tuple[StatementLine, ...]:
        return tuple(line for line in self.lines if line.claim_id == claim_id)


DEFAULT_SOURCES: Final[Mapping[str, str]] = {
    "default.calendar_date": "§ 286 Abs. 2 Nr. 1 BGB",
    "default.period": "§ 286 Abs. 2 Nr. 2 BGB",
    "default.invoice_30_days": "§ 286 Abs. 3 BGB",
    "default.dunning_notice": "§ 286 Abs. 1 Satz 1 BGB",
    "default.refusal": "§ 286 Abs. 2 Nr. 3 BGB",
    "default.litigation": "§ 286 Abs. 1 Satz 2 BGB",
    "default.payment_order": "§ 286 Abs. 1 Satz 2 BGB",
}


MARGIN_SOURCES: Final[Mapping[tuple[str, str], str]] = {
    ("de", "general"): "§ 288 Abs. 1 Satz 2 BGB",
    ("de", "commercial"): "§ 288 Abs. 2 BGB",
}
"""Which half of the margin's statute a claim bears: a consumer never owes under § 288 Abs. 2 BGB."""

_PAYMENT_SOURCE: Final = "§§ 366, 367 BGB"
_LOAN_PAYMENT_SOURCE: Final = "§ 366, § 497 Abs. 3 BGB"


def claim_statement(
    book: Book,
    laws: Laws,
    on: date,
    case_id: int,
    defaults: pl.DataFrame,
    *,
    settings: ReplaySettings | None = None,
) -> Statement:
    """State what is owed in one case at the end of a day, with the ground of every cent.

    Parameters
    ----------
    book : any book that holds the case
    defaults : claim_id · default_began_on · default_ground, as given to the replay; BALANCES will do

    Returns
    -------
    `Statement`

    Raises
    ------
    KeyError
        when the book does not hold the case.

    Guarantees
    ----------
    Comes from the same replay as the daily run. The lines of a claim add up to its `open_cents`; the
    rows of the interest schedule add up to its accrued interest; payments = parts + unused.
    """
    return claim_statements(book, laws, on, [case_id], defaults, settings=settings)[case_id]


def claim_statements(
    book: Book,
    laws: Laws,
    on: date,
    case_ids: Iterable[int],
    defaults: pl.DataFrame,
    *,
    settings: ReplaySettings | None = None,
) -> dict[int, Statement]:
    """Statements of many cases out of one replay, for a batch of letters."""
    wanted = list(dict.fromkeys(case_ids))
    chosen = settings or ReplaySettings()
    part = Book(
        *(
            frame.filter(pl.col("case_id").is_in(wanted))
            for frame in (
                book.cases,
                book.claims,
                book.facts,
                book.designations,
                book.notices,
                book.decisions,
                book.instalments,
            )
        )
    )
    missing = set(wanted) - set(part.cases["case_id"])
    if missing:
        raise KeyError(f"the book holds no case {', '.join(str(number) for number in sorted(missing))}")
    desk = _Desk(part, laws, on, defaults, chosen)
    return {case["case_id"]: desk.statement(case) for case in part.cases.iter_rows(named=True)}


class _Desk:
    """One replay, cut up by case."""

    def __init__(
        self, book: Book, laws: Laws, on: date, defaults: pl.DataFrame, settings: ReplaySettings
    ) -> None:
        self.laws, self.on, self.settings = laws, on, settings
        self.replay: Replay = replay(book, defaults, laws, on, detail=True, settings=settings)
        assert self.replay.spans is not None  # noqa: S101 - asked for
        assert self.replay.allocations is not None  # noqa: S101 - asked for
        assert self.replay.tomorrow is not None  # noqa: S101 - asked for
        codes = book.claims["jurisdiction"].unique()
        self.indexes = {code: rate_index(laws[code], settings.day_count) for code in codes if code in laws}
        own = self.replay.spans.join(book.claims.select("claim_id", "jurisdiction"), on="claim_id")
        schedules = [
            interest_schedule(own.filter(jurisdiction=code).drop("jurisdiction"), index)
            for code, index in self.indexes.items()
        ]
        live = in_force(book, on)
        self.claims = _by_case(book.claims.sort("case_id", "claim_no"))
        self.schedule = _by_case(pl.concat(schedules)) if schedules else {}
        self.balances = _by_case(self.replay.balances)
        self.costs = _by_case(self.replay.cost_balances)
        self.allocations = _by_case(self.replay.allocations)
        self.waived = _by_case(self.replay.waived)
        self.facts = {(row["case_id"], row["fact_no"]): row for row in live.iter_rows(named=True)}
        self.tomorrow = {row[0]: row[1:] for row in self.replay.tomorrow.iter_rows()}
        self.gaps = dict(self.replay.law_gaps.select("claim_id", "parameter").iter_rows())
        self.subordinated = dict(
            self.replay.subordinated.select("claim_id", "interest_open_cents").iter_rows()
        )

    def statement(self, case: Mapping[str, Any]) -> Statement:
        case_id = case["case_id"]
        claims = self.claims.get(case_id, [])
        balances = {row["claim_id"]: row for row in self.balances.get(case_id, [])}
        positions = tuple(
            self._position(row, balances[row["claim_id"]], case["is_consumer"]) for row in claims
        )
        lines = [line for row in claims for line in self._lines(row, case["is_consumer"])]
        unproven = [self._cost_line(row) for row in self.costs.get(case_id, []) if row["is_unproven"]]

        def total(name: str) -> int:
            return sum(row[name] for row in balances.values())

        return Statement(
            case_id=case_id,
            on=self.on,
            currency=case["currency"],
            day_count=self.settings.day_count,
            law_hash=self.laws.hash,
            claims=positions,
            lines=tuple(lines),
            interest=tuple(
                InterestRow(**{name: row[name] for name in InterestRow.__dataclass_fields__})
                for row in self.schedule.get(case_id, [])
            ),
            payments=self._payments(case_id),
            unproven_costs=tuple(unproven),
            principal_open_cents=total("principal_open_cents"),
            interest_open_cents=total("interest_open_cents"),
            costs_open_cents=total("costs_open_cents"),
            open_cents=total("open_cents"),
            disputed_cents=total("disputed_cents"),
            surplus_cents=max((row["surplus_cents"] for row in balances.values()), default=0),
        )

    def _position(
        self, claim: Mapping[str, Any], balance: Mapping[str, Any], is_consumer: bool | None
    ) -> ClaimPosition:
        rate, per_day = self.tomorrow[claim["claim_id"]]
        ground = balance["default_ground"]
        return ClaimPosition(
            claim_id=claim["claim_id"],
            claim_no=claim["claim_no"],
            invoice_number=claim["invoice_number"] or "",
            issued_on=claim["issued_on"],
            due_on=claim["due_on"],
            original_cents=claim["principal_cents"],
            principal_open_cents=balance["principal_open_cents"],
            interest_open_cents=balance["interest_open_cents"],
            costs_open_cents=balance["costs_open_cents"],
            open_cents=balance["open_cents"],
            disputed_cents=balance["disputed_cents"],
            subordinated_cents=self.subordinated.get(claim["claim_id"], 0),
            default_began_on=balance["default_began_on"],
            default_ground=ground,
            default_source=DEFAULT_SOURCES.get(ground or "", ""),
            rate_ppm=rate,
            per_day_millicents=per_day,
            law_gap=self.gaps.get(claim["claim_id"], ""),
        )

    def _lines(self, claim: Mapping[str, Any], is_consumer: bool | None) -> list[StatementLine]:
        case_id, claim_id = claim["case_id"], claim["claim_id"]
        lines = [
            StatementLine(
                claim_id,
                "principal",
                "",
                "principal",
                "statement.principal",
                claim["principal_cents"],
                first_day=claim["issued_on"],
            )
        ]
        for row in self.schedule.get(case_id, []):
            if row["claim_id"] == claim_id:
                lines.append(self._interest_line(row, claim, is_consumer))
        for row in self.costs.get(case_id, []):
            if row["claim_id"] == claim_id and not row["is_unproven"]:
                lines.append(self._cost_line(row))
        for row in self.allocations.get(case_id, []):
            if row["claim_id"] == claim_id:
                lines.append(self._settling_line(row, claim))
        for row in self.waived.get(case_id, []):
            if row["claim_id"] == claim_id:
                lines.append(
                    StatementLine(
                        claim_id,
                        CREDIT,
                        "interest",
                        "paid_as_demanded",
                        "statement.paid_as_demanded",
                        -row["interest_cents"],
                        first_day=row["effective_on"],
                        fact_no=row["fact_no"],
                    )
                )
        return lines

    def _interest_line(
        self, row: Mapping[str, Any], claim: Mapping[str, Any], is_consumer: bool | None
    ) -> StatementLine:
        by_law = row["rule_id"] in ("interest.default", "interest.litigation")
        sources = self._rate_sources(row, claim, is_consumer) if by_law else []
        return StatementLine(
            row["claim_id"],
            "interest",
            "",
            row["rule_id"],
            f"statement.{row['rule_id']}",
            row["interest_cents"],
            base_cents=row["principal_cents"],
            rate_ppm=row["rate_ppm"],
            first_day=row["first_day"],
            last_day=row["last_day"],
            days=row["days"],
            source=_statute(row["rule_id"], sources),
            reference="; ".join(dict.fromkeys(source.reference for source in sources)),
            confidence=max((source.confidence for source in sources), key=_CONFIDENCE.index, default=""),
        )

    def _rate_sources(
        self, row: Mapping[str, Any], claim: Mapping[str, Any], is_consumer: bool | None
    ) -> list[Source]:
        law: Law = self.laws[claim["jurisdiction"]]
        rule = rate_rule(claim, is_consumer)
        arose = claim["obligation_arose_on"] or claim["issued_on"]
        margin = law.source(rule.parameter, arose, rule.key)
        statute = MARGIN_SOURCES.get((claim["jurisdiction"], rule.key), margin.statute)
        sources = [replace(margin, statute=statute)]
        if rule.is_base_linked:
            sources.append(law.source("interest.base_rate", row["first_day"]))
        return sources

    def _cost_line(self, row: Mapping[str, Any]) -> StatementLine:
        fact = self.facts[(row["case_id"], row["fact_no"])]
        rule = RULES.get(row["rule_id"])
        return StatementLine(
            row["claim_id"],
            "costs",
            "",
            row["rule_id"],
            f"statement.{row['rule_id']}",
            row["charged_cents"],
            first_day=fact["effective_on"],
            source=rule.statute if rule else "",
            fact_no=row["fact_no"],
        )

    def _settling_line(self, row: Mapping[str, Any], claim: Mapping[str, Any]) -> StatementLine:
        kind = FactKind(self.facts[(row["case_id"], row["fact_no"])]["kind"])
        source = _LOAN_PAYMENT_SOURCE if claim["kind"] == ClaimKind.CONSUMER_LOAN else _PAYMENT_SOURCE
        name = kind.name.lower()
        return StatementLine(
            row["claim_id"],
            PAYMENT if kind is FactKind.PAYMENT_RECEIVED else CREDIT,
            Component(row["component"]).name.lower(),
            name,
            f"statement.{name}",
            -row["amount_cents"],
            first_day=row["effective_on"],
            source=source if kind is FactKind.PAYMENT_RECEIVED else "",
            fact_no=row["fact_no"],
        )

    def _payments(self, case_id: int) -> tuple[StatementPayment, ...]:
        found = []
        for (case, number), fact in self.facts.items():
            if case != case_id or fact["kind"] != FactKind.PAYMENT_RECEIVED:
                continue
            parts = tuple(
                PaidPart(
                    row["claim_id"],
                    Component(row["component"]).name.lower(),
                    row["amount_cents"],
                    row["effective_on"],
                )
                for row in self.allocations.get(case_id, [])
                if row["fact_no"] == number
            )
            amount = fact["amount_cents"] or 0
            used = sum(part.amount_cents for part in parts)
            found.append(StatementPayment(number, fact["effective_on"], amount, parts, amount - used))
        return tuple(sorted(found, key=lambda payment: (payment.paid_on, payment.fact_no)))


def _statute(rule_id: str, sources: list[Source]) -> str:
    rule = RULES.get(rule_id)
    own = rule.statute if rule else ""
    if not sources:
        return own
    statutes = [source.statute for source in sources]
    if rule_id == "interest.litigation":  # § 291 is the ground; § 288 only lends the rate
        statutes.insert(0, own)
    return ", ".join(dict.fromkeys(statutes))


def _by_case(frame: pl.DataFrame) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        found.setdefault(row["case_id"], []).append(row)
    return found


__all__ = [
    "ClaimPosition",
    "InterestRow",
    "PaidPart",
    "Statement",
    "StatementLine",
    "StatementPayment",
    "claim_statement",
    "claim_statements",
]
