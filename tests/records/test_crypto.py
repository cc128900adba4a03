"""Keys: nothing opens in another place, with another key, or after erasure."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from tests.records.worlds import NOW

from mahnwerk.records import crypto, ids, persons
from mahnwerk.records.models import PersonKey, TenantKey


@pytest.fixture
def person_id(tenant_id: int) -> int:
    made = ids.new_id()
    persons.write(tenant_id, [made], [{"last_name": "Größler"}], recorded_at=NOW)
    return made


def test_persons_are_sealed_beside_without_touching_the_database(tenant_id: int) -> None:
    made = ids.new_id()
    with ThreadPoolExecutor(1) as thread:
        crypto.forget_keys()
        payload = {"last_name": "Größler", "email": "g@example.org"}
        sealed = persons.seal_new_beside(thread, tenant_id, [made], [payload], recorded_at=NOW).result()
        opened = thread.submit(lambda: [one.alias for one in connections.all(initialized_only=True)])
        assert opened.result() == []
    assert sealed.tokens.height == 2 and not PersonKey.objects.filter(id=made).exists()
    persons.write_sealed(sealed)
    blob = sealed.versions["payload"][0]
    key = crypto.person_keys(tenant_id, [made])[made]
    assert crypto.decrypt(key, blob, crypto.payload_aad(tenant_id, made, 1)) == persons.canonical(payload)


def test_a_blob_opens_only_in_its_place() -> None:
    key = os.urandom(32)
    blob = crypto.encrypt(key, b"plain", b"here")
    assert crypto.decrypt(key, blob, b"here") == b"plain"
    for other in ((os.urandom(32), blob, b"here"), (key, blob, b"there"), (key, blob[:-1] + b"?", b"here")):
        with pytest.raises(crypto.KeyMissing):
            crypto.decrypt(*other)
    with pytest.raises(crypto.KeyMissing, match="unknown algorithm"):
        crypto.decrypt(key, b"\x09" + blob[1:], b"here")


def test_development_writes_its_master_key_once(tmp_path: Path, settings: Any) -> None:
    settings.MASTER_KEY, settings.MASTER_KEY_FILE, settings.BOOK = "", "", tmp_path
    first = crypto.master_key()
    path = tmp_path / "secrets" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert crypto.master_key() == first
    assert [p.name for p in path.parent.iterdir()] == ["master.key"]


def test_production_makes_no_key(tmp_path: Path, settings: Any) -> None:
    settings.MASTER_KEY, settings.MASTER_KEY_FILE, settings.BOOK = "", "", tmp_path
    settings.IS_PRODUCTION = True
    with pytest.raises(crypto.KeyMissing, match="MAHNWERK_MASTER_KEY"):
        crypto.master_key()
    assert not (tmp_path / "secrets").exists()
    settings.MASTER_KEY = "abc"
    with pytest.raises(crypto.KeyMissing, match="64 hexadecimal digits"):
        crypto.master_key()


def test_another_master_key_opens_nothing(tenant_id: int, settings: Any) -> None:
    crypto.tenant_key(tenant_id, "file")
    crypto.forget_keys()
    settings.MASTER_KEY = "ff" * 32
    with pytest.raises(crypto.KeyMissing, match="another master key"):
        crypto.tenant_key(tenant_id, "file")
    assert TenantKey.objects.count() == 1


def test_keys_differ_by_purpose_and_person(tenant_id: int, person_id: int) -> None:
    assert crypto.tenant_key(tenant_id, "file") != crypto.tenant_key(tenant_id, "blind index")
    other = ids.new_id()
    persons.write(tenant_id, [other], [{"last_name": "Größler"}], recorded_at=NOW)
    keys = crypto.person_keys(tenant_id, [person_id, other])
    assert len(set(keys.values())) == 2


def test_a_wrapped_key_moved_to_another_person_does_not_open(tenant_id: int, person_id: int) -> None:
    other = ids.new_id()
    stolen = PersonKey.objects.get(id=person_id).wrapped
    PersonKey.objects.create(id=other, tenant_id=tenant_id, wrapped=stolen)
    with pytest.raises(crypto.KeyMissing):
        crypto.person_keys(tenant_id, [other])


def test_a_sealed_letter_is_on_disk_encrypted_and_checked(
    tenant_id: int, person_id: int, settings: Any
) -> None:
    name, mark = crypto.seal_letter(tenant_id, person_id, 77, 1, b"Sehr geehrte Frau Gr\xc3\xb6\xc3\x9fler")
    path = Path(settings.BOOK) / "letters" / name
    assert b"geehrte" not in path.read_bytes()
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert b"geehrte" in crypto.open_letter(tenant_id, person_id, 77, name, mark)
    with pytest.raises(crypto.KeyMissing):
        crypto.open_letter(tenant_id, person_id, 78, name, mark)
    with pytest.raises(crypto.KeyMissing, match="not the one that was sealed"):
        crypto.open_letter(tenant_id, person_id, 77, name, b"0" * 32)
    persons.erase(tenant_id, person_id)
    with pytest.raises(crypto.Erased):
        crypto.open_letter(tenant_id, person_id, 77, name, mark)
    with pytest.raises(crypto.Erased):
        crypto.seal_letter(tenant_id, person_id, 79, 1, b"x")


def test_a_kept_file_comes_back(tenant_id: int, settings: Any) -> None:
    name, mark = crypto.keep_file(tenant_id, "claims", b"Name;Betrag")
    assert b"Betrag" not in (Path(settings.BOOK) / "files" / name).read_bytes()
    assert crypto.open_file(tenant_id, "claims", mark) == b"Name;Betrag"


def test_kept_files_cannot_be_swapped(tenant_id: int, settings: Any) -> None:
    folder = Path(settings.BOOK) / "files"
    one, mark = crypto.keep_file(tenant_id, "claims", b"Name;Betrag")
    other, _ = crypto.keep_file(tenant_id, "claims", b"Name;Anderer")
    (folder / one).write_bytes((folder / other).read_bytes())
    with pytest.raises(crypto.KeyMissing, match="not the file that was kept"):
        crypto.open_file(tenant_id, "claims", mark)


def test_no_nonce_is_drawn_twice_and_files_are_for_their_owner_only(tenant_id: int, settings: Any) -> None:
    key = crypto.tenant_key(tenant_id, "file")
    nonces = {crypto.encrypt(key, b"x", b"")[1:13] for _ in range(2000)}
    wrapped = crypto.new_person_keys(tenant_id, range(2000))
    nonces |= {blob[1:13] for _, blob in wrapped.values()}
    assert len(nonces) == 4000
    name, _ = crypto.keep_file(tenant_id, "claims", b"x")
    assert (Path(settings.BOOK) / "files" / name).stat().st_mode & 0o077 == 0


def test_a_payload_moved_to_another_version_person_or_tenant_does_not_open(tenant_id: int) -> None:
    key = os.urandom(32)
    blob = crypto.encrypt(key, b"x", crypto.payload_aad(tenant_id, 5, 1))
    assert crypto.decrypt(key, blob, crypto.payload_aad(tenant_id, 5, 1)) == b"x"
    for place in ((tenant_id, 5, 2), (tenant_id, 6, 1), (tenant_id + 1, 5, 1)):
        with pytest.raises(crypto.KeyMissing):
            crypto.decrypt(key, blob, crypto.payload_aad(*place))


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        crypto.write_durably(tmp_path / "a" / "letter", b"x")
    assert list((tmp_path / "a").iterdir()) == []
