"""Writes docs/law.md, the readable edition of the law files: `python -m mahnwerk.law.page`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from mahnwerk.law.book import Laws, load_laws
from mahnwerk.law.parameters import UNITS, Number, Parameter, Value

PAGE: Final = Path("docs/law.md")
_COUNTRIES: Final = {"de": "Germany", "at": "Austria", "ch": "Switzerland"}
_AREAS: Final = {
    "collection_agency": "Collection agencies",
    "contact": "Contact",
    "costs": "Costs",
    "credit_bureau": "Credit bureaus",
    "data_protection": "Data protection",
    "default": "Default",
    "enforcement": "Enforcement",
    "interest": "Interest",
    "limitation": "Limitation",
    "payment_order": "Payment orders and courts",
    "retention": "Retention",
}
_SELECTED: Final = {
    "day": "the day itself",
    "obligation_arose_on": "the day the obligation arose",
    "default_began_on": "the day default began",
    "letter_dated_on": "the date of the letter",
    "mandate_given_on": "the day of the unconditional order",
    "filed_on": "the day of filing",
    "payment_due_on": "the day the income is paid",
    "contract_dated_on": "the date of the contract",
}
_INTRODUCTION: Final = """\
# The law in figures

*Generated from `src/mahnwerk/law` by `python -m mahnwerk.law.page`; a test keeps it current. Edit the YAML
files, never this page.*

Each figure has a file whose path is its name, the statute, the days on which it holds, where it is
published, and how sure we are of it:

- **A** the statute or official table was read;
- **B** two independent secondary sources agree, or one very good one and an internal check;
- **C** a single source, common knowledge, or our own policy. **Have it checked before you rely on it.** The
  program names every C figure it uses.

A day for which a figure is not known is an error (`LawGap`) that names the file to edit; the last known
value is never used in its place. A first date of 2002-01-01 or 2012-07-01 is where this collection begins,
not always the day the rule came into force. Old contracts and mandates keep old law: "picked by" says which
date decides.

To change law: add a line under `values` with its `reference`, set `checked`, run the tests and this
generator, and say in the changelog which period moves and by how much.
"""


def render(laws: Laws) -> str:
    """The whole page as Markdown; the same law gives the same text."""
    parts = [_INTRODUCTION, *_unknown(laws), *_doubtful(laws)]
    for code, law in laws.items():
        parts.append(f"\n## {_COUNTRIES.get(code, code)}\n")
        for area, names in groupby(law, key=lambda name: name.split(".")[0]):
            parts.append(f"\n### {_COUNTRIES.get(code, code)}: {_AREAS.get(area, area)}\n")
            parts.extend(_parameter(law[name]) for name in names)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _unknown(laws: Laws) -> Iterator[str]:
    yield "\n## Known until\n"
    yield from _table(
        ("Parameter", "Last known day", "Picked by"),
        (
            (_link(code, name), str(law[name].known_until), _SELECTED[law[name].selected_by])
            for code, law in laws.items()
            for name in law
            if law[name].known_until
        ),
    )


def _doubtful(laws: Laws) -> Iterator[str]:
    yield "\n## To be checked by a person (confidence C)\n"
    yield from _table(
        ("Parameter", "Values from", "Remark"),
        (
            (_link(code, name), _days(doubtful), doubtful[-1].note or law[name].checked["against"])
            for code, law in laws.items()
            for name in law
            if (doubtful := [value for value in law[name].values if _is_doubtful(value)])
        ),
    )


def _is_doubtful(value: Value) -> bool:
    return value.state == "known" and value.confidence == "C"


def _days(values: Sequence[Value]) -> str:
    return ", ".join(value.valid_from.isoformat() for value in values)


def _link(code: str, name: str) -> str:
    return f"[`{code}` {name}](#{_anchor(code, name)})"


def _anchor(code: str, name: str) -> str:
    return f"{code}-{name.replace('.', '-').replace('_', '-')}"


def _parameter(parameter: Parameter) -> str:
    changes = (
        "by statute"
        if isinstance(parameter.changes, str)
        else "announced every " + " and ".join(parameter.changes)
    )
    file = parameter.file.removeprefix("src/mahnwerk/")
    lines = [
        f'\n<a id="{_anchor(parameter.jurisdiction, parameter.name)}"></a>',
        f"#### {parameter.title['en']} · {parameter.title['de']}\n",
        f"`{parameter.name}` · {parameter.statute} · {UNITS[parameter.unit]} · "
        f"picked by {_SELECTED[parameter.selected_by]} · changes {changes} · "
        f"checked {parameter.checked['on']} against {parameter.checked['against']} · "
        f"[{file}](../src/mahnwerk/{file})\n",
        f"{parameter.meaning}\n",
        *_values(parameter),
    ]
    return "\n".join(lines)


def _values(parameter: Parameter) -> Iterator[str]:
    flat = [value for value in parameter.values if not value.rows]
    if flat:
        header = (
            ("From", *parameter.keys, "Mark", "Published")
            if not any(value.rows for value in parameter.values)
            else ("From", "Value", "Mark", "Published")
        )
        yield from _table(header, (_flat_row(value, parameter, len(header) - 3) for value in flat))
    for value in parameter.values:
        if value.rows:
            used = [key for key in parameter.keys if any(key in row for row in value.rows)]
            yield f"From **{value.valid_from}** ({_mark(value)}; {_published(value)}):\n"
            yield from _table(
                tuple(used), (tuple(_shown(row.get(key, "")) for key in used) for row in value.rows)
            )


def _flat_row(value: Value, parameter: Parameter, width: int) -> tuple[str, ...]:
    if value.state == "known":
        figures = [_shown(value.numbers[key]) for key in parameter.keys]
    else:
        word = "no such rule" if value.state == "none" else "not known"
        figures = [f"*{word}*", *[""] * (width - 1)]
    return (value.valid_from.isoformat(), *figures, _mark(value), _published(value))


def _mark(value: Value) -> str:
    if value.state != "known":
        return ""
    if len(set(value.marks.values())) <= 1:
        return value.confidence
    return ", ".join(f"{key} {mark}" for key, mark in value.marks.items())


def _published(value: Value) -> str:
    return "; ".join(part for part in (value.reference, value.transition, value.why, value.note) if part)


def _shown(number: Number) -> str:
    return number if isinstance(number, str) else f"{number:f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` only say whether it is current."""
    text = render(load_laws())
    if "--check" in arguments:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        if not current:
            sys.stderr.write(f"{PAGE} is out of date: run python -m mahnwerk.law.page\n")
        return 0 if current else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
