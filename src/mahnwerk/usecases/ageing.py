"""Ageing: what was placed, settled, open and overdue on a day, also one long past."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from mahnwerk.records import load
from mahnwerk.usecases.cases import decided
from mahnwerk.usecases.opening import OpenBook

BUCKETS: Final = ((1, 30), (31, 60), (61, 90), (91, None))
"""Days past the due date; the last is open to the right."""


@dataclass(frozen=True)
class Ageing:
    """One currency on one day. Amounts are principals in cents; interest and costs are left out."""

    on: dt.date
    currency: str
    placed_count: int
    placed_cents: int
    settled_count: int
    settled_cents: int
    open_count: int
    open_cents: int
    overdue_count: int
    overdue_cents: int
    days_late: int  # of all overdue claims together
    buckets: tuple[tuple[str, int, int], ...]  # label, claims, cents

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""
        rows = [{"days": label, "count": count, "cents": cents} for label, count, cents in self.buckets]
        return {**self.__dict__, "on": self.on.isoformat(), "buckets": rows}


def month_ends(first: dt.date, last: dt.date) -> list[dt.date]:
    """The last day of every month from `first` on, and `last` itself."""
    days = []
    day = first.replace(day=1)
    while day <= last:
        following = (day + dt.timedelta(days=32)).replace(day=1)
        days.append(min(following - dt.timedelta(days=1), last))
        day = following
    return days


def ageing(book: OpenBook, on: dt.date) -> list[Ageing]:
    """The ageing of a book as of a day, one per currency.

    A claim is placed from the day its invoice was issued, settled when nothing of its principal is left,
    overdue from the day after its due date. Facts effective later do not count: the same question asked
    about the same day gets the same answer, unless something about that day was learnt since.
    """
    frames = []
    for shard in load.shards(book.tenant_id):
        cases = load.book(book.tenant_id, case_range=shard, on=on)
        balances = decided(book, on, cases).plan.balances
        frames.append(
            cases.claims.join(balances.select("claim_id", "principal_open_cents"), on="claim_id")
            .join(cases.cases.select("case_id", "currency"), on="case_id")
            .filter(pl.coalesce("issued_on", "due_on") <= pl.lit(on))
            .select("currency", "principal_cents", "principal_open_cents", "due_on")
        )
    if not frames:
        return []
    claims = pl.concat(frames).with_columns(
        late=(pl.lit(on) - pl.col("due_on")).dt.total_days(), is_open=pl.col("principal_open_cents") > 0
    )
    return [
        _one(on, str(key[0]), part)
        for key, part in claims.sort("currency").group_by("currency", maintain_order=True)
    ]


def _one(on: dt.date, currency: str, claims: pl.DataFrame) -> Ageing:
    still = claims.filter("is_open")
    overdue = still.filter(pl.col("late") > 0)
    done = claims.filter(~pl.col("is_open"))
    buckets = []
    for first, last in BUCKETS:
        part = overdue.filter(pl.col("late").is_between(first, last if last is not None else 10**6))
        label = f"{first}–{last}" if last is not None else f"{first}+"
        buckets.append((label, part.height, int(part["principal_open_cents"].sum())))
    return Ageing(
        on=on,
        currency=currency,
        placed_count=claims.height,
        placed_cents=int(claims["principal_cents"].sum()),
        settled_count=done.height,
        settled_cents=int(claims["principal_cents"].sum() - still["principal_open_cents"].sum()),
        open_count=still.height,
        open_cents=int(still["principal_open_cents"].sum()),
        overdue_count=overdue.height,
        overdue_cents=int(overdue["principal_open_cents"].sum()),
        days_late=int(overdue["late"].sum()),
        buckets=tuple(buckets),
    )
