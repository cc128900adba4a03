"""Model fields of our own."""

from __future__ import annotations

from typing import Any

from django.db import models

from mahnwerk.records import ids


class IdField(models.BigIntegerField):  # type: ignore[type-arg]
    """64-bit primary key made by the application; on SQLite the row id itself, so it costs no index."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["primary_key"] = True
        kwargs.setdefault("default", ids.new_id)
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str:
        return "integer" if connection.vendor == "sqlite" else "bigint"

    def rel_db_type(self, connection: Any) -> str:
        return self.db_type(connection)


def link(to: str, *, null: bool = False, related_name: str = "+") -> models.ForeignKey:  # type: ignore[type-arg]
    """A reference within the tenant.

    Django adds no constraint and no index of its own: the database gets a composite foreign key
    (tenant_id, x_id), see guards.py, which no single-column key could replace.
    """
    return models.ForeignKey(
        to,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=null,
        related_name=related_name,
    )
