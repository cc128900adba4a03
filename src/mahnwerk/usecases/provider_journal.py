"""Money at payment providers, for the journal: which facts are about it."""

from __future__ import annotations

import polars as pl

from mahnwerk.kernel.money_places import MARKED
from mahnwerk.records import facts as fact_records
from mahnwerk.records.models import ProviderPayment
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.provider_movements import source_key


def facts_at_providers(book: OpenBook) -> pl.DataFrame:
    """case_id, fact_no of payments and refunds whose money a provider moved."""
    rows = ProviderPayment.objects.filter(tenant_id=book.tenant_id)
    found = set(rows.values_list("case_id", "fact_no"))
    names = [
        source_key(row.account_id, "refunded", f"{row.payment_id}|{movement}")
        for row in rows.exclude(refunds={}).iterator()
        for movement in row.refunds
    ]
    found |= set(fact_records.numbers_of(book.tenant_id, names).values())
    return pl.DataFrame(sorted(found), schema=MARKED, orient="row")
