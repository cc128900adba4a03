"""The journal out: DATEV batches with the debtor master, CSV, and account statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from mahnwerk.formats import chart as charts
from mahnwerk.formats import datev
from mahnwerk.formats.chart import Chart, ChartError
from mahnwerk.formats.spreadsheets import harmless
from mahnwerk.frames import PERSON
from mahnwerk.kernel.accounts import MEMORANDUM, Account, Entry
from mahnwerk.kernel.ledger import account_totals
from mahnwerk.records import journal as records
from mahnwerk.records import load
from mahnwerk.records.models import Payout
from mahnwerk.usecases import clock
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.journal import creditor_of
from mahnwerk.usecases.opening import OpenBook

CHART_FILE: Final = "chart.yaml"
FORMATS: Final = ("datev", "csv")
TITLES: Final = {
    Entry.CLAIM_PLACED: "Forderung",
    Entry.PAYMENT_IN: "Zahlungseingang",
    Entry.SETTLED_COSTS: "Zahlung auf Kosten",
    Entry.SETTLED_INTEREST: "Zahlung auf Zinsen",
    Entry.SETTLED_PRINCIPAL: "Ausgleich Hauptforderung",
    Entry.SURPLUS: "Guthaben des Schuldners",
    Entry.REFUND: "Erstattung",
    Entry.REFUND_BEYOND: "Erstattung über Guthaben",
    Entry.BANK_CHARGE: "Bankentgelt Rücklastschrift",
    Entry.MANAGED_SETTLED: "Ausgleich (Merkposten)",
    Entry.WENT_BACK: "Rückfluss von Geld aus dem Anfangsbestand",
    Entry.PAYOUT_FEE: "Gebühr",
    Entry.PAYOUT_FEE_VAT: "Umsatzsteuer auf Gebühr",
    Entry.PAYOUT_PAID: "Auszahlung an Auftraggeber",
    Entry.BANK_OPENING: "Anfangsbestand Bank",
    Entry.BANK_MOVEMENT: "Bankbewegung",
    Entry.BANK_PLACED: "Bankbewegung geklärt",
    Entry.BANK_KEPT: "Bankentgelt, nicht weitergegeben",
    Entry.BANK_ELSEWHERE: "Geld auf dem Konto des anderen Kreises",
    Entry.PROVIDER_FEE: "Entgelt Zahlungsdienstleister",
    Entry.PROVIDER_OTHER: "Zahlungsdienstleister, sonstige Bewegung",
}
"""What a posting is called in German books."""


@dataclass(frozen=True)
class ExportedFile:
    """A file that was written."""

    path: str
    rows: int


def chart_of(book: OpenBook) -> Chart:
    """The book's own chart of accounts, else SKR03.

    Raises
    ------
    BadInput
        The own file is broken, or lacks an account.
    """
    path = book.place.folder / CHART_FILE
    if not path.is_file():
        return charts.shipped("skr03")
    try:
        chart = charts.parse_chart(path.read_text(encoding="utf-8"), CHART_FILE)
    except (ChartError, UnicodeDecodeError) as error:
        raise BadInput(str(error)) from error
    if f"skr{chart.skr}" in charts.SHIPPED:
        # An account that came with a later version has the number of the shipped chart.
        shipped = charts.shipped(f"skr{chart.skr}").accounts
        chart = replace(chart, accounts={**shipped, **chart.accounts})
    missing = sorted({account.name.lower() for account in Account} - set(chart.accounts))
    if missing:
        raise BadInput(f"{path}: accounts without a number: {', '.join(missing)}.", "Copy them from skr03.")
    return chart


def copy_chart(book: OpenBook, name: str) -> Path:
    """Put a copy of a shipped chart into the book, to be edited.

    Raises
    ------
    BadInput
        There is none of that name, or the book has its own already.
    """
    path = book.place.folder / CHART_FILE
    if path.exists():
        raise BadInput(f"{path} exists.", "Edit it, or move it away first.")
    try:
        path.write_text(charts.shipped_text(name), encoding="utf-8")
    except ChartError as error:
        raise BadInput(str(error)) from error
    return path


def export(
    book: OpenBook, *, format: str, first_on: dt.date | None, last_on: dt.date | None, folder: Path | None
) -> list[ExportedFile]:
    """Write the postings of some days.

    DATEV: one batch per fiscal year, currency and 99,999 postings, and one debtor master; notes beside the
    books (managed claims) are left out. CSV: all postings in one file. The same postings give the same
    rows; only the creation time of the header differs.

    Parameters
    ----------
    folder : where to; None = `journal` in the book's outbox

    Raises
    ------
    BadInput
        Unknown format, nothing to export, or a chart that has no room.
    """
    if format not in FORMATS:
        raise BadInput(f"{format!r} is no format of the journal.", f"Known: {', '.join(FORMATS)}.")
    rows = records.postings(book.tenant_id, first_on=first_on, last_on=last_on).sort(
        "posted_on", "case_id", "payout_id", "entry", "fact_no", "claim_no", "sequence", nulls_last=True
    )
    if rows.is_empty():
        raise BadInput("there are no postings in this period.", "`mahnwerk journal post` makes them.")
    target = folder or book.place.outbox / "journal"
    target.mkdir(parents=True, exist_ok=True)
    table = named(book, rows)
    files = _csv(table, target) if format == "csv" else _datev(book, table, target)
    note(book, "journal_export", detail={"format": format, "rows": rows.height})
    return files


def named(book: OpenBook, rows: pl.DataFrame) -> pl.DataFrame:
    """Postings with their case reference and number, invoice number or payout reference, and creditor."""
    tenant = {"tenant_id": book.tenant_id}
    told = records.documents(book.tenant_id, rows["case_id"].drop_nulls().unique().to_list())
    cases = told.select("case_id", "case_reference", "case_no").unique()
    claims = told.select("case_id", "claim_no", "invoice_number")
    payouts = pl.DataFrame(
        list(Payout.objects.filter(**tenant).values_list("id", "reference")),
        schema={"payout_id": pl.Int64, "payout_reference": pl.String},
        orient="row",
    )
    keys = {i: row["key"] for i, row in load.creditors(book.tenant_id).items()}
    return (
        rows.join(cases, on="case_id", how="left", maintain_order="left")
        .join(claims, on=["case_id", "claim_no"], how="left", maintain_order="left")
        .join(payouts, on="payout_id", how="left", maintain_order="left")
        .with_columns(
            document=pl.coalesce("invoice_number", "payout_reference", "case_reference"),
            creditor=pl.col("creditor_id").replace_strict(keys, default="", return_dtype=pl.String),
        )
    )


def _csv(table: pl.DataFrame, target: Path) -> list[ExportedFile]:
    accounts = {int(account): account.name.lower() for account in Account}
    entries = {int(entry): entry.name.lower() for entry in Entry}
    rows = table.select(
        "posted_on",
        "document_on",
        "creditor",
        "case_reference",
        "document",
        entry=pl.col("entry").replace_strict(entries, return_dtype=pl.String),
        debit=pl.col("debit").replace_strict(accounts, return_dtype=pl.String),
        credit=pl.col("credit").replace_strict(accounts, return_dtype=pl.String),
        amount_cents="amount_cents",
        currency="currency",
        sequence="sequence",
        is_reversal="is_reversal",
    )
    rows = rows.with_columns(harmless(pl.col(name)) for name in ("creditor", "case_reference", "document"))
    first, last = table["posted_on"].min(), table["posted_on"].max()
    path = target / f"journal_{first}_{last}.csv"
    path.write_text(rows.write_csv(), encoding="utf-8")
    return [ExportedFile(str(path), rows.height)]


def _datev(book: OpenBook, table: pl.DataFrame, target: Path) -> list[ExportedFile]:
    chart = chart_of(book)
    closed = records.closed_until(book.tenant_id) or dt.date.min
    kept = table.filter(
        ~pl.col("debit").is_in(MEMORANDUM) & ~pl.col("credit").is_in(MEMORANDUM)
    ).with_columns(is_final=pl.col("posted_on") <= closed)
    try:
        rows = _with_numbers(kept, chart)
        files = [
            _written(
                target / name, datev.posting_batch(part.select(list(datev.BATCH_ROWS)), head), part.height
            )
            for name, head, part in _batches(rows, chart, clock.now())
        ]
        debtors = _debtor_rows(book, kept, chart)
        if debtors.height:
            head = _head(chart, clock.now(), kept["posted_on"].max(), kept["posted_on"].max(), "EUR", False)
            data = datev.debtor_master(debtors, head)
            files.append(_written(target / "EXTF_Debitoren.csv", data, debtors.height))
    except (datev.DatevError, ChartError) as error:
        raise BadInput(f"DATEV: {error}") from error
    return files


def _written(path: Path, data: bytes, rows: int) -> ExportedFile:
    path.write_bytes(data)
    return ExportedFile(str(path), rows)


def _with_numbers(table: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    """Columns of datev.BATCH_ROWS beside those there; receivables get the debtor's own account."""
    numbers = {int(account): chart.number(account.name.lower()) for account in Account}
    highest = table["case_no"].max()
    if highest is not None:
        chart.debtor_number(int(highest))  # type: ignore[call-overload]
    personal = (pl.col("case_no") + 10**chart.account_length).cast(pl.String)
    titles = {int(entry): title for entry, title in TITLES.items()}

    def number(side: str) -> pl.Expr:
        own = pl.col(side).replace_strict(numbers, return_dtype=pl.String)
        return pl.when(pl.col(side) == int(Account.RECEIVABLE)).then(personal).otherwise(own)

    title = pl.col("entry").replace_strict(titles, return_dtype=pl.String)
    storno = pl.when("is_reversal").then(pl.lit("Storno ")).otherwise(pl.lit(""))
    return table.with_columns(
        debit_number=number("debit"),
        credit_number=number("credit"),
        text=pl.concat_str(storno, title, pl.lit(" "), pl.col("document").fill_null("")),
        document=pl.col("document").fill_null(""),
        case_reference=pl.col("case_reference").fill_null(""),
        value_on="document_on",
    )


