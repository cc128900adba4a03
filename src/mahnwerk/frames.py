"""The shape of every table that crosses a border: columns, types, units.

A frame is a Polars DataFrame whose columns are exactly those of its `Schema`, in that order.
`check_frame` is called where a frame enters the kernel; inside, nobody checks again.

Units: `_cents` minor units of the case's currency · `_ppm` parts per million per year · `_days` whole
days · `_on` local date · `_at` UTC timestamp · `_id` 64-bit application-made key · `is_`/`has_` Boolean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Final

import polars as pl

from mahnwerk.bounds import PRINCIPAL_CENTS_MAX as PRINCIPAL_CENTS_MAX
from mahnwerk.bounds import RATE_PPM_MAX as RATE_PPM_MAX
from mahnwerk.person_fields import PERSON as PERSON

Schema = Mapping[str, Any]


class FrameError(ValueError):
    """A frame does not have the columns or types its schema asks for."""


class FactKind(IntEnum):
    """What happened. Stored as this number; the name is the field's word for it."""

    CLAIM_PLACED = 100
    CREDIT_NOTE = 110
    GOODS_RETURNED = 111
    WAIVER = 112
    WRITE_OFF = 113
    COMPROMISE = 114
    SET_OFF = 115
    EARLY_PAYMENT_DISCOUNT = 116
    CLAIM_MOVED = 120
    CLAIM_ASSIGNED = 121
    CLAIM_CLOSED = 130
    CLAIM_REOPENED = 131

    PAYMENT_RECEIVED = 200
    PAYMENT_RETURNED = 201
    REFUND_PAID = 202

    MESSAGE_SENT = 300
    MESSAGE_DELIVERED = 301
    MESSAGE_BOUNCED = 302
    MESSAGE_UNCERTAIN = 303

    HOLD_SET = 400
    HOLD_LIFTED = 401
    DISPUTE_RAISED = 410
    DISPUTE_RESOLVED = 411
    DEFERRAL_GRANTED = 420
    INSOLVENCY_OPENED = 430
    INSOLVENCY_CLOSED = 431
    DEBTOR_DECEASED = 432
    HEIRS_KNOWN = 433
    MINOR_KNOWN = 434
    GUARDIAN_NAMED = 435
    ADDRESS_UNKNOWN = 440
    ADDRESS_FOUND = 441
    LAWYER_NAMED = 442
    HARDSHIP_REPORTED = 443
    HARDSHIP_ENDED = 444
    IDENTITY_DISPUTED = 445
    IDENTITY_CONFIRMED = 446
    CONTACT_BANNED = 447
    CONTACT_ALLOWED = 448

    COST_INCURRED = 500

    INVOICE_RECEIVED = 600
    PERFORMANCE_REFUSED = 601
    LITIGATION_PENDING = 610
    NEGOTIATION_BEGAN = 620
    NEGOTIATION_ENDED = 621
    DEBT_ACKNOWLEDGED = 622
    PAYMENT_ORDER_FILED = 630
    PAYMENT_ORDER_SERVED = 631
    PAYMENT_ORDER_ENDED = 632
    TITLE_OBTAINED = 640

    PLAN_AGREED = 700
    PLAN_ENDED = 701
    PLAN_BROKEN = 702
    PROMISE_TO_PAY = 710

    ENROLLED = 800
    PROCEDURE_RESTARTED = 801

    VOIDED = 900


class ClaimKind(IntEnum):
    """What the debt is for. Decides the interest margin, the lump sum and the order of allocation."""

    GOODS_OR_SERVICES = 1
    RENT = 2
    LOAN = 3
    CONSUMER_LOAN = 4
    REAL_ESTATE_CONSUMER_LOAN = 5
    DAMAGES = 6
    OTHER = 9


REMUNERATION_KINDS: Final = (ClaimKind.GOODS_OR_SERVICES, ClaimKind.RENT)
"""Debts that are payment for goods or services (Entgeltforderung, § 288 Abs. 2 BGB)."""


