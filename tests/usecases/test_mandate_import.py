"""Mandates from a file: kept once, with the person's key; what cannot be comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mahnwerk.usecases.errors import BadInput

HEAD = "Kundennummer;Mandatsreferenz;Gläubiger-ID;Unterschrieben am;Sequenztyp;IBAN\n"
IDENTIFIER = "DE98ZZZ09999999999"
IBAN = "DE02120300000000202051"


def take(book: Any, folder: Path, *rows: str, name: str = "mandates.csv", **options: Any) -> Any:
    from mahnwerk.usecases import imports

    path = folder / name
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    (summary,) = imports.import_files(book, [path], **options)
    return summary


def row(
    customer: str, reference: str, signed: str = "01.02.2026", sequence: str = "", iban: str = IBAN
) -> str:
    return f"{customer};{reference};{IDENTIFIER};{signed};{sequence};{iban}"


def kept(book: Any) -> dict[str, Any]:
    from mahnwerk.records.models import DebitMandate

    return {one.reference: one for one in DebitMandate.objects.filter(tenant_id=book.tenant_id)}


def test_mandates_are_kept_with_their_account_encrypted(kiosk: Any, folder: Path) -> None:
    from mahnwerk.records import mandates

    summary = take(kiosk, folder, row("K1", "M-1", sequence="RCUR"), row("K2", "M-2"))
    assert (summary.kind, summary.new_mandates, summary.known, summary.rejected) == ("mandates", 2, 0, 0)
    first = kept(kiosk)["M-1"]
    assert (first.sequence, first.notice_days, first.case.case_reference) == ("RCUR", 14, "M-000001")
    assert IBAN.encode() not in bytes(first.payload)
    assert mandates.bank_details(first) == {"name": "Anna Abel", "iban": IBAN}


def test_the_same_file_or_the_same_rows_twice_add_nothing(kiosk: Any, folder: Path) -> None:
    assert take(kiosk, folder, row("K1", "M-1")).new_mandates == 1
    assert take(kiosk, folder, row("K1", "M-1")).is_repeat
    other = take(kiosk, folder, row("K1", "M-1"), row("K2", "M-2"), name="other.csv")
    assert (other.new_mandates, other.known, other.rejected) == (1, 1, 0)
    assert set(kept(kiosk)) == {"M-1", "M-2"}


def test_rows_that_cannot_be_kept_come_back_with_the_reason_and_the_rest_goes_in(
    kiosk: Any, folder: Path
) -> None:
    take(kiosk, folder, row("K1", "M-1"))
    summary = take(
        kiosk,
        folder,
        row("K9", "M-9"),
        row("K1", "M-1", signed="02.02.2026"),
        row("K1", "M-7"),
        row("K2", "M-2", signed="01.01.2030"),
        row("K2", "M-3", iban=""),
        row("K3", "M-4"),
        row("K3", "M-5"),
        name="second.csv",
    )
    assert (summary.new_mandates, summary.known, summary.rejected) == (1, 0, 6)
    assert [line.split(",")[0] for line in summary.reasons] == [
        "row 2",
        "row 3",
        "row 4",
        "row 5",
        "row 6",
        "row 8",
    ]
    for line, part in zip(
        summary.reasons,
        (
            "no such case",
            "another signed day",
            "open mandate, M-1",
            "future",
            "no account",
            "open mandate, M-4",
        ),
        strict=True,
    ):
        assert part in line
    rejects = Path(summary.rejects_file).read_text(encoding="utf-8-sig").splitlines()
    assert len(rejects) == 7
    assert set(kept(kiosk)) == {"M-1", "M-4"}


def test_a_dry_run_keeps_nothing(kiosk: Any, folder: Path) -> None:
    assert take(kiosk, folder, row("K1", "M-1"), dry_run=True).new_mandates == 1
    assert kept(kiosk) == {}


def test_an_ended_mandate_stays_ended_when_its_file_comes_again(kiosk: Any, folder: Path) -> None:
    from mahnwerk.usecases import direct_debits

    take(kiosk, folder, row("K1", "M-1"))
    direct_debits.end_mandate(kiosk, "M-000001")
    again = take(kiosk, folder, row("K1", "M-1"), row("K2", "M-2"), name="again.csv")
    assert (again.new_mandates, again.known) == (1, 1)
    assert kept(kiosk)["M-1"].ended_on is not None


def test_the_sequence_of_a_mandate_is_never_changed(kiosk: Any, folder: Path) -> None:
    from django.db import DatabaseError, transaction

    from mahnwerk.records.models import DebitMandate

    take(kiosk, folder, row("K1", "M-1", sequence="RCUR"))
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        DebitMandate.objects.update(sequence="OOFF")


def test_more_rows_ask_no_more_questions(kiosk: Any, folder: Path) -> None:
    from mahnwerk.usecases import imports

    counts = []
    for number, rows in enumerate(
        ([row("K1", "M-1")], [row("K2", "M-2"), row("K3", "M-3"), row("K4", "M-4")])
    ):
        path = folder / f"part{number}.csv"
        path.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            imports.import_files(kiosk, [path])
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_one_off_mandates_are_collected_under_once_and_taken_over_ones_are_no_first(
    kiosk: Any, folder: Path
) -> None:
    import datetime as dt

    from tests.usecases.conftest import FIRST

    from mahnwerk.records.models import DebitOrder
    from mahnwerk.usecases import debit_files, direct_debits

    take(kiosk, folder, row("K1", "M-1", sequence="OOFF"), row("K2", "M-2", sequence="RCUR"))
    direct_debits.announce(kiosk, "kiosk", FIRST, told_by="post")
    view = debit_files.create(kiosk, "kiosk", FIRST + dt.timedelta(days=7))
    # K1 has two open invoices, and a mandate for one collection.
    assert sorted(DebitOrder.objects.values_list("mandate__reference", "sequence")) == [
        ("M-1", "OOFF"),
        ("M-2", "RCUR"),
    ]
    assert any("one collection only" in line for line in view.skipped)
    with pytest.raises(BadInput, match="open mandate"):
        direct_debits.add_mandate(
            kiosk, "M-000001", reference="M-9", creditor_identifier=IDENTIFIER, signed_on=FIRST, iban=IBAN
        )


def test_a_mandate_of_another_creditor_or_currency_comes_back_and_the_rest_goes_in(
    tenant_id: int, folder: Path
) -> None:
    from tests.usecases import plan_world

    from mahnwerk.records.models import Case, Creditor

    world = plan_world.make(
        tenant_id, folder, {"customer_number": "K1"}, {"customer_number": "K2", "currency": "CHF"}
    )
    Creditor.objects.update(profile={"creditor_identifier": "DE98ABC09999999999"})
    francs = Case.objects.get(currency="CHF").case_reference
    path = folder / "mandates.csv"
    path.write_text(
        "Kundennummer;Aktenzeichen;Mandatsreferenz;Gläubiger-ID;Unterschrieben am\n"
        "K1;;M-1;DE51ZZZ12345678901;01.02.2026\n"
        f";{francs};M-2;{IDENTIFIER};01.02.2026\n"
        f"K1;;M-3;{IDENTIFIER};01.02.2026\n",
        encoding="utf-8",
    )
    from mahnwerk.usecases import imports

    (summary,) = imports.import_files(world.book, [path])
    assert set(kept(world.book)) == {"M-3"}
    assert "given to DE51ZZZ12345678901, not to DE98ABC09999999999" in summary.reasons[0]
    assert "kept in CHF" in summary.reasons[1]