def _batches(
    rows: pl.DataFrame, chart: Chart, at: dt.datetime
) -> Iterator[tuple[str, datev.Batch, pl.DataFrame]]:
    """File name, header and rows of each batch."""
    years = {day: _fiscal_year(day, chart) for day in rows["posted_on"].unique()}
    rows = rows.with_columns(fiscal_year_on=pl.col("posted_on").replace_strict(years, return_dtype=pl.Date))
    for (year, currency), part in rows.partition_by(
        "fiscal_year_on", "currency", as_dict=True, maintain_order=True
    ).items():
        for number, start in enumerate(range(0, part.height, datev.MAX_ROWS), 1):
            piece = part.slice(start, datev.MAX_ROWS)
            first, last = piece["posted_on"].min(), piece["posted_on"].max()
            head = _head(chart, at, first, last, str(currency), bool(piece["is_final"].all()))
            yield f"EXTF_Buchungsstapel_{year:%Y%m%d}_{currency}_{number:03d}.csv", head, piece


def _fiscal_year(day: dt.date, chart: Chart) -> dt.date:
    month, first = chart.fiscal_year_begins
    year = dt.date(day.year, month, first)
    return year if year <= day else dt.date(day.year - 1, month, first)


def _head(chart: Chart, at: dt.datetime, first: Any, last: Any, currency: str, is_final: bool) -> datev.Batch:
    return datev.Batch(
        created_at=at,
        consultant=chart.consultant,
        client=chart.client,
        fiscal_year_on=_fiscal_year(last, chart),
        account_length=chart.account_length,
        skr=chart.skr,
        first_on=first,
        last_on=last,
        currency=currency,
        is_final=is_final,
    )


