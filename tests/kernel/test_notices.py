from __future__ import annotations

import random
from datetime import date, timedelta

import polars as pl
import pytest
from tests.kernel.dunning_books import CONSUMERS, DUE, Story, laws, live_through, outcome, shipped, simple

from mahnwerk.frames import FactKind
from mahnwerk.kernel import notices
from mahnwerk.kernel.daily_run import Decided, decide
from mahnwerk.kernel.facts import live_facts

F = FactKind
SENT = date(2026, 3, 12)  # a Thursday
LATER = SENT + timedelta(days=3)


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def _decided(story: Story, on: date) -> Decided:
    return decide(story.book(), laws(), on, procedures=shipped())


TABLE = [
    ("sealed only", [], "uncertain", None),
    ("said to be uncertain", [(F.MESSAGE_UNCERTAIN, SENT)], "uncertain", None),
    ("sent by e-mail", [(F.MESSAGE_SENT, SENT)], "presumed", date(2026, 3, 13)),
    (
        "uncertain, then known to be sent",
        [(F.MESSAGE_UNCERTAIN, SENT), (F.MESSAGE_SENT, SENT)],
        "presumed",
        date(2026, 3, 13),
    ),
    ("delivered", [(F.MESSAGE_SENT, SENT), (F.MESSAGE_DELIVERED, LATER)], "proven", LATER),
    ("delivered, never said to be sent", [(F.MESSAGE_DELIVERED, LATER)], "proven", LATER),
    ("bounced", [(F.MESSAGE_SENT, SENT), (F.MESSAGE_BOUNCED, LATER)], "disproved", None),
    ("delivered, then back", [(F.MESSAGE_DELIVERED, SENT), (F.MESSAGE_BOUNCED, LATER)], "disproved", None),
    ("both on one day", [(F.MESSAGE_BOUNCED, LATER), (F.MESSAGE_DELIVERED, LATER)], "disproved", None),
    (
        "back, then delivered after all",
        [(F.MESSAGE_BOUNCED, SENT), (F.MESSAGE_DELIVERED, LATER)],
        "proven",
        LATER,
    ),
]


