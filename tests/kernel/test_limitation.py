"""Limitation for columns: facts become events, and every row equals the one-claim function."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.frames import BALANCES, CLAIMS, FACTS, ClaimKind, DueKind, FactKind
from mahnwerk.kernel.calendar import next_working_day
from mahnwerk.kernel.limitation import ending_soon, limitation
from mahnwerk.kernel.limitation_period import Suspension, limitation_of, periods_of
from mahnwerk.law import load_laws

LAWS = load_laws()
D = date.fromisoformat
ONE_DAY = timedelta(days=1)
PERIODS = periods_of(LAWS["de"], D("2023-05-10"))

NEAR = st.integers(-400, 1900).map(lambda n: D("2023-12-31") + n * ONE_DAY)
LAND = st.sampled_from([None, "BE", "BY"])

_CLAIM: dict[str, Any] = {
    **dict.fromkeys([*CLAIMS, "land"]),
    "claim_id": 1,
    "case_id": 10,
    "jurisdiction": "de",
    "kind": int(ClaimKind.GOODS_OR_SERVICES),
    "due_on": D("2023-05-10"),
    "due_kind": int(DueKind.CALENDAR),
    "land": "BE",
}
Fact = tuple[FactKind, str, dict[str, Any]]


def claims(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(
        [{**_CLAIM, **row} for row in rows], schema={**CLAIMS, "land": pl.String}, orient="row"
    )


def facts(*rows: Fact) -> pl.DataFrame:
    made = [
        {"case_id": 10, "fact_no": n, "claim_id": 1, "kind": int(kind), "effective_on": D(on), **more}
        for n, (kind, on, more) in enumerate(rows, start=1)
    ]
    return pl.DataFrame(
        [{column: row.get(column) for column in FACTS} for row in made], schema=dict(FACTS), orient="row"
    )


def column(*rows: Fact, on: str = "2026-11-21", claim: dict[str, Any] | None = None) -> str:
    found = limitation(claims(claim or {}), facts(*rows), LAWS, D(on))
    assert found.height == 1
    return str(found["time_barred_after"][0])


def test_column_of_the_statutes_cases() -> None:
    paid = (FactKind.PAYMENT_RECEIVED, "2026-03-02", {})
    assert column() == "2026-12-31"
    assert column(paid) == "2029-03-02"
    assert column((FactKind.DEBT_ACKNOWLEDGED, "2026-03-02", {"claim_id": None})) == "2029-03-02"
    filed, served = (
        (FactKind.PAYMENT_ORDER_FILED, "2026-12-29", {}),
        (FactKind.PAYMENT_ORDER_SERVED, "2027-01-11", {}),
    )
    assert column(filed, on="2026-12-30") == "2026-12-31"  # filed alone does not suspend
    assert column(filed, served, on="2027-01-12") == str(D("2026-12-31") + 195 * ONE_DAY)
    assert column((FactKind.TITLE_OBTAINED, "2026-05-04", {})) == "2056-05-04"
    sent = (FactKind.MESSAGE_DELIVERED, "2026-05-04", {})
    assert column(sent) == "2026-12-31"  # a reminder does not suspend


def test_column_of_open_ends_assumes_the_earliest() -> None:
    talks = (FactKind.NEGOTIATION_BEGAN, "2026-11-01", {})
    assert column(talks, on="2026-11-30") == str(next_working_day(D("2027-02-28"), "BE"))
    ended = (FactKind.NEGOTIATION_ENDED, "2026-11-10", {})
    assert column(talks, ended, on="2026-11-30") == str(next_working_day(D("2027-02-10"), "BE"))
    suit = (FactKind.LITIGATION_PENDING, "2026-12-01", {})
    assert column(suit, on="2027-03-01") == str(next_working_day(D("2026-12-31") + 275 * ONE_DAY, "BE"))
    deferred = (FactKind.DEFERRAL_GRANTED, "2026-11-01", {"until_on": D("2026-11-30")})
    assert column(deferred) == str(next_working_day(D("2026-12-31") + 30 * ONE_DAY, "BE"))


def test_a_plan_suspends_what_it_covers_until_it_ends() -> None:
    """§ 205 BGB: who agreed on instalments may refuse to pay at once; nobody has to sue meanwhile."""
    agreed = (FactKind.PLAN_AGREED, "2026-11-01", {"code": "plan-1"})
    assert column(agreed, on="2026-11-30") == str(next_working_day(D("2026-12-31") + 30 * ONE_DAY, "BE"))
    for kind in (FactKind.PLAN_BROKEN, FactKind.PLAN_ENDED):
        ended = (kind, "2026-11-30", {"code": "", "claim_id": None})
        late = column(agreed, ended, on="2028-11-30")
        assert late == str(next_working_day(D("2026-12-31") + 30 * ONE_DAY, "BE"))
    again = (FactKind.PLAN_AGREED, "2026-11-30", {"code": "plan-2"})  # replanned: without a gap
    assert column(agreed, ended, again, on="2026-12-09") == str(
        next_working_day(D("2026-12-31") + 39 * ONE_DAY, "BE")
    )
    two = claims({}, {"claim_id": 2})  # the other claim is not covered
    found = limitation(two, facts(agreed), LAWS, D("2027-03-01"))
    assert found["is_time_barred"].to_list() == [False, True]
    wide = limitation(two, facts((*agreed[:2], {"code": "p", "claim_id": None})), LAWS, D("2027-03-01"))
    assert wide["is_time_barred"].to_list() == [False, False]


def test_payment_without_a_claim_restarts_only_the_only_claim() -> None:
    wide = facts((FactKind.PAYMENT_RECEIVED, "2026-03-02", {"claim_id": None}))
    alone = limitation(claims({}), wide, LAWS, D("2026-11-21"))
    assert alone["time_barred_after"].to_list() == [D("2029-03-02")]
    two = limitation(claims({}, {"claim_id": 2}), wide, LAWS, D("2026-11-21"))
    assert two["time_barred_after"].to_list() == [D("2026-12-31")] * 2
    named = facts((FactKind.PAYMENT_RECEIVED, "2026-03-02", {"claim_id": 2}))
    one = limitation(claims({}, {"claim_id": 2}), named, LAWS, D("2026-11-21"))
    assert one["time_barred_after"].to_list() == [D("2026-12-31"), D("2029-03-02")]


def test_consumer_loan_rests_from_default_for_ten_years_at_most() -> None:
    began = pl.DataFrame({"claim_id": [1, 2, 3], "default_began_on": [D("2023-06-01")] * 3})
    rows = claims(
        {"kind": int(ClaimKind.CONSUMER_LOAN)},
        {"claim_id": 2},
        {"claim_id": 3, "kind": int(ClaimKind.CONSUMER_LOAN), "due_on": D("2026-11-20")},
    )
    found = limitation(rows, facts(), LAWS, D("2026-11-21"), defaults=began)
    # 1 January 2024 to 10 May 2033 are not counted
    expected = D("2026-12-31") + (D("2033-05-10") - D("2023-12-31"))
    assert found["warn_on"].to_list() == [expected, D("2026-12-31"), D("2029-12-31")]
    assert limitation(rows, facts(), LAWS, D("2026-11-21"))["warn_on"][0] == D("2026-12-31")
    titled = facts((FactKind.TITLE_OBTAINED, "2026-05-04", {}))
    assert limitation(rows, titled, LAWS, D("2026-11-21"), defaults=began)["warn_on"][0] == D("2056-05-04")


def test_unknown_law_leaves_the_row_empty_and_the_others_whole() -> None:
    rows = claims(
        {"due_on": D("1999-05-10")},
        {"claim_id": 2, "jurisdiction": "ch"},
        {"claim_id": 3, "due_on": None, "issued_on": D("2022-05-10")},
        {"claim_id": 4, "due_on": None},
    )
    found = limitation(rows, facts(), LAWS, D("2026-11-21"))
    assert found["claim_id"].to_list() == [1, 2, 3, 4]
    assert found["warn_on"].to_list() == [None, None, D("2025-12-31"), None]
    assert found["is_time_barred"].to_list() == [False, False, True, False]
    assert found["rule_id"].to_list() == [None, None, "limitation.regular_years", None]
    assert limitation(claims(), facts(), LAWS, D("2026-11-21")).height == 0
    assert limitation(claims({}), facts(), {}, D("2026-11-21"))["warn_on"].to_list() == [None]


EVENT = st.one_of(
    st.tuples(st.sampled_from([FactKind.PAYMENT_RECEIVED, FactKind.DEBT_ACKNOWLEDGED]), NEAR, st.just(0)),
    st.tuples(st.just(FactKind.DEFERRAL_GRANTED), NEAR, st.integers(0, 300)),
    st.tuples(st.just(FactKind.TITLE_OBTAINED), NEAR, st.just(0)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(EVENT, max_size=5), min_size=1, max_size=6), LAND)
def test_column_equals_claim_by_claim(lives: list[list[Any]], land: str | None) -> None:
    rows = [{"claim_id": n, "case_id": n, "land": land} for n in range(len(lives))]
    happened = facts(
        *(
            (kind, str(day), {"claim_id": n, "case_id": n, "until_on": day + length * ONE_DAY})
            for n, life in enumerate(lives)
            for kind, day, length in life
        )
    )
    found = limitation(claims(*rows), happened, LAWS, D("2026-11-21"))
    for n, life in enumerate(lives):
        one = limitation_of(
            D("2023-05-10"),
            PERIODS,
            restarts=[d for k, d, _ in life if k in (FactKind.PAYMENT_RECEIVED, FactKind.DEBT_ACKNOWLEDGED)],
            suspensions=[
                Suspension(d, d + m * ONE_DAY) for k, d, m in life if k == FactKind.DEFERRAL_GRANTED
            ],
            titles=[d for k, d, _ in life if k == FactKind.TITLE_OBTAINED],
            land=land,
        )
        row = found.row(n, named=True)
        assert (row["warn_on"], row["time_barred_after"], row["rule_id"]) == (
            one.warn_on,
            one.time_barred_after,
            one.rule_id,
        )
        assert row["is_time_barred"] is one.is_time_barred(D("2026-11-21"))


def test_what_is_open_is_warned_of_ninety_days_ahead_and_until_it_is_barred() -> None:
    """The last day of 2022 was a Saturday: warned of it, barred only after the Monday."""
    rows = claims({"due_on": D("2019-05-10")}, {"claim_id": 2, "due_on": D("2019-05-10")}, {"claim_id": 3})
    zeros = dict.fromkeys(name for name in BALANCES if name.endswith("_cents"))
    balances = pl.DataFrame(
        [
            {**zeros, "case_id": 10, "claim_id": claim, "principal_open_cents": cents}
            for claim, cents in ((1, 500), (2, 0), (3, 700))
        ],
        schema=dict(BALANCES),
    )

    def warned(on: str) -> list[tuple[Any, ...]]:
        return ending_soon(limitation(rows, facts(), LAWS, D(on)), balances, D(on)).rows()

    assert warned("2022-10-01") == []
    assert warned("2022-10-02") == [(10, 1, D("2022-12-31"), 500)]
    assert warned("2023-01-02") == [(10, 1, D("2022-12-31"), 500)]
    assert warned("2023-01-03") == []
