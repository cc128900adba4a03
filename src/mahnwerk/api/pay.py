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

from mahnwerk.usecases import provider_links
from mahnwerk.usecases.errors import NotFound, Refused
from mahnwerk.usecases.provider_links import NotPayable, PayPage

STYLE: Final = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a}"
    "button{font:inherit;padding:.7rem 1.4rem;background:#1d4ed8;color:#fff;border:0;border-radius:.4rem}"
    "dt{color:#555}dd{margin:0 0 .8rem;font-size:1.3rem}"
)
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


def _html(words: dict[str, str], language: str, body: str, status: int, targets: str = "") -> HttpResponse:
    # The button's form goes to us and is redirected to the provider: browsers check both.
    policy = (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self' {targets}".rstrip()
        + "; base-uri 'none'; frame-ancestors 'none'"
    )
    text = format_html(
        '<!doctype html><html lang="{}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>{}</title>'
        "<style>{}</style><main><h1>{}</h1>{}</main></html>",
        language,
        words["title"],
        SafeString(STYLE),
        words["title"],
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


def _message(word: str, status: int, language: str = "de", link: str = "") -> HttpResponse:
    words = WORDS[language]
    body = format_html("<p>{}</p>", words[word])
    if link:
        body += format_html('<p><a href="/pay/{}">{}</a></p>', link, words["back"])
    return _html(words, language, body, status)


def _money(cents: int, currency: str, language: str) -> str:
    whole, part = divmod(cents, 100)
    grouped = f"{whole:,}"
    if language == "de":
        return f"{grouped.replace(',', '.')},{part:02d} {currency}"
    return f"{grouped}.{part:02d} {currency}"


def _show(page: PayPage) -> HttpResponse:
    language = page.language if page.language in WORDS else "de"
    words = WORDS[language]
    if page.state != "open":
        return _message(page.state, 200, language)
    body = format_html(
        '<dl><dt>{}<dd>{}<dt>{}<dd>{}</dl><form method="post" action="/pay/{}"><button>{}</button></form>',
        words["to"],
        page.creditor,
        words["amount"],
        _money(page.amount_cents, page.currency, language),
        page.public_id,
        words["button"],
    )
    return _html(words, language, body, 200, " ".join(f"https://{host}" for host in page.checkout_hosts))


@csrf_exempt  # no cookie, no session: see the docstring of the module
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, link: str) -> HttpResponse:
    """The page, and the button."""
    try:
        if request.method != "POST":
            return _show(provider_links.page(link))
        url = provider_links.checkout_url(link)
    except NotFound:
        return _message("unknown", 404)
    except NotPayable as refusal:
        return _message("later", 503, link=link) if refusal.remedy else _show(provider_links.page(link))
    except Refused:
        return _message("later", 503, link=link)
    return HttpResponse(status=303, headers={**_headers("default-src 'none'"), "Location": url})


@require_safe
def returned(request: HttpRequest, link: str, key: str) -> HttpResponse:
    """Where the provider sends the payer back to: one of our own pages, by key."""
    word = provider_links.RETURN_PAGES.get(key)
    if word is None:
        return _message("unknown", 404)
    try:
        language = provider_links.page(link).language
    except NotFound:
        return _message("unknown", 404)
    return _message(word, 200, language if language in WORDS else "de", link if word == "cancelled" else "")
