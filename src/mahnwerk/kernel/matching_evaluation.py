"""How good the matcher is, measured on a set whose true matches are known.

Booked wrong = booked, but not exactly a true match. Recall = share of true matches whose exact set of
payments and claims is booked or proposed first. The baseline is what a simple rule finds: one claim of
exactly this amount and currency whose reference stands in the text as it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final

import polars as pl

NO_MATCH: Final = "in_no_match"
Pair = tuple[tuple[int, ...], tuple[int, ...]]


def evaluate(matches: pl.DataFrame, truth: pl.DataFrame, payment_ids: Iterable[int] = ()) -> dict[str, Any]:
    """Hold the matcher's answer against the truth.

    Parameters
    ----------
    matches : matching.MATCHES; truth : match_category, perturbations, claim_ids, payment_ids, one row per
        true match; empty claim_ids = the payment belongs to no claim. payment_ids : all payments; those no
        match names belong to no claim either, and are the category NO_MATCH.

    Returns
    -------
    payments, booked, booked_wrong, proposed, suspense (numbers of payments), exact_set_recall, share_booked,
    and the same by_category (match category) and by_perturbation ("none" = untouched).
    """
    answer: dict[int, tuple[str, Pair]] = {}
    for together, claim_ids, verdict in matches.select("payment_ids", "claim_ids", "verdict").iter_rows():
        for payment_id in together:
            answer[payment_id] = verdict, _pair(together, claim_ids)
    tallies: dict[str, Counter[str]] = {"": Counter()}
    categories: dict[str, Counter[str]] = defaultdict(Counter)
    perturbations: dict[str, Counter[str]] = defaultdict(Counter)
    named = set(truth["payment_ids"].explode().drop_nulls())
    unnamed: list[tuple[str, list[str], list[int], list[int]]] = [
        (NO_MATCH, [], [], [payment_id]) for payment_id in payment_ids if payment_id not in named
    ]
    for category, kinds, claim_ids, paid_by in [*truth.iter_rows(), *unnamed]:
        found = _of_match(_pair(paid_by, claim_ids), answer)
        tallies[""] += found
        categories[category] += found
        for kind in kinds or ["none"]:
            perturbations[kind] += found
    whole = _figures(tallies[""])
    return {
        **whole,
        "by_category": {name: _figures(count) for name, count in sorted(categories.items())},
        "by_perturbation": {name: _figures(count) for name, count in sorted(perturbations.items())},
    }


def baseline(payments: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """What exact amount + reference as a substring finds: payment_ids, claim_ids, verdict."""
    pairs = (
        payments.join(
            claims.explode("references").filter(pl.col("references").str.len_chars() >= 5),
            left_on=["currency", "amount_cents"],
            right_on=["currency", "open_cents"],
        )
        .filter(pl.col("text").str.contains(pl.col("references"), literal=True))
        .select("payment_id", "claim_id")
        .unique()
    )
    single = pairs.group_by("payment_id").agg("claim_id").filter(pl.col("claim_id").list.len() == 1)
    return payments.join(single, on="payment_id", how="left").select(
        pl.concat_list("payment_id").alias("payment_ids"),
        pl.col("claim_id").fill_null([]).alias("claim_ids"),
        pl.when(pl.col("claim_id").is_null())
        .then(pl.lit("suspense"))
        .otherwise(pl.lit("booked"))
        .alias("verdict"),
    )


def _pair(payment_ids: list[int], claim_ids: list[int]) -> Pair:
    return tuple(sorted(payment_ids)), tuple(sorted(claim_ids))


def _of_match(true: Pair, answer: dict[int, tuple[str, Pair]]) -> Counter[str]:
    """What became of the payments of one true match."""
    found: Counter[str] = Counter(payments=len(true[0]), matches=1)
    exact = True
    for payment_id in true[0]:
        verdict, pair = answer.get(payment_id, ("suspense", ((payment_id,), ())))
        found[verdict] += 1
        exact = exact and pair == true
        if verdict == "booked" and pair != true:
            found["booked_wrong"] += 1
    # A payment that belongs to nothing is answered rightly by not being booked.
    belongs = bool(true[1])
    found["with_claims"] = int(belongs)
    found["exact"] = int(belongs and exact)
    return found


def _figures(count: Counter[str]) -> dict[str, Any]:
    return {
        "payments": count["payments"],
        "matches": count["matches"],
        "booked": count["booked"],
        "booked_wrong": count["booked_wrong"],
        "proposed": count["proposed"],
        "suspense": count["suspense"],
        "share_booked": _share(count["booked"], count["payments"]),
        "exact_set_recall": _share(count["exact"], count["with_claims"]),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 1.0
