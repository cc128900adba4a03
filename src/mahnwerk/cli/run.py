"""`run`, `run-day`, `send`: the day's work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import (
    ActorOption,
    BookOption,
    ConfirmOption,
    JsonOption,
    OnOption,
    day_of,
    default_actor,
    open_book,
)
from mahnwerk.usecases.opening import start_django

if TYPE_CHECKING:
    from mahnwerk.usecases.day import DayReport
    from mahnwerk.usecases.sending import SendReport


def run_day(
    on: OnOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan only; record nothing.")] = False,
    confirm_day: ConfirmOption = False,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Plan the day: what is due for each case, or why nothing is.

    Running the same day again records nothing new.

    Examples:

        mahnwerk run-day
        mahnwerk run-day --on 2026-03-31 --dry-run
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import clock, day

    chosen = day_of(on) or clock.today()
    with output.progress("Planning", as_json) as step:
        report = day.run_day(opened, chosen, dry_run=dry_run, confirm_day=confirm_day, progress=step)
    if as_json:
        output.emit_json(report)
    else:
        show_day(report)
    if report.needs_person:
        raise typer.Exit(1)


def send(
    on: OnOption = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 = all.")] = 0,
    settle: Annotated[
        list[str] | None,
        typer.Option("--settle", help="What became of an uncertain message: MESSAGE=sent or MESSAGE=failed."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")] = False,
    confirm_day: ConfirmOption = False,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Send what is planned. Each message is asked about again just before it leaves.

    Letters are written as PDF into the outbox; e-mails go to the SMTP server of `MAHNWERK_SMTP_URL`,
    or as `.eml` into the outbox where none is set. What was interrupted is taken up first; a message
    that may have left is never sent again by itself.

    Examples:

        mahnwerk send
        mahnwerk send --on 2026-03-31 --limit 100
        mahnwerk send --settle Xy3kQ0a9=sent
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import clock, sending

    chosen = day_of(on) or clock.today()
    if settle:
        count = sending.settle(opened, settle, chosen)
        output.emit_json({"settled": count}) if as_json else typer.echo(f"{count} settled.")
        return
    with output.progress("Sending", as_json) as step:
        report = sending.send(
            opened, chosen, limit=limit, dry_run=dry_run, confirm_day=confirm_day, progress=step
        )
    if as_json:
        output.emit_json(report)
    else:
        show_sending(report)
    if report.needs_person:
        raise typer.Exit(1)


def run(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Creditors, claims, facts, e-invoices, bank files; none: the examples."),
    ] = None,
    on: OnOption = None,
    book: BookOption = "",
    creditor: Annotated[str, typer.Option("--creditor", help="Whose claims these are.")] = "",
    mapping: Annotated[
        str, typer.Option("--mapping", help="Mapping for another layout: its name or a YAML file.")
    ] = "",
    confirm_day: ConfirmOption = False,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End after the summary.")] = False,
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """The main job: import the files into their own book, run the day, send, say what was done.

    Without files it uses the example book and its fixed day. The book of given files is named after
    the first one.

    Examples:

        mahnwerk run
        mahnwerk run invoices.csv facts.csv --on 2026-03-31
        mahnwerk run open-items.csv statement.xml
    """
    start_django()
    from mahnwerk.usecases import main_job

    with output.progress("Working", as_json) as step:
        result = main_job.run(
            list(files or []),
            on=day_of(on),
            book=book,
            creditor=creditor,
            mapping=mapping,
            confirm_day=confirm_day,
            actor=actor or default_actor(),
            progress=step,
        )
    if as_json:
        output.emit_json(result)
    else:
        show_main_job(result)
    if result.needs_person:
        raise typer.Exit(1)


def show_main_job(result: Any) -> None:
    """Imports, the day, the sending, and where to look."""
    from mahnwerk.cli.imports import show_imports

    typer.echo(f"Book {result.book} · day {output.date_text(result.day.on)}")
    show_imports(result.imports)
    show_day(result.day)
    show_sending(result.sending)
    show_totals(result.totals)
    typer.echo(f"Letters and messages: {result.outbox}")
    program = output.program()
    typer.echo(f"Why this, why not that: {program} why CASE --book {result.book} --on {result.day.on}")


def show_totals(totals: list[dict[str, Any]]) -> None:
    """What is owed in the whole book, per currency."""
    output.table(
        "Owed",
        ["currency", "cases", "claims", "principal", "interest", "costs", "open", "paid", "credit balance"],
        [
            [
                row["currency"],
                row["cases"],
                row["claims"],
                *(
                    output.money(row[name], row["currency"])
                    for name in (
                        "principal_open_cents",
                        "interest_open_cents",
                        "costs_open_cents",
                        "open_cents",
                        "paid_cents",
                        "surplus_cents",
                    )
                ),
            ]
            for row in totals
        ],
        right=("cases", "claims", "principal", "interest", "costs", "open", "paid", "credit balance"),
    )


def show_day(report: DayReport) -> None:
    """One line per step, one per reason to hold."""
    word = "would be" if report.is_dry_run else "are"
    output.table(
        f"Due on {output.date_text(report.on)}",
        ["step", "channel", "cases", "open", "fees"],
        [
            [
                row["step_id"],
                row["channel"],
                row["cases"],
                output.money(row["demanded_cents"], row["currency"]),
                output.money(row["fee_cents"], row["currency"]),
            ]
            for row in report.measures
        ],
        right=("cases", "open", "fees"),
    )
    output.table(
        "Held",
        ["reason", "cases", "next look"],
        [[row["reason"], row["cases"], output.date_text(row["next_look_on"])] for row in report.held],
        right=("cases",),
    )
    typer.echo(
        f"{report.case_count} cases: {report.measure_count} {word} due, {report.held_count} {word} held."
        + ("" if report.is_dry_run else f" Recorded anew: {report.recorded_count}.")
    )
    for row in report.barred_soon:
        more = row["cases"] - len(row["first_cases"])
        typer.echo(
            f"Soon time-barred, the first after {output.date_text(row['first_on'])}: "
            f"{output.money(row['principal_open_cents'], row['currency'])} of principal in "
            + ", ".join(row["first_cases"])
            + (f" and {more} more cases." if more else ".")
        )
    if report.rests_written_off or report.rests_taken_back:
        typer.echo(
            f"Small rests written off: {report.rests_written_off}, taken back: {report.rests_taken_back}."
        )
    if report.plans_to_remind:
        typer.echo(f"Instalments missed, tell kindly (`plan remind`): {', '.join(report.plans_to_remind)}")
    if report.plans_not_collected:
        typer.echo(
            "Instalments ours to collect and not there (`direct-debit create`): "
            + ", ".join(report.plans_not_collected)
        )
    if report.plans_not_as_signed:
        typer.echo(
            "Plans that are not on record as signed, not executed (restore them from a backup): "
            + ", ".join(report.plans_not_as_signed)
        )


def show_sending(report: SendReport) -> None:
    """What became of each planned message."""
    output.table(
        "Sent",
        ["what", "how", "messages", "demanded"],
        [
            [
                row["step_id"],
                row["channel"],
                row["messages"],
                output.money(row["demanded_cents"], row["currency"]),
            ]
            for row in report.sent_by_step
        ],
        right=("messages", "demanded"),
    )
    counts = {
        "withdrawn": report.withdrawn,
        "held back": report.held_back,
        "failed": report.failed,
        "uncertain": report.uncertain,
        "postponed": report.postponed,
    }
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    typer.echo(f"{report.sent} sent" + (f", {told}." if told else "."))
    for note in report.notes:
        typer.echo(f"  {note['case_reference']}: {note['what']} → {note['remedy']}")
