"""E-mails: the same bytes each time, nothing smuggled into headers."""

from __future__ import annotations

import datetime as dt
from email import message_from_bytes
from email.policy import default

import pytest

from mahnwerk.usecases.envelopes import Envelope, build, message_id

WRITTEN = dt.datetime(2026, 3, 1, 8, 30, tzinfo=dt.UTC)


def make(**changes: str) -> bytes:
    names = {
        "sender_name": "Möbel Grün GmbH",
        "sender_email": "rechnung@moebel-gruen.example",
        "recipient_name": "Frau Dr. Łucja Öztürk",
        "recipient_email": "kundin@example.org",
        **{key: value for key, value in changes.items() if key != "subject"},
    }
    return build(
        Envelope(**names),
        subject=changes.get("subject", "Zahlungserinnerung: Rechnung 4711"),
        text="Guten Tag,\n" + "ä" * 2000,
        html="<p>Guten Tag</p>",
        pdf=b"%PDF-1.7 \xff\n",
        pdf_name="MW-1.pdf",
        identifier=message_id("1:2:reminder:1", "moebel-gruen.example"),
        written_at=WRITTEN,
    )


def test_the_same_letter_gives_the_same_bytes() -> None:
    assert make() == make()
    assert message_id("a", "x.example") != message_id("b", "x.example")


def test_names_text_and_attachment_survive() -> None:
    raw = make()
    raw.decode("ascii")
    assert b"\r\n" in raw
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = message_from_bytes(raw, policy=default)
    assert message["From"] == "Möbel Grün GmbH <rechnung@moebel-gruen.example>"
    assert message["To"].addresses[0].display_name == "Frau Dr. Łucja Öztürk"
    assert message["Subject"] == "Zahlungserinnerung: Rechnung 4711"
    assert message.get_body(("plain",)).get_content().startswith("Guten Tag,\r\nää")
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "MW-1.pdf"
    assert attachment.get_content() == b"%PDF-1.7 \xff\n"


def test_line_ends_in_names_and_subject_add_no_header() -> None:
    raw = make(recipient_name="Eve\r\nBcc: all@example.org", subject="Hallo\r\nBcc: x@example.org")
    message = message_from_bytes(raw, policy=default)
    assert message["Bcc"] is None


@pytest.mark.parametrize("address", ["", "ohne-at", "a@b\r\nBcc: c@d", "ä@example.org", "a@b,c@d"])
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValueError, match="is not one") as refusal:
        make(recipient_email=address)
    assert address not in str(refusal.value) or not address
