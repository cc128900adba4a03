"""`direct-debit` and `mandate`: told before, collected once, taken back when the bank says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import (
    DAY_FORMATS,
    ActorOption,
    BookOption,
    JsonOption,
    LastRunOption,
    day_of,
    open_book,
)
from mahnwerk.cli.output import date_text, money

if TYPE_CHECKING:
    from mahnwerk.usecases.direct_debits import Refused

app = typer.Typer(help="SEPA direct debits: notice, file, status.", no_args_is_help=True)
mandates = typer.Typer(help="SEPA mandates of debtors.", no_args_is_help=True)
CreditorOption = Annotated[str, typer.Option("--creditor", help="Key of the creditor.")]


@app.command("announce")
def announce(
    creditor: CreditorOption,
    case: Annotated[list[str] | None, typer.Option("--case", help="Only this case; may be repeated.")] = None,
    told_by: Annotated[
        str, typer.Option("--told-by", help="message: the run writes. email, post, phone: you have told it.")
    ] = "message",
    although_refused: Annotated[
        bool, typer.Option("--although-refused", help="Also what these debtors refused: they agreed since.")
    ] = False,
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Decide what will be collected and when (14 days ahead, or as the mandate agrees), and have it told.

    The next run plans a message to each debtor, and send sends it. Nothing is collected that was not told in
    time.
    With --told-by you say that you have told the debtors these texts yourself. What a debtor refused is left
    out and named until you say, with --case and --although-refused, that it may be collected again.

    Example:

        mahnwerk direct-debit announce --creditor lindenhof
        mahnwerk direct-debit announce --creditor lindenhof --case 1-000042 --told-by phone
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import direct_debits

    told = direct_debits.announce(
        opened, creditor, day_of(on), told_by=told_by, cases=case or (), although_refused=although_refused
    )
    if as_json:
        output.emit_json(told)
        return
    for row in told:
        typer.echo(f"{row.case_reference}: {row.text}")
    waiting = sum(row.told_by == direct_debits.BY_MESSAGE for row in told)
    typer.echo(f"{len(told)} announced" + (f", {waiting} by the next run and send." if waiting else "."))
    _tell_refused(direct_debits.refused(opened, creditor, day_of(on)))


@app.command("refused")
def refused(
    creditor: CreditorOption,
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """List what is not collected again by itself: its debtor refused it or had it taken back.

    Example:

        mahnwerk direct-debit refused --creditor lindenhof
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import direct_debits

    found = direct_debits.refused(opened, creditor, day_of(on))
    if as_json:
        output.emit_json(found)
        return
    _tell_refused(found)
    typer.echo(f"{len(found)} refused.")


def _tell_refused(found: Sequence[Refused]) -> None:
    for row in found:
        typer.echo(
            f"  refused by the debtor ({row.reason}): {row.case_reference}, {row.what}, "
            f"{money(row.amount_cents)}, mandate {row.mandate}."
        )
        again = f"direct-debit announce --case {row.case_reference} --although-refused"
        typer.echo(f"    If he agreed since: {again}")


@app.command("create")
def create(
    creditor: CreditorOption,
    on: LastRunOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write pain.008 here; else to the outbox.")
    ] = None,
    again: Annotated[
        str, typer.Option("--again", help="Id of a file made before: write it once more; nothing is made.")
    ] = "",
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make the file for the bank: what was announced and is due. Run again, it is the same file.

    Example:

        mahnwerk direct-debit create --creditor lindenhof --out debits.xml
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import debit_files

    view = debit_files.again(opened, again) if again else debit_files.create(opened, creditor, day_of(on))
    path = debit_files.write(view, out or opened.place.outbox / f"{view.message_id}.xml")
    if as_json:
        output.emit_json({**{k: v for k, v in vars(view).items() if k != "content"}, "path": str(path)})
        return
    word = "New file" if view.is_new else "Nothing new; the same file again"
    typer.echo(f"{word}: {view.message_id}, {view.order_count} orders, {money(view.sum_cents)}: {path}")
    for line in view.skipped:
        typer.echo(f"  not collected: {line}")
    for line in view.moved:
        typer.echo(f"  later than planned: {line}")
    for name in view.others:
        if out is None and not (opened.place.outbox / f"{name}.xml").exists():
            typer.echo(f"  {name} is not in the outbox; if the bank does not have it: --again {name}")


@app.command("status")
def status(
    file: Annotated[Path, typer.Argument(help="Status report of the bank (pain.002).")],
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Read what the bank refused: those claims and instalments are open again.

    Example:

        mahnwerk direct-debit status report.xml
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import debit_files

    taken = debit_files.take_status(opened, file, day_of(on))
    if as_json:
        output.emit_json(taken)
    else:
        typer.echo(
            f"{taken.message_id}: {taken.refused} refused, {taken.known} known before, "
            f"{taken.mandates_ended} mandates ended."
        )
    if taken.refused or taken.unknown:
        raise typer.Exit(1)


@app.command("book")
def book_credit(
    message_id: Annotated[str, typer.Argument(help="Id of the file whose sum the bank credited.")],
    on: Annotated[dt.datetime, typer.Option("--on", formats=DAY_FORMATS, help="Value date of the credit.")],
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Book the payments of a file that the bank credited as one sum.

    Example:

        mahnwerk direct-debit book MW-DD-20260401-001 --on 2026-04-02
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import debit_files

    booked, there = debit_files.book_credit(opened, message_id, on.date())
    if as_json:
        output.emit_json({"booked": booked, "there_already": there})
        return
    typer.echo(f"{booked} payments booked; {len(there)} were there already.")


@mandates.command("add")
def add(
    case: Annotated[str, typer.Argument(help="Case reference.")],
    reference: Annotated[str, typer.Option("--reference", help="Mandate reference.")],
    creditor_identifier: Annotated[str, typer.Option("--creditor-identifier", help="DE98ZZZ09999999999.")],
    signed: Annotated[dt.datetime, typer.Option("--signed", formats=DAY_FORMATS, help="Day of signature.")],
    iban: Annotated[str, typer.Option("--iban", help="Else the person's.")] = "",
    name: Annotated[str, typer.Option("--name", help="Account holder; else the person.")] = "",
    notice_days: Annotated[int, typer.Option("--notice-days", help="Notice agreed, in days.")] = 14,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Keep a signed SEPA mandate. The IBAN is encrypted with the person's key.

    Example:

        mahnwerk mandate add 1-000042 --reference M-42 --creditor-identifier DE98ZZZ09999999999 \\
            --signed 2026-03-01
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import direct_debits

    row = direct_debits.add_mandate(
        opened,
        case,
        reference=reference,
        creditor_identifier=creditor_identifier,
        signed_on=signed.date(),
        iban=iban,
        name=name,
        notice_days=notice_days,
    )
    if as_json:
        output.emit_json({"reference": row.reference, "signed_on": row.signed_on})
        return
    typer.echo(f"Mandate {row.reference}, signed {date_text(row.signed_on)}, is kept.")


@mandates.command("end")
def end(
    case: Annotated[str, typer.Argument(help="Case reference.")],
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """End the mandate of a case: revoked, or the account is closed.

    Example:

        mahnwerk mandate end 1-000042
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import direct_debits

    count = direct_debits.end_mandate(opened, case, day_of(on))
    output.emit_json({"ended": count}) if as_json else typer.echo(f"{count} mandate ended.")