class DueKind(IntEnum):
    """How the due date came about, and so what it takes to be in default (§ 286 BGB)."""

    INVOICE = 1
    """A date only the invoice names: a dunning notice, or 30 days (§ 286 Abs. 3)."""
    CALENDAR = 2
    """A date fixed by contract (§ 286 Abs. 2 Nr. 1)."""
    PERIOD = 3
    """An event plus a period computable by calendar, agreed by contract (§ 286 Abs. 2 Nr. 2)."""
    NOTICE = 4
    """Only a dunning notice puts the debtor in default (§ 286 Abs. 1)."""


class Role(IntEnum):
    """In whose right the sender writes (the mandate's role)."""

    OWN = 1
    AGENCY = 2
    ASSIGNEE = 3
    MARKETPLACE = 4


class Channel(StrEnum):
    EMAIL = "email"
    POST = "post"


class Component(IntEnum):
    """Parts of a debt, in the order § 367 Abs. 1 BGB pays them."""

    COSTS = 1
    INTEREST = 2
    PRINCIPAL = 3


class HeldReason(StrEnum):
    """Why nothing is due from us today. The order is the order of precedence."""

    DATA_ERROR = "data_error"
    LAW_GAP = "law_gap"
    CLOSED = "closed"
    SETTLED = "settled"
    CREDIT_BALANCE = "credit_balance"
    DEBTOR_DECEASED = "debtor_deceased"
    INSOLVENCY = "insolvency"
    MINOR = "minor"
    IDENTITY_DISPUTED = "identity_disputed"
    CONTACT_BANNED = "contact_banned"
    LAWYER_NAMED = "lawyer_named"
    HARDSHIP = "hardship"
    HOLD = "hold"
    PLAN_KEPT = "plan_kept"
    PROMISE_PENDING = "promise_pending"
    DEFERRED = "deferred"
    DISPUTED = "disputed"
    NEGOTIATION = "negotiation"
    IN_COURT = "in_court"
    TIME_BARRED = "time_barred"
    UNCERTAIN_MESSAGE = "uncertain_message"
    UNMATCHED_CREDIT = "unmatched_credit"
    STALE_FEED = "stale_feed"
    NO_ADDRESS = "no_address"
    WITHIN_TOLERANCE = "within_tolerance"
    NOT_YET_DUE = "not_yet_due"
    WAITING = "waiting"
    MIN_INTERVAL = "min_interval"
    PROCEDURE_ENDED = "procedure_ended"
    NOT_PERMITTED = "not_permitted"
    NOT_ENROLLED = "not_enrolled"


# --- what goes into the kernel ----------------------------------------------------------------

CASES: Final[Schema] = {
    "case_id": pl.Int64,
    "tenant_id": pl.Int64,
    "creditor_id": pl.Int64,
    "case_reference": pl.String,
    "currency": pl.String,  # EUR or CHF
    "is_consumer": pl.Boolean,  # unknown counts as consumer
    "land": pl.String,  # of the debtor: BE, BY, …; null = any Land's holiday counts for the debtor
    "language": pl.String,  # de or en
    "role": pl.Int16,  # Role
    "input_tax_deductible": pl.Boolean,  # of the creditor
    "procedure": pl.String,  # enrolment at opening, "name@version"; null = not enrolled
    "has_postal_address": pl.Boolean,
    "has_email": pl.Boolean,
    "feed_checked_on": pl.Date,  # age of the creditor's oldest watched money feed; null = none watched
    "feed_max_age_days": pl.Int32,
    "letter_cost_post_cents": pl.Int64,  # of the creditor's own letters; null = as its procedure says
    "letter_cost_email_cents": pl.Int64,
    "last_fact_no": pl.Int32,
}

CLAIMS: Final[Schema] = {
    "claim_id": pl.Int64,
    "case_id": pl.Int64,
    "claim_no": pl.Int32,  # 1…n within the case
    "jurisdiction": pl.String,  # de, at, ch
    "kind": pl.Int16,  # ClaimKind
    "invoice_number": pl.String,
    "principal_cents": pl.Int64,  # 1..PRINCIPAL_CENTS_MAX
    "issued_on": pl.Date,
    "due_on": pl.Date,
    "due_kind": pl.Int16,  # DueKind
    "received_on": pl.Date,  # the invoice; null = unknown
    "obligation_arose_on": pl.Date,
    "has_default_notice": pl.Boolean,  # invoice told a consumer of the 30 days (§ 286 Abs. 3 Satz 1)
    "agreed_rate_ppm": pl.Int64,  # contractual interest before default; null = none
    "agreed_from": pl.Date,  # first interest-bearing day of it
    "agreed_default_rate_ppm": pl.Int64,  # higher agreed rate in default (§ 288 Abs. 3); null = by law
    "is_secured": pl.Boolean,
    "discount_cents": pl.Int64,  # early-payment discount by terms (Skonto); null = none
    "discount_until": pl.Date,  # last value date on which it may be taken
}

