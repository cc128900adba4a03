"""The files of payouts, written from their records: statement as PDF and CSV, transfer as pain.001."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from mahnwerk.formats import pain
from mahnwerk.formats.spreadsheets import harmless
from mahnwerk.gateways.files import write_durably
from mahnwerk.kernel.accounts import COLLECTED, Account, Entry
from mahnwerk.letters.payout_statement import PayoutItem, PayoutStatement, render_statement, sums
from mahnwerk.records import journal as records
from mahnwerk.records import load
from mahnwerk.records.models import Payout, PayoutTerms, Tenant
from mahnwerk.records.models import PayoutItem as Link
from mahnwerk.usecases.journal_export import named
from mahnwerk.usecases.opening import OpenBook

LIABILITY: Final = int(Account.CREDITOR_LIABILITY)
FIGURES: Final = (
    "opening_cents",
    "principal_cents",
    "interest_cents",
    "costs_cents",
    "other_cents",
    "payment_count",
    "fee_cents",
    "vat_cents",
    "vat_ppm",
    "reserve_cents",
    "amount_cents",
)


def folder_of(book: OpenBook) -> Path:
    """Where the files of payouts lie."""
    return book.place.outbox / "payouts"


def write_missing(book: OpenBook, creditor_id: int | None = None) -> tuple[list[str], list[str]]:
    """Write what is not there yet; the files written, and what could not be.

    A crash between the record and its files loses nothing: the next run writes them.
    """
    rows = Payout.objects.filter(tenant_id=book.tenant_id)
    if creditor_id is not None:
        rows = rows.filter(creditor_id=creditor_id)
    creditors = load.creditors(book.tenant_id)
    written: list[str] = []
    warnings: list[str] = []
    for payout in rows.order_by("reference"):
        base = folder_of(book) / payout.reference
        paths = {kind: base.with_suffix(kind) for kind in (".pdf", ".csv", ".xml")}
        missing = [kind for kind, path in paths.items() if not path.exists()]
        if ".xml" in missing and payout.returns.exists():
            missing.remove(".xml")  # its money is owed again: this order must not go out once more
        if not missing:
            continue
        terms = PayoutTerms.objects.get(tenant_id=book.tenant_id, id=payout.terms_id)
        owner = creditors[payout.creditor_id]
        made = _made(book, payout, terms, owner, missing, warnings)
        for kind, content in made.items():
            write_durably(paths[kind], content)
            written.append(str(paths[kind]))
    return written, warnings


def _made(
    book: OpenBook,
    payout: Payout,
    terms: PayoutTerms,
    owner: Mapping[str, Any],
    missing: list[str],
    warnings: list[str],
) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    if {".pdf", ".csv"} & set(missing):
        statement = statement_of(book, payout, terms, owner)
        for kind, draw in ((".pdf", render_statement), (".csv", statement_csv)):
            if kind in missing:
                made[kind] = draw(statement)
    if ".xml" in missing:
        try:
            made[".xml"] = transfer_of(payout, terms, owner)
        except pain.SepaError as error:
            warnings.append(
                f"{payout.reference}: no transfer file: {error}. Name pay_from and pay_to in the terms, "
                "or transfer the amount by hand."
            )
    return made


def transfer_of(payout: Payout, terms: PayoutTerms, owner: Mapping[str, Any]) -> bytes:
    """The transfer as pain.001. The same payout gives the same bytes, so a bank knows a file sent twice.

    Raises
    ------
    SepaError
        An account is not named, or the currency is not euro.
    """
    if payout.currency != "EUR":
        raise pain.SepaError(f"a payout in {payout.currency} cannot be a SEPA transfer")
    account = pain.Account(terms.pay_from_name or terms.pay_from_iban, terms.pay_from_iban)
    order = pain.Transfer(
        end_to_end_id=payout.reference,
        amount_cents=payout.amount_cents,
        name=terms.pay_to_name or owner["name"],
        iban=terms.pay_to_iban,
        execute_on=payout.on,
        text=f"Auszahlung {payout.reference}",
    )
    return pain.transfers(account, [order], payout.reference, payout.recorded_at)


def statement_of(
    book: OpenBook, payout: Payout, terms: PayoutTerms, owner: Mapping[str, Any]
) -> PayoutStatement:
    """The statement of a payout, from its record and the postings it covers."""
    profile = owner["profile"]
    operator = terms.pay_from_name or Tenant.objects.get(id=book.tenant_id).name
    return PayoutStatement(
        reference=payout.reference,
        on=payout.on,
        currency=payout.currency,
        language=owner["language"],
        operator=operator,
        address=(
            owner["name"],
            profile.get("street", ""),
            f"{profile.get('postcode', '')} {profile.get('city', '')}".strip(),
        ),
        iban=terms.pay_to_iban,
        items=_items(book, payout),
        **{name: getattr(payout, name) for name in FIGURES},
    )


def _items(book: OpenBook, payout: Payout) -> tuple[PayoutItem, ...]:
    """What each payment brought to each claim; parts that cancelled out are left away."""
    links = Link.objects.filter(tenant_id=book.tenant_id, payout_id=payout.id)
    wanted = list(links.values_list("posting_id", flat=True))
    rows = records.postings(book.tenant_id, posting_ids=wanted)
    words = {int(entry): word for entry, word in COLLECTED.items()}
    words |= {int(entry): "other" for entry in Entry if int(entry) not in words}
    sign = pl.when(pl.col("credit") == LIABILITY).then(1).otherwise(-1)
    table = (
        named(book, rows)
        .with_columns(
            component=pl.col("entry").replace_strict(words, return_dtype=pl.String),
            cents=sign * pl.col("amount_cents"),
        )
        .group_by("document_on", "case_reference", "document", "component", "fact_no")
        .agg(pl.col("cents").sum())
        .filter(pl.col("cents") != 0)
        .sort("document_on", "case_reference", "fact_no", "document", "component")
    )
    return tuple(
        PayoutItem(
            row["document_on"],
            row["case_reference"] or "",
            row["document"] or "",
            row["component"],
            row["cents"],
        )
        for row in table.iter_rows(named=True)
    )


def statement_csv(statement: PayoutStatement) -> bytes:
    """The statement as CSV: every payment, then the lines that add up to the payout. UTF-8 with BOM."""
    rows: list[tuple[Any, ...]] = [
        ("payment", item.value_on.isoformat(), item.case_reference, item.invoice_number, item.component,
         item.amount_cents)
        for item in statement.items
    ]  # fmt: skip
    rows += [("sum", None, None, None, label, cents) for label, cents in sums(statement)]
    rows.append(
        ("paid_out", statement.on.isoformat(), None, None, statement.reference, statement.amount_cents)
    )
    names = ("row", "value_on", "case_reference", "invoice_number", "what")
    schema = dict.fromkeys(names, pl.String) | {"amount_cents": pl.Int64}
    table = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        harmless(pl.col(name)) for name in ("case_reference", "invoice_number", "what")
    )
    return b"\xef\xbb\xbf" + table.write_csv(separator=";").encode()
