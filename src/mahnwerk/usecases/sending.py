"""Sending: decide → seal → effect → confirm → recover (docs/how-it-works).

Exactly once over plain SMTP is impossible: between the server's answer and our commit lies a gap. So
a message leaves at most once; what cannot be known is *uncertain*, visible, and never repeated by itself.
Files are named by their key, so there the answer can always be found.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mahnwerk.gateways import DeliveryUncertain, NotDelivered
from mahnwerk.records import crypto
from mahnwerk.records.models import Case, Message, MessageState
from mahnwerk.usecases import clock, day, letter_links, outbox, preparing
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.channels import Channels
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.preparing import Prepared

CHUNK: Final = 200
"""Messages prepared together: facts that come meanwhile send a message back to be asked anew."""
ROUNDS: Final = 3
"""How often a message is prepared again because its case moved; then it waits for the next sending."""


@dataclass
class SendReport:
    """What became of each message that was planned or had been interrupted."""

    on: dt.date
    is_dry_run: bool = False
    sent: int = 0
    withdrawn: int = 0
    held_back: int = 0
    failed: int = 0
    uncertain: int = 0
    postponed: int = 0
    recovered: int = 0
    sent_by_step: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, str]] = field(default_factory=list)

    @property
    def needs_person(self) -> bool:
        """Failed, uncertain or refused by the letter check."""
        return bool(self.failed or self.uncertain or self.held_back)


def send(
    book: OpenBook,
    on: dt.date,
    *,
    limit: int = 0,
    dry_run: bool = False,
    confirm_day: bool = False,
    channels: Channels | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SendReport:
    """Recover what was interrupted, then seal and send what is planned.

    Parameters
    ----------
    on : the day the messages bear; permits are asked for this day
    limit : at most so many messages; 0 = all
    channels : where to deliver; None = as the environment says

    Guarantees
    ----------
    Stopped anywhere and started again: nothing leaves twice, nothing is lost in silence.
    """
    day.guard(book, on, confirm_day=confirm_day)
    channels = channels or Channels.from_environment(book.place)
    worker = _Worker(book, on, channels, SendReport(on, is_dry_run=dry_run))
    if not dry_run:
        channels.files.sweep()
        worker.recover()
    waiting = _planned(book, on)[: limit or None]
    for start in range(0, len(waiting), CHUNK):
        worker.work(waiting[start : start + CHUNK])
        progress(min(start + CHUNK, len(waiting)), len(waiting))
    worker.finish()
    if not dry_run and (waiting or worker.report.recovered):
        note(book, "send", on=on, detail=_counts(worker.report))
    return worker.report


def settle(book: OpenBook, words: Sequence[str], on: dt.date) -> int:
    """Say what became of uncertain messages: each word is MESSAGE=sent or MESSAGE=failed.

    Raises
    ------
    BadInput, NotFound
        A word is malformed, or names no uncertain message of this book; or says failed of one that a worker
        may still be handing over: it would be sent again, and leave twice. Nothing is settled then.
    """
    chosen = []
    for word in words:
        public_id, _, state = word.partition("=")
        if state not in ("sent", "failed"):
            raise BadInput(f"{word!r} says neither sent nor failed.", "Write MESSAGE=sent or MESSAGE=failed.")
        message = Message.objects.filter(
            tenant_id=book.tenant_id, public_id=public_id, state=MessageState.UNCERTAIN
        ).first()
        if message is None:
            raise NotFound(f"there is no uncertain message {public_id!r}.", "`mahnwerk check` counts them.")
        if state == "failed" and message.lease_until is not None and message.lease_until > clock.now():
            raise BadInput(
                f"message {public_id}: the worker that had it may still be handing it over.",
                f"Look again after {message.lease_until:%H:%M} UTC; =sent may be said at once.",
            )
        chosen.append((message, state == "sent"))
    for message, is_sent in chosen:
        day_of = message.sealed_on or on
        if outbox.settle(book.tenant_id, message.id, message.fence, is_sent, day_of):
            detail = {"message_id": message.id, "is_sent": is_sent}
            note(book, "message_settled", on=on, case_id=message.case_id, detail=detail)
    return len(chosen)


def _counts(report: SendReport) -> dict[str, int]:
    names = ("sent", "withdrawn", "held_back", "failed", "uncertain", "postponed", "recovered")
    return {name: getattr(report, name) for name in names}


def _planned(book: OpenBook, on: dt.date) -> list[int]:
    rows = Message.objects.filter(tenant_id=book.tenant_id, state=MessageState.PLANNED, planned_on__lte=on)
    return list(rows.order_by("id").values_list("id", flat=True))


@dataclass
class _Worker:
    book: OpenBook
    on: dt.date
    channels: Channels
    report: SendReport
    steps: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    demanded: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def work(self, message_ids: Sequence[int]) -> None:
        """Prepare some messages together and send each; what moved meanwhile is prepared again."""
        waiting = list(message_ids)
        for _ in range(ROUNDS):
            batch = preparing.prepare(self.book, self.on, waiting, self.channels)
            if not self.report.is_dry_run:
                letter_links.keep(self.book, [one.pay_link for one in batch if one.pay_link])
            waiting = [prepared.message.id for prepared in batch if not self._one(prepared)]
            if not waiting:
                return
        self.report.postponed += len(waiting)

    def _one(self, prepared: Prepared) -> bool:
        """Send one message. False: its case moved, prepare it anew."""
        if prepared.refusal is not None:
            self._not_sent(prepared)
            return True
        if self.report.is_dry_run:
            self._count(prepared)
            return True
        sealing = prepared.sealing
        assert sealing is not None  # noqa: S101 - a prepared message has a refusal or a sealing
        reached("before seal")
        try:
            fence = outbox.seal(self.book.tenant_id, sealing)
        except outbox.CaseMoved:
            return False
        except crypto.Erased:
            outbox.withdraw(self.book.tenant_id, sealing.message_id, "person_erased")
            self.report.withdrawn += 1
            return True
        reached("after seal")
        if self._effect(prepared.message, sealing.message_id, fence, sealing.content, prepared.envelope):
            self._count(prepared)
        return True

    def _not_sent(self, prepared: Prepared) -> None:
        refusal = prepared.refusal
        assert refusal is not None  # noqa: S101 - asked only then
        if refusal.is_withdrawal:
            self.report.withdrawn += 1
        else:
            self.report.held_back += 1
            self._note(prepared.case_reference, refusal.what, refusal.remedy)
        if self.report.is_dry_run:
            return
        if refusal.permit is not None:
            outbox.refuse(self.book.tenant_id, prepared.message, refusal.permit)
        if refusal.is_withdrawal:
            outbox.withdraw(self.book.tenant_id, prepared.message.id, refusal.code)

    def _effect(
        self, message: Message, message_id: int, fence: int, content: bytes, envelope: Mapping[str, str]
    ) -> bool:
        """Take, deliver, confirm. True: it left now."""
        tenant_id = self.book.tenant_id
        if not outbox.take(tenant_id, message_id, fence):
            return False
        until = clock.now() + outbox.LEASE / 2  # well before another worker may take over
        reached("before effect")
        try:
            receipt = self.channels.deliver(envelope, content, until)
        except NotDelivered as refusal:
            self._not_delivered(message, message_id, fence, refusal)
            return False
        except DeliveryUncertain as doubt:
            outbox.mark_uncertain(tenant_id, message_id, fence, doubt.code, self.on)
            self._uncertain(message, doubt.code)
            return False
        reached("after effect")
        return outbox.confirm(tenant_id, message_id, fence, receipt.reference, self.on)

    def _not_delivered(self, message: Message, message_id: int, fence: int, refusal: NotDelivered) -> None:
        tenant_id, reference = self.book.tenant_id, _reference(message)
        if refusal.code == "name_taken":
            # Something was delivered under this key, but not these bytes: a person must look.
            outbox.mark_uncertain(tenant_id, message_id, fence, refusal.code, self.on)
            self._uncertain(message, refusal.code)
        elif refusal.is_permanent:
            outbox.mark_failed(tenant_id, message_id, fence, refusal.code, self.on)
            self.report.failed += 1
            self._note(reference, f"was refused ({refusal.code})", "correct the address, or write by post")
        else:
            outbox.unseal(tenant_id, message_id, fence, MessageState.SENDING, self.on)
            self.report.postponed += 1
            self._note(
                reference, f"could not be handed over ({refusal.code})", "mahnwerk send tries it again"
            )

    def recover(self) -> None:
        """Settle what an earlier worker left in the middle, once its lease has ended.

        Where the other side can be asked, its answer decides; where it cannot, the message is uncertain.
        A sealed message that nobody took over certainly has not left. Half-written letters are removed.
        """
        self.channels.files.sweep()
        expired = Message.objects.filter(
            tenant_id=self.book.tenant_id,
            state__in=[MessageState.SEALED, MessageState.SENDING],
            lease_until__lte=clock.now(),
        ).order_by("id")
        for message in expired:
            reached("before recovery")
            self._recover_one(message)
            self.report.recovered += 1

    def _recover_one(self, message: Message) -> None:
        tenant_id, on = self.book.tenant_id, message.sealed_on or self.on
        if message.state == MessageState.SEALED:
            outbox.unseal(tenant_id, message.id, message.fence, MessageState.SEALED, on)
            return
        if not self.channels.can_ask(message.gateway or ""):
            busy_until = clock.now() + outbox.HAND_OVER
            outbox.mark_uncertain(
                tenant_id, message.id, message.fence, "interrupted", on, busy_until=busy_until
            )
            self._uncertain(message, "interrupted")
            return
        content = self._sealed_content(message)
        receipt = content and self.channels.ask(
            preparing.file_key(message, _reference(message)), hashlib.sha256(content).hexdigest()
        )
        if receipt:
            if outbox.confirm(tenant_id, message.id, message.fence, receipt.reference, on):
                self.report.sent += 1
        else:
            outbox.unseal(tenant_id, message.id, message.fence, MessageState.SENDING, on)

    def _sealed_content(self, message: Message) -> bytes | None:
        try:
            return crypto.open_letter(
                self.book.tenant_id,
                message.recipient_id,
                message.id,
                message.file_name or "",
                message.bytes_hash or b"",
            )
        except crypto.Erased:
            return None

    def _uncertain(self, message: Message, code: str) -> None:
        self.report.uncertain += 1
        self._note(
            _reference(message),
            f"may or may not have left ({code})",
            "look for it at the mail server, then: "
            f"mahnwerk send --settle {message.public_id}=sent (or =failed)",
        )

    def _note(self, reference: str, what: str, remedy: str) -> None:
        if len(self.report.notes) < 50:
            self.report.notes.append({"case_reference": reference, "what": what, "remedy": remedy})

    def _count(self, prepared: Prepared) -> None:
        key = (prepared.message.step_id, prepared.message.channel, prepared.currency)
        self.report.sent += 1
        self.steps[key] += 1
        self.demanded[key] += prepared.demanded_cents

    def finish(self) -> None:
        """The table of what was sent, by step and channel."""
        self.report.sent_by_step = [
            {
                "step_id": step_id,
                "channel": channel,
                "currency": currency,
                "messages": count,
                "demanded_cents": self.demanded[step_id, channel, currency],
            }
            for (step_id, channel, currency), count in sorted(self.steps.items())
        ]


def _reference(message: Message) -> str:
    return str(Case.objects.values_list("case_reference", flat=True).get(id=message.case_id))
