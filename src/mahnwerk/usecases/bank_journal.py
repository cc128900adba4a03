"""The bank in the journal: every entry of a statement is posted; bank accounts are what the bank says."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import polars as pl

from mahnwerk.kernel import bank_ledger, ledger
from mahnwerk.kernel.accounts import TRUST_ROLES, Account, Entry
from mahnwerk.kernel.money_places import MARKED, SINCE, MoneyPlaces, in_their_place
from mahnwerk.records import bank_ledger as bank_records
from mahnwerk.records import journal as records
from mahnwerk.records import load
from mahnwerk.records.models import BankAccount, PayoutReturn
from mahnwerk.usecases import provider_journal
from mahnwerk.usecases.opening import OpenBook

BANKS: Final = (int(Account.BANK), int(Account.TRUST_BANK))
OWN: Final = (
    Entry.BANK_OPENING,
    Entry.BANK_MOVEMENT,
    Entry.BANK_PLACED,
    Entry.BANK_KEPT,
    Entry.BANK_ELSEWHERE,
)
"""Entries of the journal that follow bank statements."""


def trust_accounts(book: OpenBook) -> set[int]:
    """Bank accounts that hold others' money: of a creditor we collect for, or for all where one is such."""
    roles = {i: row["role"] for i, row in load.creditors(book.tenant_id).items()}
    trusted = {i for i, role in roles.items() if role in TRUST_ROLES}
    return {
        account
        for account, owner in bank_records.account_owners(book.tenant_id).items()
        if owner in trusted or (owner is None and trusted)
    }


def places(book: OpenBook) -> MoneyPlaces:
    """From which day each creditor's money is told by bank statements, and what lies with providers."""
    since, at_provider = _since(book), provider_journal.facts_at_providers(book)
    if since.is_empty():
        return MoneyPlaces(since, at_provider)
    last = since.select(pl.col("from_on").max()).item()
    return MoneyPlaces(since, at_provider, bank_records.told_facts(book.tenant_id, last))


def _since(book: OpenBook) -> pl.DataFrame:
    owners = bank_records.account_owners(book.tenant_id)
    if not owners:
        return pl.DataFrame(schema=SINCE)
    first = _first_days(book)
    of_all = min((day for account, day in first.items() if owners[account] is None), default=None)
    since: dict[int, dt.date] = {}
    for account, day in first.items():
        owner = owners[account]
        if owner is not None:
            since[owner] = min(day, since.get(owner, day))
    if of_all is not None:
        own = {owners[account] for account in first}
        since |= {i: of_all for i in load.creditors(book.tenant_id) if i not in own}
    return pl.DataFrame(sorted(since.items()), schema=SINCE, orient="row")


def _first_days(book: OpenBook) -> dict[int, dt.date]:
    """Account → the first day its statements tell of."""
    rows = bank_records.statements(book.tenant_id, ()).select(
        "account_id", on=pl.coalesce("from_on", "to_on")
    )
    told = bank_records.first_days(book.tenant_id)
    both = pl.concat([rows.drop_nulls(), told]).group_by("account_id").agg(pl.col("on").min())
    return dict(both.iter_rows())


def post(book: OpenBook, on: dt.date, *, dry_run: bool) -> pl.DataFrame:
    """Post what bank statements told and what became of it; the new postings.

    Raises
    ------
    JournalConflict : another run posted in between.
    """
    trusted = trust_accounts(book)
    statements = bank_records.statements(book.tenant_id, trusted)
    posted = _posted(book)
    if statements.is_empty() and posted.is_empty():
        return posted.with_columns(currency=pl.lit(""))
    entries = _with_settlements(book, bank_records.entries(book.tenant_id, trusted))
    openings = bank_ledger.openings(statements, entries)
    wanted = bank_ledger.bank_targets(bank_ledger.movements(entries, posted), openings)
    owners = _owners(book, statements, entries)
    new = (
        ledger.corrections(wanted, posted)
        .rename({"case_id": "about_id"})
        .join(owners, on="about_id", how="left", maintain_order="left")
        .with_columns(posted_on=pl.lit(on))
    )
    if not dry_run:
        records.add(book.tenant_id, new, table="money_postings")
    return new


def _with_settlements(book: OpenBook, entries: pl.DataFrame) -> pl.DataFrame:
    """A provider's settlement is money of the creditor whose account it is."""
    settled = bank_records.settled_for(book.tenant_id)
    if not settled:
        return entries
    roles = {i: int(row["role"]) for i, row in load.creditors(book.tenant_id).items()}
    whose = {entry: roles[creditor] for entry, creditor in settled.items()}
    role = pl.col("about_id").replace_strict(whose, default=None, return_dtype=pl.Int16)
    return entries.with_columns(told_role=pl.coalesce(role, "told_role"))


def post_payouts(book: OpenBook, on: dt.date, places: MoneyPlaces, *, dry_run: bool) -> pl.DataFrame:
    """Take payouts off the bank account that were posted there before statements told of it.

    From then on the transfer itself is posted when the bank tells of it.
    """
    columns = [name for name in ledger.POSTINGS if name != "case_id"]
    paid = records.payout_postings(book.tenant_id, ["payout_id", "creditor_id", "currency", *columns])
    paid = paid.filter(pl.col("entry") == int(Entry.PAYOUT_PAID)).rename({"payout_id": "case_id"})
    owners = paid.select("case_id", "creditor_id", "currency").unique()
    new = (
        ledger.corrections(_payouts_wanted(book, paid, owners, places), paid.select(list(ledger.POSTINGS)))
        .join(owners, on="case_id", how="left", maintain_order="left")
        .rename({"case_id": "payout_id"})
        .with_columns(posted_on=pl.lit(on))
    )
    if not dry_run:
        records.add(book.tenant_id, new)
    return new


