"""Strict reading of a mapping: every key known, every value of its kind, every complaint with a remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Final

from mahnwerk.frames import Channel

_ID: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")


class ProcedureError(ValueError):
    """A procedure file that cannot be read: names the place, the reason and the remedy."""


class Reader:
    """Takes keys out of a mapping one by one and complains about what is left or wrong."""

    def __init__(self, mapping: Any, where: str) -> None:
        if not isinstance(mapping, Mapping):
            raise ProcedureError(f"{where}: is {kind_of(mapping)}, must be keys with values")
        self.mapping: Mapping[str, Any] = mapping
        self.where = where
        self.known: list[str] = []

    def take(self, key: str, *default: Any) -> Any:
        self.known.append(key)
        if key in self.mapping:
            return self.mapping[key]
        if default:
            return default[0]
        raise ProcedureError(f"{self.where}.{key}: missing; add it{self.hint([key])}")

    def hint(self, wanted: Sequence[str]) -> str:
        """A word in the mapping that was perhaps meant as one of the wanted ones."""
        for word in wanted:
            near = get_close_matches(str(word), [str(key) for key in self.mapping], 1, 0.75)
            if near and near[0] != str(word):
                return f" (found {near[0]}: did you mean {word}?)"
        return ""

    def done(self) -> None:
        for key in self.mapping:
            if key not in self.known:
                near = get_close_matches(str(key), self.known, 1, 0.6)
                remedy = (
                    f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(self.known))}"
                )
                raise ProcedureError(f"{self.where}.{key}: unknown key; {remedy}")

    def whole(self, key: str, low: int, high: int) -> int:
        return self._whole(self.take(key), f"{self.where}.{key}", low, high)

    def _whole(self, value: Any, where: str, low: int, high: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ProcedureError(f"{where}: is {kind_of(value)}, must be a whole number {low}…{high}")
        if not low <= value <= high:
            raise ProcedureError(f"{where}: {value} is outside {low}…{high}")
        return value

    def flag(self, key: str, *default: bool) -> bool:
        value = self.take(key, *default)
        if not isinstance(value, bool):
            raise ProcedureError(f"{self.where}.{key}: is {kind_of(value)}, must be true or false")
        return value

    def text(self, key: str, pattern: re.Pattern[str] | None, wanted: str, default: str | None = None) -> str:
        value = self.take(key) if default is None else self.take(key, default)
        if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
            raise ProcedureError(f"{self.where}.{key}: is {value!r}, must be {wanted}")
        return value

    def word(self, key: str) -> str:
        return self.text(key, _ID, "lower-case letters, digits and _, beginning with a letter")

    def day(self, key: str) -> date:
        value = self.take(key)
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        raise ProcedureError(f"{self.where}.{key}: is {value!r}, must be a date such as 2026-01-31")

    def titles(self, key: str) -> Mapping[str, str]:
        reader = self.section(key)
        titles = {language: reader.text(language, None, "text") for language in ("de", "en")}
        reader.done()
        for language, title in titles.items():
            if not title.strip():
                raise ProcedureError(f"{reader.where}.{language}: is empty; a title is shown to people")
        return titles

    def choice(self, key: str, words: Sequence[str]) -> str:
        return self._choice(self.take(key), f"{self.where}.{key}", words)

    def _choice(self, value: Any, where: str, words: Sequence[str]) -> str:
        if value not in words:
            near = get_close_matches(str(value), words, 1, 0.6)
            remedy = f"did you mean {near[0]}?" if near else f"known: {', '.join(words)}"
            raise ProcedureError(f"{where}: {value!r} is unknown; {remedy}")
        return str(value)

    def choices(self, key: str, words: Sequence[str], *, needed: bool = False) -> tuple[str, ...]:
        value = self.take(key) if needed else self.take(key, [])
        where = f"{self.where}.{key}"
        if not isinstance(value, list | tuple):
            raise ProcedureError(f"{where}: is {kind_of(value)}, must be a list")
        chosen = tuple(self._choice(item, f"{where}[{n}]", words) for n, item in enumerate(value))
        if len(set(chosen)) != len(chosen):
            raise ProcedureError(f"{where}: names one twice; leave each in once")
        if needed and not chosen:
            raise ProcedureError(f"{where}: is empty; name at least one of {', '.join(words)}")
        return chosen

    def per_channel(self, key: str, low: int, high: int, *, complete: bool) -> Mapping[str, int]:
        reader = self.section(key)
        channels = [channel.value for channel in Channel]
        given = {
            channel: reader.whole(channel, low, high)
            for channel in channels
            if complete or channel in reader.mapping
        }
        reader.known = channels
        reader.done()
        return given

    def section(self, key: str) -> Reader:
        return Reader(self.take(key), f"{self.where}.{key}")

    def items(self, key: str) -> list[Reader]:
        value = self.take(key)
        if not isinstance(value, list | tuple) or not value:
            raise ProcedureError(f"{self.where}.{key}: must be a list with at least one entry")
        return [Reader(item, f"{self.where}.{key}[{n}]") for n, item in enumerate(value)]


def kind_of(value: Any) -> str:
    names = {
        dict: "a mapping",
        list: "a list",
        str: "text",
        int: "a number",
        float: "a fraction",
        bool: "true/false",
    }
    return "nothing" if value is None else names.get(type(value), type(value).__name__)
