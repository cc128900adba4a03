"""Small books with a bank: a shop, its debtors, and statements written as camt.053 or MT940."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.records import worlds

from mahnwerk.records.models import Fact
from mahnwerk.usecases import bank_import, books
from mahnwerk.usecases.opening import OpenBook

SHOP_IBAN = "DE02120300000000202051"
OTHER_IBAN = "DE02500105170137075030"
PAYER_IBAN = "DE75512108001245126199"


@dataclass
class Line:
    """One movement of a statement."""

    cents: int
    text: str = ""
    name: str = "Änne Größler-Weiß"
    iban: str = PAYER_IBAN
    end_to_end: str = ""
    day: str = "2026-03-02"
    reason: str = ""
    charges: int = 0
    currency: str = "EUR"
    code: str = ""


@dataclass
class Bank:
    """Writes statements whose balances join on."""

    folder: Path
    iban: str = SHOP_IBAN
    balance: int = 100_000
    number: int = 0
    files: list[Path] = field(default_factory=list)

    def statement(self, *lines: Line, day: str = "2026-03-02", opening: int | None = None) -> Path:
        """The next statement as a camt.053 file."""
        self.number += 1
        start = self.balance if opening is None else opening
        end = start + sum(line.cents for line in lines)
        self.balance = end
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>'
            f"<Id>S{self.number}</Id><ElctrncSeqNb>{self.number}</ElctrncSeqNb>"
            f"<Acct><Id><IBAN>{self.iban}</IBAN></Id><Ccy>EUR</Ccy></Acct>"
            f"<FrToDt><FrDtTm>{day}T00:00:00</FrDtTm><ToDtTm>{day}T23:59:59</ToDtTm></FrToDt>"
            f"{_balance('OPBD', start, day)}{_balance('CLBD', end, day)}"
            f"{''.join(_entry(line) for line in lines)}</Stmt></BkToCstmrStmt></Document>"
        )
        path = self.folder / f"statement-{self.number}.xml"
        path.write_text(text, encoding="utf-8")
        self.files.append(path)
        return path


def _sign(cents: int) -> str:
    return "DBIT" if cents < 0 else "CRDT"


def _money(cents: int) -> str:
    return f"{abs(cents) // 100}.{abs(cents) % 100:02}"


def _balance(code: str, cents: int, day: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{_money(cents)}</Amt>"
        f"<CdtDbtInd>{_sign(cents)}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _entry(line: Line) -> str:
    other = "Dbtr" if line.cents > 0 else "Cdtr"
    iban = f"<{other}Acct><Id><IBAN>{line.iban}</IBAN></Id></{other}Acct>" if line.iban else ""
    returned = f"<RtrInf><Rsn><Cd>{line.reason}</Cd></Rsn></RtrInf>" if line.reason else ""
    charges = (
        f"<Chrgs><Rcrd><Amt Ccy='EUR'>{_money(line.charges)}</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>"
        if line.charges
        else ""
    )
    end_to_end = f"<Refs><EndToEndId>{line.end_to_end}</EndToEndId></Refs>" if line.end_to_end else ""
    code = f"<BkTxCd><Prtry><Cd>NTRF+{line.code}</Cd></Prtry></BkTxCd>" if line.code else ""
    return (
        f"<Ntry><Amt Ccy='{line.currency}'>{_money(line.cents)}</Amt>"
        f"<CdtDbtInd>{_sign(line.cents)}</CdtDbtInd>"
        f"<Sts>BOOK</Sts><BookgDt><Dt>{line.day}</Dt></BookgDt><ValDt><Dt>{line.day}</Dt></ValDt>{code}"
        f"<NtryDtls><TxDtls>{end_to_end}{charges}<RltdPties><{other}><Nm>{escape(line.name)}</Nm></{other}>"
        f"{iban}</RltdPties><RmtInf><Ustrd>{escape(line.text)}</Ustrd></RmtInf>{returned}</TxDtls></NtryDtls>"
        "</Ntry>"
    )


def open_book(tenant_id: int, folder: Path) -> OpenBook:
    """The tenant's book, for a use case."""
    return OpenBook(books.place(str(folder)), tenant_id, "test")


def shop(tenant_id: int, *rows: dict[str, Any]) -> int:
    """A creditor with an account and the claims of these rows (see worlds.claim_row)."""
    creditor_id = worlds.creditor(tenant_id, iban=SHOP_IBAN)
    if rows:
        worlds.import_rows(tenant_id, *(worlds.claim_row(n, **row) for n, row in enumerate(rows, 1)))
    return creditor_id


def take_in(book: OpenBook, *files: Path, **options: Any) -> bank_import.BankImport:
    """Import bank files."""
    return bank_import.import_files(book, list(files), on=dt.date(2026, 3, 10), **options)


def facts(tenant_id: int) -> list[tuple[str, int | None]]:
    """Kind and amount of all facts, in order."""
    from mahnwerk.frames import FactKind

    rows = Fact.objects.filter(tenant_id=tenant_id).order_by("case_id", "fact_no")
    return [(FactKind(row.kind).name, row.amount_cents) for row in rows if row.kind != FactKind.CLAIM_PLACED]
