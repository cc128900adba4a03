"""What became of each message: proven, presumed, disproved or uncertain, and so what it counts for.

Level, default and the number of reminders are never stored; they follow from the messages a debtor
got. A message that came back, or that asked for nothing owed, counts for nothing.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from mahnwerk.frames import NOTICES, Channel, Component, FactKind
from mahnwerk.kernel import calendar
from mahnwerk.kernel.allocation import Replay

PROVEN: Final = "proven"
PRESUMED: Final = "presumed"
DISPROVED: Final = "disproved"
UNCERTAIN: Final = "uncertain"

LISTED: Final = "listed"
"""Step id of an item that a message names although its own first step is not due yet."""

PLAN_REMINDER: Final = "plan_reminder"
"""Step id of the kind word about a missed instalment: no step of any procedure, and no dunning."""

DEBIT_NOTICE: Final = "debit_notice"
"""Step id of the announcement of a direct debit: no step of any procedure, and no dunning."""

NO_STEPS: Final = (PLAN_REMINDER, DEBIT_NOTICE)
"""Messages that are no step, so they count for no level and no default."""

DELIVERY_WORKING_DAYS: Final = {Channel.POST.value: 4, Channel.EMAIL.value: 1}
"""Working days until presumed receipt where a case has no procedure that says otherwise. Policy."""

EVIDENCE: Final = {
    **NOTICES,
    "sent_on": pl.Date,
    "sent_fact_no": pl.Int32,
    "received_on": pl.Date,
    "evidence": pl.String,
    "disproved_on": pl.Date,
}


def evidence(notices: pl.DataFrame, facts: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """Say for each message and claim how sure it is that the debtor got it, and when.

    A return or bounce on or after the day of a proof of delivery disproves it; a sent message is
    presumed received some working days later; what was sealed and never confirmed is uncertain. The
    order in which the facts arrived does not matter.

    Parameters
    ----------
    notices : NOTICES
    facts : FACTS, live (no voided ones, none after the day asked)
    cases : case_id, land, and the case's delivery_post_days, delivery_email_days Int32 (null = 4, 1)

    Returns
    -------
    NOTICES plus sent_on Date · sent_fact_no Int32 (first fact that it left) · received_on Date (null
    unless proven or presumed; a presumed day may lie ahead) · evidence String · disproved_on Date

    Guarantees
    ----------
    One row per row of notices, in the same order. Shuffling the facts changes nothing.

    Sources
    -------
    § 130 Abs. 1 BGB (a message counts when it reaches the receiver). The presumption is a
    convention (decision 0004).
    """
    if notices.is_empty():
        return pl.DataFrame(schema=EVIDENCE)
    status = _status(facts)
    known = notices.join(status, on="message_id", how="left", maintain_order="left").join(
        cases.select("case_id", "land", "delivery_post_days", "delivery_email_days"),
        on="case_id",
        how="left",
        maintain_order="left",
    )
    is_disproved = pl.col("disproved_on").is_not_null() & (
        pl.col("delivered_on").is_null() | (pl.col("disproved_on") >= pl.col("delivered_on"))
    )
    known = known.with_columns(
        evidence=pl.when(is_disproved)
        .then(pl.lit(DISPROVED))
        .when(pl.col("delivered_on").is_not_null())
        .then(pl.lit(PROVEN))
        .when(pl.col("sent_on").is_not_null())
        .then(pl.lit(PRESUMED))
        .otherwise(pl.lit(UNCERTAIN)),
        sent_on=pl.coalesce("sent_on", "delivered_on"),
    )
    presumed = _presumed_received(known)
    return known.with_columns(
        received_on=pl.when(pl.col("evidence") == PROVEN)
        .then(pl.col("delivered_on"))
        .when(pl.col("evidence") == PRESUMED)
        .then(presumed)
    ).select(list(EVIDENCE))


def _status(facts: pl.DataFrame) -> pl.DataFrame:
    kinds = (FactKind.MESSAGE_SENT, FactKind.MESSAGE_DELIVERED, FactKind.MESSAGE_BOUNCED)
    mine = facts.filter(pl.col("kind").is_in([int(k) for k in kinds]) & pl.col("message_id").is_not_null())
    day, kind = pl.col("effective_on"), pl.col("kind")
    came_back = kind == FactKind.MESSAGE_BOUNCED
    return (
        mine.select(
            "message_id",
            sent_on=pl.when(kind == FactKind.MESSAGE_SENT).then(day),
            sent_fact_no=pl.when(~came_back).then(pl.col("fact_no")),
            delivered_on=pl.when(kind == FactKind.MESSAGE_DELIVERED).then(day),
            disproved_on=pl.when(came_back).then(day),
        )
        .group_by("message_id")
        .agg(
            pl.col("sent_on", "sent_fact_no").min(),
            pl.col("delivered_on", "disproved_on").max(),
        )
    )


def _presumed_received(known: pl.DataFrame) -> pl.Series:
    counts = known.select(
        pl.when(pl.col("channel") == Channel.POST)
        .then(pl.col("delivery_post_days").fill_null(DELIVERY_WORKING_DAYS[Channel.POST]))
        .otherwise(pl.col("delivery_email_days").fill_null(DELIVERY_WORKING_DAYS[Channel.EMAIL]))
        .cast(pl.Int64)
    ).to_series()
    return calendar.add_working_days_to(known["sent_on"], counts, known["land"])


def counted(evidenced: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows that count for a claim's level: got by the debtor, in the current cycle.

    A fact `PROCEDURE_RESTARTED` (of the case or of one claim) makes everything sent before it count
    no more. "Before" is the order of facts; a message without its own fact goes by its day.

    Parameters
    ----------
    evidenced : as from `evidence`
    facts : FACTS, live

    Returns
    -------
    The rows of `evidenced` that are proven or presumed and belong to the current cycle; what is no step
    (NO_STEPS) never counts.
    """
    got = evidenced.filter(
        pl.col("evidence").is_in([PROVEN, PRESUMED]) & ~pl.col("message_step_id").is_in(NO_STEPS)
    )
    restarts = facts.filter(pl.col("kind") == FactKind.PROCEDURE_RESTARTED)
    if restarts.is_empty():
        return got
    ends = restarts.select("case_id", "claim_id", restart_no="fact_no", restart_on="effective_on")
    before = (
        pl.when(pl.col("sent_fact_no").is_not_null())
        .then(pl.col("sent_fact_no") < pl.col("restart_no"))
        .otherwise(pl.col("sealed_on") <= pl.col("restart_on"))
    )
    old = (
        got.select("case_id", "message_id", "claim_id", "sent_fact_no", "sealed_on")
        .join(ends.rename({"claim_id": "restarted_id"}), on="case_id")
        .filter((pl.col("restarted_id").is_null() | (pl.col("restarted_id") == pl.col("claim_id"))) & before)
    )
    return got.join(old, on=["message_id", "claim_id"], how="anti", maintain_order="left")


