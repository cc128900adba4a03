"""`journal`: the books – post, balance, close, export, statement."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import (
    DAY_FORMATS,
    ActorOption,
    BookOption,
    ConfirmOption,
    JsonOption,
    OnOption,
    day_of,
    open_book,
)
from mahnwerk.cli.output import date_text, money

if TYPE_CHECKING:
    from mahnwerk.usecases.opening import OpenBook

app = typer.Typer(help="The books: double entry from facts, own and trust money apart.", no_args_is_help=True)
FromOption = Annotated[
    dt.datetime | None, typer.Option("--from", formats=DAY_FORMATS, help="First posting day; else all.")
]
UntilOption = Annotated[
    dt.datetime | None, typer.Option("--until", formats=DAY_FORMATS, help="Last posting day; else all.")
]


@app.command("post")
def post(
    on: OnOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only; post nothing.")] = False,
    confirm_day: ConfirmOption = False,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Post what the facts say and the journal does not yet. A second run posts nothing.

    Late facts, returned payments and withdrawn facts are corrected by postings of the day of the run.

    Examples:

        mahnwerk journal post
        mahnwerk journal post --on 2026-03-31 --dry-run
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import clock, journal

    with output.progress("Posting", as_json) as step:
        report = journal.post(
            opened, day_of(on) or clock.today(), dry_run=dry_run, confirm_day=confirm_day, progress=step
        )
    if as_json:
        output.emit_json(report)
        return
    word = "would be posted" if report.is_dry_run else "posted"
    typer.echo(
        f"{report.posting_count} postings {word} on {date_text(report.on)}, "
        f"{report.correction_count} of them corrections; {report.case_count} cases."
    )
    for currency, cents in report.debit_cents.items():
        typer.echo(f"  debit = credit = {money(cents, currency)}")


@app.command("balance")
def balance(
    on: OnOption = None,
    by: Annotated[str, typer.Option("--by", help="account, creditor or debtor.")] = "account",
    creditor: Annotated[str, typer.Option("--creditor", help="With --by debtor: only of this one.")] = "",
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="Trust money of every tenant of the database, and in all.")
    ] = False,
    book: BookOption = "",
    as_json: JsonOption = False,
) -> None:
    """Balance of the accounts, per creditor or per debtor, with the checks that must hold.

    Ends with code 1 if a check does not hold.

    Examples:

        mahnwerk journal balance
        mahnwerk journal balance --by debtor --creditor lindenhof --on 2026-03-31
        mahnwerk journal balance --all-tenants
    """
    opened = open_book(book)
    from mahnwerk.usecases import journal

    if all_tenants:
        _all_tenants(opened, day_of(on), as_json=as_json)
        return
    journal.check_word(by)
    if by == "debtor":
        rows = list(journal.debtors(opened, day_of(on), creditor=creditor))
        if as_json:
            output.emit_json(rows)
            return
        _debtor_table(rows)
        return
    state = journal.balance(opened, day_of(on))
    if as_json:
        output.emit_json(state)
    else:
        _account_table(state, by)
    if not all(check["ok"] for check in state["checks"]):
        raise typer.Exit(1)


def _all_tenants(opened: OpenBook, on: dt.date | None, *, as_json: bool) -> None:
    """Trust bank = what it is owed to, per tenant and in all; code 1 if any tenant's check does not hold."""
    from mahnwerk.usecases import journal_tenants

    state = journal_tenants.balance(opened, on)
    if as_json:
        output.emit_json(state)
    else:
        _tenant_table(state)
    if state["failed"]:
        raise typer.Exit(1)


def _tenant_table(state: dict[str, Any]) -> None:
    words = {
        "trust bank": "trust_bank_cents",
        "creditors": "creditors_cents",
        "debtors": "debtors_cents",
        "operator": "operator_cents",
        "unplaced": "unplaced_cents",
        "difference": "difference_cents",
    }
    totals = [{"tenant": "all", **row} for row in state["totals"]]
    output.table(
        f"Trust money on {date_text(state['on'])}" if state["on"] else "Trust money",
        ["tenant", *words],
        [
            [row["tenant"], *(money(row[name], row["currency"]) for name in words.values())]
            for row in [*state["tenants"], *totals]
        ],
        right=tuple(words),
    )
    for row in state["tenants"]:
        if row["creditors_below_zero_cents"]:
            owed = money(row["creditors_below_zero_cents"], row["currency"])
            typer.echo(
                f"  {row['tenant']}: creditors below zero owe back {owed}; others' money is short of it."
            )
    for check in state["failed"]:
        word = check["check"].replace("_", " ")
        typer.echo(f"  {check['tenant']}: {word}: {money(check['cents'], check['currency'])} – WRONG")
    if not state["failed"]:
        typer.echo("  every tenant's checks hold, and so does the sum")


def _debtor_table(rows: list[dict[str, Any]]) -> None:
    output.table(
        "Debtors",
        ["case", "principal", "credit"],
        [
            [
                row["case_reference"],
                money(row["principal_cents"], row["currency"]),
                money(row["credit_cents"], row["currency"]),
            ]
            for row in rows
        ],
        right=("principal", "credit"),
    )


