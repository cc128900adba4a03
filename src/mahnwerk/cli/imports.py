"""`import`: claims, facts, e-invoices, creditors and bank statements from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mahnwerk.cli import output
from mahnwerk.cli.bank import show_matched
from mahnwerk.cli.options import ActorOption, BookOption, JsonOption, open_book

if TYPE_CHECKING:
    from mahnwerk.usecases.imports import ImportSummary


def import_files(
    files: Annotated[list[Path], typer.Argument(help="CSV, XML, PDF, YAML, MT940 or zipped camt.")],
    creditor: Annotated[
        str, typer.Option("--creditor", help="Key of the creditor, where the file does not say.")
    ] = "",
    mapping: Annotated[
        str, typer.Option("--mapping", help="Mapping for another layout: its name or a YAML file.")
    ] = "",
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Folder for rejected rows; else beside the file.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check only; record nothing.")] = False,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take in files: claims, facts, SEPA mandates (CSV), e-invoices (XML, PDF), creditors (YAML), bank files.

    The same file, or the same row, twice adds nothing. Rows that cannot be taken are written with
    the reason into a CSV to fix and import again; the rest goes in.

    Examples:

        mahnwerk import creditor.yaml claims.csv facts.csv
        mahnwerk import invoice.xml --book shop
        mahnwerk import mandates.csv --creditor shop
        mahnwerk import open-items.csv statement.xml
        mahnwerk import claims.csv --creditor shop --mapping ibm-accounts-receivable
    """
    opened = open_book(book, actor, create=True)
    from mahnwerk.usecases import imports

    with output.progress("Importing", as_json) as step:
        summaries = imports.import_files(
            opened,
            files,
            creditor=creditor,
            mapping=mapping,
            rejects_folder=rejects,
            dry_run=dry_run,
            progress=step,
        )
    if as_json:
        output.emit_json(list(summaries))
    else:
        show_imports(summaries)
    if any(summary.needs_person for summary in summaries):
        raise typer.Exit(1)


def show_imports(summaries: Sequence[ImportSummary]) -> None:
    """One line per file, then what needs a person."""
    counted = {
        "rows": "rows",
        "new claims": "new_claims",
        "new facts": "new_facts",
        "new cases": "new_cases",
        **({"new mandates": "new_mandates"} if any(one.kind == "mandates" for one in summaries) else {}),
        **({"new entries": "new_entries"} if any(one.kind == "bank" for one in summaries) else {}),
        "known": "known",
        "rejected": "rejected",
    }
    output.table(
        "Imported",
        ["file", "what", *counted],
        [[one.file, one.kind, *(getattr(one, name) for name in counted.values())] for one in summaries],
        right=tuple(counted),
    )
    for summary in summaries:
        for warning in summary.warnings:
            typer.echo(f"  {summary.file}: {warning}")
        for line in summary.reasons[:5]:
            typer.echo(f"  {summary.file}: {line}")
        if summary.rejects_file:
            typer.echo(
                f"  {summary.file}: rejected rows are in {summary.rejects_file}; fix and import that file."
            )
        if summary.bank:
            show_matched(summary.bank)
