"""Books are opened, made, and kept apart; settings refuse what production must not have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.records import worlds
from tests.records.worlds import claim_row

from mahnwerk.records.models import Claim, Tenant


def test_two_books_in_one_process_share_nothing(real_book: Any) -> None:
    from mahnwerk.records.book import ensure_tenant

    folder = real_book("one")
    first = ensure_tenant("default")
    worlds.creditor(first)
    worlds.import_rows(first, claim_row(2))
    assert sorted(path.name for path in folder.iterdir() if path.suffix in ("", ".sqlite3")) == [
        "book.sqlite3",
        "secrets",
    ]
    real_book("two")
    assert Tenant.objects.count() == 0
    real_book("one")
    assert ensure_tenant("default") == first
    assert Claim.objects.count() == 1


def test_a_missing_book_is_said_so(real_book: Any, tmp_path: Path) -> None:
    from mahnwerk.records import book

    with pytest.raises(book.BookError, match="There is no book in"):
        book.open_book(tmp_path / "none", create=False)


OPEN = "import sys; from mahnwerk.records.book import open_book; open_book(sys.argv[1])"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"MAHNWERK_ENV": "production"}, "needs its master key"),
        ({"MAHNWERK_ENV": "production", "MAHNWERK_MASTER_KEY": "aa" * 32, "MAHNWERK_DEBUG": "1"}, "DEBUG=1"),
        ({"MAHNWERK_ENV": "prod"}, "use development or production"),
        ({"MAHNWERK_DATABASE_URL": "mysql://x/y"}, "only postgresql://"),
    ],
)
def test_settings_refuse_to_start(environment: dict[str, str], message: str, tmp_path: Path) -> None:
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("MAHNWERK", "DJANGO"))}
    source = str(Path(__file__).parents[2] / "src")
    result = subprocess.run(
        [sys.executable, "-c", OPEN, str(tmp_path)],
        env=clean | environment | {"PYTHONPATH": source}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode != 0
    assert message in result.stderr
