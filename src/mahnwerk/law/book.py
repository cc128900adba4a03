"""The law of one jurisdiction, and of all: named parameters asked for by day."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from mahnwerk.law.loader import parse_parameter
from mahnwerk.law.parameters import UNKNOWN, LawError, LawGap, NoSuchRule, Parameter, Source, Value

JURISDICTIONS: Final = ("de", "at", "ch")
_FOLDER: Final = Path(__file__).parent
_SHOWN: Final = "src/mahnwerk/law"


class Law(Mapping[str, Parameter]):
    """The parameters of one jurisdiction by name.

    Files are read at once, for `hash`, but each is parsed only when it is first asked for, so that a
    calculator does not pay for the whole book. `hash` changes with any change of any file.
    """

    def __init__(self, jurisdiction: str, texts: Mapping[str, str], shown: str = _SHOWN) -> None:
        self.jurisdiction = jurisdiction
        self._texts = dict(sorted(texts.items()))
        self._shown = shown
        self._parsed: dict[str, Parameter] = {}
        digest = hashlib.sha256()
        for name, text in self._texts.items():
            digest.update(f"{jurisdiction}/{name}\0{len(text)}\0{text}\0".encode())
        self.hash = digest.hexdigest()

    def __getitem__(self, name: str) -> Parameter:
        return self.parameter(name)

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Law) and other.hash == self.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __reduce__(self) -> tuple[type[Law], tuple[str, dict[str, str], str]]:
        return (Law, (self.jurisdiction, self._texts, self._shown))  # parsed anew in another process

    def __repr__(self) -> str:
        return f"Law({self.jurisdiction!r}, {len(self)} parameters, {self.hash[:12]})"

    def file_of(self, name: str) -> str:
        """Path of the file to edit, as seen from the project's root."""
        return f"{self._shown}/{self.jurisdiction}/{name.replace('.', '/')}.yaml"

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name.

        Raises
        ------
        LawError : no such parameter (with the nearest names), or its file is malformed.
        """
        found = self._parsed.get(name)
        if found is None:
            if name not in self._texts:
                raise LawError(self._unknown(name))
            found = parse_parameter(self._texts[name], name, self.jurisdiction, self.file_of(name))
            self._parsed[name] = found
        return found

    def _unknown(self, name: str) -> str:
        from difflib import get_close_matches

        near = get_close_matches(name, self._texts, n=3, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        return f"The law of {self.jurisdiction} has no parameter {name!r}.{hint}"

    def value(self, name: str, on: date) -> Value:
        """The value of a day; LawGap before the first, after `known_until`, or where marked unknown."""
        return self.parameter(name).at(on)

    def applies(self, name: str, on: date) -> bool:
        """Whether there was such a rule on that day (False for a `none` value)."""
        return self.value(name, on).state == "known"

    def number(self, name: str, on: date, key: str = "value") -> Decimal:
        """The figure in the parameter's own unit.

        Raises
        ------
        LawGap : the day or this figure is not known.
        NoSuchRule : the law had no such rule on that day.
        LawError : unknown parameter or key, or a text where a number was asked for.
        """
        found = self._entry(name, on, key)
        if not isinstance(found, Decimal):
            raise LawError(f"{name} is a text, not a number")
        return found

    def text(self, name: str, on: date, key: str = "value") -> str:
        """The text of a parameter whose unit is text or time of day."""
        return str(self._entry(name, on, key))

    def _entry(self, name: str, on: date, key: str) -> Decimal | str:
        parameter = self.parameter(name)
        value = parameter.at(on)
        if value.state == "none":
            raise NoSuchRule(f"{name} on {on.isoformat()}: {value.why}")
        if key not in value.numbers:
            raise LawError(f"{name} has no figure {key!r}; it has {', '.join(value.numbers) or 'rows'}")
        found = value.numbers[key]
        if found == UNKNOWN:
            raise LawGap(name, on, parameter.file, f"the figure {key} of that day is not in our data")
        return found

    def cents(self, name: str, on: date, key: str = "value") -> int:
        """A sum of money in cents (or Rappen)."""
        return self._scaled(name, on, key, {"euro": 100, "swiss_franc": 100})

    def ppm(self, name: str, on: date, key: str = "value") -> int:
        """A rate or share in parts per million: 1.52 % is 15 200."""
        scale = {"percent_per_year": 10_000, "percentage_points_per_year": 10_000, "percent": 10_000}
        return self._scaled(name, on, key, scale)

    def permille(self, name: str, on: date, key: str = "value") -> int:
        """A multiple of the full fee in thousandths: 1.3 is 1 300."""
        return self._scaled(name, on, key, {"fee_rate": 1_000})

    def days(self, name: str, on: date, key: str = "value") -> int:
        """A period in days; weeks count seven."""
        return self._scaled(name, on, key, {"days": 1, "weeks": 7})

    def months(self, name: str, on: date, key: str = "value") -> int:
        """A period in months; years count twelve."""
        return self._scaled(name, on, key, {"months": 1, "years": 12})

    def years(self, name: str, on: date, key: str = "value") -> int:
        """A period in years."""
        return self._scaled(name, on, key, {"years": 1})

    def count(self, name: str, on: date, key: str = "value") -> int:
        """A number of things."""
        return self._scaled(name, on, key, {"count": 1})

    def _scaled(self, name: str, on: date, key: str, scales: Mapping[str, int]) -> int:
        unit = self.parameter(name).unit
        if unit not in scales:
            raise LawError(f"{name} is in {unit}; asked for as {' or '.join(scales)}")
        scaled = self.number(name, on, key) * scales[unit]
        if scaled != int(scaled):
            raise LawError(f"{name}.{key} has more decimals than whole numbers can hold: {scaled}")
        return int(scaled)

    def source(self, name: str, on: date, key: str | None = None) -> Source:
        """Where the figure of that day comes from, and how sure we are of it."""
        parameter = self.parameter(name)
        value = parameter.at(on)
        mark = value.confidence if key is None else value.confidence_of(key)
        return Source(name, value.valid_from, parameter.statute, value.reference, mark, value.note)

    def changes_of(self, name: str) -> list[tuple[date, Value]]:
        """Every value with the day it begins, oldest first."""
        return [(value.valid_from, value) for value in self.parameter(name).values]

    def gaps(self, on: date) -> list[LawGap]:
        """Every parameter whose value of that day is not known."""
        found = []
        for name in self:
            try:
                self.value(name, on)
            except LawGap as gap:
                found.append(gap)
        return found


class Laws(Mapping[str, Law]):
    """All jurisdictions by their code: `laws["de"]`. `hash` names the state of the whole book."""

    def __init__(self, laws: Mapping[str, Law]) -> None:
        self._laws = dict(laws)
        text = "".join(f"{code}:{law.hash}\n" for code, law in sorted(self._laws.items()))
        self.hash = hashlib.sha256(text.encode()).hexdigest()

    def __getitem__(self, code: str) -> Law:
        if code not in self._laws:
            raise LawError(f"no law for {code!r}; there is law for {', '.join(self._laws)}")
        return self._laws[code]

    def __contains__(self, code: object) -> bool:
        return code in self._laws

    def __iter__(self) -> Iterator[str]:
        return iter(self._laws)

    def __len__(self) -> int:
        return len(self._laws)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Laws) and other.hash == self.hash

    def __hash__(self) -> int:
        return hash(self.hash)


def read_law(folder: Path, jurisdiction: str, shown: str = _SHOWN) -> Law:
    """The law files below `folder/jurisdiction`; the path of a file is the name of its parameter."""
    root = folder / jurisdiction
    texts = {
        ".".join(path.relative_to(root).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in root.rglob("*.yaml")
    }
    return Law(jurisdiction, texts, shown)


@cache
def load_laws() -> Laws:
    """The law shipped with this version, read once per process."""
    return Laws({code: read_law(_FOLDER, code) for code in JURISDICTIONS})
