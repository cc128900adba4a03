"""Facts: numbered without gaps, each event once, refused where they do not fit."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.records import worlds
from tests.records.worlds import NOW, TODAY, claim_row

from mahnwerk.frames import FactKind
from mahnwerk.records import facts, load
from mahnwerk.records.models import Case, Claim, Designation, Fact


@pytest.fixture
def cases(tenant_id: int) -> list[int]:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, *[claim_row(n, customer_number=f"K-{n % 2}") for n in range(4)])
    return sorted(Case.objects.values_list("id", flat=True))


def pay(case_id: int, cents: int = 100, **more: Any) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "kind": FactKind.PAYMENT_RECEIVED,
        "effective_on": TODAY,
        "amount_cents": cents,
    } | more


def test_numbers_go_on_within_each_case(tenant_id: int, cases: list[int]) -> None:
    one, two = cases
    made = facts.append(tenant_id, [pay(one), pay(two), pay(one)], recorded_at=NOW)
    assert made.rows() == [(one, 3, True), (two, 3, True), (one, 4, True)]
    assert dict(Case.objects.values_list("id", "last_fact_no")) == {one: 4, two: 3}
    fact = Fact.objects.get(case_id=one, fact_no=4)
    assert (fact.currency, fact.recorded_at, fact.recorded_on) == ("EUR", NOW, TODAY)


def test_the_same_event_is_one_fact(tenant_id: int, cases: list[int]) -> None:
    one, two = cases
    rows = [pay(one, source_key="bank:1"), pay(one, source_key="bank:1"), pay(two, source_key="bank:2")]
    assert facts.append(tenant_id, rows, recorded_at=NOW).rows() == [
        (one, 3, True),
        (one, 3, False),
        (two, 3, True),
    ]
    again = facts.append(tenant_id, [*rows, pay(two, source_key="bank:3")], recorded_at=NOW)
    assert again.rows() == [(one, 3, False), (one, 3, False), (two, 3, False), (two, 4, True)]
    assert b"bank:1" not in [bytes(key) for key in Fact.objects.values_list("source_key", flat=True) if key]


def test_what_does_not_fit_is_refused(tenant_id: int, cases: list[int]) -> None:
    one, two = cases
    foreign = Claim.objects.filter(case_id=two).first().id
    for row, message in [
        (pay(1), "no case with id 1"),
        (pay(one, claim_id=foreign), "not a claim of its case"),
        (pay(one, designated_claim_ids=[foreign]), "not a claim of its case"),
        (pay(one, currency="CHF"), "kept in EUR"),
        (pay(one, voids_fact_no=3), "no earlier fact 3"),
        (pay(one, voids_fact_no=0), "no earlier fact 0"),
        (pay(one, kind=7), "no kind of fact"),
        ({"case_id": one, "kind": 200}, "needs effective_on"),
        (pay(one, amount=1), "no field amount"),
    ]:
        with pytest.raises(facts.FactRefused, match=message):
            facts.append(tenant_id, [row], recorded_at=NOW)
    assert Fact.objects.exclude(kind=FactKind.CLAIM_PLACED).count() == 0
    with pytest.raises(ValueError, match="time zone"):
        facts.append(tenant_id, [pay(one)], recorded_at=NOW.replace(tzinfo=None))


def test_designations_keep_their_order(tenant_id: int, cases: list[int]) -> None:
    claims = list(Claim.objects.filter(case_id=cases[0]).order_by("-id").values_list("id", flat=True))
    facts.append(tenant_id, [pay(cases[0], designated_claim_ids=claims)], recorded_at=NOW)
    assert list(Designation.objects.order_by("position").values_list("claim_id", flat=True)) == claims
    assert load.book(tenant_id).checked().designations["claim_id"].to_list() == claims


def test_a_frame_does_as_well_as_dicts(tenant_id: int, cases: list[int]) -> None:
    rows = pl.DataFrame(
        {
            "case_id": [cases[0]],
            "kind": [int(FactKind.HOLD_SET)],
            "effective_on": [date(2026, 1, 1)],
            "code": ["x"],
        }
    )
    assert facts.append(tenant_id, rows, recorded_at=NOW).rows() == [(cases[0], 3, True)]
    assert facts.append(tenant_id, [], recorded_at=NOW).height == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), max_size=5), max_size=4))
def test_any_order_any_repetition_gives_the_same_facts(
    tenant_id: int, cases: list[int], calls: list[list[tuple[int, int]]]
) -> None:
    from django.db import transaction

    with transaction.atomic():
        for call in calls:
            facts.append(
                tenant_id, [pay(cases[c], key, source_key=f"{c}:{key}") for c, key in call], recorded_at=NOW
            )
        events = {event for call in calls for event in call}
        found = Fact.objects.filter(kind=FactKind.PAYMENT_RECEIVED)
        assert sorted(found.values_list("case_id", "amount_cents")) == sorted(
            (cases[c], key) for c, key in events
        )
        for case in Case.objects.all():
            numbers = sorted(Fact.objects.filter(case_id=case.id).values_list("fact_no", flat=True))
            assert numbers == list(range(1, case.last_fact_no + 1))
        transaction.set_rollback(True)
