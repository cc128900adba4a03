"""Seconds for the replay of a book: N claims, 2.5 per case, a fifth of the cases part-paid.

Usage: python benchmarks/replay.py [N]
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import date

import numpy as np
import polars as pl

from mahnwerk.frames import CASES, CLAIMS, FACTS, Book, ClaimKind, DueKind, FactKind
from mahnwerk.kernel.allocation import replay
from mahnwerk.law import load_laws

ON = date(2026, 11, 21)


def _dates(numbers: np.ndarray) -> pl.Series:
    return pl.Series(numbers).cast(pl.Int32).cast(pl.Date)


def _book(claims: int, seed: int = 7) -> tuple[Book, pl.DataFrame]:
    """A book and the first day of default of each claim."""
    rng = np.random.default_rng(seed)
    cases = claims * 2 // 5
    today = (ON - date(1970, 1, 1)).days
    issued = today - rng.integers(20, 900, claims)
    due = issued + 14
    case_id = np.sort(np.concatenate([np.arange(cases), rng.integers(0, cases, claims - cases)])) + 1
    first = np.searchsorted(case_id, case_id)
    claim_frame = _filled(
        CLAIMS,
        claims,
        claim_id=np.arange(claims) + 1,
        case_id=case_id,
        claim_no=np.arange(claims) - first + 1,
        jurisdiction="de",
        kind=int(ClaimKind.GOODS_OR_SERVICES),
        principal_cents=rng.integers(500, 200_000, claims),
        issued_on=_dates(issued),
        due_on=_dates(due),
        due_kind=int(DueKind.CALENDAR),
        obligation_arose_on=_dates(issued - 5),
        is_secured=False,
    )
    case_frame = _filled(
        CASES, cases, case_id=np.arange(cases) + 1, currency="EUR", is_consumer=rng.random(cases) < 0.7
    )
    paying = np.flatnonzero(rng.random(cases) < 0.2) + 1
    twice = paying[rng.random(len(paying)) < 0.5]
    charged = np.flatnonzero(rng.random(cases) < 0.3) + 1
    who = np.concatenate([paying, twice, charged])
    kinds = np.repeat(
        [int(FactKind.PAYMENT_RECEIVED), int(FactKind.COST_INCURRED)],
        [len(paying) + len(twice), len(charged)],
    )
    number = np.repeat([1, 2, 3], [len(paying), len(twice), len(charged)])
    is_cost = kinds == int(FactKind.COST_INCURRED)
    facts = _filled(
        FACTS,
        len(who),
        case_id=who,
        fact_no=number,
        kind=kinds,
        effective_on=_dates(today - rng.integers(0, 400, len(who))),
        recorded_on=ON,
        amount_cents=np.where(is_cost, 150, rng.integers(500, 150_000, len(who))),
        code=pl.Series(is_cost).replace_strict({True: "costs.dunning_letter", False: None}),
    )
    defaults = pl.DataFrame(
        {
            "claim_id": claim_frame["claim_id"],
            "default_began_on": _dates(due + 1),
            "default_ground": pl.repeat("default.calendar_date", claims, eager=True),
        }
    )
    return Book(case_frame, claim_frame, facts), defaults


def _filled(schema: object, height: int, **columns: object) -> pl.DataFrame:
    """A frame of that schema; missing columns are null."""
    series = []
    for name, dtype in schema.items():  # type: ignore[attr-defined]
        value = columns.get(name)
        if isinstance(value, np.ndarray):
            value = pl.Series(value)
        column = value if isinstance(value, pl.Series) else pl.repeat(value, height, eager=True)
        series.append(column.cast(dtype).alias(name))
    return pl.DataFrame(series)


def main() -> None:
    claims = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    book, defaults = _book(claims)
    laws = load_laws()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    times, worked = [], []
    for _ in range(3):
        start, cpu = time.perf_counter(), time.process_time()
        result = replay(book, defaults, laws, ON)
        times.append(time.perf_counter() - start)
        worked.append(time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{claims:,} claims, {book.cases.height:,} cases, {book.facts.height:,} facts: "
        f"{min(times):.2f} s (best of {', '.join(f'{t:.2f}' for t in times)}), {min(worked):.2f} s of CPU; "
        f"book {before} MB, peak {peak} MB; open {result.balances['open_cents'].sum() / 100:,.2f}"
    )


if __name__ == "__main__":
    main()
