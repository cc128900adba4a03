"""Where messages go: mail servers as their URL says, never with a password in the clear."""

from __future__ import annotations

from typing import Any

import pytest

from mahnwerk.usecases.channels import smtp_settings
from mahnwerk.usecases.errors import UnsafeStart


def test_the_url_says_host_port_and_security() -> None:
    found = smtp_settings("smtp+starttls://shop:p%40ss@mail.example.org")
    assert (found.host, found.port, found.user, found.password) == ("mail.example.org", 587, "shop", "p@ss")
    assert (found.security, smtp_settings("smtps://mail.example.org").port) == ("starttls", 465)


@pytest.mark.parametrize("url", ["http://mail.example.org", "smtp://", "smtp://host?timeout=0"])
def test_what_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UnsafeStart, match="cannot be used"):
        smtp_settings(url)


@pytest.mark.parametrize("host", ["mail.example.org", "10.0.0.5", "localhost.example.org", "[2001:db8::1]"])
def test_in_production_no_password_leaves_the_machine_in_the_clear(host: str, settings: Any) -> None:
    url = f"smtp://shop:secret@{host}:25"
    assert smtp_settings(url).security == "none"  # a stand-in on another machine, while developing
    settings.IS_PRODUCTION = True
    with pytest.raises(UnsafeStart, match="unencrypted") as refused:
        smtp_settings(url)
    assert "secret" not in str(refused.value)
    assert smtp_settings(url.replace("smtp:", "smtps:")).security == "tls"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_server_on_this_machine_may_be_told_its_password(host: str, settings: Any) -> None:
    settings.IS_PRODUCTION = True
    assert smtp_settings(f"smtp://shop:secret@{host}:25").security == "none"
    assert smtp_settings("smtp://mail.example.org:25").security == "none"  # nothing to steal
