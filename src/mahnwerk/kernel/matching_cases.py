"""Payments that name a case rather than a claim, and parts of what is owed.

A case reference with check digits (RF, ISO 11649) cannot be another case's by a slip of the pen; a plain case
number counts when the payer is known or alike, or the sum fits.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from mahnwerk.kernel.matching_board import ALIKE_SURE, Board, Group, OpenClaim, Payment
from mahnwerk.kernel.matching_lists import names_in_short
from mahnwerk.kernel.matching_pairs import AMOUNT, EXACT, PAIRS
from mahnwerk.kernel.references import compact, tokens

CASE_REFERENCE_MIN: Final = 6
ALIKE_CASE: Final = 0.6
NAMED: Final = {"payment_id": pl.Int64, "debtor_id": pl.Int64, "is_checked": pl.Boolean}


def case_pairs(payments: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Payments whose text holds a case reference as written: payment_id, debtor_id, is_checked (RF)."""
    named = claims.select("debtor_id", "case_references").explode("case_references").drop_nulls().unique()
    if named.is_empty():
        return pl.DataFrame(schema=NAMED)
    spelled = named.with_columns(
        pl.col("case_references").str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "").alias("token")
    ).filter(pl.col("token").str.len_chars() >= CASE_REFERENCE_MIN)
    rows = [
        (payment_id, token)
        for payment_id, text in payments.select("payment_id", "text").iter_rows()
        for token in _tokens(text)
    ]
    found = pl.DataFrame(rows, schema={"payment_id": pl.Int64, "token": pl.String}, orient="row")
    return (
        found.join(spelled, on="token")
        .with_columns(is_checked=pl.col("token").str.starts_with("RF"))
        .group_by("payment_id", "debtor_id")
        .agg(pl.col("is_checked").any())
    )


def _tokens(text: str) -> set[str]:
    """Words and joined words, and every RF reference even if written in groups of four."""
    found = set(tokens(text))
    whole = compact(text)
    start = whole.find("RF")
    while start >= 0:
        found.update(whole[start : start + width] for width in range(8, 26) if start + width <= len(whole))
        start = whole.find("RF", start + 1)
    return found


def known_pairs(payments: pl.DataFrame, claims: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Every open claim of a debtor for whom this account paid before, as weak evidence: PAIRS."""
    return (
        payments.filter(pl.col("iban") != "")
        .select("payment_id", "iban")
        .join(known.unique(), on="iban")
        .join(claims.select("claim_id", "debtor_id"), on="debtor_id")
        .select(
            "payment_id",
            "claim_id",
            pl.lit(AMOUNT, pl.Int8).alias("evidence"),
            pl.lit("").alias("token"),
            pl.lit("").alias("reference"),
            pl.lit(0, pl.Int8).alias("slips"),
        )
        .cast(PAIRS)  # type: ignore[arg-type]
    )


def by_case(board: Board, *, books_part_payments: bool) -> None:
    """Payments that name exactly one case: for all its claims, for the one whose amount fits, or in part."""
    for payment in board.open_payments():
        cases = board.named_cases.get(payment.payment_id, {})
        if len(cases) != 1:
            continue
        debtor_id, is_checked = next(iter(cases.items()))
        claims = [
            claim
            for claim in board.claims_of(debtor_id)
            if claim.claim_id not in board.done_claims and claim.currency == payment.currency
        ]
        if claims:
            _take_case(board, payment, claims, is_checked, books_part_payments)


def _take_case(
    board: Board, payment: Payment, claims: list[OpenClaim], is_checked: bool, books_part_payments: bool
) -> None:
    known = max(board.knows_payer(payment, claim) for claim in claims)
    whole = board.fit(claims, payment.amount_cents, payment.value_on)
    alone = [claim for claim in claims if board.fit([claim], payment.amount_cents, payment.value_on)]
    if whole or len(alone) == 1:
        chosen = claims if whole else alone
        how = whole or board.fit(alone, payment.amount_cents, payment.value_on)
        sure = is_checked or known >= ALIKE_CASE or how == "amount_fits"
        board.take(_group(payment, chosen, ("case_named", how), sure))
        return
    total = sum(claim.open_cents for claim in claims)
    word = "overpaid" if payment.amount_cents > total else "part_payment"
    sure = books_part_payments and (is_checked or known >= ALIKE_CASE)
    board.take(_group(payment, claims, ("case_named", word), sure), closes=word == "overpaid")


def part_payments(board: Board) -> None:
    """A claim named as written, paid in part or too much, by a payer who is known or alike.

    A question where the text or the sum may mean something else: a number that may be another invoice's, a
    claim that costs just what was paid, too much while more is open or named in short.
    """
    for payment in board.open_payments():
        named = board.open_pairs(payment.payment_id, EXACT)
        debtors = {board.claims[claim_id].debtor_id for claim_id in named}
        if len(debtors) != 1:
            continue
        claims = [board.claims[claim_id] for claim_id in sorted(named)]
        if max(board.knows_payer(payment, claim) for claim in claims) < ALIKE_SURE:
            continue
        total = sum(claim.open_cents for claim in claims)
        word = "overpaid" if payment.amount_cents > total else "part_payment"
        sure = not _may_mean_else(board, payment, claims, is_more=word == "overpaid")
        board.take(_group(payment, claims, ("reference_found", word, "payer_alike"), sure), closes=False)


def _may_mean_else(board: Board, payment: Payment, claims: list[OpenClaim], *, is_more: bool) -> bool:
    mine = [
        claim
        for claim in board.claims_of(claims[0].debtor_id)
        if claim.claim_id not in board.done_claims and claim.currency == payment.currency
    ]
    return (
        board.may_name_another(payment, claims)
        or any(board.fit([claim], payment.amount_cents, payment.value_on) for claim in mine)
        or (is_more and (len(mine) > len(claims) or bool(names_in_short(payment.text, claims))))
    )


def _group(payment: Payment, claims: list[OpenClaim], reasons: tuple[str, ...], sure: bool) -> Group:
    ids = tuple(sorted(claim.claim_id for claim in claims))
    return Group((payment.payment_id,), ids, reasons, 0.97 if sure else 0.85, sure)
