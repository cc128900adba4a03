"""A debtor is told of a direct debit by a message; what was not told in time is not collected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from tests.usecases.conftest import FIRST

CASE = "M-000002"  # Bert Brandt owes 100 euro and has an e-mail address
IDENTIFIER = "DE98ZZZ09999999999"
IBAN = "DE89370400440532013000"
NEXT = FIRST + dt.timedelta(days=1)
TARGET = dt.date(2026, 4, 14)  # fourteen days after FIRST, a Tuesday


class Shop:
    """The kiosk with a mandate of Bert's; every verb is what happens on a day."""

    def __init__(self, book: Any, at: Callable[[int], None]) -> None:
        from mahnwerk.usecases import direct_debits

        self.book, self.at = book, at
        self.mandate(CASE, "M-42")
        assert direct_debits.NOTICE_DAYS == 14

    def mandate(self, case: str, reference: str) -> None:
        from mahnwerk.usecases import direct_debits

        direct_debits.add_mandate(
            self.book, case, reference=reference, creditor_identifier=IDENTIFIER,
            signed_on=dt.date(2026, 3, 1), iban=IBAN,
        )  # fmt: skip

    def on(self, day: dt.date) -> None:
        self.at((day - FIRST).days * 24)

    def announces(self, day: dt.date, **more: Any) -> list[Any]:
        from mahnwerk.usecases import direct_debits

        self.on(day)
        return direct_debits.announce(self.book, "kiosk", day, **more)

    def runs(self, day: dt.date) -> None:
        from mahnwerk.usecases import day as days

        self.on(day)
        days.run_day(self.book, day, confirm_day=True)

    def sends(self, day: dt.date) -> Any:
        from mahnwerk.usecases import sending

        self.on(day)
        return sending.send(self.book, day, confirm_day=True)

    def collects(self, day: dt.date) -> Any:
        from mahnwerk.usecases import debit_files

        self.on(day)
        return debit_files.create(self.book, "kiosk", day)

    def row(self, day: dt.date, case: str = CASE) -> Any:
        from mahnwerk.usecases import cases

        return next(r for r in cases.list_cases(self.book, day).rows if r["case_reference"] == case)

    def messages(self, case: str = CASE) -> list[Any]:
        from mahnwerk.records.models import Message

        mine = Message.objects.filter(tenant_id=self.book.tenant_id, case__case_reference=case)
        return list(mine.filter(step_id="debit_notice").order_by("id"))

    def letter(self, name: str) -> str:
        content = message_from_bytes((Path(self.book.place.outbox) / name).read_bytes())
        part = next(one for one in content.walk() if one.get_content_type() == "text/plain")
        return " ".join(part.get_payload(decode=True).decode().split())  # type: ignore[union-attr]


@pytest.fixture
def shop(kiosk: Any, at: Callable[[int], None]) -> Shop:
    return Shop(kiosk, at)


def test_the_debtor_is_told_once_and_collected_from_on_the_day_told(shop: Shop) -> None:
    from mahnwerk.usecases.why import why

    (told,) = shop.announces(FIRST)
    assert (told.told_by, told.collect_on) == ("message", TARGET)
    assert shop.row(FIRST)["reason"] == "debit_notice"
    shop.runs(FIRST)
    (planned,) = shop.messages()
    assert (planned.state, planned.demanded_cents, planned.fee_cents) == ("planned", 100_00, 0)
    assert (planned.is_dunning, planned.level, planned.channel) == (False, 0, "email")
    shop.sends(FIRST)
    text = shop.letter(f"{CASE}_debit_notice_1.eml")
    for words in (
        "am 14. April 2026 buchen wir 100,00 € von Ihrem Konto ab, dessen IBAN auf 3000 endet",
        "Mandat M-42",
        IDENTIFIER,
        "Rechnung R-3",
        "widersprechen",
        "einen anderen Tag",
        "keine Mahnung. Sie kostet Sie nichts.",
    ):
        assert words in text
    assert "DE89" not in text
    shop.runs(FIRST)
    shop.sends(FIRST)
    shop.runs(NEXT)
    assert shop.sends(NEXT).sent == 0
    (sent,) = shop.messages()
    assert sent.state == "sent"
    row = shop.row(NEXT)
    assert (row["reason"], row["detail"]) == ("hold", "direct_debit")
    assert any(message["step_id"] == "debit_notice" for message in why(shop.book, CASE, NEXT).messages)
    view = shop.collects(dt.date(2026, 4, 8))
    assert (view.order_count, view.skipped, view.moved) == (1, [], [])
    assert b"2026-04-14" in view.content


