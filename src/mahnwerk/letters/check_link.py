"""Whether a letter's pay link may go out: to our own pages, telling nothing, only where something is due."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from mahnwerk.letters.check_claims import Finding
from mahnwerk.letters.model import Letter, Rendered

PAY_PATH: Final = re.compile(r"/pay/[0-9]{1,9}-[A-Za-z0-9_-]{16}")
"""All a link may hold besides its host: a number that was drawn, no name, amount or invoice."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HREF: Final = re.compile(r"""<a\b[^<>]*\bhref\s*=\s*["']?([^"'\s>]*)""")


def link_findings(letter: Letter, rendered: Rendered, pay_pages: str) -> Iterator[Finding]:
    """Refuse a link that leads elsewhere, tells something, or asks where nothing is to be paid.

    Parameters
    ----------
    letter, rendered : what was to be said, and is said
    pay_pages : address of the pay pages as configured, "https://pay.example.org"; "" = there are none

    Yields
    ------
    Findings, all refusing: link.other (the e-mail links to something else), link.scheme, link.host,
    link.shape, link.not_payable, link.missing (it does not stand in the text, to be read before it is used).
    """
    url = letter.pay_url
    if any(found != url for found in _HREF.findall(rendered.html)):
        yield _refuse(
            "other", "The e-mail links to something that is not its pay link.", "Take the link out."
        )
    if not url:
        return
    if not letter.is_demanding or letter.demand_cents <= 0 or not letter.demanded_items:
        yield _refuse("not_payable", "A pay link, but the letter asks for nothing.", "Leave it out.")
    if url not in rendered.text:
        yield _refuse("missing", "The pay link does not stand in the text.", "Keep it in the wording.")
    yield from _address(url, pay_pages)


def _address(url: str, pay_pages: str) -> Iterator[Finding]:
    try:
        parts, own = urlsplit(url), urlsplit(pay_pages)
        is_local = parts.hostname in LOOPBACK
    except ValueError:
        yield _refuse("shape", "The pay link is no web address.")
        return
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        yield _refuse("scheme", "The pay link is not https.", "Set MAHNWERK_PUBLIC_URL to an https address.")
    if not own.netloc or (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
        yield _refuse("host", "The pay link leads to another server than the pay pages.")
    folder = own.path.rstrip("/")
    is_plain = parts.path.startswith(folder) and PAY_PATH.fullmatch(parts.path[len(folder) :])
    if "@" in parts.netloc or parts.query or parts.fragment or not is_plain:
        yield _refuse("shape", "The pay link holds more than its number; it could tell about a person.")


def _refuse(rule: str, message: str, remedy: str = "") -> Finding:
    return Finding(f"link.{rule}", True, message, remedy)
