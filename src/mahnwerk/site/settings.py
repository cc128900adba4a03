"""Django's settings, all from the environment.

MAHNWERK_BOOK            folder of the book: book.sqlite3, secrets/, letters/ (default var/books/default)
MAHNWERK_DATABASE_URL    postgresql://user:password@host:port/name instead of book.sqlite3
MAHNWERK_KEYS_URL        a second PostgreSQL database for the person keys; default secrets/keys.sqlite3
MAHNWERK_MASTER_KEY      32 bytes as 64 hexadecimal digits; or MAHNWERK_MASTER_KEY_FILE, a file of them
MAHNWERK_ENV             development (default) or production
MAHNWERK_DEBUG           1 shows errors in full; refused in production
MAHNWERK_DB_ROLE         role to take after connecting to PostgreSQL (default: the role of the URL)
MAHNWERK_PUBLIC_URL      address of the pay pages and webhooks, https://pay.example.org
MAHNWERK_HOSTS           further host names the web server answers to, separated by commas
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from mahnwerk.site.logs import LOGGING as LOGGING

SQLITE_TIMEOUT_SECONDS = 20
SQLITE_INIT = (
    "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
    "PRAGMA recursive_triggers=ON;PRAGMA wal_autocheckpoint=8000;"
    "PRAGMA cache_size=-65536;PRAGMA temp_store=MEMORY"
)

ENVIRONMENT = os.environ.get("MAHNWERK_ENV", "development")
if ENVIRONMENT not in ("development", "production"):
    raise ImproperlyConfigured(f"MAHNWERK_ENV is {ENVIRONMENT!r}; use development or production.")
IS_PRODUCTION = ENVIRONMENT == "production"
DEBUG = os.environ.get("MAHNWERK_DEBUG", "") == "1"
BOOK = Path(os.environ.get("MAHNWERK_BOOK", "var/books/default")).absolute()


def sqlite_database(path: Path) -> dict[str, Any]:
    """Settings of one SQLite file: WAL, every commit on disk, writers wait for each other at BEGIN."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "init_command": SQLITE_INIT,
            "transaction_mode": "IMMEDIATE",
            "timeout": SQLITE_TIMEOUT_SECONDS,
        },
    }


def postgres_database(url: str) -> dict[str, Any]:
    """Settings of a PostgreSQL database named by a URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ImproperlyConfigured(
            f"MAHNWERK_DATABASE_URL begins with {parts.scheme!r}; only postgresql:// is known. "
            "Leave it unset to keep the book in SQLite."
        )
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    role = os.environ.get("MAHNWERK_DB_ROLE")
    if role:
        options["assume_role"] = role
    host = options.pop("host", None) or parts.hostname or ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


def databases(book: Path) -> dict[str, dict[str, Any]]:
    """The data, and apart from it the keys that open the personal part of the data."""
    url, keys_url = os.environ.get("MAHNWERK_DATABASE_URL"), os.environ.get("MAHNWERK_KEYS_URL")
    return {
        "default": postgres_database(url) if url else sqlite_database(book / "book.sqlite3"),
        "keys": postgres_database(keys_url)
        if keys_url
        else sqlite_database(book / "secrets" / "keys.sqlite3"),
    }


DATABASES = databases(BOOK)
DATABASES_OF_BOOK = databases  # for opening another book in the same process
DATABASE_ROUTERS = ["mahnwerk.records.router.KeysApart"]
INSTALLED_APPS = ["mahnwerk.records"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "mahnwerk.site.urls"
WSGI_APPLICATION = "mahnwerk.site.wsgi.application"
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    *filter(None, [urlsplit(os.environ.get("MAHNWERK_PUBLIC_URL", "")).hostname]),
    *filter(None, os.environ.get("MAHNWERK_HOSTS", "").split(",")),
]
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "de"
USE_I18N = False
MASTER_KEY = os.environ.get("MAHNWERK_MASTER_KEY", "")
MASTER_KEY_FILE = os.environ.get("MAHNWERK_MASTER_KEY_FILE", "")
# No page signs anything yet; the value is derived so that no secret stands in this file.
SECRET_KEY = hashlib.sha256(f"unused:{BOOK}:{MASTER_KEY}".encode()).hexdigest()

if IS_PRODUCTION and DEBUG:
    raise ImproperlyConfigured("MAHNWERK_DEBUG=1 in production would show personal data; unset it.")
if IS_PRODUCTION and not (MASTER_KEY or MASTER_KEY_FILE):
    raise ImproperlyConfigured(
        "Production needs its master key: set MAHNWERK_MASTER_KEY or MAHNWERK_MASTER_KEY_FILE. "
        "Without the key no personal data can be read, ever; keep a backup of it apart from the data."
    )
