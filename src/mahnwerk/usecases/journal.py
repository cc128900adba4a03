"""The books: post what the facts say, close periods, show balances."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.kernel import ledger
from mahnwerk.kernel.accounts import CLEARING, MEMORANDUM, Account
from mahnwerk.kernel.daily_run import settled
from mahnwerk.law import load_laws
from mahnwerk.records import journal as records
from mahnwerk.records import load
from mahnwerk.records.models import Case
from mahnwerk.usecases import clock, day, procedures
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.errors import BadInput, DayRefused, NotFound, UnsafeStart
from mahnwerk.usecases.opening import OpenBook

TRUST_LIABILITIES: Final = (
    Account.CREDITOR_LIABILITY,
    Account.DEBTOR_CREDIT,
    Account.TRUST_CLEARING,
    Account.TRUST_REFUNDS,
    Account.OPERATOR_FEES,
    Account.FEE_VAT,
)


@dataclass(frozen=True)
class JournalReport:
    """What a run of the journal posted."""

    on: dt.date
    is_dry_run: bool
    case_count: int
    posting_count: int
    correction_count: int
    debit_cents: dict[str, int]
    """Sum of the new postings per currency; the credit sum is the same by construction."""


def post(
    book: OpenBook,
    on: dt.date,
    *,
    dry_run: bool = False,
    confirm_day: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> JournalReport:
    """Post what the facts known by now say and the journal does not.

    One transaction per part of the book; cut off anywhere and started again, it goes on. A second run
    posts nothing.

    Raises
    ------
    DayRefused
        The day lies in a closed period, before the last posting, or (without confirmation) far ahead.
    UnsafeStart
        Another run posted at the same time.
    """
    guard(book, on, confirm_day=confirm_day)
    shards = load.shards(book.tenant_id)
    cases, frames = 0, []
    for number, shard in enumerate(shards):
        count, new = _post_shard(book, shard, on, dry_run=dry_run)
        cases += count
        frames.append(new.select("currency", "amount_cents", is_correction=pl.col("sequence") > 1))
        progress(number + 1, len(shards))
    report = _report(on, dry_run, cases, frames)
    if not dry_run and report.posting_count:
        note(book, "journal_post", on=on, detail={"postings": report.posting_count})
    return report


def guard(book: OpenBook, on: dt.date, *, confirm_day: bool = False) -> None:
    """Refuse a day nothing may be posted on."""
    closed = records.closed_until(book.tenant_id)
    if closed is not None and on <= closed:
        raise DayRefused(
            f"book {book.place.name}: {on} lies in the period closed until {closed}.",
            "Post on a later day; corrections are dated the day they are made.",
        )
    last = records.last_posted_on(book.tenant_id)
    if last is not None and on < last:
        raise DayRefused(
            f"book {book.place.name}: {on} lies before the last posting, {last}.",
            f"Use --on {last} or a later day; what was posted then stays as it is.",
        )
    known = max((d for d in (last, day.last_run_on(book)) if d is not None), default=clock.today())
    if on > known + day.FAR_AHEAD and not confirm_day:
        raise DayRefused(
            f"book {book.place.name}: {on} lies more than {day.FAR_AHEAD.days} days after {known}.",
            "Postings cannot be taken back: if the day is right, add --confirm-day.",
        )


def _post_shard(
    book: OpenBook, shard: tuple[int, int], on: dt.date, *, dry_run: bool
) -> tuple[int, pl.DataFrame]:
    """Number of cases looked at, and the new postings of a part of the book."""
    cases = load.book(book.tenant_id, case_range=shard, on=on)
    sound, replay = settled(cases, load_laws(), on, procedures=procedures.of_book(book.place))
    wanted = ledger.targets(sound, replay, on)
    posted = records.postings(book.tenant_id, case_range=shard, columns=list(ledger.POSTINGS))
    if sound.cases.height < cases.cases.height:
        # A case with broken data keeps what was posted until somebody has mended it.
        posted = posted.join(sound.cases.select("case_id"), on="case_id", how="semi")
    owners = sound.cases.select("case_id", "creditor_id", "currency")
    new = (
        ledger.corrections(wanted, posted)
        .join(owners, on="case_id", maintain_order="left")
        .with_columns(posted_on=pl.lit(on))
    )
    if not dry_run:
        try:
            records.add(book.tenant_id, new)
        except records.JournalConflict as error:
            raise UnsafeStart(
                f"book {book.place.name}: another journal run posted at the same time; this one stopped.",
                "Run `mahnwerk journal post` again; it posts only what is left.",
            ) from error
    return cases.cases.height, new


def _report(on: dt.date, dry_run: bool, cases: int, frames: list[pl.DataFrame]) -> JournalReport:
    if not frames:
        return JournalReport(on, dry_run, cases, 0, 0, {})
    whole = pl.concat(frames)
    sums = whole.group_by("currency").agg(pl.col("amount_cents").sum()).sort("currency")
    return JournalReport(
        on, dry_run, cases, whole.height, int(whole["is_correction"].sum()), dict(sums.iter_rows())
    )


def close(book: OpenBook, until: dt.date) -> dict[str, Any]:
    """Close all days up to one: nothing will be posted on them any more.

    Raises
    ------
    BadInput
        The day is not over yet, or the period is closed already.
    """
    if until >= clock.today():
        raise BadInput(f"{until} is not over yet.", "A period can be closed from the day after its last.")
    with transaction.atomic():
        records.one_at_a_time(book.tenant_id)
        closed = records.closed_until(book.tenant_id)
        if closed is not None and until <= closed:
            raise BadInput(f"the journal is closed until {closed} already.", "Name a later day.")
        first = closed + dt.timedelta(days=1) if closed else None
        row = records.close(book.tenant_id, until, first_on=first, at=clock.now())
        told = {"postings": row.posting_count, "hash": row.content_hash}
        note(book, "journal_close", on=until, detail=told)
    return {"until": until, "postings": row.posting_count, "content_hash": row.content_hash}


def check_word(by: str) -> None:
    """Refuse what balances are not told by.

    Raises
    ------
    BadInput
        Not account, creditor or debtor.
    """
    if by not in ("account", "creditor", "debtor"):
        raise BadInput(f"{by!r}: balances are told by account, creditor or debtor.")


def balance(book: OpenBook, on: dt.date | None = None) -> dict[str, Any]:
    """Balance of every account on a day, per creditor and in all, with the checks that must hold."""
    table = records.totals(book.tenant_id, on)
    names = {i: row["key"] for i, row in load.creditors(book.tenant_id).items()}
    table = table.with_columns(
        creditor=pl.col("creditor_id").replace_strict(names, default="", return_dtype=pl.String),
        balance_cents=pl.col("debit_cents") - pl.col("credit_cents"),
    ).drop("creditor_id")
    sums = ["debit_cents", "credit_cents", "balance_cents"]
    accounts = table.group_by("currency", "account").agg(pl.col(name).sum() for name in sums)
    return {
        "on": on,
        "accounts": _named(accounts.sort("currency", "account")),
        "creditors": _named(table.sort("currency", "creditor", "account")),
        "checks": checks(accounts),
    }


def _named(table: pl.DataFrame) -> list[dict[str, Any]]:
    return [{**row, "account": Account(row["account"]).name.lower()} for row in table.iter_rows(named=True)]


def checks(accounts: pl.DataFrame) -> list[dict[str, Any]]:
    """Per currency: debits = credits, clearing accounts at zero, trust bank = what it is owed to."""
    found = []
    for (currency,), part in accounts.partition_by("currency", as_dict=True).items():
        cents = dict(part.select("account", "balance_cents").iter_rows())
        trust = cents.get(Account.TRUST_BANK, 0) + sum(cents.get(a, 0) for a in TRUST_LIABILITIES)
        for name, value in (
            ("debits_less_credits", sum(cents.values())),
            ("clearing", sum(abs(cents.get(account, 0)) for account in CLEARING)),
            ("managed_claims", sum(cents.get(account, 0) for account in MEMORANDUM)),
            ("trust_bank_less_liabilities", trust),
        ):
            found.append({"currency": currency, "check": name, "cents": value, "ok": value == 0})
    return sorted(found, key=lambda row: (str(row["currency"]), row["check"]))


def debtors(book: OpenBook, on: dt.date | None = None, *, creditor: str = "") -> Iterator[dict[str, Any]]:
    """Per case: open principal and credit as the journal has them; cases without either are left out."""
    wanted = (Account.RECEIVABLE, Account.MANAGED_CLAIMS, Account.CUSTOMER_CREDIT, Account.DEBTOR_CREDIT)
    creditor_id = creditor_of(book, creditor) if creditor else None
    rows = records.postings(
        book.tenant_id,
        creditor_id=creditor_id,
        last_on=on,
        accounts=wanted,
        columns=["case_id", "currency", "debit", "credit", "amount_cents"],
    ).filter(pl.col("case_id").is_not_null())
    table = ledger.account_totals(rows, ("case_id", "currency")).filter(pl.col("account").is_in(wanted))
    claims = pl.col("account").is_in(wanted[:2])
    per_case = (
        table.group_by("case_id", "currency")
        .agg(
            principal_cents=pl.col("balance_cents").filter(claims).sum(),
            credit_cents=-pl.col("balance_cents").filter(~claims).sum(),
        )
        .filter((pl.col("principal_cents") != 0) | (pl.col("credit_cents") != 0))
    )
    named = dict(Case.objects.filter(tenant_id=book.tenant_id).values_list("id", "case_reference"))
    for row in per_case.sort("case_id").iter_rows(named=True):
        yield {"case_reference": named[row.pop("case_id")], **row}


def creditor_of(book: OpenBook, key: str) -> int:
    """The id of the creditor of a key.

    Raises
    ------
    NotFound
        There is none.
    """
    keys = {row["key"]: creditor_id for creditor_id, row in load.creditors(book.tenant_id).items()}
    if key not in keys:
        raise NotFound(f"there is no creditor {key!r}.", f"Known: {', '.join(sorted(keys))}.")
    return int(keys[key])
