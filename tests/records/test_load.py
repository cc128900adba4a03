"""Loading: frames of the contract, as of and as known on any day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.records import worlds
from tests.records.worlds import NOW, TODAY, claim_row

from mahnwerk import frames
from mahnwerk.frames import FactKind
from mahnwerk.records import facts, load, save
from mahnwerk.records.models import Case, Creditor, Feed, Message


def test_frames_have_the_shapes_of_the_contract(tenant_id: int) -> None:
    creditor_id = worlds.creditor(tenant_id)
    for name, days in (("bank", 4), ("shop", 1)):
        Feed.objects.create(
            tenant_id=tenant_id, creditor_id=creditor_id, name=name, checked_on=TODAY, max_age_days=days
        )
    Creditor.objects.filter(id=creditor_id).update(profile={"letter_cost_cents": {"post": 112}})
    load.book(tenant_id).checked()  # empty
    odd = 'R "7", ü\\'
    worlds.import_rows(
        tenant_id,
        claim_row(2, invoice_number=odd, agreed_rate_ppm=50_000, land=None, has_default_notice=True),
    )
    book = load.book(tenant_id).checked()
    assert book.claims.row(0, named=True) | {"claim_id": 0, "case_id": 0} == {
        "claim_id": 0,
        "case_id": 0,
        "claim_no": 1,
        "jurisdiction": "de",
        "kind": 1,
        "invoice_number": odd,
        "principal_cents": 10_002,
        "issued_on": date(2026, 1, 5),
        "due_on": date(2026, 1, 19),
        "due_kind": 2,
        "received_on": None,
        "obligation_arose_on": date(2026, 1, 5),
        "has_default_notice": True,
        "agreed_rate_ppm": 50_000,
        "agreed_from": None,
        "agreed_default_rate_ppm": None,
        "is_secured": False,
        "discount_cents": None,
        "discount_until": None,
    }
    case = book.cases.row(0, named=True)
    assert case["case_id"] == Case.objects.get().id == book.claims["case_id"][0]
    assert (case["feed_checked_on"], case["feed_max_age_days"], case["land"]) == (TODAY, 1, None)
    assert (case["letter_cost_post_cents"], case["letter_cost_email_cents"]) == (112, None)
    assert (case["is_consumer"], case["procedure"], case["last_fact_no"]) == (True, "consumers@1", 1)


def test_known_on_is_before_the_next_local_midnight(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    case_id = Case.objects.get().id
    pay = {"case_id": case_id, "kind": FactKind.PAYMENT_RECEIVED, "effective_on": date(2026, 3, 1)}
    # 22:59 UTC is 23:59 in Berlin, 23:01 UTC is the next day there
    facts.append(tenant_id, [pay | {"amount_cents": 1}], recorded_at=datetime(2026, 3, 3, 22, 59, tzinfo=UTC))
    facts.append(tenant_id, [pay | {"amount_cents": 2}], recorded_at=datetime(2026, 3, 3, 23, 1, tzinfo=UTC))
    assert load.book(tenant_id, known_on=date(2026, 3, 1)).cases.height == 0
    assert load.book(tenant_id, known_on=date(2026, 3, 1)).claims.height == 0
    known = load.book(tenant_id, known_on=date(2026, 3, 3)).checked()
    assert known.facts["amount_cents"].to_list() == [1]
    assert known.cases["last_fact_no"].to_list() == [2]
    assert load.book(tenant_id, known_on=date(2026, 3, 4)).facts.height == 2
    assert load.book(tenant_id, on=date(2026, 2, 28)).facts.height == 0


def test_shards_cover_all_cases_once(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    assert load.shards(tenant_id) == []
    worlds.import_rows(tenant_id, *[claim_row(n, customer_number=f"K-{n}") for n in range(7)])
    ranges = load.shards(tenant_id, cases=3)
    found = [load.book(tenant_id, case_range=part).cases["case_id"].to_list() for part in ranges]
    assert [len(part) for part in found] == [3, 3, 1]
    assert [case for part in found for case in part] == sorted(Case.objects.values_list("id", flat=True))
    assert load.book(tenant_id, case_ids=found[1][:2]).claims["case_id"].to_list() == found[1][:2]


def test_blocks_are_read_to_the_end(tenant_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, *[claim_row(n) for n in range(7)])
    whole = load.book(tenant_id).claims
    for rows in (1, 2, 7, 8):
        monkeypatch.setattr("mahnwerk.records.bulk.BLOCK_ROWS", rows)
        assert load.book(tenant_id).claims.equals(whole)


def test_case_is_found_by_each_of_its_names(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    case = Case.objects.get()
    for text in (
        "m-000001",
        case.rf_reference,
        f" {case.rf_reference[:4]} {case.rf_reference[4:]}",
        case.public_id,
    ):
        assert load.case_id(tenant_id, text) == case.id
    with pytest.raises(LookupError, match="no case 'M-9'"):
        load.case_id(tenant_id, "M-9")
    digits = case.rf_reference[4:] + "2715" + case.rf_reference[2:4]
    assert int(digits) % 97 == 1


def test_due_on_leaves_out_what_waits(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, *[claim_row(n, customer_number=f"K-{n}") for n in range(4)])
    waits, looks, never, measured = sorted(Case.objects.values_list("id", flat=True))
    run_id = save.start_run(tenant_id, TODAY, law_hash="law", at=NOW)
    plan = worlds.plan(
        [worlds.measure(measured, 1)],
        [
            worlds.held(waits, 1, next_look_on=TODAY + timedelta(days=9)),
            worlds.held(looks, 1, next_look_on=TODAY + timedelta(days=1)),
            worlds.held(never, 1, "settled"),
        ],
        [],
    )
    save.day_plan(tenant_id, run_id, plan, TODAY)
    tomorrow = TODAY + timedelta(days=1)
    assert load.book(tenant_id, due_on=tomorrow).cases["case_id"].to_list() == [looks, measured]
    pay = {"case_id": never, "kind": FactKind.PAYMENT_RECEIVED, "effective_on": TODAY, "amount_cents": 5}
    facts.append(tenant_id, [pay], recorded_at=NOW)
    book = load.book(tenant_id, due_on=tomorrow)
    assert book.cases["case_id"].to_list() == [looks, never, measured]
    assert book.facts.height == 1
    assert book.claims.height == 3


def test_only_messages_that_may_have_left_are_notices(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    case_id, claim_id = Case.objects.get().id, load.book(tenant_id).claims["claim_id"][0]
    run_id = save.start_run(tenant_id, TODAY, law_hash="law", at=NOW)
    plan = worlds.plan([worlds.measure(case_id, 1)], [], [worlds.item(case_id, claim_id)])
    save.day_plan(tenant_id, run_id, plan, TODAY)
    assert load.book(tenant_id).notices.height == 0
    message = Message.objects.get()
    assert Message.objects.update(state="sending", sealed_on=TODAY, sealed_at=NOW) == 1
    notice = load.book(tenant_id).checked().notices.row(0, named=True)
    assert (notice["message_id"], notice["claim_id"], notice["sealed_on"]) == (message.id, claim_id, TODAY)
    assert (notice["demanded_cents"], notice["item_demanded_cents"], notice["level"]) == (10_001, 10_001, 1)
    assert load.book(tenant_id, known_on=TODAY - timedelta(days=1)).notices.height == 0
    assert frames.NOTICES.keys() == notice.keys()
