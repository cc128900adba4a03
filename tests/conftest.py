"""The tests' database: a throw-away folder, and on request a PostgreSQL that this run starts and stops.

MAHNWERK_TEST_DATABASE=sqlite (default) | postgres. Fixtures:

- `tenant_id`  a tenant with its key, in a transaction that is rolled back (implies `db`); on PostgreSQL the
  rest of the test works as the role of an installation
- `as_owner`   the same, as the owner of the tables
- `real_book`  a function that opens a real book in a folder of its own, with real commits
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from tests.records import postgres_server


def _starts_server(config: pytest.Config) -> bool:
    return os.environ.get("MAHNWERK_TEST_DATABASE") == "postgres" and not hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if _starts_server(config):
        try:
            postgres_server.start(Path(os.environ["MAHNWERK_TEST_FOLDER"]) / "pg")
        except RuntimeError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ["MAHNWERK_TEST_FOLDER"])
    if _starts_server(config):
        postgres_server.stop(folder / "pg")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test with a database gets both: the data and the keys."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        fixtures = getattr(item, "fixturenames", ())
        if marker is None and not {"db", "transactional_db", "tenant_id"} & set(fixtures):
            continue
        options = dict(marker.kwargs) if marker else {}
        options.setdefault("databases", ["default", "keys"])
        if "transactional_db" in fixtures:
            options["transaction"] = True
        item.own_markers.insert(0, pytest.mark.django_db(**options).mark)


@pytest.fixture(scope="session", autouse=True)
def _emptying_tables_passes_the_guards() -> None:
    """Tests with real transactions empty all tables afterwards; the triggers must let them."""
    from django.db import connection

    from mahnwerk.records import guards

    operations = type(connection.ops)
    flush = operations.execute_sql_flush

    def guarded(self: Any, sql_list: list[str]) -> None:
        vendor, has_guards = self.connection.vendor, self.connection.alias == "default"
        with self.connection.cursor() as cursor:
            for statement in guards.drop_trigger_sql(vendor) if has_guards else ():
                cursor.execute(statement)
            flush(self, sql_list)
            for statement in guards.trigger_sql(vendor) if has_guards else ():
                cursor.execute(statement)

    operations.execute_sql_flush = guarded


@pytest.fixture(autouse=True)
def _no_keys_left() -> Iterator[None]:
    yield
    from mahnwerk.records import crypto, tenancy

    crypto.forget_keys()
    tenancy._tenant.set(None)


@pytest.fixture(autouse=True)
def _same_databases() -> Iterator[None]:
    """A test that opened a book of its own gives the run's databases back: at the end these are dropped."""
    from django.db import connections

    names = {alias: connections[alias].settings_dict["NAME"] for alias in ("default", "keys")}
    yield
    for alias, name in names.items():
        if connections[alias].settings_dict["NAME"] != name:
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name


@pytest.fixture(scope="session")
def _app_role(django_db_setup: None, django_db_blocker: Any) -> str:
    """PostgreSQL: the role an installation works as, for all that follows in a test's transaction."""
    from django.db import connection

    from mahnwerk.records import roles

    if connection.vendor != "postgresql":
        return ""
    with django_db_blocker.unblock():
        roles.grant_app_role()
        with connection.cursor() as cursor:
            cursor.execute(f"GRANT {roles.APP_ROLE} TO CURRENT_USER")
        connection.close()
    return roles.APP_ROLE


@pytest.fixture
def tenant_id(db: None, tmp_path: Path, settings: Any, _app_role: str) -> int:
    """A tenant with its key, in a book of its own folder; what is forbidden in production fails here too."""
    from django.db import connection

    from mahnwerk.records.book import ensure_tenant

    settings.BOOK = tmp_path
    tenant = ensure_tenant("Test operator")
    if _app_role:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {_app_role}")
    return tenant


@pytest.fixture
def as_owner(tenant_id: int) -> None:
    """Work as the owner of the tables again, whom only triggers and keys hold back."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


@pytest.fixture
def real_book(tmp_path: Path, django_db_blocker: Any) -> Iterator[Callable[[str], Path]]:
    """Open a book on SQLite with real commits: `folder = real_book("shop")`. Not for PostgreSQL."""
    from django.db import connections

    if os.environ.get("MAHNWERK_TEST_DATABASE") == "postgres":
        pytest.skip("a book in a folder of its own is a SQLite book")
    from mahnwerk.records.book import open_book

    folder, environment = settings.BOOK, os.environ.get("MAHNWERK_BOOK")
    with django_db_blocker.unblock():
        yield lambda name: open_book(tmp_path / name)
        connections.close_all()
    settings.BOOK = folder
    if environment is not None:
        os.environ["MAHNWERK_BOOK"] = environment
