"""Which rate each claim bears, and from when to when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from mahnwerk.frames import REMUNERATION_KINDS, ClaimKind, FactKind
from mahnwerk.kernel.facts import per_claim
from mahnwerk.kernel.interest import EPOCH, TABLE_DAYS, Days, RateIndex
from mahnwerk.law import Law, LawGap, Laws

Flags = npt.NDArray[np.bool_]

NEVER: Final = 60_000
"""Day number of what does not happen: beyond every day the kernel is asked about, within its tables."""


class RateClass(IntEnum):
    """Why a claim bears the rate it bears."""

    GENERAL = 0
    COMMERCIAL = 1
    CONSUMER_LOAN = 2
    REAL_ESTATE_CONSUMER_LOAN = 3


@dataclass(frozen=True)
class RateRule:
    """Where the rate of a class stands in a jurisdiction's law."""

    parameter: str
    key: str
    is_base_linked: bool


_DE: Final[Mapping[RateClass, RateRule]] = {
    RateClass.GENERAL: RateRule("interest.default_margin", "general", True),
    RateClass.COMMERCIAL: RateRule("interest.default_margin", "commercial", True),
    RateClass.CONSUMER_LOAN: RateRule("interest.consumer_loan_margin", "value", True),
    RateClass.REAL_ESTATE_CONSUMER_LOAN: RateRule("interest.real_estate_consumer_loan_margin", "value", True),
}
_AT_FIXED: Final = RateRule("interest.statutory_rate", "value", False)
_AT: Final[Mapping[RateClass, RateRule]] = {
    **dict.fromkeys(RateClass, _AT_FIXED),
    RateClass.COMMERCIAL: RateRule("interest.default_margin", "commercial", True),
}
_CH: Final = dict.fromkeys(RateClass, RateRule("interest.default_rate", "value", False))
RATE_RULES: Final[Mapping[str, Mapping[RateClass, RateRule]]] = {"de": _DE, "at": _AT, "ch": _CH}
"""Where each jurisdiction's default rate stands; a figure missing there makes the claim a law gap."""


@dataclass(frozen=True, eq=False)
class Phase:
    """One stretch of a claim's life with one rate, for all claims at once; unused rows start at NEVER."""

    rule_id: str
    first_day: Days
    last_day: Days
    is_base_linked: Flags
    margin_ppm: Days
    is_unknown: Flags  # the law of this phase is not in our data: it is priced at nothing, and marked


@dataclass(frozen=True, eq=False)
class ClaimRates:
    """The phases of all claims with the tables to price them."""

    phases: tuple[Phase, ...]
    offset: Days | int  # where the claim's jurisdiction begins in the tables
    day_weights: Days
    known_weights: Days
    rate_days: Days
    unknown_days: Days
    base_rates: Days
    denominator: int
    may_gap: bool  # some phase may need law that is not in our data

    def cumulated(self, rows: Days | slice, day: Days | int) -> Days:
        """Rate-days of each claim from its first interest-bearing day to the end of `day`."""
        total: Days | None = None
        for phase in self.phases:
            last = np.minimum(day, phase.last_day[rows])
            first = np.minimum(phase.first_day[rows], last + 1)  # not begun yet: an empty stretch
            start, after = first + self._offset(rows), last + 1 + self._offset(rows)
            linked, margin = phase.is_base_linked[rows], phase.margin_ppm[rows]
            own = margin * (self.known_weights[after] - self.known_weights[start])
            own += self.rate_days[after] - self.rate_days[start]
            if not linked.all():
                fixed = margin * (self.day_weights[after] - self.day_weights[start])
                own = np.where(linked, own, fixed)
            own[phase.is_unknown[rows]] = 0
            total = own if total is None else total + own
        assert total is not None  # noqa: S101 - there is always a default phase
        return total

    def weight_between(self, rows: Days | slice, after: Days, until: Days | int) -> Days:
        """Day weights of the days in (after, until], for a rate that no law moves."""
        offset = self._offset(rows)
        first = np.minimum(after, until)
        return np.asarray(self.day_weights[until + 1 + offset] - self.day_weights[first + 1 + offset])

    def yearly(self, rows: Days, day: Days) -> Days:
        """Rate in ppm per year that each claim bears on its day; 0 where none."""
        total = np.zeros(len(rows), dtype=np.int64)
        for phase in self.phases:
            runs = (phase.first_day[rows] <= day) & (day <= phase.last_day[rows]) & ~phase.is_unknown[rows]
            base = np.where(phase.is_base_linked[rows], self.base_rates[day + self._offset(rows)], 0)
            total += np.where(runs, base + phase.margin_ppm[rows], 0)
        return total

    def has_gap(self, rows: Days | slice, after: Days, until: Days | int) -> Flags:
        """Whether the law of some interest-bearing day in (after, until] is unknown."""
        found: Flags = np.zeros(len(after), dtype=np.bool_)
        for phase in self.phases:
            last = np.minimum(until, phase.last_day[rows])
            first = np.minimum(np.maximum(phase.first_day[rows], after + 1), last + 1)
            found |= phase.is_unknown[rows] & (first <= last)
            offset = self._offset(rows)
            unknown = self.unknown_days[last + 1 + offset] - self.unknown_days[first + offset]
            found |= phase.is_base_linked[rows] & (unknown > 0)
        return found

    def _offset(self, rows: Days | slice) -> Days | int:
        return self.offset if isinstance(self.offset, int) else self.offset[rows]