def test_what_has_not_left_is_not_collected(shop: Shop) -> None:
    from mahnwerk.usecases.errors import BadInput

    shop.announces(FIRST)
    with pytest.raises(BadInput, match="has not left yet"):
        shop.collects(dt.date(2026, 4, 8))
    shop.runs(dt.date(2026, 4, 8))
    with pytest.raises(BadInput, match="has not left yet"):
        shop.collects(dt.date(2026, 4, 8))  # planned is not sent


def test_a_message_that_leaves_late_names_a_later_day_and_moves_the_collection(shop: Shop) -> None:
    from mahnwerk.records.models import DebitOrder, Fact

    shop.announces(FIRST)
    late = dt.date(2026, 4, 9)
    shop.runs(late)
    shop.sends(late)
    (sent,) = shop.messages()
    assert sent.pay_by == dt.date(2026, 4, 23)
    assert "am 23. April 2026" in shop.letter(f"{CASE}_debit_notice_1.eml")
    # The first day has passed; the second is waited for, and nobody is dunned meanwhile.
    assert shop.row(dt.date(2026, 4, 29))["detail"] == "direct_debit"
    view = shop.collects(dt.date(2026, 4, 20))
    (moved,) = view.moved
    assert "2026-04-23 instead of 2026-04-14" in moved
    assert DebitOrder.objects.get().collect_on == dt.date(2026, 4, 23)
    deferred = Fact.objects.filter(code="direct_debit", until_on=dt.date(2026, 4, 23))
    assert deferred.exists()
    assert shop.row(dt.date(2026, 4, 29))["detail"] == "direct_debit"


def test_a_permit_is_asked_again_when_the_message_leaves(shop: Shop) -> None:
    from mahnwerk.usecases import direct_debits, facts

    shop.announces(FIRST)
    shop.runs(FIRST)
    facts.add(shop.book, CASE, "dispute_raised", on=FIRST)
    assert shop.sends(FIRST).withdrawn == 1
    facts.add(shop.book, CASE, "dispute_resolved", on=NEXT)
    shop.runs(NEXT)
    direct_debits.end_mandate(shop.book, CASE, NEXT)
    shop.sends(NEXT)
    assert {message.state for message in shop.messages()} == {"withdrawn"}


def test_what_is_paid_meanwhile_is_told_with_what_is_left(shop: Shop) -> None:
    from mahnwerk.usecases import facts

    shop.announces(FIRST)
    facts.add(shop.book, CASE, "payment_received", on=FIRST, amount="60")
    shop.runs(FIRST)
    shop.sends(FIRST)
    (sent,) = shop.messages()
    assert sent.demanded_cents == 40_00


def test_a_message_that_came_back_was_told_to_nobody_and_goes_another_way(shop: Shop) -> None:
    from mahnwerk.frames import FactKind
    from mahnwerk.records import facts
    from mahnwerk.usecases.errors import BadInput

    shop.announces(FIRST)
    shop.runs(FIRST)
    shop.sends(FIRST)
    (sent,) = shop.messages()
    back = {"case_id": sent.case_id, "kind": FactKind.MESSAGE_BOUNCED, "effective_on": NEXT}
    facts.append(shop.book.tenant_id, [{**back, "message_id": sent.id}], recorded_at=sent.sealed_at)
    with pytest.raises(BadInput, match="has not left yet"):
        shop.collects(dt.date(2026, 4, 8))
    shop.runs(NEXT)
    shop.sends(NEXT)
    again = shop.messages()[-1]
    assert (again.channel, again.attempt, again.state) == ("post", 2, "sent")
    assert again.pay_by == dt.date(2026, 4, 15)


