"""Direct debits: told before, collected once, the same bytes again, taken back when the bank says so."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.usecases import plan_world
from tests.usecases.plan_world import PlanWorld

from mahnwerk.frames import FactKind
from mahnwerk.kernel.target_days import is_target_day
from mahnwerk.records import facts as fact_records
from mahnwerk.records import mandates, tenancy
from mahnwerk.records.book import ensure_tenant
from mahnwerk.records.models import Creditor, DebitMandate, DebitNotice, DebitOrder, Fact
from mahnwerk.usecases import cases, debit_files, direct_debits, plans
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.plan_asks import read_ask

pytestmark = pytest.mark.django_db
IDENTIFIER = "DE98ZZZ09999999999"
DAY = date(2026, 3, 9)


@pytest.fixture
def world(tenant_id: int, tmp_path: Path) -> PlanWorld:
    made = plan_world.make(tenant_id, tmp_path, {"due_on": date(2026, 3, 12)})
    with made.on(DAY) as book:
        direct_debits.add_mandate(
            book,
            made.reference,
            reference="M-1",
            creditor_identifier=IDENTIFIER,
            signed_on=date(2026, 1, 5),
        )
    return made


def announce(world: PlanWorld, on: date, told_by: str = "post") -> list[direct_debits.Announced]:
    """The debtors were told by hand; how messages tell is in test_debit_notices."""
    with world.on(on) as book:
        return direct_debits.announce(book, "shop", on, told_by=told_by)


def create(world: PlanWorld, on: date) -> debit_files.DebitFileView:
    with world.on(on) as book:
        return debit_files.create(book, "shop", on)


def refuse(world: PlanWorld, name: str, reason: str, folder: Path, on: date) -> debit_files.StatusTaken:
    message = name[:-6]
    path = folder / "report.xml"
    path.write_text(
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>R</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId>"
        f"</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>{message}-1</OrgnlPmtInfId><TxInfAndSts>"
        f"<OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn>"
        "</StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )
    with world.on(on) as book:
        return debit_files.take_status(book, path, on)


def test_told_fourteen_days_before_then_collected_once_with_the_same_bytes(world: PlanWorld) -> None:
    (told,) = announce(world, DAY)
    assert told.collect_on >= DAY + timedelta(days=14)
    assert is_target_day(told.collect_on)
    assert "100,01 €" in told.text
    assert IDENTIFIER in told.text
    assert announce(world, DAY) == [told]  # the same text again, for a run that was cut off
    assert DebitNotice.objects.count() == 1
    assert announce(world, date(2026, 3, 10)) == []  # once
    with pytest.raises(BadInput, match="nothing to collect"):
        create(world, date(2026, 3, 5))
    first = create(world, date(2026, 3, 16))
    again = create(world, date(2026, 3, 16))
    assert (first.is_new, again.is_new) == (True, False)
    assert first.content == again.content
    assert b"<Cd>FRST</Cd>" in first.content or b"FRST" in first.content
    assert b"2026-03-23" in first.content
    assert announce(world, date(2026, 3, 17)) == []
    with pytest.raises(BadInput, match="nothing to collect"):
        create(world, date(2026, 3, 20))


def test_of_two_first_collections_in_a_file_the_one_on_the_earlier_day_is_the_first(
    tenant_id: int, tmp_path: Path
) -> None:
    due = [{"due_on": date(2026, 3, day), "customer_number": "K-1"} for day in (27, 12, 26, 12)]
    world = plan_world.make(tenant_id, tmp_path, *due)
    with world.on(DAY) as book:
        direct_debits.add_mandate(
            book, world.reference, reference="M-1", creditor_identifier=IDENTIFIER, signed_on=DAY
        )
    announce(world, DAY)
    made = create(world, date(2026, 3, 16))
    orders = DebitOrder.objects.order_by("notice__claim__claim_no")
    assert [(row.collect_on.day, row.sequence) for row in orders] == [
        (27, "RCUR"),
        (23, "FRST"),
        (26, "RCUR"),
        (23, "RCUR"),
    ]
    assert made.content.count(b"<SeqTp>FRST</SeqTp>") == 1


def test_a_file_recorded_but_never_written_is_named_and_made_again(tenant_id: int, tmp_path: Path) -> None:
    due = ({"due_on": date(2026, 3, 12)}, {"due_on": date(2026, 3, 30)})
    world = plan_world.make(tenant_id, tmp_path, *due)
    with world.on(DAY) as book:
        direct_debits.add_mandate(
            book, world.reference, reference="M-1", creditor_identifier=IDENTIFIER, signed_on=DAY
        )
    announce(world, DAY)
    lost = create(world, date(2026, 3, 12))  # killed here, before it was written
    with pytest.raises(BadInput, match="Made before: MW-DD-20260312-001"):
        create(world, date(2026, 3, 13))
    later = create(world, date(2026, 3, 18))
    assert (lost.message_id, later.is_new) == ("MW-DD-20260312-001", True)
    assert later.others == [lost.message_id]
    with world.on(date(2026, 3, 18)) as book:
        assert debit_files.again(book, lost.message_id).content == lost.content
        with pytest.raises(NotFound, match="no file"):
            debit_files.again(book, "MW-DD-20260312-009")
    assert DebitOrder.objects.count() == 2


def test_a_claim_announced_is_not_dunned_until_after_its_day(world: PlanWorld) -> None:
    announce(world, DAY)
    (row,) = cases.list_cases(world.book, date(2026, 3, 28)).rows
    assert (row["reason"], row["detail"]) == ("hold", "direct_debit")
    (row,) = cases.list_cases(world.book, date(2026, 4, 1)).rows
    assert row["reason"] != "hold"


def test_without_a_notice_nothing_is_collected_and_held_cases_never(world: PlanWorld) -> None:
    with pytest.raises(BadInput, match="nothing to collect"):
        create(world, date(2026, 3, 20))
    world.fact("dispute_raised", DAY)
    assert announce(world, DAY) == []


def test_what_became_less_is_collected_less_and_what_is_disputed_not_at_all(world: PlanWorld) -> None:
    announce(world, DAY)
    world.pays(date(2026, 3, 12), "40")
    assert create(world, date(2026, 3, 16)).sum_cents == 60_01


def test_a_dispute_after_the_notice_stops_the_collection(world: PlanWorld) -> None:
    announce(world, DAY)
    world.fact("dispute_raised", date(2026, 3, 12))
    with pytest.raises(BadInput, match="nothing to collect"):
        create(world, date(2026, 3, 16))


def test_refused_it_is_open_again_and_only_told_anew_collected_anew(world: PlanWorld, tmp_path: Path) -> None:
    announce(world, DAY)
    create(world, date(2026, 3, 16))
    order = DebitOrder.objects.get()
    taken = refuse(world, order.end_to_end_id, "AM04", tmp_path, date(2026, 3, 24))
    assert (taken.refused, taken.mandates_ended, taken.unknown) == (1, 0, [])
    assert refuse(world, order.end_to_end_id, "AM04", tmp_path, date(2026, 3, 24)).refused == 0
    with pytest.raises(BadInput, match="nothing to collect"):
        create(world, date(2026, 3, 25))
    (told,) = announce(world, date(2026, 3, 25))
    second = create(world, told.collect_on - timedelta(days=3))
    assert second.order_count == 1
    # Refused before it was settled: the next one is the mandate's first again.
    assert b"FRST" in second.content


def test_a_closed_account_ends_the_mandate(world: PlanWorld, tmp_path: Path) -> None:
    announce(world, DAY)
    create(world, date(2026, 3, 16))
    order = DebitOrder.objects.get()
    assert refuse(world, order.end_to_end_id, "AC04", tmp_path, date(2026, 3, 24)).mandates_ended == 1
    assert announce(world, date(2026, 3, 25)) == []


def test_booked_as_one_sum_once_and_taken_back_when_returned(world: PlanWorld, tmp_path: Path) -> None:
    announce(world, DAY)
    view = create(world, date(2026, 3, 16))
    day = date(2026, 3, 23)  # the day told: no interest ran until then
    with world.on(day) as book:
        assert debit_files.book_credit(book, view.message_id, day) == (1, [])
        assert debit_files.book_credit(book, view.message_id, day) == (0, [])
    assert cases.list_cases(world.book, day).rows[0]["reason"] == "settled"
    order = DebitOrder.objects.get()
    refuse(world, order.end_to_end_id, "MS03", tmp_path, date(2026, 4, 2))
    assert cases.list_cases(world.book, date(2026, 4, 2)).rows[0]["open_cents"] >= 100_01
    assert Fact.objects.filter(kind=201).count() == 1


def test_a_payment_the_statement_told_is_not_booked_twice(world: PlanWorld) -> None:
    announce(world, DAY)
    view = create(world, date(2026, 3, 16))
    world.pays(date(2026, 3, 23), "100,01")
    with world.on(date(2026, 3, 24)) as book:
        booked, there = debit_files.book_credit(book, view.message_id, date(2026, 3, 24))
    assert (booked, len(there)) == (0, 1)


def test_instalments_are_collected_on_their_days_without_another_notice(
    tenant_id: int, tmp_path: Path
) -> None:
    world = plan_world.make(tenant_id, tmp_path)
    with world.on(DAY) as book:
        direct_debits.add_mandate(
            book, world.reference, reference="M-2", creditor_identifier=IDENTIFIER, signed_on=DAY
        )
        plans.agree(
            book, world.reference, ask=read_ask("100", first_on=date(2026, 4, 1), by_debit=True), on=DAY
        )
    assert announce(world, DAY) == []  # the plan told each day and sum
    first = create(world, date(2026, 3, 27))
    assert first.sum_cents == 100_00
    assert b"2026-04-01" in first.content
    with world.on(date(2026, 4, 1)) as book:
        debit_files.book_credit(book, first.message_id, date(2026, 4, 1))
    assert plans.show(world.book, world.reference, date(2026, 4, 2))[0].state == "kept"
    second = create(world, date(2026, 4, 27))
    assert b"2026-05-04" in second.content  # 1 May is closed, a weekend follows
    assert b"RCUR" in second.content


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iban": "DE02120300000000202052"}, "IBAN"),
        ({"creditor_identifier": "DE 98"}, "not of the form of a creditor identifier"),
        ({"creditor_identifier": "DE89ZZZ09999999999"}, "wrong check digits"),
        ({"creditor_identifier": "DE98ZZZ0999999999"}, "eleven digits"),
        ({"reference": "M–9"}, "mandate reference"),
        ({"signed_on": date(2026, 3, 10)}, "future"),
        ({"reference": ""}, "mandate reference"),
        ({}, "open mandate"),
    ],
)
def test_bad_mandates_are_refused(world: PlanWorld, change: dict[str, object], why: str) -> None:
    given = {"reference": "M-9", "creditor_identifier": IDENTIFIER, "signed_on": DAY, **change}
    with world.on(DAY) as book, pytest.raises(BadInput, match=why):
        direct_debits.add_mandate(book, world.reference, **given)  # type: ignore[arg-type]


def test_the_iban_is_kept_encrypted_and_unused_mandates_expire(world: PlanWorld) -> None:
    row = DebitMandate.objects.get()
    assert b"DE02120300000000202051" not in bytes(row.payload)
    creditor = direct_debits.creditor_of(world.book, "shop")
    assert direct_debits.open_mandates(world.book, creditor, date(2029, 1, 5))
    assert not direct_debits.open_mandates(world.book, creditor, date(2029, 1, 6))


def test_a_mandate_given_to_another_creditor_is_refused(world: PlanWorld) -> None:
    Creditor.objects.update(profile={"creditor_identifier": "DE51ZZZ12345678901"})
    given = {"reference": "M-9", "signed_on": DAY}
    with world.on(DAY) as book:
        direct_debits.end_mandate(book, world.reference)
        with pytest.raises(BadInput, match="given to DE98ZZZ09999999999, not to DE51ZZZ12345678901"):
            direct_debits.add_mandate(book, world.reference, creditor_identifier=IDENTIFIER, **given)
        row = direct_debits.add_mandate(
            book, world.reference, creditor_identifier="DE51 ABC1 2345 6789 01", **given
        )
    assert row.creditor_identifier == "DE51ABC12345678901"


def test_a_mandate_is_never_amended_another_account_is_a_new_mandate(world: PlanWorld) -> None:
    given = {"creditor_identifier": IDENTIFIER, "signed_on": DAY, "iban": "DE89370400440532013000"}
    with world.on(DAY) as book:
        direct_debits.end_mandate(book, world.reference)
        with pytest.raises(BadInput, match="never changed") as refused:
            direct_debits.add_mandate(book, world.reference, reference="M-1", **given)
        assert "its own reference" in refused.value.remedy
        direct_debits.add_mandate(book, world.reference, reference="M-1a", **given)
    announce(world, DAY)
    content = create(world, date(2026, 3, 16)).content
    assert b"AmdmntInf" not in content
    assert b"FRST" in content
    assert b"<Cd>CORE</Cd>" in content


def test_only_euro_is_collected(tenant_id: int, tmp_path: Path) -> None:
    world = plan_world.make(tenant_id, tmp_path, {"currency": "CHF"})
    with world.on(DAY) as book, pytest.raises(BadInput, match="kept in CHF"):
        direct_debits.add_mandate(
            book, world.reference, reference="M-9", creditor_identifier=IDENTIFIER, signed_on=DAY
        )


SPOILT = {
    "of somebody else": {"creditor_identifier": "DE51ZZZ12345678901"},
    "with a wrong identifier": {"creditor_identifier": "DE99ZZZ09999999999"},
    "of no account": {"iban": "DE02120300000000202052"},
    "without a name": {"name": " "},
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
def test_a_bad_mandate_stops_its_own_order_and_no_file(
    tenant_id: int, tmp_path: Path, spoilt: dict[str, object]
) -> None:
    world = plan_world.many(tenant_id, tmp_path, 3, due_on=date(2026, 3, 12))
    first = DebitMandate.objects.get(reference="M-1")
    kept = {"name": "Änne", "iban": "DE02120300000000202051", "sequence": "RCUR", "notice_days": 14}
    kept |= {"signed_on": date(2026, 1, 5), "creditor_identifier": IDENTIFIER, "reference": "B-1"}
    with world.on(DAY) as book:
        direct_debits.end_mandate(book, first.case.case_reference)
        mandates.add_many(
            tenant_id,
            [{"case_id": first.case_id, "person_id": first.person_id, **kept, **spoilt}],
            recorded_at=datetime(2026, 3, 9, tzinfo=UTC),
        )
    announce(world, DAY)
    view = create(world, date(2026, 3, 16))
    assert view.order_count == 2
    (said,) = view.skipped
    assert "mandate B-1" in said
    assert create(world, date(2026, 3, 16)).content == view.content


def report(world: PlanWorld, message: str, folder: Path, on: date, *rows: str) -> debit_files.StatusTaken:
    """A status report: each row is `level name status reason`, level file, group or order of group 1."""
    parts: dict[str, str] = {"file": "", "group": "", "order": ""}
    for row in rows:
        level, name, status, reason = row.split()
        why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason != "-" else ""
        parts[level] += {
            "file": f"<GrpSts>{status}</GrpSts>{why}",
            "group": f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{name}</OrgnlPmtInfId>"
            f"<PmtInfSts>{status}</PmtInfSts>{why}</OrgnlPmtInfAndSts>",
            "order": f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId>"
            f"<TxSts>{status}</TxSts>{why}</TxInfAndSts>",
        }[level]
    path = folder / "report.xml"
    path.write_text(
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>'
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId>{parts['file']}</OrgnlGrpInfAndSts>"
        f"{parts['group']}<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message}-1</OrgnlPmtInfId>{parts['order']}"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )
    with world.on(on) as book:
        return debit_files.take_status(book, path, on)


def test_a_file_refused_with_the_reason_at_one_order_ends_that_mandate_only(
    tenant_id: int, tmp_path: Path
) -> None:
    world = plan_world.many(tenant_id, tmp_path, 3, due_on=date(2026, 3, 12))
    announce(world, DAY)
    name = create(world, date(2026, 3, 16)).message_id
    rows = ("file - RJCT -", f"order {name}-00002 RJCT AC04")
    taken = report(world, name, tmp_path, date(2026, 3, 17), *rows)
    assert (taken.refused, taken.known, taken.mandates_ended, taken.unknown) == (3, 0, 1, [])
    ended = DebitMandate.objects.filter(ended_on__isnull=False).values_list("reference", flat=True)
    assert list(ended) == ["M-2"]
    again = report(world, name, tmp_path, date(2026, 3, 18), *rows)
    assert (again.refused, again.known, again.mandates_ended) == (0, 3, 0)


def test_what_is_accepted_changes_nothing_and_a_foreign_group_refuses_nothing(
    tenant_id: int, tmp_path: Path
) -> None:
    world = plan_world.many(tenant_id, tmp_path, 2, due_on=date(2026, 3, 12))
    announce(world, DAY)
    name = create(world, date(2026, 3, 16)).message_id
    rows = ("file - PART -", f"order {name}-00001 ACSC -", f"order {name}-00002 ACCP -")
    taken = report(world, name, tmp_path, date(2026, 3, 17), *rows, "group OTHER RJCT MS03")
    assert (taken.refused, taken.known, taken.unknown) == (0, 0, ["OTHER"])


def test_a_report_is_taken_in_though_the_creditor_has_another_account_since(
    world: PlanWorld, tmp_path: Path
) -> None:
    announce(world, DAY)
    name = create(world, date(2026, 3, 16)).message_id
    Creditor.objects.update(iban="DE02120300000000202051")
    assert report(world, name, tmp_path, date(2026, 3, 17), f"group {name}-1 RJCT MS03").refused == 1


def test_a_longer_report_asks_no_more_questions(tenant_id: int, tmp_path: Path) -> None:
    counts = []
    for key, count in (("few", 3), ("many", 60)):
        world = plan_world.many(tenant_id, tmp_path, count, key=key, due_on=date(2026, 3, 12))
        with world.on(DAY) as book:
            direct_debits.announce(book, key, DAY, told_by="post")
        with world.on(date(2026, 3, 16)) as book:
            made = debit_files.create(book, key, date(2026, 3, 16))
            assert debit_files.book_credit(book, made.message_id, date(2026, 3, 23))[0] == count
        with CaptureQueriesContext(connection) as queries:
            taken = report(world, made.message_id, tmp_path, date(2026, 3, 26), "file - RJCT MS03")
        assert taken.refused == count
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 2  # rows are inserted some dozen a statement
    assert max(counts) < 40


@pytest.mark.django_db(transaction=True)
def test_two_creditors_collect_at_the_same_moment(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each on a database connection of its own: files of a day have numbers of their own."""
    tenant_id = ensure_tenant("Test operator")
    keys = ("one", "two")
    for key in keys:
        world = plan_world.many(tenant_id, tmp_path, 1, key=key, due_on=date(2026, 3, 12))
        with world.on(DAY) as book:
            direct_debits.announce(book, key, DAY, told_by="post")
    written = debit_files._bytes

    def slowly(*given: Any) -> bytes:
        sleep(0.3)  # the other one counts meanwhile
        return written(*given)

    monkeypatch.setattr(debit_files, "_bytes", slowly)
    made: list[str] = []

    def collect(key: str) -> None:
        try:
            tenancy.set_tenant(tenant_id)
            made.append(debit_files.create(world.book, key, date(2026, 3, 16)).message_id)
        finally:
            connection.close()

    threads = [Thread(target=collect, args=(key,)) for key in keys]
    with world.on(date(2026, 3, 16)):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(made) == ["MW-DD-20260316-001", "MW-DD-20260316-002"]