def day_numbers(column: pl.Series, missing: int) -> Days:
    """Dates as day numbers; null becomes `missing`."""
    return column.cast(pl.Int32).cast(pl.Int64).fill_null(missing).to_numpy()


def claim_rates(
    claims: pl.DataFrame, live: pl.DataFrame, laws: Laws, indexes: Mapping[str, RateIndex], on: date
) -> ClaimRates:
    """Choose each claim's rates by law and contract.

    Parameters
    ----------
    claims : CLAIMS + is_consumer Boolean + default_began_on Date, in the order the rows are known by
    live : FACTS in force; `LITIGATION_PENDING` starts litigation interest where there is no default yet
    laws, indexes : by jurisdiction
    on : last day that will be asked about

    Returns
    -------
    Phases *default* (by law), *agreed default* (in its place, day for day, even where the rate by law
    would be higher), *litigation* (by law, from the day after pendency and due date until the day before
    default) and *agreed* (contractual, from `agreed_from` until the day before any of them).

    Sources
    -------
    § 288 Abs. 1, 2, 3, § 291, § 497 Abs. 1, 4 BGB, Art. 229 § 34 EGBGB; § 456 UGB, §§ 1000, 1333 Abs. 1
    ABGB; Art. 104 OR.
    """
    margin, linked, unknown, offset = _by_law(claims, laws, list(indexes))
    default_from = day_numbers(claims["default_began_on"], NEVER)
    never = np.full(claims.height, NEVER, dtype=np.int64)
    agreed_default = claims["agreed_default_rate_ppm"]
    own = agreed_default.is_not_null().to_numpy()
    no = np.zeros(claims.height, dtype=np.bool_)
    by_law_from = np.where(own, NEVER, default_from)
    phases = [Phase("interest.default", by_law_from, never, linked, margin, unknown)]
    if own.any():
        agreed_from = np.where(own, default_from, NEVER)
        rate = agreed_default.fill_null(0).to_numpy()
        phases.append(Phase("interest.agreed_default", agreed_from, never, no, rate, no))
    litigation_from = _litigation_from(claims, live)
    begins = default_from
    if litigation_from is not None:
        begins = np.minimum(default_from, litigation_from)
        phases.append(
            Phase("interest.litigation", litigation_from, default_from - 1, linked, margin, unknown)
        )
    if claims["agreed_rate_ppm"].null_count() < claims.height:
        agreed_from = day_numbers(claims["agreed_from"].fill_null(claims["issued_on"]), NEVER)
        none = claims["agreed_rate_ppm"].is_null().to_numpy()
        phases.append(
            Phase(
                "interest.agreed",
                np.where(none, NEVER, agreed_from),
                begins - 1,
                no,
                claims["agreed_rate_ppm"].fill_null(0).to_numpy(),
                no,
            )
        )
    tables = list(indexes.values())
    until = (on - EPOCH).days
    may_gap = len(tables) > 1 or any(_may_gap(phase, tables[0], until) for phase in phases)
    return ClaimRates(
        tuple(phases),
        offset,
        np.concatenate([index.day_weights for index in tables]),
        np.concatenate([index.known_weights for index in tables]),
        np.concatenate([index.rate_days for index in tables]),
        np.concatenate([index.unknown_days for index in tables]),
        np.concatenate([index.base_rates for index in tables]),
        tables[0].denominator,
        may_gap,
    )


def _may_gap(phase: Phase, index: RateIndex, until: int) -> bool:
    """A quick look at the whole phase, so that a book without gaps need not be searched."""
    begun = phase.first_day[phase.first_day <= until]
    if not len(begun):
        return False
    unknown = index.unknown_days[until + 1] - index.unknown_days[max(0, int(begun.min()))]
    return bool(unknown > 0 or phase.is_unknown[phase.first_day <= until].any())


def _litigation_from(claims: pl.DataFrame, live: pl.DataFrame) -> Days | None:
    """First day of litigation interest: the day after pendency, never before the day after due."""
    pending = live.filter(pl.col("kind") == FactKind.LITIGATION_PENDING)
    if pending.is_empty():
        return None
    first = per_claim(pending, claims).group_by("claim_id").agg(pl.col("effective_on").min())
    joined = claims.select("claim_id", "due_on").join(first, on="claim_id", how="left", maintain_order="left")
    began = day_numbers(joined["effective_on"], NEVER)
    later: Days = np.maximum(began, day_numbers(joined["due_on"], NEVER))
    return np.minimum(later + 1, NEVER)


