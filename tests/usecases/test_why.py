"""Statement and why: each cent and the decision, derived anew."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from tests.usecases.conftest import FIRST

from mahnwerk.letters.formatting import money
from mahnwerk.usecases.errors import BadInput, NotFound


@pytest.fixture
def late(kiosk: Any) -> Any:
    """The kiosk's book after three rounds of messages."""
    from tests.usecases.kill_points import DAYS

    from mahnwerk.usecases import day, sending

    for on in DAYS:
        day.run_day(kiosk, on)
        sending.send(kiosk, on)
    return kiosk


def test_the_lines_add_up_to_what_is_open(late: Any) -> None:
    from mahnwerk.usecases import statements

    for case in ("M-000001", "M-000002", "M-000003", "M-000004"):
        view = statements.view(late, case)
        assert sum(line["amount_cents"] for line in view.lines) == view.open_cents
        for claim in view.claims:
            mine = [line for line in view.lines if line["claim_id"] == claim["claim_id"]]
            assert sum(line["amount_cents"] for line in mine) == claim["open_cents"]


def test_interest_by_hand(late: Any) -> None:
    """990,00 € of a business, default from 2026-04-15 to 2026-05-11: 27 days at 1,27 + 9 per cent."""
    from mahnwerk.usecases import statements

    view = statements.view(late, "M-000003", dt.date(2026, 5, 11))
    (row,) = view.schedule
    assert (row["first_day"], row["last_day"], row["days"]) == (
        dt.date(2026, 4, 15),
        dt.date(2026, 5, 11),
        27,
    )
    assert row["rate_ppm"] == 102_700
    assert row["interest_cents"] == round(99000 * 27 * 0.1027 / 365)


