"""Time `plan_day` over a made-up book and print the seconds of each stage.

    python benchmarks/plan_day.py [CASES] [--on DATE]

The default is 400,000 cases with 1,000,000 claims: a fifth part-paid, most dunned before,
one claim in fifty disputed. The book is made from a fixed seed.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

import mahnwerk
from mahnwerk.frames import CASES, CLAIMS, FACTS, NOTICES, Book, FactKind
from mahnwerk.kernel.daily_run import plan_day
from mahnwerk.kernel.procedures import Procedure, parse_procedure
from mahnwerk.law import load_laws, strict_yaml

LAENDER = ["BE", "BY", "NW", "HH", "SN", None]


def procedures() -> Mapping[str, Procedure]:
    """The shipped procedures by key."""
    folder = Path(mahnwerk.__file__).parent / "procedures"
    found = [parse_procedure(strict_yaml.load(p.read_text(), p.name)) for p in sorted(folder.glob("*.yaml"))]
    return {procedure.key: procedure for procedure in found}


def cases_of(count: int, rng: np.random.Generator, on: date) -> pl.DataFrame:
    consumer = rng.random(count) < 0.8
    land = pl.Series(LAENDER, dtype=pl.String).gather(rng.integers(0, len(LAENDER), count))
    frame = pl.DataFrame(
        {
            "case_id": np.arange(1, count + 1),
            "is_consumer": consumer,
            "has_email": rng.random(count) < 0.9,
            "land": land,
        }
    )
    return frame.with_columns(
        tenant_id=pl.lit(1, pl.Int64),
        creditor_id=pl.lit(1, pl.Int64),
        case_reference=pl.format("C{}", "case_id"),
        currency=pl.lit("EUR"),
        language=pl.lit("de"),
        role=pl.lit(1, pl.Int16),
        input_tax_deductible=pl.lit(True),
        procedure=pl.when("is_consumer")
        .then(pl.lit("consumers@2026-11"))
        .otherwise(pl.lit("businesses@2026-11")),
        has_postal_address=pl.lit(True),
        feed_checked_on=pl.lit(on),
        feed_max_age_days=pl.lit(3, pl.Int32),
        letter_cost_post_cents=pl.lit(None, pl.Int64),
        letter_cost_email_cents=pl.lit(None, pl.Int64),
        last_fact_no=pl.lit(9, pl.Int32),
    ).select(list(CASES))


def claims_of(cases: int, rng: np.random.Generator, on: date) -> pl.DataFrame:
    count = cases * 5 // 2
    case_id = np.sort(rng.integers(1, cases + 1, count))
    due = (on - date(1970, 1, 1)).days - rng.integers(-40, 200, count)
    frame = pl.DataFrame(
        {
            "claim_id": np.arange(1, count + 1) + 10**9,
            "case_id": case_id,
            "principal_cents": rng.integers(500, 200_000, count),
            "due_on": pl.Series(due).cast(pl.Int32).cast(pl.Date),
            "due_kind": pl.Series(rng.integers(1, 3, count)).cast(pl.Int16),
        }
    )
    return frame.with_columns(
        claim_no=pl.int_range(1, pl.len() + 1).over("case_id").cast(pl.Int32),
        jurisdiction=pl.lit("de"),
        kind=pl.lit(1, pl.Int16),
        invoice_number=pl.format("R{}", "claim_id"),
        issued_on=pl.col("due_on").dt.offset_by("-14d"),
        received_on=pl.lit(None, pl.Date),
        obligation_arose_on=pl.col("due_on").dt.offset_by("-20d"),
        has_default_notice=pl.lit(False),
        agreed_rate_ppm=pl.lit(None, pl.Int64),
        agreed_from=pl.lit(None, pl.Date),
        agreed_default_rate_ppm=pl.lit(None, pl.Int64),
        is_secured=pl.lit(False),
        discount_cents=pl.lit(None, pl.Int64),
        discount_until=pl.lit(None, pl.Date),
    ).select(list(CLAIMS))


def notices_of(cases: pl.DataFrame, claims: pl.DataFrame, rng: np.random.Generator, on: date) -> pl.DataFrame:
    """Seven in eight cases got one to three messages, thirty days apart, the last one ten days ago."""
    times = pl.Series(rng.choice([0, 1, 1, 1, 2, 2, 3, 3], cases.height))
    got = cases.select("case_id", "is_consumer", times=times).filter(pl.col("times") > 0)
    rows = (
        claims.filter(pl.col("due_on") < on)
        .join(got, on="case_id")
        .with_columns(level=pl.int_ranges(1, pl.col("times") + 1))
        .explode("level")
        .with_columns(sealed_on=pl.lit(on) - pl.duration(days=10 + 30 * (pl.col("times") - pl.col("level"))))
        .filter(pl.col("sealed_on") > pl.col("due_on").dt.offset_by("7d"))
    )
    ids = {"consumers": ["payment_reminder", "dunning_notice", "second_notice"]}
    ids["businesses"] = ["payment_reminder", "second_notice", "final_notice"]
    names = pl.concat(
        [
            pl.DataFrame({"is_consumer": [kind == "consumers"] * 3, "level": [1, 2, 3], "step_id": steps})
            for kind, steps in ids.items()
        ]
    )
    return (
        rows.join(names, on=["is_consumer", "level"])
        .with_columns(
            message_id=pl.col("case_id") * 10 + pl.col("level"),
            message_step_id="step_id",
            level=pl.col("level").cast(pl.Int16),
            channel=pl.lit("post"),
            cycle=pl.lit(1, pl.Int32),
            pay_by=pl.col("sealed_on").dt.offset_by("14d"),
            demanded_cents="principal_cents",
            item_demanded_cents="principal_cents",
            is_dunning=pl.col("level") > 1,
        )
        .select(list(NOTICES))
    )


def facts_of(claims: pl.DataFrame, notices: pl.DataFrame, rng: np.random.Generator, on: date) -> pl.DataFrame:
    paid = claims.filter(pl.Series(rng.random(claims.height) < 0.2)).with_columns(
        kind=pl.lit(int(FactKind.PAYMENT_RECEIVED)),
        effective_on=pl.col("due_on").dt.offset_by("10d"),
        amount_cents=pl.col("principal_cents") // 2,
    )
    stopped = claims.filter(pl.Series(rng.random(claims.height) < 0.02)).with_columns(
        kind=pl.lit(int(FactKind.DISPUTE_RAISED)),
        effective_on=pl.lit(on).dt.offset_by("-5d"),
        amount_cents=pl.lit(None, pl.Int64),
    )
    sent = notices.unique("message_id").with_columns(
        kind=pl.lit(int(FactKind.MESSAGE_SENT)),
        effective_on="sealed_on",
        amount_cents=pl.lit(None, pl.Int64),
        claim_id=pl.lit(None, pl.Int64),
    )
    wanted = ["case_id", "claim_id", "kind", "effective_on", "amount_cents"]
    empty_id = pl.lit(None, pl.Int64).alias("message_id")
    every = pl.concat(
        [
            paid.select(*wanted, empty_id),
            stopped.select(*wanted, empty_id),
            sent.select(*wanted, "message_id"),
        ],
        how="vertical_relaxed",
    ).filter(pl.col("effective_on") <= on)
    return (
        every.sort("case_id", "effective_on")
        .with_columns(
            fact_no=pl.int_range(1, pl.len() + 1).over("case_id").cast(pl.Int32),
            kind=pl.col("kind").cast(pl.Int16),
            recorded_on="effective_on",
            voids_fact_no=pl.lit(None, pl.Int32),
            until_on=pl.lit(None, pl.Date),
            code=pl.lit(None, pl.String),
        )
        .select(list(FACTS))
    )


def book_of(cases: int, on: date) -> Book:
    rng = np.random.default_rng(20261101)
    people = cases_of(cases, rng, on)
    claims = claims_of(cases, rng, on)
    notices = notices_of(people, claims, rng, on)
    return Book(people, claims, facts_of(claims, notices, rng, on), notices=notices).checked()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="?", type=int, default=400_000)
    parser.add_argument("--on", type=date.fromisoformat, default=date(2026, 11, 16))
    given = parser.parse_args()
    book = book_of(given.cases, given.on)
    sizes = {name: getattr(book, name).height for name in ("cases", "claims", "facts", "notices")}
    print(" · ".join(f"{size:,} {name}" for name, size in sizes.items()))
    laws, known = load_laws(), procedures()
    for turn in ("first", "second"):
        stages: list[tuple[str, float]] = []
        began = last = time.perf_counter()

        def tell(stage: str) -> None:
            nonlocal last
            now = time.perf_counter()
            stages.append((stage, now - last))  # noqa: B023
            last = now

        plan = plan_day(book, laws, given.on, procedures=known, after_stage=tell)
        total = time.perf_counter() - began
        print(f"{turn} run {total:.2f} s: " + " · ".join(f"{stage} {spent:.2f}" for stage, spent in stages))
    print(f"{plan.measures.height:,} messages listing {plan.measure_items.height:,} claims")
    print(plan.held["reason"].value_counts(sort=True))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.2f} GB")


if __name__ == "__main__":
    main()
