"""The day's plan: each open case once, with the one message due or the reason for none.

`plan_day` is the only way to decide, for one case and for a million, at night and at the seal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import (
    BALANCES,
    Book,
    DayPlan,
    FactKind,
    HeldReason,
)
from mahnwerk.kernel import (
    allocation,
    arrears,
    coverage,
    debit_notices,
    dunning,
    holds,
    limitation,
    messages_due,
    notices,
    plan_reminders,
    plan_states,
)
from mahnwerk.kernel.coverage import CoverageError as CoverageError
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.events import OPS
from mahnwerk.kernel.holds import RANK
from mahnwerk.kernel.plan_holds import plan_blocks
from mahnwerk.kernel.poison import data_errors, without
from mahnwerk.kernel.procedures import Procedure
from mahnwerk.law import Laws

Observer = Callable[[str], None]
MOVING: Final = (*OPS, FactKind.COST_INCURRED)
"""Facts without which no money of a case moves."""


@dataclass(frozen=True)
class Decided:
    """A day's plan and what it rests on, for `why`, the permits and tests."""

    plan: DayPlan
    replay: allocation.Replay
    evidence: pl.DataFrame
    """As from `notices.evidence`."""
    levels: pl.DataFrame
    """As from `notices.levels`."""
    groundless: pl.DataFrame
    """As from `notices.groundless`."""
    scheduled: pl.DataFrame
    """As from `dunning.schedule`: the next step and day of every claim that may be asked for."""
    limitation: pl.DataFrame
    answers: pl.DataFrame
    """As from `permit_rules.answers`: what each message was asked, also those refused."""
    stand: pl.DataFrame
    """STATES of the plans that run."""
    debits: debit_notices.Turn
    """Which direct debits their debtors are to be told of."""


def plan_day(
    book: Book,
    laws: Laws,
    on: date,
    *,
    procedures: Mapping[str, Procedure],
    after_stage: Observer | None = None,
) -> DayPlan:
    """Decide for every case of a book what is due from us on a day.

    Masks poison rows, reads off which messages count, when default began and what is owed, collects
    every reason to hold still, and lets the procedure speak where there is none.

    Parameters
    ----------
    book : checked against its schemas here; decisions already recorded are not looked at, so a second
        run on a day gives the same plan
    laws : by jurisdiction
    on : the day; facts effective later and messages sealed later do not count
    procedures : by `name@version`
    after_stage : called with the name of each stage when it is done (for measuring)

    Returns
    -------
    DayPlan: balances (of all cases but those with data errors), measures, their items, held

    Raises
    ------
    FrameError : a frame lacks a column or has another type.
    CoverageError : a case would be in the plan twice or not at all.

    Guarantees
    ----------
    Pure. Each case is in exactly one of measures and held. Row order does not matter. A case's outcome
    depends on its own rows only: a poison row or a gap in the law holds its own case. Once a measure is
    recorded as sent, the same day gives no other. After a pause of any length a claim climbs one step.

    Sources
    -------
    §§ 286, 288, 193 BGB through its parts; decision 0003, decision 0004, decision 0005.
    """
    return decide(book, laws, on, procedures=procedures, after_stage=after_stage).plan


