"""What Mahnwerk asks of a payment provider: one small interface, and the words both sides use.

A provider is one module: it makes checkouts, tells what became of them, pays back, and reads its own
webhooks. It decides nothing and books nothing. Everything that has an effect on money carries a key; asking
again with the same key has the effect once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol

from mahnwerk.gateways.outbound import AnswerUnknown

PROVIDER_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,120}")
LINK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
CURRENCY: Final = re.compile(r"[A-Z]{3}")
CENTS_MAX: Final = 10**13
UNANSWERED: Final = frozenset({408, 409, 425, 429})
"""Besides 5xx: answers after which the same request, under the same key, must be asked again."""
PAGES_MAX: Final = 10_000
"""Of one listing; no provider has so much to tell."""
TIMES: Final = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
"""Between these a payment can have been made; other days would run over when they are reckoned with."""
DECIMAL: Final = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,2})?")


class MovementKind(StrEnum):
    """How money moved. The first four change what is in force; the last two undo one of them."""

    PAID = "paid"
    REFUNDED = "refunded"
    RETURNED = "returned"
    """Taken back from us: chargeback, lost dispute, returned SEPA direct debit."""
    REFUND_FAILED = "refund_failed"
    REINSTATED = "reinstated"
    """Given to us again after it was taken back: a dispute won."""


class Status(StrEnum):
    """Where a checkout or payment stands at the provider."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


class ProviderRefused(Exception):  # noqa: N818 - an answer, not an accident
    """The provider said no: it was certainly not carried out. `code` is a closed word, never a text."""

    def __init__(self, code: str, status: int = 0) -> None:
        super().__init__(f"{code} ({status})" if status else code)
        self.code = code
        self.status = status

    @property
    def is_gone(self) -> bool:
        """The provider knows no such thing (any more)."""
        return self.status in (404, 410) or self.code == "malformed_id"


class WebhookForged(Exception):  # noqa: N818 - an answer, not an accident
    """This message is not from the provider, or not for this account. `code` says which check failed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class WebhookStale(WebhookForged):
    """Signature right, time wrong: an old message played again, or our clock is off."""

    def __init__(self, seconds: int) -> None:
        super().__init__("outside_time_window")
        self.seconds = seconds


@dataclass(frozen=True)
class Movement:
    """Money that moved. `movement_id` names it within the payment and its kind, for ever.

    `at` is a UTC time that the webhook and the later listing tell alike; `link` is the public id of our
    pay link where the provider hands it back.
    """

    kind: MovementKind
    payment_id: str
    movement_id: str
    amount_cents: int
    currency: str
    at: dt.datetime
    link: str = ""

    def __post_init__(self) -> None:
        if not (PROVIDER_ID.fullmatch(self.payment_id) and PROVIDER_ID.fullmatch(self.movement_id)):
            raise WebhookForged("malformed_id")
        if not 0 < self.amount_cents <= CENTS_MAX or not CURRENCY.fullmatch(self.currency):
            raise WebhookForged("malformed_amount")


class BalanceKind(StrEnum):
    """Why the balance of our account with the provider changed."""

    PAYMENT = "payment"
    REFUND = "refund"
    RETURNED = "returned"
    FEE = "fee"
    PAYOUT = "payout"
    """A settlement that leaves for our bank account, or comes back from it."""
    OTHER = "other"


@dataclass(frozen=True)
class BalanceMovement:
    """One change of the balance: what moved before fees (to us is positive) and what the provider kept."""

    movement_id: str
    kind: BalanceKind
    payment_id: str
    gross_cents: int
    fee_cents: int
    currency: str
    at: dt.datetime
    descriptor: str = ""
    """Of a payout: its name on the bank statement."""

    def __post_init__(self) -> None:
        if not PROVIDER_ID.fullmatch(self.movement_id) or not PROVIDER_ID.fullmatch(self.payment_id or "x"):
            raise WebhookForged("malformed_id")
        within = abs(self.gross_cents) <= CENTS_MAX and abs(self.fee_cents) <= CENTS_MAX
        if not within or not CURRENCY.fullmatch(self.currency):
            raise WebhookForged("malformed_amount")


@dataclass(frozen=True)
class PaymentState:
    """All the provider knows of one payment."""

    payment_id: str
    status: Status
    movements: tuple[Movement, ...] = ()
    link: str = ""
    checkout_id: str = ""


@dataclass(frozen=True)
class ProviderEvent:
    """One message of the provider.

    `movements` is what it tells by itself. `needs_fetch`: only the payment's state tells the whole.
    `needs_capture`: the payer agreed, the money is taken by our asking for it. `unreadable`: which check
    its content failed.
    """

    event_id: str
    kind: str
    payment_id: str = ""
    checkout_id: str = ""
    link: str = ""
    status: Status | None = None
    movements: tuple[Movement, ...] = ()
    needs_fetch: bool = False
    needs_capture: bool = False
    unreadable: str = ""

    def __post_init__(self) -> None:
        for value in (self.event_id, self.payment_id or "x", self.checkout_id or "x"):
            if not PROVIDER_ID.fullmatch(value):
                raise WebhookForged("malformed_id")

    @property
    def is_about_money(self) -> bool:
        """Whether it can change anything here."""
        told = self.movements or self.needs_fetch or self.needs_capture or self.status
        return bool(told or self.unreadable)


@dataclass(frozen=True)
class CheckoutRequest:
    """What the payer shall be asked for. It names no person: the provider asks who pays."""

    key: str
    link: str
    amount_cents: int
    currency: str
    description: str
    locale: str
    done_url: str
    cancelled_url: str
    webhook_url: str


@dataclass(frozen=True)
class Checkout:
    """A page of the provider on which to pay."""

    checkout_id: str
    url: str
    status: Status = Status.OPEN
    payment_id: str = ""


@dataclass(frozen=True)
class Refund:
    """Money on its way back. `movement` is there once it has left."""

    refund_id: str
    status: str  # pending | done | failed
    movement: Movement | None = None


@dataclass(frozen=True)
class RefundRequest:
    """Pay back a part or all of a payment, once per key."""

    key: str
    payment_id: str
    amount_cents: int
    currency: str


class PaymentProvider(Protocol):
    """What every provider can do. Calls raise ProviderRefused, NotReached or AnswerUnknown."""

    @property
    def name(self) -> str: ...

    @property
    def checkout_hosts(self) -> frozenset[str]: ...

    def create_payment_link(self, request: CheckoutRequest) -> Checkout:
        """A checkout page; the same key gives the same page."""

    def capture(self, checkout_id: str, key: str) -> PaymentState:
        """Take the money of an approved checkout, once per key."""

    def fetch(self, payment_id: str) -> PaymentState:
        """What became of a payment."""

    def fetch_checkout(self, checkout_id: str) -> PaymentState:
        """What became of a checkout."""

    def refund(self, request: RefundRequest) -> Refund:
        """Pay back, once per key."""

    def find_refund(self, payment_id: str, key: str) -> Refund | None:
        """The refund made under this key, if there is one."""

    def parse_webhook(self, raw_body: bytes, headers: Mapping[str, str], now: dt.datetime) -> ProviderEvent:
        """The event of a message, after its signature has been checked.

        Raises
        ------
        WebhookForged, WebhookStale
        """

    def list_events(self, since: dt.datetime) -> Iterator[ProviderEvent]:
        """Everything that happened since, oldest first, as the webhooks should have told it."""

    def list_balance(self, since: dt.datetime, until: dt.datetime) -> Iterator[BalanceMovement]:
        """Every change of our balance with the provider in that time: payments, fees, settlements."""


@dataclass(frozen=True)
class AccountSettings:
    """What a provider module is made from. `secrets` are in memory only."""

    settings: Mapping[str, str]
    secrets: Mapping[str, tuple[str, ...]] = field(repr=False)
    loopback: str = ""

    @property
    def api_base(self) -> str:
        """Scheme and host of the test server, or ""."""
        return f"http://{self.loopback}" if self.loopback else ""


def is_unanswered(status: int) -> bool:
    """Whether an HTTP status says neither yes nor no."""
    return status >= 500 or status in UNANSWERED


def answered(content: bytes | str, host: str) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises
    ------
    AnswerUnknown
        It is none: what was asked for may have been carried out.
    """
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        raise AnswerUnknown(f"{host}: not JSON") from None
    if not isinstance(read, dict):
        raise AnswerUnknown(f"{host}: not an object")
    return read


