"""From the account of a case to the values of a letter: who writes, to whom, about what, for how much."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mahnwerk.frames import Channel, ClaimKind, Role
from mahnwerk.kernel.notices import NO_STEPS
from mahnwerk.kernel.procedures import Procedure
from mahnwerk.letters.model import (
    ATTACHMENT,
    DEMANDING,
    TEMPLATES,
    InterestRow,
    Item,
    Letter,
    Line,
    Party,
    Payment,
    PaymentPart,
    PlanOffer,
    Recipient,
    Registration,
    Sender,
)
from mahnwerk.usecases.accounts import Account
from mahnwerk.usecases.letter_links import MIN_CENTS

REMEDY: Final = "complete the creditor file or the claim, import it again, then: mahnwerk send"
OFFER_FROM_CENTS: Final = 5_000
INSTALMENT_CENTS: Final = 2_500
INSTALMENTS_MAX: Final = 6
GROUNDS: Final = {
    ClaimKind.GOODS_OR_SERVICES: ("Vertrag über Waren oder Leistungen", "contract for goods or services"),
    ClaimKind.RENT: ("Mietvertrag", "tenancy agreement"),
    ClaimKind.LOAN: ("Darlehensvertrag", "loan agreement"),
    ClaimKind.CONSUMER_LOAN: ("Verbraucherdarlehensvertrag", "consumer loan agreement"),
    ClaimKind.REAL_ESTATE_CONSUMER_LOAN: (
        "Immobiliar-Verbraucherdarlehensvertrag",
        "consumer loan agreement relating to residential property",
    ),
    ClaimKind.DAMAGES: ("Schadensersatz", "damages"),
    ClaimKind.OTHER: ("Vertrag", "contract"),
}
"""What a debt is for, in German and English."""
NOT_ASKED: Final = {
    "de": (
        "strittiger Teil, nicht gefordert",
        "Zinsen auf den strittigen Teil, nicht gefordert",
        "strittige Kosten, nicht gefordert",
    ),
    "en": (
        "disputed part, not asked for",
        "interest on the disputed part, not asked for",
        "disputed costs, not asked for",
    ),
}
"""What a letter leaves out of a claim: of the principal, of its interest, of its costs."""
SETTLED: Final = {
    "principal": ("auf den Rechnungsbetrag", "towards the invoice amount"),
    "interest": ("auf Zinsen", "towards interest"),
    "costs": ("auf Kosten", "towards costs"),
}
"""What a payment settled, in German and English."""


class Incomplete(Exception):  # noqa: N818 - an answer, not an accident
    """A letter lacks something only a person can supply; names what."""


@dataclass(frozen=True)
class Content:
    """A letter, and the statement it shows as a text to be hashed."""

    letter: Letter
    statement_text: str


def message_letter(
    full: Account,
    on: dt.date,
    case: Mapping[str, Any],
    measure: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]],
    costs: Sequence[tuple[int, str, int]],
    person: Mapping[str, str],
    creditor: Mapping[str, Any],
    procedure: Procedure,
    reference: str,
    contracts: Mapping[int, dt.date],
    pay_url: str = "",
) -> Content:
    """The letter of a measure.

    Parameters
    ----------
    full : the account of the case, with the costs of this message already in it
    measure, items : rows of MEASURES and MEASURE_ITEMS
    costs : (claim_id, rule_id, cents) of this message
    person : payload of the debtor
    creditor : as from `load.creditors`
    procedure : whose step this is
    reference : the case's RF reference
    contracts : claim_id → date of its contract, where it is known
    pay_url : the case's pay link; a letter that asks for too little to be paid on it leaves it out

    Raises
    ------
    Incomplete
        The creditor has no account, address or contact.
    """
    if measure["step_id"] in NO_STEPS:
        raise ValueError("what is no step is written by `plan_letters` and `debit_letters`")
    mine = full.of_claims({item["claim_id"] for item in items})
    listed = listed_items(mine, items, procedure, subject_of(creditor), contracts)
    demand = sum(item.open_cents for item in listed)
    step = next(step for step in procedure.steps if step.id == measure["step_id"])
    template = template_of(procedure, measure["step_id"])
    letter = Letter(
        template=template,
        sender=sender(creditor),
        recipient=recipient(person),
        dated_on=on,
        as_of_on=on,
        case_reference=case["case_reference"],
        rf_reference=reference,
        items=tuple(listed),
        demand_cents=demand,
        pay_by=measure["pay_by"],
        language=case["language"],
        currency=case["currency"],
        role=Role(case["role"]),
        is_consumer=bool(case["is_consumer"]),
        creditor=client(creditor, Role(case["role"])),
        registration=registration(creditor),
        lines=(*lines(mine, costs), *not_asked(mine)),
        interest_rows=tuple(interest_rows(mine)),
        payments=tuple(payments(mine)),
        new_costs_cents=sum(cents for *_, cents in costs),
        triggers_default=any(item["triggers_default"] for item in items),
        default_rate_ppm=_rate(mine),
        day_count=mine.day_count,
        is_consumer_credit=is_consumer_credit(mine),
        offer=_offer(demand, measure["pay_by"]) if "instalment_plan" in step.offers else None,
        pay_url=pay_url if template in DEMANDING and demand >= MIN_CENTS else "",
        grounds=frozenset({ATTACHMENT} if measure["channel"] == Channel.EMAIL else ()),
    )
    shown = {**mine.as_dict(), "demand_cents": demand, "pay_by": measure["pay_by"]}
    return Content(letter, json.dumps(shown, sort_keys=True, default=str))


def template_of(procedure: Procedure, step_id: str) -> str:
    """The letter's template for a step: of the same name, else by what the step does."""
    if step_id in TEMPLATES:
        return step_id
    step = next((step for step in procedure.steps if step.id == step_id), None)
    if step is None:
        return ""
    dunning = [one.level for one in procedure.steps if one.is_dunning]
    if step.level == 0:
        return "notice_before_due"
    if not step.is_dunning:
        return "payment_reminder"
    if step.level == min(dunning):
        return "dunning_notice"
    return "final_notice" if step.level == max(dunning) else "second_notice"


