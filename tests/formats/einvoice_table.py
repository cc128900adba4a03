"""Outcome of every e-invoice in a folder: `python -m tests.formats.einvoice_table FOLDER`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mahnwerk.formats import invoice_pdf, invoice_xml
from mahnwerk.formats.rejects import Imported


def outcomes(folder: Path) -> Iterator[tuple[Path, Imported]]:
    """Each XML and PDF file below the folder, read."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.casefold() == ".xml":
            yield path.relative_to(folder), invoice_xml.read(path.read_bytes())
        elif path.suffix.casefold() == ".pdf":
            yield path.relative_to(folder), invoice_pdf.read(path.read_bytes())


def outcome(result: Imported) -> str:
    """claim, credit note, or refused with the rule."""
    if result.claims.height:
        return "credit note" if result.claims["is_credit_note"][0] else "claim"
    first = result.rejects.row(0, named=True)
    where = (
        first["column"] if first["code"] in ("invoice", "nothing_due", "missing", "order", "currency") else ""
    )
    return f"refused: {first['code']} {where}".strip()


def main(folder: str, detail: bool) -> None:
    """Print one line per folder and outcome; with detail, one per file."""
    table: Counter[tuple[str, str]] = Counter()
    for path, result in outcomes(Path(folder)):
        table["/".join(path.parts[:3][:-1] if len(path.parts) <= 3 else path.parts[:3]), outcome(result)] += 1
        if detail:
            reasons = "; ".join(result.rejects["reason"].to_list()) or "; ".join(result.warnings)
            print(f"{outcome(result):32} {path}  {reasons[:300]}")
    for (place, what), count in sorted(table.items()):
        print(f"{count:5}  {place:55} {what}")
    print(f"{sum(table.values()):5}  files")


if __name__ == "__main__":
    main(sys.argv[1], "--detail" in sys.argv)
