"""`plan`: instalment plans, offered, agreed, shown, reminded of."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import (
    DAY_FORMATS,
    ActorOption,
    BookOption,
    CaseArgument,
    JsonOption,
    LastRunOption,
    day_of,
    open_book,
)
from mahnwerk.cli.output import date_text, money
from mahnwerk.usecases.errors import BadInput

if TYPE_CHECKING:
    from mahnwerk.usecases.plans import Ask, OfferView, PlanView

app = typer.Typer(
    help="Instalment plans: what they cost is shown first, what is signed is done.", no_args_is_help=True
)
PerMonth = Annotated[str, typer.Option("--per-month", help="What can be paid a month, e.g. 50 or 50,00.")]
Income = Annotated[str, typer.Option("--income", help="Net income a month, for the signal; never kept.")]
Dependants = Annotated[int, typer.Option("--dependants", min=0, max=99, help="People maintained by law.")]
First = Annotated[dt.datetime | None, typer.Option("--first", formats=DAY_FORMATS, help="First due day.")]
AllOn = Annotated[
    dt.datetime | None,
    typer.Option("--all-on", formats=DAY_FORMATS, help="A deferral instead: all of it on this day."),
]
Rate = Annotated[str, typer.Option("--rate", help="Yearly interest in per cent; 0 = none.")]
WithPause = Annotated[
    bool, typer.Option("--with-pause", help="One instalment may be put off to the end once a year.")
]
Debit = Annotated[bool, typer.Option("--direct-debit", help="Instalments are collected by direct debit.")]


@app.command("offer")
def offer(
    case: CaseArgument,
    per_month: PerMonth = "",
    income: Income = "",
    dependants: Dependants = 0,
    first: First = None,
    rate: Rate = "0",
    direct_debit: Debit = False,
    with_pause: WithPause = False,
    all_on: AllOn = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the offer, to agree to it by its id.")] = False,
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show a plan or a deferral: each instalment, the total, the last day, the clauses. Nothing is recorded.

    Examples:

        mahnwerk plan offer 1-000042 --per-month 50
        mahnwerk plan offer 1-000042 --all-on 2027-02-15
        mahnwerk plan offer 1-000042 --per-month 50 --income 2100 --dependants 1 --save
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import plans

    ask = _ask(per_month, first, rate, direct_debit, with_pause, all_on, income, dependants)
    view = plans.offer(opened, case, ask, on=day_of(on), save=save)
    output.emit_json(view) if as_json else show_offer(view)


@app.command("agree")
def agree(
    case: CaseArgument,
    offer_id: Annotated[str, typer.Argument(help="Id of an offer kept with --save.")] = "",
    per_month: PerMonth = "",
    first: First = None,
    rate: Rate = "0",
    direct_debit: Debit = False,
    with_pause: WithPause = False,
    all_on: AllOn = None,
    replaces: Annotated[bool, typer.Option("--replaces", help="End the plan that runs; a change.")] = False,
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Record a plan as agreed: its terms, their hash, who recorded it. Dunning of its claims rests.

    Examples:

        mahnwerk plan agree 1-000042 Xy3kQ0a9
        mahnwerk plan agree 1-000042 --per-month 50 --first 2026-12-01
    """
    if bool(offer_id) == bool(per_month or all_on):
        raise BadInput(
            "agree needs an offer, or --per-month or --all-on, not both.", "mahnwerk plan agree CASE OFFER"
        )
    opened = open_book(book, actor)
    from mahnwerk.usecases import plans

    ask = None if offer_id else _ask(per_month, first, rate, direct_debit, with_pause, all_on)
    view = plans.agree(opened, case, offer_id=offer_id, ask=ask, on=day_of(on), replaces=replaces)
    if as_json:
        output.emit_json(view)
        return
    typer.echo("This plan was agreed before; nothing added." if view.is_known else "The plan is agreed.")
    show_plan(view)