def rows(found: object) -> list[dict[str, Any]]:
    """The objects of a list; what is none is left out."""
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def pages(
    ask: Callable[[str], dict[str, Any]], first: str, following: Callable[[dict[str, Any]], str]
) -> Iterator[dict[str, Any]]:
    """The pages of a listing; `following` names the place of the next one, "" = that was the last.

    Raises
    ------
    AnswerUnknown
        It goes in circles or has no end: what it lists is not known as a whole.
    """
    seen: set[str] = set()
    place = first
    while True:
        if place in seen or len(seen) >= PAGES_MAX:
            raise AnswerUnknown("a listing goes in circles, or has no end")
        seen.add(place)
        page = ask(place)
        yield page
        if not (place := following(page)):
            return


def each_event(
    bodies: Iterable[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], ProviderEvent], kind: str
) -> Iterator[ProviderEvent]:
    """The events of a listing, `kind` naming the field of their kind.

    One that cannot be read is told as such, under its own name, and hides none of the others.
    """
    for body in bodies:
        try:
            yield read(body)
        except WebhookForged as refusal:
            name = text(body.get("id"))
            name = (
                name
                if PROVIDER_ID.fullmatch(name)
                else f"odd:{hashlib.sha256(repr(body).encode()).hexdigest()}"
            )
            yield ProviderEvent(name, text(body.get(kind))[:60] or "unknown", unreadable=refusal.code)


def cents(value: object) -> int:
    """Cents of a decimal text such as "10.00". JSON numbers and more than two decimals are refused."""
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise WebhookForged("malformed_amount")
    return int(Decimal(value) * 100)


def decimal_text(amount_cents: int) -> str:
    """10.00 for 1000 cents."""
    return f"{amount_cents // 100}.{amount_cents % 100:02d}"


def timestamp(value: object) -> dt.datetime:
    """A UTC time from seconds since 1970 or from ISO text, at most of this century."""
    try:
        if isinstance(value, bool):
            raise ValueError
        if isinstance(value, int):
            read = dt.datetime.fromtimestamp(value, dt.UTC)
        else:
            read = dt.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
            read = (read if read.tzinfo else read.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
        if not TIMES[0] <= read < TIMES[1]:
            raise ValueError
    except (ValueError, OverflowError, OSError):
        raise WebhookForged("malformed_time") from None
    return read


def text(value: object) -> str:
    """The value if it is a text, else ""."""
    return value if isinstance(value, str) else ""


def link_id(value: object) -> str:
    """A public id of ours that the provider handed back, or ""."""
    return value if isinstance(value, str) and LINK_ID.fullmatch(value) else ""


def header(headers: Mapping[str, str], name: str) -> str:
    """A header whatever its case; "" where missing."""
    for key, value in headers.items():
        if key.lower() == name:
            return value
    return ""
