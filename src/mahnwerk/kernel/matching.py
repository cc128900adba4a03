"""Payment matching: which payments pay which open claims, and how sure that is.

Booked automatically only when certain; else a proposal with reason, confidence and runner-up; else
suspense. Pure: the same frames give the same answer, in any row order. Names decide nothing alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Schema, check_frame
from mahnwerk.kernel.matching_groups import (
    Board,
    Group,
    OpenClaim,
    Payment,
    Tolerance,
    many_for_one,
    one_for_many,
    one_for_one,
)
from mahnwerk.kernel.matching_pairs import amount_pairs, reference_pairs
from mahnwerk.kernel.matching_weak import by_likeness, leftovers

PAYMENTS: Final[Schema] = {
    "payment_id": pl.Int64,
    "amount_cents": pl.Int64,  # > 0
    "currency": pl.String,
    "text": pl.String,  # remittance, structured reference, end-to-end id: all that may name a claim
    "name": pl.String,
    "iban": pl.String,
}
OPEN_CLAIMS: Final[Schema] = {
    "claim_id": pl.Int64,
    "debtor_id": pl.Int64,  # the case
    "open_cents": pl.Int64,  # > 0
    "currency": pl.String,
    "references": pl.List(pl.String),  # invoice number, case and RF reference, mandate, order number …
    "name": pl.String,
}
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


@dataclass(frozen=True)
class MatchSettings:
    """What counts as the same amount. A bank charge or rounding may be missing, no more."""

    tolerance_ppm: int = 50
    tolerance_cents: int = 10


def propose(
    payments: pl.DataFrame,
    claims: pl.DataFrame,
    known_payers: pl.DataFrame | None = None,
    settings: MatchSettings | None = None,
) -> pl.DataFrame:
    """Match payments with open claims of one tenant.

    How: references found in the text, exactly or one slip away; then groups whose amounts add up, in the
    order one for one, one for several, several for one; then what is left by likeness, as proposals.

    Parameters
    ----------
    payments : PAYMENTS; claims : OPEN_CLAIMS, both of one tenant; known_payers : KNOWN_PAYERS.

    Returns
    -------
    MATCHES: every payment in exactly one row.

    Guarantees
    ----------
    Pure. Row order does not matter. A payment is in one group, a claim in at most one booked group.
    Currencies are never mixed. Nothing is booked without a reference that names the claim.
    """
    settings = settings or MatchSettings()
    payments = check_frame(payments, PAYMENTS, "payments").sort("payment_id")
    claims = check_frame(claims, OPEN_CLAIMS, "claims").filter(pl.col("open_cents") > 0).sort("claim_id")
    board = _board(payments, claims, known_payers, settings)
    one_for_one(board)
    one_for_many(board)
    many_for_one(board)
    by_likeness(board)
    proposals = leftovers(board)
    return _frame(board, proposals)


def _board(
    payments: pl.DataFrame, claims: pl.DataFrame, known: pl.DataFrame | None, settings: MatchSettings
) -> Board:
    pairs = pl.concat(
        [
            reference_pairs(payments, claims),
            amount_pairs(payments, claims, settings.tolerance_ppm, settings.tolerance_cents),
        ]
    )
    # Only claims that some evidence names become Python objects; a million others stay columns.
    named = claims.join(pairs.select("claim_id").unique(), on="claim_id", how="semi")
    debtors = named.select("debtor_id").unique()
    relevant = claims.join(debtors, on="debtor_id", how="semi")
    board = Board(
        {row[0]: Payment(*row) for row in payments.iter_rows()},
        {row[0]: _open_claim(row) for row in relevant.iter_rows()},
        Tolerance(settings.tolerance_ppm, settings.tolerance_cents),
    )
    if known is not None:
        for iban, debtor_id in check_frame(known, KNOWN_PAYERS, "known_payers").iter_rows():
            board.payer_debtors.setdefault(iban, set()).add(debtor_id)
    currency = {payment_id: payment.currency for payment_id, payment in board.payments.items()}
    ordered = pairs.sort("payment_id", "claim_id", "evidence", "token")
    for payment_id, claim_id, evidence, token, _, _ in ordered.iter_rows():
        if board.claims[claim_id].currency == currency[payment_id]:
            board.add(payment_id, claim_id, evidence, token)
    return board


def _open_claim(row: tuple[Any, ...]) -> OpenClaim:
    claim_id, debtor_id, open_cents, currency, references, name = row
    return OpenClaim(claim_id, debtor_id, open_cents, currency, tuple(references or ()), name)


def _frame(board: Board, proposals: Iterable[Group]) -> pl.DataFrame:
    rows: list[Mapping[str, Any]] = []
    for number, group in enumerate([*board.groups, *proposals], 1):
        verdict = "booked" if group.is_certain else "proposed" if group.claim_ids else "suspense"
        rows.append(
            {
                "group_no": number,
                "payment_ids": list(group.payment_ids),
                "claim_ids": list(group.claim_ids),
                "verdict": verdict,
                "confidence_ppm": round(group.confidence * 1_000_000),
                "reasons": list(group.reasons),
                "runner_up": list(group.runner_up),
            }
        )
    return pl.DataFrame(rows, schema=dict(MATCHES), orient="row")
