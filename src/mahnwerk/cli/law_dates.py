"""Calculators of days: when default began, when a claim becomes time-barred."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import typer

from mahnwerk.cli import output
from mahnwerk.cli.law_terms import (
    Debtor,
    DebtorOption,
    Kind,
    LandOption,
    day_option,
    german_law,
    show_sources,
    told,
)
from mahnwerk.cli.options import DAY_FORMATS, JsonOption, day_of
from mahnwerk.cli.output import date_text

Days = list[dt.datetime] | None


def _span_option(name: str, text: str) -> Any:
    return typer.Option(name, metavar="DAY..DAY", help=text + " May be repeated.", show_default=False)


def limitation(
    due_on: Annotated[dt.datetime, day_option("--due-on", "Day on which the claim fell due.")],
    part_payment: Annotated[Days, day_option("--part-payment", "Restarts the period. Repeatable.")] = None,
    acknowledged: Annotated[
        Days, day_option("--acknowledged-on", "Acknowledgement; restarts the period. Repeatable.")
    ] = None,
    negotiation: Annotated[
        list[str] | None, _span_option("--negotiation", "Talks, first to last day.")
    ] = None,
    deferral: Annotated[list[str] | None, _span_option("--deferral", "Agreed deferral.")] = None,
    payment_order: Annotated[
        list[str] | None,
        typer.Option(
            "--payment-order",
            metavar="FILED..SERVED[..ENDED]",
            help="Court payment order: filed, served, and when the proceedings ended. May be repeated.",
            show_default=False,
        ),
    ] = None,
    title: Annotated[Days, day_option("--title", "Enforceable title, final on this day.")] = None,
    known_on: Annotated[
        dt.datetime | None,
        day_option("--known-on", "When the creditor learnt of claim and debtor, if later."),
    ] = None,
    land: LandOption = "",
    on: Annotated[dt.datetime | None, day_option("--on", "Say whether it is barred on this day.")] = None,
    as_json: JsonOption = False,
) -> None:
    """When a claim becomes time-barred (§§ 195–212 BGB). A dunning notice changes nothing.

    Examples:

        mahnwerk law limitation --due-on 2023-05-10

        mahnwerk law limitation --due-on 2023-05-10 --part-payment 2026-03-02 --on 2026-11-21 --json

        mahnwerk law limitation --due-on 2023-05-10 --payment-order 2026-12-29..2027-01-11
    """
    with told(as_json):
        from mahnwerk.kernel import limitation_period as kernel
        from mahnwerk.kernel.calendar import check_land

        law, due = german_law(), due_on.date()
        periods = kernel.periods_of(law, due)
        suspensions = _suspensions(negotiation, deferral, payment_order, periods)
        found = kernel.limitation_of(
            due,
            periods,
            known_on=day_of(known_on),
            restarts=[day.date() for day in [*(part_payment or []), *(acknowledged or [])]],
            suspensions=suspensions,
            titles=[day.date() for day in title or []],
            land=check_land(land),
        )
        sources = [str(law.source(_parameter_of(found.rule_id), due))]
        sources += _sources_of(found.rule_id, bool(suspensions))
        _answer(found, day_of(on), sources, as_json)


def _answer(found: Any, asked: dt.date | None, sources: list[str], as_json: bool) -> None:
    is_barred = None if asked is None else found.is_time_barred(asked)
    if as_json:
        output.emit_json(
            {
                "time_barred_after": found.time_barred_after,
                "warn_on": found.warn_on,
                "is_time_barred": is_barred,
                "rule_id": found.rule_id,
                "began_after": found.began_after,
                "sources": sources,
            }
        )
        return
    shown = {
        "Time-barred after": date_text(found.time_barred_after),
        "Warn on": date_text(found.warn_on),
        "Runs from the day after": date_text(found.began_after),
        "Rule": found.rule_id,
    }
    if asked is not None:
        shown[f"Barred on {date_text(asked)}"] = "yes" if is_barred else "no"
    output.pairs(shown)
    show_sources(sources)


def _suspensions(
    negotiations: list[str] | None, deferrals: list[str] | None, orders: list[str] | None, periods: Any
) -> list[Any]:
    from mahnwerk.kernel import limitation_period as kernel

    found = [kernel.negotiation(*_span(text), periods) for text in negotiations or []]
    found += [kernel.Suspension(*_span(text)) for text in deferrals or []]
    return found + [_order(text, periods) for text in orders or []]


def _parameter_of(rule_id: str) -> str:
    """The law parameter behind a rule; suspension and restart leave the regular period in force."""
    from mahnwerk.kernel.limitation_period import LONG_STOP, REGULAR, TITLE

    return rule_id if rule_id in (LONG_STOP, TITLE) else REGULAR


def _sources_of(rule_id: str, suspended: bool) -> list[str]:
    from mahnwerk.law import UNVERIFIED

    sources = []
    if rule_id == "limitation.restarted":
        sources.append("§ 212 Abs. 1 Nr. 1 BGB: restarts at once, not at the end of the year")
    if suspended:
        sources.append("§§ 203–205, 209 BGB: suspended time is not counted")
    sources.append(f"§ 193 BGB: a last day that is no working day moves {UNVERIFIED}")
    return sources


def _days(text: str, counts: tuple[int, ...], form: str) -> list[dt.date]:
    parts = [part.strip() for part in text.split("..")]
    days = [day for part in parts if (day := _day(part)) is not None]
    if len(days) != len(parts) or len(days) not in counts:
        raise ValueError(f"{text!r} cannot be read; write {form} with days as 2026-12-29 or 29.12.2026")
    if days != sorted(days):
        raise ValueError(f"{text!r}: a later day stands before an earlier one")
    return days


def _day(text: str) -> dt.date | None:
    for form in DAY_FORMATS:
        try:
            return dt.datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def _span(text: str) -> tuple[dt.date, dt.date]:
    first, last = _days(text, (2,), "FIRST..LAST")
    return first, last


def _order(text: str, periods: Any) -> Any:
    from mahnwerk.kernel import limitation_period as kernel

    days = _days(text, (2, 3), "FILED..SERVED or FILED..SERVED..ENDED")
    return kernel.payment_order(days[0], days[1], days[2] if len(days) > 2 else None, periods)


def default_began(
    due_on: Annotated[dt.datetime, day_option("--due-on", "Day on which the claim fell due.")],
    kind: Annotated[
        Kind,
        typer.Option(
            "--kind",
            help="calendar, period: agreed by contract · notice: a dunning notice is needed · "
            "invoice: notice, or 30 days after due date and receipt of the invoice.",
        ),
    ],
    received_on: Annotated[
        dt.datetime | None,
        day_option("--received-on", "Receipt of the dunning notice; with --kind invoice, of the invoice."),
    ] = None,
    notice_received_on: Annotated[
        dt.datetime | None,
        day_option("--notice-received-on", "With --kind invoice: receipt of a dunning notice."),
    ] = None,
    pay_by: Annotated[
        dt.datetime | None, day_option("--pay-by", "Date the dunning notice itself sets for payment.")
    ] = None,
    debtor: DebtorOption = Debtor.CONSUMER,
    consumer_told: Annotated[
        bool, typer.Option("--consumer-told", help="The invoice told a consumer of the 30 days.")
    ] = False,
    land: LandOption = "",
    as_json: JsonOption = False,
) -> None:
    """First day of default, which is the first day that bears default interest (§ 286 BGB).

    Examples:

        mahnwerk law default-began --due-on 2026-09-01 --kind calendar --land BE

        mahnwerk law default-began --due-on 2026-09-01 --kind notice --received-on 2026-09-10

        mahnwerk law default-began --due-on 2026-09-01 --kind invoice --received-on 2026-08-20
        --debtor business --json
    """
    with told(as_json):
        from mahnwerk.frames import DueKind
        from mahnwerk.kernel.arrears import INVOICE_PERIOD, default_of
        from mahnwerk.law import load_laws

        is_invoice = kind is Kind.INVOICE
        notice = notice_received_on if is_invoice else (notice_received_on or received_on)
        if pay_by is not None and notice is None:
            raise ValueError("--pay-by belongs to a dunning notice; say when the notice was received")
        began, ground = default_of(
            due_on=due_on.date(),
            due_kind=DueKind[kind.name],
            laws=load_laws(),
            invoice_received_on=day_of(received_on) if is_invoice else None,
            notice_received_on=day_of(notice),
            pay_by=day_of(pay_by),
            is_consumer=debtor is Debtor.CONSUMER,
            has_default_notice=consumer_told,
            land=land or None,
        )
        if as_json:
            output.emit_json({"default_began_on": began})
            return
        if began is None:
            typer.echo("No default yet: nothing has begun it.")
            return
        output.pairs({"Default began on": date_text(began), "Ground": ground})
        if ground == "default.invoice_30_days":
            show_sources([str(german_law().source(INVOICE_PERIOD, due_on.date()))])
        else:
            show_sources(["§ 286 Abs. 1, 2 BGB; first and last days by §§ 187, 188, 193 BGB"])
