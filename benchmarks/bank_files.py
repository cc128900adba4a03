"""How fast bank files are read: `python -m benchmarks.bank_files [--entries 20000] [--json]`, MB a second."""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable

from mahnwerk.formats import bank_csv, camt, mt940
from mahnwerk.formats.bank import BankFile


def camt_file(count: int) -> bytes:
    """A camt.053 with `count` incoming transfers of 10.00 and the balances that fit."""
    entry = (
        "<Ntry><Amt Ccy='EUR'>10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>"
        "<BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-02</Dt></ValDt><NtryDtls><TxDtls><Refs><EndToEndId>E{n}</EndToEndId></Refs>"
        "<RltdPties><Dbtr><Nm>Jürgen Groß</Nm></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id>"
        "</DbtrAcct></RltdPties><RmtInf><Ustrd>RE-{n}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )
    balance = (
        "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount}.00</Amt>"
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>"
    )
    body = "".join(entry.format(n=number) for number in range(count))
    return (
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'><BkToCstmrStmt><Stmt><Id>S</Id>"
        "<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>"
        f"{balance.format(code='OPBD', amount=0)}{balance.format(code='CLBD', amount=10 * count)}{body}"
        "</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def mt940_file(count: int) -> bytes:
    """The same as MT940 with German subfields."""
    entry = (
        ":61:2603020302C10,00NTRFNONREF//B{n}\r\n:86:166?00GUTSCHR. UEBERWEISUNG?109310?20EREF+E{n}"
        "?21SVWZ+RE-{n}?30BYLADEM1001?31DE89370400440532013000?32Jürgen Groß\r\n"
    )
    body = "".join(entry.format(n=number) for number in range(count))
    return (
        f":20:S\r\n:25:12030000/202051\r\n:28C:1/1\r\n:60F:C260302EUR0,00\r\n{body}"
        f":62F:C260302EUR{10 * count},00\r\n-"
    ).encode("cp1252")


def csv_file(count: int) -> bytes:
    """The same as a plain table."""
    rows = "".join(f"2026-03-02,10.00,Jürgen Groß,RE-{number}\n" for number in range(count))
    return f"booked_on,amount,name,text\n{rows}".encode()


READERS: dict[str, tuple[Callable[[int], bytes], Callable[[bytes], BankFile]]] = {
    "camt": (camt_file, camt.read),
    "mt940": (mt940_file, mt940.read),
    "csv": (csv_file, lambda data: bank_csv.read(data, account="A")),
}


def main() -> None:
    """Read one file of each format and say how fast."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    stages = {}
    began = time.perf_counter()
    for name, (make, read) in READERS.items():
        data = make(options.entries)
        since = time.perf_counter()
        entries = sum(len(statement.entries) for statement in read(data).accepted().statements)
        assert entries == options.entries
        stages[f"{name} MB/s"] = round(len(data) / 1e6 / (time.perf_counter() - since), 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if options.json:
        print(
            json.dumps({"seconds": round(time.perf_counter() - began, 1), "stages": stages, "peak_mb": peak})
        )
    else:
        print(stages)


if __name__ == "__main__":
    main()
