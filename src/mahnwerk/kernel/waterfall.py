"""Whom a payment pays first: §§ 366, 367 and 497 Abs. 3 BGB, for many cases at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from mahnwerk.kernel.interest import Days
from mahnwerk.kernel.rates import Flags

NOT_NAMED: Final = 2**20 - 1
"""Position of a claim the payer did not name."""
_RATE_BITS, _DAY_BITS = 22, 20


@dataclass(frozen=True, eq=False)
class Owed:
    """What is open per claim and component, in cents; one row per claim, claims of an event together."""

    costs: Days
    interest: Days
    principal: Days
    principal_before_interest: Flags  # consumer loan, § 497 Abs. 3 Satz 1
    interest_with_principal: Days  # part of interest that § 497 Abs. 3 counts with the principal

    def total(self) -> Days:
        return self.costs + self.interest + self.principal


@dataclass(frozen=True, eq=False)
class Rank:
    """What the order between claims depends on, per claim."""

    named_position: Days  # of the payer's designation, NOT_NAMED otherwise
    is_due: Flags
    is_secured: Flags
    is_titled: Flags
    rate_ppm: Days  # yearly rate it bears now
    due_day: Days
    issued_day: Days

    def keys(self, event: Days) -> tuple[Days, Days]:
        """Two sort keys; claims with equal keys share pro rata."""
        high = (event << 24) | (self.named_position << 3)
        high |= (~self.is_due).astype(np.int64) << 2
        high |= self.is_secured.astype(np.int64) << 1
        high |= (~self.is_titled).astype(np.int64)
        dearness = (1 << _RATE_BITS) - 1 - np.clip(self.rate_ppm, 0, (1 << _RATE_BITS) - 1)
        limit = (1 << _DAY_BITS) - 1
        low = (dearness << (2 * _DAY_BITS)) | (np.clip(self.due_day, 0, limit) << _DAY_BITS)
        return high, low | np.clip(self.issued_day, 0, limit)


@dataclass(frozen=True, eq=False)
class Paid:
    """What each claim got, by component, in cents."""

    costs: Days
    interest: Days
    principal: Days

    def total(self) -> Days:
        return self.costs + self.interest + self.principal


def pour(pool: Days, event: Days, owed: Owed, rank_of: Callable[[Days], Rank]) -> Paid:
    """Pour each event's pool over the open items of its case.

    Between claims: first those the payer named, in his order (§ 366 Abs. 1); then due before not due,
    less secured, more burdensome (titled, then the higher rate), older (due, then issued), and at last
    in proportion (§ 366 Abs. 2). Within a claim: costs, interest, principal (§ 367 Abs. 1); for a
    consumer loan costs, principal with contractual interest, default interest (§ 497 Abs. 3).

    Parameters
    ----------
    pool : cents to distribute, one per event
    event : number of the event of each claim row, ascending
    owed : per claim row; rows of one event in the order that settles odd cents of a proportion
    rank_of : gives the rank of some rows; asked only where money is short

    Guarantees
    ----------
    Nobody gets more than is open; an event pays min(pool, all that is open). Shares of a proportion
    add up to the cent: cumulated shares are rounded down, so odd cents fall to the later claims.
    """
    total = owed.total()
    per_event = np.bincount(event, minlength=len(pool))
    ends = np.cumsum(per_event)
    open_cents = _sums(total, ends)
    enough = pool >= open_cents
    share = np.where(np.repeat(enough, per_event), total, 0)
    short = np.flatnonzero(np.repeat(~enough & (pool > 0), per_event))
    if len(short):
        share[short] = _in_order(pool, event[short], total[short], rank_of(short))
    return _by_component(share, owed)


def _sums(values: Days, ends: Days) -> Days:
    """Sums of consecutive runs; wrap-around of the running sum cancels in the difference."""
    cumulated = np.concatenate(([0], np.cumsum(values)))
    starts = np.concatenate(([0], ends[:-1]))
    return np.asarray(cumulated[ends] - cumulated[starts], dtype=np.int64)


def _in_order(pool: Days, event: Days, total: Days, rank: Rank) -> Days:
    """Shares of claims whose event cannot pay all of them."""
    high, low = rank.keys(event)
    order = np.lexsort((low, high))
    high, low, event, total = high[order], low[order], event[order], total[order]
    through = np.cumsum(total)
    before = through - total
    new_event = np.diff(event, prepend=-1) != 0
    new_group = new_event | (np.diff(low, prepend=-1) != 0) | (np.diff(high, prepend=-1) != 0)
    group = np.cumsum(new_group) - 1
    first = np.flatnonzero(new_group)
    event_start = np.flatnonzero(new_event)
    spent = before[first] - before[event_start][np.cumsum(new_event)[first] - 1]
    size = _sums(total, np.append(first[1:], len(total)))
    left = np.clip(pool[event[first]] - spent, 0, size)
    share = np.where(left[group] == size[group], total, 0)
    rest = np.flatnonzero(((left > 0) & (left < size))[group])
    if len(rest):
        in_group = through[rest] - before[first][group[rest]]
        upper = mul_div(left[group[rest]], in_group, size[group[rest]])
        lower = mul_div(left[group[rest]], in_group - total[rest], size[group[rest]])
        share[rest] = upper - lower
    unsorted = np.empty_like(share)
    unsorted[order] = share
    return unsorted


def mul_div(left: Days, right: Days, divisor: Days) -> Days:
    """floor(left × right / divisor) without overflow; non-negative, divisor positive."""
    wide = pl.DataFrame({"left": left, "right": right, "divisor": divisor}).cast(pl.Int128)
    quotient = (pl.col("left") * pl.col("right")) // pl.col("divisor")
    return wide.select(quotient.cast(pl.Int64)).to_series().to_numpy()


def _by_component(share: Days, owed: Owed) -> Paid:
    costs = np.minimum(share, owed.costs)
    rest = share - costs
    if not owed.principal_before_interest.any():
        interest = np.minimum(rest, owed.interest)
        return Paid(costs, interest, rest - interest)
    ahead = np.where(owed.principal_before_interest, owed.interest_with_principal, owed.interest)
    interest = np.minimum(rest, ahead)
    principal = np.minimum(rest - interest, owed.principal)
    return Paid(costs, rest - principal, principal)
