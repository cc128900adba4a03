"""`payout`: creditors get their money – once, with a statement and a transfer file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import (
    ActorOption,
    BookOption,
    ConfirmOption,
    JsonOption,
    OnOption,
    day_of,
    open_book,
)
from mahnwerk.cli.output import date_text, money

app = typer.Typer(invoke_without_command=True)
CreditorOption = Annotated[str, typer.Option("--creditor", help="Only the creditor of this key.")]
OUTCOMES = {
    "paid": "paid",
    "would_pay": "would be paid",
    "waits": "waits",
    "no_terms": "no terms, nothing paid",
}


@app.callback()
def payout(
    context: typer.Context,
    on: OnOption = None,
    creditor: CreditorOption = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be paid by what is posted; record nothing.")
    ] = False,
    confirm_day: ConfirmOption = False,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Pay out what was collected: less fees and tax, less a reserve for possible returns.

    Brings the journal up to date first. Writes a statement (PDF, CSV) and a transfer (pain.001) per payout
    into `payouts` of the outbox. A second run on the same day pays only what came in between.

    Examples:

        mahnwerk payout --dry-run
        mahnwerk payout --creditor radwerk --on 2026-03-31
        mahnwerk payout terms radwerk-terms.yaml
        mahnwerk payout list
    """
    if context.invoked_subcommand is not None:
        return
    opened = open_book(book, actor)
    from mahnwerk.usecases import clock, payouts

    report = payouts.pay_out(
        opened,
        day_of(on) or clock.today(),
        creditor=creditor,
        dry_run=dry_run,
        confirm_day=confirm_day,
    )
    if as_json:
        output.emit_json({**vars(report), "rows": [row.as_dict() for row in report.rows]})
    else:
        _show(report)
    if report.warnings:
        raise typer.Exit(1)


def _show(report: Any) -> None:
    names = ("opening_cents", "collected_cents", "other_cents", "fee_cents", "vat_cents", "reserve_cents")
    output.table(
        f"Payouts on {date_text(report.on)}",
        [
            "creditor",
            "before",
            "collected",
            "other",
            "fees",
            "VAT",
            "reserve",
            "paid out",
            "what",
            "reference",
        ],
        [
            [
                row.creditor,
                *(
                    money(getattr(row.settlement, name), row.currency) if row.settlement else ""
                    for name in (*names, "amount_cents")
                ),
                OUTCOMES[row.outcome],
                row.reference,
            ]
            for row in report.rows
        ],
        right=("before", "collected", "other", "fees", "VAT", "reserve", "paid out"),
    )
    for path in report.files:
        typer.echo(f"Written: {path}")
    for warning in report.warnings:
        typer.echo(f"  {warning}", err=True)


@app.command("terms")
def terms(
    file: Annotated[Path, typer.Argument(help="Terms (YAML): fees, reserve, accounts.")],
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Add a creditor's terms of payout from a day on.

    Example:

        mahnwerk payout terms radwerk-terms.yaml
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import payouts

    added = payouts.add_terms(opened, file)
    if as_json:
        output.emit_json(added)
        return
    what = {"new": "added", "same": "already known, nothing changed"}[added["outcome"]]
    typer.echo(f"Terms of {added['creditor']} from {date_text(added['valid_from'])}: {what}.")


@app.command("status")
def status(
    file: Annotated[Path, typer.Argument(help="The bank's status report (pain.002).")],
    on: OnOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take in what the bank says of transfers: a refused payout is owed again, once.

    Example:

        mahnwerk payout status pain002.xml
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import payout_returns

    taken = payout_returns.take_status(opened, file, day_of(on))
    if as_json:
        output.emit_json(taken)
    else:
        typer.echo(f"{len(taken.refused)} refused, {len(taken.known)} known already.")
        for reference in taken.unknown:
            typer.echo(f"  {reference}: no payout of this book")
        for reference in taken.executed:
            typer.echo(f"  {reference}: refused here, but the bank statement shows it; nothing was changed")
    if taken.unknown or taken.executed:
        raise typer.Exit(1)


@app.command("list")
def list_payouts(creditor: CreditorOption = "", book: BookOption = "", as_json: JsonOption = False) -> None:
    """All payouts so far.

    Example:

        mahnwerk payout list --creditor radwerk
    """
    opened = open_book(book)
    from mahnwerk.usecases import payouts

    rows = payouts.listing(opened, creditor)
    if as_json:
        output.emit_json(rows)
        return
    output.table(
        "Payouts",
        ["reference", "creditor", "day", "collected", "fees", "reserve", "paid out", "state"],
        [
            [
                row["reference"],
                row["creditor"],
                date_text(row["on"]),
                *(
                    money(row[name], row["currency"])
                    for name in ("collected_cents", "fee_cents", "reserve_cents", "amount_cents")
                ),
                f"{row['state']} {row['because']}".strip(),
            ]
            for row in rows
        ],
        right=("collected", "fees", "reserve", "paid out"),
    )