@pytest.mark.parametrize(
    ("facts", "evidence", "received_on"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_evidence(facts: list[tuple[F, date]], evidence: str, received_on: date | None, seed: int) -> None:
    story = simple()
    story.send(story.plan(SENT), SENT, confirm=False)
    random.Random(seed).shuffle(facts)
    for kind, day in facts:
        story.fact(kind, day, message_id=1000)
    (row,) = _decided(story, LATER).evidence.iter_rows(named=True)
    assert (row["evidence"], row["received_on"]) == (evidence, received_on)


def test_a_letter_is_presumed_received_after_four_working_days() -> None:
    story = simple(has_email=False)
    live_through(story, [SENT])
    assert _decided(story, SENT).evidence["received_on"].to_list() == [date(2026, 3, 18)]


def test_what_came_back_counts_for_nothing_and_starts_no_default() -> None:
    story = simple()
    sent = live_through(story, _days(DUE, 30))
    assert [step for _, step in sent] == ["payment_reminder", "dunning_notice"]
    on = sent[-1][0] + timedelta(days=20)
    before = _decided(story, on)
    assert before.levels["level"].to_list() == [2]
    assert before.plan.balances["default_began_on"][0] is not None
    story.fact(F.MESSAGE_BOUNCED, on, message_id=1001)
    after = _decided(story, on)
    assert after.levels["level"].to_list() == [1]
    assert after.plan.balances["default_began_on"].to_list() == [None]
    again = after.plan.measures
    assert again.select("step_id", "cycle", "channel").rows() == [("dunning_notice", 1, "email")]


def test_a_bounce_that_was_an_error_can_be_voided() -> None:
    story = simple()
    live_through(story, [SENT])
    story.fact(F.MESSAGE_BOUNCED, LATER, message_id=1000).fact(F.VOIDED, LATER, voids_fact_no=2)
    assert _decided(story, LATER).evidence["evidence"].to_list() == ["presumed"]


def _until_second_notice() -> tuple[Story, date]:
    story = simple()
    sent = live_through(story, _days(DUE, 60))
    assert [step for _, step in sent][-1] == "second_notice"
    return story, sent[-1][0]


def test_a_payment_learnt_late_takes_level_and_fee_from_the_letters_it_preceded() -> None:
    story, last = _until_second_notice()
    paid_on = last - timedelta(days=1)
    owed = story.plan(paid_on).balances["open_cents"][0]
    on = last + timedelta(days=9)
    story.fact(F.PAYMENT_RECEIVED, paid_on, amount_cents=owed, recorded_on=on)
    decided = _decided(story, on)
    assert decided.groundless.rows() == [(1002, 11)]
    assert decided.levels["level"].to_list() == [2]
    live = live_facts(story.book().facts, on)
    fees = notices.fees_to_void(live, decided.evidence, decided.groundless)
    assert fees.select("case_id", "reason").rows() == [(1, "groundless")]
    (fee_no,) = fees["fact_no"]
    story.fact(F.VOIDED, on, voids_fact_no=fee_no)
    assert outcome(story.plan(on)) == ("held", "settled")


def test_a_letter_that_asked_for_older_interest_had_its_ground() -> None:
    story, last = _until_second_notice()
    on = last + timedelta(days=9)
    story.fact(F.CREDIT_NOTE, last - timedelta(days=1), claim_id=11, amount_cents=10_000, recorded_on=on)
    assert _decided(story, on).groundless.is_empty()


def test_a_payment_known_in_time_is_no_late_fact() -> None:
    story = simple().fact(F.PAYMENT_RECEIVED, DUE, amount_cents=5_000)
    live_through(story, _days(DUE, 30))
    assert _decided(story, DUE + timedelta(days=40)).groundless.is_empty()


def test_fees_of_letters_that_came_back_are_to_be_voided() -> None:
    story, last = _until_second_notice()
    story.fact(F.MESSAGE_BOUNCED, last, message_id=1002)
    decided = _decided(story, last)
    fees = notices.fees_to_void(live_facts(story.book().facts, last), decided.evidence, decided.groundless)
    assert fees["reason"].to_list() == ["disproved"]


def test_a_restart_makes_earlier_messages_count_no_more() -> None:
    story, last = _until_second_notice()
    on = last + timedelta(days=30)
    story.fact(F.PROCEDURE_RESTARTED, on)
    plan = story.plan(on)
    assert plan.measures.select("step_id", "level", "cycle").rows() == [("payment_reminder", 1, 2)]
    story.send(plan, on)
    assert _decided(story, on).levels["level"].to_list() == [1]


def test_a_restart_of_one_claim_leaves_the_other() -> None:
    story = simple().claim(12)
    live_through(story, _days(DUE, 30))
    on = DUE + timedelta(days=31)
    story.fact(F.PROCEDURE_RESTARTED, on, claim_id=12)
    levels = _decided(story, on).levels
    assert levels.sort("claim_id").select("claim_id", "level").rows() == [(11, 2)]


def test_a_young_claim_listed_beside_a_dunned_one_is_not_put_in_default() -> None:
    story = Story().case(procedure=CONSUMERS).claim(11).claim(12, due_on=DUE + timedelta(days=24))
    live_through(story, _days(DUE, 30))
    decided = _decided(story, DUE + timedelta(days=60))
    rows = decided.evidence.filter(pl.col("message_step_id") == "dunning_notice")
    status = {row["claim_id"]: (row["step_id"], row["is_dunning"]) for row in rows.iter_rows(named=True)}
    assert status == {11: ("dunning_notice", True), 12: ("listed", False)}
    began = dict(decided.plan.balances.select("claim_id", "default_began_on").iter_rows())
    assert began[11] is not None
    assert began[12] is None


def test_no_notices_give_an_empty_frame_of_the_right_shape() -> None:
    book = simple().book()
    assert list(notices.evidence(book.notices, book.facts, book.cases).columns) == list(notices.EVIDENCE)
