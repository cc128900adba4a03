"""What a letter says, as plain values: no frame, no database row, no text of its own.

The use case fills a `Letter` from the claim statement (facts plus the cost of this letter); `render`
draws it and `check` judges it. Amounts are whole cents of `currency`, rates parts per million per
year, days local dates. Strings are data: they are shown as they are and never read as markup.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from mahnwerk.frames import Role

LANGUAGES: Final = ("de", "en")
TEMPLATES: Final = (
    "notice_before_due",
    "payment_reminder",
    "dunning_notice",
    "second_notice",
    "final_notice",
    "confirm_paid_in_full",
    "statement_of_account",
    "plan_reminder",
    "debit_notice",
    "plan_document",
)
"""What a letter can be. Consumer, business and agency variants are chosen inside, by its fields."""
DEMANDING: Final = (*TEMPLATES[:5], "plan_reminder")
"""Templates that ask for money, so they need an amount, a day and a way to pay."""
ATTACHMENT: Final = "attachment"
GROUNDS: Final = ("credit_bureau", "title", ATTACHMENT)
"""Reasons, in law or in fact, that allow a letter to speak of something it otherwise must not."""


class LetterError(ValueError):
    """A letter cannot be drawn: says which field, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Party:
    """A name with a postal address.

    address_lines: street, then postcode and city (and more where needed), without the name.
    """

    name: str
    address_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: the letter head, the way to pay and the human to talk to.

    country: ISO-2; a recipient elsewhere gets a country line. logo: PNG or JPEG bytes, or none.
    account_holder: name on the account, where it differs from `name`. register: commercial register.
    privacy: web address of the privacy notice (Art. 13, 14 GDPR).
    """

    name: str
    address_lines: tuple[str, ...]
    iban: str
    contact_person: str
    phone: str = ""
    email: str = ""
    hours: str = ""
    bic: str = ""
    bank_name: str = ""
    account_holder: str = ""
    vat_id: str = ""
    register: str = ""
    website: str = ""
    privacy: str = ""
    country: str = "DE"
    logo: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Registration:
    """What § 13a Abs. 1 RDG asks of a collection agency or assignee beyond the statement itself.

    authority: the supervisory authority with address lines; authority_contact: its e-mail or web address.
    is_input_tax_deductible: of the client; if not, the letter declares it (Nr. 6).
    is_address_researched: the address did not come from the creditor (Nr. 7).
    higher_rate_ground: circumstances of a rate above the statutory one (Nr. 4), else "".
    """

    number: str
    authority: Party
    authority_contact: str
    is_input_tax_deductible: bool = True
    is_address_researched: bool = False
    higher_rate_ground: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom the letter goes to. salutation: Frau, Herr, Familie, Ms, Mr, Mrs or ""."""

    last_name: str = ""
    first_name: str = ""
    title: str = ""
    salutation: str = ""
    company: str = ""
    address_extra: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = "DE"
    customer_number: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One claim the letter lists, with the state it has of its own.

    original_cents: invoice amount. The three open parts are as of `Letter.as_of_on` and include the
    share of this letter's cost. disputed_cents: what is disputed; in none of the three, so not demanded.
    step: the claim's own step after this letter (a template id) or "".
    is_demanded: False = listed for information (not yet due), not part of the demand.
    ground, contract_on: concrete subject and date of the contract (§ 13a Abs. 1 Nr. 2 RDG); None = not
    known. is_contract: False = a debt by law, such as damages, which has no such date.
    default_since, default_source: first day of default and its statute, where default has begun.
    """

    invoice_number: str
    issued_on: date
    due_on: date
    original_cents: int
    principal_open_cents: int
    interest_open_cents: int = 0
    costs_open_cents: int = 0
    disputed_cents: int = 0
    step: str = ""
    status: str = ""
    triggers_default: bool = False
    is_demanded: bool = True
    ground: str = ""
    contract_on: date | None = None
    is_contract: bool = True
    default_since: date | None = None
    default_source: str = ""

    @property
    def open_cents(self) -> int:
        """Principal, interest and costs still owed on this claim, without what is disputed."""
        return self.principal_open_cents + self.interest_open_cents + self.costs_open_cents


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the derivation; all lines of a demanding letter add up to the demand.

    component: principal, interest, costs, credit or payment; credits and payments are negative.
    rule_id: of the catalogue, e.g. interest.default. label: what it is; "" = the wording's text for the rule.
    base_cents, rate_ppm, first_day, last_day, days: what it was worked out from, where that applies.
    source: the statute. is_new: arises with this letter.
    """

    component: str
    amount_cents: int
    rule_id: str = ""
    label: str = ""
    invoice_number: str = ""
    base_cents: int | None = None
    rate_ppm: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    days: int | None = None
    source: str = ""
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class InterestRow:
    """One row of the printed interest schedule: both days count, the rate is unchanged between them."""

    invoice_number: str
    first_day: date
    last_day: date
    days: int
    principal_cents: int
    rate_ppm: int
    interest_cents: int