def groundless(
    evidenced: pl.DataFrame, claims: pl.DataFrame, facts: pl.DataFrame, replay: Replay
) -> pl.DataFrame:
    """Name the messages and claims for which, as is known today, nothing was due on the letter's date.

    A late fact, for instance a payment with an earlier value date, can show this. Such a message has
    no level, no default and no fee (decision on late facts); its bytes stay as they were sent. Nothing
    was due if by that day the principal was gone and no older interest or cost was left: after the
    principal is gone, interest grows no more, so what is open today was open then.

    Parameters
    ----------
    evidenced : as from `evidence`
    claims, facts : CLAIMS, FACTS (live)
    replay : of the cases in question, with its allocations

    Returns
    -------
    message_id Int64 · claim_id Int64
    """
    if replay.allocations is None:
        raise ValueError("groundless: the replay has no allocations; ask for them with detail=True")
    pairs = evidenced.select("message_id", "claim_id", "sealed_on")
    amount, part = pl.col("amount_cents"), pl.col("component")
    is_before = pl.col("effective_on") <= pl.col("sealed_on")
    paid = (
        pairs.join(replay.allocations, on="claim_id")
        .group_by("message_id", "claim_id")
        .agg(
            gone_cents=amount.filter((part == Component.PRINCIPAL) & is_before).sum(),
            later_cents=amount.filter((part == Component.INTEREST) & ~is_before).sum(),
        )
    )
    unpaid = replay.cost_balances.filter((pl.col("open_cents") > 0) & ~pl.col("is_unproven"))
    older_costs = (
        pairs.join(unpaid, on="claim_id")
        .join(facts.select("case_id", "fact_no", "effective_on"), on=["case_id", "fact_no"])
        .filter(pl.col("effective_on") < pl.col("sealed_on"))
        .group_by("message_id", "claim_id")
        .agg(cost_cents=pl.col("open_cents").sum())
    )
    rest = pl.col("interest_open_cents") + pl.col("later_cents") + pl.col("cost_cents").fill_null(0)
    return (
        paid.join(claims.select("claim_id", "principal_cents"), on="claim_id")
        .join(replay.balances.select("claim_id", "interest_open_cents"), on="claim_id")
        .join(older_costs, on=["message_id", "claim_id"], how="left")
        .filter((pl.col("principal_cents") <= pl.col("gone_cents")) & (rest <= 0))
        .select("message_id", "claim_id")
    )