def decide(
    book: Book,
    laws: Laws,
    on: date,
    *,
    procedures: Mapping[str, Procedure],
    after_stage: Observer | None = None,
) -> Decided:
    """As `plan_day`, and hand out what the plan rests on."""
    tell = after_stage or (lambda stage: None)
    book = book.checked()
    every_case = book.cases
    poisoned = data_errors(book, list(laws))
    book = without(book, poisoned)
    live = in_force(book, on)
    tell("check")
    cases = _with_procedure(book.cases, live, procedures)
    steps = dunning.step_table(procedures)
    evidenced = notices.evidence(book.notices.filter(pl.col("sealed_on") <= on), live, cases)
    evidenced = _own_dunning(evidenced, cases, steps)
    tell("evidence")
    basis = _basis(book, cases, live, evidenced, laws, on, tell)
    stand = plan_states.standing(live, book.claims, book.instalments, basis.replay.laid, on)
    whose = plan_reminders.turn(live, book.claims, book.instalments, evidenced, stand)
    debits = debit_notices.turn(book.debits, live, book.claims, book.instalments, evidenced, stand, on)
    whose = debit_notices.first(whose, debits)
    blocks = plan_reminders.lifted(debit_notices.lifted(holds.fact_blocks(live, on), debits), whose.wanted)
    blocks = plan_blocks(blocks, stand, book.instalments, whose.told, on)
    states = plan_reminders.marked(_states(book.claims, basis, blocks), whose, cases)
    states = debit_notices.marked(states, debits)
    cases = _reachable(cases, blocks, evidenced, live)
    first = _holds(cases, states, basis, blocks, evidenced, poisoned, on)
    tell("holds")
    kind = _no_steps(states, whose, debits, cases, first, steps, evidenced, on)
    scheduled = dunning.schedule(_askable(states, cases, first), steps, on)
    table = dunning.case_table(scheduled, cases, on)
    tell("dunning")
    written = messages_due.write(table, scheduled, steps, evidenced, live, laws, on)
    held = holds.together([first, dunning.reasons(table, steps), written.refused, kind.refused])
    written = messages_due.joined(written, kind)
    plan = DayPlan(
        balances=basis.replay.balances.select(list(BALANCES)),
        measures=written.measures,
        measure_items=written.items,
        held=holds.frame(held, every_case),
        law_hash=ruleset(laws, procedures),
    )
    coverage.prove(plan, every_case)
    tell("plan")
    return Decided(
        plan,
        basis.replay,
        evidenced,
        basis.levels,
        basis.groundless,
        scheduled,
        basis.barred,
        written.answers,
        stand,
        debits,
    )


def settled(
    book: Book, laws: Laws, on: date, *, procedures: Mapping[str, Procedure]
) -> tuple[Book, allocation.Replay]:
    """What settled what by a day: the part of a decision that the journal needs.

    Returns
    -------
    The book without its poison rows, and the replay, with every allocation, of those of its cases in
    which money moved; default began as `decide` has it.
    """
    book = book.checked()
    book = without(book, data_errors(book, list(laws)))
    moving = book.facts.filter(pl.col("kind").is_in([int(kind) for kind in MOVING])).select("case_id")
    moved = without(book, book.cases.select("case_id").join(moving, on="case_id", how="anti"))
    live = in_force(moved, on)
    cases = _with_procedure(moved.cases, live, procedures)
    evidenced = notices.evidence(moved.notices.filter(pl.col("sealed_on") <= on), live, cases)
    evidenced = _own_dunning(evidenced, cases, dunning.step_table(procedures))
    claims = moved.claims.join(
        cases.select("case_id", "land", "is_consumer", "role"),
        on="case_id",
        how="left",
        maintain_order="left",
    )
    groundless = _groundless(moved, claims, live, evidenced, laws, on)
    valid = evidenced.join(groundless, on=["message_id", "claim_id"], how="anti", maintain_order="left")
    defaults = _defaults(claims, live, valid, laws)
    return book, allocation.replay(moved, defaults, laws, on, detail=True)


