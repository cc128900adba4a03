"""A plan with a case twice, or without a case, is a defect that stops the run."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from tests.kernel.dunning_books import DUE, simple

from mahnwerk.kernel import coverage


def test_each_case_has_one_outcome_and_each_message_has_items() -> None:
    story = simple().case(2).claim(21, 2)
    book, plan = story.book(), story.plan(DUE)
    coverage.prove(plan, book.cases)
    some = plan.held.head(1) if plan.held.height else plan.held
    with pytest.raises(coverage.CoverageError, match="more than once"):
        coverage.prove(replace(plan, held=pl.concat([plan.held, some])), book.cases)
    with pytest.raises(coverage.CoverageError, match="without outcome"):
        coverage.prove(replace(plan, held=plan.held.slice(1)), book.cases)
    sent = story.plan(DUE.replace(month=DUE.month + 2))
    assert sent.measures.height == 2
    with pytest.raises(coverage.CoverageError, match="without items"):
        coverage.prove(replace(sent, measure_items=sent.measure_items.slice(1)), book.cases)
