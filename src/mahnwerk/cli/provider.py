"""`provider`: accounts with payment providers, pay links, refunds, and the nightly reconciliation."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import DAY_FORMATS, ActorOption, BookOption, JsonOption, day_of, open_book

app = typer.Typer(help="Payment providers: Stripe, PayPal, Mollie.", no_args_is_help=True)
AccountOption = Annotated[
    str, typer.Option("--account", help="Key of the provider account; not needed where there is one.")
]


@app.command("add")
def add(
    file: Annotated[Path, typer.Argument(help="Account file (YAML); docs/reference/providers.md.")],
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Add an account, or bring a known one up to date. Secrets come from environment variables by name.

    Example:

        STRIPE_API_KEY=… STRIPE_WEBHOOK_SECRET=… mahnwerk provider add stripe.yaml --book shop
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import provider_accounts

    added = provider_accounts.add_file(opened, file)
    if as_json:
        output.emit_json(added)
        return
    typer.echo(f"Account {added.key} ({added.provider}): {added.outcome}.")
    typer.echo(f"  The provider must send its events to MAHNWERK_PUBLIC_URL{added.webhook_path}")
    if added.in_letters:
        typer.echo("  Letters and e-mails carry a pay link, once MAHNWERK_PUBLIC_URL is set.")


@app.command("list")
def list_accounts(book: BookOption = "", as_json: JsonOption = False) -> None:
    """The accounts of a book, and what waits or needs a person.

    Example:

        mahnwerk provider list --book shop
    """
    opened = open_book(book)
    from mahnwerk.usecases import provider_accounts

    rows = provider_accounts.overview(opened)
    if as_json:
        output.emit_json(rows)
        return
    names = ["key", "provider", "creditor", "in_letters", "applied", "waiting", "unmatched", "webhook_path"]
    output.table(
        "Provider accounts",
        names,
        [[row[name] for name in names] for row in rows],
        right=("applied", "waiting", "unmatched"),
    )


@app.command("link")
def link(
    case: Annotated[str, typer.Argument(help="Case reference.")],
    amount: Annotated[
        str, typer.Option("--amount", help="A fixed sum; else what is open when the link is used.")
    ] = "",
    claim: Annotated[
        str, typer.Option("--claim", help="Invoice number: the payment is for this claim.")
    ] = "",
    account: AccountOption = "",
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a pay link for a case; asked again, the same link.

    Example:

        mahnwerk provider link M-000042 --amount 50,00
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import provider_links

    made = provider_links.make(opened, case, account=account, amount=amount, invoice_number=claim)
    if as_json:
        output.emit_json(made)
        return
    worth = (
        "what is open" if made.amount_cents is None else f"{output.money(made.amount_cents, made.currency)}"
    )
    typer.echo(f"{made.case_reference}: {made.path} ({worth})")


@app.command("payments")
def payments(book: BookOption = "", as_json: JsonOption = False) -> None:
    """Payments that came through providers: paid, kept, and what can still be paid back.

    Example:

        mahnwerk provider payments --book shop
    """
    opened = open_book(book)
    from mahnwerk.usecases import provider_refunds

    rows = provider_refunds.payments(opened)
    if as_json:
        output.emit_json(rows)
        return
    output.table(
        "Payments",
        ["payment", "case", "paid on", "amount", "kept", "left"],
        [
            [
                row["payment_id"],
                row["case_reference"],
                row["paid_on"],
                *(output.money(row[name], row["currency"]) for name in _SUMS),  # type: ignore[arg-type]
            ]
            for row in rows
        ],
        right=("amount", "kept", "left"),
    )


_SUMS = ("amount_cents", "kept_cents", "left_cents")


@app.command("refund")
def refund(
    payment: Annotated[str, typer.Argument(help="The provider's name of the payment.")],
    amount: Annotated[str, typer.Option("--amount", help="A part; else all that is left of it.")] = "",
    reference: Annotated[
        str, typer.Option("--reference", help="The same reference for a payment is one refund.")
    ] = "",
    account: AccountOption = "",
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Pay back through the provider; never more than is left, and asked twice it happens once.

    Example:

        mahnwerk provider refund pi_3Q… --amount 20,00 --reference return-17
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import provider_refunds

    made = provider_refunds.refund(opened, payment, amount, account=account, reference=reference)
    if as_json:
        output.emit_json(made)
    else:
        known = " (known already)" if made.is_known else ""
        typer.echo(f"{made.payment_id}: {output.money(made.amount_cents, made.currency)} {made.state}{known}")
        if made.state == "unknown":
            typer.echo("  no answer; provider reconcile asks again under the same key")
    if made.state in ("unknown", "failed"):
        raise typer.Exit(1)


@app.command("reconcile")
def reconcile(
    on: Annotated[
        dt.datetime | None, typer.Option("--on", formats=DAY_FORMATS, help="The day it is done for.")
    ] = None,
    account: AccountOption = "",
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Compare with what each provider lists, and book what is missing. Run it every night.

    Example:

        mahnwerk provider reconcile --book shop
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import provider_reconciliation

    reports = provider_reconciliation.reconcile(opened, on=day_of(on), account=account)
    if as_json:
        output.emit_json(reports)
    else:
        names = ["account", "listed", "missing", "applied", "still_waiting", "unmatched", "is_complete"]
        output.table("Reconciled", names, [[getattr(one, name) for name in names] for one in reports])
        for one in reports:
            for text in one.notes:
                typer.echo(f"  {one.account}: {text}")
    if any(one.needs_person for one in reports):
        raise typer.Exit(1)
