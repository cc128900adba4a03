"""Charts of accounts: the shipped ones are whole, own ones are told what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mahnwerk.formats.chart import SHIPPED, ChartError, chart_table, parse_chart, shipped, shipped_text
from mahnwerk.formats.payout_terms import parse_terms
from mahnwerk.kernel.accounts import MEMORANDUM, PERSONAL, Account


@pytest.mark.parametrize("name", SHIPPED)
def test_every_account_of_the_journal_has_a_number(name: str) -> None:
    chart = shipped(name)
    assert set(chart.accounts) == {account.name.lower() for account in Account}
    without = {role for role, one in chart.accounts.items() if not one.number}
    assert without == {account.name.lower() for account in (*PERSONAL, *MEMORANDUM)}
    assert chart.skr == name[-2:]
    assert "damages, no VAT" in chart.accounts["cost_income"].note


def test_longer_accounts_get_zeros_and_debtors_one_digit_more() -> None:
    text = shipped_text("skr03").replace("account_length: 4", "account_length: 6")
    chart = parse_chart(text, "chart.yaml")
    assert (chart.number("bank"), chart.number("receivable")) == ("120000", "")
    assert chart.debtor_number(42) == "1000042"
    assert shipped("skr04").debtor_number(59_999) == "69999"
    with pytest.raises(ChartError, match="raise account_length"):
        shipped("skr04").debtor_number(60_000)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"1200"', '"12"', r"accounts.bank: number '12' must be empty or 4 to 4 digits"),
        ("account_length: 4", "account_length: 9", "account_length: must be 4 to 8, is 9"),
        ("client: 1", "client: 0", "client: must be 1 to 99999, is 0"),
        ("consultant: 1001", "consultant: 12", "consultant: must be 1001 to 9999999"),
        ('"01-01"', '"13-01"', "fiscal_year_begins"),
        (
            '"01-01"',
            '"02-29"',
            "chart.yaml:\n- fiscal_year_begins: '02-29' is no day that every year has; write",
        ),
        ('"01-01"', '"02-30"', "'02-30' is no day that every year has"),
        ('"01-01"', '"04-31"', "'04-31' is no day that every year has"),
        ('"01-01"', '"1-1"', "'1-1' is no day that every year has"),
        ("title: SKR03", "name: SKR03", "name: unknown key"),
        ("confidence: A}", "confidence: Z}", "confidence must be A, B or C"),
        ("client: 1", "client: 1\nclient: 2", "twice"),
    ],
)
def test_a_broken_chart_says_what_to_write(old: str, new: str, problem: str) -> None:
    with pytest.raises(ChartError, match=problem):
        parse_chart(shipped_text("skr03").replace(old, new, 1), "chart.yaml")


def test_an_unknown_chart_is_named() -> None:
    with pytest.raises(ChartError, match="skr03, skr04"):
        shipped_text("skr99")


def test_the_reference_page_shows_the_shipped_numbers() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "journal.md").read_text(encoding="utf-8")
    assert chart_table() in page, "put the table of mahnwerk.formats.chart.chart_table() into the page"


def test_the_terms_of_the_reference_page_are_terms() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "journal.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    told = parse_terms(example, "page")
    assert (told.creditor, told.costs_ppm, told.reserve_days) == ("radwerk", 1_000_000, 56)
