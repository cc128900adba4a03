"""From a letter's values and the wording in force to the finished words: `compose`."""

from __future__ import annotations

from mahnwerk.frames import Role
from mahnwerk.letters.address import address_lines, greeting, recipient_name
from mahnwerk.letters.annex import annex_tables, debits_table, items_table, legal_rows, rates_table
from mahnwerk.letters.context import ITEMS_ON_FIRST_PAGE, Context
from mahnwerk.letters.document import Box, Document, Section, Table
from mahnwerk.letters.formatting import clean
from mahnwerk.letters.giro import giro_payload
from mahnwerk.letters.model import ATTACHMENT, LANGUAGES, TEMPLATES, Letter, LetterError
from mahnwerk.letters.plan_document import covered_table, instalments_table, signing, terms_rows
from mahnwerk.letters.wording import Wording, wording_for

_SECTIONS = {
    "confirm_paid_in_full": ("contact",),
    "statement_of_account": ("pay", "hardship", "dispute", "contact"),
    "plan_reminder": ("pay", "replan", "dispute", "next", "contact"),
    "debit_notice": ("debit_wrong", "contact"),
    "plan_document": ("pay", "missed", "change", "dispute", "contact"),
}
_DEMAND_SECTIONS = ("default", "offer", "pay", "hardship", "dispute", "next", "contact")


def compose(letter: Letter, wording: Wording | None = None) -> Document:
    """Word a letter: choose the texts in force on its date, fill them, lay out tables.

    Parameters
    ----------
    letter : see `Letter`
    wording : instead of the shipped one, e.g. a tenant's own, read by `parse_wording`

    Raises
    ------
    LetterError : unknown template, language or currency, no item, or a demand without a last day.
    """
    _guard(letter)
    context = Context(letter, wording or wording_for(letter.language, letter.dated_on))
    apart = "table_apart" in context.flags
    front, annex = _tables(context)
    sender = letter.sender
    regards = tuple(
        line
        for line in (context.one("closing/regards"), clean(sender.contact_person), clean(sender.name))
        if line
    )
    legal = legal_rows(context) if letter.is_third_party else ()
    return Document(
        language=letter.language,
        template=letter.template,
        subject=context.one(f"steps/{letter.template}/subject"),
        dated_on=letter.dated_on,
        sender_name=clean(sender.name),
        sender_line=" · ".join(clean(part) for part in (sender.name, *sender.address_lines) if part),
        address=address_lines(letter.recipient, sender, letter.language),
        info=_info(context),
        greeting=greeting(letter.recipient, letter.language),
        opening=_opening(context),
        box=_box(context),
        front=front,
        items_note=context.one("items/apart") if apart else "",
        items_note_plain=context.one("items/below") if apart else "",
        sections=_sections(context),
        pay_plain=context.wording.all(_pay_path(letter), context.values, context.flags - {"giro"}),
        pay_url=clean(letter.pay_url),
        pay_label=context.one("sections/pay/link") if letter.pay_url else "",
        pay_button=context.one("sections/pay/button") if letter.pay_url else "",
        attached=context.one("mail/attached") if ATTACHMENT in letter.grounds else "",
        closing=regards,
        marketplace=_marketplace(context),
        note=context.one("closing/annex") if annex or legal else "",
        annex=annex,
        legal=legal,
        legal_title=context.one("legal/title") if legal else "",
        legal_note=context.one("legal/on_request") if legal else "",
        footer=_footer(context),
        page_words=context.wording.texts["footer/page"][0].parts,
        wording_hash=context.wording.hash,
        terms=terms_rows(context),
        terms_title=context.one("terms/title") if letter.terms else "",
        signing=signing(context),
    )


def _pay_path(letter: Letter) -> str:
    """How to pay what is asked for, or what was agreed."""
    return f"sections/pay/{'text' if letter.terms is None else 'terms'}"


def _tables(context: Context) -> tuple[tuple[Table, ...], tuple[Table, ...]]:
    """Which tables stand on the first page and which behind it: short ones first, long ones apart."""
    letter = context.letter
    if letter.terms is not None:
        return (), (covered_table(context), instalments_table(context))
    table = (
        debits_table if letter.debit is not None else rates_table if letter.plan is not None else items_table
    )
    items = table(context)
    if "table_apart" in context.flags:
        return (), (items, *annex_tables(context))
    if (
        context.letter.template == "confirm_paid_in_full"
        and len(context.letter.payments) <= ITEMS_ON_FIRST_PAGE
    ):
        tables = annex_tables(context)
        return (items, *(table for table in tables if table.kind == "payments")), ()
    return (items,), annex_tables(context)


