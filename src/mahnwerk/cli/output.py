"""How commands speak: tables for people, JSON for machines, progress on the error stream."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer


def program() -> str:
    """What to type for this command: its bare name where the shell finds it, else the way to it."""
    if shutil.which("mahnwerk"):
        return "mahnwerk"
    way = Path(sys.argv[0])
    return os.path.relpath(way) if way.name == "mahnwerk" else "mahnwerk"


def money(cents: int | None, currency: str = "EUR") -> str:
    """`1.234,56 €`, as German tables write it; a dash where nothing is known."""
    if cents is None:
        return "–"
    sign = "-" if cents < 0 else ""
    whole, part = divmod(abs(cents), 100)
    unit = {"EUR": "€"}.get(currency, currency)
    return f"{sign}{whole:,}".replace(",", ".") + f",{part:02d} {unit}"


def date_text(value: dt.date | None) -> str:
    """`12.12.2026`, or a dash."""
    return "–" if value is None else f"{value:%d.%m.%Y}"


def percent(ppm: int) -> str:
    """Parts per million per year as `6,27 %`."""
    whole, part = divmod(ppm, 10_000)
    return f"{whole},{part:04d}".rstrip("0").rstrip(",") + " %"


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if hasattr(value, "to_dicts"):
        return value.to_dicts()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def emit_json(value: Any) -> None:
    """One JSON value, days in ISO form."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()
) -> None:
    """A table on the standard output; columns named in `right` are set flush right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    if title and not rows:
        typer.echo(f"{title}: nothing.\n")
        return
    grid = Table(title=title or None, title_justify="left", header_style="bold", box=_box())
    for column in columns:
        grid.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        # Text, not markup: a name such as "[bold]" must print as it is.
        grid.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    width = None if sys.stdout.isatty() else 140
    Console(width=width, highlight=False).print(grid)


def _box() -> Any:
    from rich import box

    return box.SIMPLE_HEAD


def pairs(values: Mapping[str, Any]) -> None:
    """Names and values below each other."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        typer.echo(f"  {name:<{width}}  {value}")


@contextmanager
def progress(label: str, as_json: bool) -> Iterator[Any]:
    """A bar on the error stream; yields `step(done, total)`. Silent for machines."""
    if as_json or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