FACTS: Final[Schema] = {
    "case_id": pl.Int64,
    "fact_no": pl.Int32,  # 1…n within the case
    "claim_id": pl.Int64,  # null = the whole case
    "kind": pl.Int16,  # FactKind
    "effective_on": pl.Date,  # when it counts in law; for payments the value date
    "recorded_on": pl.Date,  # local day on which we learnt it
    "amount_cents": pl.Int64,
    "voids_fact_no": pl.Int32,  # of the same case
    "until_on": pl.Date,  # last day of a hold, deferral, promise
    "code": pl.String,  # closed vocabulary per kind: rule id of a cost, reason of a hold, procedure …
    "message_id": pl.Int64,
}
"""Everything that happened except `CLAIM_PLACED`, which is the CLAIMS row itself."""

DESIGNATIONS: Final[Schema] = {
    "case_id": pl.Int64,
    "fact_no": pl.Int32,  # of the payment
    "claim_id": pl.Int64,
    "position": pl.Int32,
}
"""Which claims a payer named (§ 366 Abs. 1 BGB); none named = no row."""

NOTICES: Final[Schema] = {
    "message_id": pl.Int64,
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "step_id": pl.String,  # the item's own step
    "level": pl.Int16,  # the item's own level; 0 = notice before due
    "message_step_id": pl.String,
    "channel": pl.String,
    "cycle": pl.Int32,
    "sealed_on": pl.Date,
    "pay_by": pl.Date,
    "demanded_cents": pl.Int64,  # whole message
    "item_demanded_cents": pl.Int64,
    "is_dunning": pl.Boolean,  # demands payment after due (a Mahnung in law), so it can start default
}
"""One row per message and claim it listed, for messages that left or may have left."""

DECISIONS: Final[Schema] = {
    "case_id": pl.Int64,
    "outcome": pl.String,  # measure | held
    "reason": pl.String,  # step id | HeldReason
    "detail": pl.String,
    "from_on": pl.Date,
    "next_look_on": pl.Date,
    "fact_no": pl.Int32,  # last fact the decision saw
}
"""The open decision interval of each case."""

INSTALMENTS: Final[Schema] = {
    "case_id": pl.Int64,
    "plan_id": pl.Int64,
    "plan_code": pl.String,  # `code` of the plan's facts `PLAN_AGREED`, one per claim it covers
    "number": pl.Int32,  # 1…n within the plan
    "due_on": pl.Date,
    "amount_cents": pl.Int64,
    "grace_days": pl.Int32,
    "agreed_on": pl.Date,
    "rate_ppm": pl.Int64,  # agreed interest on the open principal while the plan runs; 0 = none
    "is_accelerated": pl.Boolean,  # the terms let the rest fall due on default
    "reminded_on": pl.Date,  # by a person, of a missed instalment, last; null = not yet
    "reminded_first_on": pl.Date,  # the same, first
    "is_debited": pl.Boolean,  # the terms say that we collect it by direct debit
    "mandate_from": pl.Date,  # signature of the mandate that is open, or was last; null = there is none
    "mandate_until": pl.Date,  # the day it ended; null = it has not
    "collect_on": pl.Date,  # day of its last collection as the debtor was told; null = the day of the plan
    "is_ordered": pl.Boolean,  # that collection is in a file for the bank
    "failed_on": pl.Date,  # it was refused or returned; null = not
    "failed_reason": pl.String,  # with this code of the bank; null or empty = none told
}
"""Instalments of the plans agreed, one row each, as signed, and what became of collecting them."""

