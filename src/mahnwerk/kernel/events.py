"""The events of each case in the order of law, laid out so that every case's k-th event is one slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Any, Final

import numpy as np
import polars as pl

from mahnwerk.frames import ClaimKind, FactKind
from mahnwerk.kernel.facts import per_claim
from mahnwerk.kernel.interest import Days


class Op(IntEnum):
    """What an event does to its case. Within a day, facts come by number, then these by value."""

    PAY = 1
    CREDIT = 2
    FORGIVE = 3
    REFUND = 4
    CHARGE = 5
    PAUSE = 6
    APPLY_SURPLUS = 7
    RESUME = 8
    REMEMBER = 9


OPS: Final[dict[FactKind, Op]] = {
    FactKind.PAYMENT_RECEIVED: Op.PAY,
    FactKind.SET_OFF: Op.PAY,
    FactKind.CREDIT_NOTE: Op.CREDIT,
    FactKind.GOODS_RETURNED: Op.CREDIT,
    FactKind.EARLY_PAYMENT_DISCOUNT: Op.CREDIT,
    FactKind.WAIVER: Op.FORGIVE,
    FactKind.WRITE_OFF: Op.FORGIVE,
    FactKind.COMPROMISE: Op.FORGIVE,
    FactKind.REFUND_PAID: Op.REFUND,
    FactKind.DEFERRAL_GRANTED: Op.PAUSE,
    FactKind.PLAN_AGREED: Op.PAUSE,
    FactKind.INSOLVENCY_OPENED: Op.REMEMBER,
}
"""Facts that make a case's history matter; a case without them takes the short path."""
INFLOWS: Final = (Op.PAY, Op.CREDIT)
EVERYTHING: Final = -1
"""Amount of a waiver without a sum: all that is open of what it names."""

EVENT: Final[Mapping[Any, Any]] = {
    "case_id": pl.Int64,
    "day": pl.Int64,
    "turn": pl.Int8,  # within the day: 0 facts, then synthetic events by Op
    "fact_no": pl.Int64,
    "op": pl.Int8,
    "kind": pl.Int16,
    "amount": pl.Int64,
    "component": pl.Int8,  # 0 = all
}
LINE: Final[Mapping[Any, Any]] = {
    "case_id": pl.Int64,
    "fact_no": pl.Int64,
    "op": pl.Int8,
    "claim_id": pl.Int64,
    "value": pl.Int64,
}
COMPONENTS: Final = {"costs": 1, "interest": 2, "principal": 3}


@dataclass(frozen=True, eq=False)
class Lines:
    """What an event says about single claims: rows sorted by event."""

    event: Days
    row: Days
    value: Days

    def of(self, first: int, last: int) -> tuple[Days, Days, Days]:
        """(event, row, value) of the events first … last − 1."""
        start, stop = np.searchsorted(self.event, [first, last])
        return self.event[start:stop], self.row[start:stop], self.value[start:stop]


@dataclass(frozen=True, eq=False)
class Timeline:
    """All events, every case's first one first, then every case's second …"""

    case: Days  # position of the case
    day: Days
    op: Days
    kind: Days
    fact_no: Days
    amount: Days
    component: Days
    bounds: Days  # slice k is bounds[k] … bounds[k + 1]
    named: Lines  # claims an event is about; value = position
    planned: Lines  # claims a payment is about if its sum is what their plan lacks; value = its number
    charged: Lines  # value = cents
    remembered: Lines  # value = slot to store the interest due in
    offered: Lines  # value = slot: waive interest due since

    def slices(self) -> Iterator[tuple[int, int]]:
        return zip(self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True)


