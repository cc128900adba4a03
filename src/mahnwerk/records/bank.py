"""Write what the bank told: accounts, payers, statements with their entries; each once.

ensure_account(tenant_id, account, creditor_id, *, at) -> account_id
record_statement(tenant_id, account_id, head, entries, *, at) -> Recorded
new_keys(tenant_id, account, head, entries) -> {entry_key}      what that would add; records nothing
lock(tenant_id, entry_ids) -> bool                              whether all are open still
lock_open(tenant_id, rows) -> {entry_id}                        those that are, with what they say now
settle(tenant_id, entry_id, state, **columns) -> bool          compare and swap out of the open states
settle_all(tenant_id, frame) -> bool                            the same for rows that are locked
learn(tenant_id, pairs, *, is_confirmed, at)
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl
from django.db import connection, transaction
from django.db.models import Max, Q

from mahnwerk.records import bulk, crypto, ids, persons, tenancy
from mahnwerk.records.models import (
    BankAccount,
    BankEntry,
    BankStatement,
    BlindIndex,
    EntryState,
    KnownPayer,
    MatchProposal,
    Payer,
    Tenant,
)

TEXTS: Final = (
    "name", "iban", "remittance", "structured_reference", "end_to_end_id", "mandate_id", "bank_reference",
    "booking_text",
)  # fmt: skip
"""Personal data of an entry, in its encrypted payload; missing is ""."""
OPEN: Final = (EntryState.NEW, EntryState.PROPOSED, EntryState.SUSPENSE)
CHAIN_MAX: Final = 20
IDS_AT_ONCE: Final = 500
_SIGN = re.compile(r"[^A-Z0-9]")


@dataclass(frozen=True)
class Recorded:
    """What a statement added. `is_known`: the same statement was here before."""

    statement_id: int
    new: int
    known: int
    is_known: bool = False


def compact(text: str) -> str:
    """Letters and digits only, upper case: how accounts and texts are compared."""
    return _SIGN.sub("", text.upper())


def account_token(tenant_id: int, account: str) -> bytes:
    """What an account is found by."""
    return crypto.keyed_hash(tenant_id, "blind index", f"account|{compact(account)}".encode())


def ensure_account(tenant_id: int, account: str, creditor_id: int | None, *, at: datetime) -> int:
    """The account of this IBAN or number, made if need be; it keeps the creditor it was made for."""
    tenancy.set_tenant(tenant_id)
    token = account_token(tenant_id, account)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(id=tenant_id)
        known = BankAccount.objects.filter(tenant_id=tenant_id, iban_token=token).first()
        if known is not None:
            return int(known.id)
        last = BankAccount.objects.filter(tenant_id=tenant_id).aggregate(last=Max("number"))["last"] or 0
        made = BankAccount(
            tenant_id=tenant_id,
            creditor_id=creditor_id,
            number=last + 1,
            iban_token=token,
            recorded_at=at,
        )
        key = crypto.tenant_key(tenant_id, "file")
        made.iban_payload = crypto.encrypt(key, compact(account).encode(), _account_aad(tenant_id, made))
        made.save(force_insert=True)
        return int(made.id)


def _account_aad(tenant_id: int, account: BankAccount) -> bytes:
    """What the IBAN is bound to: this account of this creditor; it opens in no other row."""
    return f"account|{tenant_id}|{account.id}|{account.number}|{account.creditor_id or ''}".encode()


def payer_token(tenant_id: int, iban: str, name: str) -> bytes:
    """The fingerprint of a payer: of the IBAN (as in the blind index of persons), else of the name."""
    plain = compact(iban)
    text = f"{int(BlindIndex.Kind.IBAN)}|{plain}" if plain else f"payer|{' '.join(persons.words(name))}"
    return crypto.keyed_hash(tenant_id, "blind index", text.encode())


def ensure_payers(tenant_id: int, tokens: Sequence[bytes], *, at: datetime) -> dict[bytes, int]:
    """token → payer id; new payers get a key of their own, committed before anything is written with it."""
    wanted = list(dict.fromkeys(tokens))
    found: dict[bytes, int] = {}
    for start in range(0, len(wanted), 500):
        rows = Payer.objects.filter(tenant_id=tenant_id, token__in=wanted[start : start + 500])
        found.update({bytes(token): int(payer_id) for token, payer_id in rows.values_list("token", "id")})
    fresh = [token for token in wanted if token not in found]
    made = pl.DataFrame({"token": fresh}, schema={"token": pl.Binary}).with_columns(
        ids.new_ids(len(fresh)),
        tenant_id=pl.lit(tenant_id),
        recorded_at=pl.lit(at.astimezone(UTC).replace(tzinfo=None)),
    )
    persons.new_keys(tenant_id, made["id"].to_list())
    bulk.insert_frame(connection, "payers", made)
    return found | dict(made.select("token", "id").iter_rows())


def _aad(tenant_id: int, entry_key: bytes) -> bytes:
    return f"entry|{tenant_id}|{entry_key.hex()}".encode()


def content_text(entry: Mapping[str, Any]) -> str:
    """What tells movements apart; two with the same text are twins, or one told twice."""
    words = [compact(entry[name]) for name in ("iban", "remittance", "structured_reference", "end_to_end_id")]
    words.append("" if words[0] else " ".join(persons.words(entry["name"])))
    if not any(words):
        words.append(compact(entry["bank_reference"]))
    fixed = (entry["booked_on"], entry["value_on"], entry["amount_cents"], entry["currency"])
    return "|".join([*map(str, fixed), *words])


def record_statement(
    tenant_id: int,
    account_id: int,
    head: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    *,
    at: datetime,
) -> Recorded:
    """Record one statement with its entries in one transaction; what is known already adds nothing.

    Parameters
    ----------
    head : format, statement_id, statement_no, currency, from_on, to_on, opening_cents, closing_cents
    entries : TEXTS and booked_on, value_on, amount_cents, currency, kind, return_reason, charges_cents,
        original_cents; in the order of the statement

    Entries of the same content count as twins when they stand in one statement, or in two of which one
    begins with the balance the other ends with; else (overlapping files) they are the same movement.
    """
    tenancy.set_tenant(tenant_id)
    contents = [_hash(tenant_id, content_text(entry)) for entry in entries]
    balances = [head["currency"], head["opening_cents"], head["closing_cents"], head["to_on"]]
    key = _hash(tenant_id, "|".join([*map(str, balances), *(content.hex() for content in contents)]))
    tokens = [payer_token(tenant_id, entry["iban"], entry["name"]) for entry in entries]
    statements = BankStatement.objects.filter(tenant_id=tenant_id, account_id=account_id)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(id=tenant_id)
        same = statements.filter(content_key=key).first()
        if same is not None:
            return Recorded(int(same.id), 0, len(entries), is_known=True)
        payers = ensure_payers(tenant_id, tokens, at=at)
        before = _twins_elsewhere(tenant_id, account_id, head, set(contents))
        keys = _entry_keys(tenant_id, contents, before)
        known = _known(tenant_id, account_id, keys)
        statement = BankStatement.objects.create(
            tenant_id=tenant_id,
            account_id=account_id,
            content_key=key,
            entry_count=len(entries),
            recorded_at=at,
            **head,
        )
        fresh = [
            (entry, content, entry_key, payers[token])
            for entry, content, entry_key, token in zip(entries, contents, keys, tokens, strict=True)
            if entry_key not in known
        ]
        _insert(tenant_id, account_id, int(statement.id), fresh, at)
    return Recorded(int(statement.id), len(fresh), len(entries) - len(fresh))


def new_keys(
    tenant_id: int, account: str, head: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]
) -> set[bytes]:
    """Keys of the entries `record_statement` would add to this account now; records nothing."""
    tenancy.set_tenant(tenant_id)
    contents = [_hash(tenant_id, content_text(entry)) for entry in entries]
    token = account_token(tenant_id, account)
    known = BankAccount.objects.filter(tenant_id=tenant_id, iban_token=token).first()
    if known is None:
        return set(_entry_keys(tenant_id, contents, {}))
    keys = _entry_keys(tenant_id, contents, _twins_elsewhere(tenant_id, known.id, head, set(contents)))
    return set(keys) - _known(tenant_id, known.id, keys)


def _hash(tenant_id: int, text: str) -> bytes:
    return crypto.keyed_hash(tenant_id, "source key", text.encode())


def _entry_keys(tenant_id: int, contents: Sequence[bytes], before: Mapping[bytes, int]) -> list[bytes]:
    counts = Counter(before)
    keys = []
    for content in contents:
        counts[content] += 1
        keys.append(_hash(tenant_id, f"{content.hex()}|{counts[content]}"))
    return keys


def _known(tenant_id: int, account_id: int, keys: Sequence[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for start in range(0, len(keys), 500):
        rows = BankEntry.objects.filter(
            tenant_id=tenant_id, account_id=account_id, entry_key__in=keys[start : start + 500]
        )
        found.update(bytes(key) for key in rows.values_list("entry_key", flat=True))
    return found


def _twins_elsewhere(
    tenant_id: int, account_id: int, head: Mapping[str, Any], contents: set[bytes]
) -> Counter[bytes]:
    """Entries of the same content in statements that end where this one begins, or begin where it ends."""
    counts: Counter[bytes] = Counter()
    if head["opening_cents"] is None or head["closing_cents"] is None or not head["to_on"]:
        return counts
    chained = _chained(tenant_id, account_id, head)
    rows = BankEntry.objects.filter(tenant_id=tenant_id, statement_id__in=chained)
    for content in rows.values_list("content_key", flat=True):
        if bytes(content) in contents:
            counts[bytes(content)] += 1
    return counts


def _chained(tenant_id: int, account_id: int, head: Mapping[str, Any]) -> list[int]:
    """Statements of the same days that join on to this one, before and after it."""
    own = (head["opening_cents"], head["closing_cents"])
    mates = BankStatement.objects.filter(
        tenant_id=tenant_id, account_id=account_id, currency=head["currency"], to_on=head["to_on"]
    ).exclude(Q(opening_cents=None) | Q(closing_cents=None))
    rest = {
        row.id: (row.opening_cents, row.closing_cents)
        for row in mates
        if (row.opening_cents, row.closing_cents) != own
        and (row.statement_id, row.statement_no) != (head["statement_id"], head["statement_no"])
    }
    found: list[int] = []
    for end, side in ((own[0], 1), (own[1], 0)):
        wanted = end
        for _ in range(CHAIN_MAX):
            step = next((i for i, pair in rest.items() if i not in found and pair[side] == wanted), None)
            if step is None:
                break
            found.append(step)
            wanted = rest[step][1 - side]
    return found


def record_parts(
    tenant_id: int, whole: BankEntry, parts: Sequence[Mapping[str, Any]], *, at: datetime
) -> None:
    """Record the parts of a batch booking; each is named by its whole and its place in it, so once."""
    tenancy.set_tenant(tenant_id)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(id=tenant_id)
        tokens = [payer_token(tenant_id, part["iban"], part["name"]) for part in parts]
        payers = ensure_payers(tenant_id, tokens, at=at)
        days = {"booked_on": whole.booked_on, "value_on": whole.value_on}
        fresh = []
        for place, (part, token) in enumerate(zip(parts, tokens, strict=True), 1):
            key = _hash(tenant_id, f"{bytes(whole.entry_key).hex()}|part|{place}")
            fresh.append(({**part, **days}, key, key, payers[token]))
        _insert(tenant_id, whole.account_id, whole.statement_id, fresh, at, batch_id=whole.id)


def _insert(
    tenant_id: int,
    account_id: int,
    statement_id: int,
    rows: Sequence[Any],
    at: datetime,
    *,
    batch_id: int | None = None,
) -> None:
    last = BankEntry.objects.filter(tenant_id=tenant_id).aggregate(last=Max("entry_no"))["last"] or 0
    keys = crypto.person_keys(tenant_id, {payer_id for *_, payer_id in rows})
    made: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for entry, content, entry_key, payer_id in rows:
        if payer_id not in keys:
            raise crypto.Erased("the payer of an entry was erased; this movement was in the book before.")
        plain = json.dumps({name: entry[name] for name in TEXTS if entry[name]}, ensure_ascii=False)
        columns = {
            **{name: entry[name] for name in _TOLD},
            "payer_id": payer_id,
            "entry_key": entry_key,
            "content_key": content,
            "payload": crypto.encrypt(keys[payer_id], plain.encode(), _aad(tenant_id, entry_key)),
            "reference_token": _token(tenant_id, "end to end", entry["end_to_end_id"]),
            "mandate_token": _token(tenant_id, "mandate", entry["mandate_id"]),
        }
        for name, value in columns.items():
            made[name].append(value)
    same = {
        "tenant_id": tenant_id,
        "account_id": account_id,
        "statement_id": statement_id,
        "batch_id": batch_id,
        "state": EntryState.NEW.value,
        "reason": "",
        "rejected_claim_ids": "[]",
        "recorded_at": at.astimezone(UTC).replace(tzinfo=None),
    }
    frame = pl.DataFrame(made, schema=_COLUMNS).with_columns(
        ids.new_ids(len(rows)),
        (pl.int_range(pl.len()) + last + 1).alias("entry_no"),
        **{name: pl.lit(value) for name, value in same.items()},
    )
    bulk.insert_frame(connection, "bank_entries", frame)


_TOLD: Final = {
    "booked_on": pl.Date,
    "value_on": pl.Date,
    "amount_cents": pl.Int64,
    "currency": pl.String,
    "kind": pl.String,
    "return_reason": pl.String,
    "charges_cents": pl.Int64,
    "original_cents": pl.Int64,
}
_COLUMNS: Final = {
    **_TOLD,
    "payer_id": pl.Int64,
    "entry_key": pl.Binary,
    "content_key": pl.Binary,
    "payload": pl.Binary,
    "reference_token": pl.Binary,
    "mandate_token": pl.Binary,
}


def _token(tenant_id: int, kind: str, text: str) -> bytes | None:
    plain = compact(text)
    return crypto.keyed_hash(tenant_id, "source key", f"{kind}|{plain}".encode()) if plain else None


def texts(tenant_id: int, row: BankEntry, keys: Mapping[int, bytes]) -> dict[str, str]:
    """The personal data of an entry; all "" once its payer is erased."""
    key = keys.get(row.payer_id)
    stored = (
        json.loads(crypto.decrypt(key, row.payload, _aad(tenant_id, bytes(row.entry_key)))) if key else {}
    )
    return {name: stored.get(name, "") for name in TEXTS}


def iban_of(tenant_id: int, account: BankAccount) -> str:
    """The account's IBAN or number, decrypted.

    Raises
    ------
    crypto.KeyMissing : it was moved here from another account, or changed.
    """
    key = crypto.tenant_key(tenant_id, "file")
    try:
        return crypto.decrypt(key, account.iban_payload, _account_aad(tenant_id, account)).decode()
    except crypto.KeyMissing:
        # Accounts of before were bound to the tenant only; their token says whose IBAN it must be.
        found = crypto.decrypt(key, account.iban_payload, f"account|{tenant_id}".encode()).decode()
        if account_token(tenant_id, found) != bytes(account.iban_token):
            raise
        return found


def lock(tenant_id: int, entry_ids: Sequence[int]) -> bool:
    """Keep these entries to ourselves until the transaction ends; False if one is open no more.

    Entries before cases, and entries by their ids: who keeps this order waits, and never in a circle.
    """
    rows = BankEntry.objects.select_for_update().filter(tenant_id=tenant_id, id__in=list(entry_ids))
    states = rows.order_by("id").values_list("state", flat=True)
    return all(state in OPEN for state in states)


def lock_open(tenant_id: int, rows: Sequence[BankEntry]) -> set[int]:
    """Keep entries to ourselves until the transaction ends; the ids of those that are open still.

    State, reason and hold of the rows are read anew.
    """
    by_id = {row.id: row for row in rows}
    wanted = sorted(by_id)
    still = set()
    for start in range(0, len(wanted), IDS_AT_ONCE):
        found = BankEntry.objects.select_for_update().filter(
            tenant_id=tenant_id, id__in=wanted[start : start + IDS_AT_ONCE]
        )
        for values in found.order_by("id").values("id", "state", "reason", "hold_case_id", "hold_fact_no"):
            row = by_id[values.pop("id")]
            for name, value in values.items():
                setattr(row, name, value)
            if row.state in OPEN:
                still.add(row.id)
    return still


def settle(tenant_id: int, entry_id: int, state: EntryState, **columns: Any) -> bool:
    """Move an entry out of the open states; False if somebody else did before. Call it with its facts."""
    return bool(
        BankEntry.objects.filter(tenant_id=tenant_id, id=entry_id, state__in=OPEN).update(
            state=state, **columns
        )
    )


def settle_all(tenant_id: int, frame: pl.DataFrame) -> bool:
    """Set columns of open entries, in the transaction that locked them; False if one was open no more.

    Parameters
    ----------
    frame : id, state and other columns of bank_entries
    """
    keyed = frame.with_columns(pl.lit(tenant_id).alias("tenant_id"))
    states = ", ".join(f"'{state.value}'" for state in OPEN)
    changed = bulk.update_frame(
        connection, "bank_entries", keyed, ["tenant_id", "id"], only_if=f"bank_entries.state IN ({states})"
    )
    return changed == frame.height


def keep_holds(tenant_id: int, rows: Sequence[BankEntry]) -> None:
    """Write down which fact holds which case for these entries."""
    frame = pl.DataFrame(
        [(tenant_id, row.id, row.hold_case_id, row.hold_fact_no) for row in rows],
        schema={
            "tenant_id": pl.Int64, "id": pl.Int64, "hold_case_id": pl.Int64, "hold_fact_no": pl.Int32
        },
        orient="row",
    )  # fmt: skip
    bulk.update_frame(connection, "bank_entries", frame, ["tenant_id", "id"])


def learn(tenant_id: int, pairs: Iterable[tuple[int, int]], *, is_confirmed: bool, at: datetime) -> None:
    """Remember that these payers pay for these cases: (payer id, case id)."""
    distinct = list(dict.fromkeys(pairs))
    KnownPayer.objects.bulk_create(
        [
            KnownPayer(
                tenant_id=tenant_id, payer_id=payer, case_id=case, is_confirmed=is_confirmed, recorded_at=at
            )
            for payer, case in distinct
        ],
        batch_size=IDS_AT_ONCE,
        ignore_conflicts=True,
    )
    for payer, case in distinct if is_confirmed else ():
        KnownPayer.objects.filter(
            tenant_id=tenant_id, payer_id=payer, case_id=case, is_confirmed=False
        ).update(is_confirmed=True)


def drop_proposals(tenant_id: int, entry_ids: Sequence[int]) -> None:
    """Forget what was proposed for these entries."""
    for start in range(0, len(entry_ids), IDS_AT_ONCE):
        part = entry_ids[start : start + IDS_AT_ONCE]
        MatchProposal.objects.filter(tenant_id=tenant_id, entry_id__in=part).delete()


def forget_texts(tenant_id: int, row: BankEntry) -> None:
    """Empty the texts of one entry, whose payer stays: somebody else paid for a person who is erased."""
    key = crypto.person_keys(tenant_id, [row.payer_id]).get(row.payer_id)
    if key is not None:
        empty = crypto.encrypt(key, b"{}", _aad(tenant_id, bytes(row.entry_key)))
        BankEntry.objects.filter(tenant_id=tenant_id, id=row.id).update(payload=empty)


def erase_payer(tenant_id: int, payer_id: int) -> None:
    """Destroy a payer's key: their entries keep amount and day, and say nothing of them any more."""
    KnownPayer.objects.filter(tenant_id=tenant_id, payer_id=payer_id).delete()
    crypto.destroy_keys(tenant_id, [payer_id])
    # The token tells whose account it was to whoever knows the IBAN; the row stays for its entries.
    Payer.objects.filter(tenant_id=tenant_id, id=payer_id).update(token=os.urandom(crypto.HMAC_BYTES))
