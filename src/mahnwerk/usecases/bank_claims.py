"""What money that came in can be for: open claims of a creditor on a day, and those long settled."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from mahnwerk.frames import Book
from mahnwerk.kernel import matching
from mahnwerk.records import bank_read, load
from mahnwerk.usecases.cases import decided
from mahnwerk.usecases.opening import OpenBook

NAMES_AT_ONCE = 5_000
"""Up to so many cases all debtors' names are decrypted; of more, only those some evidence points to."""


@dataclass(frozen=True)
class Candidates:
    """matching.OPEN_CLAIMS without names: with money open, and without (open_cents = the principal)."""

    open: pl.DataFrame
    settled: pl.DataFrame


def candidates(book: OpenBook, on: dt.date, creditor_id: int | None) -> Candidates:
    """The claims of a creditor (None = of all) with what they owe on a day."""
    parts = []
    for shard in load.shards(book.tenant_id):
        cases = load.book(book.tenant_id, case_range=shard, on=on)
        if creditor_id is not None and not (cases.cases["creditor_id"] == creditor_id).any():
            continue
        parts.append(_owed(cases, decided(book, on, cases).plan.balances, creditor_id))
    if not parts:
        none = pl.DataFrame(schema=dict(matching.OPEN_CLAIMS))
        return Candidates(none, none)
    claims = pl.concat(parts)
    claims = claims.join(bank_read.discounts(book.tenant_id, creditor_id), on="claim_id", how="left")
    references = bank_read.case_references(book.tenant_id, creditor_id)
    claims = claims.join(references, left_on="debtor_id", right_on="case_id", how="left")
    open_claims = claims.filter(pl.col("open_cents") > 0)
    settled = claims.filter(pl.col("open_cents") <= 0).with_columns(
        open_cents=pl.col("principal_cents"), other_cents=pl.lit(None, pl.List(pl.Int64))
    )
    columns = list(matching.OPEN_CLAIMS)
    return Candidates(open_claims.select(columns), settled.select(columns))


def _owed(cases: Book, balances: pl.DataFrame, creditor_id: int | None) -> pl.DataFrame:
    mine = cases.cases.select("case_id", "creditor_id", "currency")
    if creditor_id is not None:
        mine = mine.filter(pl.col("creditor_id") == creditor_id)
    demanded = (
        cases.notices.sort("sealed_on", "message_id")
        .group_by("claim_id")
        .agg(demanded_cents=pl.col("item_demanded_cents").last())
    )
    return (
        cases.claims.join(mine, on="case_id")
        .join(balances.select("claim_id", "open_cents", "principal_open_cents"), on="claim_id")
        .join(demanded, on="claim_id", how="left")
        .select(
            "claim_id",
            "principal_cents",
            debtor_id=pl.col("case_id"),
            open_cents="open_cents",
            currency="currency",
            references=pl.concat_list("invoice_number"),
            name=pl.lit(""),
            other_cents=pl.concat_list("principal_open_cents", "demanded_cents").list.drop_nulls(),
        )
    )


def with_names(
    book: OpenBook, claims: pl.DataFrame, payments: pl.DataFrame, known: pl.DataFrame
) -> pl.DataFrame:
    """The claims with their debtors' names, decrypted where some evidence points to the debtor."""
    debtors = claims["debtor_id"].unique()
    if debtors.len() <= NAMES_AT_ONCE:
        return _named(book, claims, debtors)
    first = matching.pointed_at(payments, claims, known, with_slips=False)
    plainly = _named(book, claims, first)
    left = matching.unsettled(payments, plainly, known)
    more = matching.pointed_at(left, claims, known)
    more = more.filter(~more.is_in(first.implode()))
    theirs = pl.col("debtor_id").is_in(more.implode())
    return pl.concat([plainly.filter(~theirs), _named(book, plainly.filter(theirs), more)])


def _named(book: OpenBook, claims: pl.DataFrame, debtors: pl.Series) -> pl.DataFrame:
    names = {
        case_id: _name(person.payload)
        for case_id, person in load.persons(book.tenant_id, debtors.to_list()).items()
    }
    frame = pl.DataFrame(
        {"debtor_id": list(names), "name": list(names.values())},
        schema={"debtor_id": pl.Int64, "name": pl.String},
    )
    return (
        claims.drop("name")
        .join(frame, on="debtor_id", how="left", maintain_order="left")
        .with_columns(pl.col("name").fill_null(""))
    )


def _name(payload: dict[str, str] | None) -> str:
    if payload is None:
        return ""
    person = " ".join(part for part in (payload["first_name"], payload["last_name"]) if part)
    return payload["company"] or person
