"""Rows → frames. All reads of the mass path, and of one case alike.

book(tenant_id, *, case_ids=None, case_range=None, on=None, known_on=None, due_on=None) -> frames.Book
contract_dates(tenant_id, case_ids) -> {claim_id: date}
shards(tenant_id, cases=100_000) -> [(first case_id, last case_id), …]
persons(tenant_id, case_ids, part="debtor") -> {case_id: PersonOfCase}
creditors(tenant_id) -> {creditor_id: dict}
case_id(tenant_id, text) -> int      by case reference, RF reference, alias or public id
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from django.db import connection

from mahnwerk import frames
from mahnwerk.records import bulk, crypto, debit_columns, tenancy
from mahnwerk.records.models import (
    Case,
    CaseAlias,
    CaseParticipant,
    Creditor,
    Feed,
    Mandate,
    MessageState,
    Person,
)

# A failed one counts as well: its bounce tells the kernel that this channel does not reach the debtor.
MAY_HAVE_LEFT = (MessageState.SENDING, MessageState.SENT, MessageState.UNCERTAIN, MessageState.FAILED)


OF_CREDITORS = (
    "input_tax_deductible",
    "feed_checked_on",
    "feed_max_age_days",
    "letter_cost_post_cents",
    "letter_cost_email_cents",
)
"""Columns of CASES that are the creditor's."""
_CHANNELS = (frames.Channel.POST, frames.Channel.EMAIL)
_OF_INSTALMENT = ("case_id", "plan_id", "number", "due_on", "amount_cents")
_OF_PLAN = (
    "plan_code",
    "grace_days",
    "agreed_on",
    "rate_ppm",
    "is_accelerated",
    "reminded_on",
    "reminded_first_on",
    "is_debited",
)


@dataclass(frozen=True)
class _Wanted:
    """Which cases: a condition on an expression for the case id, and its parameters."""

    sql: str = ""
    parameters: tuple[Any, ...] = ()

    def of(self, expression: str) -> str:
        return self.sql.replace("{case}", expression)

    def key(self, expression: str) -> str | None:
        """Whole tables are read in blocks along their key, parts of them by the index of the case."""
        return None if self.sql else expression


def _wanted(case_ids: Sequence[int] | None, case_range: tuple[int, int] | None) -> _Wanted:
    parts: list[str] = []
    parameters: list[Any] = []
    if case_ids is not None:
        condition, values = bulk.ids_filter(connection, "{case}", case_ids)
        parts.append(condition)
        parameters += values
    if case_range is not None:
        parts.append("{case} BETWEEN %s AND %s")
        parameters += case_range
    return _Wanted("".join(f" AND {part}" for part in parts), tuple(parameters))


def _due(tenant_id: int, wanted: _Wanted, due_on: date) -> pl.DataFrame:
    """Cases that need a look on this day: undecided, to be measured, with a new fact, or due to be seen."""
    cases = bulk.read_frame(
        connection,
        {"case_id": ("c.id", pl.Int64), "last_fact_no": ("c.last_fact_no", pl.Int32)},
        f"cases c WHERE c.tenant_id = %s{wanted.of('c.id')}",
        [tenant_id, *wanted.parameters],
        key=wanted.key("c.id"),
    )
    waiting = bulk.read_frame(
        connection,
        {"case_id": ("d.case_id", pl.Int64), "last_fact_no": ("d.fact_no", pl.Int32)},
        "decisions d WHERE d.tenant_id = %s AND d.until_on IS NULL AND d.outcome = 'held' "
        f"AND (d.next_look_on IS NULL OR d.next_look_on > %s){wanted.of('d.case_id')}",
        [tenant_id, due_on, *wanted.parameters],
        key=wanted.key("d.id"),
    )
    return cases.join(waiting, on=["case_id", "last_fact_no"], how="anti").sort("case_id")


