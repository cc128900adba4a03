"""Keys and what they open.

master key (32 bytes, environment or file)
  └─ wraps the tenant's key (table tenant_keys of the key store)
       ├─ HKDF → HMAC keys: blind indexes, payload and byte hashes, source keys
       ├─ HKDF → key for files that belong to no one person (imports, bank files)
       └─ wraps each person's key (table person_keys)
            ├─ encrypts the person's payload, version by version
            └─ HKDF → encrypts the letters sealed for that person

Every blob begins with one byte that names its algorithm (1 = AES-256-GCM, nonce of 12 bytes, tag of 16), so
that another can follow. Deleting a person's key makes payload and letters unreadable in every copy.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connections

ALGORITHM = b"\x01"
KEY_BYTES = 32
NONCE_BYTES = 12
HMAC_BYTES = 16


class KeyMissing(RuntimeError):  # noqa: N818
    """No key, or not the right one: what it protects cannot be read."""


class Erased(LookupError):  # noqa: N818
    """The person's key was destroyed; the data are gone by design."""


_cache: dict[tuple[str, int], bytes] = {}


def forget_keys() -> None:
    """Drop all keys from memory (another book is opened, or a test ends)."""
    _cache.clear()


def _from_text(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyMissing(f"{where}: a master key is {KEY_BYTES} bytes, written as 64 hexadecimal digits.")
    return key


def master_key() -> bytes:
    """The master key: from the environment, from a file, or in development from the book itself."""
    if settings.MASTER_KEY:
        return _from_text(settings.MASTER_KEY, "MAHNWERK_MASTER_KEY")
    if settings.MASTER_KEY_FILE:
        path = Path(settings.MASTER_KEY_FILE)
        if not path.is_file():
            raise KeyMissing(f"MAHNWERK_MASTER_KEY_FILE names {path}, which is not there.")
        return _from_text(path.read_text(), str(path))
    path = Path(settings.BOOK) / "secrets" / "master.key"
    if path.is_file():
        return _from_text(path.read_text(), str(path))
    if settings.IS_PRODUCTION:
        raise KeyMissing("Production needs MAHNWERK_MASTER_KEY or MAHNWERK_MASTER_KEY_FILE.")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = secrets.token_bytes(KEY_BYTES)
    write_durably(path, key.hex().encode() + b"\n", mode=0o600)
    return key


def derive(key: bytes, purpose: str) -> bytes:
    """A key for one purpose, by HKDF-SHA256."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(key)


def encrypt(key: bytes, plain: bytes, aad: bytes) -> bytes:
    """algorithm | nonce | ciphertext and tag."""
    nonce = os.urandom(NONCE_BYTES)
    return ALGORITHM + nonce + AESGCM(key).encrypt(nonce, plain, aad)


def decrypt(key: bytes, blob: bytes, aad: bytes) -> bytes:
    """The plain bytes, or `KeyMissing` if key, bytes or their place do not belong together."""
    blob = bytes(blob)
    if blob[:1] != ALGORITHM:
        raise KeyMissing(f"unknown algorithm {blob[:1]!r} of an encrypted value; is this program too old?")
    try:
        return AESGCM(key).decrypt(blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :], aad)
    except InvalidTag:
        raise KeyMissing(
            "an encrypted value does not open: another master key, or the value was changed or moved."
        ) from None


def _tenant_aad(tenant_id: int) -> bytes:
    return f"tenant|{tenant_id}".encode()


def make_tenant_key(tenant_id: int) -> None:
    """Draw the tenant's key and keep it wrapped. Called once, when the tenant is made."""
    from mahnwerk.records.models import TenantKey

    wrapped = encrypt(derive(master_key(), "wrap tenant"), os.urandom(KEY_BYTES), _tenant_aad(tenant_id))
    TenantKey.objects.create(tenant_id=tenant_id, wrapped=wrapped)


def tenant_key(tenant_id: int, purpose: str) -> bytes:
    """The tenant's key for one purpose.

    Purposes: "wrap person", "blind index", "payload hmac", "bytes hmac", "source key", "debtor key", "file",
    "pay link".
    """
    cached = _cache.get((purpose, tenant_id))
    if cached is not None:
        return cached
    from mahnwerk.records.models import TenantKey

    row = TenantKey.objects.filter(tenant_id=tenant_id).first()
    if row is None:
        raise KeyMissing(f"tenant {tenant_id} has no key in the key store; restore it from its backup.")
    root = decrypt(derive(master_key(), "wrap tenant"), row.wrapped, _tenant_aad(tenant_id))
    _cache[purpose, tenant_id] = key = derive(root, purpose)
    return key


def keyed_hash(tenant_id: int, purpose: str, content: bytes, *, length: int = HMAC_BYTES) -> bytes:
    """HMAC-SHA256 of the content, shortened. Rows hold these, never bare hashes."""
    return hmac.digest(tenant_key(tenant_id, purpose), content, "sha256")[:length]


def keyed_hashes(tenant_id: int, purpose: str, contents: Iterable[str]) -> list[bytes]:
    """`keyed_hash` of many texts."""
    key, digest = tenant_key(tenant_id, purpose), hmac.digest
    return [digest(key, content.encode(), "sha256")[:HMAC_BYTES] for content in contents]


def _person_aad(tenant_id: int, person_id: int) -> bytes:
    return f"person|{tenant_id}|{person_id}".encode()


def new_person_keys(tenant_id: int, person_ids: Iterable[int]) -> dict[int, tuple[bytes, bytes]]:
    """For each person a fresh key: person id → (key, wrapped key). Nothing is stored yet."""
    wrap, urandom = AESGCM(tenant_key(tenant_id, "wrap person")), os.urandom
    made = {}
    for person_id in person_ids:
        key, nonce = urandom(KEY_BYTES), urandom(NONCE_BYTES)
        made[person_id] = key, ALGORITHM + nonce + wrap.encrypt(nonce, key, _person_aad(tenant_id, person_id))
    return made


def person_keys(tenant_id: int, person_ids: Iterable[int]) -> dict[int, bytes]:
    """The keys of these persons, as far as they have not been destroyed."""
    from mahnwerk.records.models import PersonKey

    wrap, wanted, found = tenant_key(tenant_id, "wrap person"), list(person_ids), {}
    for start in range(0, len(wanted), 500):
        rows = PersonKey.objects.filter(tenant_id=tenant_id, id__in=wanted[start : start + 500])
        for person_id, wrapped in rows.values_list("id", "wrapped"):
            found[person_id] = decrypt(wrap, wrapped, _person_aad(tenant_id, person_id))
    return found


def destroy_keys(tenant_id: int, owner_ids: Iterable[int]) -> None:
    """Destroy the keys of persons or payers, for good: no free page or log of the key store keeps them.

    Backups end after their 30 days; so does a PostgreSQL server's write-ahead log that is archived.
    """
    from mahnwerk.records.models import PersonKey

    PersonKey.objects.filter(tenant_id=tenant_id, id__in=list(owner_ids)).delete()
    leave_no_copies("keys", PersonKey._meta.db_table)


def leave_no_copies(alias: str, table: str = "") -> None:
    """Rewrite what rows were deleted from: the SQLite file with its log, or this table on PostgreSQL.

    A role that does not own the table cannot rewrite it there: PostgreSQL says so and goes on; its owner
    must run `VACUUM FULL` (docs/operate.md). Inside a transaction nothing can be rewritten.
    """
    connection = connections[alias]
    if connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Deleting only marks space as free; earlier page splits may have left further copies there.
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        elif table:
            # Plain VACUUM would free the space and leave the bytes; FULL writes what is left anew.
            cursor.execute(f"VACUUM FULL {connection.ops.quote_name(table)}")


def payload_aad(tenant_id: int, person_id: int, version: int) -> bytes:
    """What a payload is bound to: it opens nowhere else."""
    return f"payload|{tenant_id}|{person_id}|{version}".encode()


def write_durably(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file so that it is whole and on disk, or not there at all (temp, fsync, rename, fsync)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _letter_aad(tenant_id: int, message_id: int) -> bytes:
    return f"letter|{tenant_id}|{message_id}".encode()


def seal_letter(
    tenant_id: int, person_id: int, message_id: int, fence: int, content: bytes
) -> tuple[str, bytes]:
    """Encrypt the bytes of a message into a file of the book, on disk before this returns.

    Returns
    -------
    (file name below the book's letters/, HMAC of the plain bytes) – both for the message's row. The name
    carries the fence, so a letter sealed anew never overwrites the bytes of an earlier seal.

    Raises
    ------
    Erased : the person has no key any more.
    """
    key = person_keys(tenant_id, [person_id]).get(person_id)
    if key is None:
        raise Erased(f"person {person_id} was erased; nothing can be sealed for them.")
    name = f"{message_id % 256:02x}/{message_id}-{fence}.sealed"
    blob = encrypt(derive(key, "letter"), content, _letter_aad(tenant_id, message_id))
    write_durably(Path(settings.BOOK) / "letters" / name, blob)
    return name, keyed_hash(tenant_id, "bytes hmac", content, length=32)


def open_letter(tenant_id: int, person_id: int, message_id: int, name: str, bytes_hash: bytes) -> bytes:
    """The plain bytes of a sealed message, compared with the hash of its row."""
    key = person_keys(tenant_id, [person_id]).get(person_id)
    if key is None:
        raise Erased(f"person {person_id} was erased; their letters cannot be read any more.")
    blob = (Path(settings.BOOK) / "letters" / name).read_bytes()
    content = decrypt(derive(key, "letter"), blob, _letter_aad(tenant_id, message_id))
    if not hmac.compare_digest(keyed_hash(tenant_id, "bytes hmac", content, length=32), bytes(bytes_hash)):
        raise KeyMissing(f"message {message_id}: the file {name} is not the one that was sealed.")
    return content


def keep_file(tenant_id: int, kind: str, content: bytes) -> tuple[str, bytes]:
    """Keep an original (import, bank file) encrypted in the book: (file name, HMAC of the content)."""
    mark = keyed_hash(tenant_id, "bytes hmac", content)
    name = f"{kind}/{mark.hex()}.sealed"
    aad = f"file|{tenant_id}|{kind}".encode()
    write_durably(Path(settings.BOOK) / "files" / name, encrypt(tenant_key(tenant_id, "file"), content, aad))
    return name, mark


def open_file(tenant_id: int, kind: str, mark: bytes) -> bytes:
    """The original that `keep_file` kept."""
    path = Path(settings.BOOK) / "files" / kind / f"{bytes(mark).hex()}.sealed"
    content = decrypt(tenant_key(tenant_id, "file"), path.read_bytes(), f"file|{tenant_id}|{kind}".encode())
    if not hmac.compare_digest(keyed_hash(tenant_id, "bytes hmac", content), bytes(mark)):
        raise KeyMissing(f"{path.name} is not the file that was kept under this name.")
    return content


def has_key_backup_note(environment: Mapping[str, str]) -> bool:
    """Whether the operator confirmed that the master key is backed up (MAHNWERK_KEY_BACKUP=confirmed)."""
    return environment.get("MAHNWERK_KEY_BACKUP") == "confirmed"
