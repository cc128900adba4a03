"""Whether the law lets this letter ask for these sums: rules that look at the claims one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mahnwerk.letters.formatting import clean, day_long, money
from mahnwerk.letters.model import DebitPart, Item, Letter, Line

DEFAULT_INTEREST = ("interest.default", "interest.agreed_default")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong. refuses: the letter must not leave; else a hint. rule: stable id."""

    rule: str
    refuses: bool
    message: str
    remedy: str = ""


def claim_findings(letter: Letter) -> Iterator[Finding]:
    """Refuse what no wording can make lawful.

    Parameters
    ----------
    letter : what was to be said

    Yields
    ------
    Findings for a demand before the due date (§ 271 Abs. 2 BGB), a cost on a claim this very letter puts in
    default (§§ 280 Abs. 2, 286 BGB), default interest from the due date or earlier or beyond the letter's
    day (§§ 187 Abs. 1, 286, 288 BGB), the lump sum asked of a consumer (§ 288 Abs. 5 BGB), and, from a
    third party, interest or costs without their computation (§ 13a Abs. 1 Nr. 3, 5 RDG); the terms of a
    plan rest on letters that showed it.
    """
    items = {item.invoice_number: item for item in letter.items}
    if letter.is_demanding and letter.template != "notice_before_due":
        for item in letter.demanded_items:
            if item.due_on >= letter.dated_on:
                message = f"Demands invoice {item.invoice_number}, which is not overdue (§ 271 Abs. 2 BGB)."
                yield Finding("figure.not_due", True, message, "Leave it out until it is.")
    yield from _free_first(letter, items)
    for line in letter.lines:
        yield from _interest(letter, line, items.get(line.invoice_number))
        if letter.is_consumer and line.rule_id == "costs.late_payment_lump_sum":
            message = "Asks a consumer for the lump sum, which only others owe (§ 288 Abs. 5 BGB)."
            yield Finding("figure.lump_sum", True, message, "Void the cost, or correct the debtor's kind.")
    if letter.is_third_party and letter.terms is None:
        yield from _computation(letter)


def plan_findings(letter: Letter) -> Iterator[Finding]:
    """Refuse a reminder of a plan that is more than that.

    Parameters
    ----------
    letter : what was to be said

    Yields
    ------
    Findings for an instalment that is not due yet or asked for beyond its sum, a cost of any kind, default,
    and a demand for the claims themselves, which the plan defers.
    """
    if letter.plan is None:
        return
    for rate in letter.plan.missed:
        if rate.due_on >= letter.dated_on or not 0 < rate.open_cents <= rate.amount_cents:
            message = f"Instalment {rate.number} is not missing to that sum on the letter's day."
            yield Finding("figure.instalment", True, message, "Leave it out.")
    if letter.new_costs_cents or letter.lines or letter.interest_rows:
        message = "A reminder of a plan costs nothing and asks for instalments only."
        yield Finding("figure.plan_costs", True, message, "Ask for costs and interest outside the plan.")
    if letter.triggers_default or letter.demanded_items:
        message = "A reminder of a plan demands what the plan defers."
        yield Finding("figure.plan_demand", True, message, "List the claims for information only.")


def debit_parts(letter: Letter) -> dict[str, str]:
    """What must stand in the announcement of a direct debit: rule → text."""
    debit = letter.debit
    if debit is None:
        return {}
    return {
        "part.amount": money(letter.demand_cents, letter.currency, letter.language),
        "part.debit_on": day_long(debit.collect_on, letter.language),
        "part.mandate": clean(debit.mandate),
        "part.creditor_identifier": clean(debit.creditor_identifier),
        "part.account": debit.account_end,
        **{f"part.what_{number}": _name(part) for number, part in enumerate(debit.parts, start=1)},
    }


def _name(part: DebitPart) -> str:
    return clean(part.invoice_number) if part.instalment is None else str(part.instalment)


def debit_findings(letter: Letter) -> Iterator[Finding]:
    """Refuse the announcement of a direct debit that is more than that.

    Parameters
    ----------
    letter : what was to be said

    Yields
    ------
    Findings for a day that is not after the letter or before something is due, another currency than euro, a
    cost of any kind, default, and a demand to pay what will be collected.
    """
    debit = letter.debit
    if debit is None:
        return
    if debit.collect_on <= letter.dated_on or any(part.due_on > debit.collect_on for part in debit.parts):
        message = "Announces a direct debit for a day that is past or before something is due."
        yield Finding("figure.debit_day", True, message, "Name a later day.")
    if letter.currency != "EUR":
        yield Finding("figure.debit_currency", True, "A SEPA direct debit collects euro only.")
    if letter.new_costs_cents or letter.lines or letter.interest_rows or letter.pay_url:
        message = "The announcement of a direct debit costs nothing and offers no other way to pay."
        yield Finding("figure.debit_costs", True, message, "Ask for costs elsewhere.")
    if letter.triggers_default or letter.demanded_items:
        message = "The announcement of a direct debit demands what will be collected."
        yield Finding("figure.debit_demand", True, message, "List the claims for information only.")


def _free_first(letter: Letter, items: dict[str, Item]) -> Iterator[Finding]:
    """No claim bears a cost of the letter that puts it in default; another claim may."""
    if not (letter.new_costs_cents and letter.triggers_default):
        return
    new = [line for line in letter.lines if line.component == "costs" and line.is_new]
    bearing = [item for line in new if (item := items.get(line.invoice_number))]
    if any(item.triggers_default for item in bearing) or all(
        item.triggers_default for item in letter.demanded_items
    ):
        yield Finding(
            "figure.free_first", True, "The letter that puts in default must be free (§§ 280, 286 BGB)."
        )


def _interest(letter: Letter, line: Line, item: Item | None) -> Iterator[Finding]:
    if line.rule_id not in DEFAULT_INTEREST or item is None:
        return
    if line.first_day and line.first_day <= item.due_on:
        message = f"Invoice {item.invoice_number}: default interest from the due date or earlier (§ 286 BGB)."
        yield Finding("figure.interest_start", True, message)
    if line.last_day and line.last_day > letter.dated_on:
        message = f"Invoice {item.invoice_number}: interest for days that have not come yet."
        yield Finding("figure.interest_end", True, message)


def _computation(letter: Letter) -> Iterator[Finding]:
    """§ 13a Abs. 1 Nr. 3 and 5 RDG: how interest and costs come about must stand in the letter."""
    if any(item.interest_open_cents for item in letter.items) and not letter.interest_rows:
        message = "Interest without its computation: amount, rate and period (§ 13a Abs. 1 Nr. 3 RDG)."
        yield Finding("rdg.interest", True, message)
    explained = any(line.component == "costs" and line.rule_id for line in letter.lines)
    if any(item.costs_open_cents for item in letter.items) and not explained:
        message = "Costs without their kind and ground (§ 13a Abs. 1 Nr. 5 RDG)."
        yield Finding("rdg.costs", True, message)
