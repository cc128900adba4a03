"""The proof that a day's plan has one outcome for each case."""

from __future__ import annotations

import polars as pl

from mahnwerk.frames import DayPlan


class CoverageError(AssertionError):
    """A case is in the plan twice or not at all. A defect of the kernel, never of the data."""


def prove(plan: DayPlan, every_case: pl.DataFrame) -> None:
    """Raise CoverageError unless each case is in `measures` or `held`, once, and each message has items."""
    wanted = every_case["case_id"].drop_nulls().unique()
    given = pl.concat([plan.measures["case_id"], plan.held["case_id"]])
    if given.len() != given.n_unique():
        twice = given.filter(given.is_duplicated()).unique().sort().head(5).to_list()
        raise CoverageError(f"cases more than once in the plan: {twice}")
    if given.len() != wanted.len() or not given.sort().equals(wanted.sort(), check_names=False):
        missing = wanted.filter(~wanted.is_in(given.implode())).head(5).to_list()
        raise CoverageError(f"{wanted.len()} cases, {given.len()} outcomes; without outcome: {missing}")
    strangers = plan.measure_items.join(plan.measures, on="case_id", how="anti")
    if strangers.height or plan.measures.join(plan.measure_items, on="case_id", how="anti").height:
        raise CoverageError("a message without items, or items without a message")
