"""A debtor as payer: bank entries, learnt pairs and what payment providers told, found and forgotten.

Amounts, days and what became of an entry stay; whose account it was and what the payer wrote go.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mahnwerk.records import bank, bank_read
from mahnwerk.records import providers as provider_records
from mahnwerk.records.models import (
    BankEntry,
    Case,
    Claim,
    EntryRefund,
    KnownPayer,
    MatchProposal,
    Payer,
    PaymentIntent,
    ProviderEvent,
    ProviderPayment,
)
from mahnwerk.usecases.opening import OpenBook

WORD_MIN: Final = 5
"""A shorter reference or name is found in too many texts that are somebody else's."""


@dataclass
class Traces:
    """Where a person stands in what banks and providers told."""

    payers: set[int] = field(default_factory=set)
    """Payers that are this person: by account, by name, by what they paid; nobody else's cases."""
    texts: set[int] = field(default_factory=set)
    """Entries of other payers that speak of this person."""
    events: set[int] = field(default_factory=set)
    """Events of providers whose body speaks of this person and opens with another key."""
    last_on: dt.date | None = None
    """The newest of all that money."""
    is_waiting: bool = False
    """Money of this person has not been placed yet."""


def find(book: OpenBook, case_ids: Sequence[int], people: Sequence[dict[str, Any]]) -> Traces:
    """Look for a person among payers, texts of entries and events of providers.

    Parameters
    ----------
    case_ids : the person's cases
    people : all versions of the person's data, decrypted
    """
    traces = Traces(payers=_payers(book, case_ids, people))
    words = _words(book, case_ids, people)
    traces.texts = _texts(book, case_ids, words, traces.payers)
    traces.events = _events(book, case_ids, words)
    own = BankEntry.objects.filter(tenant_id=book.tenant_id, payer_id__in=traces.payers)
    days = list(own.values_list("booked_on", flat=True))
    days += BankEntry.objects.filter(id__in=traces.texts).values_list("booked_on", flat=True)
    traces.last_on = max(days, default=None)
    leaving = EntryRefund.objects.filter(
        tenant_id=book.tenant_id, person_id__in=traces.payers, file__isnull=True, undone_on__isnull=True
    )
    traces.is_waiting = own.filter(state__in=bank.OPEN).exists() or leaving.exists()
    return traces


def forget(book: OpenBook, case_ids: Sequence[int], traces: Traces) -> None:
    """Destroy the payers' keys, and empty texts and bodies that others' keys would open."""
    mine = {"tenant_id": book.tenant_id, "case_id__in": list(case_ids)}
    MatchProposal.objects.filter(**mine).delete()
    KnownPayer.objects.filter(**mine).delete()
    for entry in bank_read.entries(book.tenant_id, entry_ids=sorted(traces.texts)):
        bank.forget_texts(book.tenant_id, entry.row)
    for payer_id in sorted(traces.payers):
        bank.erase_payer(book.tenant_id, payer_id)
    ProviderEvent.objects.filter(tenant_id=book.tenant_id, id__in=traces.events).update(body=None)


def _payers(book: OpenBook, case_ids: Sequence[int], people: Sequence[dict[str, Any]]) -> set[int]:
    """Who paid for these cases, or is the person by account or name; not who pays for other cases too."""
    entries = BankEntry.objects.filter(tenant_id=book.tenant_id)
    known = KnownPayer.objects.filter(tenant_id=book.tenant_id)
    mine = {"case_id__in": list(case_ids)}
    tokens = {
        bank.payer_token(book.tenant_id, iban, name)
        for iban, name in [
            *((one.get("iban", ""), "") for one in people if one.get("iban")),
            *(("", name) for one in people for name in _names(one)),
        ]
    }
    found = set(Payer.objects.filter(tenant_id=book.tenant_id, token__in=tokens).values_list("id", flat=True))
    found |= set(entries.filter(**mine).values_list("payer_id", flat=True))
    found |= set(known.filter(**mine).values_list("payer_id", flat=True))
    others = entries.filter(payer_id__in=found, case_id__isnull=False).exclude(**mine)
    found -= set(others.values_list("payer_id", flat=True))
    return found - set(known.filter(payer_id__in=found).exclude(**mine).values_list("payer_id", flat=True))


def _names(one: dict[str, Any]) -> list[str]:
    first, last, company = (one.get(name, "") for name in ("first_name", "last_name", "company"))
    both = [f"{first} {last}", f"{last} {first}"] if first and last else []
    return [*both, *([company] if company else [])]


def _words(book: OpenBook, case_ids: Sequence[int], people: Iterable[dict[str, Any]]) -> list[str]:
    """What names the person in a text, as compared: letters and digits only."""
    found = {one.get(name, "") for one in people for name in ("iban", "email")}
    found |= {name for one in people for name in _names(one)}
    for case in Case.objects.filter(tenant_id=book.tenant_id, id__in=list(case_ids)):
        found |= {case.case_reference, case.rf_reference}
    claims = Claim.objects.filter(tenant_id=book.tenant_id, case_id__in=list(case_ids))
    found |= set(claims.values_list("invoice_number", flat=True))
    return sorted({bank.compact(word) for word in found if len(bank.compact(word)) >= WORD_MIN})


def _texts(book: OpenBook, case_ids: Sequence[int], words: Sequence[str], payers: set[int]) -> set[int]:
    """Entries of these cases and entries nobody placed, of other payers, that speak of the person."""
    rows = BankEntry.objects.filter(tenant_id=book.tenant_id).exclude(payer_id__in=payers)
    found = set(rows.filter(case_id__in=list(case_ids)).values_list("id", flat=True))
    # What waits for an answer is asked about by its text: it is forgotten once it has been answered.
    loose = rows.filter(case_id__isnull=True).exclude(state__in=bank.OPEN).values_list("id", flat=True)
    for entry in bank_read.entries(book.tenant_id, entry_ids=list(loose)):
        told = bank.compact(" ".join(entry.texts.values()))
        if any(word in told for word in words):
            found.add(entry.row.id)
    return found


def _events(book: OpenBook, case_ids: Sequence[int], words: Sequence[str]) -> set[int]:
    """Events about the person's payments and checkouts, and any other whose body names the person."""
    mine = {"tenant_id": book.tenant_id}
    payments = ProviderPayment.objects.filter(**mine, case_id__in=list(case_ids))
    names = set(payments.values_list("account_id", "payment_id"))
    intents = PaymentIntent.objects.filter(**mine, pay_link__case_id__in=list(case_ids))
    names |= set(intents.exclude(payment_id=None).values_list("account_id", "payment_id"))
    checkouts = set(intents.exclude(checkout_id=None).values_list("account_id", "checkout_id"))
    found = set()
    for event in ProviderEvent.objects.filter(**mine, body__isnull=False).iterator():
        is_mine = (event.account_id, event.payment_id) in names
        is_mine |= (event.account_id, event.checkout_id) in checkouts
        if is_mine or (event.body_person_id is None and _names_person(event, words)):
            found.add(event.id)
    return found


def _names_person(event: ProviderEvent, words: Sequence[str]) -> bool:
    body = provider_records.open_body(event) or b""
    told = bank.compact(_decoded(body))
    return any(word in told for word in words)


def _decoded(body: bytes) -> str:
    """The text of a body; JSON escapes (\\u00e4) count as the letters they stand for."""
    text = body.decode("utf-8", "ignore")
    try:
        return text + json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text
