"""A kind word by a person about a missed instalment, with the offer to change the plan. It is no dunning.

The daily run writes by itself (`kernel.plan_reminders`); this is for those it cannot write to.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import polars as pl
from django.db import transaction

from mahnwerk.frames import Channel
from mahnwerk.kernel import plan_reminders as turns
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.plan_states import OFFER_DAYS, PlanState, Why, parts
from mahnwerk.records import load
from mahnwerk.records.models import Case, InstalmentPlan, PlanReminder
from mahnwerk.usecases import letter_links
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, decided, viewing_day
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.letter_links import MIN_CENTS, LetterLinks
from mahnwerk.usecases.opening import OpenBook

_DE: Final = (
    "Passt die Rate gerade nicht, antworten Sie uns bis {until}: Wir finden gemeinsam eine kleinere Rate "
    "oder eine Pause. Kosten entstehen Ihnen dadurch nicht. Referenz: {reference}"
)
_EN: Final = (
    "If the instalment does not suit you at the moment, answer us by {until}: together we find a smaller one "
    "or a pause. It costs you nothing. Reference: {reference}"
)
WORDS: Final = {
    ("de", Why.NOT_PAID): (
        "Guten Tag, von Ihrem Ratenplan vom {agreed} ist die Rate vom {missing} noch offen: {cents}. "
        "Vielleicht haben Sie sie übersehen – dann genügt die Zahlung. " + _DE
    ),
    ("de", Why.RETURNED): (
        "Guten Tag, von Ihrem Ratenplan vom {agreed} konnten wir die Rate vom {missing} nicht einziehen: Die "
        "Lastschrift kam von Ihrer Bank zurück. Offen sind {cents}. Es genügt, wenn Sie das überweisen. "
        + _DE
    ),
    ("de", Why.NO_MANDATE): (
        "Guten Tag, die Raten Ihres Plans vom {agreed} können wir nicht einziehen: Uns liegt kein gültiges "
        "SEPA-Mandat vor. Bitte überweisen Sie sie von jetzt an selbst, oder schicken Sie uns ein neues "
        "Mandat. Seit {missing} sind offen: {cents}. " + _DE
    ),
    ("en", Why.NOT_PAID): (
        "Hello, one instalment of your plan of {agreed} is still open: {cents}, due on {missing}. Perhaps it "
        "slipped your mind; then paying it is all that is needed. " + _EN
    ),
    ("en", Why.RETURNED): (
        "Hello, we could not collect the instalment of {missing} of your plan of {agreed}: the direct debit "
        "came back from your bank. {cents} are open; a transfer is all that is needed. " + _EN
    ),
    ("en", Why.NO_MANDATE): (
        "Hello, we cannot collect the instalments of your plan of {agreed}: we have no valid SEPA mandate. "
        "Please transfer them yourself from now on, or send us a new mandate. Open since {missing}: {cents}. "
        + _EN
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

    Once told on record, the run does not write about the same instalment any more.

    Parameters
    ----------
    channel : how it was told: email, post, phone; "" with `dry_run` shows the text only. Only a reminder
        on record lets the terms go on: no plan breaks before its debtor was told and had time to answer.

    Raises
    ------
    BadInput
        No plan of the case has missed an instalment. One told of already, also by a message of the run,
        is not recorded again.
    """
    if not dry_run and channel not in (*(word.value for word in Channel), "phone"):
        raise BadInput(f"{channel!r} is no way to tell.", "Use --by email, post or phone.")
    case_id, day = case_id_of(book, case), viewing_day(book, on)
    row = Case.objects.get(tenant_id=book.tenant_id, id=case_id)
    loaded = load.book(book.tenant_id, case_ids=[case_id], on=day)
    live = in_force(loaded, day)
    result = decided(book, day, loaded)
    late = result.stand.filter(pl.col("state").is_in([PlanState.MISSED.value, PlanState.BROKEN.value]))
    if late.is_empty():
        raise BadInput(
            f"case {row.case_reference}: no instalment is missed on {day}.", "See `mahnwerk plan show`."
        )
    found = late.row(0, named=True)
    plan = InstalmentPlan.objects.get(tenant_id=book.tenant_id, id=found["plan_id"])
    until = day + dt.timedelta(days=OFFER_DAYS)
    whose = turns.turn(live, loaded.claims, loaded.instalments, result.evidence, result.stand)
    shares = parts(live, loaded.claims, loaded.instalments, result.replay.laid, day)
    why = shares.filter((pl.col("plan_id") == plan.id) & pl.col("is_missed"))["why"][0]
    told, missed = False, {case_id: letter_links.Missed(plan.id, found["missed_cents"])}
    links = LetterLinks()
    if found["missed_cents"] >= MIN_CENTS:
        links = letter_links.of_cases(book, loaded.cases.to_dicts(), missed)
    if not dry_run:
        letter_links.keep(book, links.by_case.values())
    if not dry_run and plan.id in whose.wanted["plan_id"]:
        with transaction.atomic():
            _, told = PlanReminder.objects.get_or_create(
                tenant_id=book.tenant_id,
                plan_id=plan.id,
                missing_since=found["missed_from"],
                defaults={"told_on": day, "channel": channel, "actor": book.actor[:100]},
            )
            if told:
                detail = {"plan_no": plan.plan_no, "channel": channel}
                note(book, "plan_remind", on=day, case_id=case_id, detail=detail)
    language = row.language if row.language in PAY else "de"
    text = WORDS[language, why].format(
        agreed=f"{plan.agreed_on:%d.%m.%Y}",
        missing=f"{found['missed_since']:%d.%m.%Y}",
        cents=_money(found["missed_cents"], row.currency),
        until=f"{until:%d.%m.%Y}",
        reference=row.rf_reference,
    )
    url = links.url_of(case_id)
    if url:
        text += "\n" + PAY[language].format(url=url)
    return Reminder(
        row.case_reference,
        row.language,
        found["missed_cents"],
        found["missed_since"],
        until,
        text,
        told,
        url,
    )


def _money(cents: int, currency: str) -> str:
    whole, part = divmod(cents, 100)
    return f"{whole:,}".replace(",", ".") + f",{part:02d} {'€' if currency == 'EUR' else currency}"