def _opening(context: Context) -> tuple[str, ...]:
    """The first paragraphs: after the greeting's comma German goes on small, later it starts big."""
    lead = context.one("phrases/lead")
    first, *others = context.all(f"steps/{context.letter.template}/opening")
    return (f"{lead} {_capital(first)}" if lead else first, *map(_capital, others))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _guard(letter: Letter) -> None:
    if letter.template not in TEMPLATES:
        raise LetterError(f"template {letter.template!r}: known are {', '.join(TEMPLATES)}")
    if letter.language not in LANGUAGES:
        raise LetterError(f"language {letter.language!r}: letters are written in {', '.join(LANGUAGES)}")
    if not letter.items:
        raise LetterError(f"letter for {letter.case_reference}: lists no claim")
    if (letter.template == "plan_reminder") != (letter.plan is not None and bool(letter.plan.missed)):
        raise LetterError(f"letter for {letter.case_reference}: a plan_reminder names missed instalments")
    if (letter.template == "debit_notice") != (letter.debit is not None and bool(letter.debit.parts)):
        raise LetterError(f"letter for {letter.case_reference}: a debit_notice names what is collected")
    if (letter.template == "plan_document") != (letter.terms is not None and bool(letter.terms.instalments)):
        raise LetterError(f"letter for {letter.case_reference}: a plan_document names its instalments")
    if letter.is_demanding and letter.last_day is None:
        raise LetterError(f"letter for {letter.case_reference}: demands money but names no day (pay_by)")
    if not recipient_name(letter.recipient):
        raise LetterError(
            f"letter for {letter.case_reference}: the recipient has neither company nor last name"
        )


def _info(context: Context) -> tuple[tuple[str, str], ...]:
    letter, values = context.letter, context.values
    rows = (
        ("date", values["dated_on"]),
        ("case", values["case_reference"]),
        ("customer", clean(letter.recipient.customer_number)),
        ("contact", values["contact_person"]),
        ("phone", values["phone"]),
    )
    return tuple((context.wording.word(f"info/{key}"), value) for key, value in rows if value)


def _box(context: Context) -> Box:
    letter, values = context.letter, context.values
    if letter.template == "confirm_paid_in_full" or letter.demand_cents <= 0:
        if letter.disputed_cents:
            return Box(context.one("items/sum_disputed"), values["disputed"], context.one("box/as_of"))
        return Box(_capital(context.one("box/as_of")), context.one("box/label/none"), "")
    if letter.debit is not None:
        told = ("account", f"… {letter.debit.account_end}"), ("mandate", values["mandate"])
        return Box(
            label=context.one("box/label/debit"),
            amount=values["amount"],
            until=context.one("box/debit_on"),
            rows=tuple(
                (context.wording.word(f"box/{key}"), value)
                for key, value in (*told, ("creditor_identifier", values["creditor_identifier"]))
            ),
        )
    kind, day = ("pay", "until") if letter.is_demanding else ("open", "as_of")
    kind, day = (kind, day) if letter.terms is None else ("terms", "terms_until")
    rows = [("holder", values["account_holder"]), ("iban", values["iban"])]
    rows += [("purpose", values["rf_reference"])]
    with_code = "giro" in context.flags
    payload = (
        giro_payload(
            values["account_holder"],
            letter.sender.iban,
            letter.terms.instalments[0].amount_cents if letter.terms else letter.demand_cents,
            letter.rf_reference,
            values["bic"],
        )
        if with_code
        else ""
    )
    return Box(
        label=context.one(f"box/label/{kind}"),
        amount=values["amount"],
        until=context.one(f"box/{day}"),
        rows=tuple((context.wording.word(f"box/{key}"), value) for key, value in rows),
        giro=payload,
        giro_alt=context.one("box/giro_alt") if with_code else "",
    )


def _sections(context: Context) -> tuple[Section, ...]:
    letter = context.letter
    shown = []
    for kind in _SECTIONS.get(letter.template, _DEMAND_SECTIONS):
        if (kind == "default" and not letter.triggers_default) or (kind == "offer" and letter.offer is None):
            continue
        if kind in ("pay", "hardship") and letter.demand_cents <= 0:
            continue
        path = f"steps/{letter.template}/next" if kind == "next" else f"sections/{kind}/text"
        path = _pay_path(letter) if kind == "pay" else path
        paragraphs = (context.one(path),) if kind == "next" else context.all(path)
        shown.append(Section(kind, context.wording.word(f"sections/{kind}/title"), paragraphs))
    return tuple(shown)


def _marketplace(context: Context) -> str:
    by_operator = context.letter.role == Role.MARKETPLACE and context.letter.creditor is not None
    return context.one("closing/marketplace") if by_operator else ""


def _footer(context: Context) -> tuple[tuple[str, ...], ...]:
    sender, values, word = context.letter.sender, context.values, context.wording.word
    columns = (
        (values["sender"], *map(clean, sender.address_lines)),
        (
            clean(sender.bank_name),
            f"{word('box/iban')} {values['iban']}",
            f"{word('box/bic')} {values['bic']}" if values["bic"] else "",
        ),
        (
            clean(sender.register),
            f"{word('footer/vat_id')} {clean(sender.vat_id)}" if sender.vat_id else "",
            clean(sender.website),
        ),
    )
    filled = (tuple(line for line in column if line) for column in columns)
    return tuple(column for column in filled if column)
