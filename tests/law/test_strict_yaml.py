"""YAML without surprises."""

from __future__ import annotations

from datetime import date

import pytest

from mahnwerk.law.strict_yaml import StrictYamlError, load


def test_what_it_knows() -> None:
    text = """
on: 2026-11-21
"2026": text
count: -12
yes_no: [true, false, yes, no, on, "off"]
nothing: null
empty:
amount: "1.50"
time: 12:30
long: >-
  two
  lines
"""
    assert load(text, "x.yaml") == {
        "on": date(2026, 11, 21),
        "2026": "text",
        "count": -12,
        "yes_no": [True, False, "yes", "no", "on", "off"],
        "nothing": None,
        "empty": None,
        "amount": "1.50",
        "time": "12:30",
        "long": "two lines",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"x\.yaml:3: the key 'a' stands here twice"),
        ("2026-01-01: 1\n2026-01-01: 2\n", "stands here twice"),
        ("{a: {b: 1, b: 2}}", "stands here twice"),
        ("a: 1.5", r'x\.yaml:1: put the number 1\.5 in quotes: "1\.5"'),
        ("a: 1,5", "in quotes"),
        ("a: 1e3", "in quotes"),
        ("a: .nan", "in quotes"),
        ("a: 0777", "in quotes"),
        ("a: 1_000", "in quotes"),
        ("a: +1", "in quotes"),
        ("a: 2026-02-30", "there is no day 2026-02-30"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: !!python/object:os.system 1", "tags are not accepted"),
        ("a: !thing {b: 1}", "not accepted"),
        ("a: !!python/tuple [1]", "not accepted"),
        ('a: !!int "3"', "tags are not accepted"),
        ("<<: {a: 1}", "merge keys"),
        ("? [a]\n: 1", "a key must be"),
        ("a: [1", "not readable as YAML"),
        ("", "the file is empty"),
        ("[" * 60 + "]" * 60, "deeper than 40"),
        ("a: 1\n---\nb: 2\n", "not readable as YAML"),
    ],
)
def test_what_it_refuses(text: str, message: str) -> None:
    with pytest.raises(StrictYamlError, match=message):
        load(text, "x.yaml")
