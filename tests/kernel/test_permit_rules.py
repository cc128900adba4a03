"""Each rule of the finished message, asked of one that breaks it."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from tests.kernel.dunning_books import DUE, laws, live_through, shipped, simple

from mahnwerk.frames import HeldReason
from mahnwerk.kernel import permit_rules
from mahnwerk.kernel.daily_run import decide

ON = DUE + timedelta(days=7)

Broken = dict[str, dict[str, object]]
BREAKS: list[tuple[str, Broken]] = [
    ("channel_usable", {"table": {"can_email": False}}),
    ("something_owed", {"measures": {"demanded_cents": 9_999}}),
    ("something_owed", {"states": {"open_cents": 9_999}}),
    ("above_tolerance", {"table": {"tolerance_cents": 10_000}}),
    ("nothing_blocked", {"states": {"block_rank": 12}}),
    ("nothing_blocked", {"states": {"is_closed": True}}),
    ("due_as_said", {"states": {"due_on": ON}}),
    ("one_step", {"states": {"level": 1}}),
    ("one_step", {"items": {"level": 2}}),
    ("one_step", {"items": {"climbs": False}}),
    ("interval_kept", {"table": {"last_message_on": ON - timedelta(days=13)}}),
    ("pay_by_ahead", {"measures": {"pay_by": ON}}),
    ("no_fee_for_default", {"measures": {"fee_cents": 76}, "items": {"triggers_default": True}}),
    ("lump_sum_lawful", {"items": {"lump_sum_cents": 4_000}}),
    ("rate_missed", {"measures": {"step_id": "plan_reminder"}}),
    ("debit_in_time", {"measures": {"step_id": "debit_notice"}}),
    (
        "lump_sum_lawful",
        {"items": {"lump_sum_cents": 4_000}, "table": {"is_consumer": False}, "measures": {"fee_cents": 1}},
    ),
]


@pytest.fixture(scope="module")
def asked() -> dict[str, pl.DataFrame]:
    story = simple()
    decided = decide(story.book(), laws(), ON, procedures=shipped())
    table = pl.DataFrame(
        {
            "case_id": [1],
            "can_post": [True],
            "can_email": [True],
            "is_consumer": [True],
            "tolerance_cents": [300],
            "min_interval_days": [14],
            "last_message_on": [None],
        },
        schema_overrides={"min_interval_days": pl.Int32, "last_message_on": pl.Date},
    )
    return {
        "measures": decided.plan.measures,
        "items": decided.plan.measure_items,
        "states": decided.scheduled,
        "table": table,
        "sent": decided.evidence,
    }


def _answer(asked: dict[str, pl.DataFrame], broken: Broken) -> dict[str, bool]:
    frames = dict(asked)
    for name, changes in broken.items():
        frame = frames[name]
        frames[name] = frame.with_columns(
            **{column: pl.lit(value).cast(frame.schema[column]) for column, value in changes.items()}
        )
    (row,) = permit_rules.answers(**frames, on=ON).iter_rows(named=True)
    row.pop("case_id")
    return row


@pytest.mark.parametrize(
    ("rule", "broken"), BREAKS, ids=[f"{rule} {n}" for n, (rule, _) in enumerate(BREAKS)]
)
def test_each_rule_says_no_to_what_breaks_it(
    asked: dict[str, pl.DataFrame], rule: str, broken: Broken
) -> None:
    assert all(_answer(asked, {}).values())
    assert _answer(asked, broken)[rule] is False


def test_a_key_used_before_is_refused() -> None:
    story = simple()
    live_through(story, [ON])
    decided = decide(story.book(), laws(), ON + timedelta(days=20), procedures=shipped())
    used = decided.plan.measures.with_columns(step_id=pl.lit("payment_reminder"))
    table = decided.plan.measures.select("case_id").with_columns(
        can_post=True,
        can_email=True,
        is_consumer=True,
        tolerance_cents=0,
        min_interval_days=0,
        last_message_on=None,
    )
    (row,) = permit_rules.answers(
        used, decided.plan.measure_items, decided.scheduled, table, decided.evidence, ON + timedelta(days=20)
    ).iter_rows(named=True)
    assert row["not_sent_before"] is False


def test_every_rule_is_tried() -> None:
    assert {rule for rule, _ in BREAKS} | {"not_sent_before"} == set(permit_rules.RULES)


def test_a_refusal_names_the_first_rule_and_holds_the_case(asked: dict[str, pl.DataFrame]) -> None:
    frames = {
        **asked,
        "table": asked["table"].with_columns(can_email=pl.lit(False), tolerance_cents=pl.lit(10**9)),
    }
    (row,) = permit_rules.refusals(permit_rules.answers(**frames, on=ON)).iter_rows(named=True)
    assert (row["detail"], list(HeldReason)[row["rank"]]) == ("channel_usable", HeldReason.NOT_PERMITTED)
