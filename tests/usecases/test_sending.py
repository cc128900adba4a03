"""Sending: asked again at the seal, at most once, and what is unknown is shown."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.usecases.conftest import FIRST

from mahnwerk.gateways import DeliveryUncertain, NotDelivered, Receipt
from mahnwerk.gateways.files import FileGateway

DAY = dt.timedelta(days=1)


class FakeMail:
    """A mail server: accepts, refuses, or leaves us without an answer."""

    name = "smtp"

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.trouble: Exception | None = None

    def deliver(self, content: bytes, sender: str, recipient: str) -> Receipt:
        if self.trouble is not None:
            raise self.trouble
        self.taken.append(recipient)
        return Receipt("250 taken")


@pytest.fixture
def planned(kiosk: Any) -> Any:
    from mahnwerk.usecases import day

    day.run_day(kiosk, FIRST)
    return kiosk


def send(book: Any, on: dt.date = FIRST, mail: FakeMail | None = None, **options: Any) -> Any:
    from mahnwerk.usecases import sending
    from mahnwerk.usecases.channels import Channels

    return sending.send(book, on, channels=Channels(FileGateway(book.place.outbox), mail), **options)  # type: ignore[arg-type]


def states(book: Any) -> dict[str, str]:
    from mahnwerk.records.models import Message

    rows = Message.objects.filter(tenant_id=book.tenant_id)
    return dict(rows.order_by("case__case_no", "id").values_list("case__case_reference", "state"))


def kinds(book: Any) -> list[str]:
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import Fact

    rows = Fact.objects.filter(tenant_id=book.tenant_id, message__isnull=False)
    return sorted(FactKind(kind).name for kind in rows.values_list("kind", flat=True))


def test_each_message_is_a_file_and_a_fact_and_leaves_once(planned: Any) -> None:
    assert send(planned).sent == 3
    files = sorted(path.name for path in planned.place.outbox.iterdir())
    assert files == [
        "M-000001_payment_reminder_1.pdf",
        "M-000002_payment_reminder_1.eml",
        "M-000003_payment_reminder_1.eml",
    ]
    assert (planned.place.outbox / files[0]).read_bytes().startswith(b"%PDF")
    assert set(states(planned).values()) == {"sent"}
    assert kinds(planned) == ["MESSAGE_SENT"] * 3
    assert send(planned).sent == 0


def test_a_payment_before_the_seal_stops_the_letter(planned: Any) -> None:
    from mahnwerk.usecases import facts

    facts.add(planned, "M-000003", "payment_received", on=FIRST, amount="990,00", invoice_number="R-4")
    report = send(planned)
    assert (report.sent, report.withdrawn) == (2, 1)
    assert states(planned)["M-000003"] == "withdrawn"
    assert not (planned.place.outbox / "M-000003_payment_reminder_1.eml").exists()


def test_a_fact_between_permit_and_seal_sends_the_message_back_to_be_asked(
    planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mahnwerk.usecases import facts, outbox

    seal, calls = outbox.seal, []

    def seal_after_payment(tenant_id: int, sealing: Any) -> int:
        calls.append(sealing.message_id)
        if len(calls) == 1:
            facts.add(planned, "M-000001", "payment_received", on=FIRST, amount="84,90", invoice_number="R-1")
        return seal(tenant_id, sealing)

    monkeypatch.setattr(outbox, "seal", seal_after_payment)
    report = send(planned)
    assert report.sent == 3
    assert len(calls) == 4
    assert report.sent_by_step[1]["demanded_cents"] == 1510


def test_no_answer_is_uncertain_visible_and_never_repeated(planned: Any) -> None:
    from mahnwerk.usecases import day

    mail = FakeMail()
    mail.trouble = DeliveryUncertain("connection_lost_in_data")
    report = send(planned, mail=mail)
    assert (report.sent, report.uncertain) == (1, 2)
    assert "--settle" in report.notes[0]["remedy"]
    assert kinds(planned).count("MESSAGE_UNCERTAIN") == 2
    mail.trouble = None
    assert send(planned, mail=mail).sent == 0
    assert mail.taken == []
    later = day.run_day(planned, FIRST + 30 * DAY)
    assert {"uncertain_message", "disputed"} <= {row["reason"] for row in later.held}


def test_a_person_settles_what_is_uncertain(planned: Any) -> None:
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import sending
    from mahnwerk.usecases.errors import BadInput, NotFound

    mail = FakeMail()
    mail.trouble = DeliveryUncertain("connection_lost_in_data")
    send(planned, mail=mail)
    public_ids = list(
        Message.objects.filter(tenant_id=planned.tenant_id, state="uncertain").values_list(
            "public_id", flat=True
        )
    )
    with pytest.raises(BadInput, match="neither sent nor failed"):
        sending.settle(planned, [f"{public_ids[0]}=maybe"], FIRST)
    with pytest.raises(NotFound, match="no uncertain message"):
        sending.settle(planned, ["nonsense=sent"], FIRST)
    assert sending.settle(planned, [f"{public_ids[0]}=sent", f"{public_ids[1]}=failed"], FIRST) == 2
    assert sorted(states(planned).values()) == ["failed", "sent", "sent"]


def test_a_letter_half_written_by_a_dead_process_does_not_lie_about(planned: Any) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = planned.place.outbox / "payouts" / f".M-000001_payment_reminder_1-1.pdf.{dead.pid}.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"%PDF-1.7 somebody's letter, in clear")
    send(planned)
    assert not left.exists()
    assert not list(planned.place.outbox.rglob(".*"))


def test_what_never_left_is_tried_again_by_the_next_run(planned: Any) -> None:
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import day

    mail = FakeMail()
    mail.trouble = NotDelivered("smtp_recipient_refused:550", is_permanent=True)
    report = send(planned, mail=mail)
    assert (report.sent, report.failed) == (1, 2)
    day.run_day(planned, FIRST + DAY)
    again = Message.objects.filter(tenant_id=planned.tenant_id, attempt=2)
    assert list(again.values_list("channel", "state")) == [("post", "planned")] * 2
    assert send(planned, FIRST + DAY, mail).sent == 2
    assert (planned.place.outbox / "M-000002_payment_reminder_1-2.pdf").exists()


def test_a_server_that_is_down_postpones_and_books_no_cost(planned: Any) -> None:
    mail = FakeMail()
    mail.trouble = NotDelivered("smtp_not_reached", is_permanent=False)
    assert send(planned, mail=mail).postponed == 2
    assert sorted(states(planned).values()) == ["planned", "planned", "sent"]
    mail.trouble = None
    assert send(planned, mail=mail).sent == 2
    assert sorted(mail.taken) == ["bert@example.org", "rechnung@example.com"]


def test_a_worker_that_slept_changes_nothing(planned: Any, at: Callable[[int], None]) -> None:
    """Its lease ends, another worker takes over, then it wakes: its fence is outdated."""
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import outbox, preparing
    from mahnwerk.usecases.channels import Channels

    channels = Channels(FileGateway(planned.place.outbox))
    first = Message.objects.filter(tenant_id=planned.tenant_id).order_by("id")[0]
    (prepared,) = preparing.prepare(planned, FIRST, [first.id], channels)
    fence = outbox.seal(planned.tenant_id, prepared.sealing)
    at(1)
    assert not outbox.take(planned.tenant_id, first.id, fence)
    report = send(planned)
    assert (report.recovered, report.sent) == (1, 3)
    assert not outbox.confirm(planned.tenant_id, first.id, fence, "late", FIRST)
    assert not outbox.mark_uncertain(planned.tenant_id, first.id, fence, "late", FIRST)
    assert set(states(planned).values()) == {"sent"}


def test_a_message_still_in_a_workers_hands_is_not_settled_as_failed(
    planned: Any, at: Callable[[int], None]
) -> None:
    """It stands in the middle of the data; said to have failed, it would be sent anew, and leave twice."""
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import sending
    from mahnwerk.usecases.errors import BadInput

    class Slow(FakeMail):
        def deliver(self, content: bytes, sender: str, recipient: str) -> Receipt:
            if not self.taken:
                self.taken.append(recipient)
                at(1)  # its lease has ended; somebody else recovers, and a person is told
                assert send(planned, mail=FakeMail()).uncertain == 1
                held = Message.objects.get(tenant_id=planned.tenant_id, state="uncertain")
                with pytest.raises(BadInput, match="may still be handing it over"):
                    sending.settle(planned, [f"{held.public_id}=failed"], FIRST)
                assert states(planned)["M-000002"] == "uncertain"
            return Receipt("250 taken")

    mail = Slow()
    send(planned, mail=mail)
    held = Message.objects.get(tenant_id=planned.tenant_id, state="uncertain")
    assert mail.taken == ["bert@example.org"]
    at(2)  # whoever had it has long been answered or cut off
    assert sending.settle(planned, [f"{held.public_id}=failed"], FIRST) == 1


def test_that_it_left_may_be_said_at_once(planned: Any, at: Callable[[int], None]) -> None:
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import outbox, preparing, sending
    from mahnwerk.usecases.channels import Channels

    mail = FakeMail()
    channels = Channels(FileGateway(planned.place.outbox), mail)  # type: ignore[arg-type]
    first = Message.objects.filter(tenant_id=planned.tenant_id, channel="email").order_by("id")[0]
    (prepared,) = preparing.prepare(planned, FIRST, [first.id], channels)
    fence = outbox.seal(planned.tenant_id, prepared.sealing)
    assert outbox.take(planned.tenant_id, first.id, fence)
    at(1)
    assert send(planned, mail=mail).uncertain == 1
    assert sending.settle(planned, [f"{first.public_id}=sent"], FIRST) == 1


@pytest.mark.parametrize("was_delivered", [True, False])
def test_an_interrupted_file_is_asked_for(
    planned: Any, at: Callable[[int], None], was_delivered: bool
) -> None:
    from mahnwerk.records.models import Message
    from mahnwerk.usecases import outbox, preparing
    from mahnwerk.usecases.channels import Channels

    channels = Channels(FileGateway(planned.place.outbox))
    first = Message.objects.filter(tenant_id=planned.tenant_id, channel="post").get()
    (prepared,) = preparing.prepare(planned, FIRST, [first.id], channels)
    fence = outbox.seal(planned.tenant_id, prepared.sealing)
    assert outbox.take(planned.tenant_id, first.id, fence)
    if was_delivered:
        channels.deliver(prepared.envelope, prepared.sealing.content, dt.datetime.max.replace(tzinfo=dt.UTC))
    at(1)
    report = send(planned)
    assert (report.recovered, report.sent) == (1, 3)
    fences = Message.objects.filter(id=first.id).values_list("fence", flat=True)
    assert list(fences) == [1 if was_delivered else 2]
    assert kinds(planned) == ["MESSAGE_SENT"] * 3


def test_without_account_and_contact_nothing_leaves(opened: Any, folder: Path) -> None:
    from mahnwerk.usecases import day, imports

    imports.import_files(opened, [folder / "kiosk.csv"])
    day.run_day(opened, FIRST)
    report = send(opened)
    assert (report.sent, report.held_back) == (0, 4)
    assert "lacks address, iban, contact.person" in report.notes[0]["what"]
    assert set(states(opened).values()) == {"planned"}


def test_dry_run_sends_nothing(planned: Any) -> None:
    report = send(planned, dry_run=True)
    assert report.sent == 3
    assert set(states(planned).values()) == {"planned"}
    assert not planned.place.outbox.exists()


def test_half_a_letter_of_a_dead_worker_does_not_lie_about(planned: Any) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    planned.place.outbox.mkdir(mode=0o700)
    half = planned.place.outbox / f".M-000001_payment_reminder_1.pdf.{child.pid}.part"
    half.write_bytes(b"%PDF")
    assert send(planned).sent == 3
    assert not half.exists()


def test_a_worker_that_slept_in_the_delivery_does_not_deliver(
    planned: Any, at: Callable[[int], None]
) -> None:
    """While it slept, another found that the letter had not left; then the debtor paid."""
    from mahnwerk.usecases import facts, sending
    from mahnwerk.usecases.channels import Channels

    slept = []

    def sleep(name: str) -> None:
        if name == "before file rename" and not slept:
            slept.append(name)
            at(1)
            facts.add(planned, "M-000001", "payment_received", on=FIRST, amount="100,00")
            assert send(planned).withdrawn == 1

    sending.send(planned, FIRST, channels=Channels(FileGateway(planned.place.outbox, sleep)))
    assert slept
    assert not (planned.place.outbox / "M-000001_payment_reminder_1.pdf").exists()
    assert states(planned)["M-000001"] == "withdrawn"
