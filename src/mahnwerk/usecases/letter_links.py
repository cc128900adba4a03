"""Pay links in letters: which letters carry one, and making those of a batch together.

The name of a link follows from its case: a letter can be written before its link is kept, and written anew
after a crash it is the same letter. The links of a batch are kept before its first letter is sealed: no
sealed letter names a link that is not there, and a link whose letter was not sealed waits for the next one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction

from mahnwerk.records import providers as records
from mahnwerk.records.models import PayLink, ProviderAccount
from mahnwerk.usecases import clock
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.opening import OpenBook

PUBLIC_URL: Final = "MAHNWERK_PUBLIC_URL"
"""Environment variable: where the pay pages and webhooks are reached, "https://pay.example.org"."""
IN_LETTERS: Final = "in_letters"
"""Setting of an account, absent or "false": whether letters of its creditor carry a pay link."""
MIN_CENTS: Final = 100
"""Providers take no smaller sums."""


@dataclass(frozen=True)
class LetterLinks:
    """The links some letters may carry, by case; `pages` is the address they lead to, "" = there are none."""

    pages: str = ""
    by_case: Mapping[int, PayLink] = field(default_factory=dict)

    def url_of(self, case_id: int) -> str:
        """The whole address of a case's link, "" = it has none."""
        link = self.by_case.get(case_id)
        return f"{self.pages}{path_of(link.public_id)}" if link else ""


@dataclass(frozen=True)
class Missed:
    """What a reminder tells is missed of a plan: its link asks for no more, and for less once less is."""

    plan_id: int
    cents: int


def path_of(public_id: str) -> str:
    """Where on the pay pages a link leads."""
    return f"/pay/{public_id}"


def pages() -> str:
    """Address of the pay pages as configured, without a slash at its end; "" = there are none."""
    return os.environ.get(PUBLIC_URL, "").rstrip("/")


def of_cases(
    book: OpenBook, cases: Iterable[Mapping[str, Any]], missed: Mapping[int, Missed] | None = None
) -> LetterLinks:
    """The link of each case whose creditor has an account that stands in letters; keeps nothing.

    Asks the database twice, however many cases there are; once where no creditor has an account, and not at
    all where no pay pages are configured.

    Parameters
    ----------
    cases : rows of CASES
    missed : case → what its letter tells of a plan; other links are worth what is asked for when they are
        used
    """
    missed = missed or {}
    if not (address := pages()):
        return LetterLinks()
    accounts = _accounts(book)
    wishes = [
        records.Wish(
            accounts[case["creditor_id"]],
            case["case_id"],
            case["currency"],
            amount_cents=missed[case["case_id"]].cents if case["case_id"] in missed else None,
            plan_id=missed[case["case_id"]].plan_id if case["case_id"] in missed else None,
        )
        for case in cases
        if case["creditor_id"] in accounts
    ]
    found = records.links(book.tenant_id, wishes, made_at=clock.now()) if wishes else []
    return LetterLinks(address, {link.case_id: link for link in found})


def _accounts(book: OpenBook) -> dict[int, int]:
    """Creditor → the account its letters name: the first by key, where several would do."""
    rows = ProviderAccount.objects.filter(tenant_id=book.tenant_id, is_active=True).order_by("-key")
    return {
        creditor_id: account_id
        for creditor_id, account_id, settings in rows.values_list("creditor_id", "id", "settings")
        if settings.get(IN_LETTERS) != "false"
    }


def keep(book: OpenBook, links: Iterable[PayLink]) -> int:
    """Keep those that are new, with one statement, before a letter naming one is sealed; how many were."""
    new = [link for link in links if link._state.adding]
    if new:
        with transaction.atomic():
            records.keep_links(new)
            note(book, "pay_links", detail={"count": len(new)})
    return len(new)
