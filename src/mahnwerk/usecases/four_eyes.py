"""Two people for giving up money: above a limit a waiver, write-off or compromise needs a second name."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from django.db.models import Sum

from mahnwerk.frames import FactKind
from mahnwerk.law import LawError, strict_yaml
from mahnwerk.records.models import Fact
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


def needs_second(book: OpenBook, case_id: int, kind: FactKind, cents: int | None, on: dt.date) -> bool:
    """Whether this fact, with what the case was forgiven lately, is above the limit."""
    if kind not in KINDS:
        return False
    if cents is None:
        return True
    recent = Fact.objects.filter(
        tenant_id=book.tenant_id,
        case_id=case_id,
        kind__in=[int(one) for one in KINDS],
        effective_on__gt=on - WITHIN,
    )
    undone = Fact.objects.filter(tenant_id=book.tenant_id, case_id=case_id, kind=FactKind.VOIDED)
    standing = recent.exclude(fact_no__in=undone.values("voids_fact_no"))
    before = standing.aggregate(total=Sum("amount_cents"))["total"] or 0
    return bool(before + cents > limit_cents(book.place))


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
    if not approved_by.strip():
        raise BadInput(f"{what}; that takes two people.", "Add --approved-by NAME, somebody other than you.")
    if _person(approved_by) == _person(book.actor):
        raise BadInput(
            f"{what}; {approved_by} cannot approve what they do themselves.",
            "Name somebody else with --approved-by.",
        )
    return {"approved_by": approved_by.strip()[:100]}


def _person(name: str) -> str:
    """The name without the door it came through: `cli:anna` and `Anna` are one."""
    return name.rpartition(":")[2].strip().casefold()
