"""The bank account of the journal, moved by bank statements alone: one posting for each entry, once.

What an entry is for may become known later, or change; the posting on the bank account does not. An entry
nobody had placed when it was first posted goes to suspense, and leaves it by a posting of its own.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import polars as pl

from mahnwerk.frames import FactKind
from mahnwerk.kernel.accounts import TRUST_ROLES, Account, Entry
from mahnwerk.kernel.ledger import KEY, TARGETS, net


class Place(IntEnum):
    """What an entry is for."""

    SUSPENSE = 1
    """Nobody knows yet."""
    TOLD = 2
    """Facts, or a payout, tell of the same money."""
    PROVIDER = 3
    """A payment provider's settlement."""
    CHARGE = 4
    INTEREST = 5
    OTHER = 6
    """No debtor's and no creditor's money."""


ENTRIES: Final[dict[str, Any]] = {
    "about_id": pl.Int64,  # bank entry
    "account_id": pl.Int64,
    "statement_id": pl.Int64,
    "booked_on": pl.Date,
    "value_on": pl.Date,
    "amount_cents": pl.Int64,  # money in is positive
    "currency": pl.String,
    "kind": pl.String,  # formats.bank.KINDS
    "state": pl.String,  # new, booked, proposed, suspense, ignored, outgoing
    "reason": pl.String,  # of the state
    "is_trust": pl.Boolean,  # the bank account holds others' money
    "told_role": pl.Int16,  # Role of the case or payout that tells of the same money; null = none
    "fact_kind": pl.Int16,  # FactKind of the fact the entry became
    "fact_cents": pl.Int64,
    "is_undone": pl.Boolean,  # somebody declared that fact void
    "passed_cents": pl.Int64,  # of a return: what the debtor is charged with for it
    "is_part": pl.Boolean,  # of another entry, which is the one on the bank account
}
"""What a bank statement told, and what became of it."""
STATEMENTS: Final[dict[str, Any]] = {
    "statement_id": pl.Int64,
    "account_id": pl.Int64,
    "currency": pl.String,
    "from_on": pl.Date,
    "to_on": pl.Date,
    "opening_cents": pl.Int64,
    "closing_cents": pl.Int64,
    "is_final": pl.Boolean,  # a statement, no announcement of one
    "is_trust": pl.Boolean,
}
MOVEMENTS: Final[dict[str, Any]] = {
    "about_id": pl.Int64,  # bank entry
    "booked_on": pl.Date,
    "amount_cents": pl.Int64,  # money in is positive
    "is_trust": pl.Boolean,  # the bank account holds others' money
    "place": pl.Int16,  # Place
    "told_is_trust": pl.Boolean,  # whose money it is by what facts tell; null = as the bank account
    "kept_cents": pl.Int64,  # of a return: what the bank kept and nobody is charged with; >= 0
    "is_parked": pl.Boolean,  # was in suspense when it was first posted
    "is_part": pl.Boolean,  # taken from what its whole put in transit, not from the bank account
}
"""Entries of bank statements with what became of them."""

OPENINGS: Final[dict[str, Any]] = {
    "about_id": pl.Int64,  # statement
    "account_id": pl.Int64,
    "currency": pl.String,
    "from_on": pl.Date,
    "opening_cents": pl.Int64,
    "is_trust": pl.Boolean,
}
"""What was on each account before its first entry."""

_A = Account
_COUNTER: Final = {
    Place.SUSPENSE: (_A.SUSPENSE, _A.TRUST_SUSPENSE),
    Place.TOLD: (_A.MONEY_IN_TRANSIT, _A.TRUST_IN_TRANSIT),
    Place.PROVIDER: (_A.PROVIDER_CLEARING, _A.TRUST_PROVIDER_CLEARING),
    Place.CHARGE: (_A.BANK_CHARGES, _A.TRUST_OTHER_MONEY),
    Place.INTEREST: (_A.BANK_INTEREST, _A.TRUST_OTHER_MONEY),
    Place.OTHER: (_A.OTHER_MONEY, _A.TRUST_OTHER_MONEY),
}
"""Place → the account in own and in trust books."""


def _account(pair: tuple[Account, Account], is_trust: str = "is_trust") -> pl.Expr:
    return pl.when(pl.col(is_trust)).then(int(pair[1])).otherwise(int(pair[0])).cast(pl.Int16)


def _counter(place: str, is_trust: str) -> pl.Expr:
    own, trust = ({int(p): int(pair[at]) for p, pair in _COUNTER.items()} for at in (0, 1))
    number = pl.col(place)
    return (
        pl.when(pl.col(is_trust))
        .then(number.replace_strict(trust, return_dtype=pl.Int16))
        .otherwise(number.replace_strict(own, return_dtype=pl.Int16))
    )


