"""The terms of a plan for the one who is to keep it: what it covers, each instalment, each term in words."""

from __future__ import annotations

from typing import Final

from mahnwerk.frames import Role
from mahnwerk.letters.address import address_lines, recipient_name
from mahnwerk.letters.context import Context
from mahnwerk.letters.document import Signing, Table
from mahnwerk.letters.formatting import clean, day_short
from mahnwerk.letters.model import Item, LetterError, Party

NO_ACKNOWLEDGEMENT: Final = "no_acknowledgement"
BEFORE: Final = ("about", "total", "last", "how")
"""What every plan says before its clauses: what for, how much, until when, how."""
LATE: Final = ("grace", "missed")
"""What it says of a payment that does not come; then, where it is agreed, when the rest falls due."""
AFTER: Final = ("rest", "change", "hash")
"""What it says at the end."""
RISK: Final = "due_on_default"


def covered_table(context: Context) -> Table:
    """One row per claim the plan covers, with what was owed on it on the plan's first day."""
    letter, word = context.letter, context.wording.word
    open_cents = letter.terms.open_cents if letter.terms else 0
    return Table(
        kind="covered",
        title=context.one("covered/title"),
        intro=context.one("covered/intro"),
        head=tuple(word(f"covered/{key}") for key in ("invoice", "principal", "interest", "costs", "open")),
        align="lrrrr",
        rows=tuple(_covered_row(context, item) for item in letter.items),
        sums=((context.one("covered/sum"), context.money(open_cents), True),),
    )


def _covered_row(context: Context, item: Item) -> tuple[str, ...]:
    """The parts of a claim; where they are not known, only which claim it is."""
    parts = (item.principal_open_cents, item.interest_open_cents, item.costs_open_cents)
    known = item.open_cents > 0
    return (
        clean(item.invoice_number),
        *((context.money(cents) if cents else "–") if known else "" for cents in parts),
        context.money(item.open_cents) if known else "",
    )


def instalments_table(context: Context) -> Table:
    """Every instalment with its day and sum; they add up to the total."""
    letter, word = context.letter, context.wording.word
    terms = letter.terms
    instalments = terms.instalments if terms else ()
    with_interest = "plan_interest" in context.flags
    keys = ("number", "due", *(("interest",) if with_interest else ()), "left", "amount")
    total = sum(one.amount_cents for one in instalments)
    return Table(
        kind="instalments" if with_interest else "instalments_plain",
        title=context.one("instalments/title"),
        intro="",
        head=tuple(word(f"instalments/{key}") for key in keys),
        align="ll" + "r" * (len(keys) - 2),
        rows=tuple(
            (
                str(one.number),
                day_short(one.due_on, letter.language),
                *((context.money(one.interest_cents),) if with_interest else ()),
                context.money(one.left_cents),
                context.money(one.amount_cents),
            )
            for one in instalments
        ),
        sums=((context.one("instalments/sum"), context.money(total), True),),
    )


def terms_rows(context: Context) -> tuple[tuple[str, str], ...]:
    """Who agrees, about what, and each term, as label and text. Nothing else is agreed.

    Raises
    ------
    LetterError : a clause that has no words.
    """
    terms = context.letter.terms
    if terms is None:
        return ()
    unknown = [name for name in terms.clauses if f"clauses/{name}/text" not in context.wording.texts]
    if unknown:
        raise LetterError(f"clause {', '.join(unknown)}: has no words, so nobody could read what it says")
    clauses = [name for name in terms.clauses if name not in (NO_ACKNOWLEDGEMENT, RISK)]
    nothing = NO_ACKNOWLEDGEMENT if NO_ACKNOWLEDGEMENT in terms.clauses else "nothing_asked"
    keys = [f"terms/{key}" for key in BEFORE]
    keys += [f"clauses/{name}" for name in (*clauses, nothing)]
    keys += [f"terms/{key}" for key in LATE]
    keys += [f"clauses/{RISK}"] if RISK in terms.clauses else []
    keys += [f"terms/{key}" for key in AFTER]
    told = [(context.wording.word(f"{key}/label"), " ".join(context.all(f"{key}/text"))) for key in keys]
    return (*_parties(context), *told)


def _parties(context: Context) -> tuple[tuple[str, str], ...]:
    """Whose claim it is, who acts for him or had it before, and who pays."""
    letter, word = context.letter, context.wording.word
    writer = Party(letter.sender.name, letter.sender.address_lines)
    other = letter.creditor
    rows = [(word("terms/creditor"), _named(writer))]
    if other is not None and letter.role == Role.AGENCY:
        rows = [(word("terms/creditor"), _named(other)), (word("terms/agency"), _named(writer))]
    elif other is not None and letter.role == Role.ASSIGNEE:
        rows.append((word("terms/first_creditor"), _named(other)))
    elif other is not None and letter.role == Role.MARKETPLACE:
        rows.append((word("terms/operator"), _named(other)))
    you = ", ".join(address_lines(letter.recipient, letter.sender, letter.language))
    return (*rows, (word("terms/you"), you))


def _named(party: Party) -> str:
    return ", ".join(clean(line) for line in (party.name, *party.address_lines) if line)


def signing(context: Context) -> Signing | None:
    """Where both sign, if that is wanted."""
    letter, word = context.letter, context.wording.word
    if letter.terms is None or not letter.terms.to_sign:
        return None
    names = (recipient_name(letter.recipient), clean(letter.sender.name))
    return Signing(word("signing/title"), context.one("signing/intro"), word("signing/place"), names)
