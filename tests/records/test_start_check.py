"""Nothing starts on a database that may forget what it committed."""

from __future__ import annotations

import pytest
from django.db import connection

from mahnwerk.records import start_check

SAFE = {
    "sqlite": {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"},
    "postgresql": {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_sync_retry": "off",
    },
}


@pytest.mark.parametrize(
    ("vendor", "name", "value"),
    [
        ("sqlite", "journal_mode", "delete"),
        ("sqlite", "synchronous", "1"),
        ("sqlite", "foreign_keys", "0"),
        ("postgresql", "fsync", "off"),
        ("postgresql", "full_page_writes", "off"),
        ("postgresql", "synchronous_commit", "off"),
        ("postgresql", "synchronous_commit", "local"),
        ("postgresql", "data_sync_retry", "on"),
    ],
)
def test_each_unsafe_setting_is_named_with_its_remedy(vendor: str, name: str, value: str) -> None:
    assert start_check.faults(vendor, SAFE[vendor]) == []
    [fault] = start_check.faults(vendor, SAFE[vendor] | {name: value})
    assert name in fault
    assert repr(value) in fault
    missing = {key: text for key, text in SAFE[vendor].items() if key != name}
    assert "unknown" in start_check.faults(vendor, missing)[0]


def test_the_open_connection_is_asked(db: None) -> None:
    start_check.check_durability()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            assert start_check.read_settings(connection) == SAFE["sqlite"]
            return
        cursor.execute("SET LOCAL synchronous_commit = off")
    with pytest.raises(start_check.Unsafe, match="synchronous_commit"):
        start_check.check_durability()


def test_sqlite_with_normal_sync_is_refused(real_book) -> None:  # type: ignore[no-untyped-def]
    real_book("shop")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")
    with pytest.raises(start_check.Unsafe, match="power cut"):
        start_check.check_durability()
