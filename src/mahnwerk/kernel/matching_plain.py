"""The plain case, all at once: one payment that names one claim as written and pays it.

Most money comes this way; settling it in columns leaves the search for slips and sums to the rest.
"""

from __future__ import annotations

import polars as pl

from mahnwerk.kernel.matching_board import ALIKE_SURE
from mahnwerk.kernel.matching_pairs import EXACT, LookUp, name_key
from mahnwerk.kernel.names import similarity


def plain(
    payments: pl.DataFrame,
    claims: pl.DataFrame,
    look: LookUp,
    known: pl.DataFrame | None,
) -> pl.DataFrame:
    """Payments with one claim they name beyond doubt and pay to the cent: payment_id, claim_id.

    Neither may have another partner by references as written. Where the amount is not the claim's alone the
    payer must fit as well; `Board.is_sure` looks closer at those that do not.
    """
    pairs = look.exact.select("payment_id", "claim_id", "evidence").unique(
        ["payment_id", "claim_id", "evidence"]
    )
    sole = pairs.filter(
        (pl.col("claim_id").n_unique().over("payment_id") == 1)
        & (pl.col("payment_id").n_unique().over("claim_id") == 1)
        & (pl.col("evidence") == EXACT)
    )
    common = claims.group_by("currency", "open_cents").agg(same_amount=pl.len())
    owed = claims.select("claim_id", "debtor_id", "currency", "open_cents", debtor="name")
    fitting = (
        sole.select("payment_id", "claim_id")
        .join(payments.select("payment_id", "amount_cents", "currency", "name", "iban"), on="payment_id")
        .join(owed, on=["claim_id", "currency"])
        .filter(pl.col("open_cents") == pl.col("amount_cents"))
        .join(common, on=["currency", "open_cents"])
    )
    payers = known.unique() if known is not None else pl.DataFrame(
        schema={"iban": pl.String, "debtor_id": pl.Int64}
    )  # fmt: skip
    fitting = fitting.join(payers.with_columns(is_known=pl.lit(True)), on=["iban", "debtor_id"], how="left")
    sure = (pl.col("same_amount") == 1) | pl.col("is_known").fill_null(False) | (pl.col("name") == "")
    # The sum of a few only: left to `Board.is_sure`, which sees whether the payer is another who owes it.
    doubtful = _without_namesakes(fitting.filter(~sure), claims)
    alike = [
        similarity(payer, debtor) >= ALIKE_SURE
        for payer, debtor in doubtful.select("name", "debtor").iter_rows()
    ]
    found = pl.concat([fitting.filter(sure), doubtful.filter(pl.Series(alike, dtype=pl.Boolean))])
    return found.select("payment_id", "claim_id").unique().sort("payment_id")


def _without_namesakes(fitting: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Leave out debtors for whom another of the same name owes the same: the name tells them not apart."""
    amount = ["currency", "open_cents"]
    same = (
        claims.join(fitting.select(amount).unique(), on=amount, how="semi")
        .select(*amount, "debtor_id", key=name_key("name"))
        .group_by(*amount, "key")
        .agg(debtors=pl.col("debtor_id").n_unique())
        .filter(pl.col("debtors") > 1)
    )
    keyed = fitting.with_columns(key=name_key("debtor"))
    return keyed.join(same, on=[*amount, "key"], how="anti").drop("key")
