"""The benchmarks' synthetic book holds what it says, and the same each time."""

from __future__ import annotations

from datetime import date
from typing import Any

from benchmarks.book_maker import make_book

from mahnwerk.frames import FactKind
from mahnwerk.records import load
from mahnwerk.records.book import ensure_tenant

ON = date(2026, 3, 2)


def test_a_made_book_loads_and_repeats(real_book: Any) -> None:
    from django.db import connection

    frames = []
    for name in ("one", "two"):
        real_book(name)
        tenant_id = ensure_tenant("bench")
        made = make_book(tenant_id, 500, on=ON, with_persons=True)
        connection.check_constraints()
        book = load.book(tenant_id).checked()
        frames.append(book.claims.drop("claim_id", "case_id"))
        assert (made.cases, made.claims) == (200, 500) == (book.cases.height, book.claims.height)
        parts = book.facts.filter(kind=int(FactKind.PAYMENT_RECEIVED)).height
        assert 60 < parts < 140
        assert book.notices["case_id"].n_unique() == made.messages > 50
        assert (book.cases["last_fact_no"] >= 1).all()
        assert len(load.persons(tenant_id, book.cases["case_id"])) == 200
    assert frames[0].equals(frames[1])
