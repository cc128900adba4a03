"""Read what the bank told: open entries decrypted, known payers, claims to match with, the balance chain.

entries(tenant_id, *, states, entry_no=None) -> [EntryRow]
known_payers(tenant_id) -> frame(iban = token in hexadecimal, debtor_id)
gaps(tenant_id, account_id) -> [(after, before, difference)]
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connection

from mahnwerk.records import bank, bulk, crypto, tenancy
from mahnwerk.records.models import (
    BankAccount,
    BankEntry,
    BankStatement,
    BlindIndex,
    CaseAlias,
    CaseParticipant,
    KnownPayer,
    MatchProposal,
    Payer,
)

CASES_PER_PAYER_MAX = 5


@dataclass(frozen=True)
class EntryRow:
    """An entry with its texts, decrypted in memory only."""

    row: BankEntry
    texts: Mapping[str, str]
    creditor_id: int | None  # of the account; None = an account for all creditors of the tenant
    payer_token: str


def entries(
    tenant_id: int,
    *,
    states: Collection[str] = (),
    entry_no: int | None = None,
    account_id: int | None = None,
    entry_ids: Sequence[int] | None = None,
) -> list[EntryRow]:
    """Entries in some states, or by number or ids, oldest first."""
    tenancy.set_tenant(tenant_id)
    found = BankEntry.objects.filter(tenant_id=tenant_id)
    if states:
        found = found.filter(state__in=list(states))
    if entry_no is not None:
        found = found.filter(entry_no=entry_no)
    if account_id is not None:
        found = found.filter(account_id=account_id)
    if entry_ids is not None:
        parts = [entry_ids[start : start + 500] for start in range(0, len(entry_ids), 500)]
        rows = [row for part in parts for row in found.filter(id__in=part)]
        rows.sort(key=lambda row: (row.booked_on, row.entry_no))
    else:
        rows = list(found.order_by("booked_on", "entry_no"))
    payer_ids = {row.payer_id for row in rows}
    keys = crypto.person_keys(tenant_id, payer_ids)
    owners = dict(BankAccount.objects.filter(tenant_id=tenant_id).values_list("id", "creditor_id"))
    tokens: dict[int, str] = {}
    wanted = sorted(payer_ids)
    for start in range(0, len(wanted), 500):
        part = Payer.objects.filter(tenant_id=tenant_id, id__in=wanted[start : start + 500])
        tokens.update({i: bytes(token).hex() for i, token in part.values_list("id", "token")})
    return [
        EntryRow(row, bank.texts(tenant_id, row, keys), owners[row.account_id], tokens[row.payer_id])
        for row in rows
    ]


def states(tenant_id: int, entry_ids: Sequence[int]) -> dict[int, str]:
    """entry id → state."""
    condition, parameters = bulk.ids_filter(connection, "id", entry_ids)
    frame = bulk.read_frame(
        connection,
        {"id": ("id", pl.Int64), "state": ("state", pl.String)},
        f"bank_entries WHERE tenant_id = %s AND {condition}",
        [tenant_id, *parameters],
    )
    return dict(frame.iter_rows())


def known_payers(tenant_id: int, tokens: Collection[str]) -> pl.DataFrame:
    """Which of these payers (tokens in hexadecimal) pay for which cases: learnt, or the debtors themselves.

    A payer of many cases (a payment service, an employer) says nothing of any of them and is left out.
    """
    wanted = [bytes.fromhex(token) for token in sorted(set(tokens))]
    found: set[tuple[str, int]] = set()
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        payers = {i: bytes(t).hex() for i, t in Payer.objects.filter(
            tenant_id=tenant_id, token__in=part).values_list("id", "token")}  # fmt: skip
        pairs = KnownPayer.objects.filter(tenant_id=tenant_id, payer_id__in=list(payers))
        found.update((payers[payer], case) for payer, case in pairs.values_list("payer_id", "case_id"))
        own = BlindIndex.objects.filter(tenant_id=tenant_id, kind=BlindIndex.Kind.IBAN, token__in=part)
        owners: dict[int, str] = {person: bytes(token).hex() for person, token in own.values_list(
            "person_id", "token")}  # fmt: skip
        cases = CaseParticipant.objects.filter(tenant_id=tenant_id, person_id__in=list(owners))
        found.update((owners[person], case) for case, person in cases.values_list("case_id", "person_id"))
    frame = pl.DataFrame(sorted(found), schema={"iban": pl.String, "debtor_id": pl.Int64}, orient="row")
    return frame.filter(pl.len().over("iban") <= CASES_PER_PAYER_MAX)


def case_references(tenant_id: int, creditor_id: int | None) -> pl.DataFrame:
    """case_id, references: everything that names a case of a creditor (None = of any)."""
    condition = "" if creditor_id is None else " AND c.creditor_id = %s"
    parameters: list[Any] = [tenant_id] if creditor_id is None else [tenant_id, creditor_id]
    cases = bulk.read_frame(
        connection,
        {
            "case_id": ("c.id", pl.Int64),
            "case_reference": ("c.case_reference", pl.String),
            "rf_reference": ("c.rf_reference", pl.String),
        },
        f"cases c WHERE c.tenant_id = %s{condition}",
        parameters,
    )
    aliases: dict[int, list[str]] = {}
    for case_id, alias in CaseAlias.objects.filter(tenant_id=tenant_id).values_list("case_id", "reference"):
        aliases.setdefault(case_id, []).append(alias)
    known = pl.DataFrame(
        {"case_id": list(aliases), "aliases": list(aliases.values())},
        schema={"case_id": pl.Int64, "aliases": pl.List(pl.String)},
    )
    joined = cases.join(known, on="case_id", how="left")
    names = pl.concat_list("case_reference", "rf_reference")
    return joined.select(
        "case_id",
        case_references=pl.when(pl.col("aliases").is_null())
        .then(names)
        .otherwise(pl.concat_list(names, pl.col("aliases").fill_null([]))),
    )


def discounts(tenant_id: int, creditor_id: int | None) -> pl.DataFrame:
    """claim_id, discount_cents, discount_until of the claims with a discount for early payment."""
    condition = "" if creditor_id is None else " AND l.creditor_id = %s"
    parameters: list[Any] = [tenant_id] if creditor_id is None else [tenant_id, creditor_id]
    return bulk.read_frame(
        connection,
        {
            "claim_id": ("l.id", pl.Int64),
            "discount_cents": ("l.discount_cents", pl.Int64),
            "discount_until": ("l.discount_until", pl.Date),
        },
        f"claims l WHERE l.tenant_id = %s AND l.discount_cents IS NOT NULL{condition}",
        parameters,
    )


def proposals(tenant_id: int, entry_ids: Sequence[int]) -> dict[int, MatchProposal]:
    """entry id → what is proposed for it."""
    found: dict[int, MatchProposal] = {}
    for start in range(0, len(entry_ids), 500):
        rows = MatchProposal.objects.filter(tenant_id=tenant_id, entry_id__in=entry_ids[start : start + 500])
        found.update({row.entry_id: row for row in rows})
    return found


def gaps(tenant_id: int, account_id: int) -> list[dict[str, Any]]:
    """Where the chain of balances of an account breaks: a statement is missing between the two named.

    A statement follows on another if it opens with the balance the other closed with; the first of all
    statements follows on nothing.
    """
    rows = list(
        BankStatement.objects.filter(tenant_id=tenant_id, account_id=account_id)
        .exclude(opening_cents=None)
        .exclude(closing_cents=None)
        .order_by("currency", "to_on", "statement_no", "id")
    )
    found = []
    for currency in dict.fromkeys(row.currency for row in rows):
        chain = [row for row in rows if row.currency == currency]
        for place, row in enumerate(chain[1:], 1):
            earlier = chain[:place]
            if any(before.closing_cents == row.opening_cents for before in earlier):
                continue
            # Statements of one day may stand in any order.
            mates = [other for other in chain[place + 1 :] if other.to_on == row.to_on]
            if any(other.closing_cents == row.opening_cents for other in mates):
                continue
            last = earlier[-1]
            found.append(
                {
                    "currency": currency,
                    "after": last.statement_id,
                    "after_on": last.to_on,
                    "before": row.statement_id,
                    "before_on": row.from_on or row.to_on,
                    "difference_cents": row.opening_cents - last.closing_cents,
                }
            )
    return found


def age_days(row: BankEntry, on: dt.date) -> int:
    """How long an entry has been waiting."""
    return (on - row.booked_on).days
