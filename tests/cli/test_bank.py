"""`bank` and `match` on the command line, from a file to the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks import matching_maker
from tests.usecases.bank_worlds import Bank, Line
from tests.usecases.kill_points import CLAIMS, creditor_file
from typer.testing import CliRunner

from mahnwerk.cli.main import app

IBAN = "DE02120300000000202051"
PAYER = "DE25200400000000000001"


def call(*arguments: str, code: int = 0) -> Any:
    """The JSON a command prints."""
    ended = CliRunner().invoke(app, [*arguments, "--json"])
    assert ended.exit_code == code, ended.output
    return json.loads(ended.stdout)


def test_parse_needs_no_book(tmp_path: Path) -> None:
    file = Bank(tmp_path, iban=IBAN).statement(Line(8490, "R-1", end_to_end="E-1"))
    statement = call("bank", "parse", str(file))["statements"][0]
    assert (statement["opening_balance_cents"], statement["closing_balance_cents"]) == (100000, 108490)
    entry = statement["entries"][0]
    expected = {
        "booked_on": "2026-03-02", "value_on": "2026-03-02", "amount_cents": 8490, "currency": "EUR",
        "kind": "transfer_in", "remittance": "R-1", "end_to_end_id": "E-1", "return_reason": "",
    }  # fmt: skip
    assert {name: entry[name] for name in expected} == expected
    assert {"counterparty_name", "counterparty_iban"} <= set(entry)


def test_parse_shows_a_file_that_must_not_be_booked_and_says_so(tmp_path: Path) -> None:
    file = Bank(tmp_path, iban=IBAN).statement(Line(8490, "R-1"))
    file.write_text(file.read_text().replace("1084.90", "1084.91"))
    told = call("bank", "parse", str(file), code=1)
    assert "(difference -0,01 EUR)" in told["problems"][0]
    file.write_text("no bank file")
    assert "known layout" in call("bank", "parse", str(file), code=2)["error"]
    assert "cannot be read" in call("bank", "parse", str(tmp_path / "gone.xml"), code=2)["error"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.xml", b"<Document><a>", "not well-formed"),
        ("bomb.xml", b"<!DOCTYPE d [<!ENTITY a 'b'>]><Document/>", "DOCTYPE"),
        ("half.zip", b"PK\x03\x04 and no more", "no readable zip|not a readable zip"),
        ("empty.sta", b" \n", "the file is empty"),
        ("noise.csv", b"a;b\n1;2\n", "known layout"),
    ],
)
def test_a_refused_file_is_named_once_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    ended = CliRunner().invoke(app, ["bank", "parse", str(tmp_path / name)])
    assert ended.exit_code == 2
    assert ended.output.count(name) == 1, ended.output
    assert re.search(said, ended.output) and "→ " in ended.output, ended.output


def test_evaluate_counts_every_payment(tmp_path: Path) -> None:
    found = call("match", "evaluate", str(matching_maker.make(tmp_path, 9, matches=200)))
    assert found["booked"] + found["proposed"] + found["suspense"] == found["payments"]
    assert found["booked_wrong"] == 0 and {"one_pay_one_inv"} <= set(found["by_category"])
    assert "invoices.csv" in call("match", "evaluate", str(tmp_path / "nothing"), code=2)["error"]


def test_from_a_bank_file_to_the_answer(
    tmp_path: Path, real_book: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAHNWERK_VAR", str(tmp_path / "var"))
    folder = real_book("shop")
    (tmp_path / "kiosk.yaml").write_text(creditor_file(), encoding="utf-8")
    (tmp_path / "kiosk.csv").write_text(CLAIMS, encoding="utf-8")
    where = ("--book", str(folder))
    call("import", str(tmp_path / "kiosk.yaml"), str(tmp_path / "kiosk.csv"), *where)
    file = Bank(tmp_path, iban=IBAN).statement(
        Line(8490, "Rechnung R-1", "Anna Abel"), Line(4500, "danke", "Dora Dietz", PAYER)
    )
    report = call("bank", "import", str(file), *where, code=1)
    assert report["matched"]["proposed"] == 2, "R-1 is too short to name anything by itself"
    again = call("bank", "import", str(file), *where, code=1)
    assert again["files"][0]["is_repeat"] and again["matched"]["booked"] == 0
    questions = call("bank", "suspense", *where)
    assert {one["case_reference"] for one in questions} != {""}
    abel = next(one for one in questions if one["payer"] == "Anna Abel")
    held = call("cases", *where, "--held", "unmatched_credit")
    assert len(held["rows"]) == 2
    answered = call("match", "confirm", str(abel["entry"]), "--claim", "R-1", *where)
    assert (answered["state"], answered["invoices"]) == ("booked", ["R-1"])
    other = next(one for one in questions if one["payer"] == "Dora Dietz")
    assert call("match", "reject", str(other["entry"]), *where)["state"] == "suspense"
    assert call("match", "ignore", str(other["entry"]), *where)["state"] == "ignored"
    assert call("bank", "suspense", *where) == []
    assert call("cases", *where, "--held", "unmatched_credit")["rows"] == []
    assert "nothing is open" in call("match", "confirm", str(abel["entry"]), *where, code=2)["error"]


def test_an_entry_of_no_debtor_is_placed_by_a_word(
    tmp_path: Path, real_book: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAHNWERK_VAR", str(tmp_path / "var"))
    where = ("--book", str(real_book("shop")))
    (tmp_path / "kiosk.yaml").write_text(creditor_file(), encoding="utf-8")
    call("import", str(tmp_path / "kiosk.yaml"), *where)
    file = Bank(tmp_path, iban=IBAN).statement(Line(70000, "Miete Juli", "Ulf Untermieter", PAYER))
    call("bank", "import", str(file), *where, code=1)
    (question,) = call("bank", "suspense", *where)
    number = str(question["entry"])
    assert call("bank", "place", number, "--as", "rent", *where, code=2)["error"]
    call("bank", "place", number, "--as", "other", *where)
    assert call("bank", "suspense", *where) == []
    report = tmp_path / "report.xml"
    report.write_text("no report", encoding="utf-8")
    assert call("payout", "status", str(report), *where, code=2)["error"]