def money_facts(live: pl.DataFrame, plans: pl.DataFrame) -> pl.DataFrame:
    """The facts a replay must walk through, as EVENT rows, with claim_id and until_on kept.

    Parameters
    ----------
    live : FACTS in force
    plans : as from `plans.covered`; their end is the last day of the pause, their rate its amount
    """
    ops = {int(kind): int(op) for kind, op in OPS.items()}
    facts = live.filter(pl.col("kind").is_in(list(ops)))
    amount = pl.when(pl.col("kind").is_in(_forgiving())).then(pl.lit(EVERYTHING)).otherwise(0)
    # Interest that runs since the opening of insolvency is marked: remember what was due the day before.
    opening = pl.col("kind") == int(FactKind.INSOLVENCY_OPENED)
    is_plan = pl.col("kind") == int(FactKind.PLAN_AGREED)
    pauses = is_plan | (pl.col("kind") == int(FactKind.DEFERRAL_GRANTED))
    ends = plans.select("case_id", pl.col("fact_no").cast(pl.Int32), "ended_on", "rate_ppm")
    facts = facts.join(ends, on=["case_id", "fact_no"], how="left", maintain_order="left")
    until = pl.when(is_plan).then("ended_on").otherwise("until_on")
    return facts.select(
        "case_id",
        day=pl.col("effective_on").cast(pl.Int32).cast(pl.Int64) - opening.cast(pl.Int64),
        turn=pl.when(opening).then(int(Op.REMEMBER)).otherwise(0).cast(pl.Int8),
        fact_no=pl.col("fact_no").cast(pl.Int64),
        op=pl.col("kind").replace_strict(ops, return_dtype=pl.Int8),
        kind="kind",
        amount=pl.when(pauses)
        .then(pl.col("rate_ppm").fill_null(0))
        .otherwise(pl.coalesce("amount_cents", amount))
        .cast(pl.Int64),
        component=pl.col("code").replace_strict(COMPONENTS, default=0, return_dtype=pl.Int8),
        claim_id="claim_id",
        until_day=until.cast(pl.Int32).cast(pl.Int64),
    )


def _forgiving() -> list[int]:
    return [int(kind) for kind, op in OPS.items() if op is Op.FORGIVE]


def charge_events(costs: pl.DataFrame) -> pl.DataFrame:
    """One event per cost fact, from rows per fact and claim."""
    return (
        costs.group_by("case_id", "fact_no")
        .agg(pl.col("day").first())
        .select(
            "case_id",
            "day",
            turn=pl.lit(0, pl.Int8),
            fact_no=pl.col("fact_no").cast(pl.Int64),
            op=pl.lit(int(Op.CHARGE), pl.Int8),
            kind=pl.lit(int(FactKind.COST_INCURRED), pl.Int16),
            amount=pl.lit(0, pl.Int64),
            component=pl.lit(0, pl.Int8),
        )
    )


def surplus_events(money: pl.DataFrame, claims: pl.DataFrame, on: date) -> pl.DataFrame:
    """Days on which a later claim falls due while money may be left over from before.

    A surplus can only be there when more came in than all claims due before were worth, so only such
    days are visited. What was forgiven or deferred took in no money: from then on every day counts.
    """
    loosens = pl.col("op").is_in([int(Op.FORGIVE), int(Op.PAUSE)])
    is_inflow = pl.col("op").is_in([int(op) for op in INFLOWS])
    happened = money.filter(is_inflow | loosens).select(
        "case_id",
        "day",
        came=pl.when(is_inflow).then("amount").otherwise(0),
        worth=pl.lit(0, pl.Int64),
        is_loose=loosens,
        is_due=pl.lit(False),
        claim_no=pl.lit(0, pl.Int64),
    )
    due = claims.filter(pl.col("due_on") <= on).select(
        "case_id",
        day=pl.col("due_on").cast(pl.Int32).cast(pl.Int64),
        came=pl.lit(0, pl.Int64),
        worth="principal_cents",
        is_loose=pl.lit(False),
        is_due=pl.lit(True),
        claim_no=pl.col("claim_no").cast(pl.Int64),
    )
    both = pl.concat([happened, due]).join(money.filter(is_inflow), on="case_id", how="semi")
    left = pl.col("came").cum_sum() - (pl.col("worth").cum_sum() - pl.col("worth"))
    may_be_left = (left > 0) | pl.col("is_loose").cum_max()
    visited = (
        both.sort("case_id", "day", "is_due", "claim_no")
        .with_columns(is_visited=may_be_left.over("case_id"))
        .filter(pl.col("is_due") & pl.col("is_visited"))
    )
    return visited.select(
        "case_id",
        "day",
        turn=pl.lit(int(Op.APPLY_SURPLUS), pl.Int8),
        fact_no="claim_no",
        op=pl.lit(int(Op.APPLY_SURPLUS), pl.Int8),
        kind=pl.lit(0, pl.Int16),
        amount=pl.lit(0, pl.Int64),
        component=pl.lit(0, pl.Int8),
    )


