"""Mapping files: how another programme's CSV layout becomes ours. `docs/reference/mapping-file.md`."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from mahnwerk.formats import dates
from mahnwerk.formats.amounts import AmountStyle
from mahnwerk.formats.columns import CLAIM_COLUMNS, FACT_COLUMNS, MANDATE_COLUMNS, Column, nearest
from mahnwerk.formats.rejects import FormatError
from mahnwerk.formats.text import plain, plain_forms
from mahnwerk.law import strict_yaml

READS: Final[MappingOf[str, tuple[Column, ...]]] = {
    "claims": CLAIM_COLUMNS,
    "facts": FACT_COLUMNS,
    "mandates": MANDATE_COLUMNS,
}
_KEYS: Final = ("name", "title", "reads", "signature", "columns", "constants", "ignored", "warn_where")
_SOURCE_KEYS: Final = ("from", "date_format", "amount_format", "values")
_AMOUNT_FORMATS: Final = (AmountStyle.COMMA.value, AmountStyle.POINT.value)


@dataclass(frozen=True)
class Source:
    """Where one of our columns comes from, and how its cells are to be read."""

    header: str
    date_format: str = ""
    amount_format: str = ""
    values: MappingOf[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Notice:
    """Cells that deserve a sentence to the person who imports."""

    header: str
    value: str
    message: str  # with {count}


@dataclass(frozen=True)
class Mapping:
    """One mapping file, checked."""

    name: str
    title: str
    reads: str  # claims, facts or mandates
    signature: tuple[str, ...]
    columns: MappingOf[str, Source]
    constants: MappingOf[str, str]
    ignored: tuple[str, ...]
    warn_where: tuple[Notice, ...]

    def fits(self, header: tuple[str, ...]) -> bool:
        """Whether the file's header shows every column of the signature."""
        present = {plain(title) for title in header}
        return bool(self.signature) and all(plain(title) in present for title in self.signature)


def parse_mapping(text: str, where: str) -> Mapping:
    """Read and check a mapping file.

    Parameters
    ----------
    text : YAML, keys as in docs/reference/mapping-file.md.
    where : name of the file, for messages.

    Raises
    ------
    FormatError
        For broken YAML, duplicate or unknown keys, columns and formats; with the nearest known word.
    """
    try:
        data = strict_yaml.load(text, where)
    except strict_yaml.StrictYamlError as error:
        raise FormatError(str(error)) from None
    if not isinstance(data, dict):
        raise FormatError(f"{where}: must be a YAML mapping with the keys {', '.join(_KEYS)}.")
    _known(where, "key", data, _KEYS)
    reads = str(data.get("reads", "claims"))
    if reads not in READS:
        raise FormatError(f"{where}: reads: {reads!r} must be one of {', '.join(READS)}.")
    names = [column.name for column in READS[reads]]
    columns = _section(data, "columns", where)
    constants = _section(data, "constants", where)
    _known(f"{where}: columns", "column", columns, names)
    _known(f"{where}: constants", "column", constants, names)
    for name in columns.keys() & constants.keys():
        raise FormatError(f"{where}: {name} stands under columns and under constants; keep one.")
    return Mapping(
        name=str(data.get("name", where)),
        title=str(data.get("title", data.get("name", where))),
        reads=reads,
        signature=tuple(map(str, data.get("signature") or ())),
        columns={name: _source(value, f"{where}: columns: {name}") for name, value in columns.items()},
        constants={name: str(value) for name, value in constants.items()},
        ignored=tuple(map(str, data.get("ignored") or ())),
        warn_where=tuple(_warning(entry, where) for entry in data.get("warn_where") or ()),
    )


def _section(data: MappingOf[str, Any], key: str, where: str) -> dict[str, Any]:
    section = data.get(key) or {}
    if not isinstance(section, dict):
        raise FormatError(f"{where}: {key} must be a mapping of our column names.")
    return section


def _known(where: str, what: str, given: MappingOf[str, Any], allowed: Any) -> None:
    for name in given:
        if name not in allowed:
            hint = nearest(str(name), {plain(word): word for word in allowed})
            meant = f" Did you mean {hint}?" if hint else f" Known: {', '.join(allowed)}."
            raise FormatError(f"{where}: unknown {what} {name}.{meant}")


def _source(value: Any, where: str) -> Source:
    if isinstance(value, str):
        return Source(value)
    if not isinstance(value, dict) or not isinstance(value.get("from"), str):
        raise FormatError(f"{where}: must be the file's header, or a mapping with `from: header`.")
    _known(where, "key", value, _SOURCE_KEYS)
    date_format = str(value.get("date_format", ""))
    if date_format and date_format not in dates.FORMATS:
        raise FormatError(f"{where}: date_format {date_format} must be one of {', '.join(dates.FORMATS)}.")
    amount_format = str(value.get("amount_format", ""))
    if amount_format and amount_format not in _AMOUNT_FORMATS:
        raise FormatError(
            f"{where}: amount_format {amount_format} must be one of {', '.join(_AMOUNT_FORMATS)}."
        )
    values = value.get("values") or {}
    if not isinstance(values, dict):
        raise FormatError(f"{where}: values must be a mapping: the file's word → ours.")
    return Source(
        value["from"], date_format, amount_format, {str(old): str(new) for old, new in values.items()}
    )


def _warning(entry: Any, where: str) -> Notice:
    if not isinstance(entry, dict) or set(entry) != {"from", "value", "message"}:
        raise FormatError(f"{where}: warn_where: each entry needs from, value and message.")
    return Notice(str(entry["from"]), str(entry["value"]), str(entry["message"]))


def own_mapping(reads: str, header: tuple[str, ...]) -> tuple[Mapping, list[str]]:
    """The mapping a documented file needs, found by its headers; and the headers nobody knows."""
    forms: dict[str, str] = {}
    for column in READS[reads]:
        for form in column.forms:
            forms.setdefault(form, column.name)
    columns: dict[str, Source] = {}
    unknown: list[str] = []
    for title in header:
        name = next((forms[form] for form in plain_forms(title) if form in forms), "")
        if not name:
            unknown.append(title)
        elif name in columns:
            raise FormatError(
                f"The headers „{columns[name].header}“ and „{title}“ both mean {name}. Keep one of them."
            )
        else:
            columns[name] = Source(title)
    return Mapping("", "", reads, (), columns, {}, (), ()), unknown


@cache
def shipped_mappings() -> tuple[Mapping, ...]:
    """The mappings that come with the programme, read from its own package."""
    folder = resources.files("mahnwerk.formats") / "mappings"
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda e: e.name
    )
    return tuple(parse_mapping(entry.read_text("utf-8"), entry.name) for entry in files)


def detect(header: tuple[str, ...], reads: str) -> Mapping | None:
    """The shipped mapping whose signature the header shows, if any."""
    return next((one for one in shipped_mappings() if one.reads == reads and one.fits(header)), None)
