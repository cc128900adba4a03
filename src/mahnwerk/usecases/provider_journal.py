"""Payment providers in the journal: their fees and settlements, and which facts are about their money."""

from __future__ import annotations

import datetime as dt
from typing import Final

import polars as pl

from mahnwerk.gateways.payments import BalanceKind
from mahnwerk.kernel import ledger
from mahnwerk.kernel.accounts import TRUST_ROLES, Entry
from mahnwerk.kernel.money_places import MARKED, MoneyPlaces, in_their_place
from mahnwerk.kernel.provider_ledger import PROVIDER_BALANCES, provider_targets
from mahnwerk.records import bank_ledger as bank_records
from mahnwerk.records import facts as fact_records
from mahnwerk.records import journal as records
from mahnwerk.records import load
from mahnwerk.records import providers as provider_records
from mahnwerk.records.models import ProviderPayment
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.provider_movements import source_key

OWN: Final = (Entry.PROVIDER_FEE, Entry.PROVIDER_OTHER)
"""Entries of the journal that follow providers' lists of balances."""


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


def post(book: OpenBook, on: dt.date, places: MoneyPlaces, *, dry_run: bool) -> pl.DataFrame:
    """Post fees, settlements no bank statement tells of, and payments that are none of a case.

    Raises
    ------
    JournalConflict : another run posted in between.
    """
    columns = [name for name in ledger.POSTINGS if name != "case_id"]
    rows = records.money_postings(book.tenant_id, ["about_id", *columns])
    posted = rows.filter(pl.col("entry").is_in([int(entry) for entry in OWN])).rename({"about_id": "case_id"})
    told = provider_records.balances(book.tenant_id)
    owners = told.select("creditor_id", "currency", case_id="about_id")
    wanted = provider_targets(_balances(book, told, places))
    # A settlement from before the first bank statement is in its opening balance, unless an entry shows it.
    wanted = in_their_place(wanted, owners, MoneyPlaces(since=places.since))
    new = (
        ledger.corrections(wanted, posted.select(list(ledger.POSTINGS)))
        .join(owners, on="case_id", how="left", maintain_order="left")
        .rename({"case_id": "about_id"})
        .with_columns(posted_on=pl.lit(on))
    )
    if not dry_run:
        records.add(book.tenant_id, new, table="money_postings")
    return new


def _balances(book: OpenBook, told: pl.DataFrame, places: MoneyPlaces) -> pl.DataFrame:
    roles = {i: row["role"] for i, row in load.creditors(book.tenant_id).items()}
    trusted = [i for i, role in roles.items() if role in TRUST_ROLES]
    of_payments = [kind.value for kind in (BalanceKind.PAYMENT, BalanceKind.REFUND, BalanceKind.RETURNED)]
    is_payout = pl.col("kind") == BalanceKind.PAYOUT.value
    shown = bank_records.told_about(book.tenant_id, ("settlement",))
    is_shown = pl.col("about_id").is_in(list(shown))
    by_bank = is_payout & (is_shown | (pl.col("moved_on") >= pl.col("from_on")).fill_null(False))
    return (
        told.join(places.since, on="creditor_id", how="left")
        .with_columns(
            is_payout=is_payout,
            is_told=by_bank | (pl.col("is_ours") & pl.col("kind").is_in(of_payments)),
            is_trust=pl.col("creditor_id").is_in(trusted),
        )
        .select(pl.col(name).cast(kind) for name, kind in PROVIDER_BALANCES.items())
    )
