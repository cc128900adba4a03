"""Facts by hand: complete, known words, once; and what they change."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.usecases.conftest import FIRST

from mahnwerk.frames import FactKind
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.fact_kinds import RULES


def add(book: Any, *words: str, **options: Any) -> Any:
    from mahnwerk.usecases import facts

    return facts.add(book, *words, **{"on": FIRST, **options})


def test_a_payment_shows_its_effect(kiosk: Any) -> None:
    added = add(kiosk, "M-000003", "payment_received", amount="1.000,00", invoice_number="R-4")
    assert (added.open_before_cents, added.open_after_cents) == (99000, 0)


def test_the_same_reference_counts_once(kiosk: Any) -> None:
    first = add(kiosk, "M-000001", "payment_received", amount="5", reference="B-9")
    again = add(kiosk, "M-000001", "payment_received", amount="5", reference="B-9")
    assert (first.is_known, again.is_known) == (False, True)
    assert first.fact_no == again.fact_no


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"amount": "6"}, "another amount"),
        ({"on": FIRST + dt.timedelta(days=1)}, "another effective_on"),
        ({"invoice_number": "R-1"}, "another claim"),
    ],
)
def test_another_event_under_a_known_reference_is_refused_not_dropped(
    kiosk: Any, change: dict[str, Any], word: str
) -> None:
    first = add(kiosk, "M-000001", "payment_received", amount="5", reference="B-9")
    told = {"amount": "5", "reference": "B-9", **change}
    with pytest.raises(BadInput, match=f"'B-9' is fact {first.fact_no} with {word}; nothing was added"):
        add(kiosk, "M-000001", "payment_received", **told)


def test_no_more_is_paid_back_than_the_credit(kiosk: Any) -> None:
    from mahnwerk.records.models import Fact

    add(kiosk, "M-000003", "payment_received", amount="1000")
    before = Fact.objects.count()
    with pytest.raises(BadInput, match="refund_paid: 10,01 are more than the credit of the case, 10,00"):
        add(kiosk, "M-000003", "refund_paid", amount="10,01")
    assert Fact.objects.count() == before
    add(kiosk, "M-000003", "refund_paid", amount="10", reference="back")
    assert add(kiosk, "M-000003", "refund_paid", amount="10", reference="back").is_known
    with pytest.raises(BadInput, match="credit of the case, 0,00"):
        add(kiosk, "M-000003", "refund_paid", amount="0,01")


def test_a_dry_run_shows_the_effect_and_records_nothing(kiosk: Any) -> None:
    from mahnwerk.records.models import Fact

    before = Fact.objects.count()
    assert add(kiosk, "M-000003", "payment_received", amount="90", dry_run=True).open_after_cents == 90000
    assert Fact.objects.count() == before


def test_a_fact_is_undone_by_naming_it(kiosk: Any) -> None:
    paid = add(kiosk, "M-000003", "payment_received", amount="90")
    undone = add(kiosk, "M-000003", "voided", voids=paid.fact_no)
    assert (undone.open_before_cents, undone.open_after_cents) == (90000, 99000)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("payment_received", {}, "needs an amount"),
        ("payment_received", {"amount": "-5"}, "cannot be read as a sum above 0"),
        ("payment_received", {"amount": "fünf"}, "cannot be read as a sum above 0"),
        ("payment_recieved", {"amount": "5"}, "is no kind of fact"),
        ("message_sent", {}, "is no kind of fact"),
        ("deferral_granted", {}, "needs a last day"),
        ("hold_set", {"amount": "5"}, "has no room for an amount"),
        ("hold_set", {"code": "because Mr Abel is ill"}, "is not a word"),
        ("voided", {}, "must name the fact it undoes"),
        ("hold_set", {"voids": 1}, "undoes no other fact"),
        ("voided", {"voids": 99}, "no earlier fact 99"),
        ("cost_incurred", {"amount": "5", "code": "costs.coffee"}, "costs.coffee"),
        ("credit_note", {"amount": "5"}, "needs an invoice number"),
    ],
)
def test_what_is_incomplete_is_refused(kiosk: Any, kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        add(kiosk, "M-000001", kind, **options)


def test_unknown_cases_and_claims_are_not_found(kiosk: Any) -> None:
    with pytest.raises(NotFound, match="there is no case"):
        add(kiosk, "M-77", "hold_set")
    with pytest.raises(NotFound, match="has no claim with invoice number 'R-4'"):
        add(kiosk, "M-000001", "payment_received", amount="5", invoice_number="R-4")


def test_a_hold_holds(kiosk: Any) -> None:
    from mahnwerk.usecases import cases

    add(kiosk, "M-000001", "hold_set", until=FIRST + dt.timedelta(days=10))
    (row,) = cases.list_cases(kiosk, FIRST, held="hold").rows
    assert (row["case_reference"], row["next_look_on"]) == ("M-000001", FIRST + dt.timedelta(days=11))


def test_every_kind_of_fact_has_its_rule() -> None:
    assert set(RULES) == set(FactKind)


def test_a_return_undoes_payments_only(kiosk: Any) -> None:
    with pytest.raises(BadInput, match="is claim_placed, which payment_returned cannot undo"):
        add(kiosk, "M-000003", "payment_returned", voids=1)
    with pytest.raises(BadInput, match="cannot undo"):
        add(kiosk, "M-000003", "voided", voids=1)
    paid = add(kiosk, "M-000003", "payment_received", amount="90")
    assert add(kiosk, "M-000003", "payment_returned", voids=paid.fact_no).open_after_cents == 99000
