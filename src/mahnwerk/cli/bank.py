"""`bank`: bank files in, and what of them is waiting for an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import ActorOption, BookOption, JsonOption, open_book

if TYPE_CHECKING:
    from mahnwerk.usecases.bank_import import BankFileSummary, BankImport

app = typer.Typer(help="Bank files: read, take in, see what is not placed.", no_args_is_help=True)
_AccountOption = Annotated[str, typer.Option("--account", help="IBAN, where the file (CSV) does not say.")]


@app.command("parse")
def parse(
    file: Annotated[Path, typer.Argument(help="camt (also zipped), MT940, MT942 or a bank's CSV.")],
    account: _AccountOption = "",
    as_json: JsonOption = False,
) -> None:
    """Read a bank file and show what it says. Needs no book; records nothing.

    Ends with code 1 if the file must not be booked, for example because its balances do not add up.

    Example:

        mahnwerk bank parse statement.xml --json
    """
    from mahnwerk.usecases import bank_files

    members = bank_files.parse(file, account=account)
    is_good = not any(told.problems for _, told in members)
    if as_json:
        plain = [{"file": name, **told.as_json()} for name, told in members]
        output.emit_json(plain[0] if len(plain) == 1 else {"files": plain})
    else:
        for name, told in members:
            _show(name, told)
    if not is_good:
        raise typer.Exit(1)


def _show(name: str, told: Any) -> None:
    for statement in told.statements:
        balances = " → ".join(
            output.money(cents, statement.currency)
            for cents in (statement.opening_cents, statement.closing_cents)
        )
        output.table(
            f"{name}: {told.format}, {statement.account} {statement.statement_id}: {balances}",
            ["booked", "value", "amount", "kind", "counterparty", "text"],
            [
                [
                    output.date_text(entry.booked_on),
                    output.date_text(entry.value_on),
                    output.money(entry.amount_cents, entry.currency),
                    entry.kind,
                    entry.counterparty_name,
                    entry.remittance,
                ]
                for entry in statement.entries
            ],
            right=("amount",),
        )
    for text in (*told.problems, *told.warnings):
        typer.echo(f"  {text}")


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="camt (also zipped), MT940 or a bank's CSV.")],
    creditor: Annotated[
        str, typer.Option("--creditor", help="Key; refuse files of another creditor's account.")
    ] = "",
    account: _AccountOption = "",
    with_announcements: Annotated[
        bool, typer.Option("--with-announcements", help="Also take camt.052, camt.054 and MT942.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check files and accounts, count what is new; record nothing.")
    ] = False,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take in bank files, match what is open, book what is certain.

    A file counts whole or not at all; the same or an overlapping file adds nothing twice. Ends with
    code 1 if a statement is missing in between or something is waiting for an answer.

    Examples:

        mahnwerk bank import march.xml april.sta
        mahnwerk bank import march.xml --dry-run
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import bank_import

    told = {"creditor": creditor, "account": account}
    if dry_run:
        found = bank_import.preview(opened, files, with_announcements=with_announcements, **told)
        if as_json:
            output.emit_json({"is_dry_run": True, "files": found})
            return
        _show_files("Nothing is recorded; this would be taken in", found)
        return
    report = bank_import.import_files(opened, files, with_announcements=with_announcements, **told)
    if as_json:
        output.emit_json(report)
    else:
        _show_files("Bank files", report.files)
        show_matched(report)
    if report.needs_person:
        raise typer.Exit(1)


def _show_files(title: str, files: list[BankFileSummary]) -> None:
    columns = ["file", "format", "statements", "entries", "new", "known", "pending"]
    output.table(
        title,
        columns,
        [[getattr(one, name) for name in columns] for one in files],
        right=columns[2:],
    )
    for one in files:
        for text in one.warnings:
            typer.echo(f"  {one.file}: {text}")


def show_matched(report: BankImport) -> None:
    """What is missing between statements, and what became of the entries."""
    for gap in report.gaps:
        typer.echo(
            f"  account {gap['account']} ({gap['iban']}): something is missing between {gap['after']} "
            f"({output.date_text(gap['after_on'])}) and {gap['before']} "
            f"({output.date_text(gap['before_on'])}): "
            f"{output.money(gap['difference_cents'], gap['currency'])}"
        )
    found = report.matched
    typer.echo(
        f"  {found.booked} booked, {found.returned} returned, {found.proposed} proposed, "
        f"{found.suspense} in suspense"
    )
    if found.proposed or found.suspense:
        typer.echo("  What waits for an answer: `mahnwerk bank suspense`")


@app.command("match")
def match(book: BookOption = "", actor: ActorOption = "", as_json: JsonOption = False) -> None:
    """Look again at everything that is not placed, for example after new claims came in.

    Example:

        mahnwerk bank match
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import bank_matching

    found = bank_matching.match_open(opened)
    if as_json:
        output.emit_json(found)
        return
    typer.echo(f"{found.booked} booked, {found.proposed} proposed, {found.suspense} in suspense")


@app.command("suspense")
def suspense(book: BookOption = "", as_json: JsonOption = False) -> None:
    """List entries that are not placed, with age, reason and what is proposed.

    Example:

        mahnwerk bank suspense
    """
    opened = open_book(book)
    from mahnwerk.usecases import bank_questions

    found = bank_questions.suspense(opened)
    if as_json:
        output.emit_json(found)
        return
    output.table(
        f"{len(found)} entries are waiting",
        ["entry", "booked", "days", "amount", "payer", "text", "reason", "proposed", "sure"],
        [
            [
                one.entry,
                output.date_text(one.booked_on),
                f"{one.age_days}{' !' if one.is_overdue else ''}",
                output.money(one.amount_cents, one.currency),
                one.payer,
                one.text,
                ", ".join(one.reasons) or one.reason,
                " ".join([one.case_reference, *one.invoices]),
                f"{one.confidence:.0%}" if one.case_reference else "",
            ]
            for one in found
        ],
        right=("entry", "days", "amount", "sure"),
    )


@app.command("place")
def place(
    entry: Annotated[int, typer.Argument(help="Number of the entry, as `bank suspense` shows it.")],
    what: Annotated[
        str, typer.Option("--as", help="told, charge, interest, settlement or other; see bank-files.md.")
    ],
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Say what an entry is that is no debtor's payment, so that the journal takes it out of suspense.

    Example:

        mahnwerk bank place 17 --as other
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import bank_questions

    answered = bank_questions.place(opened, entry, what)
    if as_json:
        output.emit_json(answered)
        return
    typer.echo(f"entry {entry} is {what}: {bank_questions.PLACES[what]}.")


@app.command("account")
def account(
    iban: Annotated[str, typer.Argument(help="IBAN, or the account number the bank's files name.")],
    creditor: Annotated[str, typer.Option("--creditor", help="Whose it is; none = the operator's.")] = "",
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make an account known. Accounts in creditor files are known already.

    Example:

        mahnwerk bank account DE02120300000000202051 --creditor shop
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import bank_import

    number = bank_import.add_account(opened, iban, creditor)
    if as_json:
        output.emit_json({"account": number})
        return
    typer.echo(f"account {number} is known.")
