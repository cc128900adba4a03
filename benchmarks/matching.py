"""How fast the matcher is: bank entries against a million open claims.

    python -m benchmarks.matching                       100,000 entries, 1,000,000 claims
    python -m benchmarks.matching --entries 10000 --claims 100000

Half of the claims are a utility's (ten random digits), a third a shop's (dense numbers, few prices), the rest
a company's (long sequential numbers). Two entries in three name their invoice as it is, one in six damaged,
one in six says nothing of use.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time

import polars as pl

from mahnwerk.kernel.matching import OPEN_CLAIMS, PAYMENTS, propose

PRICES = (1990, 2990, 4990, 990, 12900)
LAST = [
    "Müller",
    "Schmidt",
    "Schneider",
    "Fischer",
    "Weber",
    "Meyer",
    "Wagner",
    "Becker",
    "Schulz",
    "Hoffmann",
    "Koch",
    "Bauer",
    "Richter",
    "Klein",
    "Wolf",
]
FIRST = [
    "Anna",
    "Bert",
    "Carla",
    "Dieter",
    "Elif",
    "Fritz",
    "Gerda",
    "Hans",
    "Ida",
    "Jan",
    "Karin",
    "Lars",
    "Mia",
    "Nils",
    "Olga",
    "Paul",
]


def claims_of(count: int, rng: random.Random) -> pl.DataFrame:
    """Open claims of one creditor with three numbering schemes."""
    half, third = count // 2, count // 3
    numbers = [str(n) for n in rng.sample(range(10**9, 10**10), half)]
    numbers += [f"RE-26-{n:06}" for n in range(third)]
    numbers += [f"INV2026{n:09}" for n in range(count - half - third)]
    cents = [rng.randrange(2_500, 90_000) for _ in range(half)]
    cents += [rng.choice(PRICES) for _ in range(third)]
    cents += [rng.randrange(10_000, 5_000_000) for _ in range(count - half - third)]
    names = [f"{rng.choice(FIRST)} {rng.choice(LAST)}{n % 997}" for n in range(count)]
    frame = pl.DataFrame(
        {
            "claim_id": pl.int_range(count, eager=True),
            "debtor_id": pl.int_range(count, eager=True) // 2,
            "open_cents": cents,
            "currency": "EUR",
            "references": [[number] for number in numbers],
            "name": names,
        }
    )
    return frame.with_columns(
        pl.lit(None, OPEN_CLAIMS[name]).alias(name) for name in OPEN_CLAIMS if name not in frame.columns
    ).select(list(OPEN_CLAIMS))


def payments_of(count: int, claims: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    """Entries that pay some of these claims, more or less readably."""
    rows = []
    chosen = claims.sample(count, seed=rng.randrange(10**6)).select("open_cents", "references", "name")
    for number, (cents, references, name) in enumerate(chosen.iter_rows()):
        reference = references[0]
        draw = rng.random()
        if draw < 1 / 6:
            place = rng.randrange(len(reference) - 4, len(reference) - 1)
            reference = reference[:place] + reference[place + 1 :]
        elif draw < 1 / 3:
            reference = "Vielen Dank"
        rows.append((number, cents, "EUR", f"Rechnung {reference} vom 26.04.2026", name, f"DE{number:020}"))
    names = [name for name in PAYMENTS if name != "value_on"]
    return pl.DataFrame(rows, schema={name: PAYMENTS[name] for name in names}, orient="row")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--claims", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rng = random.Random(7)
    claims = claims_of(options.claims, rng)
    payments = payments_of(options.entries, claims, rng)
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    found = propose(payments, claims)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    verdicts = found.explode("payment_ids").group_by("verdict").len().sort("verdict")
    if options.json:
        stages = {"matching": round(seconds, 1)}
        print(
            json.dumps({"seconds": round(seconds, 1), "stages": stages, "peak_mb": after.ru_maxrss // 1024})
        )
        return
    print(dict(verdicts.iter_rows()))
    print(
        f"matching: {options.entries:,} entries against {options.claims:,} claims: {seconds:.1f} s "
        f"({processor:.1f} s of processor), {after.ru_maxrss / 1024**2:.2f} GB at most"
    )


if __name__ == "__main__":
    main()
