"""`cases`, `statement`, `why`: what is owed, what happens next, and the ground of each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import BookOption, CaseArgument, JsonOption, LastRunOption, day_of, open_book
from mahnwerk.cli.output import date_text, money, percent


def cases(
    on: LastRunOption = None,
    held: Annotated[str, typer.Option("--held", help="Only cases held for this reason.")] = "",
    measure: Annotated[str, typer.Option("--measure", help="Only cases with this step due.")] = "",
    creditor: Annotated[str, typer.Option("--creditor", help="Only cases of this creditor.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many rows; 0 = all.")] = 200,
    book: BookOption = "",
    as_json: JsonOption = False,
) -> None:
    """All cases of a book: what is open, and what is due or why nothing is.

    Sorted by what needs attention: due steps first, then reasons to hold, then by amount.

    Examples:

        mahnwerk cases
        mahnwerk cases --held disputed
        mahnwerk cases --measure dunning_notice --json
    """
    opened = open_book(book)
    from mahnwerk.usecases import cases as use_case

    listing = use_case.list_cases(
        opened, day_of(on), held=held, measure=measure, creditor=creditor, limit=limit
    )
    if as_json:
        output.emit_json(listing)
        return
    output.table(
        f"Cases on {date_text(listing.on)}",
        ["case", "creditor", "claims", "oldest due", "open", "outcome", "reason", "since", "next look"],
        [
            [
                row["case_reference"],
                row["creditor"],
                row["claims"],
                date_text(row["oldest_due_on"]),
                money(row["open_cents"], row["currency"]),
                row["outcome"],
                row["reason"] + (f" ({row['detail']})" if row["detail"] else ""),
                date_text(row["from_on"]),
                date_text(row["next_look_on"]),
            ]
            for row in listing.rows
        ],
        right=("claims", "open"),
    )
    typer.echo(f"{listing.shown} of {listing.total} cases shown.")


def statement(
    case: CaseArgument,
    on: LastRunOption = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write it as a letter into this file.")] = None,
    book: BookOption = "",
    as_json: JsonOption = False,
) -> None:
    """What is owed in a case on a day, line by line, each with its ground.

    Examples:

        mahnwerk statement 1-000042
        mahnwerk statement 1-000042 --on 2026-03-31 --pdf statement.pdf
    """
    opened = open_book(book)
    from mahnwerk.usecases import statements

    view = statements.view(opened, case, day_of(on))
    written = statements.write_pdf(opened, view, pdf) if pdf else None
    if as_json:
        output.emit_json({**view.as_dict(), "pdf": str(written) if written else None})
        return
    show_statement(view)
    if written:
        typer.echo(f"Written: {written}")


def show_statement(view: Any) -> None:
    """Claims with their parts, then each line with its derivation, then payments."""
    from mahnwerk.law import UNVERIFIED

    currency = view.currency
    output.table(
        f"Case {view.case_reference} · owed on {date_text(view.on)}",
        ["invoice", "due", "default since", "principal", "interest", "costs", "open"],
        [
            [
                row["invoice_number"],
                date_text(row["due_on"]),
                date_text(row["default_began_on"]),
                money(row["principal_open_cents"], currency),
                money(row["interest_open_cents"], currency),
                money(row["costs_open_cents"], currency),
                money(row["open_cents"], currency),
            ]
            for row in view.claims
        ],
        right=("principal", "interest", "costs", "open"),
    )
    output.table(
        "How it came about",
        ["invoice", "what", "from", "to", "days", "of", "rate", "amount", "ground"],
        [
            [
                row["invoice_number"],
                row["label"],
                date_text(row["first_day"]),
                date_text(row["last_day"]),
                row["days"],
                money(row["base_cents"], currency) if row["base_cents"] is not None else "",
                percent(row["rate_ppm"]) if row["rate_ppm"] is not None else "",
                money(row["amount_cents"], currency),
                f"{row['source']} {UNVERIFIED}" if row["confidence"] == "C" else row["source"],
            ]
            for row in view.lines
        ],
        right=("days", "of", "rate", "amount"),
    )
    show_payments(view)
    typer.echo(f"Open: {money(view.open_cents, currency)}")
    if view.disputed_cents:
        typer.echo(f"Of this disputed: {money(view.disputed_cents, currency)}")
    if view.surplus_cents:
        typer.echo(f"Credit balance: {money(view.surplus_cents, currency)}")


def show_payments(view: Any) -> None:
    """What came in, and where it went."""
    if not view.payments:
        return
    output.table(
        "Payments and credits",
        ["day", "what", "amount", "went to"],
        [
            [
                date_text(row["paid_on"]),
                row["label"],
                money(row["amount_cents"], view.currency),
                ", ".join(
                    " ".join(
                        (
                            part["component"],
                            part["invoice_number"],
                            money(part["amount_cents"], view.currency),
                        )
                    )
                    for part in row["paid"]
                ),
            ]
            for row in view.payments
        ],
        right=("amount",),
    )


def why(
    case: CaseArgument, on: LastRunOption = None, book: BookOption = "", as_json: JsonOption = False
) -> None:
    """Why a case stands where it stands: each cent, today's decision, and what would change it.

    Examples:

        mahnwerk why 1-000042
        mahnwerk why 1-000042 --on 2026-03-31 --json
    """
    opened = open_book(book)
    from mahnwerk.usecases import why as use_case

    answer = use_case.why(opened, case, day_of(on))
    if as_json:
        output.emit_json(answer.as_dict())
        return
    show_statement(answer.statement)
    show_decision(answer)
    show_limitation(answer)
    show_history(answer)


def show_decision(answer: Any) -> None:
    """Today's decision, what would change it, and what a message is asked."""
    decision = answer.decision
    typer.echo("")
    typer.echo(f"Decision on {date_text(answer.on)}: {decision['outcome']} · {decision['reason']}")
    typer.echo(f"  {decision['meaning']}")
    if decision["detail"]:
        typer.echo(f"  Detail: {decision['detail']}")
    if decision["from_on"]:
        typer.echo(f"  So since {date_text(decision['from_on'])}.")
    for line in answer.changes:
        typer.echo(f"  Would change it: {line}")
    for row in answer.promises_not_kept:
        typer.echo(
            f"  A promise to pay by {date_text(row['until_on'])} was not kept (fact {row['fact_no']})."
        )
    output.table(
        "May a message leave?",
        ["rule", "answer", "detail"],
        [[row["rule"], "yes" if row["ok"] else "NO", row["detail"]] for row in answer.permit],
    )


