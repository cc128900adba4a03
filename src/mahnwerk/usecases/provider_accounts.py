"""Accounts with payment providers: read from a file, listed, turned into something that speaks."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q

from mahnwerk.gateways.mollie import MollieProvider
from mahnwerk.gateways.payments import AccountSettings, PaymentProvider
from mahnwerk.gateways.paypal import PayPalProvider
from mahnwerk.gateways.stripe import StripeProvider
from mahnwerk.law.strict_yaml import StrictYamlError, load
from mahnwerk.records import ids, tenancy
from mahnwerk.records import providers as records
from mahnwerk.records.models import Creditor, Feed, ProviderAccount, ProviderEvent
from mahnwerk.usecases import books, clock, letter_links
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.errors import BadInput, NotFound, Refused, UnsafeStart
from mahnwerk.usecases.opening import OpenBook

TEST_SERVER: Final = "MAHNWERK_TEST_PROVIDER"
"""Environment variable naming a test server on this machine ("127.0.0.1:8123"); refused in production."""
VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{2,79}")
KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Kind:
    """What a provider needs to be told. `title`: what payers call it; `(name, needed)` of settings; secrets
    and how many each may have."""

    title: str
    make: Callable[[AccountSettings], PaymentProvider]
    settings: Mapping[str, bool]
    secrets: Mapping[str, int]


PROVIDERS: Final[Mapping[str, Kind]] = {
    "stripe": Kind("Stripe", StripeProvider, {}, {"api_key": 1, "webhook_secrets": 4}),
    "paypal": Kind(
        "PayPal",
        PayPalProvider,
        {"client_id": True, "webhook_id": True, "sandbox": False},
        {"client_secret": 1},
    ),
    "mollie": Kind("Mollie", MollieProvider, {}, {"api_key": 1}),
}
"""A further provider is one module in gateways/ and one line here."""


class NoSuchAccount(Refused):
    """No account has this public id."""


@dataclass(frozen=True)
class AccountAdded:
    """What became of an account file. `outcome` is new or changed; `in_letters`: letters carry its links."""

    key: str
    provider: str
    outcome: str
    webhook_path: str
    in_letters: bool


def gateway(account: ProviderAccount) -> PaymentProvider:
    """The account as something that speaks with its provider."""
    made = AccountSettings(account.settings, records.open_secrets(account), test_server())
    return PROVIDERS[account.provider].make(made)


def test_server() -> str:
    """The loopback test server, or "".

    Raises
    ------
    UnsafeStart
        It is named in production.
    """
    named = os.environ.get(TEST_SERVER, "")
    if named and settings.IS_PRODUCTION:
        raise UnsafeStart(f"{TEST_SERVER} is set in production: payments would go to a test server.")
    return named


def public_url(path: str) -> str:
    """A URL of our own pages; its host is configured, never taken from a request."""
    base = letter_links.pages()
    if not base:
        raise BadInput(
            f"{letter_links.PUBLIC_URL} is not set: providers must know where to send payers and events.",
            "Set it to the address of the pay pages, for example https://pay.example.org.",
        )
    return base + path


def webhook_path(account: ProviderAccount) -> str:
    """Where the provider must send its events."""
    return f"/hooks/{account.provider}/{account.public_id}"


def find(public_id: str) -> tuple[OpenBook, ProviderAccount]:
    """The account of a request from outside, and from now on work for its tenant.

    Raises
    ------
    NoSuchAccount
    """
    tenant_id = records.tenant_of(public_id)
    if tenant_id is not None:
        tenancy.set_tenant(tenant_id)
        account = ProviderAccount.objects.filter(
            tenant_id=tenant_id, public_id=public_id, is_active=True
        ).first()
        if account is not None:
            return web_book(tenant_id, f"provider:{account.key}"), account
    raise NoSuchAccount("There is no such account.")


def web_book(tenant_id: int, actor: str) -> OpenBook:
    """The book this process serves, for a request from outside."""
    return OpenBook(books.place(str(settings.BOOK)), tenant_id, actor)


def named(book: OpenBook, key: str) -> ProviderAccount:
    """The account of this key; the only one where no key is given.

    Raises
    ------
    NotFound
    """
    found = list(ProviderAccount.objects.filter(tenant_id=book.tenant_id, is_active=True).order_by("key"))
    chosen = [account for account in found if account.key == key or not key]
    if len(chosen) != 1:
        problem = f"there is no provider account {key!r}" if key else "the provider account is not clear"
        listed = ", ".join(account.key for account in found) or "none"
        raise NotFound(f"{problem}; known: {listed}.", "Name one with --account, or add it: provider add.")
    return chosen[0]


def overview(book: OpenBook) -> list[dict[str, Any]]:
    """The accounts of a book: what waits and what a person must look at."""
    rows = ProviderAccount.objects.filter(tenant_id=book.tenant_id).order_by("key")
    creditors = dict(Creditor.objects.filter(tenant_id=book.tenant_id).values_list("id", "key"))
    counts: dict[tuple[int, str], int] = {}
    for row in (
        ProviderEvent.objects.filter(tenant_id=book.tenant_id)
        .values("account_id", "state")
        .annotate(number=Count("id"))
    ):
        counts[row["account_id"], row["state"]] = row["number"]
    return [
        {
            "key": row.key,
            "provider": row.provider,
            "creditor": creditors.get(row.creditor_id, ""),
            "webhook_path": webhook_path(row),
            "in_letters": row.settings.get(letter_links.IN_LETTERS) != "false",
            "applied": counts.get((row.id, "applied"), 0),
            "waiting": counts.get((row.id, "waiting"), 0),
            "unmatched": counts.get((row.id, "unmatched"), 0),
            "reconciled_until": row.reconciled_until,
        }
        for row in rows
    ]


def add_file(book: OpenBook, path: Path) -> AccountAdded:
    """Add the account of a file, or bring a known one (same `key`) up to date.

    Secrets are read from the environment variables the file names, and kept encrypted.

    Raises
    ------
    BadInput
        What is wrong with the file, by its key, and what to write.
    """
    try:
        told = load(path.read_text(encoding="utf-8"), path.name)
    except (StrictYamlError, UnicodeDecodeError) as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise NotFound(f"{path}: cannot be read: {error.strerror}.", "Check the name.") from error
    if not isinstance(told, dict):
        raise BadInput(f"{path.name}: must be keys and values: key, provider, creditor, secrets.")
    allowed = {"key", "provider", "creditor", "settings", "secrets", "max_age_days", "in_letters"}
    if unknown := sorted(str(name) for name in told.keys() - allowed):
        raise BadInput(f"{path.name}: unknown key {unknown[0]!r}.", f"Known: {', '.join(sorted(allowed))}.")
    key, provider = _word(told, "key", path.name), _word(told, "provider", path.name)
    kind = PROVIDERS.get(provider)
    if kind is None:
        raise BadInput(f"{path.name}: provider {provider!r}.", f"Known: {', '.join(PROVIDERS)}.")
    creditor = Creditor.objects.filter(
        tenant_id=book.tenant_id, key=_word(told, "creditor", path.name)
    ).first()
    if creditor is None:
        raise NotFound(f"{path.name}: there is no creditor {told.get('creditor')!r}.", "See: creditor list.")
    plain = _settings(told.get("settings") or {}, kind, path.name)
    secrets = _secrets(told.get("secrets") or {}, kind, path.name)
    max_age_days = told.get("max_age_days")
    if max_age_days is not None and not (isinstance(max_age_days, int) and 1 <= max_age_days <= 60):
        raise BadInput(f"{path.name}: max_age_days must be a whole number from 1 to 60.")
    if not isinstance(in_letters := told.get("in_letters", True), bool):
        raise BadInput(f"{path.name}: in_letters must be true or false.")
    if not in_letters:
        plain[letter_links.IN_LETTERS] = "false"
    with transaction.atomic():
        account, outcome = _save(book, key, provider, creditor.id, plain, secrets)
        if max_age_days is not None:
            Feed.objects.update_or_create(
                tenant_id=book.tenant_id,
                creditor_id=creditor.id,
                name=feed_name(account),
                defaults={"max_age_days": max_age_days},
                create_defaults={"max_age_days": max_age_days, "checked_on": clock.today()},
            )
        note(book, "provider_add", detail={"account_id": account.id, "outcome": outcome})
    return AccountAdded(key, provider, outcome, webhook_path(account), in_letters)


def feed_name(account: ProviderAccount) -> str:
    """The money feed that reconciling this account keeps fresh."""
    return f"provider:{account.key}"


def _save(
    book: OpenBook,
    key: str,
    provider: str,
    creditor_id: int,
    plain: Mapping[str, str],
    secrets: Mapping[str, tuple[str, ...]],
) -> tuple[ProviderAccount, str]:
    known = ProviderAccount.objects.filter(tenant_id=book.tenant_id, key=key).first()
    if known is None:
        account_id = ids.new_id()
        made = ProviderAccount.objects.create(
            id=account_id,
            tenant_id=book.tenant_id,
            public_id=records.new_public_id(book.tenant_id),
            creditor_id=creditor_id,
            key=key,
            provider=provider,
            settings=dict(plain),
            secrets=records.seal_secrets(book.tenant_id, account_id, secrets),
            added_at=clock.now(),
        )
        return made, "new"
    if (known.provider, known.creditor_id) != (provider, creditor_id):
        raise BadInput(
            f"account {key!r} belongs to another provider or creditor; its payments would change hands.",
            "Give the new account a key of its own.",
        )
    known.settings = dict(plain)
    known.secrets = records.seal_secrets(book.tenant_id, known.id, secrets)
    known.save(update_fields=["settings", "secrets"])
    return known, "changed"


def _word(told: Mapping[str, Any], name: str, where: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or (name == "key" and not KEY.fullmatch(value)):
        raise BadInput(f"{where}: {name} is missing or malformed.", "Small letters, digits, '-' and '_'.")
    return value


def _settings(told: Any, kind: Kind, where: str) -> dict[str, str]:
    if not isinstance(told, dict) or told.keys() - kind.settings.keys():
        raise BadInput(f"{where}: settings may hold {', '.join(kind.settings) or 'nothing'}.")
    missing = [name for name, needed in kind.settings.items() if needed and not told.get(name)]
    if missing:
        raise BadInput(f"{where}: settings.{missing[0]} is missing.")
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in told.items()
    }


def _secrets(told: Any, kind: Kind, where: str) -> dict[str, tuple[str, ...]]:
    """name → values, read from the environment variables the file names."""
    if not isinstance(told, dict) or told.keys() != kind.secrets.keys():
        raise BadInput(f"{where}: secrets must name the variables of {', '.join(kind.secrets)}.")
    found: dict[str, tuple[str, ...]] = {}
    for name, most in kind.secrets.items():
        variables = told[name] if isinstance(told[name], list) else [told[name]]
        if not 1 <= len(variables) <= most:
            raise BadInput(f"{where}: secrets.{name} takes 1 to {most} variables.")
        values = []
        for variable in variables:
            if not isinstance(variable, str) or not VARIABLE.fullmatch(variable):
                raise BadInput(
                    f"{where}: secrets.{name} must be the NAME of an environment variable.",
                    "Never write a secret into a file; put it into the environment, e.g. STRIPE_API_KEY.",
                )
            if not (value := os.environ.get(variable, "").strip()):
                raise BadInput(
                    f"{where}: the environment variable {variable} is empty.", "Set it, try again."
                )
            values.append(value)
        found[name] = tuple(values)
    return found


def needs_person(book: OpenBook) -> int:
    """Number of events that cannot be booked or have waited for their payment for a day."""
    late = Q(state=ProviderEvent.State.WAITING, received_at__lt=clock.now() - dt.timedelta(days=1))
    events = ProviderEvent.objects.filter(tenant_id=book.tenant_id)
    return events.filter(Q(state=ProviderEvent.State.UNMATCHED) | late).count()
