"""GET and POST /pay/<link>: what is to be paid, to whom, and a button that leads to the provider.

Works without JavaScript and without cookies. There is no session to protect, so there is no CSRF token:
pressing the button anywhere leads to the same checkout. Looking changes nothing; pressing too often is
answered with 429 and the time to wait.
"""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from mahnwerk.api.pay_page import WORDS, headers, language_of, message, offer
from mahnwerk.usecases import provider_links
from mahnwerk.usecases.errors import NotFound, Refused
from mahnwerk.usecases.pay_presses import TooOften
from mahnwerk.usecases.provider_links import NotPayable, PayPage

WAIT_SECONDS: Final = 60
"""When to try again while the provider does not answer."""


def _chosen(request: HttpRequest) -> str:
    return str(request.GET.get("lang", ""))


def _asked_for(request: HttpRequest) -> str:
    """The language chosen on the page, else the first of ours that the browser names."""
    if (chosen := _chosen(request)) in WORDS:
        return chosen
    wished = (part.strip()[:2] for part in request.headers.get("Accept-Language", "").lower().split(","))
    return next((language for language in wished if language in WORDS), "de")


def _show(page: PayPage, request: HttpRequest) -> HttpResponse:
    language = language_of(page, _chosen(request))
    return offer(page, language) if page.state == "open" else message(page.state, 200, language, page)


def _wait(request: HttpRequest, link: str, word: str, status: int, seconds: int) -> HttpResponse:
    """Nothing was done; the page says when to come again and how else to pay."""
    try:
        page = provider_links.page(link)
    except Refused:
        return message(word, status, _asked_for(request), wait_seconds=seconds)
    if page.state != "open":
        return _show(page, request)
    return message(
        word, status, language_of(page, _chosen(request)), page, is_open=True, wait_seconds=seconds
    )


@csrf_exempt  # no cookie, no session: see the docstring of the module
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, link: str) -> HttpResponse:
    """The page, and the button."""
    try:
        if request.method != "POST":
            return _show(provider_links.page(link), request)
        url = provider_links.checkout_url(link)
    except NotFound:
        return message("unknown", 404, _asked_for(request))
    except TooOften as refusal:
        return _wait(request, link, "often", 429, refusal.seconds)
    except NotPayable as refusal:
        return (
            _wait(request, link, "later", 503, WAIT_SECONDS)
            if refusal.remedy
            else _show(provider_links.page(link), request)
        )
    except Refused:
        return _wait(request, link, "later", 503, WAIT_SECONDS)
    return HttpResponse(status=303, headers={**headers("default-src 'none'"), "Location": url})


@require_safe
def returned(request: HttpRequest, link: str, key: str) -> HttpResponse:
    """Where the provider sends the payer back to: one of our own pages, by key."""
    word = provider_links.RETURN_PAGES.get(key)
    try:
        page = provider_links.page(link)
    except NotFound:
        return message("unknown", 404, _asked_for(request))
    language = language_of(page, _chosen(request))
    if word is None:
        return message("unknown", 404, language)
    is_open = word == "cancelled" and page.state == "open"
    return message(word, 200, language, page, is_open=is_open)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Any other address."""
    return message("unknown", 404, _asked_for(request))


def broken(request: HttpRequest) -> HttpResponse:
    """A defect of ours; the log has it, the payer a sentence."""
    return message("broken", 500, _asked_for(request))
