"""The calculator's interest against the mass path, row by row."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.frames import SPANS
from mahnwerk.kernel.interest import default_interest, interest_schedule, rate_index
from mahnwerk.kernel.interest_of_one import DAY_COUNTS, BoundError, interest_between
from mahnwerk.law import load_laws

LAW = load_laws()["de"]
INDEX = {day_count: rate_index(LAW, day_count) for day_count in DAY_COUNTS}
DAYS = st.dates(date(2002, 7, 1), date(2026, 12, 31))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**13), DAYS, DAYS, st.booleans(), st.sampled_from(DAY_COUNTS))
def test_rows_are_those_of_the_mass_path(
    cents: int, one: date, other: date, is_commercial: bool, day_count: str
) -> None:
    first, last = sorted((one, other))
    found = interest_between(cents, first, last, law=LAW, is_commercial=is_commercial, day_count=day_count)
    margin = LAW.ppm("interest.default_margin", first, "commercial" if is_commercial else "general")
    span = (1, 1, first, last, cents, True, margin, "interest.default")
    spans = pl.DataFrame([span], schema=dict(SPANS), orient="row")
    rows = interest_schedule(spans, INDEX[day_count]).select(found.rows[0].keys())
    assert list(found.rows) == rows.to_dicts()
    assert found.interest_cents == default_interest(spans, INDEX[day_count])["interest_cents"].item()


def test_an_unknown_day_count_is_refused() -> None:
    with pytest.raises(BoundError, match="act/act"):
        interest_between(1, date(2025, 1, 1), date(2025, 1, 2), law=LAW, day_count="actual")


def test_a_calculator_starts_without_the_libraries_of_columns() -> None:
    code = "import sys, mahnwerk.kernel.interest_of_one; sys.exit('polars' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
