from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from tests.kernel.dunning_books import DUE, Story, held, outcome, simple

from mahnwerk.frames import DayPlan, FactKind, HeldReason
from mahnwerk.kernel import holds

ON = DUE + timedelta(days=30)
BEFORE = ON - timedelta(days=10)
F, R = FactKind, HeldReason

Life = list[tuple[FactKind, date, dict[str, Any]]]


def _fact(kind: FactKind, on: date = BEFORE, **changes: Any) -> tuple[FactKind, date, dict[str, Any]]:
    return kind, on, changes


NEXT_DAY = ON + timedelta(days=1)
TABLE: list[tuple[str, Life, HeldReason | None, str | None]] = [
    ("nothing", [], None, None),
    ("deceased", [_fact(F.DEBTOR_DECEASED)], R.DEBTOR_DECEASED, ""),
    ("heirs known", [_fact(F.DEBTOR_DECEASED), _fact(F.HEIRS_KNOWN, ON)], None, None),
    ("insolvent", [_fact(F.INSOLVENCY_OPENED)], R.INSOLVENCY, ""),
    ("insolvent from tomorrow", [_fact(F.INSOLVENCY_OPENED, NEXT_DAY)], None, None),
    ("insolvency closed", [_fact(F.INSOLVENCY_OPENED), _fact(F.INSOLVENCY_CLOSED, ON)], None, None),
    ("minor", [_fact(F.MINOR_KNOWN)], R.MINOR, ""),
    ("guardian named", [_fact(F.MINOR_KNOWN), _fact(F.GUARDIAN_NAMED, ON)], None, None),
    ("not me", [_fact(F.IDENTITY_DISPUTED, claim_id="own")], R.IDENTITY_DISPUTED, ""),
    ("it was me", [_fact(F.IDENTITY_DISPUTED), _fact(F.IDENTITY_CONFIRMED, ON)], None, None),
    ("contact banned", [_fact(F.CONTACT_BANNED)], R.CONTACT_BANNED, ""),
    ("contact allowed", [_fact(F.CONTACT_BANNED), _fact(F.CONTACT_ALLOWED, ON)], None, None),
    ("e-mail banned: post is left", [_fact(F.CONTACT_BANNED, code="email")], None, None),
    (
        "both channels banned",
        [_fact(F.CONTACT_BANNED, code="email"), _fact(F.CONTACT_BANNED, code="post")],
        R.NO_ADDRESS,
        "address_not_usable",
    ),
    ("lawyer", [_fact(F.LAWYER_NAMED)], R.LAWYER_NAMED, ""),
    ("hardship", [_fact(F.HARDSHIP_REPORTED, code="illness")], R.HARDSHIP, "illness"),
    ("hardship ended", [_fact(F.HARDSHIP_REPORTED), _fact(F.HARDSHIP_ENDED, ON)], None, None),
    ("hold", [_fact(F.HOLD_SET, code="manual")], R.HOLD, "manual"),
    ("hold until today", [_fact(F.HOLD_SET, until_on=ON)], R.HOLD, f"until {ON}"),
    ("hold until yesterday", [_fact(F.HOLD_SET, until_on=ON - timedelta(days=1))], None, None),
    ("hold lifted", [_fact(F.HOLD_SET), _fact(F.HOLD_LIFTED, ON)], None, None),
    ("hold lifted before it was set", [_fact(F.HOLD_LIFTED, BEFORE), _fact(F.HOLD_SET, ON)], R.HOLD, ""),
    ("lift learnt first", [_fact(F.HOLD_LIFTED, ON), _fact(F.HOLD_SET, BEFORE)], None, None),
    (
        "one of two holds lifted",
        [_fact(F.HOLD_SET, code="a"), _fact(F.HOLD_SET, code="b"), _fact(F.HOLD_LIFTED, code="a")],
        R.HOLD,
        "b",
    ),
    ("hold voided", [_fact(F.HOLD_SET), _fact(F.VOIDED, ON, voids_fact_no=1)], None, None),
    ("hold on the only claim", [_fact(F.HOLD_SET, claim_id="own", code="x")], R.HOLD, "x"),
    (
        "unmatched credit",
        [_fact(F.HOLD_SET, code="unmatched_credit")],
        R.UNMATCHED_CREDIT,
        "unmatched_credit",
    ),
    ("plan agreed", [_fact(F.PLAN_AGREED)], R.PLAN_KEPT, ""),
    ("plan broken", [_fact(F.PLAN_AGREED), _fact(F.PLAN_BROKEN, ON)], None, None),
    ("plan ended", [_fact(F.PLAN_AGREED), _fact(F.PLAN_ENDED, ON)], None, None),
    ("promise until today", [_fact(F.PROMISE_TO_PAY, until_on=ON)], R.PROMISE_PENDING, f"until {ON}"),
    ("promise over", [_fact(F.PROMISE_TO_PAY, until_on=BEFORE)], None, None),
    ("promise without date", [_fact(F.PROMISE_TO_PAY)], R.PROMISE_PENDING, None),
    ("old promise without date", [_fact(F.PROMISE_TO_PAY, ON - timedelta(days=15))], None, None),
    ("deferred", [_fact(F.DEFERRAL_GRANTED, until_on=NEXT_DAY)], R.DEFERRED, f"until {NEXT_DAY}"),
    ("deferral over", [_fact(F.DEFERRAL_GRANTED, until_on=BEFORE)], None, None),
    ("disputed", [_fact(F.DISPUTE_RAISED)], R.DISPUTED, ""),
    ("claim disputed", [_fact(F.DISPUTE_RAISED, claim_id="own")], R.DISPUTED, ""),
    ("dispute resolved", [_fact(F.DISPUTE_RAISED), _fact(F.DISPUTE_RESOLVED, ON)], None, None),
    ("a part disputed", [_fact(F.DISPUTE_RAISED, claim_id="own", amount_cents=4000)], None, None),
    (
        "all of it disputed by amount",
        [_fact(F.DISPUTE_RAISED, claim_id="own", amount_cents=10_000)],
        R.DISPUTED,
        "",
    ),
    ("negotiating", [_fact(F.NEGOTIATION_BEGAN)], R.NEGOTIATION, ""),
    ("negotiation ended", [_fact(F.NEGOTIATION_BEGAN), _fact(F.NEGOTIATION_ENDED, ON)], None, None),
    ("litigation", [_fact(F.LITIGATION_PENDING, claim_id="own")], R.IN_COURT, "litigation"),
    ("payment order", [_fact(F.PAYMENT_ORDER_FILED)], R.IN_COURT, "payment_order"),
    ("payment order ended", [_fact(F.PAYMENT_ORDER_FILED), _fact(F.PAYMENT_ORDER_ENDED, ON)], None, None),
    ("title", [_fact(F.TITLE_OBTAINED), _fact(F.PAYMENT_ORDER_ENDED, ON)], R.IN_COURT, "title_obtained"),
    ("claim closed", [_fact(F.CLAIM_CLOSED, claim_id="own")], R.CLOSED, None),
    ("case closed", [_fact(F.CLAIM_CLOSED)], R.CLOSED, ""),
    ("claim moved", [_fact(F.CLAIM_MOVED, claim_id="own")], R.CLOSED, None),
    (
        "reopened",
        [_fact(F.CLAIM_CLOSED, claim_id="own"), _fact(F.CLAIM_REOPENED, ON, claim_id="own")],
        None,
        None,
    ),
    ("paid", [_fact(F.PAYMENT_RECEIVED, amount_cents=10_000)], R.SETTLED, ""),
    ("paid but for tolerance", [_fact(F.PAYMENT_RECEIVED, amount_cents=9_700)], R.WITHIN_TOLERANCE, ""),
    ("paid but for a cent more", [_fact(F.PAYMENT_RECEIVED, amount_cents=9_699)], None, None),
    ("overpaid", [_fact(F.PAYMENT_RECEIVED, amount_cents=12_000)], R.CREDIT_BALANCE, ""),
    (
        "payment returned",
        [_fact(F.PAYMENT_RECEIVED, amount_cents=10_000), _fact(F.PAYMENT_RETURNED, ON, voids_fact_no=1)],
        None,
        None,
    ),
    ("address unknown: e-mail is left", [_fact(F.ADDRESS_UNKNOWN)], None, None),
    (
        "address unknown and no e-mail",
        [_fact(F.ADDRESS_UNKNOWN), _fact(F.CONTACT_BANNED, code="email")],
        R.NO_ADDRESS,
        "address_not_usable",
    ),
    ("unknown procedure", [_fact(F.ENROLLED, code="nobody@2020-01")], R.NOT_ENROLLED, "nobody@2020-01"),
    ("enrolled elsewhere", [_fact(F.ENROLLED, code="lenders@2026-11")], None, None),
    ("death before the hold", [_fact(F.HOLD_SET), _fact(F.DEBTOR_DECEASED)], R.DEBTOR_DECEASED, ""),
    (
        "settled before insolvent",
        [_fact(F.PAYMENT_RECEIVED, amount_cents=10_000), _fact(F.INSOLVENCY_OPENED)],
        R.SETTLED,
        "",
    ),
]

