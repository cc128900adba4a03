"""E-mail messages from finished letters: the same bytes for the same letter, key and time."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

_POLICY = SMTP.clone(cte_type="7bit", max_line_length=998, raise_on_defect=True)


@dataclass(frozen=True)
class Envelope:
    """Who writes to whom. Names may hold anything; addresses are plain ASCII."""

    sender_name: str
    sender_email: str
    recipient_name: str
    recipient_email: str
    reply_to: str = ""


def message_id(key: str, domain: str) -> str:
    """The `Message-ID` of an outbox key: it tells nothing, and the same key gives the same id."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def build(
    envelope: Envelope,
    *,
    subject: str,
    text: str,
    html: str,
    pdf: bytes,
    pdf_name: str,
    identifier: str,
    written_at: dt.datetime,
) -> bytes:
    """One message with text, HTML and the letter as PDF, CRLF line ends, 7 bit.

    Raises
    ------
    ValueError
        An address cannot be an address (also: holds line ends), or a header would break.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(envelope.sender_name, envelope.sender_email)
    message["To"] = _address(envelope.recipient_name, envelope.recipient_email)
    if envelope.reply_to:
        message["Reply-To"] = _address("", envelope.reply_to)
    message["Subject"] = " ".join(subject.split())
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = identifier
    # Automatic messages must not be answered by automatic messages (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    if html:
        message.add_alternative(html, subtype="html", cte="quoted-printable")
    message.add_attachment(pdf, maintype="application", subtype="pdf", filename=pdf_name)
    seed = hashlib.sha256(identifier.encode()).hexdigest()
    multiparts = [part for part in message.walk() if part.is_multipart()]
    for number, part in enumerate(multiparts):
        part.set_boundary(f"=_{number}_{seed[:32]}")
    return message.as_bytes()


def _address(name: str, email: str) -> Address:
    local, at, domain = email.rpartition("@")
    if not at or not local or not domain or not email.isascii() or any(c in email for c in " \r\n\0<>,;"):
        # The address itself stays out of the message: it would end up in logs.
        raise ValueError("the e-mail address is not one")
    return Address(" ".join(name.split()), local, domain)