def _debtor_rows(book: OpenBook, kept: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    """DEBTOR_ROWS of the debtors whose personal account was touched; erased persons keep their number."""
    touched = kept.filter((pl.col("debit") == Account.RECEIVABLE) | (pl.col("credit") == Account.RECEIVABLE))
    cases = touched.select("case_id", "case_no", "case_reference").unique("case_id").sort("case_no")
    found = load.persons(book.tenant_id, cases["case_id"].to_list())
    rows = []
    for case_id, case_no, reference in cases.iter_rows():
        person = found.get(case_id)
        payload = dict.fromkeys(PERSON, "") | (person.payload or {} if person else {})
        own = {name: payload.get(name, "") for name in datev.DEBTOR_ROWS}
        is_nameless = not (own["company"] or own["last_name"])
        own |= {"number": chart.debtor_number(case_no), "short_name": reference}
        if is_nameless:
            own["last_name"] = reference
        rows.append(own)
    return pl.DataFrame(rows, schema=dict(datev.DEBTOR_ROWS), orient="row")


def account_statement(
    book: OpenBook,
    *,
    case: str = "",
    creditor: str = "",
    account: str = "",
    first_on: dt.date | None = None,
    last_on: dt.date | None = None,
) -> dict[str, Any]:
    """The postings of one debtor, creditor or day, with the balance before and after per account.

    Parameters
    ----------
    case, creditor : whose; "" = everybody's
    account : only this one (a name such as `trust_bank`); "" = all
    first_on, last_on : bounds of the posting day

    Raises
    ------
    BadInput, NotFound
        An unknown account, case or creditor.
    """
    names = {one.name.lower(): int(one) for one in Account}
    if account and account not in names:
        raise BadInput(f"{account!r} is no account.", f"Known: {', '.join(names)}.")
    rows = records.postings(
        book.tenant_id,
        case_ids=[case_id_of(book, case)] if case else None,
        creditor_id=creditor_of(book, creditor) if creditor else None,
        last_on=last_on,
        accounts=[names[account]] if account else None,
    ).sort("posted_on", "id")
    before = rows.filter(pl.col("posted_on") < first_on) if first_on else rows.clear()
    within = rows.filter(pl.col("posted_on") >= first_on) if first_on else rows
    words = {value: name for name, value in names.items()}
    wanted = {names[account]} if account else set(names.values())
    return {
        "opening": _balances(before, wanted, words),
        "lines": [
            {
                "posted_on": row["posted_on"],
                "document_on": row["document_on"],
                "document": row["document"],
                "case_reference": row["case_reference"],
                "text": TITLES[Entry(row["entry"])],
                "debit": words[row["debit"]],
                "credit": words[row["credit"]],
                "amount_cents": row["amount_cents"],
                "currency": row["currency"],
                "is_reversal": row["is_reversal"],
            }
            for row in named(book, within).iter_rows(named=True)
        ],
        "closing": _balances(rows, wanted, words),
    }


def _balances(rows: pl.DataFrame, wanted: set[int], words: dict[int, str]) -> list[dict[str, Any]]:
    table = account_totals(rows, ("currency",)).filter(pl.col("account").is_in(list(wanted)))
    return [{**row, "account": words[row["account"]]} for row in table.iter_rows(named=True)]
