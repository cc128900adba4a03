"""Every bank entry finds its claim or its question: the certain is booked, the rest is proposed or waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.kernel import matching
from mahnwerk.records import bank, bank_read
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankEntry, EntryState, MatchProposal
from mahnwerk.usecases import bank_outgoing, bank_returns, clock, provider_balances, refund_files
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.bank_booking import Booking, book_payment, hold
from mahnwerk.usecases.bank_claims import Candidates, candidates, with_names
from mahnwerk.usecases.debit_credits import Credits
from mahnwerk.usecases.opening import OpenBook

SETTINGS: Final = matching.MatchSettings(books_part_payments=True)
BACK: Final = ("return", "reversal")


@dataclass
class MatchSummary:
    """What became of the entries looked at."""

    looked_at: int = 0
    booked: int = 0
    returned: int = 0
    proposed: int = 0
    suspense: int = 0
    outgoing: int = 0
    ignored: int = 0


def match_open(book: OpenBook, *, on: dt.date | None = None) -> MatchSummary:
    """Look at every entry that is new, proposed or in suspense; running it again changes nothing.

    Each entry is settled in a transaction of its own, so a run that is cut off goes on where it was.

    Parameters
    ----------
    on : the day of the balances; None = the newest value date of the entries, at most today
    """
    summary = MatchSummary()
    rows = bank_read.entries(book.tenant_id, states=[state.value for state in bank.OPEN])
    summary.looked_at = len(rows)
    settlements = provider_balances.open_settlements(book)
    if settlements:
        others = [entry for entry in rows if not provider_balances.settles(book, entry, settlements)]
        summary.ignored += len(rows) - len(others)
        rows = others
    credits = Credits.of(book)
    taken = [entry for entry in rows if credits.take(book, entry)]
    known = {entry.row.id for entry in taken}
    rows = [entry for entry in rows if entry.row.id not in known]
    money = [entry for entry in rows if not _is_sorted_out(book, entry, summary)]
    if money:
        newest = max(entry.row.value_on for entry in money)
        day = on or min(newest, max(clock.today(), newest - dt.timedelta(days=7)))
        for creditor_id in dict.fromkeys(entry.creditor_id for entry in money):
            _match(book, day, creditor_id, [e for e in money if e.creditor_id == creditor_id], summary)
    # Returns last: the payment that came back may stand in the same file.
    for entry in rows:
        if entry.row.amount_cents < 0 and entry.row.kind in BACK:
            bank_returns.take_back(book, entry)
    bank_outgoing.explain(book)
    left = {r.entry_no: r.state for r in BankEntry.objects.filter(
        tenant_id=book.tenant_id, id__in=[entry.row.id for entry in (*rows, *taken)])}  # fmt: skip
    summary.ignored += sum(left[entry.row.entry_no] == EntryState.IGNORED for entry in taken)
    summary.proposed = sum(state == EntryState.PROPOSED for state in left.values())
    summary.suspense = sum(state == EntryState.SUSPENSE for state in left.values())
    backs = [e for e in rows if e.row.amount_cents < 0 and e.row.kind in BACK]
    summary.returned = sum(left[e.row.entry_no] == EntryState.BOOKED for e in backs)
    summary.booked = sum(state == EntryState.BOOKED for state in left.values()) - summary.returned
    if summary.booked or summary.returned:
        note(book, "bank_match", detail={"booked": summary.booked, "returned": summary.returned})
    return summary


def _is_sorted_out(book: OpenBook, entry: EntryRow, summary: MatchSummary) -> bool:
    """Entries that no claim is looked for: money we paid, charges and interest of the bank, nought."""
    row = entry.row
    if row.amount_cents < 0 and row.kind in BACK:
        return True
    if row.amount_cents < 0:
        bank.settle(book.tenant_id, row.id, EntryState.OUTGOING)
        summary.outgoing += 1
        return True
    if row.amount_cents == 0 or row.kind in ("interest", "charge"):
        reason = "no_amount" if row.amount_cents == 0 else "bank_interest"
        bank.settle(book.tenant_id, row.id, EntryState.IGNORED, reason=reason)
        summary.ignored += 1
        return True
    if row.kind in BACK:
        if refund_files.came_back(book, entry) or bank_outgoing.came_back(book, entry):
            summary.ignored += 1
        else:
            _wait(book, entry, "own_payment_came_back", None)
        return True
    return False


def payments_of(rows: Iterable[EntryRow]) -> pl.DataFrame:
    """Entries as matching.PAYMENTS; the account is its keyed token."""
    return pl.DataFrame(
        [
            {
                "payment_id": entry.row.id,
                "amount_cents": entry.row.amount_cents,
                "currency": entry.row.currency,
                "text": " ".join(
                    entry.texts[name]
                    for name in ("remittance", "structured_reference", "end_to_end_id", "mandate_id")
                    if entry.texts[name]
                ),
                "name": entry.texts["name"],
                "iban": entry.payer_token,
                "value_on": entry.row.value_on,
            }
            for entry in rows
        ],
        schema=dict(matching.PAYMENTS),
        orient="row",
    )


def _match(
    book: OpenBook, on: dt.date, creditor_id: int | None, rows: Sequence[EntryRow], summary: MatchSummary
) -> None:
    payments = payments_of(rows)
    known = bank_read.known_payers(book.tenant_id, payments["iban"].to_list())
    found = candidates(book, on, creditor_id)
    case_of = _case_of(found)
    by_id = {entry.row.id: entry for entry in rows}
    matches = matching.propose(
        payments, with_names(book, found.open, payments, known), known, settings=SETTINGS
    )
    unsure = []
    for match in matches.iter_rows(named=True):
        if match["verdict"] != "booked" or not _book(book, match, by_id, case_of):
            unsure.append(match)
    settled = _settled_matches(book, found, payments, known, unsure)
    for match in unsure:
        single = settled.get(match["payment_ids"][0]) if len(match["payment_ids"]) == 1 else None
        if single is None or not _book(book, single, by_id, case_of):
            _ask(book, match, by_id, case_of, known)


def _settled_matches(
    book: OpenBook,
    found: Candidates,
    payments: pl.DataFrame,
    known: pl.DataFrame,
    unsure: Sequence[Mapping[str, Any]],
) -> dict[int, dict[str, Any]]:
    """Payments of claims already settled, named beyond doubt: paid twice, so they become a credit."""
    left = [i for match in unsure for i in match["payment_ids"]]
    again = payments.filter(pl.col("payment_id").is_in(left))
    if again.is_empty() or found.settled.is_empty():
        return {}
    claims = with_names(book, found.settled, again, known)
    matches = matching.propose(again, claims, known)
    return {
        match["payment_ids"][0]: match
        for match in matches.iter_rows(named=True)
        if match["verdict"] == "booked" and len(match["payment_ids"]) == 1
    }


def _case_of(found: Candidates) -> dict[int, int]:
    both = pl.concat([found.open, found.settled]).select("claim_id", "debtor_id")
    return dict(both.iter_rows())


def _book(
    book: OpenBook, match: Mapping[str, Any], by_id: Mapping[int, EntryRow], case_of: Mapping[int, int]
) -> bool:
    cases = {case_of[claim_id] for claim_id in match["claim_ids"]}
    entries = [by_id[payment_id] for payment_id in match["payment_ids"]]
    if len(cases) != 1 or any(_is_rejected(entry, match["claim_ids"]) for entry in entries):
        return False
    return book_payment(
        book,
        Booking(
            entries=entries,
            case_id=cases.pop(),
            claim_ids=match["claim_ids"],
            designated="case_named" not in match["reasons"],
            takes_discount="discount_taken" in match["reasons"],
        ),
    )


def _is_rejected(entry: EntryRow, claim_ids: Sequence[int]) -> bool:
    return sorted(claim_ids) in [sorted(ids) for ids in entry.row.rejected_claim_ids]


def _ask(
    book: OpenBook,
    match: Mapping[str, Any],
    by_id: Mapping[int, EntryRow],
    case_of: Mapping[int, int],
    known: pl.DataFrame,
) -> None:
    """Keep the proposal, or the question without one; hold the debtor it may concern."""
    for payment_id in match["payment_ids"]:
        entry = by_id[payment_id]
        if not match["claim_ids"] or _is_rejected(entry, match["claim_ids"]):
            payers = known.filter(pl.col("iban") == entry.payer_token)["debtor_id"].unique().to_list()
            _wait(book, entry, "nothing_fits", payers[0] if len(payers) == 1 else None)
            continue
        case_id = case_of[match["claim_ids"][0]]
        with transaction.atomic():
            if not bank.settle(
                book.tenant_id, entry.row.id, EntryState.PROPOSED, reason=match["reasons"][0][:40]
            ):
                continue
            MatchProposal.objects.update_or_create(
                tenant_id=book.tenant_id,
                entry_id=entry.row.id,
                defaults={
                    "case_id": case_id,
                    "claim_ids": match["claim_ids"],
                    "entry_ids": match["payment_ids"],
                    "reasons": match["reasons"],
                    "confidence_ppm": match["confidence_ppm"],
                    "runner_up_claim_ids": match["runner_up"],
                    "recorded_at": clock.now(),
                },
            )
            hold(book, entry.row, case_id)


def _wait(book: OpenBook, entry: EntryRow, reason: str, case_id: int | None) -> None:
    with transaction.atomic():
        if bank.settle(book.tenant_id, entry.row.id, EntryState.SUSPENSE, reason=reason):
            MatchProposal.objects.filter(tenant_id=book.tenant_id, entry_id=entry.row.id).delete()
            hold(book, entry.row, case_id)
