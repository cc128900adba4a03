"""`mahnwerk law …`: every published example and reference figure, the shapes of the answers, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from mahnwerk.cli.law import app
from mahnwerk.frames import SPANS
from mahnwerk.kernel.interest import default_interest, rate_index
from mahnwerk.law import load_laws


def ask(*words: str, code: int = 0) -> Any:
    """The JSON answer of one command."""
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def told(*words: str, code: int = 0) -> str:
    """What a person reads."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result.output


def interest(amount: str, first: str, last: str, points: int, day_count: str) -> int:
    debtor = "consumer" if points == 5 else "business"
    answer = ask(
        *("interest", amount, "--from", first, "--until", last),
        *("--debtor", debtor, "--day-count", day_count),
    )
    assert sum(row["interest_cents"] for row in answer["rows"]) == answer["interest_cents"]
    return int(answer["interest_cents"])


# --- interest -----------------------------------------------------------------------------------

VECTORS = [
    ("1000,00", "2025-01-01", "2025-12-31", 5, 6766, 6766, 6770),
    ("10000,00", "2026-06-15", "2026-07-15", 9, 8825, 8825, 8948),
    ("5000,00", "2023-12-15", "2024-02-29", 5, 8976, 8957, 8988),
    ("1234,56", "2022-11-15", "2026-11-21", 5, 35644, 35615, 35617),
    ("249,90", "2026-09-02", "2026-11-21", 5, 362, 362, 362),
    ("10000,00", "2016-01-01", "2016-07-30", 5, 24179, 24113, 24169),
    ("3000,00", "2014-06-01", "2014-12-31", 8, 12812, 12812, 12748),
    ("100000,00", "2024-01-01", "2024-12-31", 9, 1252855, 1249432, 1249500),
]


@pytest.mark.parametrize(("amount", "first", "last", "points", "a365", "actual", "thirty"), VECTORS)
def test_reference_vectors(
    amount: str, first: str, last: str, points: int, a365: int, actual: int, thirty: int
) -> None:
    assert interest(amount, first, last, points, "act/365") == a365
    assert interest(amount, first, last, points, "act/act") == actual
    assert interest(amount, first, last, points, "30/360") == thirty


@pytest.mark.parametrize(
    ("amount", "first", "last", "points", "cents"),
    [
        ("1000", "2010-01-04", "2010-01-28", 5, 351),  # 25 days at 5.12 %
        ("10000", "2023-01-01", "2023-06-30", 5, 32828),  # 181 days at 6.62 %
        ("10000", "2023-01-01", "2023-06-30", 9, 52664),  # 181 days at 10.62 %
        ("10000", "2017-01-01", "2017-12-31", 9, 81200),  # a year at 8.12 %
        ("10000", "2017-01-01", "2017-01-01", 9, 222),  # a day
    ],
)
def test_published_examples(amount: str, first: str, last: str, points: int, cents: int) -> None:
    assert interest(amount, first, last, points, "act/365") == cents


@pytest.mark.parametrize(("last_day", "cents"), [("2016-07-31", 35_000), ("2016-07-30", 34_833)])
def test_published_example_of_a_fixed_rate(last_day: str, cents: int) -> None:
    """210 bank days at 6 % are 350.00.

    The page counts 210 days to 30 July. Cut so that pieces add up, a month of 31 days reaches its
    thirtieth bank day only on the 31st, as in the reference vector that ends on the same day.
    """
    span = {
        "case_id": 1,
        "claim_id": 1,
        "first_day": "2016-01-01",
        "last_day": last_day,
        "principal_cents": 1_000_000,
        "is_base_linked": False,
        "margin_ppm": 60_000,
        "rule_id": "interest.agreed",
    }
    frame = pl.DataFrame([span]).with_columns(pl.col("first_day", "last_day").str.to_date()).cast(dict(SPANS))
    index = rate_index(load_laws()["de"], "30/360")
    assert default_interest(frame, index)["interest_cents"].to_list() == [cents]


@pytest.mark.parametrize(
    ("day", "consumer", "business"),
    [
        ("2026-07-01", 65_200, 105_200),
        ("2026-11-21", 65_200, 105_200),
        ("2026-06-30", 62_700, 102_700),
        ("2025-07-01", 62_700, 102_700),
        ("2025-06-30", 72_700, 112_700),
        ("2016-07-01", 41_200, 81_200),
        ("2022-12-31", 41_200, 81_200),
    ],
)
def test_rates_of_a_day(day: str, consumer: int, business: int) -> None:
    words = ("interest", "100", "--from", day, "--until", day)
    assert ask(*words)["rows"][0]["rate_ppm"] == consumer  # unknown debtor = consumer
    assert ask(*words, "--debtor", "business")["rows"][0]["rate_ppm"] == business
    assert ask(*words, "--debtor", "business", "--other-debt")["rows"][0]["rate_ppm"] == consumer


