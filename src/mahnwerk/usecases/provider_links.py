"""Pay links: made for a case, shown to the debtor, turned into a checkout of the provider.

A link is worth what is open on the day it is used, or a fixed sum, but never more than is open. Pressing
the button twice, or on two devices, leads to the same checkout: it is written with its key first, and the
provider is asked under that key as often as it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlsplit

import polars as pl
from django.db import transaction

from mahnwerk.formats import amounts
from mahnwerk.frames import Role
from mahnwerk.gateways.outbound import AddressRefused, AnswerUnknown, NotReached
from mahnwerk.gateways.payments import (
    PROVIDER_ID,
    Checkout,
    CheckoutRequest,
    ProviderRefused,
    Status,
)
from mahnwerk.records import ids, tenancy
from mahnwerk.records import providers as records
from mahnwerk.records.models import (
    Case,
    Claim,
    Creditor,
    PayLink,
    PaymentIntent,
    ProviderAccount,
)
from mahnwerk.usecases import clock, letter_links, pay_presses, payable, provider_accounts, providers
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of
from mahnwerk.usecases.errors import BadInput, NotFound, Refused, UnsafeStart
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.letter_links import MIN_CENTS
from mahnwerk.usecases.opening import OpenBook

RETURN_PAGES: Final = {"done": "done", "cancelled": "cancelled"}
"""Where a payer may come back to, by key; there is no other way to name a page."""
URL_MAX: Final = 2000
"""Of a checkout's address; as much as its record holds."""
FRESH: Final = timedelta(hours=1)
"""Of an older checkout the provider is asked whether it is still there; PayPal drops them after 3 hours."""


class NotPayable(Refused):
    """Nothing can be paid on this link now."""


@dataclass(frozen=True)
class LinkMade:
    """A pay link of a case."""

    public_id: str
    path: str
    case_reference: str
    amount_cents: int | None
    currency: str


@dataclass(frozen=True)
class Payee:
    """Who asks for the money, where else it can be sent, and whom to call; "" = not told.

    `client`: whose claim it is or was, where an agency or an assignee asks (`role`); else who runs the
    marketplace. `address_lines`, `register`, `vat_id`:
    what a page on the web must tell of who offers it (§ 5 DDG). `privacy`: address of the privacy notice.
    """

    name: str
    client: str
    account_holder: str
    iban: str
    rf_reference: str
    contact_person: str
    phone: str
    email: str
    hours: str
    role: Role
    address_lines: tuple[str, ...]
    register: str
    vat_id: str
    privacy: str


@dataclass(frozen=True)
class PayPage:
    """What the pay page shows: nobody's name but the creditor's and his people's.

    `state` is open, processing (a payment is under way), settled (nothing is open, or the case is closed), or
    paused (something is open, but it is not asked for: it is disputed, say). `amount_cents` is what a letter
    of the day `as_of` would ask for; `provider` is the name payers know.
    """

    public_id: str
    case_reference: str
    payee: Payee
    amount_cents: int
    currency: str
    as_of: date
    language: str
    state: str
    provider: str
    checkout_hosts: tuple[str, ...]


def make(
    book: OpenBook, case: str, *, account: str = "", amount: str = "", invoice_number: str = ""
) -> LinkMade:
    """Make a pay link for a case, or for one of its claims; the same wish gives the same open link.

    Raises
    ------
    NotFound, BadInput
    """
    case_id = case_id_of(book, case)
    row = Case.objects.get(tenant_id=book.tenant_id, id=case_id)
    chosen = provider_accounts.named(book, account or _only_key(book, row.creditor_id))
    if chosen.creditor_id != row.creditor_id:
        raise BadInput(f"account {chosen.key} belongs to another creditor than case {row.case_reference}.")
    claim_id = None
    if invoice_number:
        found = Claim.objects.filter(tenant_id=book.tenant_id, case_id=case_id, invoice_number=invoice_number)
        claim_id = found.values_list("id", flat=True).first()
        if claim_id is None:
            raise NotFound(f"case {row.case_reference} has no claim {invoice_number!r}.")
    cents = _cents(amount)
    wish = records.Wish(chosen.id, case_id, row.currency, claim_id, cents)
    with transaction.atomic():
        Case.objects.select_for_update().get(tenant_id=book.tenant_id, id=case_id)
        made = records.links(book.tenant_id, [wish], made_at=clock.now())[0]
        if made._state.adding:
            records.keep_links([made])
            note(book, "pay_link", case_id=case_id, detail={"link": made.public_id})
    path = letter_links.path_of(made.public_id)
    return LinkMade(made.public_id, path, row.case_reference, cents, row.currency)


