"""The reference pages say what the code does, and their examples are read by it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mahnwerk.formats import claims_csv, facts_csv, mandates_csv
from mahnwerk.formats.creditor_yaml import parse_creditor
from mahnwerk.formats.mapping import parse_mapping
from mahnwerk.formats.pages import PAGES

FOLDER = Path(__file__).parents[2] / "docs/reference"


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_current(name: str) -> None:
    page = (FOLDER / f"{name}.md").read_text("utf-8")
    assert page == PAGES[name](), f"run: python -m mahnwerk.formats.pages {name} > docs/reference/{name}.md"


def example(name: str) -> str:
    found = re.search(r"```(?:csv|yaml)\n(.*?)```", PAGES[name](), re.DOTALL)
    assert found
    return found.group(1)


def test_the_examples_are_read() -> None:
    claims = claims_csv.read(example("claims-csv").encode())
    assert (claims.claims.height, claims.rejects.height) == (1, 0)
    facts = facts_csv.read(example("facts-csv").encode())
    assert (facts.facts.height, facts.rejects.height) == (2, 0)
    mandates = mandates_csv.read(example("mandates-csv").encode())
    assert (mandates.mandates.height, mandates.rejects.height) == (1, 0)
    assert parse_creditor(example("creditor-file"), "page").key == "lindenhof"
    assert parse_mapping(example("mapping-file"), "page").constants == {"currency": "EUR"}


def test_the_examples_of_all_columns_make_one_claim_and_one_fact() -> None:
    from mahnwerk.formats.columns import CLAIM_COLUMNS, FACT_COLUMNS

    left_out = {"discount_percent"}  # instead of discount_amount
    used = [column for column in CLAIM_COLUMNS if column.name not in left_out]
    for titles in (0, -1):
        header = ";".join(column.titles[titles] for column in used)
        line = ";".join(column.example for column in used)
        result = claims_csv.read(f"{header}\n{line}\n".encode())
        assert result.rejects["reason"].to_list() == []
        assert result.claims.height == 1
    header = ";".join(column.titles[0] for column in FACT_COLUMNS)
    line = ";".join(column.example for column in FACT_COLUMNS)
    result = facts_csv.read(f"{header}\n{line}\n".encode())
    assert result.rejects["reason"].to_list() == []