def book(
    tenant_id: int,
    *,
    case_ids: Sequence[int] | None = None,
    case_range: tuple[int, int] | None = None,
    on: date | None = None,
    known_on: date | None = None,
    due_on: date | None = None,
) -> frames.Book:
    """The facts of some cases in frames, from one snapshot, without a write lock.

    Parameters
    ----------
    case_ids : only these cases
    case_range : only cases with first ≤ case_id ≤ last, as `shards` gives them
    on : leave out facts that take effect later (the kernel would leave them out as well)
    known_on : only what was recorded by the end of this local day, with the decisions of that day
    due_on : leave out cases that are held without a new fact and need no look before the following day

    Returns a Book as in frames.py, sorted by case_id and number, without `claim_placed` facts and without
    personal data. A message counts as a notice once it left or may have left.
    """
    tenancy.set_tenant(tenant_id)
    wanted = _wanted(case_ids, case_range)
    with bulk.snapshot(connection):
        if due_on is not None:
            due = _due(tenant_id, wanted, due_on)["case_id"].to_list()
            wanted = _wanted(due, None)
        facts = _facts(tenant_id, wanted, on, known_on)
        return frames.Book(
            cases=_cases(tenant_id, wanted, known_on),
            claims=_claims(tenant_id, wanted, known_on),
            facts=facts,
            designations=_designations(tenant_id, wanted, known_on),
            notices=_notices(tenant_id, wanted, known_on),
            decisions=_decisions(tenant_id, wanted, known_on),
            instalments=_instalments(tenant_id, wanted, known_on, facts),
            debits=_debits(tenant_id, wanted, on, known_on),
        )


def _select(schema: frames.Schema, prefix: str, **other: str) -> dict[str, tuple[str, Any]]:
    return {name: (other.get(name, f"{prefix}.{name}"), dtype) for name, dtype in schema.items()}


def _until(column: str, day: date | None) -> tuple[str, list[date]]:
    return (f" AND {column} <= %s", [day]) if day is not None else ("", [])


def _cases(tenant_id: int, wanted: _Wanted, known_on: date | None) -> pl.DataFrame:
    own = {name: dtype for name, dtype in frames.CASES.items() if name not in OF_CREDITORS}
    last, last_parameters = "c.last_fact_no", []
    if known_on is not None:
        last = (
            "(SELECT coalesce(max(f.fact_no), 0) FROM facts f WHERE f.tenant_id = c.tenant_id "
            "AND f.case_id = c.id AND f.recorded_on <= %s)"
        )
        last_parameters = [known_on]
    known, known_parameters = _until("c.recorded_on", known_on)
    frame = bulk.read_frame(
        connection,
        _select(own, "c", case_id="c.id", last_fact_no=last),
        f"cases c WHERE c.tenant_id = %s{wanted.of('c.id')}{known}",
        [*last_parameters, tenant_id, *wanted.parameters, *known_parameters],
        key=wanted.key("c.id"),
    )
    frame = frame.join(_of_creditors(tenant_id), on="creditor_id", how="left", maintain_order="left")
    frame = frame.with_columns(pl.col("input_tax_deductible").fill_null(True))
    return frame.select(list(frames.CASES)).sort("case_id")


def _of_creditors(tenant_id: int) -> pl.DataFrame:
    """Per creditor: input tax of the latest mandate, the money feed that goes stale first, letters' cost."""
    deductible: dict[int, bool] = {}
    rows = Mandate.objects.filter(tenant_id=tenant_id).order_by("creditor_id", "given_on")
    for creditor_id, value in rows.values_list("creditor_id", "input_tax_deductible"):
        deductible[creditor_id] = value
    feeds: dict[int, tuple[int, date, int]] = {}
    watched = Feed.objects.filter(tenant_id=tenant_id, is_watched=True)
    for creditor_id, checked_on, max_age in watched.values_list("creditor_id", "checked_on", "max_age_days"):
        stale = checked_on.toordinal() + max_age
        if creditor_id not in feeds or stale < feeds[creditor_id][0]:
            feeds[creditor_id] = stale, checked_on, max_age
    creditors = Creditor.objects.filter(tenant_id=tenant_id).values_list("id", "profile")
    costs = {creditor_id: profile.get("letter_cost_cents") or {} for creditor_id, profile in creditors}
    creditor_ids = sorted(deductible.keys() | feeds.keys() | costs.keys())
    none = (None, None, None)
    columns = [
        [deductible.get(i, True) for i in creditor_ids],
        [feeds.get(i, none)[1] for i in creditor_ids],
        [feeds.get(i, none)[2] for i in creditor_ids],
        *([costs.get(i, {}).get(channel.value) for i in creditor_ids] for channel in _CHANNELS),
    ]
    return pl.DataFrame(
        {"creditor_id": creditor_ids, **dict(zip(OF_CREDITORS, columns, strict=True))},
        schema={name: frames.CASES[name] for name in ("creditor_id", *OF_CREDITORS)},
    )


