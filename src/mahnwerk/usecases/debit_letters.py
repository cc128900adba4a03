"""From the announcement of a direct debit to the values of its letter."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mahnwerk.frames import Book, Channel, Role
from mahnwerk.kernel.notices import DEBIT_NOTICE
from mahnwerk.kernel.procedures import Procedure
from mahnwerk.letters.model import ATTACHMENT, Debit, DebitPart, Letter
from mahnwerk.records import mandates
from mahnwerk.records.models import DebitMandate
from mahnwerk.usecases.accounts import Account
from mahnwerk.usecases.letter_data import (
    Content,
    Incomplete,
    client,
    listed_items,
    recipient,
    registration,
    sender,
    subject_of,
)

SHOWN_DIGITS = 4
"""So much of an IBAN says to its owner which one it is, and to nobody else."""


@dataclass(frozen=True)
class Mandates:
    """The open mandates of some cases."""

    of_case: Mapping[int, DebitMandate]
    account_ends: Mapping[int, str]

    @classmethod
    def of(cls, tenant_id: int, case_ids: Sequence[int]) -> Mandates:
        """Read them, with one read of the keys; none if no case is told of a direct debit."""
        rows = DebitMandate.objects.filter(
            tenant_id=tenant_id, ended_on__isnull=True, case_id__in=list(case_ids)
        )
        of_case = {row.case_id: row for row in rows} if case_ids else {}
        known = mandates.ibans(tenant_id, list(of_case.values()))
        return cls(of_case, {row_id: iban[-SHOWN_DIGITS:] for row_id, iban in known.items()})


def notice(
    mandates_: Mandates,
    wanted: pl.DataFrame,
    items: Sequence[Mapping[str, Any]],
    full: Account,
    on: dt.date,
    book: Book,
    case: Mapping[str, Any],
    measure: Mapping[str, Any],
    person: Mapping[str, str],
    creditor: Mapping[str, Any],
    procedure: Procedure,
    reference: str,
    contracts: Mapping[int, dt.date],
    pay_url: str = "",
) -> Content:
    """The letter of a measure `debit_notice`: what is collected and when; it asks for nothing.

    Parameters
    ----------
    wanted : as `debit_notices.Turn.wanted`
    items : rows of MEASURE_ITEMS
    full, on, book, case, measure, person, creditor, procedure, reference, contracts : as for
        `plan_letters.reminder`
    pay_url : not shown: who is collected from need not pay

    Raises
    ------
    Incomplete
        The creditor has no account, address or contact, or the mandate is gone.
    """
    mandate = mandates_.of_case.get(case["case_id"])
    if mandate is None or mandate.id not in mandates_.account_ends:
        raise Incomplete("the mandate is gone")
    claim_ids = {item["claim_id"] for item in items}
    mine = full.of_claims(claim_ids)
    shown = [{"claim_id": c, "step_id": DEBIT_NOTICE, "triggers_default": False} for c in sorted(claim_ids)]
    listed = listed_items(mine, shown, procedure, subject_of(creditor), contracts)
    parts = _parts(book, wanted.filter(pl.col("case_id") == case["case_id"]), items)
    letter = Letter(
        template=DEBIT_NOTICE,
        sender=sender(creditor),
        recipient=recipient(person),
        dated_on=on,
        as_of_on=on,
        case_reference=case["case_reference"],
        rf_reference=reference,
        items=tuple(replace(item, is_demanded=False) for item in listed),
        demand_cents=measure["demanded_cents"],
        pay_by=measure["pay_by"],
        language=case["language"],
        currency=case["currency"],
        role=Role(case["role"]),
        is_consumer=bool(case["is_consumer"]),
        creditor=client(creditor, Role(case["role"])),
        registration=registration(creditor),
        debit=Debit(
            collect_on=measure["pay_by"],
            mandate=mandate.reference,
            creditor_identifier=mandate.creditor_identifier,
            account_end=mandates_.account_ends[mandate.id],
            parts=parts,
        ),
        grounds=frozenset({ATTACHMENT} if measure["channel"] == Channel.EMAIL else ()),
    )
    statement = {
        "debit": [[part.invoice_number, part.instalment, part.open_cents] for part in parts],
        "demand_cents": letter.demand_cents,
        "pay_by": measure["pay_by"],
    }
    return Content(letter, json.dumps(statement, sort_keys=True, default=str))


def _parts(book: Book, wanted: pl.DataFrame, items: Sequence[Mapping[str, Any]]) -> tuple[DebitPart, ...]:
    """Invoices collected by themselves, then instalments, as far as the items of the message go."""
    claims = book.claims.filter(pl.col("claim_id").is_in(wanted["claim_id"].drop_nulls().implode()))
    rates = book.instalments.filter(pl.col("plan_id").is_in(wanted["plan_id"].drop_nulls().implode()))
    by_claim = {row["claim_id"]: row for row in claims.iter_rows(named=True)}
    due = {
        (plan_id, number): due_on
        for plan_id, number, due_on in rates.select("plan_id", "number", "due_on").iter_rows()
    }
    asked = {item["claim_id"]: item["open_cents"] for item in items}
    found = []
    for row in wanted.filter(pl.col("claim_id").is_not_null()).sort("claim_id").iter_rows(named=True):
        cents, claim = asked.pop(row["claim_id"], 0), by_claim[row["claim_id"]]
        if cents:
            found.append(DebitPart(claim["invoice_number"], None, claim["due_on"], cents))
    left = sum(asked.values())
    by_plan = wanted.filter(pl.col("claim_id").is_null()).sort("plan_id", "number")
    for row in by_plan.iter_rows(named=True):
        cents = min(row["amount_cents"], left)
        left -= cents
        if cents:
            found.append(DebitPart("", row["number"], due[row["plan_id"], row["number"]], cents))
    return tuple(found)
