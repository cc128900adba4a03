"""Importing: everything once, what cannot be taken comes back with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