def listed_items(
    mine: Account,
    items: Sequence[Mapping[str, Any]],
    procedure: Procedure,
    subject: str,
    contracts: Mapping[int, dt.date],
) -> list[Item]:
    """The claims a message lists; a disputed part is not asked for and not shown as owed."""
    by_claim = {item["claim_id"]: item for item in items}
    found = []
    for row in mine.claims:
        item = by_claim[row["claim_id"]]
        disputed, interest, costs = disputed_parts(row)
        found.append(
            Item(
                invoice_number=row["invoice_number"],
                issued_on=row["issued_on"] or row["due_on"],
                due_on=row["due_on"],
                original_cents=row["original_cents"],
                principal_open_cents=row["principal_open_cents"] - disputed,
                interest_open_cents=row["interest_open_cents"] - interest,
                costs_open_cents=row["costs_open_cents"] - costs,
                disputed_cents=disputed + interest + costs,
                step=template_of(procedure, item["step_id"]),
                triggers_default=item["triggers_default"],
                ground=ground(row["kind"], mine.language, subject),
                contract_on=contracts.get(row["claim_id"]),
                is_contract=row["kind"] != ClaimKind.DAMAGES,
                default_since=row["default_began_on"],
                default_source=row["default_source"],
            )
        )
    return found


def lines(mine: Account, costs: Sequence[tuple[int, str, int]]) -> list[Line]:
    """The derivation. `costs` are those of this very letter, shown as new."""
    new = {(claim_id, rule_id) for claim_id, rule_id, _ in costs}
    last = {(row["claim_id"], row["rule_id"]): row["fact_no"] for row in mine.lines}
    found = [
        Line(
            component=row["component"],
            amount_cents=row["amount_cents"],
            rule_id=row["rule_id"] if row["component"] in ("interest", "costs") else "",
            label=_label(row, mine.language),
            invoice_number=row["invoice_number"],
            base_cents=row["base_cents"],
            rate_ppm=row["rate_ppm"],
            first_day=row["first_day"] if row["component"] != "principal" else None,
            last_day=row["last_day"],
            days=row["days"],
            source=row["source"],
            is_new=(row["claim_id"], row["rule_id"]) in new
            and row["fact_no"] == last[row["claim_id"], row["rule_id"]],
        )
        for row in mine.lines
        if row["amount_cents"]
    ]
    return found


def _label(row: Mapping[str, Any], language: str) -> str:
    """What a line is called; a payment also says what it settled."""
    if row["component"] == "principal":
        return ""
    label = str(row["label"])
    if row["component"] == "payment" and row["settles"] in SETTLED:
        return f"{label} {SETTLED[row['settles']][language != 'de']}"
    return label


def is_consumer_credit(mine: Account) -> bool:
    """Whether § 497 Abs. 3 BGB orders the payments, as the allocation does."""
    return any(row["kind"] == ClaimKind.CONSUMER_LOAN for row in mine.claims)


def not_asked(mine: Account) -> list[Line]:
    """Lines that take off what is disputed, since the letter does not ask for it."""
    labels = NOT_ASKED[mine.language]
    return [
        Line("credit", -cents, label=label, invoice_number=row["invoice_number"])
        for row in mine.claims
        for label, cents in zip(labels, disputed_parts(row), strict=True)
        if cents
    ]


