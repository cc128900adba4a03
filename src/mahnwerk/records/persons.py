"""Persons: encrypted in versions, found by keyed tokens, erased by destroying their key.

write(tenant_id, person_ids, payloads, *, recorded_at, versions=None) -> None
seal_new_beside(thread, …) -> Future[Sealed] · write_sealed(sealed)     the two halves of it, for an import
change(tenant_id, person_id, payload, *, recorded_at) -> bool          a new version if something changed
find_cases(tenant_id, text) -> [case_id, …]                            search by blind index
restrict(tenant_id, person_id, because) · erase(tenant_id, person_id)
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from django.db import connection, connections, transaction

from mahnwerk.frames import PERSON
from mahnwerk.records import bulk, crypto, ids, tenancy
from mahnwerk.records.models import BlindIndex, Case, CaseParticipant, Person

Payload = Mapping[str, str]
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe"})
_WORD = re.compile(r"[a-z0-9]+")
_NAME_FIELDS = ("company", "first_name", "last_name")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_CUSTOMER_NUMBER, _EMAIL, _PHONE, _IBAN, _NAME = map(int, BlindIndex.Kind)
TOKEN_MIN = 2


def canonical(payload: Payload) -> bytes:
    """The payload as stored: JSON of the fields that are not empty, in fixed order."""
    return _encode({name: value for name in PERSON if (value := payload.get(name))}).encode()


def words(text: str, *, shortest: int = 1) -> list[str]:
    """Words as compared: small, without accents, umlauts written out."""
    if text.isascii():
        folded = text.lower()
    else:
        folded = unicodedata.normalize("NFC", text).casefold().translate(_UMLAUTS)
    if not folded.isascii():
        folded = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    return [word for word in _WORD.findall(folded) if len(word) >= shortest]


def phone_digits(text: str) -> str:
    """A phone number as digits with country code; without one it is a German number."""
    digits = re.sub(r"\(0\)|[^0-9+]", "", text)
    if digits.startswith("+"):
        return digits[1:]
    if digits.startswith("00"):
        return digits[2:]
    return "49" + digits[1:] if digits.startswith("0") else digits


def tokens(payload: Payload) -> set[tuple[int, str]]:
    """(kind, normalised text) of everything about a person that can be searched for."""
    found = set()
    for name in _NAME_FIELDS:
        if text := payload.get(name):
            found.update((_NAME, word) for word in words(text, shortest=TOKEN_MIN))
    if number := (payload.get("customer_number") or "").strip().upper():
        found.add((_CUSTOMER_NUMBER, number))
    if email := (payload.get("email") or "").strip().casefold():
        found.add((_EMAIL, email))
    if (given := payload.get("phone")) and (phone := phone_digits(given)):
        found.add((_PHONE, phone))
    if (given := payload.get("iban")) and (iban := "".join(given.split()).upper()):
        found.add((_IBAN, iban))
    return found


def _token_texts(pairs: Sequence[tuple[int, str]]) -> list[str]:
    return [f"{kind}|{text}" for kind, text in pairs]


def has_postal_address(payload: Payload) -> bool:
    """Whether a letter can be addressed."""
    return all(payload.get(name) for name in ("street", "postcode", "city"))


@dataclass(frozen=True)
class Sealed:
    """Persons encrypted and tokenised, not written yet.

    keys : person id → wrapped key, of new persons only
    versions, tokens : rows of `persons` and of `blind_indexes`
    """

    tenant_id: int
    keys: Mapping[int, bytes]
    versions: pl.DataFrame
    tokens: pl.DataFrame
    is_new: bool


def write(
    tenant_id: int,
    person_ids: Sequence[int],
    payloads: Sequence[Payload],
    *,
    recorded_at: datetime,
    versions: Sequence[int] | None = None,
) -> None:
    """Write persons in bulk: new ones with fresh keys, or further versions of known ones."""
    if not person_ids:
        return
    if versions is None:
        write_sealed(seal_new(tenant_id, person_ids, payloads, recorded_at=recorded_at))
        return
    keys = crypto.person_keys(tenant_id, person_ids)
    rows = _versions(tenant_id, person_ids, payloads, keys, versions, recorded_at)
    write_sealed(Sealed(tenant_id, {}, rows, _tokens(tenant_id, person_ids, payloads), is_new=False))


def seal_new(
    tenant_id: int, person_ids: Sequence[int], payloads: Sequence[Payload], *, recorded_at: datetime
) -> Sealed:
    """New persons with fresh keys, for `write_sealed`."""
    made = crypto.new_person_keys(tenant_id, person_ids)
    keys = {person_id: key for person_id, (key, _) in made.items()}
    return Sealed(
        tenant_id,
        {person_id: wrapped for person_id, (_, wrapped) in made.items()},
        _versions(tenant_id, person_ids, payloads, keys, [1] * len(person_ids), recorded_at),
        _tokens(tenant_id, person_ids, payloads),
        is_new=True,
    )


def seal_new_beside(
    thread: Executor,
    tenant_id: int,
    person_ids: Sequence[int],
    payloads: Sequence[Payload],
    *,
    recorded_at: datetime,
) -> Future[Sealed]:
    """`seal_new` in another thread, which touches no database: the tenant's keys are fetched here."""
    for purpose in ("wrap person", "payload hmac", "blind index"):
        crypto.tenant_key(tenant_id, purpose)
    return thread.submit(seal_new, tenant_id, person_ids, payloads, recorded_at=recorded_at)


