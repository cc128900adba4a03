"""Facts files: each row finds its case, its claim, and the fact it undoes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.frames import REJECTS, FactKind, empty
from mahnwerk.kernel import costs
from mahnwerk.records import facts as fact_records
from mahnwerk.records.models import Case, Claim
from mahnwerk.usecases import four_eyes
from mahnwerk.usecases.fact_kinds import RULES
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.placing import Creditors

PAYS: Final = (FactKind.PAYMENT_RECEIVED, FactKind.SET_OFF)
UNDOES: Final = (FactKind.VOIDED, FactKind.PAYMENT_RETURNED)


@dataclass(frozen=True)
class Told:
    """What a piece of facts changed."""

    new: int
    known: int
    rejects: pl.DataFrame


@dataclass(frozen=True)
class _Row:
    """A row of the file as a fact to record."""

    row_no: int
    reference: str
    fact: dict[str, Any]


@dataclass
class _Problem(Exception):  # noqa: N818 - an answer about a row, not an accident
    column: str
    value: str
    code: str
    reason: str
    remedy: str


def tell(
    book: OpenBook, facts: pl.DataFrame, *, file: Path, creditor: str, at: dt.datetime, dry_run: bool = False
) -> Told:
    """Record facts, each reference of a creditor once.

    Rows that undo another (`voids_reference`) come last, so the order of a file does not matter.

    Parameters
    ----------
    facts : IMPORTED_FACTS

    Returns
    -------
    Counts, and REJECTS for rows whose creditor, case or undone fact is not known, or whose reference stands
    for another event.
    """
    if facts.is_empty():
        return Told(0, 0, empty(REJECTS))
    with transaction.atomic():
        finder = _Finder.of(book, facts, Creditors.of(book, file, creditor))
        plain, undoing, problems = _sorted_out(finder, facts)
        new, known = _append(book, plain, at, problems)
        later, more = finder.undone(undoing)
        problems += more
        also, again = _append(book, later, at, problems)
        if dry_run:
            transaction.set_rollback(True)
    return Told(new + also, known + again, _rejects(problems))


def _append(book: OpenBook, rows: Sequence[_Row], at: dt.datetime, problems: Problems) -> tuple[int, int]:
    """Record rows: how many are new, how many known; a name that stands for another event is a problem."""
    added = fact_records.append(book.tenant_id, [row.fact for row in rows], recorded_at=at)
    known = [row for row, is_new in zip(rows, added["is_new"], strict=True) if not is_new]
    there = fact_records.told_as(book.tenant_id, [row.fact["source_key"] for row in known])
    other = [(row, there[row.fact["source_key"]]) for row in known]
    found = [(row.row_no, problem) for row, fact in other if (problem := _other_event(row, fact)) is not None]
    problems += found
    return len(rows) - len(known), len(known) - len(found)


def _other_event(row: _Row, there: Mapping[str, Any]) -> _Problem | None:
    """The known event says what is told now; another one under its name would be lost in silence."""
    told = ("kind", "claim_id" if row.fact["claim_id"] else "case_id", "effective_on", "amount_cents")
    told += ("voids_fact_no", "until_on", "code")
    other = [name for name in told if there[name] != row.fact.get(name)]
    if not other:
        return None
    words = " and ".join(name.removesuffix("_id").removesuffix("_cents") for name in other)
    return _Problem(
        "reference",
        row.reference,
        "conflict",
        f"this reference is in the book as fact {there['fact_no']} with another {words}",
        "Another event takes another reference; a wrong fact is undone by: "
        f"mahnwerk fact add CASE voided --voids {there['fact_no']}.",
    )


Problems = list[tuple[int, _Problem]]


def _sorted_out(finder: _Finder, facts: pl.DataFrame) -> tuple[list[_Row], list[Mapping[str, Any]], Problems]:
    """Rows to record, rows that undo another, and rows that cannot be recorded."""
    plain: list[_Row] = []
    undoing: list[Mapping[str, Any]] = []
    problems: Problems = []
    for row in facts.iter_rows(named=True):
        try:
            made = finder.fact(row)
        except _Problem as problem:
            problems.append((row["row_no"], problem))
            continue
        if row["voids_reference"]:
            undoing.append({**row, "made": made})
        else:
            plain.append(_Row(row["row_no"], row["reference"], made))
    return plain, undoing, problems


def source_key(creditor_id: int, reference: str) -> str:
    """The name of an event within the book."""
    return f"told|{creditor_id}|{reference}"


@dataclass(frozen=True)
class _Finder:
    """The cases and claims that the rows of a file name."""

    book: OpenBook
    creditor_ids: Mapping[int, int | None]
    claims: Mapping[tuple[int, str], tuple[int, int]]
    cases: Mapping[tuple[int, str, str], int]
    currencies: Mapping[int, str]
    given_up: dict[int, dict[str, tuple[dt.date, int]]] = field(default_factory=dict)
    """Case → what the rows so far give up in it: source key → day and cents."""

    @classmethod
    def of(cls, book: OpenBook, facts: pl.DataFrame, creditors: Creditors) -> _Finder:
        """Everything the rows may mean, with few queries."""
        ids = dict(zip(facts["row_no"], creditors.ids_of(facts), strict=True))
        wanted = {creditor_id for creditor_id in ids.values() if creditor_id is not None}
        numbers = facts["invoice_number"].unique().to_list()
        claims: dict[tuple[int, str], tuple[int, int]] = {}
        for start in range(0, len(numbers), 500):
            rows = Claim.objects.filter(
                tenant_id=book.tenant_id,
                creditor_id__in=wanted,
                invoice_number__in=numbers[start : start + 500],
            )
            for creditor_id, number, claim_id, case_id in rows.values_list(
                "creditor_id", "invoice_number", "id", "case_id"
            ):
                claims[creditor_id, number] = claim_id, case_id
        named = facts.filter(pl.col("invoice_number") == "").select("row_no", "customer_number")
        cases = cases_of(book, {(ids[row], number) for row, number in named.iter_rows() if ids[row]})
        case_ids = {case_id for _, case_id in claims.values()} | set(cases.values())
        return cls(book, ids, claims, cases, _currencies(book, case_ids))

    def fact(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row as a fact to record."""
        creditor_id = self.creditor_ids[row["row_no"]]
        if creditor_id is None:
            raise _Problem(
                "creditor_key",
                row["creditor_key"],
                "missing",
                "whose claim this is cannot be told: no creditor of the book fits",
                "Name the creditor in the file, or with --creditor.",
            )
        claim_id, case_id = self._place(row, creditor_id)
        kind = FactKind(row["kind"])
        self._check(row, kind, case_id)
        made = {
            "case_id": case_id,
            "claim_id": claim_id,
            "kind": kind,
            "effective_on": row["effective_on"],
            "amount_cents": row["amount_cents"],
            "until_on": row["until_on"],
            "code": row["code"] or None,
            "source_key": source_key(creditor_id, row["reference"]),
        }
        if claim_id is not None and kind in PAYS:
            made["designated_claim_ids"] = [claim_id]
        return made

    def _place(self, row: Mapping[str, Any], creditor_id: int) -> tuple[int | None, int]:
        number = row["invoice_number"]
        if number:
            found = self.claims.get((creditor_id, number))
            if found is None:
                raise _Problem(
                    "invoice_number",
                    number,
                    "missing",
                    "there is no such invoice of this creditor in the book",
                    "Import the claim first, or correct the number.",
                )
            return found
        case_id = self.cases.get((creditor_id, row["customer_number"], row["currency"] or "EUR"))
        if case_id is None:
            raise _Problem(
                "customer_number",
                row["customer_number"],
                "missing",
                "this creditor has no case of such a customer in this currency",
                "Import a claim of the customer first, or correct the number.",
            )
        return None, case_id

    def _check(self, row: Mapping[str, Any], kind: FactKind, case_id: int) -> None:
        if not RULES[kind].by_hand:
            raise _Problem(
                "kind",
                kind.name.lower(),
                "word",
                "facts of this kind are written by Mahnwerk itself",
                "Leave the row out; `mahnwerk fact kinds` lists the others.",
            )
        if row["amount_cents"] is not None and (row["currency"] or "EUR") != self.currencies[case_id]:
            raise _Problem(
                "currency",
                row["currency"],
                "currency",
                f"the case is kept in {self.currencies[case_id]}",
                "Record it with the case of that currency.",
            )
        if kind == FactKind.COST_INCURRED:
            _check_cost(row)
        if kind in four_eyes.KINDS and self._gives_up_too_much(row, kind, case_id):
            raise _Problem(
                "kind",
                kind.name.lower(),
                "missing",
                "so much is given up in this case that it takes two people; a file names none",
                "Tell it by hand: mahnwerk fact add … --approved-by NAME.",
            )

    def _gives_up_too_much(self, row: Mapping[str, Any], kind: FactKind, case_id: int) -> bool:
        """Whether a row, with those before it, gives up more than one person may; a known one does not."""
        key = source_key(self.creditor_ids[row["row_no"]] or 0, row["reference"])
        told = self.given_up.setdefault(case_id, {})
        if key in told or fact_records.numbers_of(self.book.tenant_id, [key]):
            return False
        Case.objects.select_for_update().get(tenant_id=self.book.tenant_id, id=case_id)
        cents, on = row["amount_cents"], row["effective_on"]
        if four_eyes.needs_second(self.book, case_id, kind, cents, on, told.values()):
            return True
        told[key] = on, cents
        return False

    def undone(self, rows: list[Mapping[str, Any]]) -> tuple[list[_Row], Problems]:
        """The rows that undo another, with the number of the fact they undo."""
        keys = [source_key(self.creditor_ids[row["row_no"]] or 0, row["voids_reference"]) for row in rows]
        known = fact_records.numbers_of(self.book.tenant_id, keys)
        made: list[_Row] = []
        problems: Problems = []
        for row, key in zip(rows, keys, strict=True):
            found = known.get(key)
            if found is None or found[0] != row["made"]["case_id"]:
                problem = _Problem(
                    "voids_reference",
                    row["voids_reference"],
                    "missing",
                    "there is no fact of this reference in the case",
                    "Correct the reference, or import the fact it names first.",
                )
                problems.append((row["row_no"], problem))
            else:
                fact = {**row["made"], "voids_fact_no": found[1]}
                made.append(_Row(row["row_no"], row["reference"], fact))
        return made, problems


