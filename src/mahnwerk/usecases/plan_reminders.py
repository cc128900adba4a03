"""A kind word when an instalment is missing, with the offer to change the plan. It is no dunning."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import polars as pl
from django.db import transaction

from mahnwerk.frames import Channel
from mahnwerk.kernel import plans as terms
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.plans import PlanState
from mahnwerk.records import load
from mahnwerk.records.models import Case, InstalmentPlan, PlanReminder
from mahnwerk.usecases import letter_links
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, viewing_day
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.letter_links import MIN_CENTS, LetterLinks
from mahnwerk.usecases.opening import OpenBook

WORDS: Final = {
    "de": (
        "Guten Tag, von Ihrem Ratenplan vom {agreed} ist die Rate vom {missing} noch offen: {cents}. "
        "Vielleicht haben Sie sie übersehen – dann genügt die Zahlung. Passt die Rate gerade nicht, "
        "antworten Sie uns bis {until}: Wir finden gemeinsam eine kleinere Rate oder eine Pause. Kosten "
        "entstehen Ihnen dadurch nicht. Referenz: {reference}"
    ),
    "en": (
        "Hello, one instalment of your plan of {agreed} is still open: {cents}, due on {missing}. Perhaps "
        "it slipped your mind; then paying it is all that is needed. If the instalment does not suit you "
        "at the moment, answer us by {until}: together we find a smaller one or a pause. It costs you "
        "nothing. Reference: {reference}"
    ),
}


PAY: Final = {"de": "Online zahlen: {url}", "en": "Pay online: {url}"}


@dataclass(frozen=True)
class Reminder:
    """A friendly reminder of a missed instalment, as told or to be told."""

    case_reference: str
    language: str
    missing_cents: int
    missing_since: dt.date
    answer_by: dt.date
    text: str
    is_recorded: bool
    pay_url: str = ""
    """Where what is missing can be paid; "" = the creditor has no such page."""


def remind(
    book: OpenBook, case: str, *, channel: str = "", on: dt.date | None = None, dry_run: bool = False
) -> Reminder:
    """Tell of a missed instalment, kindly, with the offer to change the plan; it is no dunning, has no fee.

    Parameters
    ----------
    channel : how it was told: email, post, phone; "" with `dry_run` shows the text only. Only a reminder
        on record lets the terms go on: no plan breaks before its debtor was told and had time to answer.

    Raises
    ------
    BadInput
        No plan of the case has missed an instalment, or this one was told already.
    """
    if not dry_run and channel not in (*(word.value for word in Channel), "phone"):
        raise BadInput(f"{channel!r} is no way to tell.", "Use --by email, post or phone.")
    case_id, day = case_id_of(book, case), viewing_day(book, on)
    row = Case.objects.get(tenant_id=book.tenant_id, id=case_id)
    loaded = load.book(book.tenant_id, case_ids=[case_id], on=day)
    stand = terms.standing(in_force(loaded, day), loaded.instalments, day)
    late = stand.filter(pl.col("state").is_in([PlanState.MISSED.value, PlanState.BROKEN.value]))
    if late.is_empty():
        raise BadInput(
            f"case {row.case_reference}: no instalment is missed on {day}.", "See `mahnwerk plan show`."
        )
    found = late.row(0, named=True)
    plan = InstalmentPlan.objects.get(tenant_id=book.tenant_id, id=found["plan_id"])
    until = day + dt.timedelta(days=terms.OFFER_DAYS)
    told, missing = False, {case_id: found["missing_cents"]}
    links = LetterLinks()
    if found["missing_cents"] >= MIN_CENTS:
        links = letter_links.of_cases(book, loaded.cases.to_dicts(), missing)
    if not dry_run:
        with transaction.atomic():
            letter_links.keep(book, links.by_case.values())
            _, told = PlanReminder.objects.get_or_create(
                tenant_id=book.tenant_id,
                plan_id=plan.id,
                missing_since=found["missing_since"],
                defaults={"told_on": day, "channel": channel, "actor": book.actor[:100]},
            )
            if told:
                detail = {"plan_no": plan.plan_no, "channel": channel}
                note(book, "plan_remind", on=day, case_id=case_id, detail=detail)
    words = WORDS.get(row.language, WORDS["de"])
    text = words.format(
        agreed=f"{plan.agreed_on:%d.%m.%Y}",
        missing=f"{found['missing_since']:%d.%m.%Y}",
        cents=_money(found["missing_cents"], row.currency),
        until=f"{until:%d.%m.%Y}",
        reference=row.rf_reference,
    )
    url = links.url_of(case_id)
    if url:
        text += "\n" + PAY.get(row.language, PAY["de"]).format(url=url)
    return Reminder(
        row.case_reference,
        row.language,
        found["missing_cents"],
        found["missing_since"],
        until,
        text,
        told,
        url,
    )


def _money(cents: int, currency: str) -> str:
    whole, part = divmod(cents, 100)
    return f"{whole:,}".replace(",", ".") + f",{part:02d} {'€' if currency == 'EUR' else currency}"
