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
