"""The log tells what failed, and nothing that gives access."""

from __future__ import annotations

import io
import logging

import pytest
from django.test import Client

LINK = "k3-uQ0vZ1xWq8yBt"


@pytest.mark.django_db
@pytest.mark.parametrize("path", [f"/pay/{LINK}", f"/pay/{LINK}/success", f"/hooks/stripe/{LINK}"])
def test_addresses_that_give_access_are_not_logged(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [one for one in logging.getLogger("django").handlers if one.get_name() == "stderr"]
    told = io.StringIO()
    for handler in ours:
        monkeypatch.setattr(handler, "stream", told)
    assert Client().get(path).status_code >= 400
    assert path.split("/")[1] in told.getvalue()
    assert LINK not in told.getvalue()
