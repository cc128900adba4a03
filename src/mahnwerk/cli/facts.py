"""`fact add`: what happened, told by hand."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

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

app = typer.Typer(help="Facts: payments, disputes, holds and all else that happened.", no_args_is_help=True)


@app.command("add")
def add(
    case: Annotated[str, typer.Argument(help="Case reference.")],
    kind: Annotated[str, typer.Argument(help="What happened, e.g. payment_received; see `fact kinds`.")],
    on: Annotated[
        dt.datetime | None, typer.Option("--on", formats=DAY_FORMATS, help="When it counts; else today.")
    ] = None,
    amount: Annotated[str, typer.Option("--amount", help="For example 84,90 or 84.90.")] = "",
    claim: Annotated[str, typer.Option("--claim", help="Invoice number; none = the whole case.")] = "",
    until: Annotated[
        dt.datetime | None,
        typer.Option("--until", formats=DAY_FORMATS, help="Last day of a hold or deferral."),
    ] = None,
    code: Annotated[str, typer.Option("--code", help="Reason or rule, one of the known words.")] = "",
    voids: Annotated[int, typer.Option("--voids", min=0, help="Number of the fact this undoes.")] = 0,
    reference: Annotated[
        str, typer.Option("--reference", help="Its name elsewhere; the same name twice adds nothing.")
    ] = "",
    approved_by: Annotated[
        str, typer.Option("--approved-by", help="The second person, where much is given up.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the effect; record nothing.")] = False,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Add a fact to a case. Facts are never changed; a wrong one is undone by `voided`.

    Examples:

        mahnwerk fact add MW-1-000042 payment_received --amount 84,90 --on 2026-03-02
        mahnwerk fact add MW-1-000042 hold_set --until 2026-04-30
        mahnwerk fact add MW-1-000042 voided --voids 7
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import facts

    added = facts.add(
        opened,
        case,
        kind,
        on=day_of(on),
        amount=amount,
        invoice_number=claim,
        until=day_of(until),
        code=code,
        voids=voids,
        reference=reference,
        approved_by=approved_by,
        dry_run=dry_run,
    )
    if as_json:
        output.emit_json(added)
        return
    if added.is_known:
        typer.echo(f"{added.case_reference}: this was known already as fact {added.fact_no}; nothing added.")
        return
    verb = "would be" if dry_run else "is"
    typer.echo(f"{added.case_reference}: {added.kind} {verb} fact {added.fact_no}.")
    typer.echo(
        f"  open before {output.money(added.open_before_cents, added.currency)}, "
        f"after {output.money(added.open_after_cents, added.currency)}"
    )


@app.command("rests")
def rests(
    on: LastRunOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written off.")] = False,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write off what payments left short within the procedure's tolerance; again, it changes nothing.

    The daily run does it by itself, for cases it held for so little on an earlier day.

    Example:

        mahnwerk fact rests --dry-run
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import rests as use_case
    from mahnwerk.usecases.cases import viewing_day

    report = use_case.write_off(opened, viewing_day(opened, day_of(on)), dry_run=dry_run)
    if as_json:
        output.emit_json(report)
        return
    sums = ", ".join(output.money(cents, currency) for currency, cents in sorted(report.cents.items()))
    word = "would be written off" if dry_run else "written off"
    typer.echo(f"{report.claims} rests {word}{f': {sums}' if sums else ''}; {report.taken_back} taken back.")


@app.command("kinds")
def kinds(as_json: JsonOption = False) -> None:
    """What can have happened: the words for `fact add` and for facts files.

    Example:

        mahnwerk fact kinds
    """
    from mahnwerk.usecases import fact_kinds

    rows = fact_kinds.overview()
    if as_json:
        output.emit_json(rows)
        return
    output.table(
        "Facts",
        ["kind", "by hand", "amount", "until", "meaning"],
        [[row["kind"], row["by_hand"], row["amount"], row["until"], row["meaning"]] for row in rows],
    )
