"""How a pay page looks and reads: one column, no script, no byte from elsewhere, German or English.

It says who asks, for what, how much and on which day, where else the money can go, and whom to call if
something is wrong. It names the creditor and nobody else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from django.http import HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mahnwerk.frames import Role
from mahnwerk.letters.formatting import clean, day_short, money
from mahnwerk.letters.reference import spaced
from mahnwerk.usecases import letter_links
from mahnwerk.usecases.provider_links import Payee, PayPage

STYLE: Final = (
    ":root{color-scheme:light dark;--page:#fff;--card:#eef4f5;--ink:#1d2a33;--quiet:#55636d;--accent:#0b5563;"
    "--on:#fff}"
    "@media(prefers-color-scheme:dark){:root{--page:#12191d;--card:#1d282e;--ink:#e8eef0;--quiet:#a9b6bd;"
    "--accent:#7fd0dd;--on:#06262c}}"
    "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:0 auto;padding:1.5rem 1rem 2.5rem;"
    "background:var(--page);color:var(--ink);overflow-wrap:anywhere}"
    "h1{font-size:1.375rem;line-height:1.25;margin:0 0 1rem;color:var(--accent)}"
    "h2{font-size:1.125rem;line-height:1.3;margin:2rem 0 .5rem}p{margin:0 0 .75rem}"
    "dl{margin:0 0 1rem}dt{font-size:1rem;color:var(--quiet)}dd{margin:0 0 .6rem}dd:last-child{margin:0}"
    ".box{background:var(--card);border-radius:.5rem;padding:1rem 1.2rem}"
    ".sum{font-size:2.125rem;font-weight:600;line-height:1.2}.sum,.code{font-variant-numeric:tabular-nums}"
    ".ref{white-space:nowrap}"
    ".quiet{font-size:1rem;color:var(--quiet);margin-top:.5rem}"
    "ul{list-style:none;margin:0;padding:0}a{color:var(--accent);display:inline-block;padding:.65rem 0}"
    "header{text-align:right}header,footer{font-size:1rem}footer{color:var(--quiet);margin-top:2rem}"
    "button{font:inherit;font-weight:600;width:100%;padding:.8rem 1.4rem;background:var(--accent);"
    "color:var(--on);border:2px solid transparent;border-radius:.5rem;cursor:pointer}"
    "a:focus-visible,button:focus-visible{outline:3px solid var(--ink);outline-offset:3px}"
)
"""Colours of the letters; every text at least 4.5 : 1 on its ground, in the light and in the dark."""
STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
WORDS: Final = {
    "de": {
        "title": "Zahlung an {}",
        "amount": "Betrag am {}",
        "about": "Wofür",
        "case": "Aktenzeichen {}. Was alles dazugehört, steht in unserem Schreiben.",
        "agency": "Forderung von {}.",
        "assignee": "{} hat uns die Forderung abgetreten.",
        "button": "Weiter zur Zahlung",
        "where": "Sie bezahlen auf der Seite von {}. Vorher wird nichts abgebucht. "
        "Ihren Namen nennen wir dort nicht.",
        "transfer": "Lieber überweisen?",
        "sum": "Betrag",
        "holder": "Empfänger",
        "purpose": "Verwendungszweck",
        "contact": "Stimmt etwas nicht?",
        "tell": "Sie haben schon bezahlt, sind nicht einverstanden oder können gerade nicht zahlen? "
        "Bitte sagen Sie es uns, bevor Sie zahlen, und nennen Sie {}.",
        "questions": "Fragen?",
        "reach": "Bitte nennen Sie {}, wenn Sie anrufen oder schreiben.",
        "letter": "Wie Sie uns erreichen, steht in unserem Schreiben.",
        "settled": "Hier ist nichts mehr zu zahlen. Danke.",
        "paused": "Hier ist zurzeit nichts zu zahlen.",
        "processing": "Eine Zahlung ist unterwegs. Sie brauchen nichts weiter zu tun.",
        "done": "Sobald der Zahlungsdienst Ihre Zahlung bestätigt, tragen wir sie bei uns ein. "
        "Sie brauchen nichts weiter zu tun.",
        "cancelled": "Die Zahlung wurde abgebrochen. Es wurde nichts abgebucht.",
        "later": "Der Zahlungsdienst antwortet gerade nicht. Es wurde nichts abgebucht. "
        "Bitte versuchen Sie es gleich noch einmal.",
        "often": "Der Knopf wurde gerade sehr oft gedrückt. Es wurde nichts abgebucht. "
        "Bitte versuchen Sie es in {} noch einmal.",
        "unknown": "Diesen Zahlungslink gibt es nicht. Bitte sehen Sie nach, ob die Adresse vollständig ist. "
        "In unserem Schreiben steht auch, wie Sie überweisen können und wie Sie uns erreichen.",
        "broken": "Bei uns ist etwas schiefgegangen. Es wurde nichts abgebucht. "
        "Bitte versuchen Sie es später noch einmal.",
        "back": "Zurück zur Zahlung",
        "provided": "Anbieter dieser Seite",
        "vat_id": "USt-IdNr. {}",
        "privacy": "Datenschutz",
        "other": "This page in English",
    },
    "en": {
        "title": "Payment to {}",
        "amount": "Amount on {}",
        "about": "What for",
        "case": "Our reference {}. Our letter lists all that belongs to it.",
        "agency": "A claim of {}.",
        "assignee": "{} has assigned the claim to us.",
        "button": "Continue to payment",
        "where": "You pay on the page of {}. Nothing is charged before. We do not tell your name there.",
        "transfer": "Rather pay by bank transfer?",
        "sum": "Amount",
        "holder": "Payee",
        "purpose": "Reference",
        "contact": "Is something wrong?",
        "tell": "You have paid already, do not agree or cannot pay at the moment? "
        "Please tell us before you pay, and name {}.",
        "questions": "Questions?",
        "reach": "Please name {} when you call or write.",
        "letter": "Our letter says how to reach us.",
        "settled": "There is nothing left to pay here. Thank you.",
        "paused": "There is nothing to pay here at present.",
        "processing": "A payment is under way. There is nothing more to do.",
        "done": "We enter your payment as soon as the payment service confirms it. "
        "There is nothing more to do.",
        "cancelled": "The payment was cancelled. Nothing was charged.",
        "later": "The payment service does not answer at the moment. Nothing was charged. "
        "Please try again shortly.",
        "often": "The button was pressed very often just now. Nothing was charged. Please try again in {}.",
        "unknown": "There is no such payment link. Please check whether the address is complete. "
        "Our letter also says how to pay by bank transfer and how to reach us.",
        "broken": "Something went wrong on our side. Nothing was charged. Please try again later.",
        "back": "Back to the payment",
        "provided": "Responsible for this page",
        "vat_id": "VAT ID {}",
        "privacy": "Privacy",
        "other": "Diese Seite auf Deutsch",
    },
}
TITLES: Final = {
    "de": {
        "settled": "Nichts mehr zu zahlen",
        "paused": "Zurzeit nichts zu zahlen",
        "processing": "Zahlung unterwegs",
        "done": "Danke",
        "cancelled": "Zahlung abgebrochen",
        "later": "Gerade nicht möglich",
        "often": "Bitte einen Moment Geduld",
        "unknown": "Link nicht gefunden",
        "broken": "Gerade nicht möglich",
    },
    "en": {
        "settled": "Nothing left to pay",
        "paused": "Nothing to pay at present",
        "processing": "Payment under way",
        "done": "Thank you",
        "cancelled": "Payment cancelled",
        "later": "Not possible right now",
        "often": "Please wait a moment",
        "unknown": "Link not found",
        "broken": "Not possible right now",
    },
}
"""What stands over a page that is not the one with the button."""
MINUTES: Final = {"de": ("1 Minute", "{} Minuten"), "en": ("1 minute", "{} minutes")}
OTHER: Final = {"de": "en", "en": "de"}
"""The language that a page offers beside its own."""
CLIENTS: Final = {Role.AGENCY: "agency", Role.ASSIGNEE: "assignee"}
"""How it is said whose claim it is, or was; who runs a marketplace has none."""
YEAR_SECONDS: Final = 31_536_000


def headers(policy: str) -> dict[str, str]:
    """What each answer to a payer tells his browser: keep nothing, load nothing, stay on https."""
    told = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
    }
    if letter_links.pages().startswith("https:"):
        told["Strict-Transport-Security"] = f"max-age={YEAR_SECONDS}"
    return told


def language_of(page: PayPage, wished: str = "") -> str:
    """The language the reader chose on the page, else the debtor's, where we have words for it."""
    return next((language for language in (wished, page.language) if language in WORDS), "de")


