"""`journal` and `payout` from the shell, on a book of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.records import worlds
from tests.records.worlds import claim_row
from typer.testing import CliRunner

from mahnwerk.cli.main import app
from mahnwerk.frames import FactKind, Role

RUNNER = CliRunner()


def call(folder: Path, *words: str, code: int = 0) -> Any:
    """The JSON a command prints."""
    result = RUNNER.invoke(app, [*words, "--book", str(folder), "--json"])
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout)


@pytest.fixture
def folder(real_book: Callable[[str], Path]) -> Path:
    from mahnwerk.records import facts
    from mahnwerk.records.book import ensure_tenant
    from mahnwerk.records.models import Case, Mandate
    from mahnwerk.usecases.opening import TENANT

    path = real_book("shop")
    tenant_id = ensure_tenant(TENANT)
    creditor_id = worlds.creditor(tenant_id)
    Mandate.objects.filter(creditor_id=creditor_id).update(role=Role.AGENCY)
    worlds.import_rows(tenant_id, claim_row(2), claim_row(3, customer_number="K-3"))
    case_id = Case.objects.order_by("id").values_list("id", flat=True)[0]
    paid = {"case_id": case_id, "kind": FactKind.PAYMENT_RECEIVED, "amount_cents": 5_000}
    facts.append(tenant_id, [paid | {"effective_on": worlds.TODAY}], recorded_at=worlds.NOW)
    return path


def test_from_posting_to_payout(folder: Path, tmp_path: Path) -> None:
    posted = call(folder, "journal", "post", "--on", "2026-03-02")
    assert posted["posting_count"] == 6
    assert call(folder, "journal", "post", "--on", "02.03.2026")["posting_count"] == 0
    state = call(folder, "journal", "balance")
    assert all(check["ok"] for check in state["checks"])
    assert [row["case_reference"] for row in call(folder, "journal", "balance", "--by", "debtor")] == [
        "M-000001",
        "M-000002",
    ]
    told = call(folder, "journal", "statement", "--case", "M-000001")
    assert [row["amount_cents"] for row in told["lines"]][:1] == [10_002]
    files = call(folder, "journal", "export", "--format", "csv", "--to", str(tmp_path / "out"))
    assert files[0]["rows"] == 6
    call(folder, "payout", "--on", "2026-03-02", code=1)
    terms = tmp_path / "terms.yaml"
    terms.write_text("creditor: shop\nvalid_from: 2026-01-01\nfees: {principal_percent: '10', vat: false}\n")
    result = RUNNER.invoke(app, ["payout", "terms", str(terms), "--book", str(folder), "--json"])
    assert json.loads(result.stdout)["outcome"] == "new"
    paid = call(folder, "payout", "--on", "2026-03-02", code=1)  # a warning: no accounts, no transfer file
    assert paid["rows"][0]["outcome"] == "paid"
    result = RUNNER.invoke(app, ["payout", "list", "--book", str(folder), "--json"])
    listed = json.loads(result.stdout)
    assert listed[0]["amount_cents"] == paid["rows"][0]["amount_cents"] > 0


def test_others_money_of_all_tenants_in_one_table(folder: Path) -> None:
    from mahnwerk.kernel.accounts import Account
    from mahnwerk.records import journal as records
    from mahnwerk.records.book import ensure_tenant
    from mahnwerk.usecases.opening import TENANT

    call(folder, "journal", "post", "--on", "2026-03-02")
    state = call(folder, "journal", "balance", "--all-tenants")
    assert [(row["tenant"], row["trust_bank_cents"], row["owed_cents"]) for row in state["tenants"]] == [
        (TENANT, 5_000, 5_000)
    ]
    shown = RUNNER.invoke(app, ["journal", "balance", "--all-tenants", "--book", str(folder)])
    assert (shown.exit_code, "50,00" in shown.stdout) == (0, True), shown.output
    # One euro leaves the trust account for the operator's own: the command ends with code 1 and says where.
    tenant_id = ensure_tenant(TENANT)
    row = records.postings(tenant_id).drop("id").head(1)
    records.add(
        tenant_id,
        row.with_columns(
            debit=pl.lit(int(Account.BANK)),
            credit=pl.lit(int(Account.TRUST_BANK)),
            amount_cents=pl.lit(100),
            sequence=pl.lit(9),
        ),
    )
    state = call(folder, "journal", "balance", "--all-tenants", code=1)
    assert [(row["check"], row["cents"]) for row in state["failed"]] == [
        ("trust_bank_less_liabilities", -100)
    ]
    shown = RUNNER.invoke(app, ["journal", "balance", "--all-tenants", "--book", str(folder)])
    assert (shown.exit_code, "WRONG" in shown.stdout) == (1, True)


def test_refusals_have_their_codes(folder: Path) -> None:
    call(folder, "journal", "post", "--on", "2026-03-02")
    early = call(folder, "journal", "post", "--on", "2026-03-01", code=4)
    assert "before the last posting" in early["error"]
    assert "csv" in call(folder, "journal", "export", "--format", "xls", code=2)["remedy"]
    call(folder, "journal", "close", "--until", "2026-03-02")
    assert "closed" in call(folder, "journal", "post", "--on", "2026-03-02", code=4)["error"]


def test_tables_for_people(folder: Path) -> None:
    for words in (
        ["journal", "post", "--on", "2026-03-02"],
        ["journal", "balance"],
        ["journal", "balance", "--by", "creditor"],
        ["journal", "balance", "--by", "debtor"],
        ["journal", "statement", "--creditor", "shop"],
        ["journal", "chart"],
        ["payout", "--dry-run", "--on", "2026-03-02"],
        ["payout", "list"],
    ):
        result = RUNNER.invoke(app, [*words, "--book", str(folder)])
        assert result.exit_code in (0, 1) and result.stdout, (words, result.output, result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)


def test_an_agency_pays_out_with_a_reserve_and_a_later_return(folder: Path, tmp_path: Path) -> None:
    """By hand: 50,00 collected; fee 10 % + 0,30, VAT 19 % on it, reserve 20 % of 50,00 for 30 days."""
    terms = tmp_path / "terms.yaml"
    terms.write_text(
        "creditor: shop\nvalid_from: 2026-01-01\n"
        "fees: {principal_percent: '10', interest_percent: '10', costs_percent: '10', "
        "per_payment_cents: 30, vat: true}\n"
        "reserve: {percent: '20', days: 30}\n"
        "pay_to: {name: Kanzlei, iban: DE02120300000000202051}\n"
        "pay_from: {name: Inkasso AG, iban: DE02500105170137075030}\n"
    )
    RUNNER.invoke(app, ["payout", "terms", str(terms), "--book", str(folder)])
    day = worlds.TODAY.isoformat()
    first = call(folder, "payout", "--on", day)["rows"][0]
    names = ("principal_cents", "fee_cents", "vat_cents", "reserve_cents", "amount_cents")
    assert [first[name] for name in names] == [4_928, 530, 101, 1_000, 3_369]
    (row,) = call(folder, "journal", "balance", "--all-tenants")["tenants"]
    assert (row["trust_bank_cents"], row["creditors_cents"], row["operator_cents"]) == (1_631, 1_000, 631)
    # A month later the reserve is free: no new money, no fee, no tax.
    later = call(folder, "payout", "--on", "2026-05-04", "--confirm-day")["rows"][0]
    assert [later[name] for name in ("opening_cents", *names)] == [1_000, 0, 0, 0, 0, 1_000]
    # Then the payment comes back: its fee goes back with its tax, the creditor owes the rest.
    call(folder, "fact", "add", "M-000001", "payment_returned", "--voids", "2", "--on", "2026-05-05")
    waits = call(folder, "payout", "--on", "2026-05-06")["rows"][0]
    assert (waits["outcome"], waits["principal_cents"], waits["fee_cents"]) == ("waits", -4_928, -530)
    assert (waits["vat_cents"], waits["available_cents"]) == (-101, -4_369)
    (row,) = call(folder, "journal", "balance", "--all-tenants")["tenants"]
    assert (row["creditors_cents"], row["creditors_below_zero_cents"], row["ok"]) == (-5_000, 5_000, True)
    assert row["trust_bank_cents"] == row["owed_cents"] == 631 - 5_000
