"""Importing: everything once, what cannot be taken comes back with its reason."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from pathlib import Path
from typing import Any

import pytest
from tests.usecases.conftest import FIRST

from mahnwerk.usecases.errors import BadInput, NotFound


def take(opened: Any, *files: Path, **options: Any) -> list[Any]:
    from mahnwerk.usecases import imports

    return imports.import_files(opened, files, **options)


def test_facts_named_before_claims_are_taken_after_them(opened: Any, folder: Path) -> None:
    from mahnwerk.records.models import Case, Claim, Fact

    summaries = take(opened, folder / "kiosk-facts.csv", folder / "kiosk.csv", folder / "kiosk.yaml")
    assert [one.kind for one in summaries] == ["creditor", "claims", "facts"]
    assert [(one.new_claims, one.new_facts, one.new_cases) for one in summaries[1:]] == [(5, 0, 4), (0, 2, 0)]
    assert Claim.objects.filter(tenant_id=opened.tenant_id).count() == 5
    assert Case.objects.filter(tenant_id=opened.tenant_id).count() == 4
    assert Fact.objects.filter(tenant_id=opened.tenant_id).exclude(kind=100).count() == 2


def test_the_same_file_and_the_same_rows_twice_add_nothing(kiosk: Any, folder: Path) -> None:
    again = take(kiosk, folder / "kiosk.csv")[0]
    assert again.is_repeat
    assert (again.new_claims, again.known) == (0, 5)
    other = folder / "again.csv"
    other.write_text((folder / "kiosk.csv").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    summary = take(kiosk, other)[0]
    assert not summary.is_repeat
    assert (summary.new_claims, summary.known, summary.rejected) == (0, 5, 0)


def test_the_same_number_with_other_content_is_rejected_with_the_difference(kiosk: Any, folder: Path) -> None:
    changed = folder / "kiosk-corrected.csv"
    text = (folder / "kiosk.csv").read_text(encoding="utf-8").replace("990,00", "991,00")
    changed.write_text(text, encoding="utf-8")
    summary = take(kiosk, changed)[0]
    assert (summary.known, summary.rejected) == (4, 1)
    assert "stored: 99000, here: 99100" in summary.reasons[0]
    rejects = Path(summary.rejects_file)
    assert rejects.parent == folder
    lines = rejects.read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 2
    assert "Cramer GmbH" in lines[1]
    assert "991,00" in lines[1]


def test_a_fixed_reject_file_can_be_imported(kiosk: Any, folder: Path, tmp_path: Path) -> None:
    bad = folder / "kiosk-bad.csv"
    bad.write_text(
        "Kundennummer;Nachname;Straße;PLZ;Ort;Rechnungsnummer;Rechnungsdatum;Fällig am;Betrag\n"
        "K8;Eck;Weg 8;04103;Leipzig;R-8;01.02.2026;30.02.2026;10,00\n"
        "K9;Fink;Weg 9;04103;Leipzig;R-9;01.02.2026;15.02.2026;20,00\n",
        encoding="utf-8",
    )
    summary = take(kiosk, bad, rejects_folder=tmp_path / "out")[0]
    assert (summary.new_claims, summary.rejected) == (1, 1)
    rejects = Path(summary.rejects_file)
    fixed = folder / "kiosk-fixed.csv"
    fixed.write_text(
        rejects.read_text(encoding="utf-8").replace("30.02.2026", "28.02.2026"), encoding="utf-8"
    )
    summary = take(kiosk, fixed)[0]
    assert (summary.new_claims, summary.rejected) == (1, 0)


def test_a_creditor_nobody_knows_is_rejected_and_nothing_else(kiosk: Any, folder: Path) -> None:
    other = folder / "mixed.csv"
    other.write_text(
        "Gläubiger;Kundennummer;Nachname;Rechnungsnummer;Rechnungsdatum;Fällig am;Betrag\n"
        "kiosk;K7;Gans;R-70;01.02.2026;15.02.2026;10,00\n"
        "nobody;K7;Gans;R-71;01.02.2026;15.02.2026;10,00\n",
        encoding="utf-8",
    )
    summary = take(kiosk, other)[0]
    assert (summary.new_claims, summary.rejected) == (1, 1)
    assert "creditor" in summary.reasons[0]


def test_facts_find_their_case_or_say_which_is_missing(kiosk: Any, folder: Path) -> None:
    facts = folder / "kiosk-more-facts.csv"
    facts.write_text(
        "Kundennummer;Rechnungsnummer;Ereignis;Datum;Betrag;Referenz;zu Referenz\n"
        "K2;R-3;Rücklastschrift;20.03.2026;;B-2;B-1\n"
        "K1;;Mahnsperre;20.03.2026;;H-1;\n"
        "K1;R-99;Zahlung;20.03.2026;1,00;B-3;\n"
        "K99;;Mahnsperre;20.03.2026;;H-2;\n"
        "K2;R-3;Rücklastschrift;20.03.2026;;B-4;B-77\n",
        encoding="utf-8",
    )
    summary = take(kiosk, facts)[0]
    assert (summary.new_facts, summary.rejected) == (2, 3)
    assert "no such invoice" in " ".join(summary.reasons)
    assert "no case of such a customer" in " ".join(summary.reasons)
    assert "no fact of this reference" in " ".join(summary.reasons)
    assert (take(kiosk, facts)[0].new_facts, take(kiosk, facts)[0].known) == (0, 2)


def test_a_known_reference_with_other_content_is_rejected_not_dropped(kiosk: Any, folder: Path) -> None:
    facts = folder / "kiosk-again.csv"
    head = "Kundennummer;Rechnungsnummer;Ereignis;Datum;Betrag;Referenz;zu Referenz\n"
    good = "K2;R-3;Zahlung;20.03.2026;10,00;C-1;\nK1;;Mahnsperre;20.03.2026;;C-2;\n"
    back = "K2;R-3;Rücklastschrift;24.03.2026;;C-3;C-1\n"
    facts.write_text(head + good + back, encoding="utf-8")
    assert take(kiosk, facts)[0].new_facts == 3
    facts.write_text(
        head
        + "K2;R-3;Zahlung;20.03.2026;11,00;C-1;\n"
        + "K2;;Mahnsperre;21.03.2026;;C-2;\n"
        + back
        + "K2;R-3;Zahlung;20.03.2026;11,00;C-4;\n",
        encoding="utf-8",
    )
    summary = take(kiosk, facts)[0]
    assert (summary.new_facts, summary.known, summary.rejected) == (1, 1, 2)
    assert "with another amount" in summary.reasons[0]
    assert "with another case and effective_on" in summary.reasons[1]
    assert "voided --voids" in summary.reasons[0]
    assert len(Path(summary.rejects_file).read_text(encoding="utf-8-sig").splitlines()) == 3


def test_an_empty_book_gets_a_stand_in_creditor(opened: Any, folder: Path) -> None:
    from mahnwerk.usecases import creditors

    summary = take(opened, folder / "kiosk.csv")[0]
    assert summary.new_claims == 5
    assert "stands in" in summary.warnings[0]
    assert [row["key"] for row in creditors.overview(opened)] == ["test"]


def test_dry_run_records_nothing(opened: Any, folder: Path) -> None:
    from mahnwerk.records.models import Claim, ImportedFile

    take(opened, folder / "kiosk.yaml")
    summary = take(opened, folder / "kiosk.csv", dry_run=True)[0]
    assert summary.new_claims == 5
    assert not Claim.objects.filter(tenant_id=opened.tenant_id).exists()
    assert not ImportedFile.objects.filter(tenant_id=opened.tenant_id).exists()


def test_no_file_no_kind_no_mapping(opened: Any, folder: Path) -> None:
    (folder / "empty.csv").write_bytes(b"")
    with pytest.raises(NotFound, match="there is no file"):
        take(opened, folder / "absent.csv")
    with pytest.raises(BadInput, match="the file is empty"):
        take(opened, folder / "empty.csv")
    with pytest.raises(NotFound, match="neither a shipped mapping nor a file"):
        take(opened, folder / "kiosk.csv", mapping="nonsense")


AGENCY = """
role: agency
client:
  {name: Lindenhof Keramik GmbH, street: Hof 7, postcode: "79098", city: Freiburg, subject: Kauf von Keramik}
