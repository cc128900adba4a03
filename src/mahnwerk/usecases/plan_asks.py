"""What people type when they ask for a plan, to whole cents and parts per million."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Final

import polars as pl

from mahnwerk.formats import amounts
from mahnwerk.frames import PRINCIPAL_CENTS_MAX
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.plans import Ask

PPM_PER_PERCENT: Final = 10_000


def read_ask(
    per_month: str,
    *,
    first_on: dt.date | None = None,
    rate: str = "0",
    by_debit: bool = False,
    with_pause: bool = False,
    income: str = "",
    dependants: int = 0,
    all_on: dt.date | None = None,
) -> Ask:
    """The question in exact numbers.

    Parameters
    ----------
    per_month, all_on : one of them: instalments of so much, or all of it on one day

    Raises
    ------
    BadInput
        An amount or a rate that cannot be read, or both ways to pay at once, or none; the message names it.
    """
    if all_on is not None and (per_month or first_on or with_pause):
        raise BadInput(
            "--all-on defers all of it to one day, so there is no instalment to name or to put off.",
            "Leave out --per-month, --first and --with-pause.",
        )
    if all_on is None and not per_month:
        raise BadInput(
            "what can be paid is not said"
            + (": the income alone is a signal, no instalment." if income else "."),
            "Add --per-month 50 for instalments, or --all-on DAY for a deferral.",
        )
    return Ask(
        per_month_cents=0 if all_on else _cents(per_month, "--per-month"),
        first_on=first_on,
        rate_ppm=_ppm(rate),
        net_cents=_cents(income, "--income") if income else None,
        dependants=dependants,
        by_debit=by_debit,
        with_pause=with_pause,
        all_on=all_on,
    )


def _cents(text: str, option: str) -> int:
    cents = amounts.parse(pl.Series([text])).row(0, named=True)["cents"] if text else None
    if cents is None or not 0 <= cents <= PRINCIPAL_CENTS_MAX:
        raise BadInput(f"{option}: {text!r} cannot be read as a sum.", "Write 50, 50,00 or 50.00.")
    return int(cents)


def _ppm(text: str) -> int:
    try:
        ppm = Decimal(text.replace(",", ".").strip().rstrip("%").strip()) * PPM_PER_PERCENT
    except InvalidOperation:
        raise BadInput(f"--rate: {text!r} is no rate in per cent.", "Write 4 or 4,5.") from None
    if ppm != ppm.to_integral_value() or not 0 <= ppm <= 100 * PPM_PER_PERCENT:
        raise BadInput(f"--rate: {text!r} is not between 0 and 100 with four decimals.", "Write 4 or 4,5.")
    return int(ppm)
