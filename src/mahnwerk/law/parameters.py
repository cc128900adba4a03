"""What a legal parameter is: its values by date, where each comes from, and until when it is known."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal

Confidence = Literal["A", "B", "C"]
Number = Decimal | str

UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "percent_per_year": "per cent per year",
        "percentage_points_per_year": "percentage points per year",
        "percent": "per cent",
        "euro": "euro",
        "swiss_franc": "Swiss francs",
        "fee_rate": "multiple of the full fee",
        "hours": "hours",
        "days": "days",
        "weeks": "weeks",
        "months": "months",
        "years": "years",
        "count": "number",
        "time_of_day": "time of day",
        "text": "text",
    }
)
"""Closed list of units and their plain names."""

SELECTED_BY: Final = (
    "day",
    "obligation_arose_on",
    "default_began_on",
    "letter_dated_on",
    "mandate_given_on",
    "filed_on",
    "payment_due_on",
    "contract_dated_on",
)
"""Closed list: the date of a claim that picks the value."""

UNKNOWN: Final = "unknown"
"""Written in place of a number that exists in law but is not in our data."""


class LawError(ValueError):
    """A law file is malformed, or a parameter was asked for in a way that cannot be answered."""


class NoSuchRule(LawError):  # noqa: N818 - named after what the law says, not after an error
    """On that day the law had no such rule (a `none` value). Ask `Law.applies` first."""


class LawGap(LookupError):  # noqa: N818 - the project's word for it
    """The law of that day is not in our data. The last known value is never used instead."""

    def __init__(self, parameter: str, on: date, file: str, why: str) -> None:
        super().__init__(parameter, on, file, why)
        self.parameter = parameter
        self.on = on
        self.file = file
        self.why = why

    def __str__(self) -> str:
        return (
            f"The law for {self.parameter} on {self.on.isoformat()} is not known: {self.why}. "
            f"To continue, add the published value with its reference to {self.file}."
        )


UNVERIFIED: Final = "[unverified, please check]"
"""Stands behind every figure of confidence C."""


@dataclass(frozen=True)
class Source:
    """Where a figure comes from, for printing beside it."""

    parameter: str
    valid_from: date
    statute: str
    reference: str
    confidence: Confidence
    note: str = ""

    def __str__(self) -> str:
        mark = f" {UNVERIFIED}" if self.confidence == "C" else ""
        published = "" if self.reference == self.statute else f"{self.reference}; "
        return f"{self.statute} ({published}value since {self.valid_from.isoformat()}){mark}"


@dataclass(frozen=True)
class Value:
    """The figures of a parameter from one day on.

    `numbers` maps the index word (or `value`) to a Decimal, or to text where the unit is text or
    `unknown`. `rows` holds tables. `state` is `none` where the law had no such rule, and `unknown`
    where there is one that is not loaded.
    """

    valid_from: date
    numbers: Mapping[str, Number]
    reference: str
    confidence: Confidence
    note: str = ""
    transition: str = ""
    rows: tuple[Mapping[str, Number], ...] = ()
    state: Literal["known", "none", "unknown"] = "known"
    why: str = ""
    marks: Mapping[str, Confidence] = field(default_factory=dict)

    def confidence_of(self, key: str = "value") -> Confidence:
        """Confidence of one figure, where it differs from the others of the same day."""
        return self.marks.get(key, self.confidence)


@dataclass(frozen=True)
class Parameter:
    """One legal parameter: one file `law/<jurisdiction>/<name with slashes>.yaml`."""

    name: str
    jurisdiction: str
    file: str
    title: Mapping[str, str]
    statute: str
    meaning: str
    unit: str
    index: Mapping[str, tuple[str, ...]]
    selected_by: str
    changes: str | tuple[str, ...]
    checked: Mapping[str, Any]
    values: tuple[Value, ...]
    known_until: date | None

    @property
    def keys(self) -> tuple[str, ...]:
        """Words by which figures are asked for; `value` where there is just one."""
        return next(iter(self.index.values())) if self.index else ("value",)

    def at(self, on: date) -> Value:
        """The value of a day.

        Raises
        ------
        LawGap : the day lies before the first value, after `known_until`, or in a stretch marked unknown.
        """
        position = bisect_right(self.values, on, key=lambda value: value.valid_from) - 1
        if position < 0:
            first = self.values[0].valid_from.isoformat()
            raise LawGap(self.name, on, self.file, f"our data begin on {first}")
        value = self.values[position]
        if value.state == "unknown":
            raise LawGap(self.name, on, self.file, value.why)
        if self.known_until is not None and on > self.known_until:
            raise LawGap(
                self.name, on, self.file, f"it is announced anew after {self.known_until.isoformat()}"
            )
        return value
