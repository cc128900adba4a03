"""When default began: the first day a claim bears default interest (§ 286 BGB).

For each claim every ground is tried and the earliest wins:

- `default.calendar_date`, `default.period`: the day after the due date, moved by § 193;
- `default.invoice_30_days`: the day after 30 days from due date and receipt of the invoice, moved by
  § 193; for remuneration only, and against a consumer only if the invoice said so;
- `default.dunning_notice`: the day after due date, receipt and the notice's own pay-by date, whichever
  is last; a notice received before the debt was due has no effect;
- `default.refusal`, `default.litigation`, `default.payment_order`: the day after the due date or the
  event, whichever is later.

A deferral agreed before default began moves the due date to its last day, and notices received
meanwhile have no effect. A deferral agreed later does not undo default: whether interest rests during
it is a matter of the agreement, to be recorded as a waiver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import REMUNERATION_KINDS, DueKind, FactKind
from mahnwerk.kernel import calendar
from mahnwerk.law import Law

INVOICE_PERIOD: Final = "default.invoice_period_days"

GROUNDS: Final = (
    "default.calendar_date",
    "default.period",
    "default.invoice_30_days",
    "default.dunning_notice",
    "default.refusal",
    "default.litigation",
    "default.payment_order",
)
"""Rule ids; where two grounds begin on one day the earlier in this list is named."""

_EVENTS: Final = {
    FactKind.PERFORMANCE_REFUSED: "default.refusal",
    FactKind.LITIGATION_PENDING: "default.litigation",
    FactKind.PAYMENT_ORDER_SERVED: "default.payment_order",
}

_RESULT: Final = {
    "claim_id": pl.Int64,
    "default_began_on": pl.Date,
    "default_ground": pl.String,
    "trigger_message_id": pl.Int64,
}


@dataclass(frozen=True)
class ArrearsSettings:
    """Choices the law leaves open; each is printed where it decides.

    notice_period_defers_default : a pay-by date in the notice puts default off until it has passed
    presumed_goods_receipt_days : receipt of invoice unknown and debtor a business (§ 286 Abs. 3
        Satz 2): goods count as received this many days after the invoice date; None = no presumption,
        so without a known receipt the 30 days never start
    local_holidays : see `calendar`
    """

    notice_period_defers_default: bool = True
    presumed_goods_receipt_days: int | None = None
    local_holidays: bool = True


def default_began(
    claims: pl.DataFrame,
    notices_received: pl.DataFrame,
    facts: pl.DataFrame,
    laws: Mapping[str, Law],
    settings: ArrearsSettings | None = None,
) -> pl.DataFrame:
    """Find for each claim the first interest-bearing day of default and its ground.

    Each ground gives a day or nothing; the earliest day wins. Only claims with deferrals are looked at
    again, once per deferral.

    Parameters
    ----------
    claims : CLAIMS plus `land` String and `is_consumer` Boolean of the case; null `is_consumer` counts
        as consumer, null `due_on` as due on `issued_on` (§ 271 BGB). A date outside `calendar` is not
        moved by § 193
    notices_received : claim_id Int64 · received_on Date (null = not received) · pay_by Date (null = the
        notice sets none) · message_id Int64 (optional); only messages that demand payment
    facts : FACTS, without voided ones and those after the day asked
    laws : per jurisdiction; without `default.invoice_period_days` there is no 30-day ground

    Returns
    -------
    One row per claim: claim_id · default_began_on Date (null = none; may lie after the day asked) ·
    default_ground String, of GROUNDS · trigger_message_id Int64, the notice that did it

    Guarantees
    ----------
    Pure; order of rows does not matter. Default never begins on or before the due date. Another
    notice, act or refusal never makes it later. An unknown Land never makes it earlier.

    Sources
    -------
    §§ 186–188, 193, 271, 286 Abs. 1–3 BGB. That the notice's pay-by date puts off default is a
    convention in the debtor's favour. That the 30 days end on a working day: BGH III ZR 159/06
    (from memory, confidence C).
    """
    chosen = settings or ArrearsSettings()
    due = _due_dates(claims, facts, chosen)
    notices = _notices(notices_received)
    events = facts_of_claims(claims, facts, list(_EVENTS))
    found = _earliest(due, notices, events, laws, chosen)
    deferrals = (
        facts_of_claims(claims, facts, [FactKind.DEFERRAL_GRANTED])
        .sort("claim_id", "effective_on", "fact_no")
        .with_columns(turn=pl.int_range(pl.len()).over("claim_id"))
    )
    for turn in range(int(deferrals["turn"].max() or 0) + 1 if deferrals.height else 0):  # type: ignore[arg-type]
        due = _deferred(due, found, deferrals.filter(turn=turn))
        again = due.filter(pl.col("claim_id").is_in(deferrals.filter(turn=turn)["claim_id"].implode()))
        found = found.update(
            _earliest(again, notices, events, laws, chosen), on="claim_id", include_nulls=True
        )
    return found.select(list(_RESULT))


def default_of(
    *,
    due_on: date,
    due_kind: DueKind,
    laws: Mapping[str, Law],
    issued_on: date | None = None,
    invoice_received_on: date | None = None,
    notice_received_on: date | None = None,
    pay_by: date | None = None,
    is_consumer: bool = True,
    has_default_notice: bool = False,
    land: str | None = None,
    jurisdiction: str = "de",
    settings: ArrearsSettings | None = None,
) -> tuple[date | None, str | None]:
    """`default_began` for one claim for goods or services, as the calculator asks it.

    Returns the first interest-bearing day and its ground, or (None, None).
    """
    claim = pl.DataFrame(
        {
            "claim_id": [1],
            "case_id": [1],
            "jurisdiction": [jurisdiction],
            "kind": [int(REMUNERATION_KINDS[0])],
            "issued_on": [issued_on],
            "due_on": [due_on],
            "due_kind": [int(due_kind)],
            "received_on": [invoice_received_on],
            "has_default_notice": [has_default_notice],
            "is_consumer": [is_consumer],
            "land": [calendar.check_land(land, jurisdiction)],
        },
        schema_overrides={"issued_on": pl.Date, "received_on": pl.Date, "land": pl.String},
    )
    notice = pl.DataFrame(
        {"claim_id": [1], "received_on": [notice_received_on], "pay_by": [pay_by]},
        schema_overrides={"received_on": pl.Date, "pay_by": pl.Date},
    )
    row = default_began(claim, notice, _no_facts(), laws, settings).row(0, named=True)
    return row["default_began_on"], row["default_ground"]


def facts_of_claims(claims: pl.DataFrame, facts: pl.DataFrame, kinds: list[FactKind]) -> pl.DataFrame:
    """Facts of these kinds, one row per claim they concern; a case-wide fact concerns all.

    Returns case_id, claim_id, fact_no, kind, effective_on, until_on.
    """
    wanted = facts.filter(pl.col("kind").is_in([int(kind) for kind in kinds])).select(
        "case_id", "claim_id", "fact_no", "kind", "effective_on", "until_on"
    )
    ids = claims.select("case_id", "claim_id")
    own = wanted.filter(pl.col("claim_id").is_not_null()).join(
        ids.select("claim_id"), on="claim_id", how="semi"
    )
    wide = wanted.filter(pl.col("claim_id").is_null()).drop("claim_id").join(ids, on="case_id")
    return pl.concat([own, wide.select(own.columns)])


# --- steps ------------------------------------------------------------------------------------


def _no_facts() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "case_id": pl.Int64,
            "fact_no": pl.Int32,
            "claim_id": pl.Int64,
            "kind": pl.Int16,
            "effective_on": pl.Date,
            "until_on": pl.Date,
        }
    )


def _due_dates(claims: pl.DataFrame, facts: pl.DataFrame, chosen: ArrearsSettings) -> pl.DataFrame:
    """Claims with `due` and the date the invoice was, or counts as, received."""
    receipt = (
        facts_of_claims(claims, facts, [FactKind.INVOICE_RECEIVED])
        .sort("fact_no")
        .group_by("claim_id")
        .agg(fact_received_on=pl.col("effective_on").last())
    )
    is_consumer = pl.col("is_consumer").fill_null(True)
    presumed: pl.Expr = pl.lit(None, dtype=pl.Date)
    if chosen.presumed_goods_receipt_days is not None:
        goods = pl.col("issued_on") + pl.duration(days=chosen.presumed_goods_receipt_days)
        presumed = pl.when(~is_consumer).then(goods)
    return claims.join(receipt, on="claim_id", how="left").select(
        "claim_id",
        "jurisdiction",
        "due_kind",
        "land",
        due=pl.coalesce("due_on", "issued_on"),
        latest=pl.coalesce("due_on", "issued_on"),  # what it falls back to after a deferral without end
        invoice_on=pl.coalesce("fact_received_on", "received_on", presumed),
        has_30_days=pl.col("kind").is_in([int(kind) for kind in REMUNERATION_KINDS])
        & (pl.col("due_kind") == int(DueKind.INVOICE))
        & (~is_consumer | pl.col("has_default_notice").fill_null(False)),
    )


def _notices(received: pl.DataFrame) -> pl.DataFrame:
    if "message_id" not in received.columns:
        received = received.with_columns(message_id=pl.lit(None, dtype=pl.Int64))
    return received.filter(pl.col("received_on").is_not_null()).select(
        "claim_id", "message_id", "received_on", "pay_by"
    )


def _moved(frame: pl.DataFrame, column: str, chosen: ArrearsSettings) -> pl.Series:
    """§ 193; a date no calendar knows stays: it is absurd, and must not stop the other claims."""
    return calendar.next_working_days(
        frame[column],
        frame["land"],
        country=frame["jurisdiction"],
        local_holidays=chosen.local_holidays,
        keep_uncovered=True,
    )


def _earliest(
    due: pl.DataFrame,
    notices: pl.DataFrame,
    events: pl.DataFrame,
    laws: Mapping[str, Law],
    chosen: ArrearsSettings,
) -> pl.DataFrame:
    """Try every ground on these claims; `due` null (deferred without end) gives none."""
    claims = due.with_columns(payable=_moved(due, "due", chosen))
    claims = _by_contract(claims, laws, chosen)
    claims = claims.join(
        _by_notice(claims, notices, chosen), on="claim_id", how="left", maintain_order="left"
    )
    for kind, ground in _EVENTS.items():
        own = events.filter(pl.col("kind") == int(kind))
        if own.is_empty():  # the usual case: no join over a million claims for nothing
            claims = claims.with_columns(pl.lit(None, dtype=pl.Date).alias(ground))
        else:
            first = _by_event(claims, own, ground)
            claims = claims.join(first, on="claim_id", how="left", maintain_order="left")
    began = pl.min_horizontal(GROUNDS)
    ground_of: pl.Expr = pl.lit(None, dtype=pl.String)
    for ground in reversed(GROUNDS):
        ground_of = pl.when(pl.col(ground) == began).then(pl.lit(ground)).otherwise(ground_of)
    return claims.select(
        "claim_id",
        default_began_on=began,
        default_ground=ground_of,
        trigger_message_id=pl.when(ground_of == "default.dunning_notice").then("message_id"),
    )


def _by_contract(claims: pl.DataFrame, laws: Mapping[str, Law], chosen: ArrearsSettings) -> pl.DataFrame:
    """Grounds that need no act of the creditor: calendar date, period, 30 days."""
    start = pl.max_horizontal("due", "invoice_on")
    both = pl.col("due").is_not_null() & pl.col("invoice_on").is_not_null()
    claims = claims.with_columns(
        thirty=pl.when(pl.col("has_30_days") & both).then(
            start + pl.duration(days=_invoice_days(start, laws))
        )
    )
    claims = claims.with_columns(thirty=_moved(claims, "thirty", chosen))
    day_after = pl.col("payable") + pl.duration(days=1)
    return claims.with_columns(
        pl.when(pl.col("due_kind") == int(DueKind.CALENDAR)).then(day_after).alias("default.calendar_date"),
        pl.when(pl.col("due_kind") == int(DueKind.PERIOD)).then(day_after).alias("default.period"),
        (pl.col("thirty") + pl.duration(days=1)).alias("default.invoice_30_days"),
    )


def _invoice_days(start: pl.Expr, laws: Mapping[str, Law]) -> pl.Expr:
    """Length of the period in the claim's jurisdiction when it starts; null before the law knew one."""
    days: pl.Expr = pl.lit(None, dtype=pl.Int64)
    for jurisdiction, law in laws.items():
        if INVOICE_PERIOD not in law:
            continue
        for valid_from, value in law.changes_of(INVOICE_PERIOD):
            applies = (pl.col("jurisdiction") == jurisdiction) & (start >= valid_from)
            known = value.state == "known"
            days = pl.when(applies).then(int(value.numbers["value"]) if known else None).otherwise(days)
    return days


