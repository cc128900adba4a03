"""64-bit keys made by the application, in blocks, and random ids for the world outside.

id = (microseconds since 2020-01-01 UTC) << 12 | 12 random bits of this process

Ids of one process rise; two processes differ in their random bits or their microsecond. The bits suffice
until the year 2091. The clock is read for uniqueness only: nothing is ever decided by an id.
"""

from __future__ import annotations

import base64
import os
import secrets
import threading
import time

import polars as pl

EPOCH_US = 1_577_836_800_000_000
PROCESS_BITS = 12
PUBLIC_ID_BYTES = 12

_lock = threading.Lock()
_last = 0
_process = secrets.randbits(PROCESS_BITS)


def _after_fork() -> None:
    global _process, _lock
    _process = secrets.randbits(PROCESS_BITS)
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def _block(count: int) -> int:
    """Reserve `count` consecutive microseconds and return the first."""
    global _last
    with _lock:
        first = max(time.time_ns() // 1000 - EPOCH_US, _last + 1)
        _last = first + count - 1
    return first


def new_id() -> int:
    """One new id."""
    return (_block(1) << PROCESS_BITS) | _process


def new_ids(count: int) -> pl.Series:
    """`count` new ids, rising, as Int64."""
    first = _block(count)
    return (pl.int_range(first, first + count, eager=True) * (1 << PROCESS_BITS) + _process).rename("id")


def new_public_id() -> str:
    """96 random bits in 16 characters that are safe in a URL."""
    return secrets.token_urlsafe(PUBLIC_ID_BYTES)


def new_public_ids(count: int) -> pl.Series:
    """`count` public ids from one draw of randomness."""
    text = base64.urlsafe_b64encode(os.urandom(PUBLIC_ID_BYTES * count)).decode()
    width = PUBLIC_ID_BYTES * 4 // 3
    return pl.Series("public_id", [text[i : i + width] for i in range(0, width * count, width)], pl.String)
