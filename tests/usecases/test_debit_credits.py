"""What a bank credits for a file of direct debits is booked by itself, once, or a person is asked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.usecases import plan_world
from tests.usecases.bank_worlds import Bank, Line
from tests.usecases.plan_world import PlanWorld

from mahnwerk.frames import FactKind
from mahnwerk.records.models import BankEntry, Creditor, DebitMandate, DebitOrder, DebitStatus, Fact
from mahnwerk.usecases import bank_import, debit_files, direct_debits

pytestmark = pytest.mark.django_db
ANNOUNCED = date(2026, 3, 9)
MADE = date(2026, 3, 16)
DAY = "2026-03-23"
IBAN = "DE89370400440532013000"


class World:
    """Three debtors whose debits are with the bank; the bank then speaks."""

    def __init__(self, made: PlanWorld, folder: Path, *, later: int = 0) -> None:
        self.made, self.bank = made, Bank(folder, iban=IBAN)
        with made.on(ANNOUNCED) as book:
            direct_debits.announce(book, "shop", ANNOUNCED, told_by="post")
        with made.on(MADE) as book:
            self.file = debit_files.create(book, "shop", MADE)
        self.cents = self.file.sum_cents

    def says(self, *lines: Line, day: str = DAY) -> bank_import.BankImport:
        with self.made.on(date.fromisoformat(day)) as book:
            return bank_import.import_files(book, [self.bank.statement(*lines, day=day)])

    def credit(self, text: str = "", cents: int = 0, **more: Any) -> Line:
        return Line(cents or self.cents, text, name="", iban="", day=more.pop("day", DAY), **more)

    def paid(self) -> int:
        return Fact.objects.filter(kind=FactKind.PAYMENT_RECEIVED).count()

    def entry(self) -> BankEntry:
        return BankEntry.objects.order_by("entry_no").last()  # type: ignore[return-value]


@pytest.fixture
def world(tenant_id: int, tmp_path: Path) -> World:
    return World(plan_world.many(tenant_id, tmp_path, 3, due_on=date(2026, 3, 12)), tmp_path)


@pytest.mark.parametrize("text", ["MW-DD-20260316-001", "Sammler MW-DD-20260316-001-1", "SEPA Einzug"])
def test_the_sum_of_a_file_is_booked_by_name_or_by_sum_and_day(world: World, text: str) -> None:
    told = world.says(world.credit(text))
    assert (told.matched.ignored, told.matched.suspense, world.paid()) == (1, 0, 3)
    entry = world.entry()
    assert (entry.state, entry.reason) == ("ignored", "direct_debit")
    assert DebitStatus.objects.filter(word="booked").count() == 3
    with world.made.on(date(2026, 3, 24)) as book:
        assert bank_import.import_files(book, world.bank.files).matched.looked_at == 0
        assert debit_files.book_credit(book, world.file.message_id, date(2026, 3, 24)) == (0, [])
    assert world.paid() == 3


def test_the_names_stand_in_the_batch_of_a_camt_statement(world: World, tmp_path: Path) -> None:
    path = world.bank.statement(world.credit())
    batch = f"<NtryDtls><Btch><MsgId>{world.file.message_id}</MsgId><NbOfTxs>3</NbOfTxs></Btch></NtryDtls>"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text[: text.index("<NtryDtls>")] + batch + text[text.index("</Ntry>") :], encoding="utf-8"
    )
    with world.made.on(date(2026, 3, 31)) as book:
        bank_import.import_files(book, [path])
    assert world.paid() == 3


def test_a_credit_after_booking_by_hand_is_explained_and_booked_no_second_time(world: World) -> None:
    with world.made.on(date(2026, 3, 23)) as book:
        debit_files.book_credit(book, world.file.message_id, date(2026, 3, 23))
    world.says(world.credit("MW-DD-20260316-001"))
    assert (world.entry().reason, world.paid()) == ("direct_debit", 3)


@pytest.mark.parametrize(
    ("text", "change"), [("MW-DD-20260316-001", -1), ("MW-DD-20260316-001", 5)], ids=["less", "more"]
)
def test_our_name_with_another_sum_waits_for_a_person(world: World, text: str, change: int) -> None:
    told = world.says(world.credit(text, world.cents + change))
    assert (told.matched.suspense, world.paid()) == (1, 0)
    assert world.entry().reason == "direct_debit_unclear"


def test_the_sum_alone_on_another_day_or_from_a_payer_is_no_credit_of_a_file(world: World) -> None:
    world.says(world.credit("SEPA Einzug", day="2026-03-27"), day="2026-03-27")
    world.says(Line(world.cents, "Danke", day=DAY))
    assert not BankEntry.objects.filter(reason="direct_debit").exists()
    assert not DebitStatus.objects.exists()


def test_two_files_of_one_sum_and_day_are_never_guessed(tenant_id: int, tmp_path: Path) -> None:
    made = plan_world.many(tenant_id, tmp_path, 2, due_on=date(2026, 3, 12), amount_cents=10_000)
    world = World(made, tmp_path)
    other = plan_world.many(tenant_id, tmp_path, 2, key="b", due_on=date(2026, 3, 12), amount_cents=10_000)
    with other.on(ANNOUNCED) as book:
        direct_debits.announce(book, "b", ANNOUNCED, told_by="post")
    with other.on(MADE) as book:
        second = debit_files.create(book, "b", MADE)
    assert Creditor.objects.filter(iban=IBAN).count() == 2  # one account of both
    world.says(world.credit("SEPA Einzug"))
    assert (world.entry().reason, world.paid()) == ("direct_debit_unclear", 0)
    world.says(world.credit(second.message_id, day="2026-03-24"), day="2026-03-24")
    named = {status.order.file.message_id for status in DebitStatus.objects.all()}
    assert second.message_id in named


def test_orders_credited_one_by_one_are_found_by_their_end_to_end_id(world: World) -> None:
    names = DebitOrder.objects.order_by("end_to_end_id").values_list("end_to_end_id", "amount_cents")
    lines = [Line(cents, "", name="X", end_to_end=name, day=DAY) for name, cents in names]
    world.says(*lines)
    assert (world.paid(), DebitStatus.objects.filter(word="booked").count()) == (3, 3)
    # One comes back without its end-to-end id: its payer says which, as of any payment.
    entry = BankEntry.objects.filter(state="booked").order_by("entry_no")[1]
    back = Line(-entry.amount_cents, "Rückgabe", name="X", reason="MS03", day="2026-03-30")
    assert world.says(back, day="2026-03-30").matched.returned == 1
    returned = Fact.objects.get(kind=FactKind.PAYMENT_RETURNED)
    assert (returned.case_id, returned.voids_fact_no) == (entry.case_id, entry.fact_no)


def test_groups_are_credited_each_by_itself_and_refused_orders_are_left_out(
    tenant_id: int, tmp_path: Path
) -> None:
    made = plan_world.many(tenant_id, tmp_path, 4, due_on=date(2026, 3, 12))
    first, second = DebitMandate.objects.order_by("reference")[:2]
    with made.on(ANNOUNCED) as book:
        # Two mandates are collected under for the first time, two as taken over: two groups.
        for old in (first, second):
            direct_debits.end_mandate(book, old.case.case_reference)
        from mahnwerk.records import mandates

        mandates.add_many(
            tenant_id,
            [
                {
                    "case_id": old.case_id, "person_id": old.person_id, "reference": f"T-{old.reference}",
                    "creditor_identifier": old.creditor_identifier, "signed_on": old.signed_on,
                    "notice_days": 14, "sequence": "RCUR", "name": "Änne", "iban": "DE02120300000000202051",
                }
                for old in (first, second)
            ],
            recorded_at=first.recorded_at,
        )  # fmt: skip
    world = World(made, tmp_path)
    orders = list(DebitOrder.objects.order_by("end_to_end_id"))
    taken_over = [order for order in orders if order.sequence == "RCUR"]
    assert (len(orders), len(taken_over)) == (4, 2)
    debit_files.refuse_orders(made.book, orders[0].file, {orders[0]: "AM04"}, date(2026, 3, 20))
    for sequence in ("RCUR", "FRST"):
        mine = [order for order in orders[1:] if order.sequence == sequence]
        number = 1 if orders[0].sequence == sequence else 2
        name = f"{world.file.message_id}-{number}"
        assert name.encode() in world.file.content
        world.says(world.credit(name, sum(order.amount_cents for order in mine)))
    assert world.paid() == 3
    assert BankEntry.objects.filter(reason="direct_debit").count() == 2


def test_one_of_a_sum_that_comes_back_finds_its_payment_and_ends_its_mandate(world: World) -> None:
    world.says(world.credit("MW-DD-20260316-001"))
    order = DebitOrder.objects.order_by("end_to_end_id")[1]
    back = Line(
        -order.amount_cents - 300, "Rückgabe", name="X", end_to_end=order.end_to_end_id, reason="AC04",
        charges=300, day="2026-03-30",
    )  # fmt: skip
    told = world.says(back, day="2026-03-30")
    assert (told.matched.returned, told.matched.suspense) == (1, 0)
    returned = Fact.objects.get(kind=FactKind.PAYMENT_RETURNED)
    paid = Fact.objects.get(case_id=returned.case_id, kind=FactKind.PAYMENT_RECEIVED)
    assert (returned.case_id, returned.voids_fact_no) == (order.notice.case_id, paid.fact_no)
    assert DebitStatus.objects.get(order=order, word="returned").reason == "AC04"
    order.mandate.refresh_from_db()
    assert order.mandate.ended_on == date(2026, 3, 30)
    assert DebitMandate.objects.filter(ended_on__isnull=True).count() == 2


def test_two_debts_of_one_sum_in_one_case_are_both_booked(tenant_id: int, tmp_path: Path) -> None:
    twice = {"due_on": date(2026, 3, 12), "amount_cents": 5_000}
    made = plan_world.make(tenant_id, tmp_path, twice, twice)
    with made.on(ANNOUNCED) as book:
        direct_debits.add_mandate(
            book, made.reference, reference="M-1", creditor_identifier=plan_world.IDENTIFIER,
            signed_on=date(2026, 1, 5),
        )  # fmt: skip
    world = World(made, tmp_path)
    with made.on(date(2026, 3, 23)) as book:
        assert debit_files.book_credit(book, world.file.message_id, date(2026, 3, 23)) == (2, [])


def test_more_orders_ask_no_more_questions(tenant_id: int, tmp_path: Path) -> None:
    counts = []
    for key, count in (("few", 3), ("many", 60)):
        made = plan_world.many(tenant_id, tmp_path, count, key=key, due_on=date(2026, 3, 12))
        with made.on(ANNOUNCED) as book:
            direct_debits.announce(book, key, ANNOUNCED, told_by="post")
        with made.on(MADE) as book:
            file = debit_files.create(book, key, MADE)
        with CaptureQueriesContext(connection) as asked, made.on(date(2026, 3, 23)) as book:
            assert debit_files.book_credit(book, file.message_id, date(2026, 3, 23)) == (count, [])
        counts.append(len(asked))
    assert counts[1] <= counts[0] + 2  # rows are inserted some dozen a statement
