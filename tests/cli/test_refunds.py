"""`refund` from the shell, on a book of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.records import worlds
from tests.usecases.bank_worlds import PAYER_IBAN, SHOP_IBAN, Bank, Line
from typer.testing import CliRunner

from mahnwerk.cli.main import app


def call(folder: Path, *words: str, code: int = 0) -> Any:
    """The JSON a command prints."""
    result = CliRunner().invoke(app, [*words, "--book", str(folder), "--json"])
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout)


def test_from_the_credit_to_the_file(real_book: Callable[[str], Path], tmp_path: Path) -> None:
    from mahnwerk.records.book import ensure_tenant
    from mahnwerk.usecases.opening import TENANT

    folder = real_book("shop")
    tenant_id = ensure_tenant(TENANT)
    worlds.creditor(tenant_id, iban=SHOP_IBAN)
    worlds.import_rows(tenant_id, worlds.claim_row(1, iban=PAYER_IBAN))
    case = call(folder, "cases")["rows"][0]["case_reference"]
    call(folder, "fact", "add", case, "payment_received", "--amount", "500,00", "--on", "2026-03-02")
    day = ("--on", "2026-03-10")
    (credit,) = call(folder, "refund", "list", *day)["credits"]
    assert credit["case_reference"] == case
    assert call(folder, "refund", "order", case, "--dry-run", *day)["state"] == "planned"
    made = call(folder, "refund", "order", case, *day)
    assert (made["state"], made["amount_cents"]) == ("ordered", credit["credit_cents"])
    assert (
        "no credit that could be paid back"
        in call(folder, "refund", "order", case, "--reference", "x", *day, code=2)["error"]
    )
    again = CliRunner().invoke(app, ["refund", "order", case, *day, "--book", str(folder)])
    assert (again.exit_code, "Ordered before, nothing added" in again.output) == (0, True), again.output
    file = tmp_path / "refunds.xml"
    assert call(folder, "refund", "file", "--creditor", "shop", "--out", str(file), *day)["is_new"]
    assert made["end_to_end_id"] in file.read_text(encoding="utf-8")
    listed = call(folder, "refund", "list", *day)
    assert (listed["credits"], listed["refunds"][0]["state"]) == ([], "in_file")
    shown = CliRunner().invoke(app, ["refund", "list", *day, "--book", str(folder)])
    assert PAYER_IBAN not in shown.output and "in_file" in shown.output


def test_money_in_suspense_from_the_shell(real_book: Callable[[str], Path], tmp_path: Path) -> None:
    from mahnwerk.records.book import ensure_tenant
    from mahnwerk.usecases.opening import TENANT

    folder = real_book("shop")
    worlds.creditor(ensure_tenant(TENANT), iban=SHOP_IBAN)
    statement = Bank(tmp_path).statement(Line(4_200, "danke", "Niemand Bekanntes", PAYER_IBAN))
    call(folder, "bank", "import", str(statement), code=1)
    day = ("--on", "2026-03-10")
    for wrong in (
        ("M-000001", "--entry", "1"),
        ("--entry", "1", "--amount", "5"),
        (),
        ("M-1", "--creditor", "x"),
    ):
        assert "error" in call(folder, "refund", "order", *wrong, *day, code=2)
    made = call(folder, "refund", "order", "--entry", "1", *day)
    assert (made["entry"], made["amount_cents"], made["state"]) == (1, 4_200, "ordered")
    shown = CliRunner().invoke(app, ["refund", "list", *day, "--book", str(folder)])
    assert "entry 1" in shown.output and PAYER_IBAN not in shown.output
    file = tmp_path / "refunds.xml"
    assert call(folder, "refund", "file", "--creditor", "shop", "--out", str(file), *day)["refund_count"] == 1
    said = CliRunner().invoke(app, ["refund", "order", "--entry", "1", *day, "--book", str(folder)])
    assert said.output.startswith("Ordered before, nothing added (now: in file): 42,00"), said.output


def test_small_rests_from_the_shell(real_book: Callable[[str], Path]) -> None:
    from mahnwerk.records.book import ensure_tenant
    from mahnwerk.records.models import Creditor
    from mahnwerk.usecases.opening import TENANT

    folder = real_book("shop")
    tenant_id = ensure_tenant(TENANT)
    worlds.creditor(tenant_id, iban=SHOP_IBAN)
    Creditor.objects.update(procedure="consumers@2026-11")
    worlds.import_rows(tenant_id, worlds.claim_row(1, amount_cents=10_000))
    case = call(folder, "cases")["rows"][0]["case_reference"]
    told = ("--amount", "99,00", "--on", "2026-01-02")
    call(folder, "fact", "add", case, "payment_received", *told)
    planned = call(folder, "fact", "rests", "--on", "2026-02-10", "--dry-run")
    done = call(folder, "fact", "rests", "--on", "2026-02-10")
    assert (planned["claims"], done["claims"], done["cents"]) == (1, 1, planned["cents"])
    shown = CliRunner().invoke(app, ["fact", "rests", "--on", "2026-02-10", "--book", str(folder)])
    assert shown.output.strip() == "0 rests written off; 0 taken back."