def test_more_targets_ask_no_more_questions(tenant_id: int, tmp_path: Path) -> None:
    counts: dict[str, list[int]] = {"few": [], "many": []}
    for key, count in (("few", 3), ("many", 60)):
        world = plan_world.many(tenant_id, tmp_path, count, key=key, due_on=date(2026, 3, 12))
        by_hand = partial(direct_debits.announce, told_by="post")
        verbs = (by_hand, debit_files.create, debit_files.create)
        for verb, day in zip(verbs, (DAY, date(2026, 3, 16), date(2026, 3, 16)), strict=True):
            with CaptureQueriesContext(connection) as queries, world.on(day) as book:
                verb(book, key, day)
            counts[key].append(len(queries))
        assert DebitOrder.objects.filter(file__creditor__key=key).count() == count
    # Rows are inserted some dozen a statement.
    assert all(many <= few + 3 for few, many in zip(counts["few"], counts["many"], strict=True))
    assert max(counts["many"]) < 80


@pytest.mark.parametrize("level", ["file", "group"])
def test_what_is_refused_as_a_whole_is_refused_order_by_order(
    tenant_id: int, tmp_path: Path, level: str
) -> None:
    world = plan_world.many(tenant_id, tmp_path, 3, due_on=date(2026, 3, 12))
    announce(world, DAY)
    view = create(world, date(2026, 3, 16))
    said = "<GrpSts>RJCT</GrpSts>" if level == "file" else ""
    group = (
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{view.message_id}-1</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>"
        "<StsRsnInf><Rsn><Cd>AM05</Cd></Rsn></StsRsnInf></OrgnlPmtInfAndSts>"
    )
    path = tmp_path / "report.xml"
    path.write_text(
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr>'
        f"<MsgId>R</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{view.message_id}</OrgnlMsgId>{said}"
        f"</OrgnlGrpInfAndSts>{group if level == 'group' else ''}</CstmrPmtStsRpt></Document>"
    )
    with world.on(date(2026, 3, 17)) as book:
        taken = debit_files.take_status(book, path, date(2026, 3, 17))
    assert (taken.refused, taken.known, taken.unknown) == (3, 0, [])
    assert len(announce(world, date(2026, 3, 18))) == 3


