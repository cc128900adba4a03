"""Saving plans: changed intervals only, each measure once, nothing on a rerun, nobody's new fact ignored."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from tests.records import worlds
from tests.records.worlds import NOW, TODAY, claim_row

from mahnwerk.frames import FactKind
from mahnwerk.records import facts, load, save
from mahnwerk.records.models import Case, Decision, Message, MessageItem, Run, RunChunk

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def cases(tenant_id: int) -> list[int]:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, *[claim_row(n, customer_number=f"K-{n}") for n in range(5)])
    return sorted(Case.objects.values_list("id", flat=True))


def claim_of(tenant_id: int, case_id: int) -> int:
    return int(load.book(tenant_id, case_ids=[case_id]).claims["claim_id"][0])


def run(tenant_id: int, plan: Any, on: date = TODAY, **options: Any) -> save.SavedPlan:
    run_id = save.start_run(tenant_id, on, law_hash=plan.law_hash, at=NOW)
    saved = save.day_plan(tenant_id, run_id, plan, on, **options)
    save.finish_run(tenant_id, run_id, at=NOW, counts={"cases": saved.cases}, coverage=saved.coverage)
    return saved


def first_plan(tenant_id: int, cases: list[int]) -> Any:
    return worlds.plan(
        [worlds.measure(cases[0], 1)],
        [worlds.held(case, 1, next_look_on=TOMORROW) for case in cases[1:]],
        [worlds.item(cases[0], claim_of(tenant_id, cases[0]))],
    )


def test_first_day_then_nothing_new(tenant_id: int, cases: list[int]) -> None:
    plan = first_plan(tenant_id, cases)
    first = run(tenant_id, plan, chunk_cases=2)
    assert (first.cases, first.opened, first.planned, first.skipped) == (5, 5, 1, 0)
    again = run(tenant_id, plan)
    assert (again.cases, again.opened, again.refreshed, again.planned, again.replanned) == (5, 0, 0, 0, 0)
    assert (Decision.objects.count(), Message.objects.count(), MessageItem.objects.count()) == (5, 1, 1)
    assert RunChunk.objects.count() == 3 + 1
    assert list(Run.objects.order_by("run_no").values_list("run_no", "state")) == [
        (1, "finished"),
        (2, "finished"),
    ]
    stored = load.book(tenant_id).checked().decisions
    assert stored["outcome"].to_list() == ["measure", "held", "held", "held", "held"]


def test_a_cut_off_run_goes_on_where_it_stopped(
    tenant_id: int, cases: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = first_plan(tenant_id, cases)
    run_id = save.start_run(tenant_id, TODAY, law_hash="law", at=NOW)
    whole, seen = save._save_chunk, []

    def cut(chunk: Any, *rest: Any) -> Any:
        if len(seen) == 1:
            raise KeyboardInterrupt
        seen.append(chunk)
        return whole(chunk, *rest)

    monkeypatch.setattr(save, "_save_chunk", cut)
    with pytest.raises(KeyboardInterrupt):
        save.day_plan(tenant_id, run_id, plan, TODAY, chunk_cases=2)
    monkeypatch.setattr(save, "_save_chunk", whole)
    assert Decision.objects.count() == 2
    assert save.start_run(tenant_id, TODAY, law_hash="law", at=NOW) == run_id
    rest = save.day_plan(tenant_id, run_id, plan, TODAY, chunk_cases=2)
    assert (rest.cases, Decision.objects.count(), Message.objects.count()) == (3, 5, 1)


def test_intervals_close_and_open_only_on_change(tenant_id: int, cases: list[int]) -> None:
    run(tenant_id, first_plan(tenant_id, cases))
    later = worlds.plan(
        [],
        [
            worlds.held(cases[0], 1, "waiting"),
            worlds.held(cases[1], 1, "disputed"),
            *[worlds.held(case, 1, next_look_on=TOMORROW + timedelta(days=5)) for case in cases[2:]],
        ],
        [],
    )
    saved = run(tenant_id, later, TOMORROW)
    assert (saved.opened, saved.refreshed, saved.withdrawn) == (2, 3, 1)
    closed = Decision.objects.get(case_id=cases[1], until_on=TOMORROW)
    assert (closed.reason, closed.from_on) == ("waiting", TODAY)
    assert Decision.objects.filter(until_on=None).count() == 5
    assert load.book(tenant_id, known_on=TODAY).decisions["reason"].to_list()[:2] == [
        "payment_reminder",
        "waiting",
    ]


def test_a_case_with_a_new_fact_is_skipped(tenant_id: int, cases: list[int]) -> None:
    plan = first_plan(tenant_id, cases)
    pay = {
        "case_id": cases[0],
        "kind": FactKind.PAYMENT_RECEIVED,
        "effective_on": TODAY,
        "amount_cents": 10_000,
    }
    facts.append(tenant_id, [pay], recorded_at=NOW)
    saved = run(tenant_id, plan)
    assert (saved.skipped, saved.cases, saved.planned) == (1, 4, 0)
    assert not Decision.objects.filter(case_id=cases[0]).exists()


def test_a_planned_measure_is_refreshed_withdrawn_and_planned_again(tenant_id: int, cases: list[int]) -> None:
    case_id, claim_id = cases[0], claim_of(tenant_id, cases[0])
    items = [worlds.item(case_id, claim_id)]
    run(tenant_id, worlds.plan([worlds.measure(case_id, 1)], [], items))
    message = Message.objects.get()
    dearer = worlds.plan([worlds.measure(case_id, 1, demanded_cents=12_345)], [], items)
    assert run(tenant_id, dearer, TOMORROW).replanned == 1
    assert run(tenant_id, worlds.plan([], [worlds.held(case_id, 1)], []), TOMORROW).withdrawn == 1
    message.refresh_from_db()
    assert (message.state, message.demanded_cents, message.ended_because) == (
        "withdrawn",
        12_345,
        "no_longer_due",
    )
    assert run(tenant_id, dearer, TOMORROW).replanned == 1
    message.refresh_from_db()
    assert (message.state, message.ended_because, message.planned_on) == ("planned", None, TOMORROW)
    assert MessageItem.objects.count() == 1


@pytest.mark.parametrize("state", ["sending", "sent", "uncertain"])
def test_what_left_is_never_planned_again_nor_changed(tenant_id: int, cases: list[int], state: str) -> None:
    case_id, claim_id = cases[0], claim_of(tenant_id, cases[0])
    plan = worlds.plan([worlds.measure(case_id, 1)], [], [worlds.item(case_id, claim_id)])
    run(tenant_id, plan)
    message_id = Message.objects.get().id
    assert Message.objects.update(state="sending", bytes_hash=b"x", sealed_at=NOW) == 1
    if state != "sending":
        assert Message.objects.update(state=state) == 1
    saved = run(tenant_id, worlds.plan([worlds.measure(case_id, 1, demanded_cents=5)], [], []), TOMORROW)
    assert (saved.planned, saved.replanned, saved.withdrawn) == (0, 0, 0)
    assert Message.objects.get().demanded_cents == 10_001
    for statement in (
        "UPDATE messages SET demanded_cents = 1",
        "UPDATE messages SET bytes_hash = NULL",
        "UPDATE messages SET file_name = 'x'",
        "UPDATE messages SET step_id = 'x'",
        "UPDATE messages SET state = 'withdrawn'",
        "DELETE FROM message_items",
        "UPDATE message_items SET open_cents = 1",
        "DELETE FROM messages",
    ):
        refuses(statement)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        MessageItem.objects.create(
            tenant_id=tenant_id, message_id=message_id, case_id=case_id, claim_id=claim_id, step_id="x",
            level=1, climbs=True, open_cents=1, triggers_default=False,
        )  # fmt: skip


def refuses(statement: str, match: str | None = None) -> None:
    with pytest.raises(DatabaseError, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_append_only_tables_refuse_in_the_database(as_owner: None, tenant_id: int, cases: list[int]) -> None:
    run(tenant_id, first_plan(tenant_id, cases))
    refuses("UPDATE facts SET amount_cents = 1", "add a fact that voids it")
    refuses("DELETE FROM facts", "add a fact that voids it")
    refuses("UPDATE claims SET principal_cents = 1", "a claim is never changed")
    refuses("DELETE FROM cases", "rows are kept")
    refuses("UPDATE persons SET payload = payload_hmac", "never changed")
    refuses("UPDATE decisions SET reason = 'x'", "a closed decision")
    refuses("DELETE FROM decisions", "rows are kept")
    Decision.objects.filter(case_id=cases[1]).update(until_on=TODAY)
    refuses(f"UPDATE decisions SET until_on = NULL WHERE case_id = {cases[1]}", "a closed decision")
    if connection.vendor == "postgresql":
        refuses("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE facts CASCADE", "rows are kept")
    else:
        refuses("INSERT OR REPLACE INTO facts SELECT * FROM facts", "add a fact")


def test_a_measure_cannot_exist_twice(tenant_id: int, cases: list[int]) -> None:
    run(tenant_id, first_plan(tenant_id, cases))
    twin = Message.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.create(
            tenant_id=tenant_id, case_id=twin.case_id, step_id=twin.step_id, cycle=1, level=1,
            procedure="x", channel="post", demanded_cents=1, reason="x", fact_no=1,
            planned_on=TODAY, law_hash="x",
        )  # fmt: skip


def test_a_case_twice_in_a_plan_is_an_error(tenant_id: int, cases: list[int]) -> None:
    plan = worlds.plan([worlds.measure(cases[0], 1)], [worlds.held(cases[0], 1)], [])
    with pytest.raises(ValueError, match="stands twice in the plan"):
        save.decided(plan)
