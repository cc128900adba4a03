"""Whether a message may leave: the same decision again, on the facts of the moment, and every rule by name.

There is one path. The permit makes the day's plan for the case anew and compares it with the message
that wants to leave; it grants nothing the plan does not want. Default is deny.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Book
from mahnwerk.kernel.daily_run import Decided, decide, ruleset
from mahnwerk.kernel.permit_rules import RULES
from mahnwerk.kernel.procedures import Procedure
from mahnwerk.law import Laws

PLAN_RULES: Final = {
    "case_known": "The case is in the book.",
    "not_held": "Nothing holds the case today.",
    "same_step": "The plan of this moment wants the same step of the same procedure, in the same cycle.",
    "same_channel": "… by the same channel.",
    "same_demand": "… asking for the same sum, with the same fee and lump sums.",
    "same_items": "… for the same claims, each at the same step.",
    "same_pay_by": "… to be paid by the same day.",
}
"""Rules of the comparison; those of `permit_rules.RULES` follow."""


@dataclass(frozen=True)
class MeasureKey:
    """A message that wants to leave, as far as the permit compares it.

    `items` are (claim_id, step_id, level, open_cents, lump_sum_cents); the order does not matter.
    """

    case_id: int
    procedure: str
    step_id: str
    cycle: int
    channel: str
    demanded_cents: int
    fee_cents: int
    pay_by: date | None
    items: tuple[tuple[int, str, int, int, int], ...]


@dataclass(frozen=True)
class Permit:
    """The answer to one message: granted only if every rule says yes."""

    granted: bool
    answers: tuple[tuple[str, bool, str], ...]
    """(rule, yes or no, detail), in the order asked."""
    ruleset_hash: str

    @property
    def refused_by(self) -> str | None:
        """The first rule that said no."""
        return next((rule for rule, ok, _ in self.answers if not ok), None)

    @property
    def detail(self) -> str:
        """What the first rule that said no has to add, for instance the reason of a hold."""
        return next((detail for _, ok, detail in self.answers if not ok), "")


def ruleset_hash(laws: Laws, procedures: Mapping[str, Procedure]) -> str:
    """SHA-256 over the rules asked, the law and the procedures."""
    words = [f"{rule}:{text}" for rule, text in {**PLAN_RULES, **RULES}.items()]
    return hashlib.sha256("\n".join([*words, ruleset(laws, procedures)]).encode()).hexdigest()


def keys_of(measures: pl.DataFrame, items: pl.DataFrame) -> dict[int, MeasureKey]:
    """The messages of a plan (or of the outbox) as keys by case.

    Parameters
    ----------
    measures : MEASURES
    items : MEASURE_ITEMS
    """
    of_case: dict[int, list[tuple[int, str, int, int, int]]] = {}
    columns = ("claim_id", "step_id", "level", "open_cents", "lump_sum_cents")
    for case_id, *item in items.select("case_id", *columns).iter_rows():
        of_case.setdefault(case_id, []).append(tuple(item))
    return {
        row["case_id"]: MeasureKey(
            case_id=row["case_id"],
            procedure=row["procedure"],
            step_id=row["step_id"],
            cycle=row["cycle"],
            channel=row["channel"],
            demanded_cents=row["demanded_cents"],
            fee_cents=row["fee_cents"],
            pay_by=row["pay_by"],
            items=tuple(sorted(of_case.get(row["case_id"], ()))),
        )
        for row in measures.iter_rows(named=True)
    }


def permits(
    book: Book,
    laws: Laws,
    on: date,
    procedures: Mapping[str, Procedure],
    keys: Iterable[MeasureKey],
) -> dict[int, Permit]:
    """Answer for many messages at once, one per case, whether they may leave now.

    Parameters
    ----------
    book : the cases of the messages as they are at this moment; their own rows in NOTICES not included
    laws, on, procedures : as for `plan_day`
    keys : the messages that want to leave

    Returns
    -------
    Permit by case_id.

    Guarantees
    ----------
    Pure. A message that differs in any point from what the plan wants at this moment is refused. A plan
    and a permit of the same book and day never disagree.
    """
    decided = decide(book, laws, on, procedures=procedures)
    return of_plan(decided, book, ruleset_hash(laws, procedures), keys)


def of_plan(decided: Decided, book: Book, rules_hash: str, keys: Iterable[MeasureKey]) -> dict[int, Permit]:
    """Compare messages with a plan just made; the night's run asks for its own messages this way."""
    wanted = list(keys)
    ids = pl.Series([key.case_id for key in wanted], dtype=pl.Int64).implode()
    mine = pl.col("case_id").is_in(ids)
    planned = keys_of(decided.plan.measures.filter(mine), decided.plan.measure_items.filter(mine))
    held = {row["case_id"]: row for row in decided.plan.held.filter(mine).iter_rows(named=True)}
    asked = {row["case_id"]: row for row in decided.answers.filter(mine).iter_rows(named=True)}
    known = set(book.cases.filter(mine)["case_id"])
    return {
        key.case_id: _compare(
            key,
            planned.get(key.case_id),
            held.get(key.case_id),
            asked.get(key.case_id, {}),
            key.case_id in known,
            rules_hash,
        )
        for key in wanted
    }


def _compare(
    key: MeasureKey,
    planned: MeasureKey | None,
    held: Mapping[str, Any] | None,
    asked: Mapping[str, Any],
    is_known: bool,
    rules_hash: str,
) -> Permit:
    reason = f"{held['reason']}: {held['detail']}".rstrip(": ") if held else ""
    answers: list[tuple[str, bool, str]] = [
        ("case_known", is_known, ""),
        ("not_held", is_known and not held, reason),
    ]
    parts: tuple[tuple[str, Any, Any], ...] = (
        ("same_step", _place(key), planned and _place(planned)),
        ("same_channel", key.channel, planned and planned.channel),
        ("same_demand", _sums(key), planned and _sums(planned)),
        ("same_items", tuple(sorted(key.items)), planned and planned.items),
        ("same_pay_by", key.pay_by, planned and planned.pay_by),
    )
    for rule, have, want in parts:
        same = planned is not None and have == want
        detail = (
            "" if same or planned is None or rule == "same_items" else f"{_text(have)}, now {_text(want)}"
        )
        answers.append((rule, same, detail))
    answers += [(rule, bool(asked.get(rule, False)), "") for rule in RULES]
    return Permit(all(ok for _, ok, _ in answers), tuple(answers), rules_hash)


def _place(key: MeasureKey) -> tuple[str, str, int]:
    return key.procedure, key.step_id, key.cycle


def _sums(key: MeasureKey) -> tuple[int, int, int]:
    return key.demanded_cents, key.fee_cents, sum(lump_sum for *_, lump_sum in key.items)


def _text(value: Any) -> str:
    return "/".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
