"""GET and POST /pay/<link>: what is to be paid, to whom, and a button that leads to the provider.

Works without JavaScript and without cookies; names the creditor and the amount and nobody else. There is no
session to protect, so there is no CSRF token: pressing the button anywhere leads to the same checkout.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from mahnwerk.letters.formatting import money
from mahnwerk.usecases import provider_links
from mahnwerk.usecases.errors import NotFound, Refused
from mahnwerk.usecases.provider_links import NotPayable, PayPage

STYLE: Final = (
    ":root{color-scheme:light dark;--page:#fff;--card:#eef4f5;--ink:#1d2a33;--quiet:#55636d;--accent:#0b5563;"
    "--on:#fff}"
    "@media(prefers-color-scheme:dark){:root{--page:#12191d;--card:#1d282e;--ink:#e8eef0;--quiet:#a9b6bd;"
    "--accent:#7fd0dd;--on:#06262c}}"
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:0 auto;padding:2.5rem 1rem;"
    "background:var(--page);color:var(--ink);overflow-wrap:anywhere}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem;color:var(--accent)}"
    "dl{background:var(--card);border-radius:.5rem;padding:1.2rem;margin:0 0 1.5rem}"
    "dt{font-size:1rem;color:var(--quiet)}dd{margin:0 0 .8rem}dd:last-child{margin:0}"
    ".sum{font-size:1.9rem;font-weight:600;line-height:1.2}a{color:var(--accent)}"
    "button{font:inherit;font-weight:600;width:100%;padding:.8rem 1.4rem;background:var(--accent);"
    "color:var(--on);border:2px solid transparent;border-radius:.5rem;cursor:pointer}"
    "a:focus-visible,button:focus-visible{outline:3px solid var(--ink);outline-offset:3px}"
)
"""Colours of the letters; every text at least 4.5 : 1 on its ground, in the light and in the dark."""
STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
WORDS: Final = {
    "de": {
        "title": "Zahlung",
        "to": "An",
        "amount": "Betrag",
        "button": "Weiter zur Zahlung",
        "settled": "Hier ist nichts mehr zu zahlen. Danke.",
        "paused": "Hier ist zurzeit nichts zu zahlen. Haben Sie Fragen, melden Sie sich gern.",
        "processing": "Eine Zahlung ist unterwegs. Sie brauchen nichts weiter zu tun.",
        "done": "Danke. Sobald der Zahlungsdienst die Zahlung bestätigt, ist sie verbucht.",
        "cancelled": "Die Zahlung wurde abgebrochen. Es wurde nichts abgebucht.",
        "later": "Der Zahlungsdienst antwortet gerade nicht. Bitte versuchen Sie es gleich noch einmal.",
        "unknown": "Diesen Zahlungslink gibt es nicht.",
        "back": "Zurück zur Zahlung",
    },
    "en": {
        "title": "Payment",
        "to": "To",
        "amount": "Amount",
        "button": "Continue to payment",
        "settled": "There is nothing left to pay here. Thank you.",
        "paused": "There is nothing to pay here at present. If you have questions, please get in touch.",
        "processing": "A payment is under way. There is nothing more to do.",
        "done": "Thank you. The payment is booked as soon as the payment service confirms it.",
        "cancelled": "The payment was cancelled. Nothing was charged.",
        "later": "The payment service does not answer at the moment. Please try again shortly.",
        "unknown": "There is no such payment link.",
        "back": "Back to the payment",
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
        "unknown": "Link nicht gefunden",
    },
    "en": {
        "settled": "Nothing left to pay",
        "paused": "Nothing to pay at present",
        "processing": "Payment under way",
        "done": "Thank you",
        "cancelled": "Payment cancelled",
        "later": "Not possible right now",
        "unknown": "Link not found",
    },
}
"""What stands over a page that is not the one with the button."""


def _html(title: str, language: str, body: str, status: int, targets: str = "") -> HttpResponse:
    # The button's form goes to us and is redirected to the provider: browsers check both.
    policy = (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self' {targets}".rstrip()
        + "; base-uri 'none'; frame-ancestors 'none'"
    )
    text = format_html(
        '<!doctype html><html lang="{}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>{}</title>'
        "<style>{}</style></head><body><main><h1>{}</h1>{}</main></body></html>",
        language,
        title,
        SafeString(STYLE),
        title,
        body,
    )
    return HttpResponse(text, status=status, headers=_headers(policy))


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
    }


def _message(word: str, status: int, language: str, link: str = "") -> HttpResponse:
    words = WORDS[language]
    body = format_html("<p>{}</p>", words[word])
    if link:
        body += format_html('<p><a href="/pay/{}">{}</a></p>', link, words["back"])
    return _html(TITLES[language].get(word, words["title"]), language, body, status)


def _asked_for(request: HttpRequest) -> str:
    """The first language of ours that the browser names, where no link says which."""
    wished = (part.strip()[:2] for part in request.headers.get("Accept-Language", "").lower().split(","))
    return next((language for language in wished if language in WORDS), "de")


def _language(page: PayPage) -> str:
    return page.language if page.language in WORDS else "de"


def _show(page: PayPage) -> HttpResponse:
    language = _language(page)
    words = WORDS[language]
    if page.state != "open":
        return _message(page.state, 200, language)
    body = format_html(
        '<dl><dt>{}</dt><dd>{}</dd><dt>{}</dt><dd class="sum">{}</dd></dl>'
        '<form method="post" action="/pay/{}"><button>{}</button></form>',
        words["to"],
        page.creditor,
        words["amount"],
        money(page.amount_cents, page.currency, language),
        page.public_id,
        words["button"],
    )
    return _html(
        words["title"], language, body, 200, " ".join(f"https://{host}" for host in page.checkout_hosts)
    )


def _later(request: HttpRequest, link: str) -> HttpResponse:
    try:
        language = _language(provider_links.page(link))
    except Refused:
        language = _asked_for(request)
    return _message("later", 503, language, link)


@csrf_exempt  # no cookie, no session: see the docstring of the module
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, link: str) -> HttpResponse:
    """The page, and the button."""
    try:
        if request.method != "POST":
            return _show(provider_links.page(link))
        url = provider_links.checkout_url(link)
    except NotFound:
        return _message("unknown", 404, _asked_for(request))
    except NotPayable as refusal:
        return _later(request, link) if refusal.remedy else _show(provider_links.page(link))
    except Refused:
        return _later(request, link)
    return HttpResponse(status=303, headers={**_headers("default-src 'none'"), "Location": url})


@require_safe
def returned(request: HttpRequest, link: str, key: str) -> HttpResponse:
    """Where the provider sends the payer back to: one of our own pages, by key."""
    word = provider_links.RETURN_PAGES.get(key)
    try:
        language = _language(provider_links.page(link))
    except NotFound:
        return _message("unknown", 404, _asked_for(request))
    if word is None:
        return _message("unknown", 404, language)
    return _message(word, 200, language, link if word == "cancelled" else "")