@dataclass(frozen=True, slots=True)
class PaymentPart:
    """What part of a payment went where. component: costs, interest or principal."""

    component: str
    amount_cents: int
    invoice_number: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment received (or a credit note), and what it paid (§§ 366, 367 BGB)."""

    paid_on: date
    amount_cents: int
    paid: tuple[PaymentPart, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """A plan in instalments: `count` − 1 times `instalment_cents`, then `last_instalment_cents`.

    total_cents: everything the plan costs, with interest and fees; answer_by: how long the offer stands.
    """

    count: int
    instalment_cents: int
    last_instalment_cents: int
    first_on: date
    last_on: date
    total_cents: int
    answer_by: date | None = None


@dataclass(frozen=True, slots=True)
class MissedInstalment:
    """An instalment of a plan that did not come, or came in part. open_cents: what of it is missing."""

    number: int
    due_on: date
    amount_cents: int
    open_cents: int


@dataclass(frozen=True, slots=True)
class RunningPlan:
    """The plan a reminder is about.

    missed: the instalments asked for, the oldest first. next_on, next_cents: the one after them, if any.
    may_end: its terms let the rest fall due when two full instalments are missing; ends_next: they are.
    why: not_paid, returned (our direct debit came back), no_mandate (agreed to be collected, but no mandate
    is open: the debtor is asked to pay himself).
    """

    agreed_on: date
    missed: tuple[MissedInstalment, ...]
    next_on: date | None = None
    next_cents: int = 0
    may_end: bool = False
    ends_next: bool = False
    why: str = "not_paid"


@dataclass(frozen=True, slots=True)
class DebitPart:
    """What a direct debit is for: an invoice by its number, or an instalment by its own. due_on: of it."""

    invoice_number: str
    instalment: int | None
    due_on: date
    open_cents: int


@dataclass(frozen=True, slots=True)
class Debit:
    """The direct debit a `debit_notice` announces.

    collect_on: the day the account is debited. mandate: its reference. account_end: last digits of the IBAN.
    """

    collect_on: date
    mandate: str
    creditor_identifier: str
    account_end: str
    parts: tuple[DebitPart, ...]


@dataclass(frozen=True, slots=True)
class PlannedInstalment:
    """An instalment as agreed. interest_cents: part of it; left_cents: what is still owed after it."""

    number: int
    due_on: date
    amount_cents: int
    interest_cents: int
    left_cents: int


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """The terms of an instalment plan or deferral, as hashed, for a `plan_document`.

    starts_on: its first day, that of the offer. answer_by: until when an offer stands, None = it is agreed.
    open_cents: owed on the first day, total_cents with the interest of the plan; a fee there is none.
    clauses: ids of the whitelist. mandate, creditor_identifier, account_end: of the open mandate under which
    the instalments are collected, "" = none. to_sign: print a place for day and signatures.
    """

    starts_on: date
    instalments: tuple[PlannedInstalment, ...]
    open_cents: int
    interest_cents: int
    total_cents: int
    rate_ppm: int
    grace_days: int
    clauses: tuple[str, ...]
    terms_hash: str
    answer_by: date | None = None
    mandate: str = ""
    creditor_identifier: str = ""
    account_end: str = ""
    to_sign: bool = False

    @property
    def last_on(self) -> date:
        """The day of the last instalment."""
        return self.instalments[-1].due_on

    @property
    def is_deferral(self) -> bool:
        """Whether all is paid on one day."""
        return len(self.instalments) == 1


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything one letter or e-mail says.

    template: one of TEMPLATES. language: de or en. dated_on: the letter's date; as_of_on: payments until
    then are counted in (crossing note). pay_by: last day to pay. demand_cents: what is asked for, equal to
    the sum over demanded items. new_costs_cents: cost this letter itself adds (already in the items).
    default_rate_ppm: yearly rate that runs in default, None = not printed. creditor: for an agency the
    client, for an assignee the first creditor, for a marketplace the operator. day_count: name of the
    convention, printed under the schedule.
    is_consumer_credit: § 497 Abs. 3 BGB orders the payments. surplus_cents: to be paid back.
    pay_url: the page on which to pay online what the letter asks for, "" = none. grounds: of GROUNDS;
    `attachment` = the words travel as an e-mail that carries the PDF. plan: of a `plan_reminder`, which asks
    for its missed instalments only. debit: of a `debit_notice`, which asks for nothing: demand_cents is what
    will be collected. terms: of a `plan_document`, which asks for nothing either: demand_cents is all that
    the plan comes to, and the items are what it covers as of its first day.
    """

    template: str
    sender: Sender
    recipient: Recipient
    dated_on: date
    as_of_on: date
    case_reference: str
    rf_reference: str
    items: tuple[Item, ...]
    demand_cents: int
    pay_by: date | None = None
    language: str = "de"
    currency: str = "EUR"
    role: Role = Role.OWN
    is_consumer: bool = True
    creditor: Party | None = None
    registration: Registration | None = None
    lines: tuple[Line, ...] = ()
    interest_rows: tuple[InterestRow, ...] = ()
    payments: tuple[Payment, ...] = ()
    new_costs_cents: int = 0
    triggers_default: bool = False
    default_rate_ppm: int | None = None
    offer: PlanOffer | None = None
    portal_url: str = ""
    pay_url: str = ""
    surplus_cents: int = 0
    day_count: str = "act/act"
    is_consumer_credit: bool = False
    grounds: frozenset[str] = frozenset()
    plan: RunningPlan | None = None
    debit: Debit | None = None
    terms: PlanTerms | None = None

    @property
    def last_day(self) -> date | None:
        """The day named to pay by; before anything is due, the first due date if no other is named."""
        if self.pay_by is None and self.template == "notice_before_due":
            return min((item.due_on for item in self.demanded_items), default=None)
        return self.pay_by

    @property
    def demanded_items(self) -> tuple[Item, ...]:
        """The items this letter asks to be paid."""
        return tuple(item for item in self.items if item.is_demanded)

    @property
    def disputed_cents(self) -> int:
        """What of the demanded items is disputed and therefore not asked for."""
        return sum(item.disputed_cents for item in self.demanded_items)

    @property
    def is_third_party(self) -> bool:
        """Whether § 13a RDG applies: somebody collects who is not the first creditor."""
        return self.role in (Role.AGENCY, Role.ASSIGNEE)

    @property
    def is_demanding(self) -> bool:
        """Whether the letter asks for money."""
        return self.template in DEMANDING


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished letter: the same words three times. sha256: of the PDF bytes."""

    pdf: bytes = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    subject: str = ""
    sha256: str = ""
    unprintable: tuple[str, ...] = ()
    """Characters the shipped font cannot draw; shown in the PDF by their code."""
    template_hash: str = ""