def _payouts_wanted(
    book: OpenBook, paid: pl.DataFrame, owners: pl.DataFrame, places: MoneyPlaces
) -> pl.DataFrame:
    """What should be posted of transfers: where each left from, and where what came back arrived."""
    back = dict(PayoutReturn.objects.filter(tenant_id=book.tenant_id).values_list("payout_id", "word"))
    shown = bank_records.told_about(book.tenant_id, ("payout",))
    told = pl.DataFrame([(payout, 0) for payout in sorted(shown)], schema=MARKED, orient="row")
    left = paid.filter(pl.col("sequence") == 1).with_columns(
        pl.col("credit").replace({int(Account.TRUST_IN_TRANSIT): int(Account.TRUST_BANK)})
    )
    left = in_their_place(
        left.select(list(ledger.TARGETS)), owners, MoneyPlaces(since=places.since, told=told)
    )
    gone = left.filter(~pl.col("case_id").is_in(list(back)))
    # What left with the opening balance and came back by an entry passes from the one to the other.
    came_back = [i for i, word in back.items() if word == PayoutReturn.Word.RETURNED]
    passed = left.filter(
        pl.col("case_id").is_in(came_back) & (pl.col("credit") == int(Account.TRUST_OPENING_BALANCE))
    ).with_columns(debit=pl.lit(int(Account.TRUST_IN_TRANSIT), pl.Int16))
    return pl.concat([gone, passed])


def _posted(book: OpenBook) -> pl.DataFrame:
    """Postings of bank statements so far as ledger.POSTINGS; `case_id` is the entry or statement."""
    columns = [name for name in ledger.POSTINGS if name != "case_id"]
    rows = records.money_postings(book.tenant_id, ["about_id", *columns])
    own = rows.filter(pl.col("entry").is_in([int(entry) for entry in OWN]))
    return own.rename({"about_id": "case_id"}).select(list(ledger.POSTINGS))


def _owners(book: OpenBook, statements: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    """about_id → creditor_id and currency, of entries and of statements."""
    of_account = bank_records.account_owners(book.tenant_id)
    own = statements.select(
        about_id="statement_id",
        creditor_id=pl.col("account_id").replace_strict(of_account, default=None, return_dtype=pl.Int64),
        currency="currency",
    )
    return pl.concat([entries.select("about_id", "creditor_id", "currency"), own])


def banks(book: OpenBook, on: dt.date | None = None) -> list[dict[str, Any]]:
    """Per bank account and currency: the last closing balance told by then, and what the journal has.

    The journal is looked at as of the day of that balance, by booking day.
    """
    trusted = trust_accounts(book)
    statements = bank_records.statements(book.tenant_id, trusted)
    closings = bank_ledger.closings(statements)
    if on is not None:
        closings = closings.filter(pl.col("to_on") <= on)
    if closings.is_empty():
        return []
    last = closings.sort("to_on").group_by("account_id", "currency", maintain_order=True).last()
    moved = _bank_postings(book, statements).join(last, on=["account_id", "currency"])
    sums = (
        moved.filter(pl.col("told_on") <= pl.col("to_on"))
        .group_by("account_id", "currency")
        .agg(journal_cents=pl.col("cents").sum())
    )
    numbers = dict(BankAccount.objects.filter(tenant_id=book.tenant_id).values_list("id", "number"))
    table = last.join(sums, on=["account_id", "currency"], how="left").with_columns(
        pl.col("journal_cents").fill_null(0)
    )
    return [
        {
            "account": numbers[row["account_id"]],
            "is_trust": row["account_id"] in trusted,
            "currency": row["currency"],
            "statement_on": row["to_on"],
            "statement_cents": row["closing_cents"],
            "journal_cents": row["journal_cents"],
        }
        for row in table.sort("account_id", "currency").iter_rows(named=True)
    ]


def _bank_postings(book: OpenBook, statements: pl.DataFrame) -> pl.DataFrame:
    """account_id, currency, told_on, cents of each posting on a bank account that follows a statement."""
    rows = records.money_postings(book.tenant_id, ["about_id", "currency", "debit", "credit", "amount_cents"])
    sign = pl.when(pl.col("debit").is_in(BANKS)).then(1).otherwise(-1)
    rows = rows.filter(pl.col("debit").is_in(BANKS) | pl.col("credit").is_in(BANKS)).select(
        "about_id", "currency", cents=sign * pl.col("amount_cents")
    )
    ends = statements.select("statement_id", "to_on")
    entries = bank_records.entries(book.tenant_id, ()).join(ends, on="statement_id", how="left")
    told = pl.concat(
        [
            entries.select("about_id", "account_id", told_on=pl.min_horizontal("booked_on", "to_on")),
            statements.select(
                about_id="statement_id", account_id="account_id", told_on=pl.coalesce("from_on", "to_on")
            ),
        ]
    )
    return rows.join(told, on="about_id")
