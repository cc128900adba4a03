"""Letters to bytes: here for a few, in several processes for many."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from mahnwerk.letters import check
from mahnwerk.letters.model import Letter, LetterError, Rendered
from mahnwerk.letters.render import render

MANY: Final = 64
"""From here on starting other processes is worth it."""

_pool: ProcessPoolExecutor | None = None


def render_one(letter: Letter) -> Rendered | str:
    """The finished letter, or in words why it cannot be drawn."""
    try:
        return render(letter)
    except LetterError as error:
        return str(error)


def render_all(letters: Sequence[Letter]) -> list[Rendered | str]:
    """Draw letters in their order; many at once on all cores."""
    cores = os.cpu_count() or 1
    if len(letters) < MANY or cores < 2:
        return [render_one(letter) for letter in letters]
    return list(_workers(cores).map(render_one, letters, chunksize=8))


def _workers(cores: int) -> ProcessPoolExecutor:
    """One pool per process, kept: starting it costs more than a hundred letters."""
    global _pool
    if _pool is None:
        # "spawn": Polars runs threads, and a forked child would inherit their locks.
        _pool = ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn"))
    return _pool


def faults(letter: Letter, rendered: Rendered, *, by_post: bool, pay_pages: str = "") -> list[str]:
    """What forbids this letter to leave, each in words. `pay_pages`: where its pay link must lead."""
    found = check.refusals(letter, rendered, by_post=by_post, pay_pages=pay_pages)
    return [f"{one.message} {one.remedy}".strip() for one in found]
