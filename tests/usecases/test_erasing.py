"""Personal data: in clear nowhere but in letters, and gone when the law lets them go."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.usecases.conftest import FIRST

CANARIES = ("Kanarivorn", "Kanarinach", "Kanaristr", "kanari@post", "7654321", "DE8937040044", "KANARIKD")
CLAIMS = (
    "Kundennummer;Vorname;Nachname;Straße;PLZ;Ort;E-Mail;Telefon;IBAN;Kundenart;Rechnungsnummer;"
    "Rechnungsdatum;Fällig am;Betrag\n"
    "KANARIKD77;Kanarivorn;Kanarinach;Kanaristr. 3;10115;Berlin;kanari@post.example;+49 171 7654321;"
    "DE89370400440532013000;Verbraucher;R-77;01.02.2026;15.02.2026;84,90\n"
    "K2;Bert;Brandt;Weg 2;20095;Hamburg;bert@example.org;;;Verbraucher;R-3;01.02.2026;15.02.2026;120,00\n"
    "KANARIKD77;Kanarivorn;Kanarinach;Kanaristr. 3;10115;Berlin;;;;Verbraucher;R-4;01.02.2026;15.02.2026;8x\n"
)
AFTER_RETENTION = dt.date(2035, 1, 1)


@pytest.fixture
def world(real_book: Callable[[str], Path], folder: Path, settings: Any) -> Iterator[Any]:
    """A book with real commits, one canary among its debtors, reminders sent."""
    from mahnwerk.records.book import ensure_tenant
    from mahnwerk.usecases import day, imports, sending
    from mahnwerk.usecases.books import BookPlace
    from mahnwerk.usecases.channels import Channels
    from mahnwerk.usecases.opening import OpenBook

    settings.MASTER_KEY = ""
    place = real_book("shop")
    book = OpenBook(BookPlace("shop", place, place / "outbox"), ensure_tenant("default"), "test")
    (folder / "kiosk.csv").write_text(CLAIMS, encoding="utf-8")
    imports.import_files(
        book, [folder / "kiosk.yaml", folder / "kiosk.csv"], rejects_folder=place / "rejects"
    )
    day.run_day(book, FIRST)
    assert sending.send(book, FIRST, channels=Channels.from_environment(book.place)).sent == 2
    return book


def pay(book: Any) -> None:
    from mahnwerk.usecases import facts

    facts.add(book, "M-000001", "payment_received", on=FIRST, amount="84,90", invoice_number="R-77")


def hits(folder: Path, but: tuple[str, ...] = ()) -> list[str]:
    """Files whose bytes hold a canary."""
    return [
        f"{path.relative_to(folder)}: {canary}"
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in but
        for canary in CANARIES
        if canary.encode() in path.read_bytes()
    ]


def test_no_personal_data_outside_letters_and_rejected_rows(world: Any, capsys: Any) -> None:
    from mahnwerk.usecases import why

    assert hits(world.place.folder, ("outbox", "rejects")) == []
    assert hits(world.place.folder, ("outbox",)) != []  # the rejected row: the search does find
    text = str(why.why(world, "M-000001", FIRST))
    assert not any(canary in text + "".join(capsys.readouterr()) for canary in CANARIES)


def test_nobody_else_on_the_machine_can_read_a_file_of_the_book(world: Any) -> None:
    private = ("outbox", "rejects", "letters", "files")
    for path in world.place.folder.rglob("*"):
        if path.relative_to(world.place.folder).parts[0] in private and path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
    assert world.place.folder.stat().st_mode & 0o077 == 0
    assert (world.place.folder / "secrets").stat().st_mode & 0o077 == 0


def test_a_debtor_who_owes_is_restricted_not_erased(world: Any) -> None:
    from mahnwerk.records.models import Person
    from mahnwerk.usecases import erasing

    (told,) = erasing.erase(world, case="M-000001", dry_run=False)
    assert (told.state, told.because, told.until) == ("restricted", "claim_open", None)
    rows = Person.objects.filter(tenant_id=world.tenant_id, restricted_because="claim_open")
    assert rows.count() == 1


def test_within_the_retention_period_a_person_is_restricted(world: Any) -> None:
    from mahnwerk.usecases import erasing

    pay(world)
    (told,) = erasing.erase(world, customer_number="kanarikd77", on=FIRST)
    assert (told.state, told.because, told.is_dry_run) == ("restricted", "booking_documents", True)
    assert told.until == dt.date(2034, 12, 31)


def test_after_it_the_person_is_gone_and_the_facts_stay_whole(world: Any) -> None:
    from mahnwerk.records import crypto, load, persons
    from mahnwerk.records.models import AuditEntry, BlindIndex, Fact, Message, PersonKey
    from mahnwerk.usecases import cases, erasing
    from mahnwerk.usecases.errors import NotFound

    pay(world)
    case_id = cases.case_id_of(world, "M-000001")
    person_id = load.persons(world.tenant_id, [case_id])[case_id].person_id
    wrapped = bytes(PersonKey.objects.get(id=person_id).wrapped)
    tokens = [
        bytes(t) for t in BlindIndex.objects.filter(person_id=person_id).values_list("token", flat=True)
    ]
    facts = list(Fact.objects.filter(case_id=case_id).order_by("id").values())
    before = cases.list_cases(world, FIRST).rows
    letter = Message.objects.get(case_id=case_id)

    (planned,) = erasing.erase(world, case="M-000001", on=AFTER_RETENTION)
    assert (planned.state, planned.is_dry_run) == ("erased", True)
    assert persons.find_cases(world.tenant_id, "Kanarinach") == [case_id]
    (told,) = erasing.erase(world, customer_number="KANARIKD77", on=AFTER_RETENTION, dry_run=False)
    assert (told.state, told.files) == ("erased", 3)  # the import, the letter, the rejected rows

    folder = world.place.folder
    assert hits(folder) == []
    kept = [
        crypto.open_file(world.tenant_id, path.parent.name, bytes.fromhex(path.stem)).decode()
        for path in (folder / "files").glob("claims/*.sealed")
    ]
    assert kept == [CLAIMS.splitlines(keepends=True)[0] + CLAIMS.splitlines(keepends=True)[2]]
    assert list(world.place.rejects.glob("*.csv")) == []  # nobody else was in it
    assert not list(world.place.outbox.glob("M-000001*")) and list(world.place.outbox.glob("M-000002*"))
    everything = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not any(wrapped in content for content in everything)  # not in free pages, not in the log
    assert not any(token in content for token in tokens for content in everything)
    assert persons.find_cases(world.tenant_id, "Kanarinach") == []
    with pytest.raises(crypto.Erased):
        crypto.open_letter(world.tenant_id, person_id, letter.id, letter.file_name, letter.bytes_hash)
    with pytest.raises(NotFound):
        erasing.erase(world, customer_number="KANARIKD77", on=AFTER_RETENTION)
    (again,) = erasing.erase(world, case="M-000001", on=AFTER_RETENTION, dry_run=False)
    assert again.state == "already_erased"

    assert list(Fact.objects.filter(case_id=case_id).order_by("id").values()) == facts
    assert cases.list_cases(world, FIRST).rows == before
    details = str(list(AuditEntry.objects.filter(action="person_erased").values()))
    assert "person_id" in details and not any(canary in details for canary in CANARIES)
    with closing(sqlite3.connect(folder / "book.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_only_their_rows_leave_a_table(encoding: str) -> None:
    from mahnwerk.usecases import erasing

    header, theirs, others = "Name;Straße;Ort\n", 'Abel;"Weg 1\n2. Hof";Köln\r\n', "Bauer;Weg 2;Abeln\r\n"
    namesake = "Abel;Gasse 9;Bonn\r\n"
    bare = "K-1;;\n"
    content = (header + others + theirs + bare + namesake).encode(encoding)
    rest = erasing._without(content, Path("claims/1.sealed"), [("Abel", "2. Hof")], {"K-1"})
    assert rest is not None and rest.decode(encoding) == header + others + namesake
    assert (
        erasing._without((header + theirs).encode(encoding), Path("1.csv"), [("Abel", "Weg 1")], set()) == b""
    )
    assert erasing._without(content, Path("bank/1.sealed"), [("Abel",)], set()) is None
