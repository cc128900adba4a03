"""The law the calculators use: one parameter with all its values, or what is not known."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final

import typer

from mahnwerk.cli import output
from mahnwerk.cli.law_terms import Jurisdiction, JurisdictionOption, day_option, told
from mahnwerk.cli.options import JsonOption, day_of
from mahnwerk.cli.output import date_text

_SHORT: Final = 60


def show(
    parameter: Annotated[
        str | None, typer.Argument(help="Its name, such as interest.base_rate; none = list all.")
    ] = None,
    on: Annotated[dt.datetime | None, day_option("--on", "Only the value of this day.")] = None,
    jurisdiction: JurisdictionOption = Jurisdiction.DE,
    as_json: JsonOption = False,
) -> None:
    """A legal parameter with its values, sources and how sure we are; or the list of all.

    Examples:

        mahnwerk law show

        mahnwerk law show interest.base_rate

        mahnwerk law show costs.rvg_fee_steps --on 2024-05-01 --json
    """
    with told(as_json):
        from mahnwerk.law import load_laws

        law = load_laws()[jurisdiction.value]
        if parameter is None:
            _list(law, day_of(on), as_json)
            return
        found = law.parameter(parameter)
        values = found.values if on is None else (law.value(parameter, on.date()),)
        rows = [_value(value) for value in values]
        if as_json:
            output.emit_json(
                {
                    "parameter": found.name,
                    "jurisdiction": found.jurisdiction,
                    "title": dict(found.title),
                    "statute": found.statute,
                    "meaning": found.meaning,
                    "unit": found.unit,
                    "selected_by": found.selected_by,
                    "known_until": found.known_until,
                    "file": found.file,
                    "values": rows,
                }
            )
            return
        typer.echo(f"{found.name} · {found.title.get('en', '')} · {found.title.get('de', '')}")
        output.pairs(
            {
                "Statute": found.statute,
                "Meaning": found.meaning,
                "Unit": found.unit.replace("_", " "),
                "Selected by": found.selected_by,
                "Known until": date_text(found.known_until) if found.known_until else "further notice",
                "File": found.file,
            }
        )
        output.table(
            "",
            ["from", "value", "reference", "confidence"],
            [
                [date_text(row["valid_from"]), _shown(row), row["reference"], row["confidence"]]
                for row in rows
            ],
        )


def _value(value: Any) -> dict[str, Any]:
    return {
        "valid_from": value.valid_from,
        "state": value.state,
        "numbers": {key: str(number) for key, number in value.numbers.items()},
        "rows": [{key: str(number) for key, number in row.items()} for row in value.rows],
        "reference": value.reference,
        "confidence": value.confidence,
        "note": value.note or value.why,
    }


def _shown(row: dict[str, Any]) -> str:
    if row["state"] != "known":
        return f"{'no such rule' if row['state'] == 'none' else 'not known'}: {row['note']}"
    numbers = [number if key == "value" else f"{key} {number}" for key, number in row["numbers"].items()]
    numbers += [", ".join(f"{key} {number}" for key, number in step.items()) for step in row["rows"]]
    return "\n".join(numbers)


def _list(law: Any, on: dt.date | None, as_json: bool) -> None:
    from mahnwerk.law import LawGap

    rows = []
    for name in sorted(law):
        found = law.parameter(name)
        row: dict[str, Any] = {"parameter": name, "title": dict(found.title), "statute": found.statute}
        row |= {"unit": found.unit, "value": None, "gap": None}
        try:
            row["value"] = _value(found.values[-1] if on is None else found.at(on))
        except LawGap as gap:
            row["gap"] = gap.why
        rows.append(row)
    if as_json:
        output.emit_json(rows)
        return
    day = "newest values" if on is None else f"on {date_text(on)}"
    typer.echo(f"Law of {law.jurisdiction}, {day}")
    width = max(len(row["parameter"]) for row in rows)
    for row in rows:  # lines, not a table: a folded name cannot be copied
        value = f"not known: {row['gap']}" if row["value"] is None else _short(row["value"], row["unit"])
        typer.echo(f"  {row['parameter']:<{width}}  {value}  ({row['statute']})")


def _short(value: dict[str, Any], unit: str) -> str:
    from mahnwerk.law.parameters import UNITS

    shown = _shown(value).replace("\n", "; ")
    if value["state"] == "known" and unit not in ("text", "time_of_day", "count") and not value["rows"]:
        shown = f"{shown} {UNITS[unit]}"
    return shown if len(shown) <= _SHORT else shown[: _SHORT - 1] + "…"


def gaps(
    on: Annotated[dt.datetime | None, day_option("--on", "Day asked; none = today.")] = None,
    jurisdiction: JurisdictionOption = Jurisdiction.DE,
    as_json: JsonOption = False,
) -> None:
    """What the law book does not know on a day, and what it will not know after which day.

    Examples:

        mahnwerk law gaps

        mahnwerk law gaps --on 2027-01-01 --json
    """
    with told(as_json):
        from mahnwerk.law import load_laws
        from mahnwerk.usecases.clock import today

        law = load_laws()[jurisdiction.value]
        day = day_of(on) or today()
        missing = [{"parameter": gap.parameter, "why": gap.why, "file": gap.file} for gap in law.gaps(day)]
        ends: list[dict[str, Any]] = [
            {"parameter": name, "known_until": law[name].known_until, "file": law[name].file}
            for name in sorted(law)
            if (law[name].known_until or dt.date.min) >= day
        ]
        if as_json:
            output.emit_json({"on": day, "gaps": missing, "known_until": ends})
            return
        _show_gaps(day, missing, ends)


def _show_gaps(day: dt.date, missing: list[dict[str, Any]], ends: list[dict[str, Any]]) -> None:
    typer.echo(f"Not known on {date_text(day)}:" if missing else f"Nothing is missing on {date_text(day)}.")
    for gap in missing:
        typer.echo(f"  {gap['parameter']}: {gap['why']}\n    → {gap['file']}")
    if ends:
        typer.echo("Known for a while only:")
    for end in ends:
        typer.echo(f"  {end['parameter']}: until {date_text(end['known_until'])}\n    → {end['file']}")