def _by_law(claims: pl.DataFrame, laws: Laws, codes: list[str]) -> tuple[Days, Flags, Flags, Days | int]:
    """Margin, whether it is on top of the base rate, whether the law is missing, and the table offset."""
    margin = np.zeros(claims.height, dtype=np.int64)
    linked, unknown = np.zeros(claims.height, dtype=np.bool_), np.ones(claims.height, dtype=np.bool_)
    numbers = claims.select(
        jurisdiction=pl.col("jurisdiction").replace_strict(
            {code: number for number, code in enumerate(codes)}, default=-1, return_dtype=pl.Int64
        ),
        rate_class=_rate_class(),
        arose=pl.coalesce("obligation_arose_on", "issued_on").cast(pl.Int32).cast(pl.Int64),
    )
    jurisdiction, rate_class = numbers["jurisdiction"].to_numpy(), numbers["rate_class"].to_numpy()
    arose = numbers["arose"].fill_null(NEVER).to_numpy()
    for number, code in enumerate(codes):
        for known_class, rule in RATE_RULES.get(code, {}).items():
            rows = np.flatnonzero((jurisdiction == number) & (rate_class == known_class))
            if len(rows) and rule.parameter in laws[code]:
                days, ppm, missing = _steps(laws[code], rule)
                step = np.searchsorted(days, arose[rows], side="right")
                margin[rows], unknown[rows] = ppm[step], missing[step]
                linked[rows] = rule.is_base_linked & ~missing[step]
    if len(codes) == 1:
        return margin, linked, unknown, 0
    return margin, linked, unknown, np.maximum(jurisdiction, 0) * TABLE_DAYS


def _rate_class() -> pl.Expr:
    """The class by kind of claim and party; an unknown party counts as consumer."""
    remuneration = pl.col("kind").is_in([int(kind) for kind in REMUNERATION_KINDS])
    return (
        pl.when(pl.col("kind") == ClaimKind.CONSUMER_LOAN)
        .then(int(RateClass.CONSUMER_LOAN))
        .when(pl.col("kind") == ClaimKind.REAL_ESTATE_CONSUMER_LOAN)
        .then(int(RateClass.REAL_ESTATE_CONSUMER_LOAN))
        .when(remuneration & ~pl.col("is_consumer").fill_null(True))
        .then(int(RateClass.COMMERCIAL))
        .otherwise(int(RateClass.GENERAL))
    )


def _steps(law: Law, rule: RateRule) -> tuple[Days, Days, Flags]:
    """Days on which a rate begins; then rate and "unknown", with one more entry for before the first."""
    days, ppm, unknown = [], [0], [True]
    for first_day, value in law.changes_of(rule.parameter):
        known = value.state == "known" and value.numbers.get(rule.key) not in (None, "unknown")
        days.append((first_day - EPOCH).days)
        ppm.append(law.ppm(rule.parameter, first_day, rule.key) if known else 0)
        unknown.append(not known)
    known_until = law.parameter(rule.parameter).known_until
    if known_until is not None:
        days.append((known_until - EPOCH).days + 1)
        ppm.append(0)
        unknown.append(True)
    return np.array(days, dtype=np.int64), np.array(ppm, dtype=np.int64), np.array(unknown, dtype=np.bool_)


def rate_rule(claim: Mapping[str, object], is_consumer: bool | None) -> RateRule:
    """Where the default rate of one claim stands in its law."""
    row = pl.DataFrame({"kind": [claim["kind"]], "is_consumer": [is_consumer]}).cast(
        {"is_consumer": pl.Boolean}
    )
    rate_class = RateClass(row.select(_rate_class()).item())
    return RATE_RULES[str(claim["jurisdiction"])][rate_class]


def default_rate(claim: Mapping[str, object], is_consumer: bool | None, laws: Laws, on: date) -> int | None:
    """The statutory default rate a claim would bear on a day, in ppm a year.

    Parameters
    ----------
    claim : jurisdiction, kind, obligation_arose_on, issued_on (one row of CLAIMS)
    is_consumer : None counts as consumer

    Returns
    -------
    None where a figure is not known on that day. An agreed rate is not looked at.
    """
    law, rule = laws[str(claim["jurisdiction"])], rate_rule(claim, is_consumer)
    arose = claim["obligation_arose_on"] or claim["issued_on"]
    if not isinstance(arose, date):
        return None
    try:
        margin = law.ppm(rule.parameter, arose, rule.key)
        return margin + (law.ppm("interest.base_rate", on) if rule.is_base_linked else 0)
    except LawGap:
        return None


def missing_parameter(claims: pl.DataFrame, laws: Laws) -> pl.Series:
    """For claims marked as law gaps: the parameter whose figure is missing."""
    codes = list(laws)
    _, _, unknown, _ = _by_law(claims, laws, codes)
    names = claims.select(rate_class=_rate_class(), jurisdiction="jurisdiction")
    found = []
    for missing, (rate_class, code) in zip(unknown.tolist(), names.iter_rows(), strict=True):
        rule = RATE_RULES.get(code, _DE)[RateClass(rate_class)]
        found.append(rule.parameter if missing else "interest.base_rate")
    return pl.Series("parameter", found, dtype=pl.String)
