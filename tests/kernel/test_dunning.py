from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.dunning_books import (
    BUSINESSES,
    CONSUMERS,
    DUE,
    LENDERS,
    Story,
    held,
    live_through,
    outcome,
    raw,
    shipped,
    simple,
)

from mahnwerk.frames import FactKind
from mahnwerk.kernel import calendar
from mahnwerk.kernel.procedures import parse_procedure

F = FactKind


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def test_a_consumer_gets_five_messages_and_then_a_person_decides() -> None:
    story = simple()
    sent = live_through(story, _days(DUE - timedelta(days=10), 140))
    assert sent == [
        (date(2026, 2, 25), "upcoming"),
        (date(2026, 3, 12), "payment_reminder"),  # 14 days after the notice came
        (date(2026, 3, 30), "dunning_notice"),  # pay-by 26 March + 4
        (date(2026, 4, 21), "second_notice"),  # 14 days after presumed receipt on 7 April (Easter)
        (date(2026, 5, 12), "final_notice"),  # pay-by 5 May + 7
    ]
    row = held(story.plan(DUE + timedelta(days=140)))
    assert (row["reason"], row["detail"], row["next_look_on"]) == (
        "procedure_ended",
        "propose_hand_over",
        None,
    )


def test_one_message_lists_all_that_is_overdue_each_with_its_own_status() -> None:
    story = simple().claim(12, due_on=DUE + timedelta(days=20)).claim(13, due_on=DUE + timedelta(days=60))
    live_through(story, _days(DUE, 25))
    plan = story.plan(DUE + timedelta(days=25))
    assert plan.measures.select("step_id", "level", "demanded_cents").rows() == [
        ("dunning_notice", 2, 20_000)
    ]
    assert plan.measure_items.select("claim_id", "step_id", "level", "climbs").rows() == [
        (11, "dunning_notice", 2, True),
        (12, "listed", 0, False),
    ]


def test_an_item_listed_early_keeps_that_letters_pay_by_date() -> None:
    story = simple().claim(12, due_on=DUE + timedelta(days=20))
    live_through(story, _days(DUE, 26))
    assert [row["step_id"] for row in story.notices][-1] == "listed"
    pay_by = story.notices[-1]["pay_by"]
    for on in _days(DUE + timedelta(days=27), 30):
        plan = story.plan(on)
        if plan.measures.height:
            break
    assert on > pay_by
    assert (12, "payment_reminder") in plan.measure_items.select("claim_id", "step_id").rows()


def test_a_message_nobody_knows_about_holds_until_it_is_known() -> None:
    story = simple()
    on = DUE + timedelta(days=7)
    story.send(story.plan(on), on, confirm=False)
    story.fact(F.MESSAGE_UNCERTAIN, on, message_id=1000)
    for later in (0, 30, 200):
        assert outcome(story.plan(on + timedelta(days=later))) == ("held", "uncertain_message")
    story.fact(F.MESSAGE_BOUNCED, on + timedelta(days=1), message_id=1000)
    plan = story.plan(on + timedelta(days=1))
    assert plan.measures.select("step_id", "cycle", "channel").rows() == [("payment_reminder", 1, "post")]


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.integers(1, 90), min_size=3, max_size=5), st.sampled_from([CONSUMERS, BUSINESSES, LENDERS])
)
def test_however_long_the_scheduler_sleeps_a_claim_climbs_one_step_at_a_time(
    pauses: list[int], procedure: str
) -> None:
    story = simple(procedure=procedure, is_consumer=procedure != BUSINESSES)
    on, level = DUE, 0
    interval = shipped()[procedure].min_interval_days
    last: date | None = None
    for pause in pauses:
        on += timedelta(days=pause)
        plan = story.plan(on)
        if plan.measures.height:
            (reached,) = plan.measure_items["level"]
            assert reached == level + 1
            if last is not None:
                assert on >= last + timedelta(days=interval)
            level, last = reached, on
            story.send(plan, on)
            assert outcome(story.plan(on))[0] == "held"


def test_after_sixty_days_of_silence_there_is_one_step_only() -> None:
    story = simple()
    on = DUE + timedelta(days=60)
    assert live_through(story, _days(on, 13)) == [(on, "payment_reminder")]


@pytest.mark.parametrize("procedure", [CONSUMERS, BUSINESSES, LENDERS])
def test_the_day_to_look_again_is_never_after_the_next_message(procedure: str) -> None:
    story = simple(procedure=procedure, is_consumer=procedure != BUSINESSES)
    promised: date | None = None
    for on in _days(DUE - timedelta(days=8), 50):
        plan = story.plan(on)
        if plan.measures.height:
            assert promised is None or promised <= on
            story.send(plan, on)
            promised = None
        else:
            promised = held(plan)["next_look_on"]
            assert promised is not None
            assert promised > on


