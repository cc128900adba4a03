"""The one door to the web: what it refuses, and how it tells "not done" from "nobody knows"."""

from __future__ import annotations

import pytest
from tests.gateways.provider_server import Simulator

from mahnwerk.gateways.outbound import AddressRefused, AnswerUnknown, NotReached, Outbound, is_public

HOST = "api-m.paypal.com"
INNER = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",  # noqa: S104
    "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "2002:7f00:1::",
    "2002:a00:1::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:db8::1", "2001:0:53aa:64c:0:0:80ff:fffe",
    "fec0::1", "fec0:0:0:ffff::1", "64:ff9b:1::7f00:1", "::ffff:0:127.0.0.1", "3fff::1", "5f00::1", "4000::1",
    "100::1", "not an address", "",
]  # fmt: skip
"""Addresses of machines that no stranger may make us talk to, in many forms."""
URLS = [
    "http://api-m.paypal.com/v1/notifications/certs/C", "https://api-m.paypal.com:8443/x",
    "https://api-m.paypal.com:22/", "https://user@api-m.paypal.com/", "https://user:pw@api-m.paypal.com/",
    "https://api-m.paypal.com@127.0.0.1/", "https://127.0.0.1/", "https://127.1/", "https://0/", "https://0.0.0.0/",
    "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://017700000001/",
    "https://0177.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1]/",
    "https://[0:0:0:0:0:ffff:7f00:1]/", "https://localhost/", "https://localhost.localdomain/",
    "https://169.254.169.254/latest/meta-data/", "https://metadata.google.internal/", "https://10.0.0.1/",
    "https://api-m.paypal.com.evil.example/", "https://evil.example/api-m.paypal.com", "https://paypal.com/",
    "https://api-m.paypal.com.:443/", "https://API-M.PAYPAL.COM.evil.example/", "https://xapi-m.paypal.com/",
    "file:///etc/passwd", "ftp://api-m.paypal.com/", "gopher://api-m.paypal.com/", "data:text/plain,x",
    "//api-m.paypal.com/", "/v1/notifications", "", "https://", "https:///x", "https://api-m.paypal.com\\@evil/",
    "https://api-m.paypal.com /", "https://api-m.paypal.com\r\nHost: evil/", "https://api-m.paypal.com\t/",
    "https://ａｐｉ-m.paypal.com/", "https://api-m。paypal.com/", "https://①②⑦.⓪.⓪.①/", "https://api-m.paypal.com:99999/",
    "https://127.0.0.1.nip.io/", "https://localtest.me/", "https://api-m.paypal.com/" + "x" * 2000,
    "http://127.0.0.1:1/", "http://127.0.0.1/", "http://localhost:9/", "http://127.0.0.1:9@evil.example/",
]  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_inner_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)
    door = Outbound(frozenset({HOST}), resolve=lambda host: ["151.101.1.1", address])
    with pytest.raises(AddressRefused):
        door.request("GET", f"https://{HOST}/")


@pytest.mark.parametrize("url", URLS)
def test_urls_that_lead_elsewhere_are_refused(url: str) -> None:
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["151.101.1.1"]

    with pytest.raises(AddressRefused):
        Outbound(frozenset({HOST}), loopback="127.0.0.1:9", resolve=resolve).request("GET", url)
    assert asked == []  # not even its name was looked up


def test_there_are_many_forms() -> None:
    assert len(set(INNER)) + len(set(URLS)) >= 80


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)
    door = Outbound(frozenset({HOST}), resolve=lambda host: [address])
    assert door.check(f"https://{HOST}/v1/x?y=1") == (HOST, address)
    assert door.check(f"https://{HOST}:443/") == (HOST, address)


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name that answers otherwise the second time is asked once only."""
    answers = iter([["192.88.99.254"]])
    door = Outbound(frozenset({HOST}), timeout_seconds=0.05, resolve=lambda host: next(answers))
    with pytest.raises((NotReached, AnswerUnknown, AddressRefused)):
        door.request("GET", f"https://{HOST}/")


def test_not_done_and_nobody_knows_are_two_things() -> None:
    with Simulator() as simulator:
        door = Outbound(frozenset(), loopback=simulator.host, max_bytes=2_000)
        url = f"http://{simulator.host}/v1/oauth2/token"
        assert door.request("POST", url).status == 200
        for fault in ("before", "after"):
            simulator.fail = [fault]
            with pytest.raises(AnswerUnknown):
                door.request("POST", url)
        simulator.fail = ["redirect"]
        with pytest.raises(AddressRefused, match="redirect"):
            door.request("GET", url)
        with pytest.raises(AnswerUnknown, match="longer"):
            Outbound(frozenset(), loopback=simulator.host, max_bytes=10).request("GET", url)
        port = simulator.host
    with pytest.raises(NotReached):
        Outbound(frozenset(), loopback=port).request("GET", f"http://{port}/")
