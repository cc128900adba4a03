"""`check`: is it safe to go on with this book, and does anything wait for a person?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from mahnwerk.law import load_laws
from mahnwerk.records import crypto
from mahnwerk.records.models import Creditor, Decision, Message, MessageState
from mahnwerk.usecases import clock, day, procedures
from mahnwerk.usecases.day import NEEDS_PERSON
from mahnwerk.usecases.errors import UnsafeStart
from mahnwerk.usecases.opening import OpenBook, open_book

OK: Final = "ok"
PERSON: Final = "person"
UNSAFE: Final = "unsafe"


@dataclass(frozen=True)
class CheckLine:
    """One thing looked at: `level` is ok, person or unsafe."""

    level: str
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class CheckReport:
    """Everything looked at."""

    lines: list[CheckLine]

    @property
    def exit_code(self) -> int:
        """0 all well, 1 something waits for a person, 4 not safe to go on."""
        levels = {line.level for line in self.lines}
        return 4 if UNSAFE in levels else 1 if PERSON in levels else 0


def check(book: str, *, actor: str) -> CheckReport:
    """Look at settings, keys, law, creditors and queues of a book.

    Raises
    ------
    NotFound
        There is no such book.
    """
    try:
        opened = open_book(book, actor=actor)
    except UnsafeStart as error:
        return CheckReport([CheckLine(UNSAFE, error.problem, error.remedy)])
    lines = [CheckLine(OK, f"book {opened.place.name}: settings keep what is committed, keys open it")]
    lines += [_backup(), _law(), *_procedures(opened), *_creditors(opened), *_queues(opened)]
    return CheckReport(lines)


def _backup() -> CheckLine:
    if crypto.has_key_backup_note(os.environ):
        return CheckLine(OK, "a backup of the master key is confirmed")
    return CheckLine(
        OK,
        "no backup of the master key is confirmed: without the key no personal data can be read, ever",
        "Back it up apart from the data, then set MAHNWERK_KEY_BACKUP=confirmed.",
    )


def _law() -> CheckLine:
    law = load_laws()["de"]
    until = law.parameter("interest.base_rate").known_until
    if until is not None and until < clock.today():
        return CheckLine(
            PERSON, f"the base rate is known until {until} only", "Enter the new one; `mahnwerk law gaps`."
        )
    return CheckLine(OK, f"the base rate is known until {until}")


def _procedures(book: OpenBook) -> list[CheckLine]:
    known = procedures.of_book(book.place)
    return [CheckLine(OK, f"{len(known)} dunning procedures can be read")]


def _creditors(book: OpenBook) -> list[CheckLine]:
    found = []
    for row in Creditor.objects.filter(tenant_id=book.tenant_id).order_by("key"):
        if not row.profile.get("contact_person"):
            found.append(
                CheckLine(
                    PERSON,
                    f"creditor {row.key}: only a stand-in, nothing can be sent in its name",
                    "mahnwerk creditor add FILE",
                )
            )
    return found


def _queues(book: OpenBook) -> list[CheckLine]:
    """Messages nobody knows about, messages that failed, cases that only a person can move."""
    mine = Message.objects.filter(tenant_id=book.tenant_id)
    open_decisions = Decision.objects.filter(tenant_id=book.tenant_id, until_on=None)
    interrupted = mine.filter(
        state__in=[MessageState.SEALED, MessageState.SENDING], lease_until__lte=clock.now()
    )
    queues = [
        (
            mine.filter(state=MessageState.UNCERTAIN).count(),
            "messages may or may not have left",
            "Look for them at the mail server, then: mahnwerk send --settle MESSAGE=sent|failed.",
        ),
        (interrupted.count(), "messages were interrupted", "mahnwerk send takes them up."),
        (
            open_decisions.filter(reason__in=NEEDS_PERSON).count(),
            "cases are held by broken data or a gap in the law",
            "mahnwerk cases --held data_error, mahnwerk cases --held law_gap",
        ),
    ]
    last = day.last_run_on(book)
    lines = [CheckLine(OK, f"last run: {last or 'never'}")]
    for count, what, remedy in queues:
        if count:
            lines.append(CheckLine(PERSON, f"{count} {what}", remedy))
    return lines