def show_limitation(answer: Any) -> None:
    """When each claim is lost if nothing happens: the last safe day, and the day after which it is."""
    output.table(
        "Limitation",
        ["invoice", "act by", "time-barred after", "by", ""],
        [
            [
                row["invoice_number"],
                date_text(row["warn_on"]),
                date_text(row["time_barred_after"]),
                row["rule_id"] or "not known: `mahnwerk law gaps`",
                "TIME-BARRED" if row["is_time_barred"] else "",
            ]
            for row in answer.limitation
        ],
    )


def show_history(answer: Any) -> None:
    """Messages with their evidence, and the facts in the order they were learnt."""
    if answer.messages:
        output.table(
            "Messages",
            ["step", "day", "channel", "state", "received", "evidence"],
            [
                [
                    row["step_id"],
                    date_text(row["sealed_on"]),
                    row["channel"],
                    row["state"],
                    date_text(row["received_on"]),
                    row["evidence"],
                ]
                for row in answer.messages
            ],
        )
    output.table(
        "Facts",
        ["no", "counts on", "learnt on", "what", "invoice", "amount", "until", "code", "undoes"],
        [
            [
                row["fact_no"],
                date_text(row["effective_on"]),
                date_text(row["recorded_on"]),
                row["kind"],
                row["invoice_number"],
                money(row["amount_cents"], answer.statement.currency)
                if row["amount_cents"] is not None
                else "",
                date_text(row["until_on"]) if row["until_on"] else "",
                row["code"],
                row["voids_fact_no"],
            ]
            for row in answer.facts
        ],
        right=("no", "amount"),
    )
