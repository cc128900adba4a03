"""Opening a book: settings, database, start check, and who is at work in it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mahnwerk.usecases import books, failpoints
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.errors import NotFound, UnsafeStart

TENANT = "default"
"""The tenant of a book that has only one."""


@dataclass(frozen=True)
class OpenBook:
    """A book somebody works in: where it lies, whose it is, who does it."""

    place: BookPlace
    tenant_id: int
    actor: str


def start_django() -> None:
    """Make the models importable; which book they mean is said later, by `open_book`."""
    import django
    from django.apps import apps

    if not apps.ready:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mahnwerk.site.settings")
        django.setup()


def open_book(book: str = "", *, actor: str, create: bool = False) -> OpenBook:
    """Set Django up for this book, bring its tables up to date and check that starting is safe.

    Parameters
    ----------
    book : name or folder; "" = `default`
    actor : who works, for the audit trail
    create : make the book where there is none

    Raises
    ------
    NotFound
        There is no such book and `create` is off.
    UnsafeStart
        Durability settings or keys are not safe; the message names each.
    """
    os.umask(0o077)  # what is written from here on holds people's data: for this user alone
    start_django()
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    from mahnwerk.records import book as records_book
    from mahnwerk.records.start_check import Unsafe

    place = books.place(book)
    try:
        records_book.open_book(place.folder, create=create)
        for alias in records_book.ALIASES:
            failpoints.watch_connection(connections[alias])
        tenant_id = records_book.ensure_tenant(TENANT)
    except records_book.BookError as error:
        raise NotFound(
            f"book {place.name!r}: {error}", f"mahnwerk import FILE --book {place.name} makes it."
        ) from error
    except (Unsafe, ImproperlyConfigured) as error:
        raise UnsafeStart(str(error)) from error
    _check_keys(tenant_id)
    return OpenBook(place, tenant_id, actor)


def _check_keys(tenant_id: int) -> None:
    from mahnwerk.records import crypto

    try:
        crypto.tenant_key(tenant_id, "source key")
    except crypto.KeyMissing as error:
        raise UnsafeStart(
            f"the keys of this book do not open it: {error}",
            "Give it the master key it was made with, or restore the key store from its backup.",
        ) from error
