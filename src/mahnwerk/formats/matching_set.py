"""A set of invoices, payments and true matches for measuring the matcher: CSV in, frames out.

Layout: `invoices.csv` (invoice_id, Assignment Number, Billing Number, Customer ID, Customer Name, Currency
Code, Amount; optional Discount Amount, Discount Until), `payments.csv` (payment_id, Business Partner, Account
Number, Memo Line, Amount, Currency, Posting Date) and `matches.csv` (match_category,
perturbation_categories, invoice_ids, payment_ids; lists as JSON). `invoice_ids` may be empty: the payment
belongs to no invoice of the set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import polars as pl

INVOICE_COLUMNS: Final = (
    "invoice_id", "Assignment Number", "Billing Number", "Customer ID", "Customer Name", "Currency Code",
    "Amount",
)  # fmt: skip
PAYMENT_COLUMNS: Final = (
    "payment_id", "Business Partner", "Account Number", "Memo Line", "Amount", "Currency", "Posting Date",
)  # fmt: skip
MATCH_COLUMNS: Final = ("match_category", "perturbation_categories", "invoice_ids", "payment_ids")

TRUTH: Final[dict[str, Any]] = {
    "match_category": pl.String,
    "perturbations": pl.List(pl.String),
    "claim_ids": pl.List(pl.Int64),
    "payment_ids": pl.List(pl.Int64),
}


class MatchingSetError(ValueError):
    """A file of the set cannot be read: which, where, why."""


@dataclass(frozen=True)
class MatchingSet:
    """Payments (matching.PAYMENTS), claims (matching.OPEN_CLAIMS) and the truth about them (TRUTH)."""

    payments: pl.DataFrame
    claims: pl.DataFrame
    truth: pl.DataFrame


def read(invoices: bytes, payments: bytes, matches: bytes) -> MatchingSet:
    """Read the three files of a set.

    Raises
    ------
    MatchingSetError : a column is missing; an amount, day or list cannot be read; an id is there twice; a
        match names what is not there, or a payment that another match names.
    """
    made = MatchingSet(
        _payments(_table(payments, "payments.csv", PAYMENT_COLUMNS)),
        _claims(_table(invoices, "invoices.csv", INVOICE_COLUMNS)),
        _truth(_table(matches, "matches.csv", MATCH_COLUMNS)),
    )
    _refuse_unknown(made.truth["claim_ids"], made.claims["claim_id"], "invoices.csv")
    _refuse_unknown(made.truth["payment_ids"], made.payments["payment_id"], "payments.csv")
    named = made.truth["payment_ids"].explode().drop_nulls()
    if twice := named.filter(named.is_duplicated()).sort().to_list():
        raise MatchingSetError(f"matches.csv: payment {twice[0]} is in two matches")
    return made


def _table(data: bytes, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    try:
        table = pl.read_csv(BytesIO(data), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        said = str(error).partition("\n")[0]
        raise MatchingSetError(
            f"{name} is not a CSV file in UTF-8, each row as long as its header: {said}"
        ) from None
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise MatchingSetError(f"{name}: column missing: {', '.join(missing)}")
    return table.with_columns(pl.col(pl.String).fill_null(""))


def _claims(table: pl.DataFrame) -> pl.DataFrame:
    has_discount = {"Discount Amount", "Discount Until"} <= set(table.columns)
    return table.select(
        _number("invoice_id", table, "invoices.csv").alias("claim_id"),
        debtor_id=pl.col("Customer ID").rank("dense").cast(pl.Int64),
        open_cents=_cents("Amount", table, "invoices.csv"),
        currency=pl.col("Currency Code"),
        references=pl.concat_list("Assignment Number", "Billing Number").list.filter(pl.element() != ""),
        name=pl.col("Customer Name"),
        discount_cents=_cents("Discount Amount", table, "invoices.csv", may_lack=True)
        if has_discount
        else pl.lit(0, pl.Int64),
        discount_until=_day("Discount Until", table, "invoices.csv")
        if has_discount
        else pl.lit(None, pl.Date),
    )


def _payments(table: pl.DataFrame) -> pl.DataFrame:
    return table.select(
        _number("payment_id", table, "payments.csv").alias("payment_id"),
        amount_cents=_cents("Amount", table, "payments.csv"),
        currency=pl.col("Currency"),
        text=pl.col("Memo Line"),
        name=pl.col("Business Partner"),
        iban=pl.col("Account Number"),
        value_on=_day("Posting Date", table, "payments.csv"),
    )


def _truth(table: pl.DataFrame) -> pl.DataFrame:
    def lists(column: str) -> list[Any]:
        try:
            found = [json.loads(text or "[]") for text in table[column]]
        except ValueError as error:
            raise MatchingSetError(f"matches.csv, {column}: {error}") from None
        kind = str if column == "perturbation_categories" else int
        for row, one in enumerate(found, 2):
            if not isinstance(one, list) or any(type(item) is not kind for item in one):
                what = "texts" if kind is str else "ids"
                raise MatchingSetError(f"matches.csv, row {row}, {column}: {one!r} is not a list of {what}")
        return found

    return pl.DataFrame(
        {
            "match_category": table["match_category"],
            "perturbations": lists("perturbation_categories"),
            "claim_ids": lists("invoice_ids"),
            "payment_ids": lists("payment_ids"),
        },
        schema=TRUTH,
    )


def _number(column: str, table: pl.DataFrame, name: str) -> pl.Series:
    numbers = table[column].str.strip_chars().cast(pl.Int64, strict=False)
    _refuse_nulls(numbers, table[column], name)
    if twice := numbers.filter(numbers.is_duplicated()).sort().to_list():
        raise MatchingSetError(f"{name}: {column} {twice[0]} is there twice")
    return numbers


def _refuse_unknown(named: pl.Series, known: pl.Series, name: str) -> None:
    ids = named.explode().drop_nulls()
    if unknown := ids.filter(~ids.is_in(known.implode())).sort().to_list():
        raise MatchingSetError(f"matches.csv names {unknown[0]}, which {name} does not have")


def _cents(column: str, table: pl.DataFrame, name: str, *, may_lack: bool = False) -> pl.Series:
    """Amounts as hundredths, whatever the currency: within a set they are only compared."""
    text = table[column].str.strip_chars()
    text = text.set(text == "", "0") if may_lack else text
    cents = (text.cast(pl.Decimal(38, 6), strict=False) * 100).round(0).cast(pl.Int64, strict=False)
    _refuse_nulls(cents, text, name)
    return cents.alias(column)


def _day(column: str, table: pl.DataFrame, name: str) -> pl.Series:
    """A day as 20260302 or 2026-03-02; null where the cell is empty."""
    text = table[column].str.strip_chars()
    days = text.str.replace_all("-", "", literal=True).str.to_date("%Y%m%d", strict=False)
    unread = days.is_null() & (text != "")
    if unread.any():
        row = unread.arg_true()[0]
        raise MatchingSetError(f"{name}, row {row + 2}, {column}: {text[row]!r} is not a day")
    return days


def _refuse_nulls(made: pl.Series, text: pl.Series, name: str) -> None:
    if made.null_count():
        row = made.is_null().arg_true()[0]
        raise MatchingSetError(f"{name}, row {row + 2}, {text.name}: {text[row]!r} is not a number")
