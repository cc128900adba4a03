"""Chart of accounts: which number each account of the journal has, as data (SKR03, SKR04 or one's own)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from mahnwerk.law.strict_yaml import StrictYamlError, load

SHIPPED: Final = ("skr03", "skr04")
_KEYS: Final = {"title", "skr", "account_length", "fiscal_year_begins", "consultant", "client", "accounts"}
_ACCOUNT_KEYS: Final = {"number", "title", "confidence", "note"}


class ChartError(ValueError):
    """A chart of accounts cannot be used; says which key and what to write."""


@dataclass(frozen=True)
class ChartAccount:
    """One account. Without a number it is not exported."""

    number: str
    title: str
    confidence: str
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart of accounts with what DATEV wants to know beside it."""

    title: str
    skr: str
    account_length: int  # digits of an impersonal account; personal ones have one more
    fiscal_year_begins: tuple[int, int]  # month, day
    consultant: int  # Beraternummer
    client: int  # Mandantennummer
    accounts: Mapping[str, ChartAccount]

    def number(self, role: str) -> str:
        """The number of an account at full length (1200 → 120000 at six digits); "" = not exported."""
        account = self.accounts[role]
        return account.number.ljust(self.account_length, "0") if account.number else ""

    def debtor_number(self, case_no: int) -> str:
        """The personal account of a debtor.

        Raises
        ------
        ChartError : there are more debtors than the length has room for.
        """
        first = 10**self.account_length
        if not 1 <= case_no < 6 * first:
            raise ChartError(
                f"account_length {self.account_length} has room for {6 * first - 1} debtors, and number "
                f"{case_no} is wanted: raise account_length in chart.yaml (at most 8)."
            )
        return str(first + case_no)


@cache
def shipped(name: str) -> Chart:
    """A chart that comes with Mahnwerk: skr03 or skr04."""
    return parse_chart(shipped_text(name), f"{name}.yaml")


def shipped_text(name: str) -> str:
    """The file of a shipped chart, to be copied and changed.

    Raises
    ------
    ChartError : there is none of that name.
    """
    if name not in SHIPPED:
        raise ChartError(f"chart {name!r} is not known; known: {', '.join(SHIPPED)}.")
    return (resources.files("mahnwerk.formats") / "charts" / f"{name}.yaml").read_text(encoding="utf-8")


def parse_chart(text: str, where: str) -> Chart:
    """Read a chart of accounts.

    Parameters
    ----------
    text : YAML with exactly the keys of the shipped files
    where : name for messages

    Raises
    ------
    ChartError : an unknown or missing key, a number that is not one, a missing account; all problems at once.
    """
    try:
        data: Any = load(text, where)
    except StrictYamlError as error:
        raise ChartError(str(error)) from error
    problems = _problems(data)
    if problems:
        raise ChartError(f"{where}:\n" + "\n".join(f"- {problem}" for problem in problems))
    month, day = str(data["fiscal_year_begins"]).split("-")
    accounts = {
        role: ChartAccount(
            str(one["number"]), str(one["title"]), str(one["confidence"]), str(one.get("note", ""))
        )
        for role, one in data["accounts"].items()
    }
    return Chart(
        title=str(data["title"]),
        skr=str(data["skr"]),
        account_length=data["account_length"],
        fiscal_year_begins=(int(month), int(day)),
        consultant=data["consultant"],
        client=data["client"],
        accounts=accounts,
    )


def _problems(data: Any) -> list[str]:
    if not isinstance(data, dict):
        return ["must be a mapping"]
    said = [f"{key}: unknown key." for key in sorted(set(data) - _KEYS)]
    said += [f"{key}: missing." for key in sorted(_KEYS - set(data))]
    if said:
        return said
    length = data["account_length"]
    for key, lowest, highest in (
        ("account_length", 4, 8),
        ("consultant", 1001, 9_999_999),
        ("client", 1, 99_999),
    ):
        value = data[key]
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            said.append(f"{key}: must be {lowest} to {highest}, is {value!r}.")
    if not _is_day_of_every_year(str(data["fiscal_year_begins"])):
        said.append(
            f"fiscal_year_begins: {data['fiscal_year_begins']!r} is no day that every year has; write month "
            'and day in quotes, such as "01-01".'
        )
    if not re.fullmatch(r"\d{2}", str(data["skr"])):
        said.append(f'skr: must be two digits such as "03", is {data["skr"]!r}.')
    if not isinstance(data["accounts"], dict):
        return [*said, "accounts: must be a mapping of account to number."]
    return said + _account_problems(data["accounts"], length if isinstance(length, int) else 4)


def _is_day_of_every_year(text: str) -> bool:
    """Whether it is month and day, MM-DD; 29 February is not, as three of four years lack it."""
    if not re.fullmatch(r"[0-9]{2}-[0-9]{2}", text):
        return False
    month, day = map(int, text.split("-"))
    return 1 <= month <= 12 and 1 <= day <= monthrange(2025, month)[1]  # 2025: a common year


def _account_problems(accounts: Mapping[str, Any], length: int) -> list[str]:
    said = []
    for role, one in accounts.items():
        if not isinstance(one, dict) or not {"number", "title", "confidence"} <= set(one) <= _ACCOUNT_KEYS:
            said.append(f"accounts.{role}: needs number, title and confidence, and may have a note.")
            continue
        if not re.fullmatch(rf"|\d{{4,{length}}}", str(one["number"])):
            said.append(
                f"accounts.{role}: number {one['number']!r} must be empty or 4 to {length} digits, in quotes."
            )
        if one["confidence"] not in ("A", "B", "C"):
            said.append(f"accounts.{role}: confidence must be A, B or C.")
    return said


def chart_table() -> str:
    """The shipped charts side by side as a Markdown table, for the reference page."""
    first, second = (shipped(name) for name in SHIPPED)
    lines = ["| account | SKR03 | SKR04 | title | sure | note |", "|---|---|---|---|---|---|"]
    for role, one in first.accounts.items():
        other = second.accounts[role]
        numbers = (one.number or "–", other.number or "–")
        lines.append(
            f"| `{role}` | {numbers[0]} | {numbers[1]} | {one.title} | {one.confidence} | {one.note} |"
        )
    return "\n".join(lines)
