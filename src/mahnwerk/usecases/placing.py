"""Imported claims find their creditor, their debtor's case, and their place in the book."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.frames import REJECTS, ClaimKind, Role, empty
from mahnwerk.records import import_claims, load
from mahnwerk.usecases import creditors
from mahnwerk.usecases.opening import OpenBook

REMEDIES: Final = {
    "creditor_key": "Add it with `mahnwerk creditor add FILE`, or name one with --creditor.",
    "customer_number": "Add a customer number, or a name with postal address.",
    "obligation_arose_on": "Ask the client for the date of the contract; add it, import again.",
    "credits_invoice": "Import the invoice first, or leave the column empty to lower the whole case.",
}
CONFLICT_REMEDY: Final = "Correct the number if it is another invoice; else record the change as a fact."


@dataclass(frozen=True)
class Placed:
    """What a piece of claims changed."""

    new: int
    new_cases: int
    new_facts: int
    known: int
    rejects: pl.DataFrame
    warnings: tuple[str, ...] = ()


def place(
    book: OpenBook, claims: pl.DataFrame, *, file: Path, creditor: str, at: dt.datetime, dry_run: bool = False
) -> Placed:
    """Record claims: each creditor and invoice number once.

    Parameters
    ----------
    claims : IMPORTED_CLAIMS
    file : for a creditor's key at the start of its name
    creditor : key for rows that name none; "" = find out

    Returns
    -------
    Counts, and REJECTS for rows without creditor or debtor, and for known numbers with other content.
    """
    if claims.is_empty():
        return Placed(0, 0, 0, 0, empty(REJECTS))
    with transaction.atomic():
        chosen = Creditors.of(book, file, creditor, claims)
        named = claims.with_columns(chosen.ids_of(claims))
        lost = named.filter(pl.col("creditor_id").is_null())
        undated = named.filter(chosen.needs_contract_date())
        fit = named.filter(pl.col("creditor_id").is_not_null() & ~chosen.needs_contract_date())
        taken = import_claims.import_claims(book.tenant_id, fit, recorded_at=at)
        if dry_run:
            transaction.set_rollback(True)
    rejects = pl.concat([chosen.rejects(lost), _undated(undated), _conflicts(taken.conflicts)])
    return Placed(
        new=taken.new,
        new_cases=taken.new_cases,
        new_facts=taken.payments + taken.credit_notes,
        known=taken.unchanged,
        rejects=rejects,
        warnings=chosen.warnings,
    )


def _undated(rows: pl.DataFrame) -> pl.DataFrame:
    """REJECTS for claims an agency could never lawfully ask for, as it must state the contract's date."""
    return rows.select(
        "row_no",
        pl.lit("obligation_arose_on").alias("column"),
        pl.lit("").alias("value"),
        pl.lit("missing").alias("code"),
        pl.lit(
            "the date of the contract is missing, which an agency or assignee must state "
            "(§ 13a Abs. 1 Nr. 2 RDG)"
        ).alias("reason"),
        pl.lit(REMEDIES["obligation_arose_on"]).alias("remedy"),
    ).cast(dict(REJECTS))


def _conflicts(conflicts: pl.DataFrame) -> pl.DataFrame:
    """CONFLICTS as REJECTS; the difference is part of the reason."""
    is_difference = pl.col("stored") != ""
    return conflicts.select(
        "row_no",
        "column",
        pl.col("given").alias("value"),
        pl.when(is_difference).then(pl.lit("conflict")).otherwise(pl.lit("missing")).alias("code"),
        pl.when(is_difference)
        .then(pl.format("{} (stored: {}, here: {})", "reason", "stored", "given"))
        .otherwise("reason")
        .alias("reason"),
        pl.when(is_difference)
        .then(pl.lit(CONFLICT_REMEDY))
        .otherwise(pl.col("column").replace_strict(REMEDIES, default=""))
        .alias("remedy"),
    ).cast(dict(REJECTS))


