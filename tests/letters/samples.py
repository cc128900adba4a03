"""A few letters as they are really sent; used by the tests and the benchmark."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from mahnwerk.frames import Role
from mahnwerk.letters.model import (
    Debit,
    DebitPart,
    InterestRow,
    Item,
    Letter,
    Line,
    MissedInstalment,
    Party,
    Payment,
    PaymentPart,
    PlannedInstalment,
    PlanOffer,
    PlanTerms,
    Recipient,
    Registration,
    RunningPlan,
    Sender,
)
from mahnwerk.letters.reference import rf_reference

SHOP = Sender(
    name="Möbelhaus Grünwald GmbH",
    address_lines=("Lindenallee 12", "70173 Stuttgart"),
    iban="DE89370400440532013000",
    bic="COBADEFFXXX",
    bank_name="Commerzbank",
    contact_person="Miriam Öztürk",
    phone="0711 123456-20",
    email="rechnung@moebel-gruenwald.example",
    hours="Mo–Fr 9–17 Uhr",
    vat_id="DE123456789",
    register="Amtsgericht Stuttgart, HRB 12345",
    website="www.moebel-gruenwald.example",
)
AGENCY = replace(
    SHOP,
    name="Fairklar Inkasso GmbH",
    address_lines=("Rheinufer 3", "50668 Köln"),
    contact_person="Jonas Weiß",
    phone="0221 987654-0",
    email="hilfe@fairklar.example",
    register="Amtsgericht Köln, HRB 54321",
    website="www.fairklar.example",
    vat_id="DE987654321",
)
ANNA = Recipient(
    salutation="Frau",
    title="Dr.",
    first_name="Anna-Lena",
    last_name="Müller-Lüdenscheidt",
    street="Große Straße 7a",
    postcode="80331",
    city="München",
    customer_number="K-10442",
    email="anna@example.org",
)
REGISTRATION = Registration(
    number="Registriert als Inkassodienstleister nach § 10 Abs. 1 Nr. 1 RDG, Nr. 3712-I-0815/21",
    authority=Party("Bundesamt für Justiz", ("Adenauerallee 99–103", "53113 Bonn")),
    authority_contact="rdg@bfj.bund.example",
    is_input_tax_deductible=False,
)
ON = date(2026, 11, 21)


def item(number: str = "2026-1043", cents: int = 8_490, **changes: Any) -> Item:
    """One open invoice of 8,490 cents, due on 3 November."""
    base = Item(
        invoice_number=number,
        issued_on=date(2026, 10, 20),
        due_on=date(2026, 11, 3),
        original_cents=cents,
        principal_open_cents=cents,
        step="payment_reminder",
        ground="Kauf von Möbeln",
        contract_on=date(2026, 10, 12),
    )
    return replace(base, **changes)


def letter(template: str = "payment_reminder", **changes: Any) -> Letter:
    """A plain letter with one open invoice."""
    if template == "plan_reminder":
        return plan_reminder(**changes)
    if template == "debit_notice":
        return debit_notice(**changes)
    if template == "plan_document":
        return plan_document(**changes)
    items = changes.pop("items", (item(step=template),))
    base = Letter(
        template=template,
        sender=SHOP,
        recipient=ANNA,
        dated_on=ON,
        as_of_on=ON - timedelta(days=1),
        pay_by=None if template in ("confirm_paid_in_full", "statement_of_account") else date(2026, 12, 5),
        case_reference="MW-2026-000123",
        rf_reference=rf_reference("2026000123"),
        items=items,
        lines=tuple(_principal(each) for each in items),
        demand_cents=sum(each.open_cents for each in items if each.is_demanded),
    )
    return replace(base, **changes)


def plan_reminder(**changes: Any) -> Letter:
    """The second of four instalments did not come."""
    base = replace(
        letter("payment_reminder"),
        template="plan_reminder",
        items=(item(step="plan_reminder", is_demanded=False),),
        lines=(),
        demand_cents=2_000,
        plan=RunningPlan(
            agreed_on=date(2026, 9, 14),
            missed=(MissedInstalment(2, date(2026, 11, 2), 2_500, 2_000),),
            next_on=date(2026, 12, 1),
            next_cents=2_500,
            may_end=True,
        ),
    )
    return replace(base, **changes)


def debit_notice(**changes: Any) -> Letter:
    """One invoice will be collected."""
    base = replace(
        letter("payment_reminder"),
        template="debit_notice",
        items=(item(step="debit_notice", is_demanded=False),),
        lines=(),
        pay_by=date(2026, 12, 7),
        debit=Debit(
            collect_on=date(2026, 12, 7),
            mandate="M-1042",
            creditor_identifier="DE98ZZZ09999999999",
            account_end="2051",
            parts=(DebitPart("2026-1043", None, date(2026, 11, 3), 8_490),),
        ),
    )
    return replace(base, **changes)


def _principal(each: Item) -> Line:
    return Line(
        component="principal",
        rule_id="claim.principal",
        amount_cents=each.original_cents,
        invoice_number=each.invoice_number,
        last_day=each.issued_on,
        source="§ 433 Abs. 2 BGB",
    )


def second_notice(**changes: Any) -> Letter:
    """Interest, a dunning cost and a part payment on two invoices: everything page two can show."""
    first = item(
        "2026-0877", 124_900, issued_on=date(2026, 6, 9), due_on=date(2026, 6, 23),
        principal_open_cents=74_900,
        interest_open_cents=931, costs_open_cents=110, step="second_notice",
    )  # fmt: skip
    second = item("2026-1043", step="payment_reminder", interest_open_cents=0)
    lines = (
        _principal(first),
        _principal(second),
        Line(
            "payment", -50_000, "payment.received", invoice_number="2026-0877", last_day=date(2026, 9, 1),
            source="§ 362 BGB",
        ),
        Line(
            "interest", 931, "interest.default", invoice_number="2026-0877", first_day=date(2026, 8, 1),
            last_day=date(2026, 11, 20), days=112, source="§ 288 Abs. 1 BGB",
        ),
        Line("costs", 110, "costs.dunning_letter", source="§ 280, § 286 BGB", first_day=ON, is_new=True),
    )  # fmt: skip
    rows = (
        InterestRow("2026-0877", date(2026, 8, 1), date(2026, 9, 1), 32, 124_900, 65_200, 714),
        InterestRow("2026-0877", date(2026, 9, 2), date(2026, 11, 20), 80, 74_900, 65_200, 217),
    )
    payments = (Payment(date(2026, 9, 1), 50_000, (PaymentPart("principal", 50_000, "2026-0877"),)),)
    base = letter(
        "second_notice", items=(first, second), lines=lines, interest_rows=rows, payments=payments,
        new_costs_cents=110, default_rate_ppm=65_200,
    )  # fmt: skip
    return replace(base, **changes)


def agency_letter(**changes: Any) -> Letter:
    """A registered agency writes for the shop: § 13a RDG applies."""
    creditor = Party(SHOP.name, SHOP.address_lines)
    base = second_notice(sender=AGENCY, role=Role.AGENCY, creditor=creditor, registration=REGISTRATION)
    return replace(base, **changes)


def final_notice(**changes: Any) -> Letter:
    """The last letter, with an offer of a plan."""
    one = item("2026-0877", 60_000, issued_on=date(2026, 6, 9), due_on=date(2026, 6, 23), step="final_notice")
    offer = PlanOffer(6, 10_000, 10_000, date(2026, 12, 15), date(2027, 5, 15), 60_000, date(2026, 12, 5))
    base = letter("final_notice", items=(one,), offer=offer)
    return replace(base, **changes)


def paid(**changes: Any) -> Letter:
    """The closing letter."""
    one = item(principal_open_cents=0, step="confirm_paid_in_full")
    parts = (PaymentPart("principal", 8_490, one.invoice_number),)
    base = letter(
        "confirm_paid_in_full", items=(one,),
        payments=(Payment(date(2026, 11, 19), 8_490, parts),),
    )  # fmt: skip
    return replace(base, **changes)


def disputed_statement(**changes: Any) -> Letter:
    """A statement of account with one invoice disputed in part and one as a whole."""
    part = item("2026-0877", 124_900, principal_open_cents=74_900, disputed_cents=50_000, step="")
    whole = item("2026-1043", principal_open_cents=0, disputed_cents=8_490, step="")
    plain = item("2026-1100", 10_000, step="")
    lines = (
        *map(_principal, (part, whole, plain)),
        Line("credit", -50_000, label="strittiger Teil, nicht gefordert", invoice_number="2026-0877"),
        Line("credit", -8_490, label="strittiger Teil, nicht gefordert", invoice_number="2026-1043"),
    )
    base = letter("statement_of_account", items=(part, whole, plain), lines=lines)
    return replace(base, **changes)


def plan_document(count: int = 4, rate_cents: int = 0, **changes: Any) -> Letter:
    """The terms of a plan in equal instalments and a smaller last one; `rate_cents` of interest in each.

    `terms`: changes of the terms themselves, as a mapping.
    """
    of_terms = changes.pop("terms", {})
    item_of_plan = item("2026-0877", 60_000, interest_open_cents=931, costs_open_cents=110, is_demanded=False)
    items = changes.pop("items", (replace(item_of_plan, step="plan_document"),))
    open_cents = sum(each.open_cents for each in items)
    each_cents = -(-open_cents // count) + rate_cents
    left, made = open_cents, []
    for number in range(1, count + 1):
        amount = min(each_cents, left + rate_cents)
        left -= amount - rate_cents
        day = date(2026 + number // 12, number % 12 + 1, 1)
        made.append(PlannedInstalment(number, day + timedelta(days=365), amount, rate_cents, left))
    terms = PlanTerms(
        starts_on=ON,
        instalments=tuple(made),
        open_cents=open_cents,
        interest_cents=rate_cents * count,
        total_cents=sum(one.amount_cents for one in made),
        rate_ppm=40_000 if rate_cents else 0,
        grace_days=7,
        clauses=(
            "no_fee", "pay_early", "no_acknowledgement", *(("due_on_default",) if count > 1 else ()),
            "interest_as_agreed" if rate_cents else "no_interest",
        ),
        terms_hash=hashlib.sha256(b"terms").hexdigest(),
        answer_by=ON + timedelta(days=30),
        to_sign=True,
    )  # fmt: skip
    terms = replace(terms, **of_terms)
    base = replace(
        letter("statement_of_account"),
        template="plan_document",
        items=items,
        lines=(),
        as_of_on=ON,
        demand_cents=terms.total_cents,
        terms=terms,
    )
    return replace(base, **changes)
