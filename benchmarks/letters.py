"""How many letters a second: each its own bytes, its own GiroCode, checked.

    python benchmarks/letters.py [COUNT] [--processes N] [--json]

Of ten letters seven are one invoice on one page, two have page two with interest and payments, one is an
agency's with the information of § 13a RDG.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.letters import samples

from mahnwerk.letters.check import refusals
from mahnwerk.letters.model import Letter
from mahnwerk.letters.reference import rf_reference
from mahnwerk.letters.render import render

CHUNK = 25


def letter(number: int) -> Letter:
    """The letter with this number; no two have the same reference."""
    kinds = (samples.letter,) * 7 + (samples.second_notice,) * 2 + (samples.agency_letter,)
    made = kinds[number % 10]()
    reference = f"MW-2026-{number:06d}"
    return replace(made, case_reference=reference, rf_reference=rf_reference(reference))


def make(numbers: range) -> tuple[float, int, set[str]]:
    """Render and check these letters; CPU seconds, bytes, hashes."""
    began = time.process_time()
    size, hashes = 0, set()
    for number in numbers:
        one = letter(number)
        rendered = render(one)
        refused = refusals(one, rendered, by_post=True)
        assert not refused, refused
        size += len(rendered.pdf)
        hashes.add(rendered.sha256)
    return time.process_time() - began, size, hashes


def measure(count: int, processes: int) -> dict[str, float]:
    """Wall-clock and CPU time of `count` letters, compilers warmed up before."""
    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(make, [range(1)] * processes * 2, chunksize=1)
        began = time.perf_counter()
        done = pool.map(make, chunks, chunksize=1)
        seconds = time.perf_counter() - began
        memory = max(pool.map(_peak, range(processes)))
    hashes = set().union(*(chunk[2] for chunk in done))
    assert len(hashes) == count, "two letters have the same bytes"
    return {
        "letters": count,
        "processes": processes,
        "seconds": round(seconds, 2),
        "letters_per_second": round(count / seconds, 1),
        "cpu_ms_per_letter": round(sum(chunk[0] for chunk in done) * 1000 / count, 2),
        "kilobytes_per_letter": round(sum(chunk[1] for chunk in done) / count / 1000, 1),
        "peak_megabytes_per_process": round(memory / 1024, 0),
    }


def _peak(_: int) -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.count, options.processes)
    stages = {
        "letters/s": result["letters_per_second"],
        "ms of processor each": result["cpu_ms_per_letter"],
        "kB each": result["kilobytes_per_letter"],
    }
    print(
        json.dumps({**result, "stages": stages})
        if options.json
        else "\n".join(f"{key:28} {value}" for key, value in result.items())
    )


if __name__ == "__main__":
    main()
