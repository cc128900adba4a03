"""Reads law files and refuses what is not complete, ordered, sourced and unambiguous."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, cast

from mahnwerk.law import strict_yaml
from mahnwerk.law.parameters import (
    SELECTED_BY,
    UNITS,
    UNKNOWN,
    Confidence,
    LawError,
    Number,
    Parameter,
    Value,
)

_KEYS: Final = (
    "title",
    "statute",
    "meaning",
    "unit",
    "index",
    "selected_by",
    "changes",
    "checked",
    "values",
)
_OPTIONAL: Final = ("index",)
_VALUE_WORDS: Final = ("reference", "transition", "note", "confidence", "rows", "none", "unknown")
_CHECKED: Final = ("on", "by", "against", "confidence")
_TEXT_UNITS: Final = ("text", "time_of_day")


def parse_parameter(text: str, name: str, jurisdiction: str, file: str) -> Parameter:
    """Read and check one law file.

    Parameters
    ----------
    text : contents of the file
    name : name of the parameter, which is its path: `interest.base_rate`
    jurisdiction : de, at, ch
    file : where the text stands, for messages and for `LawGap`

    Raises
    ------
    LawError : anything missing, unknown, unordered, unsourced or not written as asked.
    """
    try:
        raw = strict_yaml.load(text, file)
    except strict_yaml.StrictYamlError as error:
        raise LawError(str(error)) from None
    return _Reader(file).parameter(raw, name, jurisdiction)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file

    def fail(self, what: str) -> LawError:
        return LawError(f"{self.file}: {what}")

    def parameter(self, raw: Any, name: str, jurisdiction: str) -> Parameter:
        entries = self.mapping(raw, "the file", _KEYS, optional=_OPTIONAL)
        title = self.mapping(entries["title"], "title", ("de", "en"))
        unit = self.choice(entries["unit"], "unit", tuple(UNITS))
        index = self.index(entries.get("index"))
        checked = self.checked(entries["checked"])
        changes = self.changes(entries["changes"])
        keys = next(iter(index.values())) if index else ("value",)
        values = self.values(entries["values"], unit, keys, bool(index), checked["confidence"])
        self.no_gaps(values, changes)
        return Parameter(
            name=name,
            jurisdiction=jurisdiction,
            file=self.file,
            title=MappingProxyType({k: self.text(v, f"title.{k}") for k, v in title.items()}),
            statute=self.text(entries["statute"], "statute"),
            meaning=self.text(entries["meaning"], "meaning"),
            unit=unit,
            index=index,
            selected_by=self.choice(entries["selected_by"], "selected_by", SELECTED_BY),
            changes=changes,
            checked=checked,
            values=values,
            known_until=_known_until(values, changes),
        )

    def mapping(
        self, raw: Any, what: str, keys: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise self.fail(f"{what} must be a mapping with the keys {', '.join(keys)}")
        unknown = [str(key) for key in raw if key not in keys]
        if unknown:
            raise self.fail(f"{what}: unknown key {', '.join(unknown)}; allowed are {', '.join(keys)}")
        missing = [key for key in keys if key not in raw and key not in optional]
        if missing:
            raise self.fail(f"{what}: the key {', '.join(missing)} is missing")
        return raw

    def text(self, raw: Any, what: str) -> str:
        if not isinstance(raw, str) or not raw.strip():
            raise self.fail(f"{what} must be a text, and not empty")
        return " ".join(raw.split())

    def choice(self, raw: Any, what: str, allowed: tuple[str, ...]) -> str:
        if raw not in allowed:
            raise self.fail(f"{what}: {raw!r} is not one of {', '.join(allowed)}")
        return cast(str, raw)

    def index(self, raw: Any) -> Mapping[str, tuple[str, ...]]:
        if raw is None:
            return MappingProxyType({})
        if not isinstance(raw, dict) or len(raw) != 1:
            raise self.fail("index must name one dimension with its words, as {rate_class: [general]}")
        name, words = next(iter(raw.items()))
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise self.fail(f"index.{name} must be a list of words")
        if len(set(words)) != len(words):
            raise self.fail(f"index.{name} names a word twice")
        reserved = [word for word in words if word in _VALUE_WORDS]
        if reserved:
            raise self.fail(
                f"index.{name}: {', '.join(reserved)} has another meaning here; choose other words"
            )
        return MappingProxyType({str(name): tuple(words)})

    def checked(self, raw: Any) -> Mapping[str, Any]:
        entries = self.mapping(raw, "checked", _CHECKED, optional=("by",))
        if not isinstance(entries["on"], date):
            raise self.fail("checked.on must be a date")
        self.choice(entries["confidence"], "checked.confidence", ("A", "B", "C"))
        self.text(entries["against"], "checked.against")
        return MappingProxyType(entries)

    def changes(self, raw: Any) -> str | tuple[str, ...]:
        if raw == "by_statute":
            return "by_statute"
        entries = self.mapping(raw, "changes (by_statute or every: [...])", ("every",))
        days = entries["every"]
        if not isinstance(days, list) or not days or days != sorted(set(map(str, days))):
            raise self.fail('changes.every must be an ordered list of days as ["01-01", "07-01"]')
        for day in days:
            try:
                date.fromisoformat(f"2001-{day}")  # not a leap year: a yearly day must exist every year
            except ValueError:
                raise self.fail(f"changes.every: {day!r} is not a day of the year (MM-DD)") from None
        return tuple(days)

    def values(
        self, raw: Any, unit: str, keys: tuple[str, ...], indexed: bool, confidence: Confidence
    ) -> tuple[Value, ...]:
        if not isinstance(raw, dict) or not raw:
            raise self.fail("values must map dates to figures")
        for day in raw:
            if not isinstance(day, date):
                raise self.fail(f"values: {day!r} is not a date (YYYY-MM-DD, without quotes)")
        days = list(raw)
        for before, after in pairwise(days):
            if after <= before:
                raise self.fail(f"values: {after} stands after {before}; order the dates")
        return tuple(self.value(day, raw[day], unit, keys, indexed, confidence) for day in days)

    def value(
        self, day: date, raw: Any, unit: str, keys: tuple[str, ...], indexed: bool, confidence: Confidence
    ) -> Value:
        where = f"values.{day}"
        entries = self.mapping(raw, where, keys + _VALUE_WORDS, optional=keys + _VALUE_WORDS)
        if "reference" not in entries:
            raise self.fail(f"{where}: the reference is missing; say where the figure is published")
        figures = [key for key in keys if key in entries]
        state = "none" if "none" in entries else "unknown" if "unknown" in entries else "known"
        rows = self.rows(entries.get("rows"), unit, keys, indexed, where)
        if state == "known" and not rows and len(figures) < len(keys):
            missing = ", ".join(key for key in keys if key not in entries)
            raise self.fail(f"{where}: {missing} is missing; write {UNKNOWN} where the figure is not known")
        if (state != "known" or rows) and figures:
            raise self.fail(f"{where}: figures beside {'rows' if rows else state} are not accepted")
        if ("none" in entries) + ("unknown" in entries) + bool(rows) > 1:
            raise self.fail(f"{where}: none, unknown and rows exclude each other")
        marks = self.marks(entries.get("confidence", confidence), keys, confidence, where)
        optional = {
            word: self.text(entries[word], f"{where}.{word}") if word in entries else ""
            for word in ("note", "transition", "none", "unknown")
        }
        return Value(
            valid_from=day,
            numbers=MappingProxyType(
                {key: self.number(entries[key], unit, f"{where}.{key}") for key in figures}
            ),
            reference=self.text(entries["reference"], f"{where}.reference"),
            confidence=max([*marks.values(), *([confidence] if len(marks) < len(keys) else [])]),
            note=optional["note"],
            transition=optional["transition"],
            rows=rows,
            state=cast(Any, state),
            why=optional["none"] or optional["unknown"],
            marks=MappingProxyType(marks),
        )

    def marks(
        self, raw: Any, keys: tuple[str, ...], confidence: Confidence, where: str
    ) -> dict[str, Confidence]:
        """Confidence per figure; `confidence` of a value is one mark, or marks for some of its words."""
        given = raw if isinstance(raw, dict) else dict.fromkeys(keys, raw)
        for key, mark in given.items():
            self.choice(key, f"{where}.confidence", keys)
            self.choice(mark, f"{where}.confidence", ("A", "B", "C"))
        return {key: given.get(key, confidence) for key in keys}

    def rows(
        self, raw: Any, unit: str, keys: tuple[str, ...], indexed: bool, where: str
    ) -> tuple[Mapping[str, Number], ...]:
        if raw is None:
            return ()
        if not isinstance(raw, list) or not raw or not indexed:
            raise self.fail(f"{where}.rows must be a list of rows whose columns are named by index")
        result: list[Mapping[str, Number]] = []
        for position, row in enumerate(raw, start=1):
            entries = self.mapping(row, f"{where}.rows[{position}]", keys, optional=keys)
            if not entries:
                raise self.fail(f"{where}.rows[{position}] is empty")
            result.append(
                MappingProxyType(
                    {k: self.number(v, unit, f"{where}.rows[{position}].{k}") for k, v in entries.items()}
                )
            )
        return tuple(result)

    def number(self, raw: Any, unit: str, where: str) -> Number:
        if raw == UNKNOWN:
            return UNKNOWN
        if unit in _TEXT_UNITS:
            return self.text(raw, where)
        if not isinstance(raw, str):
            raise self.fail(f'{where}: put the number in quotes: "{raw}"')
        try:
            number = Decimal(raw)
        except InvalidOperation:
            raise self.fail(f"{where}: {raw!r} is not a number (digits and a full stop)") from None
        if not number.is_finite() or "e" in raw.lower() or "_" in raw or raw != raw.strip():
            raise self.fail(f"{where}: {raw!r} is not a plain number")
        return number

    def no_gaps(self, values: tuple[Value, ...], changes: str | tuple[str, ...]) -> None:
        if isinstance(changes, str):
            return
        for before, after in pairwise(values):
            expected = _next_announcement(before.valid_from, changes)
            if after.valid_from != expected:
                raise self.fail(
                    f"values: {expected} must follow {before.valid_from} "
                    f"(it is announced every {' and '.join(changes)}), found {after.valid_from}"
                )
        if values[0].valid_from.strftime("%m-%d") not in changes:
            raise self.fail(f"values: {values[0].valid_from} is not one of the days {', '.join(changes)}")


def _next_announcement(after: date, days: tuple[str, ...]) -> date:
    candidates = (
        date.fromisoformat(f"{year}-{day}") for year in (after.year, after.year + 1) for day in days
    )
    return next(day for day in candidates if day > after)


def _known_until(values: tuple[Value, ...], changes: str | tuple[str, ...]) -> date | None:
    last = values[-1]
    if last.state == "unknown":
        return last.valid_from - timedelta(days=1)
    if isinstance(changes, str):
        return None
    return _next_announcement(last.valid_from, changes) - timedelta(days=1)