REASONS: Final = {
    "told": Place.TOLD,
    "batch": Place.TOLD,  # its parts tell
    "direct_debit": Place.TOLD,  # of which our files tell
    "payout": Place.TOLD,
    "payout_back": Place.TOLD,
    "refund_paid": Place.TOLD,
    "refund_back": Place.TOLD,
    "paid_back": Place.SUSPENSE,  # came in, left and perhaps came again: nobody's but the payer's
    "settlement": Place.PROVIDER,
    "charge": Place.CHARGE,
    "interest": Place.INTEREST,
    "bank_interest": Place.INTEREST,
    "other": Place.OTHER,
}
"""Why an entry is `ignored` or `outgoing` → what it is for."""


def movements(entries: pl.DataFrame, posted: pl.DataFrame) -> pl.DataFrame:
    """What each entry is for, from what became of it.

    Parameters
    ----------
    entries : ENTRIES
    posted : ledger.POSTINGS of entries (`case_id` = the entry's id)

    Returns
    -------
    MOVEMENTS.
    """
    parked = net(posted).filter(
        (pl.col("entry") == int(Entry.BANK_MOVEMENT)) & (_is_suspense("debit") | _is_suspense("credit"))
    )
    known = posted.filter(pl.col("entry") == int(Entry.BANK_MOVEMENT))["case_id"].unique()
    words = {word: int(place) for word, place in REASONS.items()}
    by_kind = {"charge": int(Place.CHARGE), "interest": int(Place.INTEREST)}
    told = pl.coalesce(
        pl.col("reason").replace_strict(words, default=None, return_dtype=pl.Int16),
        pl.col("kind").replace_strict(by_kind, default=None, return_dtype=pl.Int16),
    )
    unexplained = pl.when(pl.col("is_trust") & (pl.col("state") == "outgoing")).then(int(Place.SUSPENSE))
    place = (
        pl.when(pl.col("is_undone").fill_null(False))
        .then(int(Place.SUSPENSE))
        .when(pl.col("state") == "booked")
        .then(int(Place.TOLD))
        .when(pl.col("state").is_in(["outgoing", "ignored"]))
        .then(pl.coalesce(told, unexplained.otherwise(int(Place.OTHER))))
        .otherwise(int(Place.SUSPENSE))
        .cast(pl.Int16)
    )
    is_return = (pl.col("fact_kind") == int(FactKind.PAYMENT_RETURNED)) & (pl.col("amount_cents") < 0)
    kept = -pl.col("amount_cents") - pl.col("fact_cents") - pl.col("passed_cents").fill_null(0)
    is_new = ~pl.col("about_id").is_in(known.implode())
    return entries.with_columns(
        place=place,
        told_is_trust=pl.col("told_role").is_in([int(role) for role in TRUST_ROLES]),
        kept_cents=pl.when(is_return).then(kept).otherwise(0).fill_null(0),
    ).with_columns(
        is_parked=pl.col("about_id").is_in(parked["case_id"].implode())
        | (is_new & (pl.col("place") == int(Place.SUSPENSE)))
    ).select(pl.col(name).cast(kind) for name, kind in MOVEMENTS.items())  # fmt: skip


def _is_suspense(side: str) -> pl.Expr:
    return pl.col(side).is_in([int(account) for account in _COUNTER[Place.SUSPENSE]])


