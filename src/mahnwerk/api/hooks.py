"""POST /hooks/<provider>/<account>: a payment provider tells something.

2xx only after the commit; 400 forged or malformed; 404 no such account; 413 too long; 503 come again.
Answers hold no details: a stranger learns nothing, the log says which check failed.
"""

from __future__ import annotations

import logging

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from mahnwerk.usecases import provider_accounts, providers

log = logging.getLogger(__name__)


def _answer(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain", headers={"Cache-Control": "no-store"})


@csrf_exempt  # the signature is the proof; there is no session to protect
@require_POST
def webhook(request: HttpRequest, provider: str, account: str) -> HttpResponse:
    """One message of a provider."""
    try:
        length = int(request.headers.get("Content-Length") or 0)
        if length > providers.BODY_BYTES_MAX:
            return _answer("too long", 413)
        body = request.body
    except (RequestDataTooBig, ValueError):
        return _answer("too long", 413)
    try:
        providers.receive_webhook(provider, account, body, dict(request.headers))
    except provider_accounts.NoSuchAccount:
        return _answer("not found", 404)
    except providers.Forged:
        return _answer("refused", 400)
    except providers.TryLater:
        return _answer("later", 503)
    except Exception:  # the provider must send it again; nothing was committed
        log.exception("webhook of %s: not stored", provider)
        return _answer("error", 500)
    return _answer("ok", 200)
