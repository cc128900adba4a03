"""The figures shipped: against transcribed official ones, and each file against the house rules."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.law.official import rows

from mahnwerk.law import LawGap, load_laws

LAWS = load_laws()
DE = LAWS["de"]
ALL = [(code, name) for code, law in LAWS.items() for name in law]


@pytest.mark.parametrize(("code", "name"), ALL)
def test_each_file_is_complete(code: str, name: str) -> None:
    parameter = LAWS[code][name]
    assert parameter.name == name
    assert len(parameter.meaning) > 20
    for value in parameter.values:
        assert value.reference
        if value.state == "known" and value.confidence == "C" and parameter.checked["confidence"] != "C":
            assert value.note, f"{parameter.file}: say what is not verified about {value.valid_from}"


@pytest.mark.parametrize("row", rows("base_rate"), ids=lambda r: r["from"])
def test_base_rate(row: dict[str, str]) -> None:
    first_day = date.fromisoformat(row["from"])
    last_day = (first_day + timedelta(days=184)).replace(day=1) - timedelta(days=1)
    for day in (first_day, last_day):
        assert str(DE.number("interest.base_rate", day)) == row["percent"]


def test_base_rate_ends_where_nothing_is_announced() -> None:
    assert DE["interest.base_rate"].known_until == date(2026, 12, 31)
    with pytest.raises(LawGap, match=r"src/mahnwerk/law/de/interest/base_rate\.yaml"):
        DE.ppm("interest.base_rate", date(2027, 1, 1))
    with pytest.raises(LawGap):
        DE.ppm("interest.base_rate", date(2001, 12, 31))


@pytest.mark.parametrize(
    ("arose_on", "general", "commercial", "mark"),
    [
        ("2002-01-01", 50_000, 80_000, "C"),
        ("2014-07-28", 50_000, 80_000, "C"),
        ("2014-07-29", 50_000, 90_000, "A"),
        ("2026-11-21", 50_000, 90_000, "A"),
    ],
)
def test_default_margins(arose_on: str, general: int, commercial: int, mark: str) -> None:
    day, name = date.fromisoformat(arose_on), "interest.default_margin"
    assert DE.ppm(name, day, "general") == general
    assert DE.ppm(name, day, "commercial") == commercial
    assert DE.value(name, day).confidence_of("general") == "A"
    assert DE.value(name, day).confidence_of("commercial") == mark


@pytest.mark.parametrize(
    ("day", "consumer", "commercial", "real_estate"),
    [
        ("2026-07-01", 65_200, 105_200, 40_200),
        ("2026-06-30", 62_700, 102_700, 37_700),
        ("2025-07-01", 62_700, 102_700, 37_700),
        ("2025-01-01", 72_700, 112_700, 47_700),
        ("2016-07-01", 41_200, 81_200, None),
    ],
)
def test_total_rates(day: str, consumer: int, commercial: int, real_estate: int | None) -> None:
    """Totals of the fact sheet; obligations of the day itself."""
    on = date.fromisoformat(day)
    base = DE.ppm("interest.base_rate", on)
    assert base + DE.ppm("interest.default_margin", on, "general") == consumer
    assert base + DE.ppm("interest.default_margin", on, "commercial") == commercial
    if real_estate is not None:
        assert base + DE.ppm("interest.real_estate_consumer_loan_margin", on) == real_estate


@pytest.mark.parametrize(
    "name", [name for code, name in ALL if code == "de" and "2026 I Nr. 139" in DE[name].values[-1].reference
             and DE[name].values[-1].state == "unknown"]
)  # fmt: skip
def test_consumer_credit_ends_with_the_new_law(name: str) -> None:
    assert DE[name].known_until == date(2026, 11, 19)
    assert DE[name].selected_by == "contract_dated_on"
    DE.value(name, date(2026, 11, 19))
    with pytest.raises(LawGap, match="the new consumer credit law"):
        DE.value(name, date(2026, 11, 20))


def test_five_consumer_credit_parameters_end() -> None:
    ending = {name for name in DE if DE[name].known_until == date(2026, 11, 19)}
    assert ending == {
        "interest.consumer_loan_margin",
        "interest.consumer_loan_late_interest_rate",
        "interest.real_estate_consumer_loan_margin",
        "limitation.consumer_loan_suspension_max_years",
        "payment_order.consumer_credit_apr_margin",
    }


@pytest.mark.parametrize(
    ("name", "method", "key", "expected"),
    [
        ("interest.statutory_rate", "ppm", "value", 40_000),
        ("interest.commercial_rate", "ppm", "value", 50_000),
        ("interest.adjudicated_costs_margin", "ppm", "value", 50_000),
        ("default.invoice_period_days", "days", "value", 30),
        ("default.payment_term_max_days", "days", "business", 60),
        ("default.payment_term_max_days", "days", "public_body", 30),
        ("costs.late_payment_lump_sum", "cents", "value", 4_000),
        ("costs.expenses_share", "ppm", "value", 200_000),
        ("costs.expenses_cap", "cents", "value", 2_000),
        ("costs.fee_credit_maximum", "permille", "value", 750),
        ("costs.dunning_letter_cap", "cents", "value", 250),
        ("costs.rvg_rates", "permille", "enforcement_act", 300),
        ("costs.collection_simple_period", "days", "value", 14),
        ("payment_order.objection_period", "days", "value", 14),
        ("payment_order.objection_period_labour", "days", "value", 7),
        ("payment_order.lapse_period", "months", "value", 6),
        ("payment_order.service_fee", "cents", "value", 350),
        ("payment_order.free_services", "count", "value", 10),
        ("limitation.regular_years", "years", "value", 3),
        ("limitation.long_stop_years", "years", "value", 10),
        ("limitation.title_years", "years", "value", 30),
        ("limitation.negotiation_tail_months", "months", "value", 3),
        ("limitation.suspension_tail_months", "months", "value", 6),
        ("credit_bureau.reminders_before_report", "count", "value", 2),
        ("credit_bureau.days_since_first_reminder", "days", "value", 28),
        ("retention.books_years", "years", "value", 10),
        ("retention.booking_documents_years", "years", "value", 8),
        ("retention.business_letters_years", "years", "value", 6),
    ],
)
def test_single_figures(name: str, method: str, key: str, expected: int) -> None:
    assert getattr(DE, method)(name, date(2026, 11, 21), key) == expected


def test_figures_that_changed() -> None:
    assert DE.years("retention.booking_documents_years", date(2024, 12, 31)) == 10
    assert DE.cents("payment_order.local_court_value_limit", date(2025, 12, 31)) == 500_000
    assert DE.cents("payment_order.local_court_value_limit", date(2026, 1, 1)) == 1_000_000
    assert DE.cents("costs.payment_order_collection_cap", date(2021, 9, 30)) == 2_500
    assert not DE.applies("costs.payment_order_collection_cap", date(2021, 10, 1))
    assert not DE.applies("costs.collection_simple_period", date(2025, 5, 31))


def test_lists_of_duties_and_conditions() -> None:
    duties = DE.value("collection_agency.first_letter_duties", date(2026, 11, 21)).rows
    assert [row["number"] for row in duties] == [str(number) for number in range(1, 9)]
    conditions = DE.value("credit_bureau.conditions", date(2026, 11, 20))
    assert len(conditions.rows) == 4
    assert conditions.confidence == "C"
    assert DE.value("credit_bureau.conditions", date(2026, 11, 19)).confidence == "A"
    laender = {row["land"] for row in DE.value("payment_order.courts", date(2026, 11, 21)).rows}
    assert len(laender - {"abroad"}) == 16


def test_austria() -> None:
    law = LAWS["at"]
    margin = law.ppm("interest.default_margin", date(2026, 1, 1), "commercial")
    totals = {"2017-07-01": 85_800, "2025-01-01": 117_300, "2025-07-01": 107_300, "2026-12-31": 107_300}
    for day, total in totals.items():
        assert law.ppm("interest.base_rate", date.fromisoformat(day)) + margin == total
    assert law.ppm("interest.statutory_rate", date(2026, 1, 1)) == 40_000
    assert law["interest.base_rate"].known_until == date(2026, 12, 31)


def test_switzerland() -> None:
    law = LAWS["ch"]
    assert law.ppm("interest.default_rate", date(2026, 1, 1)) == 50_000
    assert law.years("limitation.short_years", date(2026, 1, 1)) == 5
    fees = law.value("payment_order.fee_steps", date(2026, 1, 1)).rows
    assert [str(row["fee"]) for row in fees] == ["7", "20", "40", "60", "90", "190", "400"]
    assert "up_to" not in fees[-1]


STRETCHES_NOT_LOADED = {("de", "costs.vat_rate", date(2020, 7, 1))}


def test_between_first_and_last_known_day_nothing_is_missing() -> None:
    """On the eve, the day and the morrow of any change of any figure; but for stretches said to be so."""
    for code, law in LAWS.items():
        days = {
            day + timedelta(days=shift)
            for name in law
            for day, _ in law.changes_of(name)
            for shift in (-1, 0, 1)
        }
        for day in days:
            gaps = {gap.parameter for gap in law.gaps(day)}
            for name in law:
                parameter = law[name]
                first_day, last_day = parameter.values[0].valid_from, parameter.known_until or date.max
                declared = any(
                    (code, name, start) in STRETCHES_NOT_LOADED and start <= day < date(2021, 1, 1)
                    for start, _ in law.changes_of(name)
                )
                assert (name in gaps) == (declared or not first_day <= day <= last_day), (name, day)
        assert law.gaps(date(2026, 11, 19)) == []
