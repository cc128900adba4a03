"""Open a book chosen at run time, and make its first tenant.

    from mahnwerk.records.book import open_book
    open_book(Path("var/books/example"))          # before any import of mahnwerk.records.models
    tenant_id = ensure_tenant("Example shop")     # makes tenant and tenant key once

`open_book` may be called again in the same process for another book.
"""

from __future__ import annotations

import os
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations.executor import MigrationExecutor

ALIASES = ("default", "keys")


class BookError(RuntimeError):
    """The book cannot be opened; the message says why and what to do."""


def open_book(path: Path | str, *, create: bool = True, check: bool = True) -> Path:
    """Make the book in this folder the one the process works with.

    Sets MAHNWERK_BOOK, starts Django, creates or migrates the databases where needed, and asks the start
    check whether what is committed stays committed.

    Parameters
    ----------
    path : folder of the book; with MAHNWERK_DATABASE_URL the data are in PostgreSQL, the rest in the folder
    create : make the book where none is; False raises BookError instead
    check : refuse unsafe durability settings (start_check.py)

    Returns the absolute folder. Raises BookError, start_check.Unsafe.
    """
    folder = Path(path).absolute()
    is_sqlite = not os.environ.get("MAHNWERK_DATABASE_URL")
    if not create and is_sqlite and not (folder / "book.sqlite3").is_file():
        raise BookError(f"There is no book in {folder}: import something first, or name another with --book.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "secrets").mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ["MAHNWERK_BOOK"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mahnwerk.site.settings")
    if apps.ready:
        _repoint(folder)
    else:
        django.setup()
    _migrate()
    if check:
        from mahnwerk.records import start_check

        start_check.check_durability()
    return folder


def _repoint(folder: Path) -> None:
    from mahnwerk.records import crypto, tenancy

    settings.BOOK = folder
    crypto.forget_keys()
    for alias, database in settings.DATABASES_OF_BOOK(folder).items():
        connection = connections[alias]
        if connection.settings_dict["NAME"] == database["NAME"]:
            continue
        connection.close()
        connection.settings_dict["NAME"] = database["NAME"]
    tenancy.set_tenant(None)


def _migrate() -> None:
    for alias in ALIASES:
        executor = MigrationExecutor(connections[alias])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            if os.environ.get("MAHNWERK_DB_ROLE"):
                raise BookError(
                    f"The tables of {alias} are older than this programme, and MAHNWERK_DB_ROLE may "
                    "not change them: open the book once as the owner of the tables, without that variable."
                )
            call_command("migrate", database=alias, verbosity=0, interactive=False)


def ensure_tenant(name: str = "default") -> int:
    """The id of the tenant of this name, made with its key if need be; and work for it from now on."""
    from mahnwerk.records import crypto, tenancy
    from mahnwerk.records.models import Tenant

    found = Tenant.objects.filter(name=name).first()
    if found is None:
        with transaction.atomic():
            found = Tenant.objects.filter(name=name).first()
            if found is None:
                last = Tenant.objects.order_by("-number").first()
                found = Tenant.objects.create(name=name, number=last.number + 1 if last else 1)
                crypto.make_tenant_key(found.id)
    tenancy.set_tenant(found.id)
    return found.id