def test_margin_follows_the_day_the_obligation_arose() -> None:
    words = ("interest", "100", "--from", "2020-01-01", "--until", "2020-12-31", "--debtor", "business")
    assert ask(*words, "--arose-on", "2014-07-28")["rows"][0]["rate_ppm"] == 71_200
    assert ask(*words, "--arose-on", "2014-07-29")["rows"][0]["rate_ppm"] == 81_200
    assert "[unverified, please check]" in told(*words, "--arose-on", "2014-07-28")
    assert "[unverified, please check]" not in told(*words, "--arose-on", "2014-07-29")


def test_interest_has_exactly_the_promised_shape() -> None:
    answer = ask("interest", "1.234,56", "--from", "15.11.2022", "--until", "2026-11-21")
    assert list(answer) == ["interest_cents", "rows", "sources"]
    assert list(answer["rows"][0]) == ["first_day", "last_day", "days", "rate_ppm", "interest_cents"]
    assert answer["rows"][0]["first_day"] == "2022-11-15"
    assert answer["rows"][-1]["last_day"] == "2026-11-21"
    assert any("act/act" in source for source in answer["sources"])
    assert any("§ 288" in source for source in answer["sources"])


@pytest.mark.parametrize("amount", ["1234.56", "1.234,56", "1234,56", "1,234.56", "1234,56 €"])
def test_amounts_as_people_write_them(amount: str) -> None:
    assert interest(amount, "2022-11-15", "2026-11-21", 5, "act/act") == 35615


# --- collection costs ---------------------------------------------------------------------------

COSTS_2025 = [  # value: (fee, expenses, net, gross) for 0.5, 0.9, 1.3; orders since 2025-06-01
    ("50", (1575, 315, 1890, 2249), (2835, 567, 3402, 4048), (4095, 819, 4914, 5848)),
    ("50,01", (2575, 515, 3090, 3677), (4635, 927, 5562, 6619), (6695, 1339, 8034, 9560)),
    ("300", (2575, 515, 3090, 3677), (4635, 927, 5562, 6619), (6695, 1339, 8034, 9560)),
    ("500", (2575, 515, 3090, 3677), (4635, 927, 5562, 6619), (6695, 1339, 8034, 9560)),
    ("1000", (4650, 930, 5580, 6640), (8370, 1674, 10044, 11952), (12090, 2000, 14090, 16767)),
    ("1500", (6725, 1345, 8070, 9603), (12105, 2000, 14105, 16785), (17485, 2000, 19485, 23187)),
    ("2000", (8800, 1760, 10560, 12566), (15840, 2000, 17840, 21230), (22880, 2000, 24880, 29607)),
    ("5000", (17725, 2000, 19725, 23473), (31905, 2000, 33905, 40347), (46085, 2000, 48085, 57221)),
    ("10000", (32600, 2000, 34600, 41174), (58680, 2000, 60680, 72209), (84760, 2000, 86760, 103244)),
    ("50000", (67850, 2000, 69850, 83122), (122130, 2000, 124130, 147715), (176410, 2000, 178410, 212308)),
    (
        "500000",
        (187600, 2000, 189600, 225624),
        (337680, 2000, 339680, 404219),
        (487760, 2000, 489760, 582814),
    ),
    (
        "1000000",
        (275100, 2000, 277100, 329749),
        (495180, 2000, 497180, 591644),
        (715260, 2000, 717260, 853539),
    ),
]


@pytest.mark.parametrize(("value", "low", "middle", "high"), COSTS_2025)
def test_collection_costs_since_june_2025(
    value: str, low: tuple[int, ...], middle: tuple[int, ...], high: tuple[int, ...]
) -> None:
    for factor, (fee, expenses, net, gross) in (("0.5", low), ("0,9", middle), ("1.3", high)):
        words = ("collection-costs", value, "--mandate-on", "2025-06-01", "--factor", factor)
        answer = ask(*words)
        assert list(answer) == ["fee_cents", "expenses_cents", "vat_cents", "total_cents", "sources"]
        assert (answer["fee_cents"], answer["expenses_cents"]) == (fee, expenses)
        assert (answer["vat_cents"], answer["total_cents"]) == (0, net)
        taxed = ask(*words, "--vat")
        assert (taxed["total_cents"], taxed["vat_cents"]) == (gross, gross - net)