def test_the_interval_counts_from_the_last_message_got() -> None:
    story = simple().claim(12, due_on=DUE + timedelta(days=3))
    on = DUE + timedelta(days=7)
    live_through(story, [on])
    row = held(story.plan(DUE + timedelta(days=11)))
    got = calendar.add_working_days(on, 1, "BE")
    assert (row["reason"], row["next_look_on"]) == ("waiting", date(2026, 3, 24))
    story = simple().claim(12, due_on=DUE + timedelta(days=9))
    live_through(story, [on])
    row = held(story.plan(DUE + timedelta(days=16)))
    assert (row["reason"], row["next_look_on"]) == ("min_interval", got + timedelta(days=14))


def test_the_rest_counts_not_the_invoice() -> None:
    plan = simple().fact(F.PAYMENT_RECEIVED, DUE, amount_cents=9_000).plan(DUE + timedelta(days=7))
    assert plan.measures["demanded_cents"].to_list() == [1_000]


def test_small_sums_of_several_claims_add_up() -> None:
    story = Story().case().claim(11, principal_cents=200).claim(12, principal_cents=100)
    assert outcome(story.plan(DUE + timedelta(days=7))) == ("held", "within_tolerance")
    assert outcome(story.claim(13, principal_cents=1).plan(DUE + timedelta(days=7)))[0] == "measure"


def test_a_due_date_on_a_saturday_moves_to_monday() -> None:
    saturday = date(2026, 3, 7)
    story = Story().case().claim(due_on=saturday)
    assert outcome(story.plan(date(2026, 3, 9)))[1] == "not_yet_due"
    assert held(story.plan(date(2026, 3, 10)))["next_look_on"] == date(2026, 3, 16)


def test_a_notice_before_due_is_no_reminder_and_is_sent_once() -> None:
    story = simple()
    on = DUE - timedelta(days=5)
    plan = story.plan(on)
    assert plan.measures.select("step_id", "level", "is_dunning", "fee_cents", "pay_by").rows() == [
        ("upcoming", 0, False, 0, DUE)
    ]
    story.send(plan, on)
    assert live_through(story, _days(on, 5)) == []
    assert outcome(story.plan(DUE + timedelta(days=20))) == ("measure", "payment_reminder")


def test_no_notice_before_due_for_whoever_owes_something_overdue() -> None:
    story = simple().claim(12, due_on=DUE + timedelta(days=5))
    assert outcome(story.plan(DUE + timedelta(days=1))) == ("held", "waiting")


def test_no_notice_for_an_invoice_not_yet_issued() -> None:
    story = Story().case().claim(issued_on=DUE - timedelta(days=1))
    assert outcome(story.plan(DUE - timedelta(days=3))) == ("held", "not_yet_due")
    assert outcome(story.plan(DUE - timedelta(days=1))) == ("measure", "upcoming")


def test_enrolment_by_fact_wins_and_keeps_the_level() -> None:
    story = simple()
    live_through(story, [DUE + timedelta(days=7)])
    on = DUE + timedelta(days=40)
    assert outcome(story.plan(on)) == ("measure", "dunning_notice")
    plan = story.fact(F.ENROLLED, on, code=BUSINESSES).plan(on)
    assert plan.measures.select("procedure", "step_id", "level").rows() == [(BUSINESSES, "second_notice", 2)]


def test_a_bureau_report_is_proposed_only_under_its_conditions() -> None:
    mapping = raw("lenders")
    mapping["steps"][1]["informs"] = ["bureau_report"]
    conditions = {
        "written_reminders": 2,
        "first_reminder_days_ago": 28,
        "told_before": True,
        "undisputed": True,
    }
    mapping["at_end"] = {"after_days": 14, "propose": "bureau_report", "bureau_conditions": conditions}
    procedures = {LENDERS: parse_procedure(mapping)}
    story = Story().case(procedure=LENDERS).claim()
    live_through(story, _days(DUE, 80))
    on = DUE + timedelta(days=120)
    assert held(story.plan(on, procedures))["detail"] == "bureau_conditions_not_met"  # receipt only presumed
    for message_id in sorted({row["message_id"] for row in story.notices}):
        day = max(row["sealed_on"] for row in story.notices if row["message_id"] == message_id)
        story.fact(F.MESSAGE_DELIVERED, day, message_id=message_id)
    assert held(story.plan(on, procedures))["detail"] == "propose_bureau_report"
