"""The one door to the web: named hosts only, no redirects, no inner addresses, short waits, small answers.

A host is resolved once, every address it has must be a public one, and the connection goes to the address
that was checked: a name that changes its mind between check and use (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httpx

URL_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,2000}")
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
IPV4_COMPATIBLE: Final = ipaddress.ip_network("::/96")
GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
DOCUMENTATION: Final = ipaddress.ip_network("3fff::/20")
Resolve = Callable[[str], list[str]]


class AddressRefused(ValueError):  # noqa: N818 - an answer, not an accident
    """We do not talk to this address; nothing was sent."""


class NotReached(Exception):  # noqa: N818 - an answer, not an accident
    """Nobody answered the knock: the request was certainly not carried out."""


class AnswerUnknown(Exception):  # noqa: N818 - a state, not an accident
    """The line broke or the time ran out after we had spoken: it may have been carried out or not."""


@dataclass(frozen=True)
class Answer:
    """What the other side said."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def resolve(host: str) -> list[str]:
    """All addresses of a host."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotReached(f"{host}: no address found") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(text: str) -> bool:
    """Whether an address lies in the open internet, also behind the forms that carry an IPv4 address."""
    try:
        address = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64 or (address in IPV4_COMPATIBLE and int(address) > 1):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo is not None:
            return False
        if inner is not None:
            return is_public(str(inner))
        if address not in GLOBAL_UNICAST or address in DOCUMENTATION:
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_loopback or address.is_unspecified
    )


@cache
def _trusted() -> ssl.SSLContext:
    """The certificate authorities we trust; reading them takes longer than most requests."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True)
class Outbound:
    """A door to some hosts.

    `hosts` are exact names. `loopback` ("127.0.0.1:8123") lets one test server on this machine be
    reached by plain http; it is empty in real life.
    """

    hosts: frozenset[str]
    loopback: str = ""
    timeout_seconds: float = 20.0
    max_bytes: int = 2_000_000
    resolve: Resolve = field(default=resolve, repr=False)

    def check(self, url: str) -> tuple[str, str]:
        """Host and the address to connect to ("" = the test server, as it is written).

        Raises
        ------
        AddressRefused
            Not https, not one of the hosts, a user or port in the URL, odd characters, or an address
            that is not a public one.
        """
        if not URL_CHARACTERS.fullmatch(url):
            raise AddressRefused("the URL is too long or has characters no URL has")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise AddressRefused("this is no URL") from None
        if self.loopback and parts.scheme == "http" and parts.netloc == self.loopback:
            if parts.hostname != "127.0.0.1":
                raise AddressRefused("a test server listens on 127.0.0.1")
            return "127.0.0.1", ""
        host = parts.hostname or ""
        if parts.scheme != "https" or port not in (None, 443) or "@" in parts.netloc:
            raise AddressRefused("only https without user and port is allowed")
        if host not in self.hosts:
            raise AddressRefused(f"{host[:80]!r} is none of the hosts we talk to")
        addresses = self.resolve(host)
        inner = [address for address in addresses if not is_public(address)]
        if inner or not addresses:
            raise AddressRefused(f"{host} points to an address that is not public")
        return host, addresses[0]

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> Answer:
        """Ask once. An answer of any status is an answer; a redirect is refused.

        Raises
        ------
        AddressRefused, NotReached
            Nothing was carried out.
        AnswerUnknown
            Ask again with the same key, or ask what became of it; never simply repeat.
        """
        host, address = self.check(url)
        sent = {name: value for name, value in (headers or {}).items() if name.lower() != "host"}
        extensions = {}
        if address:
            place = f"[{address}]" if ":" in address else address
            url = url.replace(f"//{urlsplit(url).netloc}", f"//{place}", 1)
            sent["Host"] = host
            extensions = {"sni_hostname": host}
        deadline = time.monotonic() + 2 * self.timeout_seconds
        try:
            with (
                self._client() as client,
                client.stream(method, url, headers=sent, content=content, extensions=extensions) as answer,
            ):
                return self._read(answer, deadline)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotReached(f"{host} does not answer") from error
        except httpx.HTTPError as error:
            raise AnswerUnknown(f"{host}: {type(error).__name__}") from error

    def _client(self) -> httpx.Client:
        return httpx.Client(
            timeout=self.timeout_seconds, follow_redirects=False, trust_env=False, verify=_trusted()
        )

    def _read(self, answer: httpx.Response, deadline: float) -> Answer:
        if answer.is_redirect:
            raise AddressRefused("the answer is a redirect, and we follow none")
        content = bytearray()
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > self.max_bytes:
                raise AnswerUnknown(f"the answer is longer than {self.max_bytes} bytes")
            if time.monotonic() > deadline:
                raise AnswerUnknown("the answer takes too long")
        return Answer(answer.status_code, dict(answer.headers), bytes(content))
