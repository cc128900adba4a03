"""Which facts count: what is in force on a day, and what other facts have undone."""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import FactKind

VOIDING: Final = (FactKind.VOIDED, FactKind.PAYMENT_RETURNED)
MESSAGE_STATES: Final = (
    FactKind.MESSAGE_SENT,
    FactKind.MESSAGE_DELIVERED,
    FactKind.MESSAGE_BOUNCED,
    FactKind.MESSAGE_UNCERTAIN,
)
UNPROVEN_STATES: Final = (FactKind.MESSAGE_BOUNCED, FactKind.MESSAGE_UNCERTAIN)


def live_facts(facts: pl.DataFrame, on: date, known_on: date | None = None) -> pl.DataFrame:
    """The facts in force on a day.

    Drops what takes effect later, what was learnt after `known_on`, and what a live `VOIDED` or
    `PAYMENT_RETURNED` undoes. Undoing an undoing brings the first fact back, to any depth. A returned
    payment therefore never was, from its own value date on, while a look at a day before the return
    still shows it.

    Parameters
    ----------
    facts : FACTS, any order
    on : last effective day that counts
    known_on : last recorded day that counts; None = everything known

    Guarantees
    ----------
    Pure. Row order does not matter and is kept. A fact and the fact that voids it, added together,
    change nothing but the count.
    """
    visible = facts.filter(pl.col("effective_on") <= on)
    if known_on is not None:
        visible = visible.filter(pl.col("recorded_on") <= known_on)
    undoing = visible.filter(pl.col("voids_fact_no").is_not_null() & pl.col("kind").is_in(VOIDING)).select(
        "case_id", "fact_no", "voids_fact_no"
    )
    if undoing.is_empty():
        return visible
    undone = _undone(undoing)
    return visible.join(
        undone, left_on=["case_id", "fact_no"], right_on=["case_id", "voids_fact_no"], how="anti"
    )


def _undone(undoing: pl.DataFrame) -> pl.DataFrame:
    """(case_id, voids_fact_no) of every fact that a live undoing names.

    An undoing nobody names is live; what it names is dead; what only the dead name is live again. Each
    turn settles one depth of the chain.
    """
    target = ["case_id", "voids_fact_no"]
    own = ["case_id", "fact_no"]
    undone: list[pl.DataFrame] = []
    while undoing.height:
        live = undoing.join(undoing, left_on=own, right_on=target, how="anti")
        if live.is_empty():
            break  # facts that undo each other in a ring undo nothing
        named = live.select(target).unique()
        undone.append(named)
        undoing = undoing.join(live, on=own, how="anti").join(named, left_on=own, right_on=target, how="anti")
    return pl.concat(undone) if undone else undoing.select(target)


def unproven_messages(live: pl.DataFrame) -> pl.DataFrame:
    """One column `message_id`: messages whose last word is "uncertain" or "bounced".

    Their costs are not owed until somebody proves that the letter arrived.
    """
    states = live.filter(pl.col("kind").is_in(MESSAGE_STATES) & pl.col("message_id").is_not_null())
    if states.filter(pl.col("kind").is_in(UNPROVEN_STATES)).is_empty():
        return states.select("message_id").clear()
    last = states.sort("effective_on", "fact_no").group_by("message_id").agg(pl.col("kind").last())
    return last.filter(pl.col("kind").is_in(UNPROVEN_STATES)).select("message_id")


def per_claim(facts: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Spread case-wide facts over the claims of their case: one row per fact and claim it touches."""
    own = facts.filter(pl.col("claim_id").is_not_null())
    wide = facts.filter(pl.col("claim_id").is_null())
    if wide.is_empty():
        return own
    spread = wide.drop("claim_id").join(claims.select("case_id", "claim_id"), on="case_id")
    return pl.concat([own, spread.select(own.columns)])
