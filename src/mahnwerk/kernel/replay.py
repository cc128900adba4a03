"""The ledger of all claims, and the walk through the events that change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from mahnwerk.frames import ClaimKind, Component, FactKind
from mahnwerk.kernel.events import EVERYTHING, Lines, Op, Timeline
from mahnwerk.kernel.interest import Days
from mahnwerk.kernel.plan_payments import Sums
from mahnwerk.kernel.rates import ClaimRates, Flags, day_numbers
from mahnwerk.kernel.waterfall import NOT_NAMED, Owed, Paid, Rank, pour

BEFORE_ALL = -1
"""Day number before the first of the tables."""


@dataclass(eq=False)
class Ledger:
    """What each claim owes, row by row in the order of the claims; money in cents.

    Interest due is `interest + (rest rounded half up)`: whole cents and an exact remainder over
    `rates.denominator`, so that no step of a walk rounds.
    """

    rates: ClaimRates
    principal: Days
    interest: Days
    remainder: Days
    reached: Days  # day through which interest is in
    reached_rate_days: Days
    interest_settled: Days
    costs_charged: Days
    costs_settled: Days
    paid: Days
    credited: Days
    paused: Days  # deferrals and plans running
    plan_ppm: Days  # rate agreed in the plans running; 0 = none bears interest
    plan_paid: Days  # settled by payments and set-offs since the last plan over it was agreed
    has_gap: Flags
    stretches: list[tuple[Days, Days, Days, Days]] | None = None
    """Row, first day, last day, principal of each stretch of interest, where asked for."""
    plan_stretches: list[tuple[Days, Days, Days, Days, Days]] = field(default_factory=list)
    """The same under a plan that bears interest, with its rate."""

    @classmethod
    def opened(cls, principal: Days, rates: ClaimRates, *, detail: bool) -> Ledger:
        """A ledger on which nothing has happened yet."""
        size = len(principal)

        def zero() -> Days:
            return np.zeros(size, dtype=np.int64)

        return cls(
            rates=rates,
            principal=principal.copy(),
            interest=zero(),
            remainder=zero(),
            reached=zero() + BEFORE_ALL,
            reached_rate_days=zero(),
            interest_settled=zero(),
            costs_charged=zero(),
            costs_settled=zero(),
            paid=zero(),
            credited=zero(),
            paused=zero(),
            plan_ppm=zero(),
            plan_paid=zero(),
            has_gap=np.zeros(size, dtype=np.bool_),
            stretches=[] if detail else None,
        )

    def accrue(self, rows: Days | slice, day: Days | int) -> None:
        """Add interest up to and with the day. Days already in are not counted again."""
        runs = (self.paused[rows] == 0) & (self.principal[rows] > 0)
        rate_days = self.rates.cumulated(rows, day)
        own = np.where(runs, rate_days - self.reached_rate_days[rows], 0)
        by_plan = (self.plan_ppm[rows] > 0) & (self.principal[rows] > 0)
        if by_plan.any():
            agreed = self.plan_ppm[rows] * self.rates.weight_between(rows, self.reached[rows], day)
            own = np.where(by_plan, agreed, own)
        cents, remainder = _product(self.principal[rows], own, self.remainder[rows], self.rates.denominator)
        self.interest[rows] += cents
        self.remainder[rows] = remainder
        if self.rates.may_gap:
            self.has_gap[rows] |= runs & self.rates.has_gap(rows, self.reached[rows], day)
        if self.stretches is not None:
            self._note_stretches(rows, day, own, by_plan)
        self.reached_rate_days[rows] = rate_days
        self.reached[rows] = day

    def _note_stretches(self, rows: Days | slice, day: Days | int, own: Days, by_plan: Flags) -> None:
        assert self.stretches is not None  # noqa: S101
        numbers = np.arange(len(self.principal))[rows]
        last = np.broadcast_to(np.asarray(day, dtype=np.int64), own.shape)
        first, principal = self.reached[rows] + 1, self.principal[rows]
        keep = (own != 0) & ~by_plan
        self.stretches.append((numbers[keep], first[keep], last[keep], principal[keep]))
        keep = (own != 0) & by_plan
        if keep.any():
            parts = (numbers, first, last, principal, self.plan_ppm[rows])
            number, start, stop, cents, ppm = (part[keep] for part in parts)
            self.plan_stretches.append((number, start, stop, cents, ppm))

    def interest_due(self, rows: Days | slice) -> Days:
        """Interest due so far, paid or not, rounded half up."""
        return self.interest[rows] + (2 * self.remainder[rows] >= self.rates.denominator)

    def interest_open(self, rows: Days | slice) -> Days:
        return self.interest_due(rows) - self.interest_settled[rows]

    def costs_open(self, rows: Days | slice) -> Days:
        return self.costs_charged[rows] - self.costs_settled[rows]

    def settle(self, rows: Days, paid: Paid) -> None:
        """Take what was paid, credited or waived off the open items."""
        self.costs_settled[rows] += paid.costs
        self.interest_settled[rows] += paid.interest
        self.principal[rows] -= paid.principal


def _product(principal: Days, rate_days: Days, remainder: Days, denominator: int) -> tuple[Days, Days]:
    """(principal × rate_days + remainder) split into whole cents and what is left, in Int128."""
    frame = pl.DataFrame({"principal": principal, "rate_days": rate_days, "remainder": remainder})
    wide = pl.lit(denominator, dtype=pl.Int128)
    product = pl.col("principal").cast(pl.Int128) * pl.col("rate_days") + pl.col("remainder")
    exact = frame.select(product.alias("exact"))
    split = exact.select(
        cents=(pl.col("exact") // wide).cast(pl.Int64), rest=(pl.col("exact") % wide).cast(pl.Int64)
    )
    return split["cents"].to_numpy(), split["rest"].to_numpy()


@dataclass(frozen=True, eq=False)
class Places:
    """Where each case's claims stand in the ledger, and what their order depends on."""

    row: Days  # ledger row of the n-th claim of the walk
    start: Days  # per case
    size: Days
    due_day: Days  # per claim of the walk
    issued_day: Days
    is_secured: Flags
    titled_from: Days
    is_consumer_loan: Flags
    default_from: Days
    contractual_slot: Days  # where a consumer loan's interest due before default is remembered; -1 = none

    @classmethod
    def of(cls, claims: pl.DataFrame, titled_from: Days, never: int) -> Places:
        """From claims sorted by case and claim number, with `row`, `case_no` and `contractual_slot`."""
        size = claims.group_by("case_no").len().sort("case_no")["len"].cast(pl.Int64).to_numpy()
        return cls(
            row=claims["row"].cast(pl.Int64).to_numpy(),
            start=np.cumsum(size) - size,
            size=size,
            due_day=day_numbers(claims["due_on"], never),
            issued_day=day_numbers(claims["issued_on"], BEFORE_ALL),
            is_secured=claims["is_secured"].fill_null(False).to_numpy(),
            titled_from=titled_from,
            is_consumer_loan=(claims["kind"] == int(ClaimKind.CONSUMER_LOAN)).to_numpy(),
            default_from=day_numbers(claims["default_began_on"], never),
            contractual_slot=claims["contractual_slot"].fill_null(-1).to_numpy(),
        )


