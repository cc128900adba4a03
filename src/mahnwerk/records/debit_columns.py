"""What became of collecting the instalments of plans, as columns of INSTALMENTS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

import polars as pl
from django.db import connection

from mahnwerk.frames import FactKind
from mahnwerk.records import bulk

CLAUSE: Final = '%"direct_debit":%'
"""How the clause stands among the terms: the names of clauses are keys."""
_NOTICES: Final = {
    "instalment_id": ("n.instalment_id", pl.Int64),
    "case_id": ("n.case_id", pl.Int64),
    "attempt": ("n.attempt", pl.Int32),
    "collect_on": ("n.collect_on", pl.Date),
    "order_id": ("o.id", pl.Int64),
    "amount_cents": ("o.amount_cents", pl.Int64),
}
_STATUSES: Final = {
    "order_id": ("s.order_id", pl.Int64),
    "failed_on": ('s."on"', pl.Date),
    "failed_reason": ("s.reason", pl.String),
}
_MANDATES: Final = {
    "mandate_id": ("m.id", pl.Int64),
    "case_id": ("m.case_id", pl.Int64),
    "mandate_from": ("m.signed_on", pl.Date),
    "mandate_until": ("m.ended_on", pl.Date),
}


def with_debits(
    instalments: pl.DataFrame,
    facts: pl.DataFrame,
    tenant_id: int,
    case_condition: Callable[[str], str],
    case_parameters: Sequence[Any],
) -> pl.DataFrame:
    """Add what is known of mandates and collections to instalments that are collected by direct debit.

    The last notice of an instalment tells of its collection: when, whether it is in a file, and whether it
    came back, by the bank's status report or by its statement (a payment of its sum, returned after that
    day). Of several mandates of a case the open one counts, else the one that ended last. Asks the database
    nothing where no plan is collected.

    Parameters
    ----------
    instalments : INSTALMENTS without those columns, and instalment_id
    facts : FACTS of the same cases
    case_condition, case_parameters : limit a query to these cases, by the expression for the case
    """
    case_parameters = list(case_parameters)
    if not instalments["is_debited"].any():
        nothing = {"mandate_from": pl.Date, "mandate_until": pl.Date, "collect_on": pl.Date}
        nothing |= {"is_ordered": pl.Boolean, "failed_on": pl.Date, "failed_reason": pl.String}
        return instalments.with_columns(pl.lit(None, kind).alias(name) for name, kind in nothing.items())
    notices = bulk.read_frame(
        connection,
        _NOTICES,
        "debit_notices n LEFT JOIN debit_orders o ON o.tenant_id = n.tenant_id AND o.notice_id = n.id "
        f"WHERE n.tenant_id = %s AND n.instalment_id IS NOT NULL{case_condition('n.case_id')}",
        [tenant_id, *case_parameters],
    )
    statuses = bulk.read_frame(
        connection,
        _STATUSES,
        "debit_statuses s JOIN debit_orders o ON o.tenant_id = s.tenant_id AND o.id = s.order_id "
        "JOIN debit_notices n ON n.tenant_id = o.tenant_id AND n.id = o.notice_id "
        f"WHERE s.tenant_id = %s AND s.word <> 'booked'{case_condition('n.case_id')}",
        [tenant_id, *case_parameters],
    )
    mandates = bulk.read_frame(
        connection,
        _MANDATES,
        f"debit_mandates m WHERE m.tenant_id = %s{case_condition('m.case_id')}",
        [tenant_id, *case_parameters],
    )
    last = notices.sort("attempt").unique("instalment_id", keep="last", maintain_order=True)
    failed = (
        pl.concat([statuses, _returned(last, facts)])
        .sort("failed_on", "failed_reason")
        .unique("order_id", keep="first", maintain_order=True)
    )
    collections = last.join(failed, on="order_id", how="left").select(
        "instalment_id",
        "collect_on",
        "failed_on",
        "failed_reason",
        is_ordered=pl.col("order_id").is_not_null(),
    )
    chosen = (
        mandates.with_columns(until=pl.col("mandate_until").fill_null(date.max))
        .sort("until", "mandate_id")
        .unique("case_id", keep="last", maintain_order=True)
        .select("case_id", "mandate_from", "mandate_until")
    )
    return instalments.join(chosen, on="case_id", how="left", maintain_order="left").join(
        collections, on="instalment_id", how="left", maintain_order="left"
    )


def _returned(last: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Orders whose money came and went back, as the bank statement told it."""
    returns = facts.filter(pl.col("kind") == int(FactKind.PAYMENT_RETURNED)).select(
        "case_id",
        fact_no="voids_fact_no",
        failed_on="effective_on",
        failed_reason=pl.col("code").str.strip_prefix("return.").str.to_uppercase(),
    )
    back = facts.select("case_id", "fact_no", "amount_cents", "effective_on").join(
        returns, on=["case_id", "fact_no"]
    )
    after = (pl.col("effective_on") >= pl.col("collect_on")) & (pl.col("failed_on") >= pl.col("collect_on"))
    return (
        last.drop_nulls("order_id")
        .join(back, on=["case_id", "amount_cents"])
        .filter(after)
        .select("order_id", "failed_on", "failed_reason")
    )