def test_an_unverified_rate_is_marked_in_the_statement(
    kiosk: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mahnwerk.cli.cases import show_statement
    from mahnwerk.usecases import imports, statements

    header = (
        "Kundennummer;Firma;Straße;PLZ;Ort;Kundentyp;Rechnungsnummer;Rechnungsdatum;Fällig am;Betrag;due_kind"
    )
    row = "{0};Alt GmbH;Weg 9;04103;Leipzig;Unternehmen;R-{0};01.02.2026;15.02.2026;99,00;calendar;{1}"
    rows = [f"{header};Vertragsdatum", row.format("K10", "01.07.2014"), row.format("K11", "01.08.2014")]
    old = folder / "kiosk-old.csv"
    old.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert imports.import_files(kiosk, [old])[0].new_claims == 2
    for case, mark, rate in (("M-000005", True, "9,27 %"), ("M-000006", False, "10,27 %")):
        show_statement(statements.view(kiosk, case, dt.date(2026, 5, 11)))
        shown = capsys.readouterr().out
        assert rate in shown
        assert ("unverified" in shown) == mark


def test_why_names_decision_grounds_and_what_would_change_it(late: Any) -> None:
    from mahnwerk.usecases import why

    answer = why.why(late, "M-000004")
    assert (answer.decision["outcome"], answer.decision["reason"]) == ("held", "disputed")
    assert answer.decision["from_on"] == FIRST
    assert answer.changes == ["dispute_resolved"]
    assert answer.permit[0] == {"rule": "not_held", "ok": False, "detail": "disputed: "[:-2]} or (
        answer.permit[0]["detail"].startswith("disputed")
    )
    assert [row["kind"] for row in answer.facts] == ["dispute_raised"]
    sent = why.why(late, "M-000001")
    assert [row["step_id"] for row in sent.messages][:2] == ["payment_reminder", "dunning_notice"]
    assert sent.messages[0]["evidence"] == "presumed"


def test_why_on_an_earlier_day_says_what_was_then(late: Any) -> None:
    from mahnwerk.usecases import why

    answer = why.why(late, "M-000003", dt.date(2026, 3, 1))
    assert answer.messages == []
    assert answer.statement.open_cents == 99000
    assert answer.decision["reason"] == "payment_reminder"
    assert all(row["ok"] for row in answer.permit)


def test_every_reason_to_hold_has_a_meaning() -> None:
    from mahnwerk.frames import HeldReason
    from mahnwerk.usecases.why import MEANINGS

    assert set(MEANINGS) == set(HeldReason)


def test_a_statement_as_a_letter(late: Any, tmp_path: Path) -> None:
    from mahnwerk.usecases import statements

    view = statements.view(late, "M-000003")
    written = statements.write_pdf(late, view, tmp_path / "statement.pdf")
    assert written.read_bytes().startswith(b"%PDF")
    with pytest.raises(BadInput, match="cannot be written"):
        statements.write_pdf(late, view, tmp_path)


def pages(pdf: Path) -> str:
    document = pypdfium2.PdfDocument(pdf)
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    return " ".join(text.replace("\u00a0", " ").split())


def test_a_disputed_sum_stands_apart_in_the_letter_and_the_code_leaves_it_out(
    late: Any, tmp_path: Path
) -> None:
    from mahnwerk.usecases import facts, statements

    facts.add(late, "M-000003", "dispute_raised", amount="400,00", on=dt.date(2026, 5, 11))
    view = statements.view(late, "M-000003", dt.date(2026, 5, 11))
    interest = view.claims[0]["interest_open_cents"]
    assert (view.open_cents, view.disputed_cents) == (
        99_000 + interest + view.claims[0]["costs_open_cents"],
        40_000,
    )
    written = statements.write_pdf(late, view, tmp_path / "statement.pdf")
    share = -(-interest * 40_000 // 99_000)
    asked = view.open_cents - 40_000 - share
    text = pages(written)
    assert (
        f"Noch offen, ohne den strittigen Betrag {money(asked, 'EUR', 'de')}".replace("\u00a0", " ") in text
    )
    assert f"nicht gefordert {money(40_000 + share, 'EUR', 'de')}".replace("\u00a0", " ") in text
    bitmap = pypdfium2.PdfDocument(written)[0].render(scale=2.5, grayscale=True)
    (code,) = zxingcpp.read_barcodes(
        np.ascontiguousarray(bitmap.to_numpy().squeeze()), formats=zxingcpp.QRCode
    )
    assert f"EUR{asked // 100}.{asked % 100:02d}" in code.bytes.decode().split("\n")


def test_a_wholly_disputed_case_is_neither_asked_for_nor_called_paid(late: Any, tmp_path: Path) -> None:
    from mahnwerk.usecases import statements

    view = statements.view(late, "M-000004")
    assert view.disputed_cents == view.open_cents > 0
    text = pages(statements.write_pdf(late, view, tmp_path / "statement.pdf"))
    assert "Strittig, zurzeit nicht gefordert" in text
    assert "Alles bezahlt" not in text and "Verwendungszweck" not in text


def test_an_unknown_case_is_not_found(kiosk: Any) -> None:
    from mahnwerk.usecases import statements

    with pytest.raises(NotFound, match="there is no case 'M-9'"):
        statements.view(kiosk, "M-9")


def test_cases_are_listed_by_need_and_filtered(kiosk: Any) -> None:
    from mahnwerk.usecases import cases

    listing = cases.list_cases(kiosk, FIRST)
    assert [row["case_reference"] for row in listing.rows] == ["M-000003", "M-000001", "M-000002", "M-000004"]
    assert [row["case_reference"] for row in cases.list_cases(kiosk, FIRST, held="disputed").rows] == [
        "M-000004"
    ]
    assert cases.list_cases(kiosk, FIRST, measure="payment_reminder", limit=1).shown == 1
    assert cases.list_cases(kiosk, FIRST, measure="payment_reminder", limit=1).total == 3
    with pytest.raises(BadInput, match="is no reason to hold"):
        cases.list_cases(kiosk, FIRST, held="lazy")


def test_totals_leave_out_what_was_not_yet_invoiced(kiosk: Any) -> None:
    from mahnwerk.usecases import cases

    (row,) = cases.totals(kiosk, FIRST)
    assert (row["claims"], row["principal_open_cents"], row["paid_cents"]) == (5, 123_500, 2_000)
    (earlier,) = cases.totals(kiosk, dt.date(2026, 2, 3))
    assert (earlier["claims"], earlier["principal_open_cents"]) == (4, 123_990)