def _only_key(book: OpenBook, creditor_id: int) -> str:
    found = ProviderAccount.objects.filter(
        tenant_id=book.tenant_id, creditor_id=creditor_id, is_active=True
    ).values_list("key", flat=True)
    if not found:
        raise NotFound("the creditor of this case has no provider account.", "Add one: provider add FILE.")
    return str(found[0]) if len(found) == 1 else ""


def _cents(amount: str) -> int | None:
    if not amount:
        return None
    cents = amounts.parse(pl.Series([amount])).row(0, named=True)["cents"]
    if cents is None or cents < MIN_CENTS:
        raise BadInput(f"amount {amount!r} cannot be read as a sum of at least 1,00.", "Write 50,00 or 50.")
    return int(cents)


def _find(public_id: str) -> tuple[OpenBook, PayLink]:
    tenant_id = records.tenant_of(public_id)
    if tenant_id is not None:
        tenancy.set_tenant(tenant_id)
        found = PayLink.objects.filter(tenant_id=tenant_id, public_id=public_id).first()
        if found is not None:
            return provider_accounts.web_book(tenant_id, "pay page"), found
    raise NotFound("There is no such pay link.")


def page(public_id: str) -> PayPage:
    """What to show on a pay link.

    Raises
    ------
    NotFound
    """
    book, pay_link = _find(public_id)
    row = Case.objects.get(tenant_id=book.tenant_id, id=pay_link.case_id)
    cents, is_settled = payable.worth(book, pay_link)
    is_processing = pay_link.intents.filter(state=PaymentIntent.State.PROCESSING).exists()
    state = "processing" if is_processing else "open" if cents else "settled" if is_settled else "paused"
    account = ProviderAccount.objects.get(tenant_id=book.tenant_id, id=pay_link.account_id)
    return PayPage(
        public_id,
        row.case_reference,
        _payee(row),
        cents,
        pay_link.currency,
        clock.today(),
        row.language,
        state,
        provider_accounts.PROVIDERS[account.provider].title,
        tuple(sorted(provider_accounts.gateway(account).checkout_hosts)),
    )


def _payee(case: Case) -> Payee:
    creditor = Creditor.objects.get(tenant_id=case.tenant_id, id=case.creditor_id)
    told = creditor.profile

    def text(name: str) -> str:
        return str(told.get(name) or "")

    town = f"{text('postcode')} {text('city')}".strip()
    return Payee(
        name=creditor.name,
        client=str((told.get("client") or {}).get("name") or ""),
        account_holder=text("account_holder"),
        iban=creditor.iban,
        rf_reference=case.rf_reference,
        role=Role(case.role),
        address_lines=tuple(line for line in (text("address_extra"), text("street"), town) if line),
        vat_id=creditor.vat_id,
        **{name: text(name) for name in ("contact_person", "phone", "email", "hours", "register", "privacy")},
    )


def checkout_url(public_id: str) -> str:
    """The provider's page on which to pay, made or found again.

    Raises
    ------
    NotFound
        No such link.
    NotPayable
        Nothing is open, a payment is under way, or the provider cannot be reached now; trying again is safe.
    TooOften
        Pressed too often; nothing was written or asked.
    """
    book, pay_link = _find(public_id)
    pay_presses.of_link(pay_link)
    for _ in range(2):
        cents = payable.cents(book, pay_link)
        if not cents:
            raise NotPayable("There is nothing to pay.")
        intent = _intent(book, pay_link, cents)
        if intent.state == PaymentIntent.State.PROCESSING:
            raise NotPayable("A payment is under way.")
        if intent.state != PaymentIntent.State.OPEN or not intent.url:
            return _ask(book, pay_link, intent)
        if clock.now() - intent.asked_at < FRESH or _is_alive(book, intent):
            return str(intent.url)
        pay_link.refresh_from_db()
    raise NotPayable("The checkout ended a moment ago.", "Try again in a moment.")


def _is_alive(book: OpenBook, intent: PaymentIntent) -> bool:
    """Whether a checkout of some time ago can still be paid on; what became of it is booked."""
    account = ProviderAccount.objects.get(tenant_id=book.tenant_id, id=intent.account_id)
    pay_presses.of_account(account)
    try:
        _, received = providers.follow_checkout(book, account, provider_accounts.gateway(account), intent)
    except providers.FAILURES:
        return True  # nobody knows better; the provider's own page will say
    return received is None


