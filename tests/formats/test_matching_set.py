"""Sets for measuring the matcher: read whole, or refused with file, row and column."""

from __future__ import annotations

import pytest

from mahnwerk.formats import matching_set
from mahnwerk.formats.matching_set import MatchingSetError

INVOICES = (
    b"invoice_id,Assignment Number,Billing Number,Customer ID,Customer Name,Currency Code,Amount\n"
    b"0,INV1000000001,,C1,Abel,EUR,10.5\n"
)
PAYMENTS = (
    b"payment_id,Business Partner,Account Number,Memo Line,Amount,Currency,Posting Date\n"
    b"0,Abel,DE1,INV1000000001,10.50,EUR,20260302\n"
)
MATCHES = b'match_category,perturbation_categories,invoice_ids,payment_ids\none,"[""x""]",[0],[0]\n'


def test_a_set_is_read() -> None:
    given = matching_set.read(INVOICES, PAYMENTS, MATCHES)
    assert given.claims["open_cents"].to_list() == [1050]
    assert given.claims["references"].to_list() == [["INV1000000001"]]
    assert given.payments["amount_cents"].to_list() == [1050]
    assert given.truth.row(0) == ("one", ["x"], [0], [0])


@pytest.mark.parametrize(
    ("invoices", "message"),
    [
        (INVOICES.replace(b"10.5", b"ten"), "invoices.csv, row 2, Amount"),
        (INVOICES.replace(b"Amount", b"Sum"), "column missing: Amount"),
    ],
)
def test_what_cannot_be_read_is_named(invoices: bytes, message: str) -> None:
    with pytest.raises(MatchingSetError, match=message):
        matching_set.read(invoices, PAYMENTS, MATCHES)


@pytest.mark.parametrize(
    ("payments", "message"),
    [
        (PAYMENTS.replace(b"10.50", b""), "payments.csv, row 2, Amount: '' is not a number"),
        (PAYMENTS.replace(b"10.50", b"10,50"), "each row as long as its header"),
        (PAYMENTS.replace(b"0302", b"0231"), "payments.csv, row 2, Posting Date: '20260231' is not a day"),
        (PAYMENTS + b"0,Abel,DE1,x,10.50,EUR,20260302\n", "payments.csv: payment_id 0 is there twice"),
        (PAYMENTS.replace(b"\n0,", b"\n7,"), "matches.csv names 0, which payments.csv does not have"),
    ],
)
def test_payments_that_cannot_be_read_are_named(payments: bytes, message: str) -> None:
    with pytest.raises(MatchingSetError, match=message):
        matching_set.read(INVOICES, payments, MATCHES)


@pytest.mark.parametrize(
    ("matches", "message"),
    [
        (MATCHES.replace(b",[0],", b",[9],"), "names 9, which invoices.csv does not have"),
        (MATCHES.replace(b",[0],", b',"[""a""]",'), "row 2, invoice_ids: .* is not a list of ids"),
        (MATCHES.replace(b",[0],", b",{},"), "is not a list of ids"),
        (MATCHES.replace(b",[0],", b",[0,"), "matches.csv, invoice_ids"),
        (MATCHES + b"one,[],[0],[0]\n", "payment 0 is in two matches"),
    ],
)
def test_matches_that_cannot_be_right_are_named(matches: bytes, message: str) -> None:
    with pytest.raises(MatchingSetError, match=message):
        matching_set.read(INVOICES, PAYMENTS, matches)
