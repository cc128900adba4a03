"""Double entry out of facts: what should be posted by now, less what is.

Nothing is posted twice and nothing is changed: the amount of every stable key (entry, fact, claim of a case)
is computed anew from live facts and their allocation, and the difference is posted on the day of the run.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Book, Component, FactKind
from mahnwerk.kernel.accounts import TRUST_ROLES, Account, Entry
from mahnwerk.kernel.allocation import Replay
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.money_places import PAID_TO_CREDITOR, MoneyPlaces, in_their_place, went_back

KEY: Final = ("case_id", "entry", "fact_no", "claim_no")
TARGETS: Final[dict[str, Any]] = {
    "case_id": pl.Int64,
    "entry": pl.Int16,  # Entry
    "fact_no": pl.Int32,  # 0 = none
    "claim_no": pl.Int32,  # 0 = none
    "debit": pl.Int16,  # Account
    "credit": pl.Int16,
    "amount_cents": pl.Int64,  # > 0
    "document_on": pl.Date,  # day of the fact
}
"""What should be in the journal: one row per key and pair of accounts."""
POSTINGS: Final[dict[str, Any]] = {
    "case_id": pl.Int64,
    "entry": pl.Int16,
    "fact_no": pl.Int32,
    "claim_no": pl.Int32,
    "sequence": pl.Int32,  # 1…n within the key
    "debit": pl.Int16,
    "credit": pl.Int16,
    "amount_cents": pl.Int64,  # > 0
    "is_reversal": pl.Boolean,  # debit and credit change places
    "document_on": pl.Date,
}
"""One posting: an amount above zero from one account to one other, so it balances by construction."""

BANK_RETURN_CHARGE: Final = "costs.bank_return_charge"
_INFLOWS: Final = {
    FactKind.PAYMENT_RECEIVED: (Account.PAYMENT_CLEARING, Account.TRUST_CLEARING),
    FactKind.SET_OFF: (Account.SET_OFF, Account.CREDITOR_LIABILITY),
    FactKind.CREDIT_NOTE: (Account.CREDIT_NOTES, Account.CREDITOR_LIABILITY),
    FactKind.GOODS_RETURNED: (Account.GOODS_RETURNED, Account.CREDITOR_LIABILITY),
    FactKind.EARLY_PAYMENT_DISCOUNT: (Account.DISCOUNTS, Account.CREDITOR_LIABILITY),
}
"""Fact → the account that what it brings is taken from, in own and in trust books."""
_LOSSES: Final = {
    FactKind.WAIVER: Account.WAIVED,
    FactKind.WRITE_OFF: Account.BAD_DEBT,
    FactKind.COMPROMISE: Account.COMPROMISED,
}
_PARTS: Final = (
    (Component.COSTS, Entry.SETTLED_COSTS, Account.COST_INCOME),
    (Component.INTEREST, Entry.SETTLED_INTEREST, Account.INTEREST_INCOME),
    (Component.PRINCIPAL, Entry.SETTLED_PRINCIPAL, Account.RECEIVABLE),
)


def _settlement_rules() -> pl.DataFrame:
    """kind, component, is_trust → entry, debit, credit of what an allocation posts; none = nothing."""
    rows: list[tuple[int, ...]] = []
    for kind, (own, _) in _INFLOWS.items():
        rows += [(kind, part, 0, entry, own, to) for part, entry, to in _PARTS]
    rows += [
        (kind, Component.PRINCIPAL, 0, Entry.SETTLED_PRINCIPAL, loss, Account.RECEIVABLE)
        for kind, loss in _LOSSES.items()
    ]
    paid = FactKind.PAYMENT_RECEIVED
    rows += [
        (paid, part, 1, entry, Account.TRUST_CLEARING, Account.CREDITOR_LIABILITY)
        for part, entry, _ in _PARTS
    ]
    rows += [
        (kind, Component.PRINCIPAL, 1, Entry.MANAGED_SETTLED, Account.MANAGED_CONTRA, Account.MANAGED_CLAIMS)
        for kind in (*_INFLOWS, *_LOSSES)
    ]
    schema = {"kind": pl.Int16, "component": pl.Int16, "is_trust": pl.Int8, **_of("entry", "debit", "credit")}
    return pl.DataFrame([tuple(map(int, row)) for row in rows], schema=schema, orient="row")


def _of(*columns: str) -> dict[str, Any]:
    return {column: TARGETS[column] for column in columns}


def targets(book: Book, replay: Replay, on: date, places: MoneyPlaces | None = None) -> pl.DataFrame:
    """What the journal of a book should hold at the end of a day.

    Own books: a claim is a receivable from the day it came in; interest and costs are income when they are
    paid; what a payment leaves over is a liability. Trust books: money belongs to the creditor or to the
    debtor, and principal is kept beside them as a note.

    Parameters
    ----------
    book : as it was replayed (without poison rows)
    replay : of the same day, with allocations
    on : the day
    places : where the money of facts lies, if not on the bank account; None = all of it on the bank account

    Returns
    -------
    TARGETS, sorted by key.

    Raises
    ------
    ValueError : the replay has no allocations.

    Guarantees
    ----------
    Pure; row order does not matter. Per case: receivable (or managed claims) = open principal; credit of
    the debtor = surplus; clearing accounts = 0; bank = payments − refunds − bank charges, without payments
    that went to the creditor itself.

    Sources
    -------
    Set-off of the posted principle: design decision "replay − posted". Recognition of interest and costs on
    payment is a convention (prudence, § 252 Abs. 1 Nr. 4 HGB).
    """
    if replay.allocations is None:
        raise ValueError("the journal needs a replay with detail=True")
    live = in_force(book, on)
    views = book.cases.select("case_id", is_trust=pl.col("role").is_in([int(r) for r in TRUST_ROLES]))
    views = views.with_columns(pl.col("is_trust").fill_null(False).cast(pl.Int8))
    settled = _settled(replay.allocations, book.claims)
    parts = [
        _placed(book.claims, views),
        _settlements(settled, live, views),
        _inflows(settled, live, views),
        _refunds(replay.problems, live, views),
        _bank_charges(live, views),
    ]
    wanted = pl.concat(parts).filter(pl.col("amount_cents") > 0)
    if places is not None:
        back = _rows(went_back(book.facts.filter(pl.col("effective_on") <= on), live, book.cases, places))
        wanted = pl.concat([in_their_place(wanted, book.cases, places), back])
    return wanted.sort(*KEY, "debit", "credit")


def _settled(allocations: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Cents per fact, claim and component."""
    return (
        allocations.group_by("case_id", "fact_no", "claim_id", "component")
        .agg(pl.col("amount_cents").sum())
        .join(claims.select("claim_id", "claim_no"), on="claim_id")
    )


