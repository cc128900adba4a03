"""SMTP against a server on loopback: delivered, refused, and the case nobody can know."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from mahnwerk.gateways import DeliveryUncertain, NotDelivered
from mahnwerk.gateways.mail import MailGateway, SmtpSettings


class Inbox:
    """Keeps what it accepts; answers as it is told to."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.answer_to_data = "250 taken"
        self.answer_to_recipient = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.answer_to_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_to_recipient

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer_to_data.startswith("250"):
            self.messages.append(envelope.original_content)
        return self.answer_to_data


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, MailGateway]]:
    handler = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, MailGateway(SmtpSettings("127.0.0.1", port, security="none", timeout_seconds=5))
    finally:
        controller.stop()


MESSAGE = b"Message-ID: <a-1@mahnwerk>\nSubject: Offene Rechnung\n\nGuten Tag\n.\nEnde\n"


def test_a_message_arrives_whole_with_proper_line_ends(inbox: tuple[Inbox, MailGateway]) -> None:
    handler, gateway = inbox
    receipt = gateway.deliver(MESSAGE, "shop@example.org", "kunde@example.org")
    assert receipt.reference.startswith("250")
    assert handler.messages == [MESSAGE.replace(b"\n", b"\r\n")]


@pytest.mark.parametrize(("answer", "permanent"), [("550 no such box", True), ("451 try later", False)])
def test_a_refused_recipient_is_certainly_not_delivered(
    inbox: tuple[Inbox, MailGateway], answer: str, permanent: bool
) -> None:
    handler, gateway = inbox
    handler.answer_to_recipient = answer
    with pytest.raises(NotDelivered) as refusal:
        gateway.deliver(MESSAGE, "shop@example.org", "kunde@example.org")
    assert refusal.value.code == f"smtp_recipient_refused:{answer[:3]}"
    assert refusal.value.is_permanent is permanent
    assert handler.messages == []


def test_refused_after_data_is_certainly_not_delivered(inbox: tuple[Inbox, MailGateway]) -> None:
    handler, gateway = inbox
    handler.answer_to_data = "554 spam"
    with pytest.raises(NotDelivered) as refusal:
        gateway.deliver(MESSAGE, "shop@example.org", "kunde@example.org")
    assert refusal.value.code == "smtp_data_refused:554"


def test_no_server_is_certainly_not_delivered() -> None:
    gateway = MailGateway(SmtpSettings("127.0.0.1", 1, security="none", timeout_seconds=1))
    with pytest.raises(NotDelivered) as refusal:
        gateway.deliver(MESSAGE, "shop@example.org", "kunde@example.org")
    assert refusal.value.code == "smtp_not_reached"
    assert not refusal.value.is_permanent


@pytest.mark.parametrize("address", ["a@b\r\nRCPT TO:<c@d>", "a b@c", "<a@b>", "a@b\0"])
def test_an_address_cannot_carry_commands(address: str) -> None:
    gateway = MailGateway(SmtpSettings("127.0.0.1", 1, security="none"))
    with pytest.raises(NotDelivered) as refusal:
        gateway.deliver(MESSAGE, "shop@example.org", address)
    assert refusal.value.code == "address_malformed"


def test_a_line_that_breaks_in_the_data_is_uncertain() -> None:
    """The server says 354, reads, and hangs up without an answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        line, _ = listener.accept()
        with line, line.makefile("rwb", buffering=0) as stream:
            stream.write(b"220 hello\r\n")
            for answer in (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                stream.readline()
                stream.write(answer)
            while stream.readline() not in (b".\r\n", b""):
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    gateway = MailGateway(SmtpSettings("127.0.0.1", port, security="none", timeout_seconds=5))
    with pytest.raises(DeliveryUncertain):
        gateway.deliver(MESSAGE, "shop@example.org", "kunde@example.org")
    thread.join(5)
    listener.close()
