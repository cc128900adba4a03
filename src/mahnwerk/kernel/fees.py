"""Fees by value and in steps, in whole cents: what lawyers' and court fees have in common.

Each started step counts, so steps are counted with `divmod` on whole cents; a rate is in thousandths of
the full fee; every fee is rounded half a cent upwards (§ 2 Abs. 2 RVG).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from mahnwerk.frames import PRINCIPAL_CENTS_MAX
from mahnwerk.law import Law

PPM: Final = 1_000_000
PERMILLE: Final = 1_000


class CostError(ValueError):
    """An amount or rate is out of bounds, or more was asked than the law allows."""


class Figures:
    """Looks up the figures of one day; remembers each one used, and which of them nobody has verified."""

    def __init__(self, law: Law, on: date) -> None:
        self.law = law
        self.on = on
        self.texts: dict[str, None] = {}
        self.unverified: dict[str, None] = {}

    def note(self, name: str, key: str | None = None, on: date | None = None) -> None:
        source = self.law.source(name, on or self.on, key)
        self.texts[str(source)] = None
        if source.confidence == "C":
            self.unverified[name] = None

    def cents(self, name: str, key: str = "value") -> int:
        self.note(name, key)
        return self.law.cents(name, self.on, key)

    def ppm(self, name: str, on: date | None = None) -> int:
        self.note(name, on=on)
        return self.law.ppm(name, on or self.on)

    def permille(self, name: str, key: str = "value") -> int:
        self.note(name, key)
        return self.law.permille(name, self.on, key)

    def full_fee(self, amount_cents: int, name: str) -> int:
        self.note(name)
        return fee_by_steps(amount_cents, self.law.value(name, self.on).rows)


def half_up(numerator: int, denominator: int) -> int:
    """Round a quotient of whole numbers ≥ 0, half upwards."""
    return (2 * numerator + denominator) // (2 * denominator)


def _cents(amount: Decimal | str) -> int:
    return int(Decimal(amount) * 100)


def fee_by_steps(amount_cents: int, rows: Sequence[Mapping[str, Decimal | str]]) -> int:
    """Full fee of a value: the first row's fee, then `add` for each started `per` within each band."""
    reached = _cents(rows[0]["up_to"])
    fee = _cents(rows[0]["fee"])
    for row in rows[1:]:
        if amount_cents <= reached:
            break
        top = _cents(row["up_to"]) if "up_to" in row else amount_cents
        whole, started = divmod(min(amount_cents, top) - reached, _cents(row["per"]))
        fee += (whole + (started > 0)) * _cents(row["add"])
        reached = top
    return fee


def check_amount(amount_cents: int, what: str = "amount") -> None:
    """Refuse what is not a whole number of cents between 1 and PRINCIPAL_CENTS_MAX."""
    if isinstance(amount_cents, bool) or not isinstance(amount_cents, int):
        raise CostError(f"{what} must be whole cents, is {amount_cents!r}")
    if not 1 <= amount_cents <= PRINCIPAL_CENTS_MAX:
        raise CostError(f"{what} must be 1 to {PRINCIPAL_CENTS_MAX} cents, is {amount_cents}")


def permille_of(factor: int | Fraction) -> int:
    """A fee rate in thousandths, from thousandths (900) or a fraction (9/10)."""
    if isinstance(factor, bool) or not isinstance(factor, int | Fraction):
        raise CostError(f"the fee rate must be thousandths (900) or a Fraction (9/10), is {factor!r}")
    scaled, rest = (
        divmod(factor.numerator * PERMILLE, factor.denominator)
        if isinstance(factor, Fraction)
        else (factor, 0)
    )
    if rest or not PERMILLE // 10 <= scaled <= 10 * PERMILLE:
        raise CostError(f"the fee rate must be 100 to 10000 whole thousandths (900 is 0.9), is {scaled}")
    return scaled
