"""`refund`: credits of debtors paid back by transfer, once, and never more than is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import (
    ActorOption,
    BookOption,
    JsonOption,
    LastRunOption,
    day_of,
    open_book,
)
from mahnwerk.cli.output import date_text, money
from mahnwerk.usecases.errors import BadInput

app = typer.Typer(
    help="Refunds: credits of debtors, and money in suspense, paid back by transfer.", no_args_is_help=True
)


@app.command("list")
def list_refunds(
    on: LastRunOption = None,
    creditor: Annotated[str, typer.Option("--creditor", help="Only this creditor's.")] = "",
    book: BookOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show who has a credit, and the refunds ordered so far.

    Examples:

        mahnwerk refund list
        mahnwerk refund list --creditor lindenhof --json
    """
    opened = open_book(book)
    from mahnwerk.usecases import entry_refunds, refunds

    credits = refunds.credits(opened, day_of(on), creditor=creditor)
    ordered = refunds.of_book(opened, creditor=creditor) + entry_refunds.of_book(opened, creditor=creditor)
    if as_json:
        output.emit_json({"credits": credits, "refunds": ordered})
        return
    output.table(
        "Credits",
        ["Case", "Creditor", "Credit", "Account"],
        [
            (
                row.case_reference,
                row.creditor,
                money(row.credit_cents),
                "known" if row.has_account else "not known",
            )
            for row in credits
        ],
        right=["Credit"],
    )
    output.table(
        "Refunds",
        ["Ordered", "Of", "Amount", "To", "State", "Why", "Name"],
        [
            (
                date_text(row.ordered_on),
                _origin(row),
                money(row.amount_cents),
                row.iban,
                row.state,
                row.undone_reason or row.message_id,
                row.end_to_end_id,
            )
            for row in ordered
        ],
        right=["Amount"],
    )


@app.command("order")
def order(
    case: Annotated[str, typer.Argument(help="Case reference, as `mahnwerk cases` shows it.")] = "",
    entry: Annotated[
        int | None, typer.Option("--entry", min=1, help="Instead: money in suspense, by `bank suspense`.")
    ] = None,
    amount: Annotated[str, typer.Option("--amount", help="Else the whole credit.")] = "",
    iban: Annotated[str, typer.Option("--iban", help="Another account than the money came from.")] = "",
    name: Annotated[str, typer.Option("--name", help="Whose account that is; else the debtor's.")] = "",
    reference: Annotated[
        str,
        typer.Option("--reference", help="The same reference is one refund; else one per day and amount."),
    ] = "",
    approved_by: Annotated[
        str, typer.Option("--approved-by", help="The second person; needed with another account.")
    ] = "",
    creditor: Annotated[
        str, typer.Option("--creditor", help="With --entry: in whose file, where several share the account.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be paid back.")] = False,
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Pay a credit, or money in suspense, back to the account it came from; the file comes next.

    A credit is used up at once. Money in suspense goes back whole and can be booked on no case any more.

    Examples:

        mahnwerk refund order M-000042
        mahnwerk refund order M-000042 --amount 12,50 --iban DE02120300000000202051 --approved-by ben
        mahnwerk refund order --entry 17
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import entry_refunds, refunds

    to = {"iban": iban, "name": name, "approved_by": approved_by}
    if bool(case) == bool(entry):
        raise BadInput("say either a case or --entry.", "mahnwerk refund order --entry 17")
    if entry:
        if amount or reference:
            raise BadInput("money in suspense goes back whole, once.", "Leave --amount and --reference out.")
        made = entry_refunds.order(opened, entry, creditor=creditor, on=day_of(on), dry_run=dry_run, **to)
    elif creditor:
        raise BadInput("a case has its creditor.", "Leave --creditor out.")
    else:
        made = refunds.order(opened, case, amount, reference=reference, on=day_of(on), dry_run=dry_run, **to)
    if as_json:
        output.emit_json(made)
        return
    word = {"planned": "Would pay back", "ordered": "Ordered"}.get(made.state, made.state)
    if made.is_known:
        word = f"Ordered before, nothing added (now: {made.state.replace('_', ' ')})"
    typer.echo(f"{word}: {money(made.amount_cents)} of {_origin(made)} to {made.iban}.")
    for line in made.warnings:
        typer.echo(f"  look at this first: {line}")
    if made.state == "ordered":
        typer.echo("`mahnwerk refund file --creditor KEY` writes it for the bank.")


@app.command("cancel")
def cancel(
    name: Annotated[str, typer.Argument(help="Name of the refund, as `refund list` shows it.")],
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take back a refund that is in no file yet: the credit, or the question, is there again.

    Example:

        mahnwerk refund cancel MW-RF-1-M-000042-1
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import entry_refunds

    cancelled = entry_refunds.cancel_any(opened, name, day_of(on))
    if as_json:
        output.emit_json(cancelled)
    else:
        typer.echo(f"Cancelled: {name}, {money(cancelled.amount_cents)} of {_origin(cancelled)}.")


def _origin(row: Any) -> str:
    return f"entry {row.entry}" if row.entry else f"case {row.case_reference}"


@app.command("file")
def file(
    creditor: Annotated[str, typer.Option("--creditor", help="Key of the creditor.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write pain.001 here; else to the outbox.")
    ] = None,
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make the file for the bank of all refunds ordered. Run again, it is the same file.

    Example:

        mahnwerk refund file --creditor lindenhof --out refunds.xml
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import refund_files

    view = refund_files.create(opened, creditor, day_of(on))
    path = refund_files.write(view, out or opened.place.outbox / f"{view.message_id}.xml")
    if as_json:
        output.emit_json({**{k: v for k, v in vars(view).items() if k != "content"}, "path": str(path)})
        return
    word = "New file" if view.is_new else "Nothing new; the same file again"
    typer.echo(f"{word}: {view.message_id}, {view.refund_count} refunds, {money(view.sum_cents)}: {path}")
    for line in view.skipped:
        typer.echo(f"  not paid back: {line}")


@app.command("status")
def status(
    report: Annotated[Path, typer.Argument(help="Status report of the bank (pain.002).")],
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Read what the bank refused: those credits are there again.

    Example:

        mahnwerk refund status report.xml
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import refund_files

    taken = refund_files.take_status(opened, report, day_of(on))
    if as_json:
        output.emit_json(taken)
    else:
        typer.echo(f"{taken.message_id}: {taken.refused} refused, {taken.known} known before.")
        for name in taken.executed:
            typer.echo(f"  {name}: refused here, but the bank statement shows it; nothing was changed")
    if taken.refused or taken.unknown or taken.executed:
        raise typer.Exit(1)