def _claims(tenant_id: int, wanted: _Wanted, known_on: date | None) -> pl.DataFrame:
    known, known_parameters = _until("l.recorded_on", known_on)
    frame = bulk.read_frame(
        connection,
        _select(
            frames.CLAIMS,
            "l",
            claim_id="l.id",
            # No date of the contract: the invoice's picks the margin. `contract_dates` tells the two apart.
            obligation_arose_on="coalesce(l.obligation_arose_on, l.issued_on, l.due_on)",
        ),
        f"claims l WHERE l.tenant_id = %s{wanted.of('l.case_id')}{known}",
        [tenant_id, *wanted.parameters, *known_parameters],
        key=wanted.key("l.id"),
    )
    return frame.sort("case_id", "claim_no")


def contract_dates(tenant_id: int, case_ids: Sequence[int]) -> dict[int, date]:
    """claim_id → date of its contract, where the claim's file told it; nothing stands in for it."""
    tenancy.set_tenant(tenant_id)
    condition, parameters = bulk.ids_filter(connection, "case_id", case_ids)
    told = bulk.read_frame(
        connection,
        {"claim_id": ("id", pl.Int64), "contract_on": ("obligation_arose_on", pl.Date)},
        f"claims WHERE tenant_id = %s AND obligation_arose_on IS NOT NULL AND {condition}",
        [tenant_id, *parameters],
    )
    return dict(told.iter_rows())


def _facts(tenant_id: int, wanted: _Wanted, on: date | None, known_on: date | None) -> pl.DataFrame:
    known, known_parameters = _until("f.recorded_on", known_on)
    effective, effective_parameters = _until("f.effective_on", on)
    frame = bulk.read_frame(
        connection,
        _select(frames.FACTS, "f"),
        f"facts f WHERE f.tenant_id = %s AND f.kind <> %s{wanted.of('f.case_id')}{known}{effective}",
        [
            tenant_id,
            int(frames.FactKind.CLAIM_PLACED),
            *wanted.parameters,
            *known_parameters,
            *effective_parameters,
        ],
        key=wanted.key("f.id"),
    )
    return frame.sort("case_id", "fact_no")


def _designations(tenant_id: int, wanted: _Wanted, known_on: date | None) -> pl.DataFrame:
    known, known_parameters = _until("f.recorded_on", known_on)
    frame = bulk.read_frame(
        connection,
        _select(frames.DESIGNATIONS, "d"),
        "designations d JOIN facts f ON f.tenant_id = d.tenant_id AND f.case_id = d.case_id "
        f"AND f.fact_no = d.fact_no WHERE d.tenant_id = %s{wanted.of('d.case_id')}{known}",
        [tenant_id, *wanted.parameters, *known_parameters],
        key=wanted.key("d.id"),
    )
    return frame.sort("case_id", "fact_no", "position")


def _notices(tenant_id: int, wanted: _Wanted, known_on: date | None) -> pl.DataFrame:
    known, known_parameters = _until("m.sealed_on", known_on)
    states = ", ".join(f"'{state}'" for state in MAY_HAVE_LEFT)
    frame = bulk.read_frame(
        connection,
        _select(
            frames.NOTICES,
            "m",
            message_id="m.id",
            claim_id="i.claim_id",
            step_id="i.step_id",
            level="i.level",
            message_step_id="m.step_id",
            item_demanded_cents="i.open_cents",
        ),
        "messages m JOIN message_items i ON i.tenant_id = m.tenant_id AND i.message_id = m.id "
        f"WHERE m.tenant_id = %s AND m.state IN ({states}){wanted.of('m.case_id')}{known}",
        [tenant_id, *wanted.parameters, *known_parameters],
        key=wanted.key("i.id"),
    )
    return frame.sort("case_id", "sealed_on", "message_id", "claim_id")


def _decisions(tenant_id: int, wanted: _Wanted, known_on: date | None) -> pl.DataFrame:
    if known_on is None:
        when, parameters = "d.until_on IS NULL", []
    else:
        when = "d.from_on <= %s AND (d.until_on IS NULL OR d.until_on > %s)"
        parameters = [known_on, known_on]
    frame = bulk.read_frame(
        connection,
        _select(frames.DECISIONS, "d"),
        f"decisions d WHERE d.tenant_id = %s AND {when}{wanted.of('d.case_id')}",
        [tenant_id, *parameters, *wanted.parameters],
        key=wanted.key("d.id"),
    )
    return frame.sort("case_id")


