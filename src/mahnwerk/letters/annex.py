"""The tables of a letter: its invoices, and page two, where each figure shows its ground."""

from __future__ import annotations

from mahnwerk.frames import Role
from mahnwerk.letters.context import Context, has_derivation
from mahnwerk.letters.document import Table
from mahnwerk.letters.formatting import clean, day_long, day_short, number, percent, statute
from mahnwerk.letters.model import Item, Line, Party, Payment


def items_table(context: Context) -> Table:
    """One row per claim with its own state, then what the sum to pay is made of."""
    letter = context.letter
    word = context.wording.word
    head = tuple(word(f"items/{key}") for key in ("invoice", "issued", "due", "status", "original", "open"))
    return Table(
        kind="items",
        title=context.one("items/title"),
        intro="",
        head=head,
        align="llllrr",
        rows=tuple(_item_row(context, item) for item in letter.items),
        sums=_item_sums(context),
    )


def _item_row(context: Context, item: Item) -> tuple[str, ...]:
    language = context.letter.language
    status = clean(item.status) or context.one(f"status/{item.step or _state(context, item)}")
    return (
        clean(item.invoice_number),
        day_short(item.issued_on, language),
        day_short(item.due_on, language),
        status if item.is_demanded else f"{status} *".strip(),
        context.money(item.original_cents),
        context.money(item.principal_open_cents) if item.principal_open_cents else "–",
    )


def _state(context: Context, item: Item) -> str:
    """What a claim is that no step has reached: disputed, paid, not yet due, or due."""
    if item.disputed_cents > 0:
        return "disputed_part" if item.open_cents > 0 else "disputed"
    if item.open_cents <= 0:
        return "confirm_paid_in_full"
    return "upcoming" if item.due_on >= context.letter.as_of_on else "listed"


def _item_sums(context: Context) -> tuple[tuple[str, str, bool], ...]:
    letter = context.letter
    counted = letter.demanded_items
    parts = (
        ("sum_principal", sum(item.principal_open_cents for item in counted)),
        ("sum_interest", sum(item.interest_open_cents for item in counted)),
        ("sum_costs", sum(item.costs_open_cents for item in counted)),
    )
    extra = any(cents for _, cents in parts[1:])
    total = "sum_demand" if letter.is_demanding else "sum_open"
    rows = (
        [(context.one(f"items/{key}"), context.money(cents), False) for key, cents in parts if cents]
        if extra
        else []
    )
    disputed = letter.disputed_cents
    if extra or disputed or len(letter.items) > 1:
        rows.append((context.one(f"items/{total}"), context.money(letter.demand_cents), True))
    if disputed:
        rows.append((context.one("items/sum_disputed"), context.money(disputed), False))
    return tuple(rows)


def rates_table(context: Context) -> Table:
    """One row per missed instalment of the plan."""
    letter, word = context.letter, context.wording.word
    missed = letter.plan.missed if letter.plan else ()
    total = (context.one("rates/sum"), context.money(letter.demand_cents), True)
    return Table(
        kind="rates",
        title=context.one("rates/title"),
        intro="",
        head=tuple(word(f"rates/{key}") for key in ("number", "due", "original", "open")),
        align="llrr",
        rows=tuple(
            (
                str(rate.number),
                day_short(rate.due_on, letter.language),
                context.money(rate.amount_cents),
                context.money(rate.open_cents),
            )
            for rate in missed
        ),
        sums=(total,) if len(missed) > 1 else (),
    )


def debits_table(context: Context) -> Table:
    """One row per invoice or instalment that is collected."""
    letter, word = context.letter, context.wording.word
    parts = letter.debit.parts if letter.debit else ()
    total = (word("debits/sum"), context.money(letter.demand_cents), True)
    return Table(
        kind="debits",
        title=word("debits/title"),
        intro="",
        head=tuple(word(f"debits/{key}") for key in ("what", "due", "amount")),
        align="llr",
        rows=tuple(
            (
                f"{word('debits/invoice')} {clean(part.invoice_number)}"
                if part.instalment is None
                else f"{word('debits/instalment')} {part.instalment}",
                day_short(part.due_on, letter.language),
                context.money(part.open_cents),
            )
            for part in parts
        ),
        sums=(total,) if len(parts) > 1 else (),
    )