CASES: list[tuple[str, dict[str, Any], HeldReason | None, str | None]] = [
    ("not enrolled", {"procedure": None}, R.NOT_ENROLLED, ""),
    ("no address", {"has_postal_address": False, "has_email": False}, R.NO_ADDRESS, "no_address_known"),
    ("only an e-mail", {"has_postal_address": False}, None, None),
    ("fresh feed", {"feed_checked_on": ON - timedelta(days=3), "feed_max_age_days": 3}, None, None),
    (
        "stale feed",
        {"feed_checked_on": ON - timedelta(days=4), "feed_max_age_days": 3},
        R.STALE_FEED,
        f"checked {ON - timedelta(days=4)}",
    ),
    ("debtor kind unknown", {"is_consumer": None}, None, None),
]


@pytest.fixture(scope="module")
def plan() -> DayPlan:
    """All rows of both tables as cases of one book, decided at once."""
    story = Story()
    for number, (_, life, _, _) in enumerate(TABLE, 1):
        story.case(number).claim(number * 10, number)
        for kind, on, changes in life:
            own = {key: number * 10 if value == "own" else value for key, value in changes.items()}
            story.fact(kind, on, number, **own)
    for number, (_, changes, _, _) in enumerate(CASES, 501):
        story.case(number, **changes).claim(number * 10, number)
    return story.plan(ON)