registration:
  number: 3712/2026
  authority: Bundesamt für Justiz
  authority_address: [Adenauerallee 99, 53113 Bonn]
  authority_contact: poststelle@bfj.example
"""


def test_an_agency_without_a_privacy_notice_is_warned_and_with_one_its_letters_name_it(
    opened: Any, folder: Path
) -> None:
    from mahnwerk.records.models import Creditor

    creditor = folder / "kiosk.yaml"
    text = creditor.read_text(encoding="utf-8").replace("role: own\n", AGENCY)
    creditor.write_text(text, encoding="utf-8")
    assert any(told.startswith("privacy is missing") for told in warned_of(opened, creditor))
    creditor.write_text(f"{text}\nprivacy: https://kiosk.example/datenschutz\n", encoding="utf-8")
    assert not any(told.startswith("privacy") for told in warned_of(opened, creditor))
    assert Creditor.objects.get().profile["privacy"] == "https://kiosk.example/datenschutz"


def warned_of(opened: Any, file: Path) -> list[str]:
    """What the reading of a creditor's file warns of."""
    from mahnwerk.usecases import creditors

    return list(creditors.add_file(opened, file)[0].warnings)


def test_an_agency_must_know_the_date_of_each_contract(opened: Any, folder: Path) -> None:
    """§ 13a Abs. 1 Nr. 2 RDG: it stands in the first letter; the invoice's date does not do."""
    from mahnwerk.gateways.files import FileGateway
    from mahnwerk.records import load
    from mahnwerk.records.models import Claim
    from mahnwerk.usecases import day, sending
    from mahnwerk.usecases.channels import Channels

    creditor = folder / "kiosk.yaml"
    creditor.write_text(creditor.read_text(encoding="utf-8").replace("role: own\n", AGENCY), encoding="utf-8")
    claims = folder / "kiosk-claims.csv"
    claims.write_text(
        "Kundennummer;Nachname;E-Mail;Rechnungsnummer;Rechnungsdatum;Fällig am;Betrag;Vertragsdatum;Art\n"
        "K1;Abel;a@example.org;R-1;01.02.2026;15.02.2026;84,90;20.01.2026;\n"
        "K2;Bert;b@example.org;R-2;01.02.2026;15.02.2026;84,90;;\n"
        "K3;Dora;d@example.org;R-3;01.02.2026;15.02.2026;84,90;;damages\n",
        encoding="utf-8",
    )
    summary = take(opened, creditor, claims)[1]
    assert (summary.new_claims, summary.rejected) == (2, 1)
    assert "§ 13a Abs. 1 Nr. 2 RDG" in summary.reasons[0]
    cases = list(Claim.objects.values_list("case_id", flat=True))
    told = load.contract_dates(opened.tenant_id, cases)
    assert {number: told.get(i) for i, number in Claim.objects.values_list("id", "invoice_number")} == {
        "R-1": dt.date(2026, 1, 20),
        "R-3": None,
    }
    book = load.book(opened.tenant_id, case_ids=cases)
    assert set(book.claims["obligation_arose_on"]) == {dt.date(2026, 1, 20), dt.date(2026, 2, 1)}

    day.run_day(opened, FIRST)
    assert sending.send(opened, FIRST, channels=Channels(FileGateway(opened.place.outbox))).sent == 2
    first, third = (
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default).get_body(("plain",))
        for path in sorted(opened.place.outbox.iterdir())
    )
    assert "Vertrag vom 20. Januar 2026" in first.get_content()
    assert "Vertrag vom" not in third.get_content()
    assert "Schadensersatz" in third.get_content()