COSTS_2021 = [  # net incl. expenses, orders 2021-10-01 … 2025-05-31
    ("50", 1800, 3240, 4680),
    ("50.01", 2940, 5292, 7644),
    ("500", 2940, 5292, 7644),
    ("1000", 5280, 9504, 13440),
    ("1500", 7620, 13430, 18510),
    ("2000", 9960, 16940, 23580),
    ("5000", 18700, 32060, 45420),
    ("10000", 32700, 57260, 81820),
    ("50000", 65950, 117110, 168270),
    ("500000", 178950, 320510, 462070),
    ("1000000", 261450, 469010, 676570),
]


@pytest.mark.parametrize(("value", "low", "middle", "high"), COSTS_2021)
def test_collection_costs_before_june_2025(value: str, low: int, middle: int, high: int) -> None:
    for day in ("2021-10-01", "2025-05-31"):
        for factor, net in (("0.5", low), ("0.9", middle), ("1.3", high)):
            answer = ask("collection-costs", value, "--mandate-on", day, "--factor", factor)
            assert answer["total_cents"] == net


def test_small_claim_fee_only_where_undisputed() -> None:
    words = ("collection-costs", "50", "--mandate-on", "2026-01-02", "--factor", "0.5")
    assert ask(*words)["fee_cents"] == 1575
    assert ask(*words, "--disputed")["fee_cents"] == 2575


def test_high_rate_is_warned_of_and_too_high_refused() -> None:
    words = ("collection-costs", "1000", "--mandate-on", "2026-01-02", "--factor")
    assert "extensive or difficult" in told(*words, "1.3")
    assert "1.3 allowed" in told(*words, "1.4", code=2)


# --- court fee ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "since_2025", "since_2021"),
    [
        ("50", 3800, 3600),
        ("1000", 3800, 3600),
        ("1500", 4100, 3900),
        ("2000", 5150, 4900),
        ("5000", 8525, 8050),
        ("10000", 14150, 13300),
        ("50000", 31900, 30050),
        ("500000", 206900, 195050),
        ("1000000", 311900, 294050),
    ],
)
def test_court_fee(value: str, since_2025: int, since_2021: int) -> None:
    assert ask("court-fee", value, "--filed-on", "2025-06-01")["fee_cents"] == since_2025
    assert ask("court-fee", value, "--filed-on", "2025-05-31")["fee_cents"] == since_2021
    assert ask("court-fee", value, "--filed-on", "2021-01-01")["fee_cents"] == since_2021


def test_court_fee_of_2013() -> None:
    assert ask("court-fee", "500", "--filed-on", "2013-08-01")["fee_cents"] == 3200
    assert ask("court-fee", "5000", "--filed-on", "2020-12-31")["full_fee_cents"] == 14600


# --- attachable income --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "dependants", "cents"),
    [
        ("1599,99", 0, 182),
        ("2000", 0, 28882),
        ("2000", 1, 0),
        ("3100", 0, 105882),
        ("4866,30", 0, 229082),
        ("5000", 0, 242452),
        ("5000", 2, 107064),
        ("0", 0, 0),
    ],
)
def test_attachable_income_2026(net: str, dependants: int, cents: int) -> None:
    words = ("attachment", net, "--dependants", str(dependants), "--on")
    assert ask(*words, "2026-11-21")["attachable_cents"] == cents
    assert ask(*words, "2026-07-01", "--per", "month")["attachable_cents"] == cents


@pytest.mark.parametrize(
    ("day", "net", "cents"),
    [
        ("2021-07-01", "1260", 515),
        ("2022-07-01", "1340", 689),
        ("2023-07-01", "1410", 540),
        ("2024-07-01", "1500", 578),
        ("2025-07-01", "1560", 350),
        ("2026-07-01", "1590", 182),
        ("2026-06-30", "1590", 2450),
    ],
)
def test_first_row_of_each_table(day: str, net: str, cents: int) -> None:
    assert ask("attachment", net, "--on", day)["attachable_cents"] == cents


def test_weekly_figures_are_a_gap_where_not_known() -> None:
    week = ("attachment", "400", "--per", "week", "--on")
    # 400.00 − 365.33 = 34.67; seven tenths
    assert ask(*week, "2026-11-21")["attachable_cents"] == 2427
    gap = ask(*week, "2025-11-21", code=3)
    assert gap["exit_code"] == 3
    assert "attachment_exemption_week" in gap["error"]
    assert "src/mahnwerk/law/de/enforcement/attachment_exemption_week.yaml" in gap["error"]