def ruleset(laws: Laws, procedures: Mapping[str, Procedure]) -> str:
    """SHA-256 over the law and the procedures a plan was made with."""
    parts = [laws.hash, *(f"{key}:{procedures[key].hash}" for key in sorted(procedures))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _with_procedure(
    cases: pl.DataFrame, live: pl.DataFrame, procedures: Mapping[str, Procedure]
) -> pl.DataFrame:
    """Each case with the settings of its procedure: the last `ENROLLED` fact wins over the opening."""
    enrolled = live.filter((pl.col("kind") == FactKind.ENROLLED) & pl.col("code").is_not_null())
    if enrolled.height:
        last = (
            enrolled.sort("effective_on", "fact_no")
            .group_by("case_id", maintain_order=True)
            .agg(enrolled=pl.col("code").last())
        )
        cases = (
            cases.join(last, on="case_id", how="left", maintain_order="left")
            .with_columns(procedure=pl.coalesce("enrolled", "procedure"))
            .drop("enrolled")
        )
    return cases.with_columns(is_consumer=pl.col("is_consumer").fill_null(True)).join(
        dunning.procedure_table(procedures), on="procedure", how="left", maintain_order="left"
    )


def _own_dunning(evidenced: pl.DataFrame, cases: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """A message demands an item only where the item's own step does: a friendly reminder of a young claim
    does not put it in default because an older one is dunned on the same page."""
    if evidenced.is_empty():
        return evidenced
    mild = steps.filter(~pl.col("is_dunning"))
    names = [*mild["step_id"].unique(), notices.LISTED]
    asking = evidenced.select("case_id", "step_id", "is_dunning").with_row_index("row")
    wrong = (
        asking.filter(pl.col("is_dunning") & pl.col("step_id").is_in(names))
        .join(cases.select("case_id", "procedure"), on="case_id")
        .join(
            mild.select("procedure", "step_id", is_mild=pl.lit(True)), on=["procedure", "step_id"], how="left"
        )
        .filter(pl.col("is_mild") | (pl.col("step_id") == notices.LISTED))
    )
    if wrong.is_empty():
        return evidenced
    return evidenced.with_columns(is_dunning=evidenced["is_dunning"].scatter(wrong["row"], False))


@dataclass(frozen=True)
class _Basis:
    replay: allocation.Replay
    levels: pl.DataFrame
    groundless: pl.DataFrame
    barred: pl.DataFrame


def _basis(
    book: Book,
    cases: pl.DataFrame,
    live: pl.DataFrame,
    evidenced: pl.DataFrame,
    laws: Laws,
    on: date,
    tell: Observer,
) -> _Basis:
    claims = book.claims.join(
        cases.select("case_id", "land", "is_consumer", "role"),
        on="case_id",
        how="left",
        maintain_order="left",
    )
    groundless = _groundless(book, claims, live, evidenced, laws, on)
    tell("groundless")
    valid = evidenced.join(groundless, on=["message_id", "claim_id"], how="anti", maintain_order="left")
    defaults = _defaults(claims, live, valid, laws)
    tell("default")
    replay = allocation.replay(book, defaults, laws, on)
    tell("replay")
    barred = limitation.limitation(claims, live, laws, on, defaults=defaults)
    tell("limitation")
    return _Basis(replay, notices.levels(notices.counted(valid, live)), groundless, barred)


def _defaults(claims: pl.DataFrame, live: pl.DataFrame, valid: pl.DataFrame, laws: Laws) -> pl.DataFrame:
    received = valid.filter(pl.col("is_dunning") & pl.col("received_on").is_not_null()).select(
        "claim_id", "received_on", "pay_by", "message_id"
    )
    return arrears.default_began(claims, received, live, laws)


def _groundless(
    book: Book, claims: pl.DataFrame, live: pl.DataFrame, evidenced: pl.DataFrame, laws: Laws, on: date
) -> pl.DataFrame:
    """Replay, with every allocation, only the cases in which a fact learnt later changes an earlier day."""
    money = live.filter(pl.col("kind").is_between(FactKind.CREDIT_NOTE, FactKind.REFUND_PAID)).select(
        "case_id", "effective_on", "recorded_on"
    )
    sealed = evidenced.select("case_id", "sealed_on")
    spans = sealed.group_by("case_id").agg(
        first_on=pl.col("sealed_on").min(), last_on=pl.col("sealed_on").max()
    )
    # Most payments are learnt before the first or after the last letter: only the rest is looked at closely.
    near = money.join(spans, on="case_id").filter(
        (pl.col("effective_on") <= pl.col("last_on")) & (pl.col("recorded_on") >= pl.col("first_on"))
    )
    late = (
        near.join(sealed.join(near, on="case_id", how="semi").unique(), on="case_id")
        .filter(pl.col("sealed_on").is_between("effective_on", "recorded_on"))
        .select("case_id")
        .unique()
    )
    if late.is_empty():
        return pl.DataFrame(schema={"message_id": pl.Int64, "claim_id": pl.Int64})

    def mine(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.join(late, on="case_id", how="semi", maintain_order="left")

    part = Book(
        mine(book.cases),
        mine(book.claims),
        mine(book.facts),
        mine(book.designations),
        mine(book.notices),
        instalments=mine(book.instalments),
    )
    seen = mine(evidenced)
    defaults = _defaults(mine(claims), mine(live), seen, laws)
    replay = allocation.replay(part, defaults, laws, on, detail=True)
    return notices.groundless(seen, part.claims, mine(live), replay)


def _beside(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Put the columns of `right` beside those of `left`, claim by claim; no join if both are in one order."""
    if left["claim_id"].equals(right["claim_id"]):
        return left.hstack(right.drop("claim_id").get_columns())
    return left.join(right, on="claim_id", how="left", maintain_order="left")


def _states(claims: pl.DataFrame, basis: _Basis, blocks: pl.DataFrame) -> pl.DataFrame:
    """Each claim with what is open, what may be asked, and what stands against asking."""
    owed = basis.replay.balances.select(
        "claim_id", "open_cents", "disputed_cents", "default_began_on", "surplus_cents"
    )
    states = (
        claims.select(
            "case_id",
            "claim_id",
            "kind",
            "jurisdiction",
            "issued_on",
            "obligation_arose_on",
            due_on=pl.coalesce("due_on", "issued_on"),
        )
        .pipe(_beside, owed)
        .pipe(_beside, basis.barred.select("claim_id", "is_time_barred"))
        .join(holds.claim_blocks(blocks), on="claim_id", how="left", maintain_order="left")
        .join(basis.levels, on="claim_id", how="left", maintain_order="left")
        .with_columns(pl.col("level").fill_null(0), pl.col("has_notice").fill_null(False))
    )
    is_disputed = (pl.col("disputed_cents") > 0) & (pl.col("disputed_cents") >= pl.col("open_cents"))
    disputed, time_barred = RANK[HeldReason.DISPUTED], RANK[HeldReason.TIME_BARRED]
    rank = pl.min_horizontal(
        "block_rank",
        pl.when(is_disputed).then(pl.lit(disputed, pl.Int16)),
        pl.when(pl.col("is_time_barred").fill_null(False)).then(pl.lit(time_barred, pl.Int16)),
    )
    own = rank == pl.col("block_rank")
    return states.with_columns(
        block_rank=rank,
        block_detail=pl.when(own).then("block_detail").otherwise(pl.lit("")),
        block_until=pl.when(own).then("block_until"),
        is_closed=(rank == RANK[HeldReason.CLOSED]).fill_null(False),
        ask_cents=pl.col("open_cents") - pl.col("disputed_cents").fill_null(0),
    )


def _holds(
    cases: pl.DataFrame,
    states: pl.DataFrame,
    basis: _Basis,
    blocks: pl.DataFrame,
    evidenced: pl.DataFrame,
    poisoned: pl.DataFrame,
    on: date,
) -> pl.DataFrame:
    totals = (
        states.select(
            "case_id",
            "surplus_cents",
            open_cents=pl.when(~pl.col("is_closed")).then(pl.col("open_cents")).otherwise(0),
            open_claims=~pl.col("is_closed"),
        )
        .group_by("case_id")
        .agg(pl.col("open_cents", "open_claims").sum(), pl.col("surplus_cents").max())
    )
    totals = (
        cases.select("case_id")
        .join(totals, on="case_id", how="left", maintain_order="left")
        .with_columns(pl.col("open_cents", "surplus_cents", "open_claims").fill_null(0))
    )
    open_claims = states.filter(~pl.col("is_closed") & (pl.col("open_cents") > 0))
    some = open_claims.filter(pl.col("block_rank").is_not_null()).select("case_id").unique()
    no_procedure = cases.filter(pl.col("tolerance_cents").is_null())
    return holds.first_reason(
        [
            poisoned.select(
                "case_id",
                pl.lit(RANK[HeldReason.DATA_ERROR], pl.Int16).alias("rank"),
                "detail",
                pl.lit(None, pl.Date).alias("next_look_on"),
            ),
            _gaps(basis.replay.law_gaps),
            holds.case_candidates(blocks),
            holds.balance_candidates(totals),
            holds.nothing_left_candidates(open_claims.join(some, on="case_id", how="semi")),
            holds.message_candidates(evidenced),
            holds.feed_candidates(cases, on),
            holds.address_candidates(cases),
            no_procedure.select(
                "case_id",
                pl.lit(RANK[HeldReason.NOT_ENROLLED], pl.Int16).alias("rank"),
                pl.col("procedure").fill_null("").alias("detail"),
                pl.lit(None, pl.Date).alias("next_look_on"),
            ),
        ]
    )


def _gaps(law_gaps: pl.DataFrame) -> pl.DataFrame:
    word = pl.col("parameter") if "parameter" in law_gaps.columns else pl.lit("interest.base_rate")
    return law_gaps.select(
        "case_id",
        rank=pl.lit(RANK[HeldReason.LAW_GAP], pl.Int16),
        detail=word,
        next_look_on=pl.lit(None, pl.Date),
    )


def _no_steps(
    states: pl.DataFrame,
    whose: plan_reminders.Turn,
    debits: debit_notices.Turn,
    cases: pl.DataFrame,
    first: pl.DataFrame,
    steps: pl.DataFrame,
    evidenced: pl.DataFrame,
    on: date,
) -> messages_due.Written:
    """The messages that are no step of a procedure: at most one in a case."""
    return messages_due.joined(
        plan_reminders.write(states, whose, cases, first, steps, evidenced, on),
        debit_notices.write(states, debits, cases, first, steps, evidenced, on),
    )


def _askable(states: pl.DataFrame, cases: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """The claims a message may ask for, with level and procedure, in cases nothing holds.

    A case in which the debtor is to be told of a missed instalment or a direct debit gets no other message
    before that.
    """
    columns = ("land", "procedure", "notice_days", "end_after_days", "currency", "is_consumer")
    free = cases.join(first, on="case_id", how="anti", maintain_order="left").select("case_id", *columns)
    told = states.filter(pl.col("reminds") | pl.col("tells"))
    if told.height:
        free = free.join(told, on="case_id", how="anti", maintain_order="left")
    open_claims = ~pl.col("is_closed") & pl.col("block_rank").is_null() & (pl.col("ask_cents") > 0)
    return states.filter(open_claims).join(free, on="case_id", maintain_order="left")


def _reachable(
    cases: pl.DataFrame, blocks: pl.DataFrame, evidenced: pl.DataFrame, live: pl.DataFrame
) -> pl.DataFrame:
    """The cases with their channels and the day the last message reached the debtor, proven or presumed."""
    last = (
        evidenced.filter(pl.col("evidence").is_in([notices.PROVEN, notices.PRESUMED]))
        .group_by("case_id")
        .agg(last_message_on=pl.col("received_on").max())
    )
    ways = holds.channels(cases, blocks, evidenced, live)
    return cases.join(ways, on="case_id", how="left", maintain_order="left").join(
        last, on="case_id", how="left", maintain_order="left"
    )