def write_sealed(sealed: Sealed) -> None:
    """Write what `seal_new` made.

    The keys are committed first: a key without a person is harmless, a person without a key is lost.
    """
    if sealed.keys:
        _write_keys(sealed.tenant_id, sealed.keys)
    bulk.insert_frame(connection, "persons", sealed.versions)
    # A new person has no token yet; asking for conflicts would double the cost of each row.
    on_conflict = "" if sealed.is_new else "ON CONFLICT DO NOTHING"
    bulk.insert_frame(connection, "blind_indexes", sealed.tokens, on_conflict=on_conflict)


def _write_keys(tenant_id: int, wrapped: Mapping[int, bytes]) -> None:
    frame = pl.DataFrame(
        {
            "id": list(wrapped),
            "tenant_id": [tenant_id] * len(wrapped),
            "wrapped": pl.Series(list(wrapped.values()), dtype=pl.Binary),
        }
    )
    with transaction.atomic(using="keys"):
        bulk.insert_frame(connections["keys"], "person_keys", frame)


def new_keys(tenant_id: int, owner_ids: Sequence[int]) -> None:
    """Draw and keep a key for each of these owners (payers), committed at once."""
    made = crypto.new_person_keys(tenant_id, owner_ids)
    if made:
        _write_keys(tenant_id, {owner_id: wrapped for owner_id, (_, wrapped) in made.items()})


def _versions(
    tenant_id: int,
    person_ids: Sequence[int],
    payloads: Sequence[Payload],
    keys: Mapping[int, bytes],
    versions: Sequence[int],
    recorded_at: datetime,
) -> pl.DataFrame:
    """Rows of `persons`: each payload under its person's key."""
    plain = [canonical(payload) for payload in payloads]
    blobs = []
    for person_id, text, version in zip(person_ids, plain, versions, strict=True):
        key = keys.get(person_id)
        if key is None:
            raise crypto.Erased(f"person {person_id} was erased; import them as a new customer number.")
        blobs.append(crypto.encrypt(key, text, crypto.payload_aad(tenant_id, person_id, version)))
    return pl.DataFrame(
        {
            "id": ids.new_ids(len(blobs)),
            "tenant_id": [tenant_id] * len(blobs),
            "person_id": pl.Series(person_ids, dtype=pl.Int64),
            "version": pl.Series(versions, dtype=pl.Int32),
            "state": ["live"] * len(blobs),
            "payload": pl.Series(blobs, dtype=pl.Binary),
            "payload_hmac": pl.Series(
                [crypto.keyed_hash(tenant_id, "payload hmac", text) for text in plain], dtype=pl.Binary
            ),
            "recorded_at": [recorded_at.astimezone(UTC).replace(tzinfo=None)] * len(blobs),
            "restricted_because": [""] * len(blobs),
        }
    )


