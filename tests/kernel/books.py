"""Small books for tests: rows with defaults, and random ones for property tests."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from mahnwerk.frames import (
    CASES,
    CLAIMS,
    DESIGNATIONS,
    FACTS,
    NOTICES,
    Book,
    ClaimKind,
    DueKind,
    FactKind,
    Role,
    Schema,
)

START = date(2024, 2, 1)
DAYS = 260
COMMON: dict[str, Any] = {
    "jurisdiction": "de",
    "kind": int(ClaimKind.GOODS_OR_SERVICES),
    "due_kind": int(DueKind.CALENDAR),
    "has_default_notice": False,
    "is_secured": False,
}


def frame(schema: Schema, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame; what a row does not say is null."""
    full = [{name: row.get(name) for name in schema} for row in rows]
    return pl.DataFrame(full, schema=dict(schema), orient="row")


def case(case_id: int = 1, **columns: Any) -> dict[str, Any]:
    return {"case_id": case_id, "currency": "EUR", "is_consumer": True, "role": int(Role.OWN), **columns}


def claim(claim_no: int = 1, case_id: int = 1, **columns: Any) -> dict[str, Any]:
    """A claim of 100 euro issued on START, due 14 days later; its key is case × 100 + number."""
    issued = columns.pop("issued_on", START)
    return {
        **COMMON,
        "claim_id": case_id * 100 + claim_no,
        "case_id": case_id,
        "claim_no": claim_no,
        "principal_cents": 10_000,
        "issued_on": issued,
        "due_on": issued + timedelta(days=14),
        "obligation_arose_on": issued,
        **columns,
    }


def fact(fact_no: int, kind: FactKind, on: date, amount: int | None = None, **columns: Any) -> dict[str, Any]:
    return {
        "case_id": 1,
        "fact_no": fact_no,
        "kind": int(kind),
        "effective_on": on,
        "recorded_on": on,
        "amount_cents": amount,
        **columns,
    }


def book(
    claims: list[dict[str, Any]],
    facts: list[dict[str, Any]] | None = None,
    *,
    cases: list[dict[str, Any]] | None = None,
    designations: list[dict[str, Any]] | None = None,
    notices: list[dict[str, Any]] | None = None,
) -> Book:
    return Book(
        frame(CASES, cases or [case(number) for number in sorted({row["case_id"] for row in claims})]),
        frame(CLAIMS, claims),
        frame(FACTS, facts or []),
        frame(DESIGNATIONS, designations or []),
        frame(NOTICES, notices or []),
    )


def defaults(began: dict[int, date]) -> pl.DataFrame:
    """Default by claim key."""
    return pl.DataFrame(
        {
            "claim_id": list(began),
            "default_began_on": list(began.values()),
            "default_ground": ["default.calendar_date"] * len(began),
        },
        schema={"claim_id": pl.Int64, "default_began_on": pl.Date, "default_ground": pl.String},
    )


def default_after_due(claims: list[dict[str, Any]]) -> pl.DataFrame:
    return defaults({row["claim_id"]: row["due_on"] + timedelta(days=1) for row in claims})


MONEY = [
    FactKind.PAYMENT_RECEIVED,
    FactKind.PAYMENT_RECEIVED,
    FactKind.PAYMENT_RECEIVED,
    FactKind.SET_OFF,
    FactKind.CREDIT_NOTE,
    FactKind.GOODS_RETURNED,
    FactKind.EARLY_PAYMENT_DISCOUNT,
    FactKind.WAIVER,
    FactKind.WRITE_OFF,
    FactKind.COMPROMISE,
    FactKind.REFUND_PAID,
    FactKind.COST_INCURRED,
    FactKind.COST_INCURRED,
]
OTHER = [
    FactKind.DEFERRAL_GRANTED,
    FactKind.TITLE_OBTAINED,
    FactKind.LITIGATION_PENDING,
    FactKind.INSOLVENCY_OPENED,
    FactKind.MESSAGE_UNCERTAIN,
    FactKind.MESSAGE_DELIVERED,
]
days = st.integers(0, DAYS).map(lambda number: START + timedelta(days=number))


