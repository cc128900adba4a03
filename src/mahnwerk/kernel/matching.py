"""Payment matching: which payments pay which open claims, and how sure that is.

Booked automatically only when certain; else a proposal with reason, confidence and runner-up; else
suspense. Pure: the same frames give the same answer, in any row order. Names decide nothing alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Schema, check_frame
from mahnwerk.kernel.matching_board import Board, Group, OpenClaim, Payment, Tolerance
from mahnwerk.kernel.matching_cases import by_case, case_pairs, known_pairs, part_payments
from mahnwerk.kernel.matching_groups import many_for_one, one_for_many, one_for_one
from mahnwerk.kernel.matching_lists import written_short
from mahnwerk.kernel.matching_pairs import (
    LookUp,
    amount_pairs,
    look_up,
    number_ranges,
    reference_pairs,
    schemes_of,
)
from mahnwerk.kernel.matching_plain import plain
from mahnwerk.kernel.matching_weak import by_likeness, leftovers
from mahnwerk.kernel.references import common_head

PAYMENTS: Final[Schema] = {
    "payment_id": pl.Int64,
    "amount_cents": pl.Int64,  # > 0
    "currency": pl.String,
    "text": pl.String,  # remittance, structured reference, end-to-end id: all that may name a claim
    "name": pl.String,
    "iban": pl.String,
    "value_on": pl.Date,  # for discounts; null = no discount counts
}
OPEN_CLAIMS: Final[Schema] = {
    "claim_id": pl.Int64,
    "debtor_id": pl.Int64,  # the case
    "open_cents": pl.Int64,  # > 0
    "currency": pl.String,
    "references": pl.List(pl.String),  # what names the claim: invoice number, order number …
    "name": pl.String,
    "discount_cents": pl.Int64,  # Skonto: may be deducted …
    "discount_until": pl.Date,  # … by a payment with value date up to this day
    "case_references": pl.List(pl.String),  # what names the debtor's case rather than one claim
    "other_cents": pl.List(pl.Int64),  # other sums that mean the whole claim: principal alone, a demand
}
OPTIONAL: Final = ("value_on", "discount_cents", "discount_until", "case_references", "other_cents")
"""Columns that may be left out; they are null then."""
KNOWN_PAYERS: Final[Schema] = {"iban": pl.String, "debtor_id": pl.Int64}
"""Accounts that paid for a debtor before, confirmed by a person or by a certain match."""

MATCHES: Final[Schema] = {
    "group_no": pl.Int64,
    "payment_ids": pl.List(pl.Int64),
    "claim_ids": pl.List(pl.Int64),  # empty = suspense
    "verdict": pl.String,  # booked, proposed, suspense
    "confidence_ppm": pl.Int64,
    "reasons": pl.List(pl.String),
    "runner_up": pl.List(pl.Int64),
}
TELLING_CLAIMS_MIN: Final = 100
TELLING_SHARE: Final = 0.9
"""Amounts tell claims apart where there are many and nearly each is unique; prices of a shop do not."""


@dataclass(frozen=True)
class MatchSettings:
    """What counts as the same amount, and whether a part of one is booked.

    A bank charge or rounding may be missing, no more. `books_part_payments`: a payment that names a claim or
    a case beyond doubt, by a payer who is known or alike, is booked although it does not pay it in full.
    """

    tolerance_ppm: int = 50
    tolerance_cents: int = 10
    books_part_payments: bool = False


def propose(
    payments: pl.DataFrame,
    claims: pl.DataFrame,
    known_payers: pl.DataFrame | None = None,
    settings: MatchSettings | None = None,
) -> pl.DataFrame:
    """Match payments with open claims of one tenant.

    How: first, in columns, payments that name one claim as written and pay it. For the rest references
    found in the text, exactly or a slip away; then groups whose amounts add up, in the
    order one for one, one for several, several for one; then payments that name a case; then what is left
    by likeness, as proposals. How sure a reference makes depends on what else it could be: a short or
    damaged number needs the payer or an amount that no other claim has.

    Parameters
    ----------
    payments : PAYMENTS; claims : OPEN_CLAIMS, both of one tenant; known_payers : KNOWN_PAYERS.

    Returns
    -------
    MATCHES: every payment in exactly one row. Reasons are words of a closed list: reference_found,
    reference_short, reference_one_slip, reference_damaged, references_found, case_named, amount_fits,
    sum_fits, discount_taken, other_amount, payments_add_up, part_payment, overpaid, payer_alike,
    not_beyond_doubt, one_reference_damaged, nothing_fits.

    Guarantees
    ----------
    Pure. Row order does not matter. A payment is in one group; a claim in at most one booked group that
    pays it in full. Currencies are never mixed. Nothing is booked without a reference that names the claim
    or its case.
    """
    settings = settings or MatchSettings()
    payments = check_frame(_whole(payments, PAYMENTS), PAYMENTS, "payments").sort("payment_id")
    claims = check_frame(_whole(claims, OPEN_CLAIMS), OPEN_CLAIMS, "claims")
    claims = claims.filter(pl.col("open_cents") > 0).sort("claim_id")
    if known_payers is not None:
        known_payers = check_frame(known_payers, KNOWN_PAYERS, "known_payers")
    look = look_up(payments, claims)
    settled = plain(payments, claims, look, known_payers)
    board = _board(
        payments.join(settled, on="payment_id", how="anti"), claims, settled, look, known_payers, settings
    )
    one_for_one(board)
    one_for_many(board)
    written_short(board)
    many_for_one(board)
    by_likeness(board)
    by_case(board, books_part_payments=settings.books_part_payments)
    if settings.books_part_payments:
        part_payments(board)
    at_once = [
        Group((payment_id,), (claim_id,), ("reference_found", "amount_fits"), 0.99, True)
        for payment_id, claim_id in settled.iter_rows()
    ]
    return _frame([*at_once, *board.groups, *leftovers(board)])


def pointed_at(
    payments: pl.DataFrame, claims: pl.DataFrame, known: pl.DataFrame, *, with_slips: bool = True
) -> pl.Series:
    """debtor_id of every debtor some evidence points to: the only ones whose names `propose` looks at.

    Parameters
    ----------
    with_slips : also by references a slip away. In dense numbers that is a hundred neighbours a payment, so
        ask without for all payments first, and with for those that are `unsettled` then.
    """
    payments, claims = _whole(payments, PAYMENTS), _whole(claims, OPEN_CLAIMS)
    settings = MatchSettings()
    pairs = pl.concat(
        [
            reference_pairs(payments, claims) if with_slips else look_up(payments, claims).exact,
            amount_pairs(payments, claims, settings.tolerance_ppm, settings.tolerance_cents),
            known_pairs(payments, claims, known),
        ]
    )
    by_claim = claims.join(pairs.select("claim_id").unique(), on="claim_id", how="semi")["debtor_id"]
    by_case = case_pairs(payments, claims)["debtor_id"]
    return pl.concat([by_claim, by_case]).unique().sort()


def unsettled(payments: pl.DataFrame, claims: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The payments that name no claim so plainly that `propose` looks no further."""
    whole, owed = _whole(payments, PAYMENTS), _whole(claims, OPEN_CLAIMS)
    return payments.join(plain(whole, owed, look_up(whole, owed), known), on="payment_id", how="anti")


