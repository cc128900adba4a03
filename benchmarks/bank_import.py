"""How fast a day's bank file gets into a book, read, recorded, matched and booked: whole commands.

    python -m benchmarks.bank_import --entries 100000 --claims 200000

The claims are those of `benchmarks.claims_csv`, one creditor's. Three transfers in four pay the invoice
they name, one in eight half of it, one in eight names nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
from benchmarks import claims_csv

ROOT = Path(__file__).parents[1]
IBAN = "DE02120300000000202051"
ENTRY = """<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-02</Dt></ValDt>
<NtryDtls><TxDtls><Refs><EndToEndId>E{n}</EndToEndId></Refs><RltdPties><Dbtr><Nm>{name}</Nm></Dbtr>
<DbtrAcct><Id><IBAN>DE{n:020}</IBAN></Id></DbtrAcct></RltdPties>
<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""
BALANCE = """<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>"""


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def write_statement(path: Path, claims: Path, entries: int, seed: int = 1) -> None:
    """A camt.053 of transfers that pay `entries` of these claims, more or less readably."""
    rng = random.Random(seed)
    rows = pl.read_csv(claims, separator=";", infer_schema=False).sample(entries, seed=seed)
    body, total = [], 0
    for n, row in enumerate(rows.iter_rows(named=True)):
        cents = int(row["Betrag"].replace(",", ""))
        draw = rng.random()
        text = f"Rechnung {row['Rechnungsnummer']}" if draw < 7 / 8 else "Vielen Dank"
        if 3 / 4 <= draw < 7 / 8:
            cents = max(1, cents // 2)
        total += cents
        body.append(
            ENTRY.format(amount=_euros(cents), n=n, name=f"{row['Vorname']} {row['Nachname']}", text=text)
        )
    path.write_text(
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'><BkToCstmrStmt><Stmt><Id>S</Id>"
        f"<Acct><Id><IBAN>{IBAN}</IBAN></Id></Acct>"
        + BALANCE.format(code="OPBD", amount="0.00")
        + BALANCE.format(code="CLBD", amount=_euros(total))
        + "".join(body)
        + "</Stmt></BkToCstmrStmt></Document>",
        "utf-8",
    )


def command(*words: str) -> tuple[float, dict[str, Any]]:
    """Run a command of ours on the book of the environment: seconds, its JSON."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", "from mahnwerk.cli.main import main; main()", *words, "--json"],
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1 = something needs a person
        raise SystemExit(f"{' '.join(words)} failed")
    return time.perf_counter() - began, json.loads(done.stdout)


def main() -> None:
    """Make a book, import the statement, say how long it took and what became of the entries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--claims", type=int, default=200_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mahnwerk-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("MAHNWERK_BOOK", str(folder / "book"))
        claims, statement = folder / "claims.csv", folder / "statement.xml"
        claims_csv.write(claims, options.claims)
        write_statement(statement, claims, options.entries)
        command("creditor", "add", str(ROOT / "examples" / "creditor-1-lindenhof.yaml"))
        command("bank", "account", IBAN, "--creditor", "lindenhof")
        command("import", str(claims), "--creditor", "lindenhof")
        seconds, result = command("bank", "import", str(statement))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    told = {name: result["matched"][name] for name in ("booked", "proposed", "suspense")}
    print(json.dumps({"seconds": round(seconds, 1), "stages": told, "peak_mb": peak}))


if __name__ == "__main__":
    main()
