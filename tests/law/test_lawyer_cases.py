"""Runs tests/cases/law/*.yaml: cases a lawyer can write and read. How: tests/cases/law/README.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from tests.law.official import cents

from mahnwerk.frames import ClaimKind, DueKind
from mahnwerk.kernel import costs
from mahnwerk.kernel.arrears import default_of
from mahnwerk.kernel.enforcement import attachable
from mahnwerk.kernel.interest_of_one import interest_between
from mahnwerk.kernel.limitation_period import limitation_of, periods_of
from mahnwerk.law import LawGap, load_laws, strict_yaml

FOLDER = Path(__file__).parents[1] / "cases" / "law"
LAW = load_laws()["de"]
Answer = dict[str, Any]


def euro(amount_cents: int) -> str:
    return f"{Decimal(amount_cents) / 100:.2f}"


def collection_costs(
    *, amount: str, mandate_on: date, rate: str, vat: bool = False, disputed: bool = False,
    simple: bool = False, payment_agreement: bool = False, performed_on: date | None = None,
) -> Answer:  # fmt: skip
    found = costs.collection_costs(
        cents(amount), mandate_on, Fraction(rate), LAW, vat=vat, disputed=disputed, is_simple=simple,
        payment_agreement=payment_agreement, performed_on=performed_on,
    )  # fmt: skip
    return {
        "fee": euro(found.fee_cents), "expenses": euro(found.expenses_cents), "vat": euro(found.vat_cents),
        "total": euro(found.total_cents), "needs_hard_work": costs.BEYOND_REGULAR in found.warnings,
        "unverified": list(found.unverified),
    }  # fmt: skip


def payment_order_costs(
    *, amount: str, mandate_on: date, earlier_rate: str | None = None, enforcement_order: bool = False
) -> Answer:
    found = costs.payment_order_costs(
        cents(amount), mandate_on, LAW, vat=False, enforcement_order=enforcement_order,
        business_factor=None if earlier_rate is None else Fraction(earlier_rate),
    )  # fmt: skip
    credit = -sum(row.amount_cents for row in found.rows if row.part == "credit")
    return {"credit": euro(credit), "fee": euro(found.fee_cents), "total": euro(found.total_cents)}


def court_fee(*, amount: str, filed_on: date, step: str = "payment_order") -> Answer:
    return {"fee": euro(costs.court_fee(cents(amount), filed_on, LAW, step=step).fee_cents)}


def dunning_fee(*, cost: str, letter_on: date, puts_in_default: bool, channel: str = "post") -> Answer:
    found = costs.dunning_fee(
        cents(cost), letter_on, LAW, puts_in_default=puts_in_default, channel=channel
    )  # fmt: skip
    return {"fee": euro(found.fee_cents), "reason": found.reason}


def lump_sum(*, arose_on: date, consumer: bool, kind: str, recovery_costs: str = "0.00") -> Answer:
    found = costs.late_payment_lump_sum(arose_on, LAW, is_consumer=consumer, kind=ClaimKind[kind.upper()])
    left = costs.set_off_lump_sum(found.amount_cents, cents(recovery_costs))
    return {
        "amount": euro(found.amount_cents),
        "reason": found.reason,
        "recovery_costs_left": euro(left.recovery_costs_cents),
    }


def attachable_income(*, net: str, dependants: int, paid_on: date, per: str = "month") -> Answer:
    found = attachable(cents(net), dependants, paid_on, LAW, per)
    return {"attachable": euro(found.attachable_cents), "stays": euro(found.exempt_cents)}


def interest(
    *, amount: str, first_day: date, last_day: date, commercial: bool = False, arose_on: date | None = None,
    day_count: str = "act/act",
) -> Answer:  # fmt: skip
    found = interest_between(
        cents(amount), first_day, last_day, law=LAW, is_commercial=commercial, arose_on=arose_on,
        day_count=day_count,
    )  # fmt: skip
    return {"interest": euro(found.interest_cents)}


def default_began(
    *, due_on: date, due_by: str, invoice_received_on: date | None = None,
    notice_received_on: date | None = None, pay_by: date | None = None, consumer: bool = True,
    told_of_30_days: bool = False, land: str | None = None,
) -> Answer:  # fmt: skip
    first_day, ground = default_of(
        due_on=due_on, due_kind=DueKind[due_by.upper()], laws=load_laws(), is_consumer=consumer,
        invoice_received_on=invoice_received_on, notice_received_on=notice_received_on, pay_by=pay_by,
        has_default_notice=told_of_30_days, land=land,
    )  # fmt: skip
    return {"first_interest_day": first_day, "in_default": ground is not None}


def limitation(*, due_on: date, part_payments: list[date] | None = None, land: str | None = None) -> Answer:
    found = limitation_of(due_on, periods_of(LAW, due_on), restarts=part_payments or [], land=land)
    return {"time_barred_after": found.time_barred_after, "warn_on": found.warn_on}


def figure(*, name: str, on: date, key: str = "value", jurisdiction: str = "de") -> Answer:
    law = load_laws()[jurisdiction]
    source = law.source(name, on, key)
    return {"value": str(law.number(name, on, key)), "confidence": source.confidence}


CALCULATIONS: Final[Mapping[str, Callable[..., Answer]]] = {
    function.__name__: function
    for function in (
        collection_costs, payment_order_costs, court_fee, dunning_fee, lump_sum, attachable_income, interest,
        default_began, limitation, figure,
    )
}  # fmt: skip


def all_cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        content = strict_yaml.load(path.read_text(encoding="utf-8"), path.name)
        for case in content["cases"]:
            found.append(pytest.param(case, id=f"{path.stem}: {case['case']}"))
    return found


@pytest.mark.parametrize("case", all_cases())
def test_case(case: Mapping[str, Any]) -> None:
    unknown = set(case) - {"case", "calculation", "given", "expect", "source"}
    assert not unknown, f"unknown words in the case: {', '.join(sorted(unknown))}"
    assert case["calculation"] in CALCULATIONS, f"use one of {', '.join(CALCULATIONS)}"
    calculate, expected = CALCULATIONS[case["calculation"]], case["expect"]
    assert expected, "expect is empty: the case proves nothing"
    if "refused" in expected:
        with pytest.raises(ValueError) as refused:
            calculate(**case["given"])
        assert expected["refused"] in str(refused.value)
    elif "gap" in expected:
        with pytest.raises(LawGap) as gap:
            calculate(**case["given"])
        assert gap.value.parameter == expected["gap"]
    else:
        answer = calculate(**case["given"])
        assert {word: answer.get(word) for word in expected} == expected


def test_there_are_cases_for_each_calculation() -> None:
    used = {parameter.values[0]["calculation"] for parameter in all_cases()}
    assert used == set(CALCULATIONS)
