"""`provider`: an account from a file, a link, a payment, a refund, and a quiet night."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.provider_server import Simulator
from tests.usecases.kill_points import CLAIMS, creditor_file
from tests.usecases.provider_worlds import set_environment
from typer.testing import CliRunner

from mahnwerk.cli.main import app
from mahnwerk.usecases import clock


def test_a_payment_from_link_to_refund(
    real_book: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAHNWERK_VAR", str(tmp_path / "var"))
    monkeypatch.delenv("MAHNWERK_BOOK", raising=False)
    file = tmp_path / "mollie.yaml"
    file.write_text("key: m-1\nprovider: mollie\ncreditor: kiosk\nsecrets: {api_key: MOLLIE_API_KEY}\n")
    for name, text in {"kiosk.yaml": creditor_file(), "kiosk.csv": CLAIMS}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def call(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*words, "--book", "shop", "--json"])
        assert done.exit_code == code, done.output
        return json.loads(done.output)

    with Simulator() as simulator, clock.use_clock(lambda: simulator.now):
        set_environment(monkeypatch, simulator)
        call("creditor", "add", str(tmp_path / "kiosk.yaml"))
        call("import", str(tmp_path / "kiosk.csv"))
        assert call("provider", "add", str(file))["webhook_path"].startswith("/hooks/mollie/1-")
        reference = call("cases")["rows"][0]["case_reference"]
        made = call("provider", "link", reference, "--amount", "40,00")
        assert call("provider", "link", reference, "--amount", "40,00") == made
        from mahnwerk.usecases import provider_links

        provider_links.checkout_url(made["public_id"])
        payment = simulator.pay(made["public_id"]).payment_id
        (night,) = call("provider", "reconcile", "--on", "2026-03-04")
        assert (night["missing"], night["is_complete"]) == (1, True)
        assert call("provider", "refund", payment, "--amount", "15,00")["state"] == "done"
        assert "left" in call("provider", "refund", payment, "--amount", "30,00", code=2)["error"]
        (row,) = call("provider", "payments")
        assert (row["kept_cents"], row["left_cents"]) == (4_000, 2_500)
        (account,) = call("provider", "list")
        assert (account["applied"], account["unmatched"]) == (1, 0)
        assert call("provider", "events") == []  # nothing waits
        (event,) = call("provider", "events", "--state", "applied")
        assert event["case_reference"] == reference
        name = event["event_id"]
        assert "either --case or --ignore" in call("provider", "settle", name, code=2)["error"]
        assert call("provider", "settle", name, "--ignore", "by hand", code=2)["error"]  # it is booked
        assert call("provider", "settle", "evt_none", "--case", reference, code=2)["error"]
        simulator.is_down = True
        (night,) = call("provider", "reconcile", code=1)
        assert not night["is_complete"]