@dataclass(eq=False)
class Walk:
    """What a walk leaves besides the ledger."""

    surplus: Days  # per case
    slots: Days  # interest due remembered
    allocated: list[tuple[Days, Days, Days, Days, Flags]] = field(default_factory=list)
    """Event, walk row, component, cents of what was settled, and whether out of the surplus."""
    drawn: list[tuple[Days, Days]] = field(default_factory=list)
    """Event, cents of surplus added (positive) or used (negative)."""
    waived: list[tuple[Days, Days, Days]] = field(default_factory=list)
    """Event, walk row, cents of interest given up because a payment came as demanded."""
    excess: list[tuple[Days, Days]] = field(default_factory=list)
    """Event, cents a refund or waiver asked for beyond what was there."""


@dataclass(eq=False)
class Story:
    """The part of a book that has a history: its claims, its events and what the walk made of them."""

    claims: pl.DataFrame  # sorted by case and claim number, with row and case_no
    timeline: Timeline | None = None
    walk: Walk | None = None
    subordinated: pl.DataFrame | None = None  # claim_id, slot, fact_no

    def event_columns(self, event: Days) -> dict[str, pl.Series]:
        """case_id, fact_no and effective_on of events."""
        assert self.timeline is not None  # noqa: S101 - only a walked story has events
        cases = self.claims.select("case_id", "case_no").unique().sort("case_no")["case_id"]
        return {
            "case_id": cases[self.timeline.case[event]],
            "fact_no": pl.Series(self.timeline.fact_no[event]).cast(pl.Int32),
            "effective_on": pl.Series(self.timeline.day[event]).cast(pl.Int32).cast(pl.Date),
        }