# --- limitation ---------------------------------------------------------------------------------


def test_limitation_examples() -> None:
    plain = ask("limitation", "--due-on", "2023-05-10", "--land", "BE")
    assert plain["time_barred_after"] == "2026-12-31"
    assert plain["is_time_barred"] is None
    paid = ("limitation", "--due-on", "2023-05-10", "--part-payment", "2026-03-02")
    assert ask(*paid)["time_barred_after"] == "2029-03-02"
    assert ask(*paid, "--part-payment", "2024-01-05", "--on", "2029-03-02")["is_time_barred"] is False
    assert ask(*paid, "--on", "2029-03-03")["is_time_barred"] is True
    order = ask("limitation", "--due-on", "2023-05-10", "--payment-order", "2026-12-29..2027-01-11")
    assert order["rule_id"] == "limitation.suspended"
    assert order["time_barred_after"] > "2027-07-11"


def test_limitation_of_other_events() -> None:
    words = ("limitation", "--due-on", "2023-05-10", "--land", "be")
    assert ask(*words, "--title", "2026-05-04")["time_barred_after"] == "2056-05-04"
    assert ask(*words, "--acknowledged-on", "02.03.2026")["rule_id"] == "limitation.restarted"
    assert ask(*words, "--deferral", "01.11.2026..30.11.2026")["warn_on"] == "2027-01-30"
    assert ask(*words, "--negotiation", "2026-12-30..2026-12-30")["warn_on"] == "2027-03-30"
    late = ask("limitation", "--due-on", "2016-05-10", "--known-on", "2025-02-01", "--land", "BE")
    assert (late["time_barred_after"], late["warn_on"]) == ("2026-05-11", "2026-05-10")
    assert late["rule_id"] == "limitation.long_stop_years"
    weekend = ask("limitation", "--due-on", "2019-05-10", "--land", "BE")
    assert (weekend["warn_on"], weekend["time_barred_after"]) == ("2022-12-31", "2023-01-02")
    assert "yes" in told("limitation", "--due-on", "2019-05-10", "--on", "2026-11-21")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--deferral", "2026-11-01"), "write FIRST..LAST"),
        (("--deferral", "2026-11-31..2026-12-01"), "write FIRST..LAST"),
        (("--deferral", "2026-12-01..2026-11-01"), "a later day stands before an earlier one"),
        (("--payment-order", "2026-12-01"), "FILED..SERVED"),
        (("--land", "XX"), "Land 'XX' does not exist"),
    ],
)
def test_limitation_refuses_what_it_cannot_read(words: tuple[str, ...], says: str) -> None:
    answer = ask("limitation", "--due-on", "2023-05-10", *words, code=2)
    assert says in answer["error"]


# --- default ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "day"),
    [
        (("2026-09-01", "--kind", "calendar"), "2026-09-02"),
        (("2026-09-01", "--kind", "period", "--land", "BE"), "2026-09-02"),
        (("2025-10-31", "--kind", "calendar", "--land", "BE"), "2025-11-01"),
        (("2025-10-31", "--kind", "calendar", "--land", "HH"), "2025-11-04"),
        (("2025-10-31", "--kind", "calendar"), "2025-11-04"),
        (("2026-09-01", "--kind", "notice"), None),
        (("2026-09-01", "--kind", "notice", "--received-on", "2026-09-10"), "2026-09-11"),
        (("2026-09-01", "--kind", "notice", "--received-on", "2026-08-10"), None),
        (
            ("2026-09-01", "--kind", "notice", "--received-on", "2026-09-10", "--pay-by", "2026-09-24"),
            "2026-09-25",
        ),
        (
            ("2026-09-01", "--kind", "invoice", "--received-on", "2026-08-20", "--debtor", "business"),
            "2026-10-02",
        ),
        (("2026-09-01", "--kind", "invoice", "--received-on", "2026-08-20"), None),
        (
            ("2026-09-01", "--kind", "invoice", "--received-on", "2026-08-20", "--consumer-told"),
            "2026-10-02",
        ),
        (
            ("2026-09-01", "--kind", "invoice", "--notice-received-on", "2026-09-10"),
            "2026-09-11",
        ),
    ],
)
def test_default_began(words: tuple[str, ...], day: str | None) -> None:
    assert ask("default-began", "--due-on", *words) == {"default_began_on": day}


