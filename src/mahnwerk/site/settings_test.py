"""Settings of the tests: a throw-away book, on SQLite or on a PostgreSQL that the test run starts.

MAHNWERK_TEST_DATABASE = sqlite (default) or postgres.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.pop("MAHNWERK_ENV", None)
TEST_DATABASE = os.environ.get("MAHNWERK_TEST_DATABASE", "sqlite")
if "MAHNWERK_TEST_FOLDER" not in os.environ:
    # Short, because a Unix socket path has at most 107 bytes; inherited by the workers of pytest-xdist.
    os.environ["MAHNWERK_TEST_FOLDER"] = tempfile.mkdtemp(prefix="mw-")
TEST_FOLDER = Path(os.environ["MAHNWERK_TEST_FOLDER"])
os.environ["MAHNWERK_BOOK"] = str(TEST_FOLDER / "book")
if TEST_DATABASE == "postgres":
    os.environ["MAHNWERK_DATABASE_URL"] = f"postgresql://mahnwerk@/mahnwerk?host={TEST_FOLDER}/pg"
else:
    os.environ.pop("MAHNWERK_DATABASE_URL", None)

from mahnwerk.site.settings import *  # noqa: E402, F403
from mahnwerk.site.settings import DATABASES  # noqa: E402

MASTER_KEY = "00" * 31 + "01"
# With a file (not memory) the tests see the same journal mode and durability as real books.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
for _alias, _database in DATABASES.items():
    if _database["ENGINE"].endswith("sqlite3"):
        _database["TEST"] = {"NAME": str(TEST_FOLDER / f"{_worker}-{_alias}.sqlite3")}