def _tokens(tenant_id: int, person_ids: Sequence[int], payloads: Sequence[Payload]) -> pl.DataFrame:
    """Rows of `blind_indexes`, in the order of its index."""
    owners: list[int] = []
    pairs: list[tuple[int, str]] = []
    for person_id, payload in zip(person_ids, payloads, strict=True):
        found = tokens(payload)
        owners += [person_id] * len(found)
        pairs += found
    distinct = list(dict.fromkeys(pairs))  # names repeat
    hashed = dict(
        zip(distinct, crypto.keyed_hashes(tenant_id, "blind index", _token_texts(distinct)), strict=True)
    )
    frame = pl.DataFrame(
        {
            "tenant_id": [tenant_id] * len(owners),
            "kind": pl.Series([kind for kind, _ in pairs], dtype=pl.Int16),
            "token": pl.Series([hashed[pair] for pair in pairs], dtype=pl.Binary),
            "person_id": pl.Series(owners, dtype=pl.Int64),
        }
    )
    return frame.sort("kind", "token").with_columns(ids.new_ids(frame.height))


def change(tenant_id: int, person_id: int, payload: Payload, *, recorded_at: datetime) -> bool:
    """Record a person anew if anything differs from the latest version; and what it means for their cases.

    Tokens of the old version stay: a payer may still use the old IBAN. Returns whether there was a change.
    """
    tenancy.set_tenant(tenant_id)
    with transaction.atomic():
        row = Person.objects.filter(tenant_id=tenant_id, person_id=person_id).order_by("-version").first()
        if row is None:
            raise LookupError(f"There is no person {person_id} in this book.")
        if bytes(row.payload_hmac) == crypto.keyed_hash(tenant_id, "payload hmac", canonical(payload)):
            return False
        write(tenant_id, [person_id], [payload], recorded_at=recorded_at, versions=[row.version + 1])
        mine = CaseParticipant.objects.filter(tenant_id=tenant_id, person_id=person_id, part="debtor")
        Case.objects.filter(tenant_id=tenant_id, id__in=mine.values("case_id")).update(
            has_postal_address=has_postal_address(payload), has_email=bool(payload.get("email"))
        )
        return True


def find_cases(tenant_id: int, text: str, *, limit: int = 200) -> list[int]:
    """Cases of the persons that every word of the text fits: number, e-mail, phone, IBAN, name."""
    tenancy.set_tenant(tenant_id)
    whole = _ways_to_read(text)
    found = _persons_with(tenant_id, whole)
    if not found:
        for word in text.split():
            these = _persons_with(tenant_id, _ways_to_read(word))
            found = these if not found else found & these
            if not found:
                return []
    cases = CaseParticipant.objects.filter(tenant_id=tenant_id, person_id__in=found)
    return list(cases.order_by("case_id").values_list("case_id", flat=True).distinct()[:limit])


def _ways_to_read(text: str) -> list[tuple[int, str]]:
    everything = dict.fromkeys(("customer_number", "email", "phone", "iban"), text)
    pairs = tokens(everything)
    found_words = words(text, shortest=TOKEN_MIN)
    if len(found_words) == 1:
        pairs |= tokens({"last_name": text})
    return sorted(pairs)


def _persons_with(tenant_id: int, pairs: Sequence[tuple[int, str]]) -> set[int]:
    hashes = crypto.keyed_hashes(tenant_id, "blind index", _token_texts(pairs))
    rows = BlindIndex.objects.filter(tenant_id=tenant_id, token__in=hashes)
    return set(rows.values_list("person_id", flat=True))


def restrict(tenant_id: int, person_id: int, because: str) -> None:
    """Keep the data for the law's sake only (Art. 18, 17(3) GDPR); `because` from a closed vocabulary."""
    tenancy.set_tenant(tenant_id)
    Person.objects.filter(tenant_id=tenant_id, person_id=person_id, state=Person.State.LIVE).update(
        state=Person.State.RESTRICTED, restricted_because=because
    )


def erase(tenant_id: int, person_id: int) -> None:
    """Erase a person: destroy the key, delete the search tokens, empty the payloads; facts stay, nameless.

    Whether retention periods are over is for the use case to ask. Sealed letters can no longer be opened.
    Running it again finishes what a crash left undone.
    """
    tenancy.set_tenant(tenant_id)
    crypto.destroy_keys(tenant_id, [person_id])
    with transaction.atomic():
        BlindIndex.objects.filter(tenant_id=tenant_id, person_id=person_id).delete()
        rows = Person.objects.filter(tenant_id=tenant_id, person_id=person_id)
        rows.exclude(state=Person.State.SHREDDED).update(
            state=Person.State.SHREDDED, payload=b"", payload_hmac=b""
        )
    crypto.leave_no_copies("default")
