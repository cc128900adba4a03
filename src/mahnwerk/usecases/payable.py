"""What a pay link is worth on the day it is used."""

from __future__ import annotations

import polars as pl

from mahnwerk.kernel.payable import cents_of_link, payable
from mahnwerk.records import load
from mahnwerk.records import plans as plan_records
from mahnwerk.records.models import PayLink
from mahnwerk.usecases import clock
from mahnwerk.usecases.cases import decided
from mahnwerk.usecases.letter_links import MIN_CENTS
from mahnwerk.usecases.opening import OpenBook


def cents(book: OpenBook, pay_link: PayLink) -> int:
    """What can be paid on the link today: its sum, at most what is open and undisputed; 0 = nothing."""
    return worth(book, pay_link)[0]


def worth(book: OpenBook, pay_link: PayLink) -> tuple[int, bool]:
    """What can be paid on the link today, and whether that is 0 because nothing is left to pay."""
    is_paid = pay_link.state == PayLink.State.PAID and pay_link.amount_cents is not None
    if is_paid or pay_link.state == PayLink.State.CLOSED:
        return 0, True
    on = clock.today()
    cases = load.book(book.tenant_id, case_ids=[pay_link.case_id], on=on)
    claims = payable(cases, decided(book, on, cases), on)
    if pay_link.plan_id is not None:
        return _of_plan(pay_link, claims)
    asked = cents_of_link(claims, pay_link.claim_id, pay_link.amount_cents)
    if pay_link.claim_id is not None:
        claims = claims.filter(pl.col("claim_id") == pay_link.claim_id)
    return (asked if asked >= MIN_CENTS else 0), bool(claims["is_settled"].all())


def _of_plan(pay_link: PayLink, claims: pl.DataFrame) -> tuple[int, bool]:
    """What a reminder's link is worth: what is due of its plan by now, never more than was missed then.

    Of a plan that runs no more, its claims are worth what they are without it. What was paid another way is
    nothing more to pay, also while later instalments are to come.
    """
    if pay_link.plan_id in claims["plan_id"]:
        cents = cents_of_link(claims, None, pay_link.amount_cents, pay_link.plan_id)
        return (cents if cents >= MIN_CENTS else 0), not _is_asked_for(claims, pay_link.plan_id)
    mine = claims.filter(
        pl.col("claim_id").is_in(plan_records.claims_of(pay_link.tenant_id, pay_link.plan_id))
    )
    cents = min(cents_of_link(mine, None, None), pay_link.amount_cents or 0)
    return (cents if cents >= MIN_CENTS else 0), bool(mine["is_settled"].all())


def _is_asked_for(claims: pl.DataFrame, plan_id: int) -> bool:
    mine = claims.filter(pl.col("plan_id") == plan_id)
    return bool((mine["plan_due_cents"] > 0).any() and not mine["is_settled"].all())