def _check_cost(row: Mapping[str, Any]) -> None:
    try:
        costs.check_rule(row["code"])
    except (ValueError, LookupError) as error:
        raise _Problem(
            "code", row["code"], "word", str(error), "A cost without a rule cannot be booked."
        ) from error


def cases_of(book: OpenBook, wanted: set[tuple[int | None, str]]) -> dict[tuple[int, str, str], int]:
    """(creditor, customer number, currency) → case."""
    from mahnwerk.records import import_cases

    pairs = sorted((creditor_id, number) for creditor_id, number in wanted if creditor_id and number)
    marks = dict(zip(import_cases.customer_keys(book.tenant_id, pairs), pairs, strict=True))
    found: dict[tuple[int, str, str], int] = {}
    keys = list(marks)
    for start in range(0, len(keys), 500):
        rows = Case.objects.filter(tenant_id=book.tenant_id, debtor_key__in=keys[start : start + 500])
        for case_id, creditor_id, mark, currency in rows.values_list(
            "id", "creditor_id", "debtor_key", "currency"
        ):
            found[creditor_id, marks[bytes(mark)][1], currency] = case_id
    return found


def _currencies(book: OpenBook, case_ids: set[int]) -> dict[int, str]:
    wanted = sorted(case_ids)
    found: dict[int, str] = {}
    for start in range(0, len(wanted), 500):
        rows = Case.objects.filter(tenant_id=book.tenant_id, id__in=wanted[start : start + 500])
        found.update(rows.values_list("id", "currency"))
    return found


def _rejects(problems: Problems) -> pl.DataFrame:
    rows = [
        (row_no, one.column, one.value or "", one.code, one.reason, one.remedy) for row_no, one in problems
    ]
    return pl.DataFrame(rows, schema=dict(REJECTS), orient="row")
