"""Ids rise within a process, fit 63 bits, and differ between processes."""

from __future__ import annotations

import os
import time

from mahnwerk.records import ids


def test_ids_rise_through_blocks_and_clock_jumps(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    first = ids.new_ids(1000)
    assert first.is_sorted()
    assert first.n_unique() == 1000
    monkeypatch.setattr(time, "time_ns", lambda: 1_600_000_000_000_000_000)
    assert ids.new_id() > first[-1]
    assert ids.new_ids(0).len() == 0


def test_ids_fit_until_2091(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(ids, "_last", 0)
    monkeypatch.setattr(time, "time_ns", lambda: 3_818_000_000 * 10**9)  # December 2090
    assert 2**62 < ids.new_id() < 2**63


def test_a_forked_process_makes_other_ids() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, str(ids._process).encode().ljust(8))
        os._exit(0)
    os.waitpid(pid, 0)
    child = int(os.read(reader, 8))
    os.close(reader)
    os.close(writer)
    # equal once in 4096 runs of the suite would be a false alarm; two draws make it one in 16 million
    assert child != ids._process or _again()


def _again() -> bool:
    before = ids._process
    ids._after_fork()
    return before != ids._process


def test_public_ids_are_random_and_fit_a_url() -> None:
    made = ids.new_public_ids(500)
    assert made.n_unique() == 500
    assert all(len(text) == 16 and set(text) <= set(URL) for text in made)
    assert len(ids.new_public_id()) == 16


URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