DEBITS: Final[Schema] = {
    "case_id": pl.Int64,
    "notice_id": pl.Int64,
    "claim_id": pl.Int64,  # null = an instalment is collected
    "plan_id": pl.Int64,  # of that instalment
    "number": pl.Int32,  # of that instalment, 1…n
    "amount_cents": pl.Int64,
    "notified_on": pl.Date,  # when it was decided to collect
    "collect_on": pl.Date,  # not before that day
    "notice_days": pl.Int32,  # days between telling and collecting, as agreed
}
"""Direct debits to be told of: the latest of a claim or instalment, not collected, its mandate running."""

# --- what comes in from files -----------------------------------------------------------------

IMPORTED_CLAIMS: Final[Schema] = {
    "row_no": pl.Int64,  # as a spreadsheet counts: the header is row 1; 1 for an e-invoice
    **dict.fromkeys(PERSON, pl.String),
    "vat_id": pl.String,  # of the debtor
    "debtor_kind": pl.String,  # consumer, business or "" = not said
    "land": pl.String,  # BE, BY, …; null = not said
    "creditor_key": pl.String,  # the file's word for the creditor; "" = not said
    "creditor_name": pl.String,  # from e-invoices
    "creditor_vat_id": pl.String,  # from e-invoices
    "creditor_iban": pl.String,  # from e-invoices
    "invoice_number": pl.String,
    "reference": pl.String,  # what the payer was asked to quote, where the file says so
    "currency": pl.String,  # EUR or CHF
    "amount_cents": pl.Int64,  # 1..PRINCIPAL_CENTS_MAX, also of a credit note
    "issued_on": pl.Date,
    "due_on": pl.Date,  # null only for a credit note
    "received_on": pl.Date,
    "due_kind": pl.Int16,  # DueKind
    "kind": pl.Int16,  # ClaimKind
    "has_default_notice": pl.Boolean,
    "agreed_rate_ppm": pl.Int64,
    "agreed_from": pl.Date,
    "agreed_default_rate_ppm": pl.Int64,
    "is_secured": pl.Boolean,
    "obligation_arose_on": pl.Date,
    "discount_cents": pl.Int64,  # Skonto: what may be deducted …
    "discount_until": pl.Date,  # … when paid by this day
    "paid_cents": pl.Int64,  # already paid according to the file …
    "paid_on": pl.Date,  # … on this day: becomes a payment fact
    "is_credit_note": pl.Boolean,
    "credits_invoice": pl.String,  # the invoice it lowers; "" = not said
}
"""Claims as a file tells them, read and checked, not yet matched with creditor and debtor."""

IMPORTED_FACTS: Final[Schema] = {
    "row_no": pl.Int64,
    "creditor_key": pl.String,
    "customer_number": pl.String,
    "invoice_number": pl.String,  # "" = the whole case
    "kind": pl.Int16,  # FactKind
    "effective_on": pl.Date,
    "amount_cents": pl.Int64,
    "currency": pl.String,
    "until_on": pl.Date,
    "code": pl.String,  # "" = none
    "reference": pl.String,  # names the event within its source: the same reference counts once
    "voids_reference": pl.String,  # the reference of the fact this one undoes; "" = none
}

REJECTS: Final[Schema] = {
    "row_no": pl.Int64,  # 0 = the file as a whole
    "column": pl.String,  # as the file names it
    "value": pl.String,  # as the file has it
    "code": pl.String,  # closed vocabulary of mahnwerk.formats.rejects
    "reason": pl.String,
    "remedy": pl.String,
}
"""One row per thing wrong with a row of a file; a row with any is not imported."""

# --- what comes out ---------------------------------------------------------------------------

BALANCES: Final[Schema] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "principal_open_cents": pl.Int64,
    "interest_accrued_cents": pl.Int64,  # all interest due so far, paid or not
    "interest_open_cents": pl.Int64,
    "costs_charged_cents": pl.Int64,
    "costs_open_cents": pl.Int64,
    "open_cents": pl.Int64,  # principal + interest + costs still owed
    "disputed_cents": pl.Int64,  # part of open_cents
    "paid_cents": pl.Int64,  # payments allocated to this claim
    "credited_cents": pl.Int64,  # credit notes, waivers and the like
    "default_began_on": pl.Date,
    "default_ground": pl.String,  # rule id, e.g. default.dunning_notice
    "surplus_cents": pl.Int64,  # the case's credit balance, repeated on each of its claims
}