def test_default_began_for_people() -> None:
    words = ("default-began", "--due-on", "2026-09-01", "--kind")
    assert "02.09.2026" in told(*words, "calendar", "--land", "BE")
    assert "No default yet" in told(*words, "notice")
    assert "§ 286 Abs. 3" in told(*words, "invoice", "--received-on", "2026-08-20", "--debtor", "business")
    assert "--pay-by belongs to a dunning notice" in told(*words, "invoice", "--pay-by", "2026-09-09", code=2)


# --- the law book -------------------------------------------------------------------------------


def test_show_lists_and_explains_parameters() -> None:
    names = [row["parameter"] for row in ask("show")]
    assert names == sorted(load_laws()["de"])
    found = ask("show", "interest.base_rate")
    assert found["known_until"] == "2026-12-31"
    assert found["values"][-1]["numbers"] == {"value": "1.52"}
    on = ask("show", "interest.base_rate", "--on", "2024-03-01")
    assert [value["numbers"]["value"] for value in on["values"]] == ["3.62"]
    assert "§ 247 BGB" in told("show", "interest.base_rate")
    assert "interest.base_rate" in told("show", "--on", "2027-02-01")


def test_show_of_a_gap_and_of_a_typing_error() -> None:
    assert "base_rate.yaml" in ask("show", "interest.base_rate", "--on", "2027-01-01", code=3)["error"]
    assert "Did you mean interest.base_rate" in told("show", "interest.baserate", code=2)


def test_gaps_name_the_file_to_edit() -> None:
    answer = ask("gaps", "--on", "2027-01-01")
    gap = next(row for row in answer["gaps"] if row["parameter"] == "interest.base_rate")
    assert gap["file"] == "src/mahnwerk/law/de/interest/base_rate.yaml"
    before = ask("gaps", "--on", "2026-11-21")
    assert "interest.base_rate" not in [row["parameter"] for row in before["gaps"]]
    assert {"parameter": "interest.base_rate", "known_until": "2026-12-31", "file": gap["file"]} in before[
        "known_until"
    ]
    assert "interest.base_rate" in told("gaps", "--on", "2026-11-21")


# --- refusals and start -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("interest", "abc", "--from", "2026-01-01", "--until", "2026-02-01"), 2, "amount 'abc'"),
        (("interest", "1.234", "--from", "2026-01-01", "--until", "2026-02-01"), 2, "two ways"),
        (("interest", "100", "--from", "2026-02-01", "--until", "2026-01-01"), 2, "before the first"),
        (("interest", "100", "--from", "2026-12-01", "--until", "2027-01-01"), 3, "base_rate.yaml"),
        (("interest", "100", "--from", "2001-12-01", "--until", "2002-01-01"), 3, "base_rate"),
        (("collection-costs", "100", "--mandate-on", "2026-01-01", "--factor", "x"), 2, "factor 'x'"),
        (("court-fee", "0", "--filed-on", "2026-01-01"), 2, "cents"),
        (("attachment", "100", "--on", "2027-07-01"), 3, "attachment_exemption.yaml"),
        (("limitation", "--due-on", "2001-05-01"), 3, "regular_years.yaml"),
    ],
)
def test_refusals_say_what_and_why(words: tuple[str, ...], code: int, says: str) -> None:
    assert says in ask(*words, code=code)["error"]
    assert says in told(*words, code=code)


def test_impossible_date_is_a_usage_error() -> None:
    told("interest", "100", "--from", "2026-02-30", "--until", "2026-03-01", code=2)


@pytest.mark.parametrize(
    "command",
    [
        "interest",
        "collection-costs",
        "court-fee",
        "attachment",
        "limitation",
        "default-began",
        "show",
        "gaps",
    ],
)
def test_help_shows_examples(command: str) -> None:
    assert f"mahnwerk law {command}" in told(command, "--help")


def test_tables_for_people() -> None:
    text = told("interest", "10000", "--from", "2026-06-15", "--until", "2026-07-15", "--debtor", "business")
    assert "88,25 €" in text
    assert "10,27 %" in text
    assert "100,44 €" in told("collection-costs", "1000", "--mandate-on", "2026-01-02", "--factor", "0.9")
    assert "41,00 €" in told("court-fee", "1500", "--filed-on", "2026-11-21")
    assert "288,82 €" in told("attachment", "2000", "--on", "2026-11-21")


def test_calculators_start_without_the_framework() -> None:
    script = (
        "import sys\n"
        "from mahnwerk.cli.main import app\n"
        "words = ['law', 'interest', '100', '--from', '2026-01-01', '--until', '2026-02-01', '--json']\n"
        "app(words, standalone_mode=False)\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'django'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