@st.composite
def random_claims(draw: st.DrawFn, case_id: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        issued = START + timedelta(days=draw(st.sampled_from([0, 0, 5, 40, 120])))
        agreed = draw(st.sampled_from([None, None, None, 35_000]))
        rows.append(
            claim(
                number,
                case_id,
                kind=int(draw(st.sampled_from([ClaimKind.GOODS_OR_SERVICES, *ClaimKind]))),
                principal_cents=draw(st.sampled_from([1, 999, 10_000, 10_000, 123_457, 5_000_000])),
                issued_on=issued,
                due_on=issued + timedelta(days=draw(st.sampled_from([0, 14, 14, 30]))),
                obligation_arose_on=draw(st.sampled_from([None, issued, date(2013, 5, 1)])),
                agreed_rate_ppm=agreed,
                agreed_from=None if agreed is None else draw(st.sampled_from([None, issued])),
                agreed_default_rate_ppm=draw(st.sampled_from([None, None, None, 150_000])),
                is_secured=draw(st.sampled_from([False, False, True])),
            )
        )
    return rows


@st.composite
def random_facts(draw: st.DrawFn, case_id: int, claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = [row["claim_id"] for row in claims]
    rows: list[dict[str, Any]] = []
    for number in range(1, draw(st.integers(0, 9)) + 1):
        kind = draw(st.sampled_from([*MONEY, *OTHER, FactKind.VOIDED, FactKind.PAYMENT_RETURNED]))
        voids = kind in (FactKind.VOIDED, FactKind.PAYMENT_RETURNED)
        if voids and not rows:
            continue
        on = draw(days)
        amount = draw(st.sampled_from([1, 500, 4_000, 10_000, 10_037, 33_333, 9_000_000]))
        forgiving = kind in (FactKind.WAIVER, FactKind.WRITE_OFF, FactKind.COMPROMISE)
        if forgiving and draw(st.booleans()):
            amount = None
        rows.append(
            fact(
                number,
                kind,
                on,
                amount,
                case_id=case_id,
                claim_id=None if voids else draw(st.sampled_from([None, *keys])),
                voids_fact_no=draw(st.sampled_from([row["fact_no"] for row in rows])) if voids else None,
                until_on=on + timedelta(days=draw(st.integers(0, 60)))
                if kind is FactKind.DEFERRAL_GRANTED
                else None,
                code=draw(st.sampled_from([None, "costs", "interest", "principal"])) if forgiving else None,
                message_id=case_id * 10 + draw(st.integers(1, 2))
                if kind in (FactKind.COST_INCURRED, FactKind.MESSAGE_UNCERTAIN, FactKind.MESSAGE_DELIVERED)
                else None,
            )
        )
    return rows


@st.composite
def random_books(draw: st.DrawFn) -> tuple[Book, pl.DataFrame]:
    """A book of one to three cases with facts of every kind the replay knows, and when default began."""
    cases, claims, facts, designations, notices, began = [], [], [], [], [], {}
    for case_id in range(1, draw(st.integers(1, 3)) + 1):
        cases.append(case(case_id, is_consumer=draw(st.sampled_from([True, False, None]))))
        own = draw(random_claims(case_id))
        claims += own
        events = draw(random_facts(case_id, own))
        facts += events
        for row in own:
            began[row["claim_id"]] = draw(
                st.sampled_from([None, *(row["due_on"] + timedelta(days=n) for n in (1, 1, 30))])
            )
        for row in events:
            if row["kind"] == FactKind.PAYMENT_RECEIVED and draw(st.integers(0, 3)) == 0:
                chosen = draw(st.lists(st.sampled_from([c["claim_id"] for c in own]), unique=True))
                designations += [
                    {"case_id": case_id, "fact_no": row["fact_no"], "claim_id": key, "position": place}
                    for place, key in enumerate(chosen)
                ]
        for message in range(1, draw(st.integers(0, 2)) + 1):
            sealed = draw(days)
            listed = draw(st.lists(st.sampled_from([c["claim_id"] for c in own]), unique=True, min_size=1))
            demanded = draw(st.sampled_from([400, 10_000]))
            notices += [
                {
                    "message_id": case_id * 10 + message,
                    "case_id": case_id,
                    "claim_id": key,
                    "sealed_on": sealed,
                    "pay_by": sealed + timedelta(days=draw(st.just(30))),
                    "demanded_cents": demanded,
                    "item_demanded_cents": demanded // len(listed),
                    "is_dunning": True,
                }
                for key in listed
            ]
    return (
        book(claims, facts, cases=cases, designations=designations, notices=notices),
        defaults(began),
    )
