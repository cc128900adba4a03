"""How often the button of a pay page may be pressed, so that nobody uses it to keep us or a provider busy.

Counted in the database, so it holds for all processes of the web server together: by link, and by account for
the presses that ask the provider. Who presses is neither asked nor kept. A press that is refused asks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Final

from django.db import transaction

from mahnwerk.records.models import PayLink, ProviderAccount
from mahnwerk.usecases import clock
from mahnwerk.usecases.errors import Refused


@dataclass(frozen=True)
class Limit:
    """At most `most` presses in the time `span` that begins with the first of them."""

    most: int
    span: timedelta


PER_LINK: Final = Limit(10, timedelta(minutes=10))
"""More than anyone presses who wants to pay, on all his devices."""
PER_ACCOUNT: Final = Limit(300, timedelta(minutes=1))
"""Well below what providers answer, well above what a mailing brings."""


class TooOften(Refused):
    """Pressed too often; `seconds` until it may be tried again."""

    def __init__(self, seconds: int) -> None:
        super().__init__("The button was pressed too often.", f"Try again in {seconds} seconds.")
        self.seconds = seconds


def of_link(pay_link: PayLink) -> None:
    """Count a press of a link's button.

    Raises
    ------
    TooOften
    """
    _count(PayLink, pay_link.tenant_id, pay_link.id, PER_LINK)


def of_account(account: ProviderAccount) -> None:
    """Count a press for which the account's provider is to be asked.

    Raises
    ------
    TooOften
    """
    _count(ProviderAccount, account.tenant_id, account.id, PER_ACCOUNT)


def _count(model: type[PayLink | ProviderAccount], tenant_id: int, row_id: int, limit: Limit) -> None:
    with transaction.atomic():
        row = model.objects.select_for_update().get(tenant_id=tenant_id, id=row_id)
        now, since, presses = clock.now(), row.presses_since, row.presses or 0
        # A beginning that lies ahead was written by a clock that was wrong.
        if since is None or not since <= now < since + limit.span:
            since, presses = now, 0
        if presses >= limit.most:
            raise TooOften(ceil((since + limit.span - now).total_seconds()))
        row.presses, row.presses_since = presses + 1, since
        row.save(update_fields=["presses", "presses_since"])
