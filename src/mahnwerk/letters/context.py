"""A letter with its wording: the values of its placeholders and what is true of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mahnwerk.frames import Role
from mahnwerk.letters.formatting import clean, day_long, day_short, money, number, percent
from mahnwerk.letters.model import Item, Letter, Line
from mahnwerk.letters.reference import spaced
from mahnwerk.letters.wording import PLACEHOLDERS, Wording

NAMED_AT_MOST: Final = 3
"""More invoices than this are counted instead of named in a sentence."""
ITEMS_ON_FIRST_PAGE: Final = 6
"""More rows than this move to the next page, so that the first stays one calm page."""
ROWS_OF_ROOM: Final = {"dunning_notice": 9, "second_notice": 9, "final_notice": 8}
"""Rows of the table, with its sums, that fit above all that page one must say; others have room enough."""
ROWS_OF_TEXT: Final = {"default": 3, "offer": 4, "third_party": 1}
"""How many rows a further text takes."""


@dataclass(frozen=True)
class Context:
    """A letter with its wording, its placeholder values and its flags."""

    letter: Letter
    wording: Wording

    def money(self, cents: int) -> str:
        """An amount in the letter's currency and language."""
        return money(cents, self.letter.currency, self.letter.language)

    @cached_property
    def _items(self) -> dict[str, Item]:
        return {item.invoice_number: item for item in self.letter.items}

    def item_of(self, line: Line) -> Item | None:
        """The listed claim that a principal line stands for."""
        return self._items.get(line.invoice_number) if line.component == "principal" else None

    @cached_property
    def _own_items(self) -> list[Item]:
        """The demanded claims that stand at this letter's own step; the others are told along."""
        return [item for item in self.letter.demanded_items if item.step == self.letter.template]

    @property
    def _has_legal_rate(self) -> bool:
        """Whether all default interest shown is base rate + 5 or + 9 points, so that words may say so."""
        sources = [line.source for line in self.letter.lines if line.rule_id == "interest.default"]
        return bool(sources) and all("§ 288" in source or "§ 497 Abs. 1" in source for source in sources)

    @cached_property
    def flags(self) -> frozenset[str]:
        """What is true of this letter; see `wording.FLAGS`."""
        letter, sender = self.letter, self.letter.sender
        demanded = letter.demanded_items
        triggering = [item for item in demanded if item.triggers_default]
        truths = {
            "consumer": letter.is_consumer,
            "business": not letter.is_consumer,
            "many": len(letter.items) > 1,
            "own": letter.role == Role.OWN,
            "agency": letter.role == Role.AGENCY,
            "assignee": letter.role == Role.ASSIGNEE,
            "marketplace": letter.role == Role.MARKETPLACE,
            "third_party": letter.is_third_party,
            "triggers_default": letter.triggers_default,
            "triggers_some": letter.triggers_default and 0 < len(triggering) < len(demanded),
            "new_costs": letter.new_costs_cents > 0,
            "interest": any(item.interest_open_cents for item in letter.items),
            "rate": letter.default_rate_ppm is not None,
            "portal": bool(letter.portal_url),
            "offer": letter.offer is not None,
            "offer_even": letter.offer is not None
            and letter.offer.instalment_cents == letter.offer.last_instalment_cents,
            "offer_answer": letter.offer is not None and letter.offer.answer_by is not None,
            "surplus": letter.surplus_cents > 0,
            "demanding": letter.is_demanding,
            "disputed": letter.disputed_cents > 0,
            "phone": bool(sender.phone.strip()),
            "privacy": bool(sender.privacy.strip()),
            "email": bool(sender.email.strip()),
            "hours": bool(sender.hours.strip()),
            "person": bool(sender.contact_person.strip()),
            "giro": letter.currency == "EUR" and letter.demand_cents > 0 and not _is_collected(letter),
            "annex": needs_annex(letter),
            "consumer_credit": letter.is_consumer_credit,
            "derivation": has_derivation(letter),
            "table_apart": is_table_apart(letter),
            "undemanded": len(demanded) < len(letter.items),
            "mixed": letter.is_demanding and 0 < len(self._own_items) < len(demanded),
            "legal_rate": self._has_legal_rate,
            "rates_many": letter.plan is not None and len(letter.plan.missed) > 1,
            "next_rate": letter.plan is not None and letter.plan.next_on is not None,
            "plan_may_end": letter.plan is not None and letter.plan.may_end,
            "plan_ends_next": letter.plan is not None and letter.plan.ends_next,
            "plan_paid_by_debtor": letter.plan is not None and letter.plan.why == "not_paid",
            "plan_returned": letter.plan is not None and letter.plan.why == "returned",
            "plan_no_mandate": letter.plan is not None and letter.plan.why == "no_mandate",
            "debit_many": letter.debit is not None and len(letter.debit.parts) > 1,
        }
        return frozenset(name for name, holds in (truths | self._terms_flags()).items() if holds)

    def _terms_flags(self) -> dict[str, bool]:
        terms = self.letter.terms
        if terms is None:
            return {}
        by_debit = "direct_debit" in terms.clauses
        return {
            "terms": True,
            "offered": terms.answer_by is not None,
            "deferral": terms.is_deferral,
            "offer_even": terms.instalments[0].amount_cents == terms.instalments[-1].amount_cents,
            "plan_may_end": "due_on_default" in terms.clauses,
            "plan_interest": terms.interest_cents > 0,
            "by_debit": by_debit and bool(terms.mandate),
            "mandate_missing": by_debit and not terms.mandate,
            "to_sign": terms.to_sign,
        }

    @cached_property
    def values(self) -> dict[str, str]:
        """What each placeholder stands for, clean and formatted; "" where it does not apply."""
        letter, sender, language = self.letter, self.letter.sender, self.letter.language
        first = letter.items[0]
        values = {
            "invoice_number": clean(first.invoice_number),
            "invoice_date": day_long(first.issued_on, language),
            "invoice_count": self._count(len(letter.items)),
            "amount": self.money(letter.demand_cents),
            "pay_by": day_long(letter.last_day, language) if letter.last_day else "",
            "pay_by_plain": day_short(letter.last_day, language) if letter.last_day else "",
            "as_of": day_long(letter.as_of_on, language),
            "dated_on": day_long(letter.dated_on, language),
            "sender": clean(sender.name),
            "creditor": clean(letter.creditor.name) if letter.creditor else clean(sender.name),
            "contact_person": clean(sender.contact_person),
            "phone": _unbroken(clean(sender.phone)),
            "email": clean(sender.email),
            "hours": clean(sender.hours),
            "iban": _unbroken(spaced(clean(sender.iban))),
            "bic": clean(sender.bic),
            "account_holder": clean(sender.account_holder) or clean(sender.name),
            "rf_reference": _unbroken(spaced(clean(letter.rf_reference))),
            "case_reference": clean(letter.case_reference),
            "default_rate": percent(letter.default_rate_ppm, language)
            if letter.default_rate_ppm is not None
            else "",
            "new_costs": self.money(letter.new_costs_cents),
            "portal": clean(letter.portal_url),
            "surplus": self.money(letter.surplus_cents),
            "disputed": self.money(letter.disputed_cents),
            "due_on": day_long(first.due_on, language),
            "default_invoices": _listed(
                [item for item in letter.demanded_items if item.triggers_default], language
            ),
            "own_invoices": self._own_invoices(),
            "day_count": self._day_count(),
        }
        values = dict.fromkeys(PLACEHOLDERS, "") | values | self._offer() | self._plan() | self._debit()
        values |= self._terms()
        values["invoices"] = self.wording.one("phrases/invoices", values, self.flags)
        return values

    def _count(self, count: int) -> str:
        """Small numbers as words, as prose has them."""
        path = f"numbers/{count}"
        return self.wording.word(path) if path in self.wording.texts else number(count, self.letter.language)

    def _own_invoices(self) -> str:
        """The invoices of this very step, by number while they are few; the table shows the rest."""
        if len(self._own_items) <= NAMED_AT_MOST:
            return _listed(self._own_items, self.letter.language)
        word = "Rechnungen" if self.letter.language == "de" else "invoices"
        return f"{self._count(len(self._own_items))} {word}"

    def _day_count(self) -> str:
        """The convention in words, since `act/act` says nothing to most people."""
        path = f"day_counts/{self.letter.day_count}"
        known = path in self.wording.texts
        return self.wording.word(path) if known else clean(self.letter.day_count)

    def _offer(self) -> dict[str, str]:
        offer, language = self.letter.offer, self.letter.language
        if offer is None:
            return {}
        return {
            "offer_count": self._count(offer.count),
            "offer_count_first": self._count(offer.count - 1),
            "offer_instalment": self.money(offer.instalment_cents),
            "offer_last_instalment": self.money(offer.last_instalment_cents),
            "offer_first": day_long(offer.first_on, language),
            "offer_last": day_long(offer.last_on, language),
            "offer_total": self.money(offer.total_cents),
            "offer_answer_by": day_long(offer.answer_by, language) if offer.answer_by else "",
        }

    def _plan(self) -> dict[str, str]:
        plan, language = self.letter.plan, self.letter.language
        if plan is None:
            return {}
        return {
            "plan_agreed": day_long(plan.agreed_on, language),
            "rate_due": day_long(plan.missed[0].due_on, language),
            "rate_count": self._count(len(plan.missed)),
            "next_rate": self.money(plan.next_cents),
            "next_rate_due": day_long(plan.next_on, language) if plan.next_on else "",
        }

    def _debit(self) -> dict[str, str]:
        debit, language = self.letter.debit, self.letter.language
        if debit is None:
            return {}
        return {
            "debit_on": day_long(debit.collect_on, language),
            "mandate": _unbroken(clean(debit.mandate)),
            "creditor_identifier": _unbroken(clean(debit.creditor_identifier)),
            "account_end": clean(debit.account_end),
        }

    def _terms(self) -> dict[str, str]:
        terms, language = self.letter.terms, self.letter.language
        if terms is None:
            return {}
        first, last = terms.instalments[0], terms.instalments[-1]
        return {
            "plan_agreed": day_long(terms.starts_on, language),
            "plan_open": self.money(terms.open_cents),
            "plan_interest": self.money(terms.interest_cents),
            "plan_fee": self.money(0),
            "plan_rate": percent(terms.rate_ppm, language),
            "plan_grace": self._count(terms.grace_days),
            "terms_hash": clean(terms.terms_hash),
            "offer_count": self._count(len(terms.instalments)),
            "offer_count_first": self._count(len(terms.instalments) - 1),
            "offer_instalment": self.money(first.amount_cents),
            "offer_last_instalment": self.money(last.amount_cents),
            "offer_first": day_long(first.due_on, language),
            "offer_last": day_long(last.due_on, language),
            "offer_total": self.money(terms.total_cents),
            "offer_answer_by": day_long(terms.answer_by, language) if terms.answer_by else "",
            "mandate": _unbroken(clean(terms.mandate)),
            "creditor_identifier": _unbroken(clean(terms.creditor_identifier)),
            "account_end": clean(terms.account_end),
        }

    def one(self, path: str) -> str:
        """The first text under the path that applies, filled; "" if none."""
        return self.wording.one(path, self.values, self.flags)

    def all(self, path: str) -> tuple[str, ...]:
        """Every text under the path that applies, filled."""
        return self.wording.all(path, self.values, self.flags)