@dataclass(frozen=True)
class Creditors:
    """Who may be meant: by key, VAT id or IBAN; and who is meant where a row says nothing."""

    by_key: Mapping[str, int]
    by_vat_id: Mapping[str, int]
    by_iban: Mapping[str, int]
    silent: int | None
    third_parties: tuple[int, ...] = ()  # agencies and assignees, which § 13a RDG binds
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, book: OpenBook, file: Path, creditor: str, claims: pl.DataFrame | None = None) -> Creditors:
        """The creditors of the book; an empty book gets a stand-in from the first file.

        A row's own word counts first. Else: `creditor`; the creditor whose key begins the file's name;
        the only one there is.
        """
        known = list(load.creditors(book.tenant_id).values())
        warnings: tuple[str, ...] = ()
        if not known and claims is not None and not (claims["creditor_key"] != "").any():
            made = creditors.add_stand_in(book, creditor, claims)
            known = list(load.creditors(book.tenant_id).values())
            warnings = (
                f"the book had no creditor: {made!r} stands in; without address, account and a person to "
                f"call no letter can leave. Write a creditor file (docs/reference/creditor-file.md) with "
                f"`key: {made}`, then: mahnwerk creditor add FILE --book {book.place.name}",
            )
        by_key = {row["key"]: row["creditor_id"] for row in known}
        return cls(
            by_key,
            {_plain(row["vat_id"]): row["creditor_id"] for row in known if row["vat_id"]},
            _accounts(known),
            _silent(by_key, file, creditor),
            tuple(row["creditor_id"] for row in known if row["role"] in (Role.AGENCY, Role.ASSIGNEE)),
            warnings,
        )

    def ids_of(self, rows: pl.DataFrame) -> pl.Series:
        """creditor_id of each row, null where nobody fits."""
        marks = ("creditor_key", "creditor_vat_id", "creditor_iban")
        given = [name if name in rows.columns else pl.lit("").alias(name) for name in marks]
        distinct = rows.select(given).unique(maintain_order=True)
        found = [self.find(*row) for row in distinct.iter_rows()]
        distinct = distinct.with_columns(pl.Series("creditor_id", found, pl.Int64))
        return rows.select(given).join(
            distinct, on=list(marks), how="left", maintain_order="left", nulls_equal=True
        )["creditor_id"]

    def needs_contract_date(self) -> pl.Expr:
        """Rows without the date of a contract whose creditor must be able to name it."""
        return (
            pl.col("creditor_id").is_in(self.third_parties)
            & pl.col("obligation_arose_on").is_null()
            & ~pl.col("is_credit_note")
            & (pl.col("kind") != ClaimKind.DAMAGES)
        )

    def find(self, key: str, vat_id: str, iban: str) -> int | None:
        """The creditor a row means."""
        if key:
            return self.by_key.get(key)
        named = self.by_vat_id.get(_plain(vat_id)) or self.by_iban.get(_plain(iban))
        if named is not None:
            return named
        # An invoice that names another issuer must not fall to whoever is the only creditor.
        has_marks = bool(vat_id and self.by_vat_id) or bool(iban and self.by_iban)
        return None if has_marks else self.silent

    def rejects(self, lost: pl.DataFrame) -> pl.DataFrame:
        """REJECTS for rows whose creditor is not known."""
        words = ("creditor_key", "creditor_name", "creditor_vat_id", "creditor_iban")
        value = pl.concat_str(
            [pl.col(name).fill_null("") for name in words if name in lost.columns], separator=" "
        )
        return lost.select(
            "row_no",
            pl.lit("creditor_key").alias("column"),
            value.str.strip_chars().alias("value"),
            pl.lit("missing").alias("code"),
            pl.lit("whose claim this is cannot be told: no creditor of the book fits").alias("reason"),
            pl.lit(REMEDIES["creditor_key"]).alias("remedy"),
        ).cast(dict(REJECTS))


def _accounts(known: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {_plain(row["iban"]): row["creditor_id"] for row in known if row["iban"]}


def _plain(text: str | None) -> str:
    return "".join((text or "").split()).upper()


def _silent(by_key: Mapping[str, int], file: Path, creditor: str) -> int | None:
    if creditor:
        return by_key.get(creditor)
    begins = [key for key in by_key if file.stem == key or file.stem.startswith((f"{key}-", f"{key}_"))]
    if begins:
        return by_key[max(begins, key=len)]
    return next(iter(by_key.values())) if len(by_key) == 1 else None