def minutes(seconds: int, language: str) -> str:
    """A waiting time in words, rounded up: `1 Minute`, `10 Minuten`."""
    count = max(1, -(-seconds // 60))
    one, many = MINUTES[language]
    return one if count == 1 else many.format(count)


def offer(page: PayPage, language: str) -> HttpResponse:
    """The page with the button."""
    words, payee = WORDS[language], page.payee
    about = format_html(words["case"], _reference(page))
    if payee.client and payee.role in CLIENTS:
        about = format_html("{} {}", words[CLIENTS[payee.role]].format(clean(payee.client)), about)
    body = format_html(
        '<dl class="box"><dt>{}</dt><dd class="sum">{}</dd><dt>{}</dt><dd>{}</dd></dl>'
        '<form method="post" action="{}"><button>{}</button></form><p class="quiet">{}</p>{}{}',
        words["amount"].format(day_short(page.as_of, language)),
        money(page.amount_cents, page.currency, language),
        words["about"],
        about,
        _here(page, language),
        words["button"],
        words["where"].format(page.provider),
        _transfer(page, language),
        _contact(page, language, "tell"),
    )
    targets = " ".join(f"https://{host}" for host in page.checkout_hosts)
    return _html(words["title"].format(clean(payee.name)), language, body, 200, targets, page)


def message(
    word: str,
    status: int,
    language: str,
    page: PayPage | None = None,
    *,
    is_open: bool = False,
    wait_seconds: int = 0,
) -> HttpResponse:
    """A page that says one thing; with `page`, also whom to ask; `is_open`: how to pay all the same."""
    words = WORDS[language]
    body = format_html("<p>{}</p>", words[word].format(minutes(wait_seconds, language)))
    if page is not None and is_open:
        back = format_html('<p><a href="{}">{}</a></p>', _here(page, language), words["back"])
        body = format_html("{}{}{}", body, back, _transfer(page, language) if status >= 400 else "")
    if page is not None:
        body = format_html("{}{}", body, _contact(page, language, "tell" if is_open else "reach"))
    answer = _html(TITLES[language][word], language, body, status, page=page)
    if wait_seconds:
        answer.headers["Retry-After"] = str(wait_seconds)
    return answer


def _transfer(page: PayPage, language: str) -> SafeString:
    """How to pay without the provider."""
    words, payee = WORDS[language], page.payee
    if not payee.iban or page.currency != "EUR":
        return SafeString("")
    return format_html(
        '<h2>{}</h2><dl class="box"><dt>{}</dt><dd class="code">{}</dd><dt>{}</dt><dd>{}</dd>'
        '<dt>IBAN</dt><dd class="code">{}</dd><dt>{}</dt><dd class="code">{}</dd></dl>',
        words["transfer"],
        words["sum"],
        money(page.amount_cents, page.currency, language),
        words["holder"],
        clean(payee.account_holder or payee.name),
        spaced(payee.iban),
        words["purpose"],
        spaced(payee.rf_reference),
    )


def _contact(page: PayPage, language: str, word: str) -> SafeString:
    """Whom to call; on the page with the button before paying what may be wrong."""
    words, payee = WORDS[language], page.payee
    lines = [format_html("{}", clean(text)) for text in (payee.contact_person, payee.name) if text]
    if payee.phone:
        lines.append(format_html('<a href="tel:{}">{}</a>', _digits(payee.phone), clean(payee.phone)))
    if payee.email:
        lines.append(format_html('<a href="mailto:{}">{}</a>', payee.email, clean(payee.email)))
    if payee.hours:
        lines.append(format_html("{}", clean(payee.hours)))
    told = format_html_join("", "<li>{}</li>", ((line,) for line in lines))
    if not _is_reachable(payee):
        told = format_html("<li>{}</li>", words["letter"])
    return format_html(
        "<h2>{}</h2><p>{}</p><ul>{}</ul>",
        words["contact" if word == "tell" else "questions"],
        format_html(words[word], _reference(page)),
        told,
    )


def _reference(page: PayPage) -> SafeString:
    """The number of the case, never parted at the end of a line."""
    return format_html('<span class="ref">{}</span>', page.case_reference)


def _here(page: PayPage, language: str) -> str:
    """The page's own address; it names the language only where that is not the debtor's."""
    path = f"/pay/{page.public_id}"
    return path if language == language_of(page) else f"{path}?lang={language}"


def _other_language(page: PayPage, language: str) -> SafeString:
    """The way to the same page in the other language, said in that language."""
    other = OTHER[language]
    return format_html(
        '<header><a href="{}" lang="{}" hreflang="{}">{}</a></header>',
        _here(page, other),
        other,
        other,
        WORDS[language]["other"],
    )


def _provider(page: PayPage, language: str) -> SafeString:
    """Who answers for the page: name, address, register and VAT number (§ 5 DDG)."""
    words, payee = WORDS[language], page.payee
    told = [payee.name, *payee.address_lines, payee.register]
    told += [words["vat_id"].format(payee.vat_id)] if payee.vat_id else []
    lines = format_html_join(SafeString("<br>"), "{}", ((clean(line),) for line in told if line))
    notice = SafeString("")
    if payee.privacy.startswith("https://"):
        notice = format_html('<br><a href="{}">{}</a>', payee.privacy, words["privacy"])
    return format_html("<footer>{}:<br>{}{}</footer>", words["provided"], lines, notice)


def _is_reachable(payee: Payee) -> bool:
    return bool(payee.phone or payee.email)


def _digits(phone: str) -> str:
    """A number as a telephone dials it: +493415550123."""
    return re.sub(r"[^0-9+]", "", phone.replace("(0)", ""))


def _html(
    title: str, language: str, body: str, status: int, targets: str = "", page: PayPage | None = None
) -> HttpResponse:
    # The button's form goes to us and is redirected to the provider: browsers check both.
    policy = (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self' {targets}".rstrip()
        + "; base-uri 'none'; frame-ancestors 'none'"
    )
    text = format_html(
        '<!doctype html><html lang="{}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>{}</title>'
        "<style>{}</style></head><body>{}<main><h1>{}</h1>{}</main>{}</body></html>",
        language,
        title,
        SafeString(STYLE),
        _other_language(page, language) if page is not None else "",
        title,
        body,
        _provider(page, language) if page is not None else "",
    )
    return HttpResponse(text, status=status, headers=headers(policy))