def has_derivation(letter: Letter) -> bool:
    """Whether the lines say more than the table of invoices: interest, costs, credits or payments."""
    return any(line.component != "principal" for line in letter.lines)


def needs_annex(letter: Letter) -> bool:
    """Whether a second page is called for: anything beyond plain open invoices on page one."""
    return (
        has_derivation(letter)
        or letter.is_third_party
        or bool(letter.interest_rows or letter.payments)
        or is_table_apart(letter)
    )


def is_table_apart(letter: Letter) -> bool:
    """Whether the invoices are listed on the next page, so that what comes next and whom to ask stay on
    the first.
    """
    if letter.terms is not None:
        return True
    if letter.debit is not None:
        return len(letter.debit.parts) > ITEMS_ON_FIRST_PAGE
    if letter.plan is not None:
        return len(letter.plan.missed) > ITEMS_ON_FIRST_PAGE
    count = len(letter.items)
    room = ROWS_OF_ROOM.get(letter.template, 11)
    room -= ROWS_OF_TEXT["default"] * letter.triggers_default
    room -= ROWS_OF_TEXT["offer"] * (letter.offer is not None)
    room -= ROWS_OF_TEXT["third_party"] * letter.is_third_party
    has_sums = any(item.interest_open_cents or item.costs_open_cents for item in letter.demanded_items)
    rows = count + (3 if has_sums else 0) + (letter.disputed_cents > 0)
    return count > ITEMS_ON_FIRST_PAGE or (letter.is_demanding and rows > room)


def _is_collected(letter: Letter) -> bool:
    """Whether we debit what the letter is about, so that nobody has to transfer it."""
    terms = letter.terms
    return letter.debit is not None or (
        terms is not None and "direct_debit" in terms.clauses and bool(terms.mandate)
    )


def _unbroken(text: str) -> str:
    return text.replace(" ", "\u00a0")


def _listed(items: list[Item], language: str) -> str:
    numbers = [clean(item.invoice_number) for item in items]
    if len(numbers) < 2:
        word = "Rechnung" if language == "de" else "invoice"
        return f"{word} {numbers[0]}" if numbers else ""
    word, conjunction = ("den Rechnungen", "und") if language == "de" else ("invoices", "and")
    return f"{word} {', '.join(numbers[:-1])} {conjunction} {numbers[-1]}"
