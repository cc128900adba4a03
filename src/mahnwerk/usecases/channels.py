"""Which gateway carries which message: letters as files, e-mails by SMTP or as files."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings

from mahnwerk.frames import Channel
from mahnwerk.gateways import Checkpoint, NotDelivered, Receipt
from mahnwerk.gateways.files import FileGateway
from mahnwerk.gateways.mail import MailGateway, SmtpSettings
from mahnwerk.usecases import clock
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.errors import UnsafeStart
from mahnwerk.usecases.failpoints import reached

SMTP_VARIABLE: Final = "MAHNWERK_SMTP_URL"
_SECURITY: Final = {"smtp": "none", "smtp+starttls": "starttls", "smtps": "tls"}
POINTS_OF_NO_RETURN: Final = ("before file rename", "before smtp data")
_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True)
class Channels:
    """Where messages go. Without a mail server e-mails are written as `.eml` files."""

    files: FileGateway
    mail: MailGateway | None = None

    @classmethod
    def from_environment(cls, place: BookPlace) -> Channels:
        """The book's outbox, and the mail server of `MAHNWERK_SMTP_URL` if set.

        Raises
        ------
        UnsafeStart
            The URL cannot be used; it is not repeated, since it may hold a password.
        """
        url = os.environ.get(SMTP_VARIABLE, "")
        files = FileGateway(place.outbox, checkpoint=reached)
        return cls(files, MailGateway(smtp_settings(url), checkpoint=reached) if url else None)

    def gateway_of(self, channel: str) -> str:
        """Name of the gateway that carries this channel."""
        is_mail = channel == Channel.EMAIL and self.mail is not None
        return MailGateway.name if is_mail else FileGateway.name

    def can_ask(self, gateway: str) -> bool:
        """Can this gateway say afterwards whether a message left?"""
        return gateway == FileGateway.name

    def ask(self, key: str, sha256: str) -> Receipt | None:
        """The receipt of a file delivered under this key with these bytes; None = certainly not."""
        return self.files.ask(key, sha256)

    def deliver(self, envelope: Mapping[str, str], content: bytes, until: dt.datetime) -> Receipt:
        """Carry the sealed bytes out. `envelope` names gateway, key, and for mail sender and recipient.

        A worker that slept past `until` stops before the point of no return (NotDelivered): another may
        have found that the message did not leave, and have decided anew.
        """
        if envelope["gateway"] == FileGateway.name:
            files = replace(self.files, checkpoint=_awake(self.files.checkpoint, until))
            return files.deliver(envelope["key"], content)
        if self.mail is None:
            raise UnsafeStart(f"{SMTP_VARIABLE} is not set, but a message was sealed for the mail server.")
        mail = self.mail
        if isinstance(mail, MailGateway):
            mail = replace(mail, checkpoint=_awake(mail.checkpoint, until))
        return mail.deliver(content, envelope["sender"], envelope["recipient"])


def _awake(checkpoint: Checkpoint, until: dt.datetime) -> Checkpoint:
    """The checkpoint, refusing to go on where the effect would come too late."""

    def check(name: str) -> None:
        checkpoint(name)
        if name in POINTS_OF_NO_RETURN and clock.now() >= until:
            raise NotDelivered("lease_ended", is_permanent=False)

    return check


def _is_here(host: str) -> bool:
    """Whether a host is this machine itself; a name other than localhost may lead anywhere."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def smtp_settings(url: str) -> SmtpSettings:
    """Settings from `smtp+starttls://user:password@host:587?timeout=30` (also smtp://, smtps://).

    Raises
    ------
    UnsafeStart
        The URL cannot be used, or (in production) would show its password to the network.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS[parts.scheme]
        security = _SECURITY[parts.scheme]
        timeout = float(parse_qs(parts.query).get("timeout", ["30"])[0])
    except (KeyError, ValueError):
        port, security, timeout = 0, "", 0.0
    if not parts.hostname or not port or not 0 < timeout <= 300:
        raise UnsafeStart(
            f"{SMTP_VARIABLE} cannot be used.",
            "It must look like smtp+starttls://user:password@host:587 (or smtps://; smtp:// = unencrypted).",
        )
    if security == "none" and parts.password and settings.IS_PRODUCTION and not _is_here(parts.hostname):
        raise UnsafeStart(
            f"{SMTP_VARIABLE} would send its password over the network unencrypted.",
            "Write smtp+starttls:// or smtps://; smtp:// with a password may only name this machine.",
        )
    return SmtpSettings(
        parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""), security, timeout
    )
