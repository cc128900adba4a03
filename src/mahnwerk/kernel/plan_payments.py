"""Which payments mean a plan though they name nothing: those whose sum says so (§ 366 Abs. 1 BGB).

A plan defers its claims, so by § 366 Abs. 2 BGB money without a word would pay whatever else is due first.
But who agreed on instalments and pays exactly an instalment has said what he pays, by the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from mahnwerk.frames import FactKind
from mahnwerk.kernel.events import LINE, Op
from mahnwerk.kernel.facts import per_claim
from mahnwerk.kernel.interest import Days
from mahnwerk.kernel.rates import Flags

FACT: Final = ("case_id", "fact_no")
_MEANT: Final[Mapping[Any, Any]] = {
    "case_id": pl.Int64,
    "fact_no": pl.Int64,
    "plan": pl.Int64,
    "amount": pl.Int64,
}


@dataclass(frozen=True, eq=False)
class Sums:
    """What the instalments of each plan come to, the first, the first two …; one sorted key per sum."""

    keys: Days
    stride: int

    @classmethod
    def of(cls, plan: Days, cents: Days) -> Sums:
        stride = int(cents.max(initial=0)) + 1
        return cls(np.unique(plan * stride + cents), stride)

    def has(self, plan: Days, cents: Days) -> Flags:
        """Whether so many cents are the sum of the first instalments of the plan."""
        known = np.isin(plan * self.stride + np.minimum(cents, self.stride), self.keys)
        return np.asarray(known & (cents < self.stride))


@dataclass(frozen=True, eq=False)
class Meant:
    """Payments that name nothing while a plan of their case runs."""

    by_sum: pl.DataFrame
    """LINE rows: the sum is one or more successive instalments; the claims of the plan they name."""
    by_rest: pl.DataFrame
    """LINE rows, value = number of the plan: they name its claims if the sum is what instalments lack."""
    sums: Sums
    offers: pl.DataFrame
    """The offers of letters without those such a payment only happens to reach."""


def meant(
    money: pl.DataFrame,
    covered: pl.DataFrame,
    instalments: pl.DataFrame,
    claims: pl.DataFrame,
    designations: pl.DataFrame,
    offers: pl.DataFrame,
) -> Meant:
    """Find the payments that mean a plan by their sum.

    A letter about other claims whose whole demand is exactly the sum is meant instead; one that demands less
    is not, as far as the sum is of successive instalments.

    Parameters
    ----------
    money : as from `events.money_facts`
    covered : as from `plans.covered`
    instalments : INSTALMENTS
    claims : the claims of these cases
    designations : DESIGNATIONS
    offers : as from `offers.accepted_offers`

    Guarantees
    ----------
    Pure. Where a plan covers all claims of its case there is nothing to choose, and nothing is found.
    """
    none = pl.DataFrame(schema=LINE)
    plans = _plans(covered, claims) if instalments.height else covered.clear()
    if plans.is_empty():
        return Meant(none, none, Sums.of(np.zeros(0, np.int64), np.zeros(0, np.int64)), offers)
    sums = _sums(plans, instalments)
    open_ones = _payments(money, plans, designations)
    lines = open_ones.join(plans.select("plan", "claim_id").unique(), on="plan")
    rival = offers.join(lines.select(*FACT).unique(), on=FACT, how="semi").join(
        lines.select(*FACT, "claim_id"), on=[*FACT, "claim_id"], how="anti"
    )
    exact = rival.filter("is_whole").select(FACT).unique()
    free = open_ones.join(exact, on=FACT, how="anti")
    run = (
        free.join(sums, on="plan")
        .with_columns(reached=pl.col("cents") + pl.col("amount"))
        .join(sums.select("plan", reached="cents"), on=["plan", "reached"], how="semi")
        .select(FACT)
        .unique()
    )
    by_sum = _lines(lines.join(run, on=FACT, how="semi"), pl.lit(0, pl.Int64))
    rest = free.join(run, on=FACT, how="anti").join(rival.select(FACT), on=FACT, how="anti")
    by_rest = _lines(lines.join(rest, on=FACT, how="semi"), pl.col("plan"))
    left = offers.join(rival.join(run, on=FACT, how="semi").select(FACT), on=FACT, how="anti")
    table = Sums.of(sums["plan"].to_numpy(), sums["cents"].to_numpy())
    return Meant(by_sum, by_rest, table, left.with_columns(value=pl.int_range(pl.len(), dtype=pl.Int64)))


def _plans(covered: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """The plans that leave out a claim of their case, a row per claim covered; `plan` numbers them."""
    rows = per_claim(covered, claims)
    size = claims.group_by("case_id").agg(size=pl.len())
    return (
        rows.join(size, on="case_id")
        .filter(pl.col("claim_id").n_unique().over("case_id", "plan_code") < pl.col("size"))
        .with_columns(plan=pl.struct("case_id", "plan_code").rank("dense").cast(pl.Int64))
    )


def _sums(plans: pl.DataFrame, instalments: pl.DataFrame) -> pl.DataFrame:
    """plan, cents: what its first instalments come to, from none to all."""
    numbered = plans.select("case_id", "plan_code", "plan").unique()
    rows = (
        instalments.join(numbered, on=["case_id", "plan_code"])
        .sort("plan", "due_on", "number")
        .select("plan", cents=pl.col("amount_cents").cum_sum().over("plan"))
    )
    return pl.concat([numbered.select("plan", cents=pl.lit(0, pl.Int64)), rows])


def _payments(money: pl.DataFrame, plans: pl.DataFrame, designations: pl.DataFrame) -> pl.DataFrame:
    """Payments that name nothing while a plan runs, with the one agreed last of those that do."""
    named = designations.select("case_id", pl.col("fact_no").cast(pl.Int64))
    running = plans.select(
        "case_id",
        "plan",
        agreed_no="fact_no",
        agreed_day=pl.col("agreed_on").cast(pl.Int32).cast(pl.Int64),
        ended_day=pl.col("ended_on").cast(pl.Int32).cast(pl.Int64),
    )
    after = (pl.col("day") > pl.col("agreed_day")) | (
        (pl.col("day") == pl.col("agreed_day")) & (pl.col("fact_no") > pl.col("agreed_no"))
    )
    return (
        money.filter((pl.col("kind") == int(FactKind.PAYMENT_RECEIVED)) & pl.col("claim_id").is_null())
        .join(named, on=FACT, how="anti")
        .select("case_id", "fact_no", "day", "amount")
        .join(running, on="case_id")
        .filter(after & (pl.col("ended_day").is_null() | (pl.col("day") <= pl.col("ended_day"))))
        .sort("case_id", "fact_no", "agreed_day", "agreed_no")
        .unique(FACT, keep="last", maintain_order=True)
        .select(list(_MEANT))
        .cast(_MEANT)
    )


def _lines(rows: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    return (
        rows.select("case_id", "fact_no", "claim_id", op=pl.lit(int(Op.PAY), pl.Int8), value=value)
        .select(list(LINE))
        .cast(LINE)
    )
