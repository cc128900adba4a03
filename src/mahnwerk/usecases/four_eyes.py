"""Two people for giving up money: above a limit a waiver, write-off or compromise needs a second name."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Q, Sum

from mahnwerk.frames import FactKind
from mahnwerk.law import LawError, strict_yaml
from mahnwerk.records.models import AuditEntry, Fact
from mahnwerk.usecases import clock
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.opening import OpenBook

KINDS: Final = (FactKind.WAIVER, FactKind.WRITE_OFF, FactKind.COMPROMISE)
DEFAULT_LIMIT_CENTS: Final = 10_000
SETTING: Final = "four_eyes_above_cents"
SETTINGS_FILE: Final = "settings.yaml"
WITHIN: Final = dt.timedelta(days=30)
"""What was given up in a case so recently counts with what is given up now: halves make a whole."""


def limit_cents(place: BookPlace) -> int:
    """The book's limit: `four_eyes_above_cents` of its settings.yaml, else 100.00.

    Raises
    ------
    BadInput
        The file cannot be read, or the limit is no whole number of cents.
    """
    path = place.folder / SETTINGS_FILE
    if not path.is_file():
        return DEFAULT_LIMIT_CENTS
    try:
        found: Any = strict_yaml.load(path.read_text(encoding="utf-8"), str(path))
    except (LawError, OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {error}") from error
    value = found.get(SETTING, DEFAULT_LIMIT_CENTS) if isinstance(found, dict) else None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(f"{path}: {SETTING} must be whole cents, 0 or more.", f"{SETTING}: 10000")
    return value


def needs_second(
    book: OpenBook,
    case_id: int,
    kind: FactKind,
    cents: int | None,
    on: dt.date,
    along: Iterable[tuple[dt.date, int]] = (),
) -> bool:
    """Whether this fact, with what the case was forgiven lately, is above the limit.

    Lately is by the day it counts and, of what was told by hand, by the day it was told: two halves are a
    whole whatever days they are given. Call it in a transaction that has locked the case.

    Parameters
    ----------
    along : day and cents of what the same file gives up in the case and is not recorded yet
    """
    if kind not in KINDS:
        return False
    if cents is None:
        return True
    mine = Fact.objects.filter(tenant_id=book.tenant_id, case_id=case_id)
    recent = mine.filter(
        Q(effective_on__gt=on - WITHIN, effective_on__lt=on + WITHIN)
        | Q(fact_no__in=_told_lately(book, case_id)),
        kind__in=[int(one) for one in KINDS],
    )
    standing = recent.exclude(fact_no__in=mine.filter(kind=FactKind.VOIDED).values("voids_fact_no"))
    before = standing.aggregate(total=Sum("amount_cents"))["total"] or 0
    before += sum(more for day, more in along if abs(day - on) < WITHIN)
    return bool(before + cents > limit_cents(book.place))


def _told_lately(book: OpenBook, case_id: int) -> list[int]:
    """Numbers of the case's facts that people told by hand in these days."""
    told = AuditEntry.objects.filter(
        tenant_id=book.tenant_id, case_id=case_id, action="fact_add", at__gt=clock.now() - WITHIN
    )
    return [detail["fact_no"] for detail in told.values_list("detail", flat=True)]


def check(
    book: OpenBook, case_id: int, kind: FactKind, cents: int | None, on: dt.date, approved_by: str
) -> dict[str, str]:
    """What the audit trail keeps of the approval; nothing where none is needed.

    Raises
    ------
    BadInput
        A second person is needed and not named, or is the same.
    """
    if not needs_second(book, case_id, kind, cents, on):
        return {"approved_by": approved_by[:100]} if approved_by else {}
    limit = limit_cents(book.place)
    what = f"{kind.name.lower()}: more than {limit // 100},{limit % 100:02d} is given up in this case"
    return second(book, approved_by, what)


def second(book: OpenBook, approved_by: str, what: str) -> dict[str, str]:
    """The second person of an act that takes two, as the audit trail keeps them.

    Raises
    ------
    BadInput
        Nobody is named, or the same person. `what` says what is done and why it takes two.
    """
    if not _person(approved_by):
        raise BadInput(f"{what}; that takes two people.", "Add --approved-by NAME, somebody other than you.")
    if _person(approved_by) == _person(book.actor):
        raise BadInput(
            f"{what}; {approved_by} cannot approve what they do themselves.",
            "Name somebody else with --approved-by.",
        )
    return {"approved_by": approved_by.strip()[:100]}


def _person(name: str) -> str:
    """The letters and digits of a name, without the door it came through: `cli:anna` and `An. Na` are one.

    "" = the name names nobody.
    """
    plain = unicodedata.normalize("NFKC", name).rpartition(":")[2].casefold()
    return "".join(sign for sign in plain if sign.isalnum())
