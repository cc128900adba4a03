"""Which database a model lives in: the keys apart from the data they open."""

from __future__ import annotations

from typing import Any

KEY_MODELS = frozenset({"tenantkey", "personkey"})


class KeysApart:
    """Send the key tables to the database `keys` and everything else to `default`."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "keys" if model._meta.model_name in KEY_MODELS else "default"

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        is_key = (model_name or "").lower() in KEY_MODELS
        return is_key == (db == "keys")
