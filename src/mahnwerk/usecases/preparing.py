"""From planned messages to sealed-ready ones: ask again, price, write, check. Touches nothing.

The plan is made anew from the facts of this moment. A message the new plan no longer wants is
withdrawn; one it wants with other figures takes the new figures.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from mahnwerk.frames import FACTS, Book, Channel, FactKind
from mahnwerk.kernel import permits
from mahnwerk.kernel.costs import split_cents
from mahnwerk.kernel.daily_run import Decided, decide
from mahnwerk.kernel.message_fees import LUMP_SUM_RULE
from mahnwerk.kernel.notices import DEBIT_NOTICE, PLAN_REMINDER
from mahnwerk.kernel.procedures import Procedure
from mahnwerk.law import Laws, load_laws
from mahnwerk.letters.model import Letter, LetterError, Rendered
from mahnwerk.records import crypto, load
from mahnwerk.records.models import Case, Message, PayLink
from mahnwerk.usecases import (
    debit_letters,
    envelopes,
    letter_data,
    letter_links,
    plan_letters,
    procedures,
    rendering,
)
from mahnwerk.usecases.accounts import Account, accounts
from mahnwerk.usecases.channels import Channels
from mahnwerk.usecases.debit_letters import Mandates
from mahnwerk.usecases.letter_data import Incomplete
from mahnwerk.usecases.letter_links import LetterLinks
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.outbox import Sealing

PERSONAL_DOMAIN: Final = "mahnwerk.invalid"
"""Right side of a `Message-ID` where the creditor has no e-mail domain."""


@dataclass(frozen=True)
class Refusal:
    """Why a planned message does not leave now."""

    code: str
    what: str
    remedy: str
    is_withdrawal: bool
    permit: permits.Permit | None = None


@dataclass(frozen=True)
class Prepared:
    """A planned message, asked about again: with everything its seal needs, or refused.

    `pay_link` is the link its letter names: it must be kept before the seal.
    """

    message: Message
    case_reference: str
    currency: str
    demanded_cents: int = 0
    sealing: Sealing | None = None
    envelope: Mapping[str, str] | None = None
    refusal: Refusal | None = None
    pay_link: PayLink | None = None


@dataclass(frozen=True)
class _Wanted:
    """A message the plan of this moment wants, and what it costs."""

    message: Message
    measure: Mapping[str, Any]
    items: list[dict[str, Any]]
    costs: list[tuple[int, str, int]]
    permit: permits.Permit
    person: load.PersonOfCase


@dataclass(frozen=True)
class _Draft:
    """A message between permit and bytes."""

    wanted: _Wanted
    letter: Letter
    statement_hash: bytes
    links: LetterLinks


def prepare(book: OpenBook, on: dt.date, message_ids: Sequence[int], channels: Channels) -> list[Prepared]:
    """Prepare planned messages together, in their order.

    Parameters
    ----------
    on : the day the messages bear
    message_ids : rows in state planned; others are left out

    Returns
    -------
    One `Prepared` per message: either with `sealing` and `envelope`, or with `refusal`.
    """
    workshop = _Workshop.open(book, on, message_ids, channels)
    results: dict[int, Prepared] = {}
    wanted: list[_Wanted] = []
    for message in workshop.messages:
        asked = workshop.ask(message)
        if isinstance(asked, Refusal):
            results[message.id] = workshop.refused(message, asked)
        else:
            wanted.append(asked)
    drafts: list[_Draft] = []
    accounts = workshop.accounts(wanted)
    # A plan's reminder asks for what is missed; other links are worth what is asked for when they are used.
    missed = {
        one.message.case_id: letter_links.Missed(
            plan_letters.plan_missed(workshop.decided, one.message.case_id)["plan_id"],
            one.measure["demanded_cents"],
        )
        for one in wanted
        if one.measure["step_id"] == PLAN_REMINDER
    }
    links = letter_links.of_cases(book, [workshop.cases[one.message.case_id] for one in wanted], missed)
    for one in wanted:
        made = workshop.draft(one, accounts[one.message.case_id], links)
        if isinstance(made, Refusal):
            results[one.message.id] = workshop.refused(one.message, made)
        else:
            drafts.append(made)
    for draft, rendered in zip(drafts, rendering.render_all([one.letter for one in drafts]), strict=True):
        results[draft.wanted.message.id] = workshop.finish(draft, rendered)
    return [results[message.id] for message in workshop.messages]


@dataclass(frozen=True)
class _Workshop:
    """What some messages have in common: the cases as they are now, the new plan, persons, creditors."""

    opened: OpenBook
    on: dt.date
    messages: list[Message]
    book: Book
    laws: Laws
    procedures: Mapping[str, Procedure]
    decided: Decided
    persons: Mapping[int, load.PersonOfCase]
    creditors: Mapping[int, Mapping[str, Any]]
    channels: Channels
    cases: Mapping[int, Mapping[str, Any]]
    references: Mapping[int, str]
    contracts: Mapping[int, dt.date]
    mandates: Mandates

    @classmethod
    def open(cls, opened: OpenBook, on: dt.date, message_ids: Sequence[int], channels: Channels) -> _Workshop:
        rows = Message.objects.filter(tenant_id=opened.tenant_id, id__in=list(message_ids), state="planned")
        messages = list(rows.order_by("id"))
        case_ids = sorted({message.case_id for message in messages})
        cases = load.book(opened.tenant_id, case_ids=case_ids, on=on)
        laws, known = load_laws(), procedures.of_book(opened.place)
        return cls(
            opened=opened,
            on=on,
            messages=messages,
            book=cases,
            laws=laws,
            procedures=known,
            decided=decide(cases, laws, on, procedures=known),
            persons=load.persons(opened.tenant_id, case_ids),
            creditors=load.creditors(opened.tenant_id),
            channels=channels,
            cases={row["case_id"]: row for row in cases.cases.iter_rows(named=True)},
            references=dict(Case.objects.filter(id__in=case_ids).values_list("id", "rf_reference")),
            contracts=load.contract_dates(opened.tenant_id, case_ids),
            mandates=Mandates.of(
                opened.tenant_id, [one.case_id for one in messages if one.step_id == DEBIT_NOTICE]
            ),
        )

    def ask(self, message: Message) -> _Wanted | Refusal:
        """May this message leave now, and with which figures?"""
        mine = pl.col("case_id") == message.case_id
        measures = self.decided.plan.measures.filter(mine)
        items = self.decided.plan.measure_items.filter(mine)
        permit = self._permit(message, measures, items)
        if not permit.granted:
            return Refusal(
                code=(permit.refused_by or "not_permitted")[:60],
                what=f"no longer wanted ({permit.refused_by}: {permit.detail})".replace(": )", ")"),
                remedy="nothing to do; the next run decides anew",
                is_withdrawal=True,
                permit=permit,
            )
        person = self.persons.get(message.case_id)
        if person is None or person.payload is None:
            return Refusal("person_erased", "the person was erased", "nothing to do", True, permit)
        measure, rows = measures.row(0, named=True), items.to_dicts()
        return _Wanted(message, measure, rows, costs_of(measure, rows), permit, person)

    def accounts(self, wanted: Sequence[_Wanted]) -> dict[int, Account]:
        """The cases as they will be once these messages are sealed, so that the letters show their cost."""
        costs = {one.message.id: one.costs for one in wanted}
        book = add_costs(self.book, [one.message for one in wanted], self.on, costs)
        ids = [one.message.case_id for one in wanted]
        return accounts(book, self.decided.plan.balances, self.laws, self.on, ids) if ids else {}

    def draft(self, wanted: _Wanted, account: Account, links: LetterLinks) -> _Draft | Refusal:
        """The letter's values."""
        case = self.cases[wanted.message.case_id]
        known = (
            wanted.person.payload or {},
            self.creditors[case["creditor_id"]],
            self.procedures[wanted.measure["procedure"]],
            self.references[wanted.message.case_id],
            self.contracts,
            links.url_of(wanted.message.case_id),
        )
        try:
            if wanted.measure["step_id"] == DEBIT_NOTICE:
                content = debit_letters.notice(
                    self.mandates,
                    self.decided.debits.wanted,
                    wanted.items,
                    account,
                    self.on,
                    self.book,
                    case,
                    wanted.measure,
                    *known,
                )
            elif wanted.measure["step_id"] == PLAN_REMINDER:
                content = plan_letters.reminder(
                    account, self.on, self.book, self.decided, case, wanted.measure, *known
                )
            else:
                content = letter_data.message_letter(
                    account, self.on, case, wanted.measure, wanted.items, wanted.costs, *known
                )
        except (Incomplete, LetterError) as error:
            return Refusal("letter_incomplete", str(error), letter_data.REMEDY, False, wanted.permit)
        return _Draft(wanted, content.letter, self._keyed(content.statement_text), links)

    def _permit(self, message: Message, measures: pl.DataFrame, items: pl.DataFrame) -> permits.Permit:
        """Ask with the figures of this moment; step, cycle and channel must be those planned."""
        now = permits.keys_of(measures, items).get(message.case_id)
        key = permits.MeasureKey(
            case_id=message.case_id,
            procedure=message.procedure,
            step_id=message.step_id,
            cycle=message.cycle,
            channel=message.channel,
            demanded_cents=now.demanded_cents if now else message.demanded_cents,
            fee_cents=now.fee_cents if now else message.fee_cents,
            pay_by=now.pay_by if now else message.pay_by,
            items=now.items if now else (),
        )
        rules = permits.ruleset_hash(self.laws, self.procedures)
        return permits.of_plan(self.decided, self.book, rules, [key])[message.case_id]

    def _keyed(self, text: str) -> bytes:
        return crypto.keyed_hash(self.opened.tenant_id, "bytes hmac", text.encode(), length=32)

    def refused(self, message: Message, refusal: Refusal) -> Prepared:
        """The answer no."""
        case = self.cases[message.case_id]
        return Prepared(message, case["case_reference"], case["currency"], refusal=refusal)

    def finish(self, draft: _Draft, rendered: Rendered | str) -> Prepared:
        """Check the finished letter, put it into its envelope, and gather what the seal writes."""
        wanted, message = draft.wanted, draft.wanted.message
        case = self.cases[message.case_id]

        def no(code: str, what: str) -> Prepared:
            return self.refused(message, Refusal(code, what, letter_data.REMEDY, False, wanted.permit))

        if isinstance(rendered, str):
            return no("letter_failed", rendered)
        by_post, pages = message.channel == Channel.POST, draft.links.pages
        faults = rendering.faults(draft.letter, rendered, by_post=by_post, pay_pages=pages)
        if faults:
            return no("letter_check", "the letter check refused it: " + "; ".join(faults[:3]))
        gateway = self.channels.gateway_of(message.channel)
        try:
            content, envelope = self._enveloped(
                draft, rendered, file_key(message, case["case_reference"]), gateway
            )
        except ValueError as error:
            return no("address_unusable", str(error))
        sealing = Sealing(
            message_id=message.id,
            case_id=message.case_id,
            currency=case["currency"],
            fact_no=case["last_fact_no"],
            fence=message.fence,
            on=self.on,
            recipient_id=wanted.person.person_id,
            content=content,
            statement_hash=draft.statement_hash,
            demanded_cents=draft.letter.demand_cents,
            fee_cents=wanted.measure["fee_cents"],
            fee_rule_id=wanted.measure["fee_rule_id"],
            pay_by=wanted.measure["pay_by"],
            items=wanted.items,
            costs=wanted.costs,
            ruleset_hash=wanted.permit.ruleset_hash,
            law_hash=self.decided.plan.law_hash,
            answers=wanted.permit.answers,
            gateway=gateway,
        )
        return Prepared(
            message,
            case["case_reference"],
            case["currency"],
            draft.letter.demand_cents,
            sealing=sealing,
            envelope=envelope,
            pay_link=draft.links.by_case.get(message.case_id) if draft.letter.pay_url else None,
        )

    def _enveloped(
        self, draft: _Draft, rendered: Rendered, key: str, gateway: str
    ) -> tuple[bytes, dict[str, str]]:
        if draft.wanted.message.channel != Channel.EMAIL:
            return rendered.pdf, {"gateway": gateway, "key": key}
        sender, payload = draft.letter.sender, draft.wanted.person.payload or {}
        domain = sender.email.rpartition("@")[2] or PERSONAL_DOMAIN
        content = envelopes.build(
            envelopes.Envelope(sender.name, sender.email, letter_data.full_name(payload), payload["email"]),
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            pdf=rendered.pdf,
            pdf_name=f"{draft.letter.case_reference}.pdf",
            identifier=envelopes.message_id(f"{self.opened.tenant_id}:{key}", domain),
            written_at=dt.datetime.combine(self.on, dt.time(8, 0), dt.UTC),
        )
        return content, {
            "gateway": gateway,
            "key": key,
            "sender": sender.email,
            "recipient": payload["email"],
        }