def _account_table(state: dict[str, Any], by: str) -> None:
    rows = state["creditors"] if by == "creditor" else state["accounts"]
    owner = ["creditor"] if by == "creditor" else []
    output.table(
        f"Journal on {date_text(state['on'])}" if state["on"] else "Journal",
        [*owner, "account", "debit", "credit", "balance"],
        [
            [
                *[row[name] for name in owner],
                row["account"],
                *(
                    money(row[name], row["currency"])
                    for name in ("debit_cents", "credit_cents", "balance_cents")
                ),
            ]
            for row in rows
        ],
        right=("debit", "credit", "balance"),
    )
    for check in state["checks"]:
        word = "0, as it must be" if check["ok"] else f"{money(check['cents'], check['currency'])} – WRONG"
        typer.echo(f"  {check['currency']} {check['check'].replace('_', ' ')}: {word}")


@app.command("close")
def close(
    until: Annotated[dt.datetime, typer.Option("--until", formats=DAY_FORMATS, help="Last day to close.")],
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Close a period for good: nothing is posted on its days any more.

    Example:

        mahnwerk journal close --until 2026-03-31
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import journal

    closed = journal.close(opened, until.date())
    if as_json:
        output.emit_json(closed)
        return
    typer.echo(
        f"Closed until {date_text(closed['until'])}: {closed['postings']} postings, "
        f"hash {closed['content_hash'][:16]}."
    )


@app.command("export")
def export(
    format: Annotated[str, typer.Option("--format", help="datev or csv.")] = "datev",
    first: FromOption = None,
    until: UntilOption = None,
    to: Annotated[Path | None, typer.Option("--to", help="Folder; else `journal` in the outbox.")] = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write the postings for the accountant.

    DATEV: EXTF posting batches per fiscal year and the debtor master, by the book's chart of accounts.

    Examples:

        mahnwerk journal export --format datev --from 2026-03-01 --until 2026-03-31
        mahnwerk journal export --format csv
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import journal_export

    files = journal_export.export(
        opened, format=format, first_on=day_of(first), last_on=day_of(until), folder=to
    )
    if as_json:
        output.emit_json(files)
        return
    for file in files:
        typer.echo(f"{file.path}: {file.rows} rows")


@app.command("statement")
def statement(
    case: Annotated[str, typer.Option("--case", help="Only this debtor's case.")] = "",
    creditor: Annotated[str, typer.Option("--creditor", help="Only this creditor.")] = "",
    account: Annotated[str, typer.Option("--account", help="Only this account, e.g. trust_bank.")] = "",
    first: FromOption = None,
    until: UntilOption = None,
    book: BookOption = "",
    as_json: JsonOption = False,
) -> None:
    """Account statement of a debtor, a creditor or a day.

    Examples:

        mahnwerk journal statement --case M-000042
        mahnwerk journal statement --creditor lindenhof --account creditor_liability
        mahnwerk journal statement --from 2026-03-02 --until 2026-03-02
    """
    opened = open_book(book)
    from mahnwerk.usecases import journal_export

    told = journal_export.account_statement(
        opened,
        case=case,
        creditor=creditor,
        account=account,
        first_on=day_of(first),
        last_on=day_of(until),
    )
    if as_json:
        output.emit_json(told)
        return
    _balance_lines("Before", told["opening"])
    output.table(
        "Postings",
        ["posted", "of", "case", "document", "what", "debit", "credit", "amount"],
        [
            [
                date_text(row["posted_on"]),
                date_text(row["document_on"]),
                row["case_reference"],
                row["document"],
                ("Storno " if row["is_reversal"] else "") + row["text"],
                row["debit"],
                row["credit"],
                money(row["amount_cents"], row["currency"]),
            ]
            for row in told["lines"]
        ],
        right=("amount",),
    )
    _balance_lines("After", told["closing"])


def _balance_lines(word: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        typer.echo(f"  {word}: {row['account']} {money(row['balance_cents'], row['currency'])}")


@app.command("chart")
def chart(
    copy: Annotated[str, typer.Option("--copy", help="Copy skr03 or skr04 into the book, to edit.")] = "",
    book: BookOption = "",
    as_json: JsonOption = False,
) -> None:
    """The chart of accounts in use: number, title, and how sure the number is (A sure, C ask).

    Examples:

        mahnwerk journal chart
        mahnwerk journal chart --copy skr04
    """
    opened = open_book(book)
    from mahnwerk.usecases import journal_export

    if copy:
        typer.echo(f"Written: {journal_export.copy_chart(opened, copy)}")
        return
    used = journal_export.chart_of(opened)
    if as_json:
        output.emit_json(used)
        return
    output.table(
        f"{used.title}, {used.account_length} digits",
        ["account", "number", "title", "sure", "note"],
        [
            [
                role,
                one.number or ("per debtor" if role == "receivable" else "–"),
                one.title,
                one.confidence,
                one.note,
            ]
            for role, one in used.accounts.items()
        ],
    )