@app.command("show")
def show(
    case: CaseArgument, on: LastRunOption = None, book: BookOption = "", as_json: JsonOption = False
) -> None:
    """The plans of a case as they stand on a day.

    Example:

        mahnwerk plan show 1-000042
    """
    opened = open_book(book)
    from mahnwerk.usecases import plans

    views = plans.show(opened, case, day_of(on))
    if as_json:
        output.emit_json(views)
        return
    if not views:
        typer.echo("The case has no plan.")
    for view in views:
        show_plan(view)


@app.command("document")
def document(
    case: CaseArgument,
    out: Annotated[Path, typer.Option("--out", help="File to write: .txt = plain text, else PDF.")],
    offer_id: Annotated[str, typer.Argument(help="Id of an offer kept with --save; else the plan.")] = "",
    language: Annotated[str, typer.Option("--language", help="de or en; else the case's own.")] = "",
    to_sign: Annotated[
        bool | None,
        typer.Option("--to-sign/--no-sign", help="A place for signatures; on an offer by itself."),
    ] = None,
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write the terms for the debtor: of a kept offer, or of the plan that runs. Nothing is sent.

    Examples:

        mahnwerk plan document 1-000042 --out plan.pdf
        mahnwerk plan document 1-000042 Xy3kQ0a9 --out offer.pdf --language en
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import plan_document

    drawn = plan_document.draw(
        opened,
        case,
        out,
        offer_id=offer_id,
        language=language,
        to_sign=to_sign,
        on=day_of(on),
    )
    if as_json:
        output.emit_json(drawn)
        return
    what = f"offer {drawn.offer_id}" if drawn.offer_id else f"plan {drawn.plan_no}"
    typer.echo(f"Terms of {what} of case {drawn.case_reference} written to {drawn.path}; nothing is sent.")
    typer.echo(f"terms {drawn.terms_hash}")


@app.command("list")
def list_(
    state: Annotated[
        str, typer.Option("--state", help="kept, grace, missed, not_collected, broken, fulfilled or ended.")
    ] = "",
    on: LastRunOption = None,
    book: BookOption = "",
    as_json: JsonOption = False,
) -> None:
    """All plans of the book. `--state missed` is the list of those to be reminded, kindly;
    `--state not_collected` of those whose instalment we were to collect, and did not.

    Examples:

        mahnwerk plan list --state missed
        mahnwerk plan list --state not_collected
    """
    opened = open_book(book)
    from mahnwerk.usecases import plans

    views = plans.list_plans(opened, day_of(on), state=state)
    if as_json:
        output.emit_json(views)
        return
    output.table(
        "Plans",
        ["case", "plan", "state", "agreed", "paid", "missing", "since", "next", "reminded"],
        [
            [
                view.case_reference,
                view.plan_no,
                view.state,
                date_text(view.agreed_on),
                money(view.paid_cents, view.currency),
                money(view.missing_cents, view.currency),
                date_text(view.missing_since),
                date_text(view.next_due_on),
                date_text(view.reminded_on),
            ]
            for view in views
        ],
        right=("paid", "missing"),
    )


@app.command("remind")
def remind(
    case: CaseArgument,
    by: Annotated[str, typer.Option("--by", help="How it was told: email, post, phone.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the text; record nothing.")] = False,
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Tell of a missed instalment, kindly, with the offer to change the plan. No dunning, no fee.

    The daily run writes by itself; this is for debtors it cannot write to, or who were told by telephone.

    Example:

        mahnwerk plan remind 1-000042 --by phone
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import plan_reminders

    told = plan_reminders.remind(opened, case, channel=by, on=day_of(on), dry_run=dry_run)
    if as_json:
        output.emit_json(told)
        return
    typer.echo(told.text)
    typer.echo("Recorded as told." if told.is_recorded else "Nothing recorded.")


@app.command("pause")
def pause(
    case: CaseArgument,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the new instalments; record nothing.")
    ] = False,
    on: LastRunOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Put the next instalment off to the end: once a year, before it is due, if the plan's terms say so.

    Examples:

        mahnwerk plan pause 1-000042 --dry-run
        mahnwerk plan pause 1-000042
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import plan_pauses

    paused = plan_pauses.pause(opened, case, on=day_of(on), dry_run=dry_run)
    if as_json:
        output.emit_json(paused)
        return
    cents, word = money(paused.put_off_cents, paused.currency), "is" if paused.is_recorded else "would be"
    typer.echo(f"The instalment of {date_text(paused.put_off)}, {cents}, {word} put off to the end.")
    _show_terms(paused.terms, paused.currency)
    typer.echo(f"Recorded as plan {paused.plan_no}." if paused.is_recorded else "Nothing recorded.")


def _ask(
    per_month: str,
    first: dt.datetime | None,
    rate: str,
    direct_debit: bool,
    with_pause: bool,
    all_on: dt.datetime | None,
    income: str = "",
    dependants: int = 0,
) -> Ask:
    from mahnwerk.usecases.plan_asks import read_ask

    return read_ask(
        per_month,
        first_on=day_of(first),
        rate=rate,
        by_debit=direct_debit,
        with_pause=with_pause,
        income=income,
        dependants=dependants,
        all_on=day_of(all_on),
    )


def show_offer(view: OfferView) -> None:
    """The offer as it should be read before anybody signs."""
    typer.echo(f"Plan for case {view.case_reference}, as of {date_text(view.offered_on)}")
    _show_terms(view.terms, view.currency)
    for line in view.not_covered:
        typer.echo(f"  not in the plan: {line}")
    if view.costs_told:
        typer.echo(view.costs_told)
    if view.affordable_cents is not None:
        word = "above" if view.exceeds_affordable else "within"
        signal = money(view.affordable_cents, view.currency)
        typer.echo(f"Signal: {signal} a month could be attached; the plan is {word} it.")
        typer.echo(view.affordability)
    if view.offer_id:
        typer.echo(
            f"Kept as offer {view.offer_id}: mahnwerk plan agree {view.case_reference} {view.offer_id}"
        )
        typer.echo(
            f"For the debtor: mahnwerk plan document {view.case_reference} {view.offer_id} --out offer.pdf"
        )
    else:
        typer.echo("Nothing is recorded. Keep it with --save.")


def _show_terms(terms: dict[str, object], currency: str) -> None:
    rows: list[dict[str, object]] = terms["instalments"]  # type: ignore[assignment]
    output.table(
        "",
        ["no", "due", "instalment", "of it interest", "left after"],
        [
            [
                row["number"],
                date_text(dt.date.fromisoformat(str(row["due_on"]))),
                money(int(str(row["amount_cents"])), currency),
                money(int(str(row["interest_cents"])), currency),
                money(int(str(row["left_cents"])), currency),
            ]
            for row in rows
        ],
        right=("no", "instalment", "of it interest", "left after"),
    )
    output.pairs(
        {
            "owed now": money(int(str(terms["open_cents"])), currency),
            "interest": money(int(str(terms["interest_cents"])), currency),
            "fee": money(int(str(terms["fee_cents"])), currency),
            "total": money(int(str(terms["total_cents"])), currency),
            "last day": date_text(dt.date.fromisoformat(str(terms["last_due_on"]))),
        }
    )
    clauses: dict[str, str] = terms["clauses"]  # type: ignore[assignment]
    for text in clauses.values():
        typer.echo(f"  – {text}")


def show_plan(view: PlanView) -> None:
    """A plan on record and how it stands."""
    typer.echo(
        f"Plan {view.plan_no} of case {view.case_reference}: {view.state}; agreed "
        f"{date_text(view.agreed_on)} by {view.agreed_by}"
    )
    _show_terms(view.terms, view.currency)
    output.pairs(
        {
            "paid since": money(view.paid_cents, view.currency),
            "missing": f"{money(view.missing_cents, view.currency)} since {date_text(view.missing_since)}",
            "not collected": date_text(view.not_collected_since),
            "next": f"{money(view.next_cents, view.currency)} on {date_text(view.next_due_on)}",
            "reminded": date_text(view.reminded_on),
            "terms": view.terms_hash,
        }
    )