def annex_tables(context: Context) -> tuple[Table, ...]:
    """The derivation, the interest schedule and the payments, each where there is something to show."""
    if "annex" not in context.flags:
        return ()
    letter = context.letter
    return (
        *((_lines_table(context),) if has_derivation(letter) else ()),
        *((_interest_table(context),) if letter.interest_rows else ()),
        *((_payments_table(context),) if letter.payments else ()),
    )


def _lines_table(context: Context) -> Table:
    letter, word = context.letter, context.wording.word
    total = sum(line.amount_cents for line in letter.lines)
    return Table(
        kind="lines",
        title=word("annex/title"),
        intro=context.one("annex/intro"),
        head=tuple(word(f"annex/{key}") for key in ("what", "basis", "source", "amount")),
        align="lllr",
        rows=tuple(
            (
                _label(context, line),
                _basis(context, line),
                _source(context, line),
                context.money(line.amount_cents),
            )
            for line in letter.lines
        ),
        sums=((word("annex/sum"), context.money(total), True),),
    )


def _label(context: Context, line: Line) -> str:
    word = context.wording.word
    number = clean(line.invoice_number)
    label = clean(line.label)
    if not label:
        path = f"rules/{line.rule_id}"
        label = word(path) if path in context.wording.texts else word(f"components/{line.component}")
    if not number or number in label:
        return label
    return f"{label} {number}" if line.component == "principal" else f"{label} ({number})"


def _source(context: Context, line: Line) -> str:
    """The statute; for the invoice itself, which needs none, its own date."""
    item = context.item_of(line)
    if line.source or item is None:
        return statute(clean(line.source), context.letter.language)
    word = context.wording.word
    issued = day_short(item.issued_on, context.letter.language)
    return f"{word('items/invoice')} {word('annex/of_word')} {issued}"


def _basis(context: Context, line: Line) -> str:
    """`auf 1.234,56 €, 11,37 % im Jahr, 01.11.2026 bis 12.12.2026 (42 Tage)`: as much as is known."""
    letter, word = context.letter, context.wording.word
    language = letter.language
    item = context.item_of(line)
    if item is not None:
        due = f"{word('annex/due_word')} {day_short(item.due_on, language)}"
        if item.default_since is None or item.default_since > letter.as_of_on:
            return due
        source = statute(clean(item.default_source), language)
        since = f"{word('annex/default_word')} {day_short(item.default_since, language)}"
        return f"{due}, {since}{f' ({source})' if source else ''}"
    parts = []
    if line.base_cents is not None:
        parts.append(f"{word('annex/on')} {context.money(line.base_cents)}")
    if line.rate_ppm is not None:
        parts.append(f"{percent(line.rate_ppm, language)} {word('annex/a_year')}")
    if line.first_day and line.last_day and line.first_day != line.last_day:
        first, last = day_short(line.first_day, language), day_short(line.last_day, language)
        parts.append(f"{first} {word('annex/until_word')} {last}")
    elif line.first_day or line.last_day:
        day = line.first_day or line.last_day
        parts.append(f"{word('annex/of_word')} {day_short(day, language)}" if day else "")
    if line.days is not None:
        parts.append(
            f"{number(line.days, language)} {word('annex/day_one' if line.days == 1 else 'annex/day_word')}"
        )
    return ", ".join(parts)


def _interest_table(context: Context) -> Table:
    letter, word = context.letter, context.wording.word
    language = letter.language
    total = sum(row.interest_cents for row in letter.interest_rows)
    keys = ("from", "to", "days", "principal", "rate", "interest")
    return Table(
        kind="interest",
        title=word("annex/interest_title"),
        intro=_interest_intro(context),
        head=(word("items/invoice"), *(word(f"annex/{key}") for key in keys)),
        align="lllrrrr",
        rows=tuple(
            (
                clean(row.invoice_number),
                day_short(row.first_day, language),
                day_short(row.last_day, language),
                number(row.days, language),
                context.money(row.principal_cents),
                percent(row.rate_ppm, language),
                context.money(row.interest_cents),
            )
            for row in letter.interest_rows
        ),
        sums=((word("annex/sum"), context.money(total), True),),
    )