def loan_moments(claims: pl.DataFrame, first_slot: int) -> pl.DataFrame:
    """The last day before default of consumer loans with contractual interest: EVENT + claim_id and slot.

    § 497 Abs. 3 Satz 1 counts that interest with the principal, and puts it before default interest.
    """
    loans = claims.filter(
        (pl.col("kind") == int(ClaimKind.CONSUMER_LOAN))
        & pl.col("agreed_rate_ppm").is_not_null()
        & pl.col("default_began_on").is_not_null()
    )
    return loans.with_row_index("slot", offset=first_slot).select(
        "case_id",
        "claim_id",
        pl.col("slot").cast(pl.Int64),
        day=pl.col("default_began_on").cast(pl.Int32).cast(pl.Int64) - 1,
        turn=pl.lit(int(Op.REMEMBER), pl.Int8),
        fact_no=-(pl.lit(1 << 40, pl.Int64) + pl.col("claim_no")),
        op=pl.lit(int(Op.REMEMBER), pl.Int8),
        kind=pl.lit(0, pl.Int16),
        amount=pl.lit(0, pl.Int64),
        component=pl.lit(0, pl.Int8),
    )


def pause_lines(money: pl.DataFrame, claims: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Deferrals and plans: the events that end them, and the claims both ends are about.

    One without a last day has no end.
    """
    pauses = money.filter(pl.col("op") == int(Op.PAUSE))
    ends = pauses.filter(pl.col("until_day").is_not_null()).with_columns(
        day="until_day", turn=pl.lit(int(Op.RESUME), pl.Int8), op=pl.lit(int(Op.RESUME), pl.Int8)
    )
    both = pl.concat([pauses, ends])
    return ends.select(list(EVENT)), lines_of(per_claim(both, claims), pl.lit(0, pl.Int64))


def lines_of(rows: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """LINE rows from rows with a case, fact, op and claim."""
    return rows.select("case_id", "fact_no", "op", "claim_id", value=value).cast(LINE)


def named_lines(
    money: pl.DataFrame, designations: pl.DataFrame, offers: pl.DataFrame, implied: pl.DataFrame
) -> pl.DataFrame:
    """Claims a fact is about, with their position: named by the payer, by the fact, by the sum of a plan's
    instalments, or by the letter."""
    touching = money.filter(pl.col("op") <= int(Op.FORGIVE))
    fact = ["case_id", "fact_no"]
    listed = touching.select("case_id", "fact_no", "op").join(
        designations.with_columns(pl.col("fact_no").cast(pl.Int64)), on=fact
    )
    own = touching.filter(pl.col("claim_id").is_not_null()).join(listed, on=fact, how="anti")
    named = pl.concat([lines_of(own, pl.lit(0, pl.Int64)), lines_of(listed, pl.col("position")), implied])
    answering = lines_of(offers, pl.lit(0, pl.Int64)).join(named, on=fact, how="anti")
    return pl.concat([named, answering])


def timeline(
    events: list[pl.DataFrame], claims: pl.DataFrame, lines: dict[str, pl.DataFrame], today: int
) -> Timeline:
    """Sort all events by the k of their case and number the claims' rows.

    Parameters
    ----------
    events : EVENT frames
    claims : the claims of these cases sorted by case and claim number, with `case_no` (dense from 0)
    lines : LINE frames named as the fields of `Timeline`
    today : last day that counts, as a day number; a deferral may end, and default begin, after it
    """
    cases = claims.select("case_id", "case_no").unique()
    ordered = (
        pl.concat([frame.select(list(EVENT)) for frame in events])
        .filter(pl.col("day") <= today)
        .join(cases, on="case_id")
        .sort("case_no", "day", "turn", "fact_no", "op")
        .with_columns(k=pl.int_range(pl.len()).over("case_no"))
        .sort("k", "case_no")
        .with_row_index("event")
    )
    keys = ordered.select("case_id", "fact_no", "op", pl.col("event").cast(pl.Int64))
    rows = claims.select("claim_id").with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))

    def numbered(frame: pl.DataFrame) -> Lines:
        found = (
            frame.join(keys, on=["case_id", "fact_no", "op"]).join(rows, on="claim_id").sort("event", "row")
        )
        return Lines(found["event"].to_numpy(), found["row"].to_numpy(), found["value"].to_numpy())

    sizes = ordered.group_by("k").len().sort("k")["len"].to_numpy()
    number = {name: ordered[name].cast(pl.Int64).to_numpy() for name in [*EVENT, "case_no"]}
    return Timeline(
        case=number["case_no"],
        day=number["day"],
        op=number["op"],
        kind=number["kind"],
        fact_no=number["fact_no"],
        amount=number["amount"],
        component=number["component"],
        bounds=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        **{name: numbered(frame) for name, frame in lines.items()},
    )