def _instalments(tenant_id: int, wanted: _Wanted, known_on: date | None, facts: pl.DataFrame) -> pl.DataFrame:
    known, known_parameters = _until("p.recorded_on", known_on)
    told, told_parameters = _until("r.told_on", known_on)
    mine = f"r.tenant_id = p.tenant_id AND r.plan_id = p.id{told}"
    reminded, first = (
        f"(SELECT {which}(r.told_on) FROM plan_reminders r WHERE {mine})"  # noqa: S608
        for which in ("max", "min")
    )
    kinds = frames.INSTALMENTS
    columns = _select({name: kinds[name] for name in _OF_INSTALMENT}, "i") | _select(
        {name: kinds[name] for name in _OF_PLAN},
        "p",
        reminded_on=reminded,
        reminded_first_on=first,
        is_debited="CASE WHEN CAST(p.terms AS text) LIKE %s THEN 1 ELSE 0 END",
    )
    frame = bulk.read_frame(
        connection,
        columns | {"instalment_id": ("i.id", pl.Int64)},
        "instalments i JOIN instalment_plans p ON p.tenant_id = i.tenant_id AND p.id = i.plan_id "
        f"WHERE i.tenant_id = %s{wanted.of('i.case_id')}{known}",
        [
            *told_parameters,
            *told_parameters,
            debit_columns.CLAUSE,
            tenant_id,
            *wanted.parameters,
            *known_parameters,
        ],
        key=wanted.key("i.id"),
    )
    frame = debit_columns.with_debits(frame, facts, tenant_id, wanted.of, wanted.parameters)
    return frame.select(list(frames.INSTALMENTS)).sort("case_id", "plan_id", "number")


def _debits(tenant_id: int, wanted: _Wanted, on: date | None, known_on: date | None) -> pl.DataFrame:
    known, known_parameters = _until("n.notified_on", min(filter(None, (on, known_on)), default=None))
    later, later_parameters = _until("l.notified_on", known_on)
    made, made_parameters = _until("f.made_on", known_on)
    runs = "m.ended_on IS NULL" if known_on is None else "(m.ended_on IS NULL OR m.ended_on > %s)"
    own = {"notice_id": "n.id", "plan_id": "i.plan_id", "number": "i.number", "notice_days": "m.notice_days"}
    superseded = " ".join(
        "AND NOT EXISTS (SELECT 1 FROM debit_notices l WHERE l.tenant_id = n.tenant_id "  # noqa: S608
        f"AND l.{target} = n.{target} AND l.attempt > n.attempt{later})"
        for target in ("claim_id", "instalment_id")
    )
    collected = (
        "SELECT 1 FROM debit_orders o JOIN debit_files f ON f.tenant_id = o.tenant_id AND f.id = o.file_id "  # noqa: S608
        f"WHERE o.tenant_id = n.tenant_id AND o.notice_id = n.id{made}"
    )
    frame = bulk.read_frame(
        connection,
        _select(frames.DEBITS, "n", **own),
        "debit_notices n JOIN debit_mandates m ON m.tenant_id = n.tenant_id AND m.id = n.mandate_id "
        "LEFT JOIN instalments i ON i.tenant_id = n.tenant_id AND i.id = n.instalment_id "
        f"WHERE n.tenant_id = %s{wanted.of('n.case_id')}{known} AND n.told_by = 'message' AND {runs} "
        f"{superseded} AND NOT EXISTS ({collected})",
        [
            tenant_id,
            *wanted.parameters,
            *known_parameters,
            *([] if known_on is None else [known_on]),
            *later_parameters,
            *later_parameters,
            *made_parameters,
        ],
    )
    return frame.select(list(frames.DEBITS)).sort("case_id", "notice_id")


