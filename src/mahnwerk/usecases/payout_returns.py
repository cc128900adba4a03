"""Payouts whose money did not arrive: refused by our bank (pain.002), or back on the statement.

The creditor is owed the amount again from that day on, and the next payout pays it. A payout comes back once,
whoever tells of it and however often; its fee stays, the service was rendered.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from django.db import transaction

from mahnwerk.formats import pain002
from mahnwerk.formats.bank import BankFileError
from mahnwerk.formats.xml_door import XmlRefused
from mahnwerk.kernel import ledger
from mahnwerk.kernel.accounts import Entry
from mahnwerk.records import journal as records
from mahnwerk.records.models import BankEntry, Payout, PayoutReturn, Tenant
from mahnwerk.usecases import clock
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

Word = PayoutReturn.Word


@dataclass
class StatusTaken:
    """What a status report said about our payouts, by their references."""

    refused: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    """Refused by the report, and yet on the bank statement: nothing was changed, a person must look."""


def take_status(book: OpenBook, path: Path, on: dt.date | None = None) -> StatusTaken:
    """Take in a status report (pain.002) about transfers of payouts; taking it in again changes nothing.

    Parameters
    ----------
    on : the day of the refusal; None = today

    Raises
    ------
    NotFound, BadInput
        No such file, or not a status report.
    """
    try:
        statuses = pain002.read(path.read_bytes(), source=path.name)
    except (BankFileError, XmlRefused) as error:
        raise BadInput(f"{path}: {error}") from error
    except OSError as error:
        raise NotFound(f"{path}: cannot be read: {error.strerror}.", "Check the name.") from error
    taken = StatusTaken()
    # A file of ours holds one payout and bears its reference, so a refusal of the whole means that one.
    told = {one.end_to_end_id or one.message_id: one for one in statuses if one.is_refused}
    for reference, status in told.items():
        payout = Payout.objects.filter(tenant_id=book.tenant_id, reference=reference).first()
        if payout is None:
            taken.unknown.append(reference)
        elif was_executed(book, payout):
            taken.executed.append(reference)
        else:
            is_new = give_back(book, payout, Word.REFUSED, status.reason, on or clock.today())
            (taken.refused if is_new else taken.known).append(reference)
    return taken


def was_executed(book: OpenBook, payout: Payout) -> bool:
    """Whether the bank statement shows the transfer."""
    return BankEntry.objects.filter(
        tenant_id=book.tenant_id, reason="payout", about_id=payout.id, amount_cents__lt=0
    ).exists()


def give_back(book: OpenBook, payout: Payout, word: Word, reason: str, on: dt.date) -> bool:
    """Owe a payout again, and reverse its posting; False if it came back before."""
    with transaction.atomic():
        Tenant.objects.select_for_update().get(id=book.tenant_id)
        _, is_new = PayoutReturn.objects.get_or_create(
            tenant_id=book.tenant_id,
            payout_id=payout.id,
            defaults={"word": word, "reason": reason[:10], "on": on, "recorded_at": clock.now()},
        )
        if not is_new:
            return False
        day = posting_day(book, on)
        records.add(book.tenant_id, _reversal(book, payout, on).with_columns(posted_on=pl.lit(day)))
        detail = {"payout_id": payout.id, "word": str(word), "reason": reason[:10]}
        note(book, "payout_back", on=on, detail=detail)
    reached("payout given back")
    return True


def posting_day(book: OpenBook, on: dt.date) -> dt.date:
    """The day itself; after a later posting or a closed period, the first day that is open."""
    days = [on]
    if (last := records.last_posted_on(book.tenant_id)) is not None:
        days.append(last)
    if (closed := records.closed_until(book.tenant_id)) is not None:
        days.append(closed + dt.timedelta(days=1))
    return max(days)


def _reversal(book: OpenBook, payout: Payout, on: dt.date) -> pl.DataFrame:
    """The posting of the money that left, the other way round."""
    columns = [name for name in ledger.POSTINGS if name != "case_id"]
    rows = records.payout_postings(book.tenant_id, ["payout_id", *columns])
    paid = rows.filter(
        (pl.col("payout_id") == payout.id) & (pl.col("entry") == int(Entry.PAYOUT_PAID))
    ).rename({"payout_id": "case_id"})
    none = pl.DataFrame(schema=ledger.TARGETS)
    return (
        ledger.corrections(none, paid.select(list(ledger.POSTINGS)))
        .rename({"case_id": "payout_id"})
        .with_columns(
            creditor_id=pl.lit(payout.creditor_id),
            currency=pl.lit(payout.currency),
            document_on=pl.lit(on),
        )
    )
