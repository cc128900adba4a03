"""What a spreadsheet would run is disarmed; what it would not is left as it is; all of it comes back."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mahnwerk.formats.spreadsheets import harmless, restored


def written(cell: str) -> str:
    found: str = pl.select(harmless(pl.lit(cell))).item()
    return found


@pytest.mark.parametrize(
    "cell",
    [
        *("=1+1", " =1+1", "＝1+1", "@SUM(A1)", "\t=1", "\r=1", "\n", "'=1", "''@x", "-x", "+A1", "- "),
        *("-2+3+cmd|' /C calc'!A0", "+49341-555", "-1-1", "-5\n=1", "+49 =1", "+49 341\n@x", "-12,50 A1"),
        *("+cmd|'/C calc'!A0", "-(1)", "+49 341 SUM(1)", "--5", "-", "+", "-1 €=1"),
    ],
)
def test_what_would_run_gets_an_apostrophe(cell: str) -> None:
    assert written(cell) == "'" + cell


@pytest.mark.parametrize(
    "cell",
    [
        *("-5", "-12,50", "-1.234,56", "-1.234,56 €", "-12.50 EUR", "-1’234.50 CHF", "-1 234,56", "+12,50"),
        *("+49 341 555", "+4934155501", "+49 341 555-0", "+49 (0)341 555 01", "+49 (341) 555", "+43 1/5550"),
        *("", "Müller", "R-1", "12,50-", "a=b", "x@example.org", "'t Hooft", "O'Neill"),
    ],
)
def test_what_would_not_run_is_left_alone(cell: str) -> None:
    assert written(cell) == cell


@given(st.text(alphabet=" '=+-@＝\t\r\n0159.,()/€A", max_size=8))
def test_every_cell_comes_back(cell: str) -> None:
    frame = pl.DataFrame({"cell": [cell]})
    out = frame.select(harmless(pl.col("cell")))
    assert restored(out, ["cell"])["cell"].to_list() == [cell]
    assert not out["cell"][0].lstrip().startswith(("=", "@", "＝"))
