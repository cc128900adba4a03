"""Refuse to work on a database that may forget what it has committed.

A letter is handed over only after "this letter is on its way" is committed. If the database can lose that
line in a power cut, the letter goes out twice. So nothing starts on settings that allow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connections

POSTGRES_NEEDS = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_write", "remote_apply"),
    "data_sync_retry": ("off",),
}
SQLITE_NEEDS = {
    "journal_mode": ("wal",),
    "synchronous": ("2", "3"),  # FULL, EXTRA
    "foreign_keys": ("1",),
}
REMEDY = {
    "journal_mode": "The book must lie on a local disk (not a network share) for write-ahead logging.",
    "synchronous": "Set PRAGMA synchronous=FULL: WAL with NORMAL may undo a commit after a power cut.",
    "foreign_keys": "Set PRAGMA foreign_keys=ON.",
    "fsync": "Set fsync = on in postgresql.conf and restart the server.",
    "full_page_writes": "Set full_page_writes = on in postgresql.conf and reload.",
    "synchronous_commit": "Set synchronous_commit = on (server, database, role and session).",
    "data_sync_retry": "Set data_sync_retry = off in postgresql.conf and restart the server.",
}


class Unsafe(RuntimeError):  # noqa: N818
    """The database may lose committed rows; lists each setting, its value and the remedy."""


def faults(vendor: str, found: Mapping[str, str]) -> list[str]:
    """One sentence per setting that is missing or unsafe; empty = safe."""
    needs = SQLITE_NEEDS if vendor == "sqlite" else POSTGRES_NEEDS
    return [
        f"{name} is {found.get(name, 'unknown')!r}, must be {' or '.join(allowed)}. {REMEDY[name]}"
        for name, allowed in needs.items()
        if found.get(name) not in allowed
    ]


def read_settings(connection: Any) -> dict[str, str]:
    """The durability settings of the open connection, as the database itself tells them."""
    found = {}
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name in SQLITE_NEEDS:
                cursor.execute(f"PRAGMA {name}")
                found[name] = str(cursor.fetchone()[0]).lower()
        else:
            for name in POSTGRES_NEEDS:
                cursor.execute("SELECT current_setting(%s, true)", [name])
                found[name] = str(cursor.fetchone()[0])
    return found


def check_durability() -> None:
    """Raise `Unsafe` unless both databases keep what they commit."""
    problems = []
    for alias in ("default", "keys"):
        connection = connections[alias]
        problems += [f"{alias}: {fault}" for fault in faults(connection.vendor, read_settings(connection))]
    if problems:
        raise Unsafe("This database may lose what it has committed:\n- " + "\n- ".join(problems))
