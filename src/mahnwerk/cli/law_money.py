"""Calculators of amounts: interest, collection costs, court fee, attachable income."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Annotated, Final

import typer

from mahnwerk.cli import output
from mahnwerk.cli.law_terms import (
    AmountArgument,
    DayCount,
    Debtor,
    DebtorOption,
    Per,
    day_option,
    german_law,
    read_cents,
    show_sources,
    told,
)
from mahnwerk.cli.options import JsonOption, day_of
from mahnwerk.cli.output import date_text, money, percent

_WARNINGS: Final = {
    "needs_extensive_or_difficult_work": "this rate is owed only where the work was extensive or difficult; "
    "say why in the letter, or ask less",
}


def interest(
    amount: AmountArgument,
    first_day: Annotated[dt.datetime, day_option("--from", "First interest-bearing day; it counts.")],
    last_day: Annotated[dt.datetime, day_option("--until", "Last day; it counts too.")],
    debtor: DebtorOption = Debtor.CONSUMER,
    arose_on: Annotated[
        dt.datetime | None, day_option("--arose-on", "When the obligation arose; picks the margin.")
    ] = None,
    day_count: Annotated[DayCount, typer.Option("--day-count", help="Convention.")] = DayCount.ACT_ACT,
    other_debt: Annotated[
        bool, typer.Option("--other-debt", help="Not payment for goods or services: lower margin.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Default interest on one amount, row by row; first and last day both count.

    Examples:

        mahnwerk law interest 1.234,56 --from 2022-11-15 --until 2026-11-21 --debtor consumer

        mahnwerk law interest 10000 --from 2026-06-15 --until 2026-07-15 --debtor business --json
    """
    with told(as_json):
        from mahnwerk.kernel.interest_of_one import interest_between

        first = first_day.date()
        cents = read_cents(amount)
        found = interest_between(
            cents,
            first,
            last_day.date(),
            law=german_law(),
            is_commercial=debtor is Debtor.BUSINESS and not other_debt,
            arose_on=day_of(arose_on) or first,
            day_count=day_count.value,
        )
        sources = [
            *found.sources,
            f"Day count {day_count.value}, both days counted, total rounded half up (convention)",
        ]
        if as_json:
            output.emit_json(
                {"interest_cents": found.interest_cents, "rows": list(found.rows), "sources": sources}
            )
            return
        output.table(
            f"Default interest on {money(cents)}",
            ["from", "to", "days", "rate", "interest"],
            [
                [
                    date_text(row["first_day"]),
                    date_text(row["last_day"]),
                    row["days"],
                    percent(row["rate_ppm"]),
                    money(row["interest_cents"]),
                ]
                for row in found.rows
            ],
            right=("days", "rate", "interest"),
        )
        output.pairs({"Interest": money(found.interest_cents)})
        show_sources(sources)


def collection_costs(
    amount: AmountArgument,
    mandate_on: Annotated[dt.datetime, day_option("--mandate-on", "Day of the order to the agency.")],
    factor: Annotated[str, typer.Option("--factor", help="Multiple of the full fee: 0.5, 0.9, 1.3.")],
    vat: Annotated[
        bool, typer.Option("--vat", help="Add tax: the creditor cannot deduct input tax.")
    ] = False,
    disputed: Annotated[bool, typer.Option("--disputed", help="The debtor disputes the claim.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What may be asked of the debtor for a collection agency (§ 13e RDG).

    Examples:

        mahnwerk law collection-costs 1000 --mandate-on 2026-11-02 --factor 0.9

        mahnwerk law collection-costs 45,50 --mandate-on 2026-11-02 --factor 0.5 --vat --json
    """
    with told(as_json):
        from mahnwerk.kernel import costs

        cents = read_cents(amount)
        found = costs.collection_costs(
            cents, mandate_on.date(), _factor(factor), german_law(), vat=vat, disputed=disputed
        )
        for warning in found.warnings:
            typer.echo(f"mahnwerk: {_WARNINGS.get(warning, warning)}", err=True)
        if as_json:
            output.emit_json(
                {
                    "fee_cents": found.fee_cents,
                    "expenses_cents": found.expenses_cents,
                    "vat_cents": found.vat_cents,
                    "total_cents": found.total_cents,
                    "sources": list(found.sources),
                }
            )
            return
        typer.echo(f"Collection costs on {money(cents)}")
        output.pairs(
            {
                "Fee": money(found.fee_cents),
                "Expenses": money(found.expenses_cents),
                "VAT": money(found.vat_cents),
                "Total": money(found.total_cents),
            }
        )
        show_sources(found.sources)


def _factor(text: str) -> Fraction:
    try:
        return Fraction(text.strip().replace(",", "."))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"factor {text!r} is no number; write 0.9 or 0,9") from None


def court_fee(
    amount: AmountArgument,
    filed_on: Annotated[dt.datetime, day_option("--filed-on", "Day on which the application is filed.")],
    as_json: JsonOption = False,
) -> None:
    """Court fee of a payment order (Mahnbescheid, Nr. 1100 KV GKG).

    Examples:

        mahnwerk law court-fee 1500 --filed-on 2026-11-21

        mahnwerk law court-fee 10.000,00 --filed-on 2024-03-01 --json
    """
    with told(as_json):
        from mahnwerk.kernel import costs

        cents = read_cents(amount)
        found = costs.court_fee(cents, filed_on.date(), german_law())
        if as_json:
            output.emit_json(
                {
                    "fee_cents": found.fee_cents,
                    "full_fee_cents": found.full_fee_cents,
                    "rate_permille": found.rate_permille,
                    "sources": list(found.sources),
                }
            )
            return
        typer.echo(f"Court fee of a payment order on {money(cents)}")
        output.pairs({"Full fee": money(found.full_fee_cents), "Fee": money(found.fee_cents)})
        show_sources(found.sources)


def attachment(
    net: Annotated[str, typer.Argument(help="Net earned income in euro: 1599.99 or 1.599,99.")],
    on: Annotated[dt.datetime, day_option("--on", "Day on which the income is paid.")],
    dependants: Annotated[int, typer.Option("--dependants", min=0, help="People maintained by law.")] = 0,
    per: Annotated[Per, typer.Option("--per", help="Period the income is paid for.")] = Per.MONTH,
    as_json: JsonOption = False,
) -> None:
    """How much of an earned income could be attached (§ 850c ZPO): what is affordable, not a limit.

    Examples:

        mahnwerk law attachment 2000 --dependants 0 --on 2026-11-21

        mahnwerk law attachment 450,00 --per week --on 2026-11-21 --json
    """
    with told(as_json):
        from mahnwerk.kernel.enforcement import attachable

        found = attachable(read_cents(net), dependants, on.date(), german_law(), per.value)
        if as_json:
            output.emit_json(
                {
                    "attachable_cents": found.attachable_cents,
                    "exempt_cents": found.exempt_cents,
                    "base_cents": found.base_cents,
                    "cap_cents": found.cap_cents,
                    "per": found.per,
                    "sources": list(found.sources),
                }
            )
            return
        typer.echo(f"Attachable income per {found.per}")
        output.pairs({"Attachable": money(found.attachable_cents), "Stays": money(found.exempt_cents)})
        show_sources(found.sources)