def walk(timeline: Timeline, places: Places, ledger: Ledger, slots: int, plan_sums: Sums) -> Walk:
    """Apply every case's first event, then every case's second, and so on."""
    result = Walk(np.zeros(len(places.size), dtype=np.int64), np.full(slots, -1, dtype=np.int64))
    for first, last in timeline.slices():
        _Turn(timeline, places, ledger, result, plan_sums, first, last).apply()
    return result


class _Turn:
    """The k-th events of all cases that have one; at most one event per case."""

    def __init__(
        self,
        timeline: Timeline,
        places: Places,
        ledger: Ledger,
        result: Walk,
        plan_sums: Sums,
        first: int,
        last: int,
    ) -> None:
        self.ledger, self.places, self.result, self.plan_sums = ledger, places, result, plan_sums
        self.timeline, self.first, self.last = timeline, first, last
        self.op = timeline.op[first:last]
        self.amount = timeline.amount[first:last]
        self.case = timeline.case[first:last]
        sizes = places.size[self.case]
        self.event = np.repeat(np.arange(last - first), sizes)
        self.base = np.cumsum(sizes) - sizes  # where each event's claims begin among this turn's
        self.shift = places.start[self.case] - self.base
        self.claim = np.arange(len(self.event)) + self.shift[self.event]
        self.row = places.row[self.claim]
        self.day = timeline.day[first:last][self.event]
        self.of = self.op[self.event]

    def apply(self) -> None:
        self.ledger.accrue(self.row, self.day)
        ops = set(np.unique(self.op).tolist())
        if Op.CHARGE in ops:
            at, cents = self._lines_of(self.timeline.charged)
            self.ledger.costs_charged[self.row[at]] += cents
        if Op.PAY in ops:
            self._waive_offered()
        if ops & {Op.PAY, Op.CREDIT, Op.FORGIVE, Op.APPLY_SURPLUS, Op.CHARGE}:
            self._settle()
        if Op.REFUND in ops:
            self._refund()
        for op, step in ((Op.PAUSE, 1), (Op.RESUME, -1)):
            if op in ops:
                at, _ = self._lines_of(self.timeline.named)
                at = at[self.of[at] == op]
                np.add.at(self.ledger.paused, self.row[at], step)
                np.add.at(self.ledger.plan_ppm, self.row[at], step * self.amount[self.event[at]])
                if op == Op.PAUSE:
                    kind = self.timeline.kind[self.first : self.last][self.event[at]]
                    self.ledger.plan_paid[self.row[at[kind == int(FactKind.PLAN_AGREED)]]] = 0
        if Op.REMEMBER in ops:
            at, slot = self._lines_of(self.timeline.remembered)
            self.result.slots[slot] = self.ledger.interest_due(self.row[at])

    def _lines_of(self, lines: Lines) -> tuple[Days, Days]:
        """This turn's lines: their claims' position among this turn's claims, and their values."""
        event, claim, value = lines.of(self.first, self.last)
        return claim - self.shift[event - self.first], value

    def _waive_offered(self) -> None:
        """A payment as demanded: the interest that ran since the demand was written is given up."""
        at, slot = self._lines_of(self.timeline.offered)
        known = self.result.slots[slot]
        at, known = at[known >= 0], known[known >= 0]
        rows = self.row[at]
        cents = np.clip(self.ledger.interest_due(rows) - known, 0, self.ledger.interest_open(rows))
        self.ledger.interest_settled[rows] += cents
        self.ledger.credited[rows] += cents
        self.result.waived.append((self.event[at] + self.first, self.claim[at], cents))

    def _settle(self) -> None:
        """Pour payments, credits and waivers; then what a credit leaves over, or a surplus waits for."""
        named_at, position = self._named()
        named = np.full(len(self.row), NOT_NAMED, dtype=np.int64)
        named[named_at] = np.minimum(position, NOT_NAMED - 1)
        is_named = named < NOT_NAMED
        names_some = np.zeros(len(self.op), dtype=np.bool_)
        names_some[self.event[named_at]] = True
        is_pay, is_credit, is_forgive = (self.op == op for op in (Op.PAY, Op.CREDIT, Op.FORGIVE))
        is_due = (self.places.due_day[self.claim] <= self.day) & (self.ledger.paused[self.row] == 0)
        exists = self.places.issued_day[self.claim] <= self.day
        in_scope = is_named | ~names_some[self.event]
        pays = is_pay[self.event] & (is_named | is_due | exists)
        wanted = self.timeline.component[self.first : self.last][self.event]
        forgives, credits = is_forgive[self.event] & in_scope, is_credit[self.event] & in_scope
        lets = {
            part: pays | (forgives & ((wanted == 0) | (wanted == part)))
            for part in (Component.COSTS, Component.INTEREST, Component.PRINCIPAL)
        }
        lets[Component.PRINCIPAL] |= credits
        rank_of = self._rank_of(named, is_due)
        pool = np.where(is_pay | is_credit | is_forgive, self.amount, 0)
        pool = np.where(is_forgive & (pool == EVERYTHING), np.iinfo(np.int64).max, pool)
        is_payment = self.timeline.kind[self.first : self.last] == int(FactKind.PAYMENT_RECEIVED)
        left = pool - self._pour(pool, lets, rank_of, is_payment, is_pay, from_surplus=False)
        lost = is_forgive & (left > 0) & (self.amount != EVERYTHING)
        if lost.any():
            self.result.excess.append((np.flatnonzero(lost) + self.first, left[lost]))
        nobody = np.full(len(self.row), NOT_NAMED, dtype=np.int64)
        self._surplus(np.where(is_forgive, 0, left), is_pay, is_due, self._rank_of(nobody, is_due))

    def _named(self) -> tuple[Days, Days]:
        """The claims named, and those of plans whose instalments lack exactly what is paid."""
        at, position = self._lines_of(self.timeline.named)
        planned_at, plan = self._lines_of(self.timeline.planned)
        if not len(planned_at):
            return at, position
        event = self.event[planned_at]
        laid = np.bincount(event, self.ledger.plan_paid[self.row[planned_at]], len(self.op))
        fits = self.plan_sums.has(plan, laid.astype(np.int64)[event] + self.amount[event])
        more = planned_at[fits]
        return np.concatenate([at, more]), np.concatenate([position, np.zeros(len(more), np.int64)])

    def _surplus(self, left: Days, is_pay: Flags, is_due: Flags, rank_of: Callable[[Days], Rank]) -> None:
        """Add what is left over to the case's surplus, and set the surplus off against what is due."""
        # Only these events set a surplus off. Others share a turn with them by chance of other cases.
        sets_off = np.isin(self.op, [Op.CREDIT, Op.CHARGE, Op.APPLY_SURPLUS])
        pool = np.where(sets_off, self.result.surplus[self.case] + left, 0)
        spent = np.zeros_like(pool)
        if pool.any():
            every = np.ones(len(self.row), dtype=np.bool_)
            lets = {Component.COSTS: every, Component.INTEREST: is_due, Component.PRINCIPAL: is_due}
            spent = self._pour(pool, lets, rank_of, ~is_pay, sets_off, from_surplus=True)
        self.result.surplus[self.case] += left - spent
        if self.ledger.stretches is not None:
            for change in (left, -spent):
                some = np.flatnonzero(change)
                self.result.drawn.append((some + self.first, change[some]))

    def _pour(
        self,
        pool: Days,
        lets: Mapping[Component, Flags],
        rank_of: Callable[[Days], Rank],
        counts_as_paid: Flags,
        counts_for_plan: Flags,
        *,
        from_surplus: bool,
    ) -> Days:
        """Pour the pools over the components let through; returns the cents spent per event."""
        ledger, rows = self.ledger, self.row
        interest = ledger.interest_open(rows)
        owed = Owed(
            np.where(lets[Component.COSTS], ledger.costs_open(rows), 0),
            np.where(lets[Component.INTEREST], interest, 0),
            np.where(lets[Component.PRINCIPAL], ledger.principal[rows], 0),
            self.places.is_consumer_loan[self.claim],
            np.where(lets[Component.INTEREST], self._contractual(interest), 0),
        )
        paid = pour(pool, self.event, owed, rank_of)
        ledger.settle(rows, paid)
        total = paid.total()
        by_payment = np.where(counts_as_paid[self.event], total, 0)
        ledger.paid[rows] += by_payment
        ledger.credited[rows] += total - by_payment
        ledger.plan_paid[rows] += np.where(counts_for_plan[self.event], total, 0)
        if ledger.stretches is not None:
            self._note(paid, from_surplus)
        return _per_event(self.event, total)

    def _contractual(self, interest_open: Days) -> Days:
        """Part of the open interest that ran before default; paid interest was the older first."""
        slot = self.places.contractual_slot[self.claim]
        remembered = np.zeros(len(slot), dtype=np.int64)
        has = np.flatnonzero(slot >= 0)
        remembered[has] = np.maximum(self.result.slots[slot[has]], 0)
        left = np.clip(remembered - self.ledger.interest_settled[self.row], 0, interest_open)
        return np.where(self.day < self.places.default_from[self.claim], interest_open, left)

    def _note(self, paid: Paid, from_surplus: bool) -> None:
        for component, cents in (
            (Component.COSTS, paid.costs),
            (Component.INTEREST, paid.interest),
            (Component.PRINCIPAL, paid.principal),
        ):
            some = np.flatnonzero(cents)
            self.result.allocated.append(
                (
                    self.event[some] + self.first,
                    self.claim[some],
                    np.full(len(some), int(component)),
                    cents[some],
                    np.full(len(some), from_surplus),
                )
            )

    def _rank_of(self, named: Days, is_due: Flags) -> Callable[[Days], Rank]:
        def rank_of(some: Days) -> Rank:
            places, claim, day = self.places, self.claim[some], self.day[some]
            return Rank(
                named[some],
                is_due[some],
                places.is_secured[claim],
                places.titled_from[claim] <= day,
                self.ledger.rates.yearly(self.row[some], day),
                places.due_day[claim],
                places.issued_day[claim],
            )

        return rank_of

    def _refund(self) -> None:
        is_refund = self.op == Op.REFUND
        there = self.result.surplus[self.case]
        cents = np.where(is_refund, np.minimum(self.amount, there), 0)
        self.result.surplus[self.case] -= cents
        beyond = np.flatnonzero(is_refund & (self.amount > there))
        if len(beyond):
            self.result.excess.append((beyond + self.first, (self.amount - cents)[beyond]))
        if self.ledger.stretches is not None:
            some = np.flatnonzero(cents)
            self.result.drawn.append((some + self.first, -cents[some]))


def _per_event(event: Days, cents: Days) -> Days:
    """Sum of cents per event; each event has at least one row and rows of an event lie together."""
    first = np.flatnonzero(np.diff(event, prepend=-1))
    return np.asarray(np.add.reduceat(cents, first), dtype=np.int64)
