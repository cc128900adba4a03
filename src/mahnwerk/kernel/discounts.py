"""Early-payment discount (Skonto): a payment that takes it rightly closes its claims.

The discount is a term of the claim, so nobody has to record that it was taken: it follows from the
payment, and goes with it when the payment is returned.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import FACTS, Book, FactKind
from mahnwerk.kernel import plans
from mahnwerk.kernel.facts import live_facts

FIRST_NUMBER: Final = 1_000_000_000
"""Derived facts are numbered from here plus the claim's number: behind every recorded one of their day."""
_OTHERS: Final = (
    FactKind.CREDIT_NOTE,
    FactKind.GOODS_RETURNED,
    FactKind.WAIVER,
    FactKind.WRITE_OFF,
    FactKind.COMPROMISE,
    FactKind.SET_OFF,
    FactKind.EARLY_PAYMENT_DISCOUNT,
    FactKind.REFUND_PAID,
    FactKind.COST_INCURRED,
)


def in_force(book: Book, on: date) -> pl.DataFrame:
    """The facts in force on a day, with the discounts that follow from them, and without the ends of plans
    whose fulfilment was undone."""
    live = plans.revived(live_facts(book.facts, on), book.facts)
    derived = taken(live, book.claims, book.designations)
    return pl.concat([live, derived]) if derived.height else live


def taken(live: pl.DataFrame, claims: pl.DataFrame, designations: pl.DataFrame) -> pl.DataFrame:
    """The discounts that payments rightly took, as facts `EARLY_PAYMENT_DISCOUNT`.

    A payment takes the discount of all claims it names if each grants one and its value date is not after
    the last day of any, and if what it leaves short of their amounts is above zero and at most the sum of
    their discounts. A payment that names nothing means the claim of its case if there is only one. The
    shortfall is credited to the claim the payer named last, where his money ends.

    Where another payment, credit or cost has touched the case before, nothing is derived: who may deduct
    what from a changed debt is for a person to say, with a fact of the same kind.

    Parameters
    ----------
    live : FACTS in force
    claims : CLAIMS
    designations : DESIGNATIONS

    Returns
    -------
    FACTS, at most one row per payment; effective and recorded on the payment's days, `code` = skonto.

    Guarantees
    ----------
    Pure; row order does not matter. Never more than the discounts granted. Without the payment nothing.
    """
    granting = claims.filter(
        (pl.col("discount_cents").fill_null(0) > 0) & pl.col("discount_until").is_not_null()
    )
    none = pl.DataFrame(schema=dict(FACTS))
    if granting.is_empty():
        return none
    mine = live.join(granting.select("case_id").unique(), on="case_id", how="semi")
    payments = mine.filter(pl.col("kind") == int(FactKind.PAYMENT_RECEIVED)).select(
        "case_id", "fact_no", "claim_id", "effective_on", "recorded_on", "amount_cents"
    )
    if payments.is_empty():
        return none
    named = _named(payments, claims, designations)
    terms = named.join(
        claims.select("claim_id", "claim_no", "principal_cents", "discount_cents", "discount_until"),
        on="claim_id",
    )
    summed = terms.group_by("case_id", "fact_no").agg(
        principal=pl.col("principal_cents").sum(),
        discount=pl.col("discount_cents").fill_null(0).sum(),
        grants=(pl.col("discount_cents").fill_null(0) > 0).all(),
        last_day=pl.col("discount_until").min(),
        claim_id=pl.col("claim_id").sort_by("position", "claim_no").last(),
        claim_no=pl.col("claim_no").sort_by("position", "claim_no").last(),
        last_principal=pl.col("principal_cents").sort_by("position", "claim_no").last(),
    )
    short = pl.col("principal") - pl.col("amount_cents")
    found = (
        payments.drop("claim_id")
        .join(summed, on=["case_id", "fact_no"])
        .with_columns(short=short)
        .filter(
            pl.col("grants")
            & (pl.col("effective_on") <= pl.col("last_day"))
            & (pl.col("short") > 0)
            & (pl.col("short") <= pl.col("discount"))
            & (pl.col("short") < pl.col("last_principal"))
        )
    )
    found = found.join(_touched(found, mine, named), on=["case_id", "fact_no"], how="anti")
    return found.select(
        "case_id",
        fact_no=(pl.lit(FIRST_NUMBER) + pl.col("claim_no")).cast(pl.Int32),
        claim_id="claim_id",
        kind=pl.lit(int(FactKind.EARLY_PAYMENT_DISCOUNT), pl.Int16),
        effective_on="effective_on",
        recorded_on="recorded_on",
        amount_cents="short",
        voids_fact_no=pl.lit(None, pl.Int32),
        until_on=pl.lit(None, pl.Date),
        code=pl.lit("skonto"),
        message_id=pl.lit(None, pl.Int64),
    ).select(list(FACTS))


def _named(payments: pl.DataFrame, claims: pl.DataFrame, designations: pl.DataFrame) -> pl.DataFrame:
    """case_id, fact_no, claim_id, position of the claims each payment means."""
    fact = ["case_id", "fact_no"]
    listed = designations.join(payments.select(fact), on=fact, how="semi").select(
        *fact, "claim_id", "position"
    )
    own = (
        payments.filter(pl.col("claim_id").is_not_null())
        .join(listed, on=fact, how="anti")
        .select(*fact, "claim_id", position=pl.lit(0, pl.Int32))
    )
    alone = claims.filter(pl.len().over("case_id") == 1).select("case_id", "claim_id")
    rest = (
        payments.drop("claim_id")
        .join(pl.concat([listed, own]), on=fact, how="anti")
        .join(alone, on="case_id")
        .select(*fact, "claim_id", position=pl.lit(0, pl.Int32))
    )
    return pl.concat([listed, own, rest])


def _touched(found: pl.DataFrame, mine: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """case_id, fact_no of payments whose claims something else had touched by then."""
    kinds = [int(kind) for kind in (*_OTHERS, FactKind.PAYMENT_RECEIVED)]
    events = mine.filter(pl.col("kind").is_in(kinds)).select(
        "case_id", "kind", other_no="fact_no", other_on="effective_on", other_claim="claim_id"
    )
    # A fact that names other claims only does not concern these.
    means = named.select("case_id", other_no="fact_no", meant="claim_id")
    events = events.join(means, on=["case_id", "other_no"], how="left").with_columns(
        meant=pl.coalesce("meant", "other_claim")
    )
    wanted = named.join(found.select("case_id", "fact_no", "effective_on"), on=["case_id", "fact_no"])
    before = (pl.col("other_on") < pl.col("effective_on")) | (
        (pl.col("other_on") == pl.col("effective_on")) & (pl.col("other_no") < pl.col("fact_no"))
    )
    # A discount that somebody recorded is the discount, whenever they did.
    before |= pl.col("kind") == int(FactKind.EARLY_PAYMENT_DISCOUNT)
    concerns = pl.col("meant").is_null() | (pl.col("meant") == pl.col("claim_id"))
    return wanted.join(events, on="case_id").filter(before & concerns).select("case_id", "fact_no").unique()