def test_a_final_collection_is_the_last_under_its_mandate(tenant_id: int, tmp_path: Path) -> None:
    world = plan_world.many(tenant_id, tmp_path, 1, due_on=date(2026, 3, 12), sequence="FNAL")
    announce(world, DAY)
    assert b"<SeqTp>FNAL</SeqTp>" in create(world, date(2026, 3, 16)).content
    creditor = direct_debits.creditor_of(world.book, "shop")
    assert not direct_debits.open_mandates(world.book, creditor, date(2026, 3, 17))


@pytest.mark.parametrize(
    ("reason", "asks"), [("MD06", True), ("MS02", True), ("AM04", False), ("MS03", False), ("", False)]
)
@pytest.mark.parametrize("by", ["status report", "order returned", "payment returned"])
def test_what_the_debtor_refused_is_collected_again_only_if_a_person_says_so(
    world: PlanWorld, tmp_path: Path, reason: str, asks: bool, by: str
) -> None:
    announce(world, DAY)
    name = create(world, date(2026, 3, 16)).message_id
    back, day = date(2026, 3, 30), date(2026, 4, 1)
    order = DebitOrder.objects.get()
    if by == "status report":
        refuse(world, f"{name}-00001", reason, tmp_path, back)
    elif by == "order returned":
        with world.on(back) as book:
            debit_files.book_credit(book, name, date(2026, 3, 23))
            debit_files.refuse_orders(book, order.file, {order: reason}, back)
    else:  # credited and returned without an end-to-end id: the facts alone tell
        paid = world.pays(date(2026, 3, 23), "100.01")
        code = f"return.{reason.lower()}" if reason else None
        row = {
            "case_id": order.notice.case_id, "kind": FactKind.PAYMENT_RETURNED, "effective_on": back,
            "voids_fact_no": paid.fact_no, "code": code, "source_key": "bank|1",
        }  # fmt: skip
        fact_records.append(world.book.tenant_id, [row], recorded_at=datetime(2026, 3, 30, tzinfo=UTC))
    if not asks:
        assert len(announce(world, day)) == 1
        return
    assert announce(world, day) == []
    with world.on(day) as book:
        (row,) = direct_debits.refused(book, "shop", day)
        assert (row.case_reference, row.mandate, row.reason) == (world.reference, "M-1", reason)
        with pytest.raises(BadInput, match="which cases"):
            direct_debits.announce(book, "shop", day, although_refused=True)
        only = [world.reference]
        told = direct_debits.announce(book, "shop", day, told_by="post", cases=only, although_refused=True)
        assert len(told) == 1
        assert direct_debits.refused(book, "shop", day) == []
    assert create(world, date(2026, 4, 8)).sum_cents == told[0].amount_cents == row.amount_cents


def test_a_new_mandate_says_that_it_may_be_collected_again(world: PlanWorld, tmp_path: Path) -> None:
    announce(world, DAY)
    name = create(world, date(2026, 3, 16)).message_id
    refuse(world, f"{name}-00001", "MD06", tmp_path, date(2026, 3, 30))
    day = date(2026, 4, 1)
    with world.on(day) as book:
        direct_debits.end_mandate(book, world.reference, day)
        direct_debits.add_mandate(
            book, world.reference, reference="M-2", creditor_identifier=IDENTIFIER, signed_on=day
        )
    assert len(announce(world, day)) == 1
