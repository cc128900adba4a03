"""E-mail by SMTP.

Between the server's answer to our data and our own note of it lies a gap no code can close
(RFC 1047). So a message is handed over at most once, and what cannot be known is said to be so.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass, field

from mahnwerk.gateways import Checkpoint, DeliveryUncertain, NotDelivered, Receipt, no_checkpoint

_BARE_LINE_END = re.compile(rb"\r?\n|\r(?!\n)")


@dataclass(frozen=True)
class SmtpSettings:
    """Where and how to hand over mail. `security` is none, starttls or tls."""

    host: str
    port: int = 587
    user: str = ""
    password: str = field(default="", repr=False)
    security: str = "starttls"
    timeout_seconds: float = 30.0


@dataclass(frozen=True)
class MailGateway:
    """Hands finished messages to one SMTP server. It cannot be asked what became of them."""

    settings: SmtpSettings
    checkpoint: Checkpoint = no_checkpoint
    name = "smtp"
    can_be_asked = False

    def deliver(self, message: bytes, sender: str, recipient: str) -> Receipt:
        """Hand over one message, which carries its own `Message-ID`.

        Raises
        ------
        NotDelivered
            The server was not reached, or refused before or after it had the data.
        DeliveryUncertain
            The line broke after the data began to flow: it may or may not have been accepted.
        """
        for address in (sender, recipient):
            if any(character in address for character in "\r\n\0<> "):
                raise NotDelivered("address_malformed", is_permanent=True)
        server = self._connect()
        try:
            self._envelope(server, sender, recipient)
            self.checkpoint("before smtp data")
            try:
                code, answer = server.data(_BARE_LINE_END.sub(b"\r\n", message))
            except smtplib.SMTPDataError as error:
                raise _refusal("data", error.smtp_code) from error
            except (smtplib.SMTPException, OSError) as error:
                raise DeliveryUncertain("connection_lost_in_data") from error
            self.checkpoint("after smtp data")
            if code != 250:
                raise _refusal("data", code)
            return Receipt(f"{code} {answer.decode('ascii', 'replace')[:120]}")
        finally:
            _quit(server)

    def _connect(self) -> smtplib.SMTP:
        options = self.settings
        try:
            if options.security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    options.host,
                    options.port,
                    timeout=options.timeout_seconds,
                    context=ssl.create_default_context(),
                )
            else:
                server = smtplib.SMTP(options.host, options.port, timeout=options.timeout_seconds)
            server.ehlo_or_helo_if_needed()
            if options.security == "starttls":
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if options.user:
                server.login(options.user, options.password)
        except smtplib.SMTPAuthenticationError as error:
            raise NotDelivered("smtp_login_refused", is_permanent=False) from error
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered("smtp_not_reached", is_permanent=False) from error
        return server

    def _envelope(self, server: smtplib.SMTP, sender: str, recipient: str) -> None:
        try:
            code, _ = server.mail(sender)
            if code != 250:
                raise _refusal("sender", code)
            code, _ = server.rcpt(recipient)
            if code not in (250, 251):
                raise _refusal("recipient", code)
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered("smtp_lost_before_data", is_permanent=False) from error


def _refusal(phase: str, code: int) -> NotDelivered:
    return NotDelivered(f"smtp_{phase}_refused:{code}", is_permanent=500 <= code < 600)


def _quit(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        server.close()