def _interest_intro(context: Context) -> str:
    """How interest is reckoned, and that a payment in time stops it (`paid_as_demanded`)."""
    parts = [context.one("annex/interest_intro")]
    if context.letter.is_demanding and context.letter.pay_by is not None:
        parts.append(context.one("annex/interest_stops"))
    return " ".join(parts)


def _payments_table(context: Context) -> Table:
    word, language = context.wording.word, context.letter.language
    return Table(
        kind="payments",
        title=word("annex/payments_title"),
        intro=context.one("annex/payments_intro"),
        head=tuple(word(f"annex/{key}") for key in ("paid_on", "paid_for", "paid_amount")),
        align="llr",
        rows=tuple(
            (
                day_short(payment.paid_on, language),
                _paid_for(context, payment),
                context.money(payment.amount_cents),
            )
            for payment in context.letter.payments
        ),
    )


def _paid_for(context: Context, payment: Payment) -> str:
    word = context.wording.word
    parts = []
    for part in payment.paid:
        key = "allocated_principal" if part.component == "principal" else part.component
        invoice = f" ({clean(part.invoice_number)})" if part.invoice_number else ""
        parts.append(f"{word(f'components/{key}')}{invoice} {context.money(part.amount_cents)}")
    label = clean(payment.label)
    return "; ".join(([label] if label else []) + parts)


def legal_rows(context: Context) -> tuple[tuple[str, str], ...]:
    """What § 13a Abs. 1 RDG asks for, number by number; computation and costs stand in the tables. And whence
    the data come, with the debtor's rights, as the first message has to tell (Art. 14 GDPR).
    """
    letter, word = context.letter, context.wording.word
    rows: list[tuple[str, str]] = []
    if letter.creditor is not None:
        key = "client" if letter.role == Role.AGENCY else "first_creditor"
        rows.append((word(f"legal/{key}"), _party(letter.creditor)))
    rows.append((word("legal/ground"), "; ".join(_ground(context, item) for item in letter.items)))
    has_interest = any(item.interest_open_cents for item in letter.items)
    has_costs = any(item.costs_open_cents for item in letter.items)
    if letter.terms is None:  # the terms of a plan say themselves what is owed; why, earlier letters did
        told = "legal/interest_text" if has_interest else "legal/interest_none"
        rows.append((word("legal/interest"), word(told)))
        rows.append((word("legal/costs"), word("legal/costs_text" if has_costs else "legal/costs_none")))
    data = [(word("legal/data"), " ".join(context.all("legal/data_text")))]
    data += [(word("legal/privacy"), clean(letter.sender.privacy))] if letter.sender.privacy else []
    registration = letter.registration
    if registration is None:
        return (*rows, *data)
    if registration.higher_rate_ground or any(x.rule_id == "interest.agreed_default" for x in letter.lines):
        ground = clean(registration.higher_rate_ground) or word("legal/higher_rate_agreed")
        rows.append((word("legal/higher_rate"), ground))
    if has_costs and not registration.is_input_tax_deductible:
        rows.append((word("legal/vat"), word("legal/vat_text")))
    if registration.is_address_researched:
        rows.append((word("legal/address"), word("legal/address_text")))
    rows.append((word("legal/register"), clean(registration.number)))
    authority = f"{_party(registration.authority)}, {clean(registration.authority_contact)}"
    rows.append((word("legal/authority"), authority))
    return (*rows, *data)


def _party(party: Party) -> str:
    return ", ".join(clean(line) for line in (party.name, *party.address_lines) if line)


def _ground(context: Context, item: Item) -> str:
    word, language = context.wording.word, context.letter.language
    parts = [clean(item.ground)] if item.ground else []
    if item.contract_on:
        parts.append(f"{word('legal/contract')} {day_long(item.contract_on, language)}")
    parts.append(f"{word('items/invoice')} {clean(item.invoice_number)}")
    return ", ".join(parts)
