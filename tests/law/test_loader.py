"""What a law file must look like, and what happens when one is asked."""

from __future__ import annotations

import copyreg
import io
import pickle
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from mahnwerk.law import Law, LawError, LawGap, NoSuchRule, load_laws, read_law
from mahnwerk.law.loader import parse_parameter

GOOD = """\
title: {de: Zinssatz, en: Rate}
statute: § 1 BGB
meaning: A rate.
unit: percent_per_year
index: {kind: [general, special]}
selected_by: day
changes: {every: ["01-01", "07-01"]}
checked: {on: 2026-11-21, confidence: A, against: the statute}
values:
  2025-07-01: {general: "1.27", special: unknown, reference: notice of 2025}
  2026-01-01: {general: "1.52", special: "-2", confidence: {special: C}, reference: notice of 2026}
"""


def parse(text: str) -> Law:
    parse_parameter(text, "interest.rate", "de", "law/de/interest/rate.yaml")
    return Law("de", {"interest.rate": text}, "law")


def changed(old: str, new: str) -> str:
    assert old in GOOD, f"{old!r} is not in the example"
    return GOOD.replace(old, new)


def by_statute(values: str) -> str:
    text = changed('changes: {every: ["01-01", "07-01"]}', "changes: by_statute")
    text = text.replace("index: {kind: [general, special]}\n", "")
    return text[: text.index("values:")] + "values:\n" + values


# --- reading --------------------------------------------------------------------------------------


def test_a_good_file() -> None:
    law = parse(GOOD)
    assert law.ppm("interest.rate", date(2026, 1, 1), "general") == 15_200
    assert law.ppm("interest.rate", date(2025, 12, 31), "general") == 12_700
    assert law.ppm("interest.rate", date(2026, 6, 30), "special") == -20_000
    parameter = law["interest.rate"]
    assert parameter.known_until == date(2026, 6, 30)
    assert parameter.title["de"] == "Zinssatz"
    value = parameter.at(date(2026, 1, 1))
    assert (value.confidence, value.confidence_of("general"), value.confidence_of("special")) == (
        "C",
        "A",
        "C",
    )
    assert [day for day, _ in law.changes_of("interest.rate")] == [date(2025, 7, 1), date(2026, 1, 1)]
    assert law.source("interest.rate", date(2026, 1, 1), "general").confidence == "A"
    assert "unverified" in str(law.source("interest.rate", date(2026, 1, 1), "special"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("unit: percent_per_year", "unit: percents", "unit: 'percents' is not one of"),
        ("unit: percent_per_year\n", "", "the key unit is missing"),
        ("unit: ", "source: x\nunit: ", "unknown key source"),
        ("statute: § 1 BGB", 'statute: ""', "statute must be a text"),
        ("{de: Zinssatz, en: Rate}", "{de: Zinssatz}", "title: the key en is missing"),
        ("selected_by: day", "selected_by: today", "selected_by: 'today' is not one of"),
        (", reference: notice of 2025}", "}", "the reference is missing"),
        ('general: "1.27"', "general: 1.27", "put the number 1.27 in quotes"),
        ('general: "1.27"', "general: 1", 'put the number in quotes: "1"'),
        ('general: "1.27"', 'general: "1,27"', "is not a number"),
        ('general: "1.27"', 'general: "1e2"', "is not a plain number"),
        ('general: "1.27"', 'general: "NaN"', "is not a plain number"),
        ('special: "-2", confidence', "confidence", "special is missing; write unknown"),
        ('special: "-2"', 'other: "-2"', "unknown key other"),
        ("2025-07-01:", "2026-07-01:", "order the dates"),
        ("2025-07-01:", "2025-01-01:", "2025-07-01 must follow 2025-01-01"),
        ("2025-07-01:", "2025-07-02:", "not one of the days|must follow"),
        ("2025-07-01:", '"2025-07-01":', "is not a date"),
        ("2025-07-01:", "2025-06-31:", "there is no day"),
        ("  2026-01-01", "  2025-07-01", "stands here twice"),
        ("confidence: A", "confidence: D", "checked.confidence: 'D'"),
        ("confidence: {special: C}", "confidence: {other: C}", "'other' is not one of"),
        ("on: 2026-11-21", "on: yesterday", "checked.on must be a date"),
        ('["01-01", "07-01"]', '["07-01", "01-01"]', "must be an ordered list"),
        ('["01-01", "07-01"]', '["02-29"]', "is not a day of the year"),
        ("changes: {every", "changes: {each", "unknown key each"),
        ("{kind: [general, special]}", "{kind: [general, general]}", "names a word twice"),
        ("{kind: [general, special]}", "{kind: [general, note]}", "another meaning here"),
        ("{kind: [general, special]}", "[general]", "one dimension"),
        ('general: "1.27", special: unknown', 'rows: [{general: "1"}], special: "1"', "figures beside rows"),
        ('general: "1.27", special: unknown', "rows: [{}]", r"rows\[1\] is empty"),
        ('general: "1.27", special: unknown', 'none: x, general: "1"', "figures beside none"),
        ('general: "1.27", special: unknown', "none: x, unknown: y", "exclude each other"),
    ],
)
def test_files_it_refuses(old: str, new: str, message: str) -> None:
    with pytest.raises(LawError, match=message) as caught:
        parse(changed(old, new))
    assert "law/de/interest/rate.yaml" in str(caught.value)


@pytest.mark.parametrize("text", ["- a", "a", 'title: "x', "values: []"])
def test_files_that_are_not_law(text: str) -> None:
    with pytest.raises(LawError, match=r"law/de/interest/rate\.yaml"):
        parse(text)


