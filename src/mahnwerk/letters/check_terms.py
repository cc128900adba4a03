"""Whether a document may show these terms of a plan: they add up, all stand there, nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

from mahnwerk.letters.check_claims import Finding
from mahnwerk.letters.formatting import day_long, day_short, money
from mahnwerk.letters.model import Letter, PlanTerms


def terms_cents(terms: PlanTerms) -> set[int]:
    """Every amount of the terms; no fee is one of them."""
    amounts = {0, terms.open_cents, terms.interest_cents, terms.total_cents}
    for one in terms.instalments:
        amounts |= {one.amount_cents, one.interest_cents, one.left_cents}
    return amounts


def terms_parts(letter: Letter) -> dict[str, str]:
    """What must stand in the document of a plan: rule → text."""
    terms = letter.terms
    if terms is None:
        return {}
    language = letter.language
    needed = {
        "part.terms_hash": terms.terms_hash,
        "part.plan_open": money(terms.open_cents, letter.currency, language),
        "part.last_on": day_long(terms.last_on, language),
    }
    for one in terms.instalments:
        needed[f"part.instalment_{one.number}_day"] = day_short(one.due_on, language)
        needed[f"part.instalment_{one.number}"] = money(one.amount_cents, letter.currency, language)
    return needed


def terms_findings(letter: Letter) -> Iterator[Finding]:
    """Refuse the document of a plan that does not add up, or that asks for anything.

    Parameters
    ----------
    letter : what was to be said

    Yields
    ------
    Findings for instalments that are not the total, a total that is not what is open and the interest, claims
    that are not what is open, days out of order, an end that leaves something, a cost of any kind, default,
    and a demand.
    """
    terms = letter.terms
    if terms is None:
        return
    rates = terms.instalments
    total, interest = sum(one.amount_cents for one in rates), sum(one.interest_cents for one in rates)
    sums = (total, interest, rates[-1].left_cents)
    if sums != (terms.total_cents, terms.interest_cents, 0) or total != terms.open_cents + interest:
        message = "The instalments are not the total, or the total is not what is open and its interest."
        yield Finding("figure.terms", True, message, "Take the terms as they were agreed.")
    if any(one.amount_cents != rates[0].amount_cents for one in rates[:-1]):
        yield Finding("figure.terms", True, "Instalments before the last one differ.", "Name each of them.")
    owed = [item.open_cents for item in letter.items]
    if any(owed) and sum(owed) != terms.open_cents:
        yield Finding("figure.terms_claims", True, "The claims do not come to what the plan says is open.")
    days = [terms.starts_on, *(one.due_on for one in rates)]
    if days != sorted(days) or (terms.answer_by and terms.answer_by < letter.dated_on):
        message = "An instalment lies before the one before it, or the offer stands no longer."
        yield Finding("figure.terms_day", True, message, "Make a new offer.")
    if letter.new_costs_cents or letter.lines or letter.interest_rows or letter.pay_url:
        message = "The document of a plan costs nothing and names no other sums."
        yield Finding("figure.terms_costs", True, message, "Ask for costs elsewhere.")
    if letter.triggers_default or letter.demanded_items:
        message = "The document of a plan demands what the plan defers."
        yield Finding("figure.terms_demand", True, message, "List the claims for information only.")