def _whole(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    missing = [name for name in OPTIONAL if name in schema and name not in frame.columns]
    return frame.with_columns(pl.lit(None, schema[name]).alias(name) for name in missing)


def _board(
    payments: pl.DataFrame,
    all_claims: pl.DataFrame,
    settled: pl.DataFrame,
    look: LookUp,
    known: pl.DataFrame | None,
    settings: MatchSettings,
) -> Board:
    claims = all_claims.join(settled, on="claim_id", how="anti")
    found = [
        reference_pairs(payments, claims, look),
        amount_pairs(payments, claims, settings.tolerance_ppm, settings.tolerance_cents),
    ]
    named_cases = case_pairs(payments, claims)
    if known is not None:
        found.append(known_pairs(payments, claims, known))
    pairs = pl.concat(found)
    # Only claims that some evidence names become Python objects; a million others stay columns.
    evident = claims.join(pairs.select("claim_id").unique(), on="claim_id", how="semi")
    debtors = pl.concat([evident.select("debtor_id"), named_cases.select("debtor_id")]).unique()
    relevant = _characterised(all_claims, debtors).join(settled, on="claim_id", how="anti")
    board = Board(
        {row["payment_id"]: Payment(**row) for row in payments.iter_rows(named=True)},
        {row["claim_id"]: OpenClaim.of(row) for row in relevant.iter_rows(named=True)},
        Tolerance(settings.tolerance_ppm, settings.tolerance_cents),
        schemes=number_ranges(all_claims),
    )
    if known is not None:
        for iban, debtor_id in known.iter_rows():
            board.payer_debtors.setdefault(iban, set()).add(debtor_id)
    for payment_id, debtor_id, is_checked in named_cases.sort("payment_id", "debtor_id").iter_rows():
        board.named_cases.setdefault(payment_id, {})[debtor_id] = is_checked
    ordered = pairs.sort("payment_id", "claim_id", "evidence", "token")
    for payment_id, claim_id, evidence, token, _, _ in ordered.iter_rows():
        if board.claims[claim_id].currency == board.payments[payment_id].currency:
            board.add(payment_id, claim_id, evidence, token)
    return board


def _characterised(claims: pl.DataFrame, debtors: pl.DataFrame) -> pl.DataFrame:
    """The claims of some debtors with what the whole list says of their amounts and numbers.

    Adds same_amount; is_telling and is_sparse by numbering scheme: the first reference, digits blanked.
    """
    first = pl.col("references").list.first().str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "")
    counts = claims.group_by("currency", "open_cents").agg(same_amount=pl.len())
    described = claims.select(
        "claim_id",
        "currency",
        "open_cents",
        first=first,
        scheme=first.str.replace_all(r"\d", "9"),
    ).join(counts, on=["currency", "open_cents"], how="left")
    schemes = described.group_by("scheme").agg(
        lowest=pl.col("first").min(),
        highest=pl.col("first").max(),
        is_telling=(pl.len() >= TELLING_CLAIMS_MIN)
        & ((pl.col("same_amount") == 1).sum() >= TELLING_SHARE * pl.len()),
    )
    heads = [
        common_head(low or "", high or "") if low != high else ""
        for low, high in schemes.select("lowest", "highest").iter_rows()
    ]
    schemes = schemes.with_columns(pl.Series("head", heads, pl.String)).join(
        schemes_of(described["first"]).select("scheme", "is_sparse"), on="scheme", how="left"
    )
    return (
        claims.join(debtors, on="debtor_id", how="semi", maintain_order="left")
        .join(described.select("claim_id", "scheme", "same_amount"), on="claim_id", how="left")
        .join(schemes, on="scheme", how="left", nulls_equal=True)
        .sort("claim_id")
    )


def _frame(groups: Iterable[Group]) -> pl.DataFrame:
    groups = list(groups)
    columns: dict[str, list[Any]] = {
        "group_no": list(range(1, len(groups) + 1)),
        "payment_ids": [group.payment_ids for group in groups],
        "claim_ids": [group.claim_ids for group in groups],
        "verdict": [
            "booked" if group.is_certain else "proposed" if group.claim_ids else "suspense"
            for group in groups
        ],
        "confidence_ppm": [round(group.confidence * 1_000_000) for group in groups],
        "reasons": [group.reasons for group in groups],
        "runner_up": [group.runner_up for group in groups],
    }
    return pl.DataFrame([_series(name, columns[name], dtype) for name, dtype in MATCHES.items()])


def _series(name: str, values: list[Any], dtype: Any) -> pl.Series:
    """A column; lists of numbers or single words go in as text, or Polars would make a Series of each."""
    if not isinstance(dtype, pl.List):
        return pl.Series(name, values, dtype)
    joined = pl.Series(name, [" ".join(map(str, row)) for row in values], pl.String)
    return joined.str.extract_all(r"\S+").cast(dtype)
