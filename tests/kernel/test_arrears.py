"""When default began: each ground by example, and all of them against a slow twin."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.frames import CLAIMS, FACTS, ClaimKind, DueKind, FactKind
from mahnwerk.kernel.arrears import ArrearsSettings, default_began, default_of
from mahnwerk.kernel.calendar import LAENDER, next_working_day
from mahnwerk.law import load_laws

LAWS = load_laws()
D = date.fromisoformat
ONE_DAY = timedelta(days=1)

_CLAIM: dict[str, Any] = {
    "claim_id": 1,
    "case_id": 10,
    "claim_no": 1,
    "jurisdiction": "de",
    "kind": int(ClaimKind.GOODS_OR_SERVICES),
    "invoice_number": "RE-1",
    "principal_cents": 10_000,
    "issued_on": D("2026-08-03"),
    "due_on": D("2026-09-01"),  # a Tuesday
    "due_kind": int(DueKind.NOTICE),
    "received_on": None,
    "obligation_arose_on": D("2026-08-01"),
    "has_default_notice": False,
    "agreed_rate_ppm": None,
    "agreed_from": None,
    "agreed_default_rate_ppm": None,
    "is_secured": False,
    "land": "BE",
    "is_consumer": True,
}


def claims(*rows: dict[str, Any]) -> pl.DataFrame:
    schema = {**CLAIMS, "land": pl.String, "is_consumer": pl.Boolean}
    return pl.DataFrame([{**_CLAIM, **row} for row in rows], schema=schema, orient="row")


def facts(*rows: tuple[FactKind, str, dict[str, Any]]) -> pl.DataFrame:
    made = [
        {"case_id": 10, "fact_no": n, "claim_id": 1, "kind": int(kind), "effective_on": D(on), **more}
        for n, (kind, on, more) in enumerate(rows, start=1)
    ]
    return pl.DataFrame(
        [{column: row.get(column) for column in FACTS} for row in made], schema=dict(FACTS), orient="row"
    )


def notices(*rows: tuple[int, int, str | None, str | None]) -> pl.DataFrame:
    """Rows of claim, message, received, pay-by."""
    return pl.DataFrame(
        [(c, m, r and D(r), p and D(p)) for c, m, r, p in rows],
        schema={
            "claim_id": pl.Int64,
            "message_id": pl.Int64,
            "received_on": pl.Date,
            "pay_by": pl.Date,
        },
        orient="row",
    )


def began(
    claim: dict[str, Any],
    *,
    sent: pl.DataFrame | None = None,
    happened: pl.DataFrame | None = None,
    chosen: ArrearsSettings | None = None,
) -> tuple[date | None, str | None, int | None]:
    found = default_began(
        claims(claim),
        notices() if sent is None else sent,
        facts() if happened is None else happened,
        LAWS,
        chosen,
    )
    assert found.height == 1
    row = found.row(0, named=True)
    return row["default_began_on"], row["default_ground"], row["trigger_message_id"]


def test_calendar_date_and_period_begin_the_day_after() -> None:
    assert began({"due_kind": DueKind.CALENDAR}) == (D("2026-09-02"), "default.calendar_date", None)
    assert began({"due_kind": DueKind.PERIOD}) == (D("2026-09-02"), "default.period", None)


def test_due_date_on_a_holiday_moves_with_the_debtors_land() -> None:
    friday = {"due_kind": DueKind.CALENDAR, "due_on": D("2025-10-31")}  # Reformationstag
    assert began({**friday, "land": "BE"})[0] == D("2025-11-01")
    # HH: Friday is a holiday, then the weekend
    assert began({**friday, "land": "HH"})[0] == D("2025-11-04")
    assert began({**friday, "land": None})[0] == D("2025-11-04")


def test_notice_begins_the_day_after_the_latest_of_due_receipt_and_its_own_date() -> None:
    assert began({}, sent=notices((1, 7, "2026-09-10", None))) == (
        D("2026-09-11"),
        "default.dunning_notice",
        7,
    )
    assert began({}, sent=notices((1, 7, "2026-09-01", None)))[0] == D("2026-09-02")
    # pay-by Saturday 19th moves to Monday 21st
    assert began({}, sent=notices((1, 7, "2026-09-10", "2026-09-19")))[0] == D("2026-09-22")
    at_once = ArrearsSettings(notice_period_defers_default=False)
    assert began({}, sent=notices((1, 7, "2026-09-10", "2026-09-19")), chosen=at_once)[0] == D("2026-09-11")


def test_notice_without_effect() -> None:
    nothing = (None, None, None)
    assert began({}) == nothing
    assert began({}, sent=notices((1, 7, "2026-08-31", None))) == nothing  # before due
    assert began({}, sent=notices((1, 7, None, None))) == nothing  # not received
    assert began({}, sent=notices((2, 7, "2026-09-10", None))) == nothing  # another claim
    # due on Saturday is payable until Monday: a notice on Sunday is too early
    assert began({"due_on": D("2026-09-05")}, sent=notices((1, 7, "2026-09-06", None))) == nothing
    assert began({"due_on": D("2026-09-05")}, sent=notices((1, 7, "2026-09-07", None)))[0] == D("2026-09-08")


def test_earliest_of_several_notices_is_named() -> None:
    several = notices(
        (1, 9, "2026-09-20", None), (1, 8, "2026-09-10", "2026-10-15"), (1, 6, "2026-08-20", None)
    )
    assert began({}, sent=several) == (D("2026-09-21"), "default.dunning_notice", 9)
    same_day = notices((1, 9, "2026-09-20", None), (1, 8, "2026-09-20", None))
    assert began({}, sent=same_day)[2] == 8


def test_thirty_days_after_due_and_receipt() -> None:
    business = {"due_kind": DueKind.INVOICE, "is_consumer": False}
    # due 1 September is later than receipt: 1 October is the last day
    early = {**business, "received_on": D("2026-08-05")}
    assert began(early) == (D("2026-10-02"), "default.invoice_30_days", None)
    # receipt 3 September: 30 days end on Saturday 3 October (holiday), moved to Monday 5th
    assert began({**business, "received_on": D("2026-09-03")})[0] == D("2026-10-06")
    assert began({**early, "due_kind": DueKind.NOTICE})[0] is None


def test_thirty_days_against_consumers_only_if_told() -> None:
    consumer = {"due_kind": DueKind.INVOICE, "received_on": D("2026-08-05")}
    assert began(consumer)[0] is None
    assert began({**consumer, "is_consumer": None})[0] is None
    assert began({**consumer, "has_default_notice": True})[0] == D("2026-10-02")


@pytest.mark.parametrize("kind", [ClaimKind.LOAN, ClaimKind.DAMAGES, ClaimKind.OTHER])
def test_thirty_days_only_for_remuneration(kind: ClaimKind) -> None:
    claim = {"due_kind": DueKind.INVOICE, "is_consumer": False, "received_on": D("2026-08-05")}
    assert began({**claim, "kind": kind})[0] is None
    assert began({**claim, "kind": ClaimKind.RENT})[0] == D("2026-10-02")


def test_unknown_receipt_starts_nothing_unless_presumed_and_never_for_consumers() -> None:
    claim = {"due_kind": DueKind.INVOICE, "is_consumer": False, "due_on": D("2026-08-03")}
    assert began(claim)[0] is None
    presumed = ArrearsSettings(presumed_goods_receipt_days=10)
    # 3 August + 10 = 13 August; 30 days end on Saturday 12 September, moved to Monday 14th
    assert began(claim, chosen=presumed)[0] == D("2026-09-15")
    told = {**claim, "is_consumer": True, "has_default_notice": True}
    assert began(told, chosen=presumed)[0] is None


def test_receipt_learnt_later_replaces_the_one_imported() -> None:
    claim = {"due_kind": DueKind.INVOICE, "is_consumer": False, "received_on": D("2026-08-05")}
    learnt = facts((FactKind.INVOICE_RECEIVED, "2026-09-14", {}))
    assert began(claim, happened=learnt)[0] == D("2026-10-15")
    assert began({**claim, "received_on": None}, happened=learnt)[0] == D("2026-10-15")


@pytest.mark.parametrize(
    ("kind", "ground"),
    [
        (FactKind.PERFORMANCE_REFUSED, "default.refusal"),
        (FactKind.LITIGATION_PENDING, "default.litigation"),
        (FactKind.PAYMENT_ORDER_SERVED, "default.payment_order"),
    ],
)
def test_refusal_and_court_need_no_notice(kind: FactKind, ground: str) -> None:
    assert began({}, happened=facts((kind, "2026-09-10", {}))) == (D("2026-09-11"), ground, None)
    # what lasts works from the due date on
    assert began({}, happened=facts((kind, "2026-08-10", {})))[0] == D("2026-09-02")
    # a fact without claim concerns the whole case
    assert began({}, happened=facts((kind, "2026-09-10", {"claim_id": None})))[1] == ground
    assert began({}, happened=facts((kind, "2026-09-10", {"claim_id": 2})))[0] is None


def test_earliest_ground_wins_and_ties_follow_the_list() -> None:
    claim = {"due_kind": DueKind.INVOICE, "is_consumer": False, "received_on": D("2026-08-05")}
    assert began(claim, sent=notices((1, 7, "2026-09-10", None)))[1] == "default.dunning_notice"
    tie = notices((1, 7, "2026-10-01", None))
    assert began(claim, sent=tie) == (D("2026-10-02"), "default.invoice_30_days", None)


def test_deferral_before_default_moves_the_due_date() -> None:
    until = {"until_on": D("2026-10-30")}
    deferred = facts((FactKind.DEFERRAL_GRANTED, "2026-08-20", until))
    assert began({"due_kind": DueKind.CALENDAR}, happened=deferred)[0] == D("2026-10-31")
    # a notice received meanwhile has no effect
    assert began({}, sent=notices((1, 7, "2026-09-10", None)), happened=deferred)[0] is None
    assert began({}, sent=notices((1, 7, "2026-11-04", None)), happened=deferred)[0] == D("2026-11-05")


def test_deferral_after_default_does_not_undo_it() -> None:
    late = facts((FactKind.DEFERRAL_GRANTED, "2026-09-02", {"until_on": D("2026-10-30")}))
    assert began({"due_kind": DueKind.CALENDAR}, happened=late)[0] == D("2026-09-02")


def test_deferrals_in_a_row_and_without_end() -> None:
    first = (FactKind.DEFERRAL_GRANTED, "2026-08-20", {"until_on": D("2026-09-15")})
    second = (FactKind.DEFERRAL_GRANTED, "2026-09-10", {"until_on": D("2026-10-01")})
    too_late = (FactKind.DEFERRAL_GRANTED, "2026-11-10", {"until_on": D("2026-12-01")})
    calendar = {"due_kind": DueKind.CALENDAR}
    assert began(calendar, happened=facts(first, second, too_late))[0] == D("2026-10-02")
    open_end = (FactKind.DEFERRAL_GRANTED, "2026-08-25", {"until_on": None})
    assert began(calendar, happened=facts(first, open_end)) == (None, None, None)
    assert began(calendar, happened=facts(first, open_end, second))[0] == D("2026-10-02")
    sent = notices((1, 7, "2026-09-10", None))
    refused = (FactKind.PERFORMANCE_REFUSED, "2026-09-12", {})
    assert began({}, sent=sent, happened=facts(open_end, refused)) == (None, None, None)


def test_absurd_date_does_not_stop_the_others() -> None:
    absurd = {"claim_id": 2, "due_kind": DueKind.CALENDAR, "due_on": D("9998-12-31")}
    for_ever = facts((FactKind.DEFERRAL_GRANTED, "2026-08-20", {"until_on": D("9998-12-31")}))
    found = default_began(claims({"due_kind": DueKind.CALENDAR}, absurd), notices(), for_ever, LAWS)
    assert found["default_began_on"].to_list() == [D("9999-01-01")] * 2


def test_no_due_date_means_due_at_once() -> None:
    claim = {"due_on": None, "issued_on": D("2026-09-01")}
    assert began(claim, sent=notices((1, 7, "2026-09-10", None)))[0] == D("2026-09-11")


def test_jurisdiction_without_the_rule_has_no_thirty_days() -> None:
    claim = {"due_kind": DueKind.INVOICE, "is_consumer": False, "received_on": D("2026-08-05")}
    assert began({**claim, "jurisdiction": "ch", "land": "ZH"})[0] is None
    # 26 October is a holiday in Austria only
    day = {"due_kind": DueKind.CALENDAR, "due_on": D("2026-10-26")}
    assert began({**day, "jurisdiction": "at", "land": "9"})[0] == D("2026-10-28")
    assert began(day)[0] == D("2026-10-27")


def test_every_claim_once_in_any_order() -> None:
    many = claims(
        *(
            {"claim_id": n, "due_kind": DueKind.CALENDAR, "due_on": D("2026-09-01") + n * ONE_DAY}
            for n in range(40)
        )
    )
    deferral = facts(
        (FactKind.DEFERRAL_GRANTED, "2026-08-20", {"until_on": D("2026-10-01"), "claim_id": None})
    )
    found = default_began(many, notices(), deferral, LAWS).sort("claim_id")
    shuffled = default_began(many.sample(fraction=1, shuffle=True, seed=5), notices(), deferral, LAWS)
    assert found.equals(shuffled.sort("claim_id"))
    assert found["claim_id"].to_list() == list(range(40))
    assert default_began(many.clear(), notices(), facts(), LAWS).height == 0


def test_calculator_asks_the_same_function() -> None:
    assert default_of(
        due_on=D("2026-09-01"), due_kind=DueKind.NOTICE, laws=LAWS, notice_received_on=D("2026-09-10")
    ) == (D("2026-09-11"), "default.dunning_notice")


# --- slow twin --------------------------------------------------------------------------------


def slow_began(
    claim: dict[str, Any],
    sent: list[tuple[date, date | None]],
    acts: list[tuple[FactKind, date]],
    defer: bool,
) -> date | None:
    """Walk through the days and ask on each whether the debtor is in default since yesterday."""
    payable = next_working_day(claim["due_on"], claim["land"])
    day = claim["due_on"]
    for _ in range(900):
        yesterday, day = day, day + ONE_DAY
        if yesterday < payable:
            continue
        if claim["due_kind"] in (DueKind.CALENDAR, DueKind.PERIOD):
            return day
        for received, pay_by in sent:
            if received < payable or yesterday < received:
                continue
            if defer and pay_by is not None and yesterday < next_working_day(pay_by, claim["land"]):
                continue
            return day
        if any(on <= yesterday for _, on in acts):
            return day
        told = not claim["is_consumer"] or claim["has_default_notice"]
        if claim["due_kind"] == DueKind.INVOICE and told and claim["received_on"] is not None:
            start = max(claim["due_on"], claim["received_on"])
            if yesterday >= next_working_day(start + 30 * ONE_DAY, claim["land"]):
                return day
    return None


SOME_DAY = st.integers(0, 200).map(lambda n: D("2026-08-01") + n * ONE_DAY)
ACT = st.sampled_from(
    [FactKind.PERFORMANCE_REFUSED, FactKind.LITIGATION_PENDING, FactKind.PAYMENT_ORDER_SERVED]
)
SENT = st.lists(st.tuples(SOME_DAY, st.none() | SOME_DAY), max_size=3)
ACTS = st.lists(st.tuples(ACT, SOME_DAY), max_size=2)
CLAIM = st.fixed_dictionaries(
    {
        "due_on": SOME_DAY,
        "due_kind": st.sampled_from(list(DueKind)),
        "received_on": st.none() | SOME_DAY,
        "is_consumer": st.booleans(),
        "has_default_notice": st.booleans(),
        "land": st.sampled_from([None, *LAENDER]),
    }
)


def fast(claim: dict[str, Any], sent: list[Any], acts: list[Any], defer: bool = True) -> date | None:
    return began(
        claim,
        sent=notices(*((1, n, str(r), p and str(p)) for n, (r, p) in enumerate(sent))),
        happened=facts(*((kind, str(on), {}) for kind, on in acts)),
        chosen=ArrearsSettings(notice_period_defers_default=defer),
    )[0]


@settings(max_examples=80, deadline=None)
@given(CLAIM, SENT, ACTS, st.booleans())
def test_equals_walking_day_by_day(
    claim: dict[str, Any], sent: list[Any], acts: list[Any], defer: bool
) -> None:
    assert fast(claim, sent, acts, defer) == slow_began(claim, sent, acts, defer)


@settings(max_examples=40, deadline=None)
@given(CLAIM, SENT, ACTS, st.tuples(SOME_DAY, st.none() | SOME_DAY))
def test_another_notice_never_makes_default_later(
    claim: dict[str, Any], sent: list[Any], acts: list[Any], more: Any
) -> None:
    before = fast(claim, sent, acts)
    after = fast(claim, [*sent, more], acts)
    if before is not None:
        assert after is not None
        assert claim["due_on"] < after <= before


@settings(max_examples=40, deadline=None)
@given(CLAIM, SENT, ACTS)
def test_unknown_land_is_never_worse_for_the_debtor(
    claim: dict[str, Any], sent: list[Any], acts: list[Any]
) -> None:
    known, unknown = fast(claim, sent, acts), fast({**claim, "land": None}, sent, acts)
    if known is None:
        assert unknown is None
    elif unknown is not None:
        assert unknown >= known


@settings(max_examples=40, deadline=None)
@given(CLAIM, SENT, ACTS, st.lists(st.tuples(SOME_DAY, st.none() | SOME_DAY), min_size=1, max_size=3))
def test_deferral_never_makes_default_earlier_and_respects_its_last_day(
    claim: dict[str, Any], sent: list[Any], acts: list[Any], deferrals: list[Any]
) -> None:
    granted = [(FactKind.DEFERRAL_GRANTED, str(on), {"until_on": until}) for on, until in deferrals]
    happened = facts(*((kind, str(on), {}) for kind, on in acts), *granted)
    received = notices(*((1, n, str(r), p and str(p)) for n, (r, p) in enumerate(sent)))
    before = fast(claim, sent, acts)
    after = began(claim, sent=received, happened=happened)[0]
    if before is None:
        assert after is None
    else:
        assert after is None or after >= before
        in_time = [until for on, until in deferrals if on < before and until is not None]
        assert after is None or all(after > until for until in in_time)
