"""Which tenant a connection works for. On PostgreSQL row-level security reads it from the session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

_tenant: ContextVar[int | None] = ContextVar("tenant", default=None)


def _tell(connection: Any, tenant_id: int | None) -> None:
    if connection.vendor == "postgresql" and connection.alias == "default":
        with connection.cursor() as cursor:
            text = "" if tenant_id is None else str(tenant_id)
            cursor.execute("SELECT set_config('app.tenant_id', %s, false)", [text])


def set_tenant(tenant_id: int | None) -> None:
    """Work for this tenant from now on, on this thread's connection and on those it opens later.

    Call it outside a transaction: PostgreSQL takes a setting back when the transaction rolls back.
    """
    _tenant.set(tenant_id)
    connection = connections["default"]
    if connection.connection is not None:
        _tell(connection, tenant_id)


def current_tenant() -> int | None:
    """The tenant set last, or None."""
    return _tenant.get()


@contextmanager
def tenant(tenant_id: int) -> Iterator[None]:
    """Work for this tenant within the block."""
    before = _tenant.get()
    set_tenant(tenant_id)
    try:
        yield
    finally:
        _tenant.set(before)
        connection = connections["default"]
        if connection.connection is not None and not connection.needs_rollback:
            _tell(connection, before)


def _on_connection(sender: Any, connection: Any, **kwargs: Any) -> None:
    if connection.alias == "default":
        _tell(connection, _tenant.get())


connection_created.connect(_on_connection, dispatch_uid="mahnwerk.tenancy")