def levels(counting: pl.DataFrame) -> pl.DataFrame:
    """The dunning level of each claim and the dates its next step is counted from.

    Returns
    -------
    claim_id Int64 · level Int16 (0 = none yet) · last_pay_by Date · last_received_on Date (over all
    counted messages that asked for the claim after it was due) · reminders UInt32 (messages that asked
    for it) · first_reminder_on Date (receipt of the first) · is_all_proven Boolean · has_notice Boolean
    (got the notice before due)
    """
    asks = pl.col("level") > 0
    is_notice = (pl.col("level") == 0) & (pl.col("step_id") != LISTED)
    # Columns made before grouping: a plain maximum per group is several times faster than a filter.
    return (
        counting.select(
            "claim_id",
            "level",
            last_pay_by=pl.when(~is_notice).then(pl.col("pay_by")),
            last_received_on=pl.when(~is_notice).then(pl.col("received_on")),
            reminders=asks,
            first_reminder_on=pl.when(asks).then(pl.col("received_on")),
            is_all_proven=~asks | (pl.col("evidence") == PROVEN),
            has_notice=is_notice,
        )
        .group_by("claim_id")
        .agg(
            pl.col("level", "last_pay_by", "last_received_on", "has_notice").max(),
            pl.col("first_reminder_on", "is_all_proven").min(),
            pl.col("reminders").sum(),
        )
    )


def fees_to_void(facts: pl.DataFrame, evidenced: pl.DataFrame, without_ground: pl.DataFrame) -> pl.DataFrame:
    """Costs of messages that were disproved, or that asked for nothing owed: to be voided by a counter-fact.

    Parameters
    ----------
    facts : FACTS, live
    evidenced : as from `evidence`
    without_ground : as from `groundless`

    Returns
    -------
    case_id Int64 · fact_no Int32, of the `COST_INCURRED` · reason String (`disproved` or `groundless`)
    """
    costs = facts.filter((pl.col("kind") == FactKind.COST_INCURRED) & pl.col("message_id").is_not_null())
    back = evidenced.filter(pl.col("evidence") == DISPROVED).select("message_id").unique()
    # Without ground as a whole: no item of the message was owed.
    owed = (
        evidenced.join(without_ground, on=["message_id", "claim_id"], how="anti")
        .select("message_id")
        .unique()
    )
    none = without_ground.select("message_id").unique().join(owed, on="message_id", how="anti")
    reasons = pl.concat(
        [back.with_columns(reason=pl.lit(DISPROVED)), none.with_columns(reason=pl.lit("groundless"))]
    ).unique("message_id", keep="first", maintain_order=True)
    return costs.join(reasons, on="message_id").select("case_id", "fact_no", "reason")
