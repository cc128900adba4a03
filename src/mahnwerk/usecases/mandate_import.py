"""Files of SEPA mandates: each row finds its case and its person, and is kept once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from django.db import transaction

from mahnwerk.frames import REJECTS, empty
from mahnwerk.records import load, mandates
from mahnwerk.records.models import Case, DebitMandate
from mahnwerk.usecases import clock
from mahnwerk.usecases.direct_debits import NOTICE_DAYS, misfit
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.placing import Creditors
from mahnwerk.usecases.telling import cases_of

T = TypeVar("T")
END_FIRST = "End it first: mahnwerk mandate end CASE."


@dataclass(frozen=True)
class Kept:
    """What a piece of mandates changed."""

    new: int
    known: int
    rejects: pl.DataFrame


def keep(
    book: OpenBook, rows: pl.DataFrame, *, file: Path, creditor: str, at: dt.datetime, dry_run: bool = False
) -> Kept:
    """Keep mandates: each creditor identifier and reference once, one open mandate per case.

    Parameters
    ----------
    rows : IMPORTED_MANDATES
    creditor : key for rows that name none; "" = find out

    Returns
    -------
    Counts, and REJECTS for rows without a case, account or person, and for mandates that contradict
    what is kept.

    Guarantees
    ----------
    A number of queries that does not grow with the rows but by blocks of 500.
    """
    if rows.is_empty():
        return Kept(0, 0, empty(REJECTS))
    with transaction.atomic():
        sorter = _Sorter.of(book, rows, Creditors.of(book, file, creditor))
        for row in rows.iter_rows(named=True):
            sorter.take(row)
        new = mandates.add_many(book.tenant_id, sorter.chosen, recorded_at=at) if sorter.chosen else 0
        if dry_run:
            transaction.set_rollback(True)
    return Kept(new, sorter.known, pl.DataFrame(sorter.rejects, schema=dict(REJECTS), orient="row"))


@dataclass
class _Sorter:
    """Everything the rows may mean, read at once, and what becomes of each row."""

    today: dt.date
    places: Mapping[int, int]  # row_no → case_id
    cases: Mapping[int, Case]
    persons: Mapping[int, load.PersonOfCase]
    same: Mapping[tuple[str, str], DebitMandate]  # by creditor identifier and reference
    ibans: Mapping[int, str]
    open_of: dict[int, str]  # case_id → reference of its open mandate
    chosen: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[tuple[int, str, str, str, str, str]] = field(default_factory=list)
    known: int = 0

    @classmethod
    def of(cls, book: OpenBook, rows: pl.DataFrame, creditors: Creditors) -> _Sorter:
        places = _places(book, rows, creditors)
        case_ids = sorted(set(places.values()))
        every = DebitMandate.objects.filter(tenant_id=book.tenant_id)
        references = rows["reference"].unique().sort().to_list()
        same = {
            (one.creditor_identifier, one.reference): one
            for some in _blocks(references)
            for one in every.filter(reference__in=some)
        }
        open_of = {
            one.case_id: one.reference
            for some in _blocks(case_ids)
            for one in every.filter(case_id__in=some, ended_on__isnull=True)
        }
        return cls(
            today=clock.today(),
            places=places,
            cases={
                one.id: one
                for some in _blocks(case_ids)
                for one in Case.objects.filter(tenant_id=book.tenant_id, id__in=some).select_related(
                    "creditor"
                )
            },
            persons=load.persons(book.tenant_id, case_ids),
            same=same,
            ibans=mandates.ibans(book.tenant_id, list(same.values())),
            open_of=open_of,
        )

    def take(self, row: Mapping[str, Any]) -> None:
        """Choose a row, count it as known, or say why neither."""
        refusal = self._refusal(row)
        if refusal is None:
            return
        column, code, reason, remedy = refusal
        self.rejects.append((row["row_no"], column, str(row[column] or ""), code, reason, remedy))

    def _refusal(self, row: Mapping[str, Any]) -> tuple[str, str, str, str] | None:
        case_id = self.places.get(row["row_no"])
        if case_id is None:
            column = "case_reference" if row["case_reference"] else "customer_number"
            reason = "there is no such case, or none of this customer in euro"
            return column, "missing", reason, "Import a claim of the customer first, or correct it."
        person = self.persons.get(case_id)
        if person is None or person.payload is None:
            return "customer_number", "missing", "the person was erased", "Leave the row out."
        iban = row["iban"] or person.payload["iban"]
        if not iban:
            return "iban", "missing", "is empty, and no account of the person is known", "Fill in the IBAN."
        if row["signed_on"] > self.today:
            return "signed_on", "mandate", "the mandate would be signed in the future", "Correct the day."
        amiss = misfit(self.cases[case_id], row["creditor_identifier"])
        if amiss is not None:
            column = "creditor_identifier" if amiss.is_identifier else "customer_number"
            return column, "mandate", amiss.reason, amiss.remedy
        kept = self.same.get((row["creditor_identifier"], row["reference"]))
        if kept is not None:
            return self._again(row, kept, case_id, iban)
        if case_id in self.open_of:
            reason = f"the case has an open mandate, {self.open_of[case_id]}"
            return "reference", "conflict", reason, END_FIRST
        self.open_of[case_id] = row["reference"]
        self.chosen.append(
            {
                "case_id": case_id,
                "person_id": person.person_id,
                "reference": row["reference"],
                "creditor_identifier": row["creditor_identifier"],
                "signed_on": row["signed_on"],
                "notice_days": NOTICE_DAYS,
                "sequence": row["sequence"],
                "name": row["account_holder"] or _name(person.payload),
                "iban": iban.replace(" ", "").upper(),
            }
        )
        return None

    def _again(
        self, row: Mapping[str, Any], kept: DebitMandate, case_id: int, iban: str
    ) -> tuple[str, str, str, str] | None:
        """A mandate that is there: known if the row says the same; an ended one stays ended."""
        for column, stored, given in (
            ("reference", kept.case_id, case_id),
            ("signed_on", kept.signed_on, row["signed_on"]),
            ("sequence", kept.sequence or "FRST", row["sequence"]),
            ("iban", self.ibans.get(kept.id), iban),
        ):
            if stored != given:
                reason = "the mandate of this reference is there with another " + (
                    "case" if column == "reference" else column.replace("_on", " day")
                )
                return column, "conflict", reason, "Give the new mandate its own reference."
        self.known += 1
        return None


def _name(payload: Mapping[str, str]) -> str:
    return payload["company"] or f"{payload['first_name']} {payload['last_name']}".strip()


def _places(book: OpenBook, rows: pl.DataFrame, creditors: Creditors) -> dict[int, int]:
    """row_no → case, by its reference or by the creditor's customer number."""
    by_reference: dict[str, int] = {}
    for some in _blocks(rows.filter(pl.col("case_reference") != "")["case_reference"].unique().to_list()):
        found = Case.objects.filter(tenant_id=book.tenant_id, case_reference__in=some)
        by_reference.update(found.values_list("case_reference", "id"))
    ids = dict(zip(rows["row_no"], creditors.ids_of(rows), strict=True))
    named = rows.filter(pl.col("case_reference") == "").select("row_no", "customer_number")
    by_customer = cases_of(book, {(ids[row_no], number) for row_no, number in named.iter_rows()})
    places = {}
    for row in rows.iter_rows(named=True):
        if row["case_reference"]:
            case_id = by_reference.get(row["case_reference"])
        else:
            case_id = by_customer.get((ids[row["row_no"]] or 0, row["customer_number"], "EUR"))
        if case_id is not None:
            places[row["row_no"]] = case_id
    return places


def _blocks(values: Iterable[T], size: int = 500) -> Iterator[Sequence[T]]:
    every = list(values)
    for start in range(0, len(every), size):
        yield every[start : start + size]