def test_who_tells_by_hand_says_so_also_instead_of_a_message(shop: Shop) -> None:
    from mahnwerk.records.models import DebitNotice
    from mahnwerk.usecases.errors import BadInput

    shop.announces(FIRST)
    with pytest.raises(BadInput, match="no way to tell"):
        shop.announces(NEXT, told_by="pigeon")
    (told,) = shop.announces(NEXT, told_by="phone", cases=[CASE])
    assert (told.told_by, told.collect_on) == ("phone", dt.date(2026, 4, 15))
    assert [notice.told_by for notice in DebitNotice.objects.order_by("attempt")] == ["message", "phone"]
    shop.runs(NEXT)
    assert shop.messages() == []
    assert shop.announces(NEXT, told_by="phone") == [told]
    assert b"2026-04-15" in shop.collects(dt.date(2026, 4, 8)).content


def test_notices_recorded_before_count_as_told(shop: Shop) -> None:
    from mahnwerk.records.models import Case, DebitMandate, DebitNotice

    case = Case.objects.get(case_reference=CASE)
    DebitNotice.objects.create(
        tenant_id=shop.book.tenant_id, mandate=DebitMandate.objects.get(), case=case,
        claim_id=case.claims.get().id, attempt=1, amount_cents=100_00, notified_on=dt.date(2026, 3, 24),
        collect_on=dt.date(2026, 4, 7),
    )  # fmt: skip
    shop.runs(FIRST)
    assert shop.messages() == []
    assert b"2026-04-07" in shop.collects(FIRST).content


def test_two_invoices_of_one_day_are_told_in_one_message_and_a_let_day_is_announced_anew(shop: Shop) -> None:
    shop.mandate("M-000001", "M-41")
    shop.announces(FIRST)
    shop.runs(FIRST)
    shop.sends(FIRST)
    (sent,) = shop.messages("M-000001")
    assert (sent.channel, sent.demanded_cents) == ("post", 100_00)
    later = dt.date(2026, 4, 24)  # nobody collected on 14 April
    assert {row.case_reference for row in shop.announces(later)} == {CASE, "M-000001"}


def test_a_returned_instalment_is_announced_by_a_message_before_it_is_collected_again(
    shop: Shop, tmp_path: Path
) -> None:
    from mahnwerk.records.models import DebitOrder, DebitStatus
    from mahnwerk.usecases import debit_files, plans
    from mahnwerk.usecases.plan_asks import read_ask

    ask = read_ask("25", first_on=dt.date(2026, 4, 14), by_debit=True)
    plans.agree(shop.book, CASE, ask=ask, on=FIRST)
    assert shop.announces(FIRST) == []  # the plan told each day and sum
    shop.collects(dt.date(2026, 4, 10))
    order = DebitOrder.objects.get()
    shop.on(dt.date(2026, 4, 14))
    debit_files.book_credit(shop.book, order.file.message_id, dt.date(2026, 4, 14))
    shop.on(dt.date(2026, 4, 16))
    debit_files.refuse_orders(shop.book, order.file, {order: "AM04"}, dt.date(2026, 4, 16))
    assert DebitStatus.objects.filter(word="returned").count() == 1
    day = dt.date(2026, 4, 17)
    (told,) = shop.announces(day)
    assert told.what == "Rate 1"
    shop.runs(day)
    shop.sends(day)
    (sent,) = shop.messages()
    assert (sent.demanded_cents, sent.pay_by) == (25_00, dt.date(2026, 5, 4))
    assert "Rate Nr. 1" in shop.letter(f"{CASE}_debit_notice_1.eml")
    view = shop.collects(dt.date(2026, 4, 27))
    assert view.sum_cents == 25_00
    assert b"2026-05-04" in view.content


def test_a_case_nobody_can_write_to_is_held_for_that_and_not_collected(shop: Shop) -> None:
    from mahnwerk.usecases import facts

    facts.add(shop.book, CASE, "contact_banned", on=FIRST, code="email")
    facts.add(shop.book, CASE, "address_unknown", on=FIRST)
    shop.announces(FIRST)
    shop.runs(FIRST)
    assert shop.messages() == []
    assert shop.row(FIRST)["reason"] == "no_address"