def file_key(message: Message, case_reference: str) -> str:
    """The key of a message in every gateway: case, step, cycle, attempt – never the day.

    A worker that slept and wakes meets the file its successor wrote under the same name.
    """
    suffix = "eml" if message.channel == Channel.EMAIL else "pdf"
    again = f"-{message.attempt}" if message.attempt > 1 else ""
    return f"{case_reference}_{message.step_id}_{message.cycle}{again}.{suffix}".replace("/", "-")


def costs_of(measure: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, int]]:
    """What this message costs, per claim: the letter's fee split by what is open, and lump sums.

    Split in cents so that the parts add up (decision 0003). Only claims that climb to the message's own step
    bear it: they are in default, or the kernel would not have charged. A newer invoice that stands in the
    same letter with its first friendly reminder bears nothing.
    """
    bearing = [item for item in items if item["climbs"] and item["level"] == measure["level"]]
    costs = [
        (item["claim_id"], LUMP_SUM_RULE, item["lump_sum_cents"]) for item in items if item["lump_sum_cents"]
    ]
    if measure["fee_cents"]:
        shares = split_cents(measure["fee_cents"], [item["open_cents"] for item in bearing])
        costs += [
            (item["claim_id"], measure["fee_rule_id"], cents)
            for item, cents in zip(bearing, shares, strict=True)
            if cents
        ]
    return costs


def add_costs(
    book: Book, messages: Sequence[Message], on: dt.date, costs: Mapping[int, Sequence[tuple[int, str, int]]]
) -> Book:
    """The book with the cost facts that sealing these messages will add, one message per case."""
    last = dict(book.cases.select("case_id", "last_fact_no").iter_rows())
    rows = [
        {
            **dict.fromkeys(FACTS),
            "case_id": message.case_id,
            "fact_no": last[message.case_id] + number,
            "claim_id": claim_id,
            "kind": int(FactKind.COST_INCURRED),
            "effective_on": on,
            "recorded_on": on,
            "amount_cents": cents,
            "code": rule_id,
            "message_id": message.id,
        }
        for message in messages
        for number, (claim_id, rule_id, cents) in enumerate(costs[message.id], start=1)
    ]
    if not rows:
        return book
    return replace(book, facts=pl.concat([book.facts, pl.DataFrame(rows, schema=dict(FACTS))]))