ALLOCATIONS: Final[Schema] = {
    "case_id": pl.Int64,
    "fact_no": pl.Int32,  # the payment, credit note, waiver …
    "effective_on": pl.Date,
    "claim_id": pl.Int64,
    "component": pl.Int16,  # Component
    "amount_cents": pl.Int64,
}

SPANS: Final[Schema] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "first_day": pl.Date,
    "last_day": pl.Date,
    "principal_cents": pl.Int64,  # interest-bearing, unchanged through the span
    "is_base_linked": pl.Boolean,  # rate = base rate + margin; else margin alone
    "margin_ppm": pl.Int64,
    "rule_id": pl.String,  # interest.default, interest.agreed, interest.litigation
}

MEASURES: Final[Schema] = {
    "case_id": pl.Int64,
    "step_id": pl.String,
    "level": pl.Int16,
    "cycle": pl.Int32,  # 1 + the last cycle in which the case got this step; so (case, step, cycle) is unique
    "channel": pl.String,
    "procedure": pl.String,
    "demanded_cents": pl.Int64,  # open now, without the fee of this message
    "fee_cents": pl.Int64,
    "fee_rule_id": pl.String,
    "pay_by": pl.Date,
    "is_dunning": pl.Boolean,
    "reason": pl.String,
    "fact_no": pl.Int32,
}

MEASURE_ITEMS: Final[Schema] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "step_id": pl.String,  # the item's own step after this message
    "level": pl.Int16,
    "climbs": pl.Boolean,  # False = listed for completeness, keeps its level
    "open_cents": pl.Int64,  # undisputed part, what the message asks for
    "triggers_default": pl.Boolean,
    "lump_sum_cents": pl.Int64,  # § 288 Abs. 5 BGB, charged by this message for the claim; 0 = none
}

HELD: Final[Schema] = {
    "case_id": pl.Int64,
    "reason": pl.String,  # HeldReason
    "detail": pl.String,  # closed vocabulary or date or parameter; never personal data
    "next_look_on": pl.Date,  # null = only a new fact can change it
    "fact_no": pl.Int32,
}


def empty(schema: Schema) -> pl.DataFrame:
    """A frame of this shape without rows."""
    return pl.DataFrame(schema=dict(schema))


def check_frame(frame: pl.DataFrame, schema: Schema, name: str) -> pl.DataFrame:
    """Return the frame in schema order, or say which column is missing or has another type."""
    missing = [column for column in schema if column not in frame.columns]
    if missing:
        raise FrameError(f"{name}: column missing: {', '.join(missing)}")
    ordered = frame.select(list(schema))
    for column, dtype in schema.items():
        if ordered.schema[column] != dtype:
            raise FrameError(f"{name}.{column}: is {ordered.schema[column]}, must be {dtype}")
    return ordered


@dataclass(frozen=True)
class Book:
    """All the kernel may know about some cases: facts in frames, never a person's data."""

    cases: pl.DataFrame
    claims: pl.DataFrame
    facts: pl.DataFrame = field(default_factory=lambda: empty(FACTS))
    designations: pl.DataFrame = field(default_factory=lambda: empty(DESIGNATIONS))
    notices: pl.DataFrame = field(default_factory=lambda: empty(NOTICES))
    decisions: pl.DataFrame = field(default_factory=lambda: empty(DECISIONS))
    instalments: pl.DataFrame = field(default_factory=lambda: empty(INSTALMENTS))
    debits: pl.DataFrame = field(default_factory=lambda: empty(DEBITS))

    def checked(self) -> Book:
        """The same book with every frame held against its schema."""
        schemas = (CASES, CLAIMS, FACTS, DESIGNATIONS, NOTICES, DECISIONS, INSTALMENTS, DEBITS)
        named = zip(self.__dataclass_fields__, schemas, strict=True)
        return Book(*(check_frame(getattr(self, name), schema, name) for name, schema in named))


@dataclass(frozen=True)
class DayPlan:
    """What should be, on one day: each open case once, in `measures` or in `held`."""

    balances: pl.DataFrame
    measures: pl.DataFrame
    measure_items: pl.DataFrame
    held: pl.DataFrame
    law_hash: str