def test_without_a_contract_date_a_shop_imports_and_nothing_stands_in_for_it(kiosk: Any) -> None:
    from mahnwerk.records import load
    from mahnwerk.records.models import Case

    cases = list(Case.objects.values_list("id", flat=True))
    assert load.contract_dates(kiosk.tenant_id, cases) == {}
    assert load.book(kiosk.tenant_id, case_ids=cases).claims["obligation_arose_on"].null_count() == 0


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.txt", ":20:STARTUMS\n:25:10050000/1234\n", "bank"),
        ("b.sta", "{1:F01BANKDEFFXXXX}{4:\n:20:X\n", "bank"),
        ("c.xml", '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"/>', "bank"),
        ("d.xml", "<?xml version='1.0'?><n:Document><n:BkToCstmrStmt/></n:Document>", "bank"),
        ("e.zip", "PK\x03\x04…", "bank"),
        ("f.csv", "booked_on;amount;text\n2026-03-02;84.90;R-1\n", "bank"),
        ("g.xml", '<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>', "e-invoice"),
        ("h.csv", "Kundennummer;Ereignis;Datum;Betrag\nK1;Zahlung;02.03.2026;10,00\n", "facts"),
        ("i.csv", "Rechnungsnummer;Betrag\nR-1;10,00\n", "claims"),
    ],
)
def test_a_file_is_known_by_what_is_in_it(tmp_path: Path, name: str, content: str, kind: str) -> None:
    from mahnwerk.usecases import file_kinds

    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert file_kinds.detect(path).value == kind


def test_a_bank_file_named_first_finds_the_claims_beside_it(opened: Any, folder: Path) -> None:
    from tests.usecases.bank_worlds import Bank, Line

    statement = Bank(folder).statement(
        Line(8490, "R-1", "Anna Abel"), Line(500, "danke", "Fremd"), day="2026-03-02"
    )
    files = (statement, folder / "kiosk.csv", folder / "kiosk.yaml")
    checked = take(opened, folder / "kiosk.yaml", statement, dry_run=True)[-1]
    assert (checked.kind, checked.rows, checked.rejected, checked.bank) == ("bank", 2, 0, None)
    told = take(opened, *files)
    assert [one.kind for one in told] == ["creditor", "claims", "bank"]
    matched = told[-1].bank.matched
    assert (told[-1].new_entries, matched.proposed, matched.suspense) == (2, 1, 1)
    assert told[-1].needs_person
    again = take(opened, *files)[-1]
    assert (again.new_entries, again.known, again.bank.matched.proposed) == (0, 2, 1)


def test_the_example_statement_fits_the_example_shop(opened: Any) -> None:
    examples = Path(__file__).parents[2] / "examples"
    names = ("creditor-1-lindenhof.yaml", "lindenhof-offene-posten.csv")
    told = take(opened, *(examples / name for name in names), *sorted((examples / "bank").iterdir()))
    matched = told[-1].bank.matched
    assert (told[-1].rows, matched.booked, matched.proposed, matched.suspense) == (5, 2, 1, 1)
    assert not told[-1].bank.gaps