# --- asking ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "key", "why"),
    [
        (date(2025, 6, 30), "general", "our data begin on 2025-07-01"),
        (date(2026, 7, 1), "general", "announced anew after 2026-06-30"),
        (date(2025, 7, 1), "special", "the figure special of that day is not in our data"),
    ],
)
def test_gaps_name_parameter_day_and_file(day: date, key: str, why: str) -> None:
    with pytest.raises(LawGap, match=why) as caught:
        parse(GOOD).ppm("interest.rate", day, key)
    gap = caught.value
    assert (gap.parameter, gap.on, gap.file) == ("interest.rate", day, "law/de/interest/rate.yaml")
    assert day.isoformat() in str(gap)
    assert "law/de/interest/rate.yaml" in str(gap)


def test_no_such_rule_and_not_yet_loaded() -> None:
    law = parse(
        by_statute(
            "  2002-01-01: {none: the rule is younger, reference: act}\n"
            '  2014-01-01: {value: "9", reference: act}\n'
            "  2020-01-01: {unknown: changed for a while, reference: act}\n"
            '  2021-01-01: {value: "9", reference: act}\n'
            "  2026-11-20: {unknown: the new act is not loaded, reference: act}\n"
        )
    )
    assert not law.applies("interest.rate", date(2013, 12, 31))
    assert law.applies("interest.rate", date(2014, 1, 1))
    with pytest.raises(NoSuchRule, match="the rule is younger"):
        law.ppm("interest.rate", date(2013, 12, 31))
    with pytest.raises(LawGap, match="changed for a while"):
        law.value("interest.rate", date(2020, 12, 31))
    assert law.ppm("interest.rate", date(2021, 1, 1)) == 90_000
    assert law["interest.rate"].known_until == date(2026, 11, 19)
    with pytest.raises(LawGap, match="the new act is not loaded"):
        law.value("interest.rate", date(2026, 11, 20))
    assert [gap.parameter for gap in law.gaps(date(2026, 11, 20))] == ["interest.rate"]
    assert law.gaps(date(2026, 11, 19)) == []


def test_units_are_not_mixed_up() -> None:
    law = parse(GOOD)
    with pytest.raises(LawError, match="is in percent_per_year; asked for as euro"):
        law.cents("interest.rate", date(2026, 1, 1), "general")
    with pytest.raises(LawError, match="has no figure 'value'; it has general, special"):
        law.ppm("interest.rate", date(2026, 1, 1))
    fine = parse(changed('general: "1.27"', 'general: "1.2700001"'))
    with pytest.raises(LawError, match="more decimals"):
        fine.ppm("interest.rate", date(2025, 7, 1), "general")
    assert fine.number("interest.rate", date(2025, 7, 1), "general") == Decimal("1.2700001")


@pytest.mark.parametrize(
    ("unit", "method", "expected"),
    [
        ("euro", "cents", 900),
        ("swiss_franc", "cents", 900),
        ("percent", "ppm", 90_000),
        ("percentage_points_per_year", "ppm", 90_000),
        ("fee_rate", "permille", 9_000),
        ("days", "days", 9),
        ("weeks", "days", 63),
        ("months", "months", 9),
        ("years", "months", 108),
        ("years", "years", 9),
        ("count", "count", 9),
    ],
)
def test_each_unit(unit: str, method: str, expected: int) -> None:
    text = by_statute('  2002-01-01: {value: "9", reference: act}\n').replace("percent_per_year", unit)
    assert getattr(parse(text), method)("interest.rate", date(2002, 1, 1)) == expected


def test_texts() -> None:
    text = by_statute("  2002-01-01: {value: some words, reference: act}\n").replace(
        "percent_per_year", "text"
    )
    law = parse(text)
    assert law.text("interest.rate", date(2002, 1, 1)) == "some words"
    with pytest.raises(LawError, match="is a text, not a number"):
        law.number("interest.rate", date(2002, 1, 1))


def test_unknown_names_suggest_near_ones() -> None:
    with pytest.raises(LawError, match=r"no parameter 'interest.baserate'. Did you mean interest.base_rate"):
        load_laws()["de"].parameter("interest.baserate")
    with pytest.raises(LawError, match="there is law for de, at, ch"):
        load_laws()["fr"]


# --- the book -------------------------------------------------------------------------------------


def write_law(folder: Path, text: str) -> Law:
    (folder / "de" / "interest").mkdir(parents=True, exist_ok=True)
    (folder / "de" / "interest" / "rate.yaml").write_text(text, encoding="utf-8")
    return read_law(folder, "de")


def test_the_path_is_the_name_and_the_hash_is_the_content(tmp_path: Path) -> None:
    law = write_law(tmp_path, GOOD)
    assert list(law) == ["interest.rate"]
    again = write_law(tmp_path, GOOD)
    assert law == again
    assert law.hash == again.hash
    assert write_law(tmp_path, changed("1.52", "1.53")).hash != law.hash


def test_the_law_travels_to_another_process() -> None:
    law = load_laws()["de"]
    law.value("interest.base_rate", date(2026, 1, 1))
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.dispatch_table = copyreg.dispatch_table.copy()
    pickler.dump(law)
    travelled = pickle.loads(stream.getvalue())  # noqa: S301 - our own bytes
    assert travelled == law
    assert travelled.ppm("interest.base_rate", date(2026, 1, 1)) == 12_700
    gap = pickle.loads(pickle.dumps(LawGap("a.b", date(2027, 1, 1), "f.yaml", "why")))  # noqa: S301
    assert str(gap) == str(LawGap("a.b", date(2027, 1, 1), "f.yaml", "why"))


def test_the_book_is_read_once_and_parsed_when_asked() -> None:
    assert load_laws() is load_laws()
    code = (
        "import sys; from mahnwerk.law import load_laws; load_laws();"
        "print([m for m in ('django', 'polars', 'numpy', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
