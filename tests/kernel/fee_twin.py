"""Fees by value once more, from the transcribed steps, in exact fractions."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import ceil, floor

from tests.law.official import rows

GENERATIONS = ("2013-08-01", "2021-01-01", "2025-06-01")


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def twin_full_fee(amount_cents: int, table: str, generation: str) -> Fraction:
    """Full fee in euro from the transcribed steps, in exact fractions, band by band from above."""
    value = Fraction(amount_cents, 100)
    steps = [row for row in rows(table) if row["valid_from"] == generation]
    fee = Fraction(steps[0]["amount"])
    floors = [Fraction(row["up_to"]) for row in steps if row["up_to"]]
    for reached, row in reversed(list(zip(floors, steps[1:], strict=True))):
        if value > reached:
            fee += ceil((value - reached) / Fraction(row["per"])) * Fraction(row["amount"])
            value = reached
    return fee


def generation_of(day: date) -> str:
    return max(g for g in GENERATIONS if g <= day.isoformat())


def twin_collection(amount_cents: int, day: date, factor: Fraction, *, vat: bool, disputed: bool) -> int:
    full = twin_full_fee(amount_cents, "rvg_steps", generation_of(day))
    if not disputed and amount_cents <= 5_000 and day >= date(2021, 10, 1):
        full = Fraction("31.50") if day >= date(2025, 6, 1) else Fraction(30)
    fee = max(half_up(full * factor * 100), 1_500)
    expenses = min(half_up(Fraction(fee, 5)), 2_000)
    tax = half_up((fee + expenses) * Fraction(19, 100)) if vat else 0
    return fee + expenses + tax