def _rows(frame: pl.DataFrame, **columns: Any) -> pl.DataFrame:
    return frame.with_columns(**columns).select(pl.col(name).cast(kind) for name, kind in TARGETS.items())


def _either(own: Account, trust: Account) -> pl.Expr:
    return pl.when(pl.col("is_trust") == 1).then(int(trust)).otherwise(int(own))


def _placed(claims: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    return _rows(
        claims.join(views, on="case_id"),
        entry=pl.lit(int(Entry.CLAIM_PLACED)),
        fact_no=pl.lit(0),
        debit=_either(Account.RECEIVABLE, Account.MANAGED_CLAIMS),
        credit=_either(Account.CLAIMS_PLACED, Account.MANAGED_CONTRA),
        amount_cents=pl.col("principal_cents"),
        document_on=pl.coalesce("issued_on", "due_on"),
    )


def _settlements(settled: pl.DataFrame, live: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    facts = live.select("case_id", "fact_no", "kind", document_on="effective_on")
    return _rows(
        settled.join(facts, on=["case_id", "fact_no"])
        .join(views, on="case_id")
        .join(_settlement_rules(), on=["kind", "component", "is_trust"])
    )


def _inflows(settled: pl.DataFrame, live: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """Money as it came in, and what of an inflow is left over: a credit of the debtor."""
    inflows = (
        live.filter(pl.col("kind").is_in([int(kind) for kind in _INFLOWS]))
        .select(
            "case_id",
            "fact_no",
            "kind",
            "code",
            pl.col("amount_cents").fill_null(0),
            document_on="effective_on",
        )
        .join(views, on="case_id")
        .with_columns(claim_no=pl.lit(0))
    )
    # What the creditor has already is owed to it no more; the fee of collecting it is.
    is_direct = (pl.col("is_trust") == 1) & (pl.col("code") == PAID_TO_CREDITOR).fill_null(False)
    paid = _rows(
        inflows.filter(pl.col("kind") == int(FactKind.PAYMENT_RECEIVED)),
        entry=pl.lit(int(Entry.PAYMENT_IN)),
        debit=pl.when(is_direct)
        .then(int(Account.CREDITOR_LIABILITY))
        .otherwise(_either(Account.BANK, Account.TRUST_BANK)),
        credit=_either(Account.PAYMENT_CLEARING, Account.TRUST_CLEARING),
    )
    used = settled.group_by("case_id", "fact_no").agg(used=pl.col("amount_cents").sum())
    left = inflows.join(used, on=["case_id", "fact_no"], how="left")
    own, trust = ({int(kind): int(pair[at]) for kind, pair in _INFLOWS.items()} for at in (0, 1))
    source = (
        pl.when(pl.col("is_trust") == 1)
        .then(pl.col("kind").replace_strict(trust, default=None, return_dtype=pl.Int16))
        .otherwise(pl.col("kind").replace_strict(own, default=None, return_dtype=pl.Int16))
    )
    surplus = _rows(
        left,
        entry=pl.lit(int(Entry.SURPLUS)),
        debit=source,
        credit=_either(Account.CUSTOMER_CREDIT, Account.DEBTOR_CREDIT),
        amount_cents=pl.col("amount_cents") - pl.col("used").fill_null(0),
    )
    return pl.concat([paid, surplus])


def _refunds(problems: pl.DataFrame, live: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """Money paid back: out of the debtor's credit, and beyond it a debt of his."""
    beyond = problems.group_by("case_id", "fact_no").agg(beyond=pl.col("excess_cents").sum())
    refunds = (
        live.filter(pl.col("kind") == int(FactKind.REFUND_PAID))
        .select("case_id", "fact_no", whole="amount_cents", document_on="effective_on")
        .join(views, on="case_id")
        .join(beyond, on=["case_id", "fact_no"], how="left")
        .with_columns(pl.col("beyond").fill_null(0), pl.col("whole").fill_null(0), claim_no=pl.lit(0))
        .with_columns(credit=_either(Account.BANK, Account.TRUST_BANK))
    )
    covered = _rows(
        refunds,
        entry=pl.lit(int(Entry.REFUND)),
        debit=_either(Account.CUSTOMER_CREDIT, Account.DEBTOR_CREDIT),
        amount_cents=pl.col("whole") - pl.col("beyond"),
    )
    rest = _rows(
        refunds,
        entry=pl.lit(int(Entry.REFUND_BEYOND)),
        debit=_either(Account.OVERPAID_REFUNDS, Account.TRUST_REFUNDS),
        amount_cents=pl.col("beyond"),
    )
    return pl.concat([covered, rest])


def _bank_charges(live: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """What the bank took for a returned debit; that the debtor owes it is income once he pays it."""
    charged = live.filter(
        (pl.col("kind") == int(FactKind.COST_INCURRED)) & (pl.col("code") == BANK_RETURN_CHARGE)
    )
    return _rows(
        charged.join(views, on="case_id"),
        entry=pl.lit(int(Entry.BANK_CHARGE)),
        claim_no=pl.lit(0),
        debit=_either(Account.BANK_CHARGES, Account.CREDITOR_LIABILITY),
        credit=_either(Account.BANK, Account.TRUST_BANK),
        amount_cents=pl.col("amount_cents").fill_null(0),
        document_on=pl.col("effective_on"),
    )


def corrections(wanted: pl.DataFrame, posted: pl.DataFrame) -> pl.DataFrame:
    """The postings that lead from what is in the journal to what should be.

    Parameters
    ----------
    wanted : TARGETS of some cases
    posted : POSTINGS of the same cases

    Returns
    -------
    POSTINGS to add, sorted by key and sequence. An amount that grew is posted again for the growth; one
    that shrank or went is posted back, debit and credit exchanged.

    Guarantees
    ----------
    Pure; row order does not matter. Nothing where journal and target agree. Sequences go on where the key
    stopped, so that two runs that did not see each other collide instead of posting twice.
    """
    if posted.is_empty():
        first = wanted.with_columns(change="amount_cents", last=pl.lit(0, pl.Int32))
        return _numbered(first)
    pair = [*KEY, "debit", "credit"]
    have = net(posted)
    last = posted.group_by(KEY).agg(last=pl.col("sequence").max())
    both = wanted.join(have, on=pair, how="full", coalesce=True)
    changed = both.with_columns(
        change=pl.col("amount_cents").fill_null(0) - pl.col("net_cents").fill_null(0),
        document_on=pl.coalesce("document_on", "posted_document_on"),
    ).filter(pl.col("change") != 0)
    return _numbered(changed.join(last, on=KEY, how="left").with_columns(pl.col("last").fill_null(0)))


def net(posted: pl.DataFrame) -> pl.DataFrame:
    """Postings summed per key and pair of accounts, reversals in the direction of what they undo.

    Returns
    -------
    KEY, debit, credit, net_cents, posted_document_on; pairs that cancelled out are left away.
    """
    return (
        _forward(posted)
        .group_by(*KEY, "debit", "credit")
        .agg(net_cents=pl.col("amount_cents").sum(), posted_document_on=pl.col("document_on").min())
        .filter(pl.col("net_cents") != 0)
    )


def _forward(posted: pl.DataFrame) -> pl.DataFrame:
    """Reversals as negative amounts of the pair they undo."""
    back = pl.col("is_reversal")
    return posted.with_columns(
        debit=pl.when(back).then("credit").otherwise("debit"),
        credit=pl.when(back).then("debit").otherwise("credit"),
        amount_cents=pl.when(back).then(-pl.col("amount_cents")).otherwise("amount_cents"),
    )


def _numbered(changed: pl.DataFrame) -> pl.DataFrame:
    ordered = changed.sort(*KEY, "debit", "credit")
    nth = pl.lit(1, pl.Int32) if _is_unique(ordered) else (pl.int_range(pl.len()).over(KEY) + 1)
    back = pl.col("change") < 0
    return ordered.with_columns(
        sequence=pl.col("last") + nth,
        amount_cents=pl.col("change").abs(),
        is_reversal=back,
        debit=pl.when(back).then("credit").otherwise("debit"),
        credit=pl.when(back).then("debit").otherwise("credit"),
    ).select(pl.col(name).cast(kind) for name, kind in POSTINGS.items())


def _is_unique(ordered: pl.DataFrame) -> bool:
    """Whether no key stands twice in rows sorted by key."""
    same = [pl.col(name) == pl.col(name).shift(1) for name in KEY]
    return not ordered.select(pl.all_horizontal(same).any()).item()


def account_totals(postings: pl.DataFrame, by: tuple[str, ...] = ()) -> pl.DataFrame:
    """Debit, credit and balance (debit − credit) of every account, per column of `by` where given."""
    sides = [
        postings.select(*by, account="debit", debit_cents="amount_cents", credit_cents=pl.lit(0, pl.Int64)),
        postings.select(*by, account="credit", debit_cents=pl.lit(0, pl.Int64), credit_cents="amount_cents"),
    ]
    return (
        pl.concat(sides)
        .group_by(*by, "account")
        .agg(pl.col("debit_cents").sum(), pl.col("credit_cents").sum())
        .with_columns(balance_cents=pl.col("debit_cents") - pl.col("credit_cents"))
        .sort(*by, "account")
    )