def _by_notice(claims: pl.DataFrame, notices: pl.DataFrame, chosen: ArrearsSettings) -> pl.DataFrame:
    """The notice that began default first; it must have come when the debt was already payable."""
    rows = notices.join(claims.select("claim_id", "payable", "land", "jurisdiction"), on="claim_id").filter(
        pl.col("payable").is_not_null() & (pl.col("received_on") >= pl.col("payable"))
    )
    last = ["payable", "received_on"]
    if chosen.notice_period_defers_default:
        rows = rows.with_columns(pay_by=_moved(rows, "pay_by", chosen))
        last.append("pay_by")
    return (
        rows.with_columns((pl.max_horizontal(last) + pl.duration(days=1)).alias("default.dunning_notice"))
        .sort("default.dunning_notice", "message_id", nulls_last=True)
        .unique("claim_id", keep="first", maintain_order=True)
        .select("claim_id", "default.dunning_notice", "message_id")
    )


def _by_event(claims: pl.DataFrame, events: pl.DataFrame, ground: str) -> pl.DataFrame:
    """Refusal, litigation, payment order: they last, so one before the due date works from then on."""
    return (
        events.join(claims.select("claim_id", "payable"), on="claim_id")
        .filter(pl.col("payable").is_not_null())
        .group_by("claim_id")
        .agg((pl.max_horizontal("payable", "effective_on") + pl.duration(days=1)).min().alias(ground))
    )


def _deferred(due: pl.DataFrame, found: pl.DataFrame, deferrals: pl.DataFrame) -> pl.DataFrame:
    """Move the due date of claims deferred before default began; no end known = not due."""
    agreed = (
        deferrals.select("claim_id", "effective_on", "until_on", is_deferred=pl.lit(True))
        .join(found.select("claim_id", "default_began_on"), on="claim_id")
        .filter(pl.col("default_began_on").is_null() | (pl.col("effective_on") < pl.col("default_began_on")))
        .select("claim_id", "until_on", "is_deferred")
    )
    due = due.join(agreed, on="claim_id", how="left", maintain_order="left")
    due = due.with_columns(latest=pl.max_horizontal("latest", "until_on"))
    no_end = pl.col("is_deferred") & pl.col("until_on").is_null()
    ends = pl.col("is_deferred") & pl.col("until_on").is_not_null()
    return due.with_columns(due=pl.when(ends).then("latest").when(no_end).then(None).otherwise("due")).drop(
        "until_on", "is_deferred"
    )