def _check(plan: DayPlan, case_id: int, reason: HeldReason | None, detail: str | None) -> None:
    if reason is None:
        assert outcome(plan, case_id) == ("measure", "payment_reminder")
        return
    assert outcome(plan, case_id) == ("held", reason.value)
    if detail is not None:
        assert held(plan, case_id)["detail"] == detail


@pytest.mark.parametrize("number", range(1, len(TABLE) + 1), ids=[row[0] for row in TABLE])
def test_a_fact_holds_the_case_or_it_does_not(plan: DayPlan, number: int) -> None:
    _, _, reason, detail = TABLE[number - 1]
    _check(plan, number, reason, detail)


@pytest.mark.parametrize("number", range(501, 501 + len(CASES)), ids=[row[0] for row in CASES])
def test_the_case_itself_holds_or_does_not(plan: DayPlan, number: int) -> None:
    _, _, reason, detail = CASES[number - 501]
    _check(plan, number, reason, detail)


def test_every_reason_of_the_order_has_a_rank() -> None:
    assert [holds.RANK[reason] for reason in HeldReason] == list(range(len(HeldReason)))


def test_until_names_the_day_to_look_again() -> None:
    until = ON + timedelta(days=5)
    plan = simple().fact(FactKind.DEFERRAL_GRANTED, BEFORE, until_on=until).plan(ON)
    assert held(plan)["next_look_on"] == until + timedelta(days=1)
    assert (
        outcome(
            simple().fact(FactKind.DEFERRAL_GRANTED, BEFORE, until_on=until).plan(until + timedelta(days=1))
        )[0]
        == "measure"
    )


def test_a_disputed_claim_is_left_out_and_the_rest_is_dunned() -> None:
    story = simple().claim(12, principal_cents=5_000).fact(FactKind.DISPUTE_RAISED, BEFORE, claim_id=11)
    plan = story.plan(ON)
    assert plan.measure_items["claim_id"].to_list() == [12]
    assert plan.measures["demanded_cents"].to_list() == [5_000]


def test_of_a_claim_disputed_in_part_the_rest_is_asked_for() -> None:
    plan = simple().fact(FactKind.DISPUTE_RAISED, BEFORE, claim_id=11, amount_cents=4_000).plan(ON)
    assert plan.measures["demanded_cents"].to_list() == [6_000]
    assert plan.measure_items["open_cents"].to_list() == [6_000]


def test_claims_blocked_for_different_reasons_hold_the_case_with_the_first() -> None:
    story = simple().claim(12)
    story.fact(FactKind.DISPUTE_RAISED, BEFORE, claim_id=11)
    story.fact(FactKind.DEFERRAL_GRANTED, BEFORE, claim_id=12, until_on=ON + timedelta(days=3))
    row = held(story.plan(ON))
    assert (row["reason"], row["next_look_on"]) == ("deferred", ON + timedelta(days=4))


def test_a_time_barred_claim_is_not_dunned() -> None:
    story = Story().case().claim(due_on=date(2021, 5, 3))
    assert outcome(story.plan(date(2024, 12, 27)))[0] == "measure"
    assert outcome(story.plan(date(2025, 1, 7))) == ("held", "time_barred")


def test_a_channel_is_out_after_a_return_until_an_address_is_found() -> None:
    story = simple(has_postal_address=False)
    first = story.plan(ON)
    assert first.measures["channel"].to_list() == ["email"]
    story.send(first, ON).fact(FactKind.MESSAGE_BOUNCED, ON, message_id=1000)
    day = ON + timedelta(days=1)
    assert outcome(story.plan(day)) == ("held", "no_address")
    assert outcome(story.fact(FactKind.ADDRESS_FOUND, day).plan(day)) == ("measure", "payment_reminder")
