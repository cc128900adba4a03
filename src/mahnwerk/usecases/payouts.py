"""Payouts: creditors get their money once, with a statement and a transfer file."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from django.db import IntegrityError, transaction

from mahnwerk.formats.pain import AMOUNT_CENTS_MAX
from mahnwerk.formats.payout_terms import parse_terms
from mahnwerk.formats.rejects import FormatError
from mahnwerk.gateways.files import FileGateway
from mahnwerk.kernel import payouts as kernel
from mahnwerk.kernel.accounts import Account
from mahnwerk.kernel.ledger import account_totals
from mahnwerk.law import load_laws
from mahnwerk.records import ids, load
from mahnwerk.records import journal as records
from mahnwerk.records.models import BankEntry, Payout, PayoutReturn, PayoutTerms, Tenant
from mahnwerk.usecases import bank_journal, clock, journal, payout_files
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.errors import BadInput, NotFound, UnsafeStart
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

LIABILITY: Final = int(Account.CREDITOR_LIABILITY)
FIGURES: Final = (
    "principal_ppm",
    "interest_ppm",
    "costs_ppm",
    "per_payment_cents",
    "per_payout_cents",
    "has_vat",
    "reserve_ppm",
    "reserve_days",
    "minimum_cents",
)
ACCOUNTS: Final = ("pay_to_name", "pay_to_iban", "pay_from_name", "pay_from_iban")


@dataclass(frozen=True)
class PayoutRow:
    """One creditor and currency: what is there, what is kept, what is paid, or why nothing is."""

    creditor: str
    currency: str
    outcome: str  # paid, would_pay, waits, no_terms
    reference: str
    settlement: kernel.Settlement | None
    liability_cents: int

    def as_dict(self) -> dict[str, Any]:
        """Flat, for JSON."""
        figures = asdict(self.settlement) if self.settlement else {}
        return {
            "creditor": self.creditor,
            "currency": self.currency,
            "outcome": self.outcome,
            "reference": self.reference,
            "liability_cents": self.liability_cents,
            **figures,
        }


@dataclass(frozen=True)
class PayoutReport:
    """What a run of payouts did."""

    on: dt.date
    is_dry_run: bool
    rows: list[PayoutRow]
    files: list[str]
    warnings: list[str]


def add_terms(book: OpenBook, path: Path) -> dict[str, Any]:
    """Add a creditor's terms from a file; the same terms again add nothing.

    Raises
    ------
    BadInput
        Everything that is wrong with the file. NotFound: no such file or creditor.
    """
    try:
        told = parse_terms(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise NotFound(f"{path}: cannot be read: {error.strerror}.", "Check the name.") from error
    except (FormatError, UnicodeDecodeError) as error:
        raise BadInput(str(error)) from error
    creditor_id = journal.creditor_of(book, told.creditor)
    wanted = {name: getattr(told, name) for name in (*FIGURES, *ACCOUNTS)}
    _terms(wanted)
    known = _terms_row(book, creditor_id, told.valid_from)
    same_day = known is not None and known.valid_from == told.valid_from
    if same_day and all(getattr(known, name) == value for name, value in wanted.items()):
        return {"creditor": told.creditor, "valid_from": told.valid_from, "outcome": "same"}
    PayoutTerms.objects.create(
        tenant_id=book.tenant_id,
        creditor_id=creditor_id,
        valid_from=told.valid_from,
        recorded_at=clock.now(),
        **wanted,
    )
    note(book, "payout_terms", on=told.valid_from, detail={"creditor_id": creditor_id})
    return {"creditor": told.creditor, "valid_from": told.valid_from, "outcome": "new"}


def _terms(values: dict[str, Any]) -> kernel.Terms:
    try:
        return kernel.Terms(**{name: values[name] for name in FIGURES})
    except kernel.TermsError as error:
        raise BadInput(str(error)) from error


def _terms_row(book: OpenBook, creditor_id: int, on: dt.date) -> PayoutTerms | None:
    """The terms that count on a day: the latest to begin, of these the last recorded."""
    rows = PayoutTerms.objects.filter(tenant_id=book.tenant_id, creditor_id=creditor_id, valid_from__lte=on)
    return rows.order_by("valid_from", "recorded_at").last()


def pay_out(
    book: OpenBook, on: dt.date, *, creditor: str = "", dry_run: bool = False, confirm_day: bool = False
) -> PayoutReport:
    """Pay creditors what was collected for them.

    The journal is brought up to date first. Each payout is one record with its postings and the postings it
    covers, in one commit; a posting is covered by one payout only, so a second run on the same day pays only
    what came in between. Files that are missing are written again from the records, with the same bytes.

    Parameters
    ----------
    creditor : only the creditor of this key; "" = all
    dry_run : say what would be paid by what is posted already; record nothing

    Raises
    ------
    DayRefused, NotFound
        See `journal.guard`. UnsafeStart: another run paid at the same time.
    """
    journal.guard(book, on, confirm_day=confirm_day)
    only = journal.creditor_of(book, creditor) if creditor else None
    if not dry_run:
        journal.post(book, on, confirm_day=confirm_day)
    rows, warnings = [], []
    told_by_bank = set(bank_journal.places(book).since["creditor_id"])
    for creditor_id, key, currency, items, number in _accounts(book, only):
        paid_from = Account.TRUST_IN_TRANSIT if creditor_id in told_by_bank else Account.TRUST_BANK
        row = _one(book, creditor_id, key, currency, items, number, on, paid_from, dry_run=dry_run)
        rows.append(row)
        if row.outcome == "no_terms":
            warnings.append(
                f"{key}: no terms of payout on {on}; `mahnwerk payout terms FILE` adds them, nothing is paid."
            )
    reached("payouts saved")
    files: list[str] = []
    if not dry_run:
        FileGateway(payout_files.folder_of(book)).sweep()
        files, more = payout_files.write_missing(book, only)
        warnings += more
    return PayoutReport(on, dry_run, rows, files, warnings)


def _accounts(book: OpenBook, only: int | None) -> Iterator[tuple[int, str, str, pl.DataFrame, int]]:
    """Creditors with trust money: id, key, currency, all postings on their liability, next payout's number.

    The number is taken before the postings are read: a payout that another run makes in between takes it, so
    the key of payouts refuses ours, also where it covers no posting (money that came free or came back).
    """
    keys = {i: row["key"] for i, row in load.creditors(book.tenant_id).items()}
    made = Counter(
        Payout.objects.filter(tenant_id=book.tenant_id).values_list("creditor_id", "currency").order_by("id")
    )
    rows = records.postings(book.tenant_id, creditor_id=only, accounts=[LIABILITY])
    covered = records.covered(book.tenant_id, only)
    rows = rows.with_columns(
        is_covered=pl.col("payout_id").is_not_null() | pl.col("id").is_in(covered.implode())
    )
    parts = rows.drop_nulls("creditor_id").partition_by("creditor_id", "currency", as_dict=True)
    for creditor_id, currency in sorted(parts, key=lambda one: (keys[one[0]], one[1])):
        number = made[creditor_id, currency] + 1
        yield creditor_id, keys[creditor_id], str(currency), parts[creditor_id, currency], number


def _one(
    book: OpenBook,
    creditor_id: int,
    key: str,
    currency: str,
    items: pl.DataFrame,
    number: int,
    on: dt.date,
    paid_from: Account,
    *,
    dry_run: bool,
) -> PayoutRow:
    totals = account_totals(items).filter(pl.col("account") == LIABILITY)
    liability = -int(totals["balance_cents"][0])
    terms = _terms_row(book, creditor_id, on)
    if terms is None:
        return PayoutRow(key, currency, "no_terms", "", None, liability)
    figures = {name: getattr(terms, name) for name in FIGURES}
    vat_ppm = load_laws()["de"].ppm("costs.vat_rate", on) if terms.has_vat else 0
    told = kernel.settle(items.select(list(kernel.ITEMS)), _terms(figures), vat_ppm, on)
    if not told.amount_cents:
        return PayoutRow(key, currency, "waits", "", told, liability)
    if told.amount_cents > AMOUNT_CENTS_MAX:
        raise BadInput(f"{key}: {told.amount_cents} cents are more than one transfer may carry.")
    if dry_run:
        return PayoutRow(key, currency, "would_pay", "", told, liability)
    payout = _record(book, terms, currency, number, told, vat_ppm, on)
    postings = kernel.payout_postings(told, on, paid_from).with_columns(
        creditor_id=pl.lit(creditor_id), currency=pl.lit(currency), posted_on=pl.lit(on)
    )
    try:
        with transaction.atomic():
            records.save_payout(book.tenant_id, payout, postings, items.filter(~pl.col("is_covered"))["id"])
            note(book, "payout", on=on, detail={"payout_id": payout.id, "amount_cents": payout.amount_cents})
    except (IntegrityError, records.JournalConflict) as error:
        raise UnsafeStart(
            f"{key}: another run paid this creditor at the same time; this one paid nothing.",
            "Run `mahnwerk payout` again; it pays only what is left.",
        ) from error
    return PayoutRow(key, currency, "paid", payout.reference, told, liability)


def _record(
    book: OpenBook,
    terms: PayoutTerms,
    currency: str,
    number: int,
    told: kernel.Settlement,
    vat_ppm: int,
    on: dt.date,
) -> Payout:
    mine = Payout.objects.filter(tenant_id=book.tenant_id)
    tenant = Tenant.objects.get(id=book.tenant_id).number
    figures = asdict(told)
    figures.pop("available_cents")
    return Payout(
        id=ids.new_id(),
        tenant_id=book.tenant_id,
        creditor_id=terms.creditor_id,
        terms_id=terms.id,
        currency=currency,
        payout_no=number,
        reference=f"PO-{tenant}-{mine.count() + 1:06d}",
        on=on,
        vat_ppm=vat_ppm,
        recorded_at=clock.now(),
        **figures,
    )


def listing(book: OpenBook, creditor: str = "") -> list[dict[str, Any]]:
    """All payouts so far, the latest last, with where their transfer stands: ordered, executed (on the bank
    statement), refused or returned."""
    rows = Payout.objects.filter(tenant_id=book.tenant_id)
    if creditor:
        rows = rows.filter(creditor_id=journal.creditor_of(book, creditor))
    keys = {i: row["key"] for i, row in load.creditors(book.tenant_id).items()}
    back = {one.payout_id: one for one in PayoutReturn.objects.filter(tenant_id=book.tenant_id)}
    on_statement = set(
        BankEntry.objects.filter(tenant_id=book.tenant_id, reason="payout").values_list("about_id", flat=True)
    )

    def state(payout_id: int) -> str:
        if payout_id in back:
            return str(back[payout_id].word)
        return "executed" if payout_id in on_statement else "ordered"

    return [
        {
            "reference": row.reference,
            "creditor": keys[row.creditor_id],
            "on": row.on,
            "currency": row.currency,
            "collected_cents": row.principal_cents + row.interest_cents + row.costs_cents,
            "fee_cents": row.fee_cents + row.vat_cents,
            "reserve_cents": row.reserve_cents,
            "amount_cents": row.amount_cents,
            "state": state(row.id),
            "because": back[row.id].reason if row.id in back else "",
        }
        for row in rows.order_by("reference")
    ]