def disputed_parts(row: Mapping[str, Any]) -> tuple[int, int, int]:
    """What of a claim's principal, interest and costs is disputed, in the debtor's favour.

    A share of the principal takes the interest on that share with it; the whole takes the costs too.
    """
    disputed, principal = row["disputed_cents"], row["principal_open_cents"]
    interest, costs = row["interest_open_cents"], row["costs_open_cents"]
    if disputed <= 0:
        return 0, 0, 0
    if disputed >= row["open_cents"]:
        return principal, interest, costs
    if principal <= 0:
        return 0, min(disputed, interest), max(0, disputed - interest)
    share = min(disputed, principal)
    return share, -(-interest * share // principal), 0


def ground(kind: int, language: str, subject: str = "") -> str:
    """What the debt is for: the client's own words, with the kind of contract where it says more."""
    general = GROUNDS[ClaimKind(kind)][language != "de"]
    if subject and kind in (ClaimKind.GOODS_OR_SERVICES, ClaimKind.OTHER):
        return subject
    return f"{general}, {subject}" if subject else general


def interest_rows(mine: Account) -> list[InterestRow]:
    """The printed interest schedule."""
    return [
        InterestRow(
            row["invoice_number"],
            row["first_day"],
            row["last_day"],
            row["days"],
            row["principal_cents"],
            row["rate_ppm"],
            row["interest_cents"],
        )
        for row in mine.schedule
        if row["interest_cents"]
    ]


def payments(mine: Account) -> list[Payment]:
    """Payments and credits with what they settled."""
    return [
        Payment(
            row["paid_on"],
            row["amount_cents"],
            tuple(
                PaymentPart(part["component"], part["amount_cents"], part["invoice_number"])
                for part in row["paid"]
            ),
            "" if row["kind"] == "payment_received" else row["label"],
        )
        for row in mine.payments
    ]


def _rate(mine: Account) -> int | None:
    """The rate that runs, or would run, in default; None where the claims differ or it is not known."""
    rates = {row["default_rate_ppm"] for row in mine.claims}
    return rates.pop() if len(rates) == 1 else None


def _offer(demand: int, pay_by: dt.date | None) -> PlanOffer | None:
    """A plan of equal monthly instalments that costs nothing beyond the demand."""
    if pay_by is None or demand < OFFER_FROM_CENTS:
        return None
    count = max(2, min(INSTALMENTS_MAX, demand // INSTALMENT_CENTS))
    each = demand // count
    return PlanOffer(
        count=count,
        instalment_cents=each,
        last_instalment_cents=demand - (count - 1) * each,
        first_on=pay_by,
        last_on=_months_later(pay_by, count - 1),
        total_cents=demand,
        answer_by=pay_by,
    )


def _months_later(day: dt.date, months: int) -> dt.date:
    year, month = divmod(day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return dt.date(day.year + year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise ValueError(f"{day} has no day {months} months later")


def sender(creditor: Mapping[str, Any]) -> Sender:
    """The letter head of a creditor.

    Raises
    ------
    Incomplete
        The creditor's own file has not come yet.
    """
    profile = creditor["profile"]
    needed = {
        "address": profile.get("street") and profile.get("city"),
        "iban": creditor["iban"],
        "contact.person": profile.get("contact_person"),
        "contact.phone or contact.email": profile.get("phone") or profile.get("email"),
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise Incomplete(f"creditor {creditor['key']} lacks {', '.join(missing)}")
    return Sender(
        name=creditor["name"],
        address_lines=_address(profile),
        iban=creditor["iban"],
        contact_person=profile["contact_person"],
        phone=profile["phone"],
        email=profile["email"],
        hours=profile["hours"],
        bic=profile["bic"],
        bank_name=profile["bank_name"],
        account_holder=profile["account_holder"],
        vat_id=creditor["vat_id"],
        register=profile["register"],
        website=profile["website"],
        privacy=profile.get("privacy", ""),
        country=profile["country"],
        logo=creditor["logo"],
    )


def _address(profile: Mapping[str, Any]) -> tuple[str, ...]:
    lines = (profile["address_extra"], profile["street"], f"{profile['postcode']} {profile['city']}")
    return tuple(line for line in lines if line)


def recipient(person: Mapping[str, str]) -> Recipient:
    """The addressee from the debtor's payload."""
    names = [name for name in Recipient.__dataclass_fields__ if name in person]
    return Recipient(**{name: person[name] for name in names if person[name]})


def full_name(person: Mapping[str, str]) -> str:
    """A name for the To line of an e-mail."""
    own = " ".join(part for part in (person["first_name"], person["last_name"]) if part)
    return person["company"] or own


def client(creditor: Mapping[str, Any], role: Role) -> Party | None:
    """Whose claim it is, or was, where somebody else writes; for a marketplace the operator.

    Raises
    ------
    Incomplete
        An agency or assignee that does not say for whom (§ 13a Abs. 1 Nr. 1 RDG).
    """
    told = creditor["profile"].get("client") or {}
    if told.get("name"):
        return Party(told["name"], _address(told))
    if role in (Role.AGENCY, Role.ASSIGNEE):
        raise Incomplete(f"creditor {creditor['key']} lacks client.name (§ 13a Abs. 1 Nr. 1 RDG)")
    return None


def subject_of(creditor: Mapping[str, Any]) -> str:
    """What the client's contracts are about (§ 13a Abs. 1 Nr. 2 RDG); "" where nobody must be told."""
    return str((creditor["profile"].get("client") or {}).get("subject", ""))


def registration(creditor: Mapping[str, Any]) -> Registration | None:
    """The § 13a RDG data of an agency."""
    data = creditor["registration"]
    if not data:
        return None
    return Registration(
        number=data["number"],
        authority=Party(data["authority"], tuple(data["authority_address"])),
        authority_contact=data["authority_contact"],
        is_input_tax_deductible=creditor["input_tax_deductible"],
    )
