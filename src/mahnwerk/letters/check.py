"""Whether a letter may go out: `check`. A letter with a refusing finding is not sent.

Looks at the words (the text twin, or the text layer of the PDF) and at the figures behind them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from mahnwerk.letters.address import address_lines, recipient_name
from mahnwerk.letters.check_claims import Finding, claim_findings, debit_findings, debit_parts, plan_findings
from mahnwerk.letters.check_link import link_findings
from mahnwerk.letters.check_terms import terms_cents, terms_findings, terms_parts
from mahnwerk.letters.formatting import clean, day_long, money
from mahnwerk.letters.model import Letter, Rendered
from mahnwerk.letters.reference import is_rf_reference, spaced
from mahnwerk.letters.tone import Tone, tone_for

CAPITALS_MAX: Final = 2
EXCLAMATIONS_MAX: Final = 1
SENTENCE_WORDS_MAX: Final = 28
AVERAGE_WORDS_MAX: Final = 16.0
CONSUMER_DAYS_MIN: Final = 7
BUREAU_REACH: Final = 250
"""How many characters from the word a hint at a bureau must say that objecting stops it."""

_AMOUNT: Final = re.compile(
    # A number is read whole or not at all (the first sign not before it, no way back): a letter full of
    # digits takes time by its length, not by its square.
    r"(?:€|EUR|CHF)\s?+(\d[\d.,’']*+)|(?<![\d.,’'])[.,’']*+(\d[\d.,’']*+)\s?+(?:€|EUR\b|Euro\b|CHF\b)"
)
_SENTENCE_END: Final = re.compile(r"(?<!\b\d\.)(?<!\b\d\d\.)(?<=[.!?:])\s")
_CAPITALS: Final = re.compile(r"(?<!\w)[A-ZÄÖÜ]{4,}(?!\w)")


def check(letter: Letter, rendered: Rendered, *, by_post: bool = False, pay_pages: str = "") -> list[Finding]:
    """Hold a finished letter against what it must and must not say.

    Parameters
    ----------
    letter : what was to be said
    rendered : what is said; `rendered.text` is read, so a PDF's text layer can be checked the same way
    by_post : the address window must be usable and every character printable
    pay_pages : where a pay link must lead, as configured; "" = there is none

    Returns
    -------
    Findings, refusing ones first; none refusing = the letter may go out.

    Guarantees
    ----------
    Pure. Names, addresses and numbers of the parties never count as words of the letter, so a
    recipient called Haft gets letters.
    """
    text = " ".join(rendered.text.replace("\u00a0", " ").split())
    tone = tone_for(letter.dated_on)
    own_words = _without_data(letter, text)
    lower = own_words.lower()
    findings = [
        *_parts(letter, text),
        *_third_party(letter),
        *_address(letter, rendered, by_post),
        *_figures(letter),
        *claim_findings(letter),
        *link_findings(letter, rendered, pay_pages),
        *plan_findings(letter),
        *debit_findings(letter),
        *terms_findings(letter),
        *_bureau(letter, lower, tone),
        *_amounts_shown(letter, text),
        *_required_words(letter, lower, tone),
        *_forbidden_words(letter, lower, tone),
        *_shouting(own_words, tone),
        *_readability(rendered.text),
    ]
    return sorted(findings, key=lambda finding: not finding.refuses)


def refusals(
    letter: Letter, rendered: Rendered, *, by_post: bool = False, pay_pages: str = ""
) -> list[Finding]:
    """Only the findings that keep the letter in."""
    found = check(letter, rendered, by_post=by_post, pay_pages=pay_pages)
    return [finding for finding in found if finding.refuses]


def _refuse(rule: str, message: str, remedy: str = "") -> Finding:
    return Finding(rule, True, message, remedy)


def _parts(letter: Letter, text: str) -> Iterator[Finding]:
    """Everything a reader needs must stand in the text."""
    sender = letter.sender
    needed = {
        "part.sender": clean(sender.name),
        "part.sender_address": clean(sender.address_lines[-1]) if sender.address_lines else "",
        "part.contact_person": clean(sender.contact_person),
        "part.recipient": clean(letter.recipient.last_name) or recipient_name(letter.recipient),
        "part.case_reference": clean(letter.case_reference),
    }
    if letter.debit is not None:
        needed |= debit_parts(letter)
    elif letter.is_demanding or letter.demand_cents > 0:
        needed["part.iban"] = spaced(clean(sender.iban))
        needed["part.amount"] = money(letter.demand_cents, letter.currency, letter.language)
        needed["part.reference"] = spaced(clean(letter.rf_reference))
    if letter.is_demanding:
        needed["part.pay_by"] = day_long(letter.last_day, letter.language) if letter.last_day else ""
        needed["part.as_of"] = day_long(letter.as_of_on, letter.language)
    needed |= terms_parts(letter)
    for rule, value in needed.items():
        name = rule.removeprefix("part.").replace("_", " ")
        if not value.strip():
            yield _refuse(rule, f"The {name} is missing.", "Add it to the creditor or the letter.")
        elif value.replace("\u00a0", " ") not in text and rule != "part.recipient":
            yield _refuse(rule, f"The {name} does not stand in the text.", "Keep it in the wording.")
    if not (sender.phone.strip() or sender.email.strip()):
        yield _refuse(
            "part.contact",
            "There is neither phone nor e-mail to talk to a human.",
            "Add one to the creditor.",
        )
    for each in letter.items if letter.plan is None and letter.debit is None else ():
        if clean(each.invoice_number) not in text:
            yield _refuse("part.items", f"Invoice {each.invoice_number} is not listed.", "Keep the table.")


def _third_party(letter: Letter) -> Iterator[Finding]:
    """§ 13a Abs. 1 RDG: an agency or assignee owes more information."""
    if not letter.is_third_party:
        return
    client = letter.creditor
    if client is None or not client.name.strip() or not client.address_lines:
        yield _refuse(
            "rdg.client", "Name and address of the first creditor are missing (§ 13a Abs. 1 Nr. 1 RDG)."
        )
    elif clean(client.name).casefold() == clean(letter.sender.name).casefold():
        yield _refuse(
            "rdg.client",
            "The first creditor is the sender itself (§ 13a Abs. 1 Nr. 1 RDG).",
            "Name the client in the creditor file, or take the role own.",
        )
    registration = letter.registration
    if registration is None or not registration.number.strip():
        yield _refuse("rdg.registration", "The register data are missing.", "Enter them in the mandate.")
    elif not (
        registration.authority.name
        and registration.authority.address_lines
        and registration.authority_contact
    ):
        yield _refuse(
            "rdg.authority", "Name, address and electronic contact of the authority are needed (Nr. 8)."
        )
    for each in letter.items:
        if not each.ground.strip() or (each.is_contract and each.contract_on is None):
            message = f"Invoice {each.invoice_number}: ground and date of the contract are missing (Nr. 2)."
            yield _refuse("rdg.ground", message, "Import them with the claim.")


def _address(letter: Letter, rendered: Rendered, by_post: bool) -> Iterator[Finding]:
    recipient = letter.recipient
    if by_post and not (recipient.street.strip() or recipient.address_extra.strip()):
        yield _refuse(
            "part.address", "The recipient's street is missing.", "Send by e-mail or find the address."
        )
    if by_post and not (recipient.postcode.strip() and recipient.city.strip()):
        yield _refuse("part.address", "The recipient's postcode or city is missing.")
    if by_post and len(address_lines(recipient, letter.sender, letter.language)) > 9:
        yield _refuse("part.address", "The address has more than nine lines.")
    if rendered.unprintable:
        signs = " ".join(f"U+{ord(sign):04X}" for sign in rendered.unprintable)
        message = f"The font cannot print {signs}."
        yield Finding(
            "part.characters", by_post, message, "Ask for the name in Latin, Greek or Cyrillic letters."
        )


def _figures(letter: Letter) -> Iterator[Finding]:
    """The figures must agree with each other before anybody is asked for them."""
    special = letter.debit.parts if letter.debit else letter.plan.missed if letter.plan else None
    total = sum(each.open_cents for each in (letter.demanded_items if special is None else special))
    total += letter.terms.total_cents if letter.terms else 0
    if letter.demand_cents != total:
        yield _refuse("figure.demand", f"Demands {letter.demand_cents} cents, the items come to {total}.")
    if letter.is_demanding and letter.demand_cents <= 0:
        yield _refuse("figure.nothing_open", "Asks for money although nothing is open.", "Do not send it.")
    if any(min(i.principal_open_cents, i.interest_open_cents, i.costs_open_cents) < 0 for i in letter.items):
        yield _refuse("figure.negative", "An open part is negative.")
    parts = {line.component for line in letter.lines}
    if parts - {"principal"} and sum(line.amount_cents for line in letter.lines) != letter.demand_cents:
        yield _refuse("figure.derivation", "The lines of the derivation do not add up to the demand.")
    interest = sum(line.amount_cents for line in letter.lines if line.component == "interest")
    if letter.interest_rows and interest != sum(row.interest_cents for row in letter.interest_rows):
        yield _refuse("figure.interest", "The interest schedule does not add up to the interest lines.")
    if any(
        part
        for p in letter.payments
        if p.paid
        for part in (sum(x.amount_cents for x in p.paid) - p.amount_cents,)
    ):
        yield _refuse("figure.payments", "What a payment was used for is not the payment.")
    if letter.new_costs_cents > sum(item.costs_open_cents for item in letter.items):
        yield _refuse("figure.new_costs", "The cost of this letter is not among the costs shown.")
    yield from _offer(letter)
    yield from _days(letter)
    if not is_rf_reference(letter.rf_reference):
        yield _refuse("figure.reference", f"The reference {letter.rf_reference!r} fails its check digits.")
    if not _is_iban(letter.sender.iban):
        yield _refuse("figure.iban", "The creditor's IBAN fails its check digits.")


def _bureau(letter: Letter, text: str, tone: Tone) -> Iterator[Finding]:
    """A hint at a credit bureau: not before the first reminder, and told together with how to stop it."""
    rule = next((each for each in tone.forbidden if each.unless == "credit_bureau"), None)
    if rule is None or "credit_bureau" not in letter.grounds:
        return
    found = rule.pattern.search(text)
    if found is None:
        return
    if letter.template == "notice_before_due":
        yield _refuse(
            rule.rule, "Speaks of a credit bureau before the first reminder (§ 31 Abs. 2 Nr. 4 BDSG)."
        )
    near = text[max(0, found.start() - BUREAU_REACH) : found.end() + BUREAU_REACH]
    required = tone.required["bureau_objection"]
    if not required.pattern.search(near):
        yield _refuse("required.bureau_objection", required.reason, "Say it in the same paragraph.")


def _offer(letter: Letter) -> Iterator[Finding]:
    offer = letter.offer
    if offer is None:
        return
    if (offer.count - 1) * offer.instalment_cents + offer.last_instalment_cents != offer.total_cents:
        yield _refuse("figure.offer", "The instalments do not add up to the total of the plan.")
    if offer.count < 2 or not letter.dated_on < offer.first_on <= offer.last_on:
        yield _refuse("figure.offer", "The plan needs two instalments or more, all after the letter.")


def _days(letter: Letter) -> Iterator[Finding]:
    if letter.last_day is None:
        return
    if letter.last_day <= letter.dated_on:
        yield _refuse("figure.pay_by", "The last day to pay is not after the letter's date.")
    elif letter.is_consumer and letter.last_day < letter.dated_on + timedelta(days=CONSUMER_DAYS_MIN):
        yield Finding("figure.pay_by", False, f"Leaves a consumer less than {CONSUMER_DAYS_MIN} days.")


def _is_iban(iban: str) -> bool:
    plain = iban.replace(" ", "").upper()
    if not (15 <= len(plain) <= 34 and plain.isascii() and plain.isalnum()):
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def known_amounts(letter: Letter) -> frozenset[int]:
    """Every amount, without its sign, that the statement behind the letter holds."""
    amounts = {letter.demand_cents, letter.disputed_cents, letter.new_costs_cents, letter.surplus_cents}
    for items in (letter.items, letter.demanded_items):
        for name in ("principal_open_cents", "interest_open_cents", "costs_open_cents", "open_cents"):
            amounts.add(sum(getattr(item, name) for item in items))
    for item in letter.items:
        amounts |= {
            item.original_cents,
            item.principal_open_cents,
            item.interest_open_cents,
            item.costs_open_cents,
        }
    for line in letter.lines:
        amounts |= {line.amount_cents, line.base_cents or 0}
    amounts.add(sum(line.amount_cents for line in letter.lines))
    for row in letter.interest_rows:
        amounts |= {row.principal_cents, row.interest_cents}
    amounts.add(sum(row.interest_cents for row in letter.interest_rows))
    for payment in letter.payments:
        amounts |= {payment.amount_cents, *(part.amount_cents for part in payment.paid)}
    if letter.offer:
        amounts |= {
            letter.offer.instalment_cents,
            letter.offer.last_instalment_cents,
            letter.offer.total_cents,
        }
    if letter.debit:
        amounts |= {part.open_cents for part in letter.debit.parts}
    if letter.plan:
        amounts.add(letter.plan.next_cents)
        amounts |= {cents for rate in letter.plan.missed for cents in (rate.amount_cents, rate.open_cents)}
    if letter.terms:
        amounts |= terms_cents(letter.terms) | {item.open_cents for item in letter.items}
    return frozenset(map(abs, amounts))


def _amounts_shown(letter: Letter, text: str) -> Iterator[Finding]:
    known = known_amounts(letter)
    for found in _AMOUNT.finditer(text):
        shown = (found.group(1) or found.group(2)).rstrip(".,'’")
        cents = _cents(shown)
        if cents not in known:
            yield _refuse("figure.unknown_amount", f"Shows {found.group()!r}, which is not in the statement.")


def _cents(shown: str) -> int:
    match = re.fullmatch(r"(.*?)[.,](\d{1,2})", shown)
    whole, rest = (match.group(1), match.group(2).ljust(2, "0")) if match else (shown, "00")
    return int(re.sub(r"\D", "", whole) or "0") * 100 + int(rest)


def _without_data(letter: Letter, text: str) -> str:
    """The text without names, addresses and numbers, which nobody chose as words of the letter."""
    sender, recipient = letter.sender, letter.recipient
    parties = [
        sender.name,
        *sender.address_lines,
        sender.contact_person,
        sender.email,
        sender.website,
        sender.bank_name,
    ]
    parties += [
        sender.account_holder,
        sender.register,
        recipient.last_name,
        recipient.first_name,
        recipient.company,
    ]
    parties += [recipient.street, recipient.city, recipient.address_extra, recipient.customer_number]
    parties += address_lines(recipient, sender, letter.language)
    if letter.creditor:
        parties += [letter.creditor.name, *letter.creditor.address_lines]
    if letter.registration:
        authority = letter.registration.authority
        parties += [letter.registration.number, authority.name, *authority.address_lines]
        parties += [letter.registration.authority_contact]
    parties += [item.invoice_number for item in letter.items] + [letter.case_reference, letter.portal_url]
    parties.append(letter.pay_url)
    for collected in (letter.debit, letter.terms):
        parties += [collected.mandate, collected.creditor_identifier] if collected else []
    for value in sorted({clean(part) for part in parties if len(part.strip()) > 1}, key=len, reverse=True):
        text = _blanked(text, value)
    return text


def _blanked(text: str, value: str) -> str:
    """The text with each whole occurrence of the value replaced; far cheaper than compiling a pattern."""
    place = text.find(value)
    while place >= 0:
        end = place + len(value)
        is_whole = not (text[place - 1 : place].isalnum() or text[end : end + 1].isalnum())
        text = f"{text[:place]}…{text[end:]}" if is_whole else text
        place = text.find(value, place + 1 if is_whole else end)
    return text


def _required_words(letter: Letter, text: str, tone: Tone) -> Iterator[Finding]:
    needed = []
    if letter.is_demanding:
        needed += ["debt_advice", "dispute"]
    if letter.debit is not None:
        needed += ["dispute"]
    if letter.terms is not None:
        needed += ["debt_advice", "dispute"]
    if letter.triggers_default:
        needed += ["default"]
    if letter.is_third_party:
        needed += ["information"]
    for key in needed:
        if not tone.required[key].pattern.search(text):
            yield _refuse(
                f"required.{key}", tone.required[key].reason, "Use the shipped wording or add it to yours."
            )


def _forbidden_words(letter: Letter, text: str, tone: Tone) -> Iterator[Finding]:
    for rule in tone.forbidden:
        if letter.template not in rule.templates or (rule.unless and rule.unless in letter.grounds):
            continue
        found = rule.pattern.search(text)
        if found:
            yield _refuse(rule.rule, f"{rule.reason} Found: {found.group()!r}.", rule.remedy)


def _shouting(text: str, tone: Tone) -> Iterator[Finding]:
    loud = [word for word in _CAPITALS.findall(text) if word not in tone.capitals_allowed]
    if len(loud) > CAPITALS_MAX:
        yield _refuse("tone.capitals", f"Shouts: {', '.join(loud[:5])}.", "Write words in small letters.")
    if text.count("!") > EXCLAMATIONS_MAX:
        yield _refuse(
            "tone.exclamation", "Has more than one exclamation mark.", "End sentences with a full stop."
        )


def _readability(text: str) -> Iterator[Finding]:
    """Hints only: long sentences tire; tables, headings and lists do not count."""
    prose = []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if len(lines) > 1 and set(lines[1]) <= set("-="):
            lines = lines[2:]
        if lines and not lines[0].startswith(("* ", "-- ")) and lines[-1].endswith((".", "?", "!")):
            prose.append(" ".join(lines))
    sentences = [sentence.split() for sentence in _SENTENCE_END.split(" ".join(prose)) if sentence]
    for words in sentences:
        if len(words) > SENTENCE_WORDS_MAX:
            yield Finding("reading.long_sentence", False, f"{len(words)} words: {' '.join(words[:8])} …")
    if sentences:
        average = sum(map(len, sentences)) / len(sentences)
        if average > AVERAGE_WORDS_MAX:
            yield Finding("reading.average", False, f"{average:.0f} words to a sentence on average.")