def openings(statements: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    """What was on each account before the first entry known of it.

    The first statement with balances says it; entries from before that statement (of files without
    balances) are taken off.

    Parameters
    ----------
    statements : STATEMENTS
    entries : ENTRIES

    Returns
    -------
    OPENINGS: one row per account and currency that has a statement with balances.
    """
    own = ["account_id", "currency"]
    days = entries.group_by("statement_id").agg(first_on=pl.col("booked_on").min())
    whole = (
        _with_balances(statements)
        .join(days, on="statement_id", how="left")
        .with_columns(from_on=pl.coalesce("from_on", "first_on", "to_on"))
    )
    if whole.is_empty():
        return pl.DataFrame(schema=OPENINGS)
    ends = whole.select(*own, "to_on", opening_cents="closing_cents", follows=pl.lit(True)).unique()
    first = (
        whole.join(ends, on=[*own, "to_on", "opening_cents"], how="left")
        # Of statements of one day the first is the one that begins with no other's end.
        .sort("to_on", pl.col("follows").fill_null(False), "statement_id")
        .group_by(own, maintain_order=True)
        .first()
    )
    before = (
        entries.filter(~pl.col("is_part"))
        .join(first.select(*own, "from_on", first_id="statement_id"), on=own)
        .filter((pl.col("booked_on") < pl.col("from_on")) & (pl.col("statement_id") != pl.col("first_id")))
        .group_by(own)
        .agg(before=pl.col("amount_cents").sum())
    )
    return (
        first.join(before, on=own, how="left")
        .with_columns(
            about_id="statement_id",
            opening_cents=pl.col("opening_cents") - pl.col("before").fill_null(0),
        )
        .select(pl.col(name).cast(kind) for name, kind in OPENINGS.items())
    )


def _with_balances(statements: pl.DataFrame) -> pl.DataFrame:
    return statements.filter(
        "is_final", pl.col("opening_cents").is_not_null(), pl.col("closing_cents").is_not_null()
    ).drop_nulls("to_on")


def closings(statements: pl.DataFrame) -> pl.DataFrame:
    """Account, currency, to_on, closing_cents: what the bank said at the end of each day it spoke of."""
    own = ["account_id", "currency", "to_on"]
    whole = _with_balances(statements)
    starts = whole.select(*own, closing_cents="opening_cents", goes_on=pl.lit(True)).unique()
    return (
        whole.join(starts, on=[*own, "closing_cents"], how="left")
        # Of statements of one day the last is the one no other goes on from.
        .sort(*own, ~pl.col("goes_on").fill_null(False), "statement_id")
        .group_by(own, maintain_order=True)
        .last()
        .select(*own, "closing_cents")
    )


def _counter_of(place: Place) -> pl.Expr:
    return _account(_COUNTER[place])


def bank_targets(movements: pl.DataFrame, openings: pl.DataFrame) -> pl.DataFrame:
    """What the journal should hold of bank statements.

    Parameters
    ----------
    movements : MOVEMENTS
    openings : OPENINGS

    Returns
    -------
    ledger.TARGETS with `case_id` = the id of the entry or statement, sorted by key.

    Guarantees
    ----------
    Pure; row order does not matter. Bank + trust bank = opening balances + entries, whatever became of the
    entries. What an entry posts on bank accounts depends on its amount and `is_parked` only. Own and trust
    accounts each add up to zero. A refuge without a place holds exactly the entries not placed.
    """
    rows = movements.filter(pl.col("amount_cents") != 0).with_columns(
        told_is_trust=pl.coalesce("told_is_trust", "is_trust"),
        kept=pl.when(pl.col("place") == int(Place.TOLD)).then(pl.col("kept_cents")).otherwise(0),
    )
    rows = rows.with_columns(
        bank=pl.when("is_part").then(_counter_of(Place.TOLD)).otherwise(_account((_A.BANK, _A.TRUST_BANK))),
        parking=_counter_of(Place.SUSPENSE),
        elsewhere=_counter_of(Place.OTHER),
        counter=_counter("place", "is_trust"),
        is_elsewhere=(pl.col("told_is_trust") != pl.col("is_trust"))
        & pl.col("place").is_in([int(Place.TOLD), int(Place.PROVIDER)]),
        is_open=pl.col("place") == int(Place.SUSPENSE),
    ).with_columns(counter=pl.when("is_elsewhere").then("elsewhere").otherwise("counter"))
    # Where it is taken from once it is placed: straight from the bank, or out of suspense.
    source = pl.when("is_parked").then("parking").otherwise("bank")
    placed = pl.col("amount_cents") + pl.col("kept")
    parts = [
        _part(rows.filter("is_parked"), Entry.BANK_MOVEMENT, "bank", "parking", pl.col("amount_cents")),
        _part(rows.filter(~pl.col("is_parked")), Entry.BANK_MOVEMENT, "bank", "counter", placed),
        _part(rows.filter(pl.col("is_parked") & ~pl.col("is_open")), Entry.BANK_PLACED, "parking", "counter",
              placed),
        _part(rows.with_columns(source=source, charges=_account((_A.BANK_CHARGES, _A.TRUST_OTHER_MONEY))),
              Entry.BANK_KEPT, "source", "charges", -pl.col("kept")),
        _part(_elsewhere(rows), Entry.BANK_ELSEWHERE, "elsewhere", "counter", placed),
        _part(
            openings.with_columns(
                bank=_account((_A.BANK, _A.TRUST_BANK)),
                opening=_account((_A.OPENING_BALANCE, _A.TRUST_OPENING_BALANCE)),
                booked_on="from_on",
            ),
            Entry.BANK_OPENING, "bank", "opening", pl.col("opening_cents"),
        ),
    ]  # fmt: skip
    return pl.concat(parts).sort(*KEY, "debit", "credit")


def _elsewhere(rows: pl.DataFrame) -> pl.DataFrame:
    """The other half of money that lies on an account of the other kind: in the books it belongs to."""
    return rows.filter("is_elsewhere").with_columns(
        elsewhere=_account(_COUNTER[Place.OTHER], "told_is_trust"),
        counter=_counter("place", "told_is_trust"),
    )


def _part(rows: pl.DataFrame, entry: Entry, debit: str, credit: str, cents: pl.Expr) -> pl.DataFrame:
    """Postings of a signed amount: what is below zero changes sides."""
    is_in = pl.col("cents") > 0
    # A part that is told of stays where its whole put it: in transit.
    signed = rows.with_columns(cents=cents).filter((pl.col("cents") != 0) & (pl.col(debit) != pl.col(credit)))
    return signed.select(
        case_id="about_id",
        entry=pl.lit(int(entry)).cast(TARGETS["entry"]),
        fact_no=pl.lit(0, pl.Int32),
        claim_no=pl.lit(0, pl.Int32),
        debit=pl.when(is_in).then(debit).otherwise(credit).cast(TARGETS["debit"]),
        credit=pl.when(is_in).then(credit).otherwise(debit).cast(TARGETS["credit"]),
        amount_cents=pl.col("cents").abs(),
        document_on="booked_on",
    )
