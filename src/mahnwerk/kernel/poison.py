"""The mask before the kernel: rows no calculation may touch, each holding its own case only."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import polars as pl

from mahnwerk.frames import (
    PRINCIPAL_CENTS_MAX,
    RATE_PPM_MAX,
    Book,
    ClaimKind,
    DueKind,
    FactKind,
    Role,
)
from mahnwerk.kernel import calendar

MONEY_FACTS: Final = (
    FactKind.CREDIT_NOTE,
    FactKind.GOODS_RETURNED,
    FactKind.WAIVER,
    FactKind.SET_OFF,
    FactKind.EARLY_PAYMENT_DISCOUNT,
    FactKind.PAYMENT_RECEIVED,
    FactKind.REFUND_PAID,
    FactKind.COST_INCURRED,
)
"""Facts without meaning when they name no amount."""
CURRENCIES: Final = ("EUR", "CHF")


def data_errors(book: Book, jurisdictions: Collection[str]) -> pl.DataFrame:
    """Find the cases that hold a row with missing, impossible or contradictory values.

    Parameters
    ----------
    book : with the right columns and types (`Book.checked`)
    jurisdictions : those whose law is known

    Returns
    -------
    case_id Int64 · detail String, `table.column` of the first thing wrong; one row per case

    Guarantees
    ----------
    A case without a bad row is never named. Rows of unknown cases name nobody: they belong to no case.
    """
    claims_of = book.claims.select("claim_id", "case_id").drop_nulls().sort("claim_id")
    found = [
        _cases(book.cases),
        _claims(book.claims, jurisdictions),
        _facts(book.facts),
        _notices(book.notices),
        _elsewhere(book.facts, claims_of, "facts.claim_id"),
        _elsewhere(book.notices, claims_of, "notices.claim_id"),
    ]
    return (
        pl.concat(found)
        .filter(pl.col("case_id").is_not_null())
        .sort("case_id", "detail")
        .unique("case_id", keep="first", maintain_order=True)
    )


def without(book: Book, cases: pl.DataFrame) -> Book:
    """The book without these cases, and without rows that belong to no case."""
    kept = book.cases.filter(pl.col("case_id").is_not_null())
    if cases.height:
        kept = kept.join(cases, on="case_id", how="anti", maintain_order="left")
    if cases.is_empty() and _is_whole(book):
        return book

    def mine(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.join(kept.select("case_id"), on="case_id", how="semi", maintain_order="left")

    return Book(
        kept,
        mine(book.claims),
        mine(book.facts),
        mine(book.designations),
        mine(book.notices),
        mine(book.decisions),
        mine(book.instalments),
        mine(book.debits),
    )


def _is_whole(book: Book) -> bool:
    known = book.cases["case_id"]
    if known.null_count():
        return False
    frames = (book.claims, book.facts, book.designations, book.notices)
    return all(frame["case_id"].is_in(known.implode()).all(ignore_nulls=False) for frame in frames)


def _name_first(frame: pl.DataFrame, table: str, is_bad: dict[str, pl.Expr]) -> pl.DataFrame:
    """Rows with something wrong, and the first column that is; null in a condition counts as wrong."""
    word = pl.coalesce(
        [pl.when(bad.fill_null(True)).then(pl.lit(f"{table}.{column}")) for column, bad in is_bad.items()]
    )
    return frame.select("case_id", detail=word).filter(pl.col("detail").is_not_null())


def _cases(cases: pl.DataFrame) -> pl.DataFrame:
    col = pl.col
    return _name_first(
        cases,
        "cases",
        {
            "case_id": col("case_id").is_duplicated(),
            "currency": ~col("currency").is_in(CURRENCIES),
            "role": ~col("role").is_in([int(role) for role in Role]),
            "last_fact_no": col("last_fact_no") < 0,
            "feed_max_age_days": col("feed_checked_on").is_not_null()
            & (col("feed_max_age_days").fill_null(-1) < 0),
            "letter_cost_post_cents": col("letter_cost_post_cents").fill_null(0) < 0,
            "letter_cost_email_cents": col("letter_cost_email_cents").fill_null(0) < 0,
        },
    ).unique("case_id", keep="first", maintain_order=True)


def _claims(claims: pl.DataFrame, jurisdictions: Collection[str]) -> pl.DataFrame:
    col = pl.col

    def rate(column: str) -> pl.Expr:
        return col(column).is_not_null() & ~col(column).is_between(0, RATE_PPM_MAX)

    def day(column: str) -> pl.Expr:
        return ~calendar.is_covered(col(column))

    return _name_first(
        claims,
        "claims",
        {
            "claim_id": col("claim_id").is_null() | col("claim_id").is_duplicated(),
            "claim_no": col("claim_no") < 1,
            "jurisdiction": ~col("jurisdiction").is_in(list(jurisdictions)),
            "kind": ~col("kind").is_in([int(kind) for kind in ClaimKind]),
            "principal_cents": ~col("principal_cents").is_between(1, PRINCIPAL_CENTS_MAX),
            "issued_on": day("issued_on"),
            "due_on": day("due_on") | pl.coalesce("due_on", "issued_on").is_null(),
            "due_kind": ~col("due_kind").is_in([int(kind) for kind in DueKind]),
            "received_on": day("received_on"),
            "obligation_arose_on": day("obligation_arose_on") | col("obligation_arose_on").is_null(),
            "agreed_rate_ppm": rate("agreed_rate_ppm"),
            "agreed_from": day("agreed_from"),
            "agreed_default_rate_ppm": rate("agreed_default_rate_ppm"),
        },
    )


def _facts(facts: pl.DataFrame) -> pl.DataFrame:
    col = pl.col
    money = col("kind").is_in([int(kind) for kind in MONEY_FACTS])
    amount = col("amount_cents")
    return _name_first(
        facts,
        "facts",
        {
            "fact_no": col("fact_no") < 1,
            "kind": ~col("kind").is_in([int(kind) for kind in FactKind]),
            "effective_on": ~calendar.is_covered(col("effective_on")) | col("effective_on").is_null(),
            "recorded_on": col("recorded_on").is_null(),
            "amount_cents": (money & amount.is_null())
            | (amount.is_not_null() & ~amount.is_between(0, PRINCIPAL_CENTS_MAX)),
            "until_on": ~calendar.is_covered(col("until_on")),
            "code": (col("kind") == FactKind.COST_INCURRED) & (col("code").fill_null("") == ""),
        },
    )


def _notices(notices: pl.DataFrame) -> pl.DataFrame:
    col = pl.col
    return _name_first(
        notices,
        "notices",
        {
            "message_id": col("message_id").is_null(),
            "claim_id": col("claim_id").is_null(),
            "level": ~col("level").is_between(0, 9),
            "sealed_on": ~calendar.is_covered(col("sealed_on")) | col("sealed_on").is_null(),
            "pay_by": ~calendar.is_covered(col("pay_by")),
            "is_dunning": col("is_dunning").is_null(),
        },
    )


def _elsewhere(frame: pl.DataFrame, claims_of: pl.DataFrame, detail: str) -> pl.DataFrame:
    """Rows that name a claim of another case, or one that does not exist.

    `claims_of` is sorted by claim: looking up a place is faster than a join of a million rows.
    """
    named = frame.filter(pl.col("claim_id").is_not_null()).select("case_id", "claim_id")
    if named.is_empty() or claims_of.is_empty():
        return named.select("case_id", detail=pl.lit(detail))
    place = claims_of["claim_id"].search_sorted(named["claim_id"]).clip(0, claims_of.height - 1)
    found = claims_of[place]
    is_own = (found["claim_id"] == named["claim_id"]) & (found["case_id"] == named["case_id"])
    return named.filter(~is_own.fill_null(False)).select("case_id", detail=pl.lit(detail))
