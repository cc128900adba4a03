"""Every bank entry finds its claim or its question: the certain is booked, the rest is proposed or waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.kernel import matching
from mahnwerk.records import bank, bank_read
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankEntry, EntryState
from mahnwerk.usecases import bank_outgoing, bank_returns, clock, provider_balances, refund_files
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.bank_asking import Question, ask
from mahnwerk.usecases.bank_booking import Booking, book_payments
from mahnwerk.usecases.bank_claims import Candidates, candidates, with_names
from mahnwerk.usecases.debit_credits import Credits
from mahnwerk.usecases.opening import OpenBook

SETTINGS: Final = matching.MatchSettings(books_part_payments=True)
BACK: Final = ("return", "reversal")
NAMED: Final = frozenset(("reference_found", "references_found", "case_named"))
"""Reasons of the matcher that say the payer wrote the number down, whatever the sum."""


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

    Entries are settled some hundred at a time, so a run that is cut off goes on where it was.

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
    money = _sorted(book, rows, summary)
    if money:
        newest = max(entry.row.value_on for entry in money)
        day = on or min(newest, max(clock.today(), newest - dt.timedelta(days=7)))
        for creditor_id in dict.fromkeys(entry.creditor_id for entry in money):
            _match(book, day, creditor_id, [e for e in money if e.creditor_id == creditor_id])
    # Returns last: the payment that came back may stand in the same file.
    for entry in rows:
        if entry.row.amount_cents < 0 and entry.row.kind in BACK:
            bank_returns.take_back(book, entry)
    bank_outgoing.explain(book)
    left = bank_read.states(book.tenant_id, [entry.row.id for entry in (*rows, *taken)])
    summary.ignored += sum(left[entry.row.id] == EntryState.IGNORED for entry in taken)
    summary.proposed = sum(state == EntryState.PROPOSED for state in left.values())
    summary.suspense = sum(state == EntryState.SUSPENSE for state in left.values())
    backs = [e for e in rows if e.row.amount_cents < 0 and e.row.kind in BACK]
    summary.returned = sum(left[e.row.id] == EntryState.BOOKED for e in backs)
    summary.booked = sum(state == EntryState.BOOKED for state in left.values()) - summary.returned
    if summary.booked or summary.returned:
        note(book, "bank_match", detail={"booked": summary.booked, "returned": summary.returned})
    return summary


def _sorted(book: OpenBook, rows: Sequence[EntryRow], summary: MatchSummary) -> list[EntryRow]:
    """The entries that pay a claim, perhaps; what the bank itself says is something else is settled."""
    money, explained, waiting = [], [], []
    for entry in rows:
        row = entry.row
        if row.kind in BACK and row.amount_cents > 0:
            if refund_files.came_back(book, entry) or bank_outgoing.came_back(book, entry):
                summary.ignored += 1
            else:
                waiting.append(Question(entry, "own_payment_came_back", None))
        elif (what := _explained(row)) is not None:
            explained.append((row.id, what[0].value, what[1]))
        elif row.amount_cents > 0:
            money.append(entry)
    found = pl.DataFrame(
        explained, schema={"id": pl.Int64, "state": pl.String, "reason": pl.String}, orient="row"
    )
    with transaction.atomic():
        bank.settle_all(book.tenant_id, found)
    summary.outgoing += found.filter(state=EntryState.OUTGOING.value).height
    summary.ignored += found.filter(state=EntryState.IGNORED.value).height
    ask(book, waiting)
    return money


def _explained(row: BankEntry) -> tuple[EntryState, str] | None:
    """State and reason of an entry that no claim is looked for: money we paid, charges, interest, nought."""
    if row.amount_cents < 0:
        return None if row.kind in BACK else (EntryState.OUTGOING, row.reason)
    if row.amount_cents == 0:
        return EntryState.IGNORED, "no_amount"
    return (EntryState.IGNORED, "bank_interest") if row.kind in ("interest", "charge") else None


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


def _match(book: OpenBook, on: dt.date, creditor_id: int | None, rows: Sequence[EntryRow]) -> None:
    payments = payments_of(rows)
    known = bank_read.known_payers(book.tenant_id, payments["iban"].to_list())
    found = candidates(book, on, creditor_id)
    case_of = _case_of(found)
    by_id = {entry.row.id: entry for entry in rows}
    open_claims = with_names(book, found.open, payments, known)
    matches = matching.propose(payments, open_claims, known, settings=SETTINGS)
    unsure = _book(book, list(matches.iter_rows(named=True)), by_id, case_of)
    again = _settled_matches(book, found, payments, known, unsure)
    single = [match["payment_ids"][0] for match in unsure if len(match["payment_ids"]) == 1]
    _book(book, [again[payment] for payment in single if payment in again], by_id, case_of)
    # What was booked just now is open no more, so nothing is asked about it.
    foreign = _foreign(book, found.open, payments, known, unsure)
    asked = [
        Question(by_id[payment], "other_currency", case_of.get(claim_id or 0))
        for payment, claim_id in foreign.items()
    ]
    left = [match for match in unsure if foreign.keys().isdisjoint(match["payment_ids"])]
    ask(book, [*asked, *_questions(left, by_id, case_of, known)])


def _foreign(
    book: OpenBook,
    claims: pl.DataFrame,
    payments: pl.DataFrame,
    known: pl.DataFrame,
    unsure: Sequence[Mapping[str, Any]],
) -> dict[int, int | None]:
    """Payments that fit nothing since the claim is kept in another currency → the claim they name.

    The claims are looked at as if they were in the payment's currency, so only what is named counts, never
    a sum. None = no claim is named, and none is kept in that currency. Who has paid so is not dunned.
    """
    none = [i for match in unsure if not match["claim_ids"] for i in match["payment_ids"]]
    waiting = payments.filter(pl.col("payment_id").is_in(none))
    kept = claims["currency"].unique().to_list()
    found: dict[int, int | None] = {}
    for currency in waiting["currency"].unique().sort():
        part, others = waiting.filter(currency=currency), claims.filter(pl.col("currency") != currency)
        if currency not in kept:
            found |= dict.fromkeys(part["payment_id"].to_list())
        if others.is_empty():
            continue
        named = with_names(book, others, part, known).with_columns(currency=pl.lit(currency))
        for match in matching.propose(part, named, known).iter_rows(named=True):
            if NAMED.intersection(match["reasons"]):
                found |= dict.fromkeys(match["payment_ids"], match["claim_ids"][0])
    return found


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
    book: OpenBook,
    matches: Sequence[Mapping[str, Any]],
    by_id: Mapping[int, EntryRow],
    case_of: Mapping[int, int],
) -> list[Mapping[str, Any]]:
    """Book what is certain; the matches that are not, and those that somebody else was faster with."""
    tried = [(match, _booking(match, by_id, case_of)) for match in matches]
    done = iter(book_payments(book, [booking for _, booking in tried if booking is not None]))
    return [match for match, booking in tried if booking is None or not next(done)]


def _booking(
    match: Mapping[str, Any], by_id: Mapping[int, EntryRow], case_of: Mapping[int, int]
) -> Booking | None:
    cases = {case_of[claim_id] for claim_id in match["claim_ids"]}
    entries = [by_id[payment_id] for payment_id in match["payment_ids"]]
    if match["verdict"] != "booked" or len(cases) != 1:
        return None
    if any(_is_rejected(entry, match["claim_ids"]) for entry in entries):
        return None
    return Booking(
        entries=entries,
        case_id=cases.pop(),
        claim_ids=match["claim_ids"],
        designated="case_named" not in match["reasons"],
        takes_discount="discount_taken" in match["reasons"],
    )


def _is_rejected(entry: EntryRow, claim_ids: Sequence[int]) -> bool:
    return sorted(claim_ids) in [sorted(ids) for ids in entry.row.rejected_claim_ids]


def _questions(
    matches: Sequence[Mapping[str, Any]],
    by_id: Mapping[int, EntryRow],
    case_of: Mapping[int, int],
    known: pl.DataFrame,
) -> Iterator[Question]:
    """What to ask about each payment; the debtor it may concern is held."""
    cases_of = dict(known.group_by("iban").agg(pl.col("debtor_id").unique()).iter_rows())
    for match in matches:
        for payment_id in match["payment_ids"]:
            entry = by_id[payment_id]
            if not match["claim_ids"] or _is_rejected(entry, match["claim_ids"]):
                cases = cases_of.get(entry.payer_token, [])
                yield Question(entry, "nothing_fits", cases[0] if len(cases) == 1 else None)
                continue
            case_id = case_of[match["claim_ids"][0]]
            proposal = {
                "case_id": case_id,
                "claim_ids": match["claim_ids"],
                "entry_ids": match["payment_ids"],
                "reasons": match["reasons"],
                "confidence_ppm": match["confidence_ppm"],
                "runner_up_claim_ids": match["runner_up"],
            }
            yield Question(entry, match["reasons"][0][:40], case_id, proposal)