def _intent(book: OpenBook, pay_link: PayLink, cents: int) -> PaymentIntent:
    """The attempt that still counts, or a new one with its key."""
    states = PaymentIntent.State
    with transaction.atomic():
        PayLink.objects.select_for_update().get(tenant_id=book.tenant_id, id=pay_link.id)
        mine = pay_link.intents.order_by("-attempt")
        under_way = mine.filter(state=states.PROCESSING).first()
        usable = mine.filter(state__in=[states.NEW, states.UNKNOWN, states.OPEN], amount_cents=cents).first()
        if under_way or usable:
            return under_way or usable  # type: ignore[return-value]
        last = mine.first()
        return PaymentIntent.objects.create(
            tenant_id=book.tenant_id,
            account_id=pay_link.account_id,
            pay_link_id=pay_link.id,
            attempt=last.attempt + 1 if last else 1,
            key=ids.new_public_id(),
            amount_cents=cents,
            currency=pay_link.currency,
            asked_at=clock.now(),
        )


def _ask(book: OpenBook, pay_link: PayLink, intent: PaymentIntent) -> str:
    """Ask the provider for the checkout under the intent's key; a time-out leaves it unknown."""
    account = ProviderAccount.objects.get(tenant_id=book.tenant_id, id=pay_link.account_id)
    pay_presses.of_account(account)
    gateway = provider_accounts.gateway(account)
    request = _request(account, pay_link, intent)
    reached("before checkout")
    mine = PaymentIntent.objects.filter(id=intent.id, state__in=["new", "unknown"])
    try:
        made = gateway.create_payment_link(request)
    except AnswerUnknown as error:
        mine.update(state=PaymentIntent.State.UNKNOWN)
        raise NotPayable("The provider did not answer.", "Try again in a moment.") from error
    except (NotReached, AddressRefused) as error:
        raise NotPayable("The provider cannot be reached.", "Try again in a moment.") from error
    except ProviderRefused as refusal:
        mine.update(state=PaymentIntent.State.FAILED)
        note(book, "checkout_refused", case_id=pay_link.case_id, detail={"code": refusal.code[:60]})
        raise NotPayable("The provider refused the payment.", "Try again later.") from refusal
    reached("after checkout")
    _check_url(made, gateway.checkout_hosts)
    mine.update(
        state=PaymentIntent.State.OPEN,
        checkout_id=made.checkout_id,
        payment_id=made.payment_id or None,
        url=made.url,
    )
    return made.url


def _check_url(made: Checkout, hosts: frozenset[str]) -> None:
    """The payer is sent to the provider's own pages, and nowhere else."""
    parts = urlsplit(made.url)
    test = provider_accounts.test_server()
    is_test = bool(test) and parts.scheme == "http" and parts.netloc == test
    if not is_test and (parts.scheme != "https" or parts.netloc not in hosts):
        raise UnsafeStart("The provider named a page that is not its own; nobody is sent there.")
    is_kept = PROVIDER_ID.fullmatch(made.checkout_id) and PROVIDER_ID.fullmatch(made.payment_id or "x")
    if not is_kept or len(made.url) > URL_MAX:
        raise UnsafeStart("The provider named a checkout that cannot be kept; nobody is sent there.")
    if made.status not in (Status.OPEN, Status.PROCESSING):
        raise NotPayable("This payment is no longer open.", "Try again in a moment.")


def _request(account: ProviderAccount, pay_link: PayLink, intent: PaymentIntent) -> CheckoutRequest:
    case = Case.objects.get(tenant_id=account.tenant_id, id=pay_link.case_id)
    creditor = Creditor.objects.get(tenant_id=account.tenant_id, id=case.creditor_id)
    path = letter_links.path_of(pay_link.public_id)
    return CheckoutRequest(
        key=intent.key,
        link=pay_link.public_id,
        amount_cents=intent.amount_cents,
        currency=intent.currency,
        description=f"{creditor.name[:80]}, {case.case_reference}",
        locale=case.language,
        done_url=provider_accounts.public_url(f"{path}/done"),
        cancelled_url=provider_accounts.public_url(f"{path}/cancelled"),
        webhook_url=provider_accounts.public_url(provider_accounts.webhook_path(account)),
    )