def shards(tenant_id: int, cases: int = 100_000) -> list[tuple[int, int]]:
    """Ranges of case ids, each of about `cases` cases, that together cover the tenant's book."""
    tenancy.set_tenant(tenant_id)
    firsts: list[int] = []
    ids = Case.objects.filter(tenant_id=tenant_id).order_by("id")
    while True:
        later = ids.filter(id__gte=firsts[-1]) if firsts else ids
        offset = cases if firsts else 0
        found = later.values_list("id", flat=True)[offset : offset + 1]
        if not found:
            break
        firsts.append(found[0])
    lasts = [first - 1 for first in firsts[1:]]
    if firsts:
        lasts.append(ids.values_list("id", flat=True).last() or firsts[-1])
    return list(zip(firsts, lasts, strict=True))


@dataclass(frozen=True)
class PersonOfCase:
    """A participant of a case, decrypted. `payload` has the fields of frames.PERSON; None = erased."""

    case_id: int
    person_id: int
    version: int
    state: str
    payload: dict[str, str] | None


def persons(
    tenant_id: int, case_ids: Iterable[int], part: str = CaseParticipant.Part.DEBTOR
) -> dict[int, PersonOfCase]:
    """Who takes this part in these cases, in their latest version, decrypted in memory only.

    Cases without such a participant are missing; a person whose key was destroyed has payload None.
    """
    tenancy.set_tenant(tenant_id)
    wanted, found = sorted(set(case_ids)), {}
    for start in range(0, len(wanted), 500):
        of_case = dict(
            CaseParticipant.objects.filter(
                tenant_id=tenant_id, case_id__in=wanted[start : start + 500], part=part
            ).values_list("case_id", "person_id")
        )
        versions = Person.objects.filter(tenant_id=tenant_id, person_id__in=set(of_case.values()))
        latest = {row.person_id: row for row in versions.order_by("version")}
        keys = crypto.person_keys(tenant_id, latest)
        payloads = {i: _open_payload(tenant_id, row, keys.get(i)) for i, row in latest.items()}
        for case_id, person_id in of_case.items():
            row = latest[person_id]
            found[case_id] = PersonOfCase(case_id, person_id, row.version, row.state, payloads[person_id])
    return found


def _open_payload(tenant_id: int, row: Person, key: bytes | None) -> dict[str, str] | None:
    if key is None or row.state == Person.State.SHREDDED:
        return None
    aad = crypto.payload_aad(tenant_id, row.person_id, row.version)
    stored = json.loads(crypto.decrypt(key, row.payload, aad))
    return {name: stored.get(name, "") for name in frames.PERSON}


def creditors(tenant_id: int) -> dict[int, dict[str, Any]]:
    """Each creditor as a dict: creditor_id, public_id, key, name, iban, vat_id, language, procedure,
    `profile` (the creditor file), logo, logo_type, and of the latest mandate role, mandate_given_on,
    input_tax_deductible, registration."""
    tenancy.set_tenant(tenant_id)
    mandates = {m.creditor_id: m for m in Mandate.objects.filter(tenant_id=tenant_id).order_by("given_on")}
    found = {}
    for row in Creditor.objects.filter(tenant_id=tenant_id).order_by("id"):
        mandate = mandates.get(row.id)
        found[row.id] = {
            "creditor_id": row.id,
            "public_id": row.public_id,
            "key": row.key,
            "name": row.name,
            "iban": row.iban,
            "vat_id": row.vat_id,
            "language": row.language,
            "procedure": row.procedure,
            "profile": row.profile,
            "logo": bytes(row.logo) if row.logo is not None else None,
            "logo_type": row.logo_type,
            "role": mandate.role if mandate else int(frames.Role.OWN),
            "mandate_given_on": mandate.given_on if mandate else None,
            "input_tax_deductible": mandate.input_tax_deductible if mandate else True,
            "registration": mandate.registration if mandate else {},
        }
    return found


def case_id(tenant_id: int, text: str) -> int:
    """The case of a case reference, RF reference, old reference or public id; else LookupError."""
    tenancy.set_tenant(tenant_id)
    plain = text.strip()
    compact = plain.replace(" ", "").upper()
    cases = Case.objects.filter(tenant_id=tenant_id)
    for field, value in (("case_reference", plain.upper()), ("rf_reference", compact), ("public_id", plain)):
        found = cases.filter(**{field: value}).values_list("id", flat=True).first()
        if found is not None:
            return int(found)
    alias = CaseAlias.objects.filter(tenant_id=tenant_id, reference=plain).first()
    if alias is None:
        raise LookupError(f"There is no case {plain!r}; `mahnwerk cases` lists them.")
    return int(alias.case_id)
