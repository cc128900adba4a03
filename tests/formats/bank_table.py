"""Outcome of every bank file in a folder, per collection, and where the collection's own word differs.

    python -m tests.formats.bank_table FOLDER [--detail]

Prints one line per collection and outcome, then each disagreement with its explanation. Ends with 1 if a
disagreement has none.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mahnwerk.formats import bank_file
from mahnwerk.formats.bank import BankFile, BankFileError

SUFFIXES = {".sta", ".mta", ".txt", ".csv", ".xml", ".mt940", ".dat", ""}
ACCOUNT = "DE02120300000000202051"
"""For exports that do not name theirs."""
NO_STATEMENTS = ("_LICENSE", "LICENSE", "README", "test.conf")

EXPLAINED: dict[str, str] = {
    "camt053.v2.multi.statement.xml": "their list leaves out one entry of 8.85 EUR, which the file holds and "
    "without which its balances are wrong",
    "sepa_mt9401.sta": "RC (RCR204,88 NRTI) takes a credit back, so money goes out (SWIFT: RC = reversal "
    "of credit); they read it as a reversed debit. Opening + entries = closing only with our sign",
}
"""File → why our answer differs from the collection's and is right."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    path: Path
    word: str
    reason: str = ""
    told: tuple[BankFile, ...] = ()


def outcomes(folder: Path) -> Iterator[Outcome]:
    """Each bank file below the folder, read; anything but a stated refusal is a bug and is raised."""
    for path in sorted(folder.rglob("*")):
        if (
            not path.is_file()
            or path.suffix.casefold() not in SUFFIXES
            or path.name.startswith(NO_STATEMENTS)
        ):
            continue
        short = path.relative_to(folder)
        try:
            members = bank_file.read(path.read_bytes(), source=path.name)
            if any("no account is named" in problem for _, told in members for problem in told.problems):
                members = bank_file.read(path.read_bytes(), account=ACCOUNT, source=path.name)
        except BankFileError as error:
            yield Outcome(short, "refused", str(error))
            continue
        told = tuple(member for _, member in members)
        problems = [problem for member in told for problem in member.problems]
        notes = [note for member in told for note in member.warnings]
        if problems:
            yield Outcome(short, "read, not booked", problems[0], told)
        elif any("completeness cannot be checked" in note for note in notes):
            yield Outcome(short, "read, no balances", notes[0], told)
        else:
            yield Outcome(short, "read, balances right", "; ".join(notes[:2]), told)


def compared(folder: Path, one: Outcome) -> str:
    """How our entries differ from the JSON beside the file; "" = they do not, or there is none."""
    beside = (folder / one.path).with_suffix(".json")
    if not beside.is_file():
        return ""
    expected = _expected(json.loads(beside.read_text("utf-8")))
    if expected is None:
        return ""
    if not one.told:
        return f"refused here, {len(expected)} entries there"
    ours = [
        entry.amount_cents
        for told in one.told
        for statement in told.statements
        for entry in _bookings(statement.entries)
    ]
    theirs = Counter(expected)
    mine = Counter(ours)
    if mine == theirs:
        return ""
    missing, added = theirs - mine, mine - theirs
    return f"only there {sorted(missing.elements())[:4]}, only here {sorted(added.elements())[:4]}"


def _bookings(entries: Any) -> list[Any]:
    """Entries with the parts of a batch added up again, as most collections have them."""
    from dataclasses import replace

    whole: list[Any] = []
    for entry in entries:
        if entry.batch_no and whole and whole[-1].batch_no == entry.batch_no:
            whole[-1] = replace(whole[-1], amount_cents=whole[-1].amount_cents + entry.amount_cents)
        else:
            whole.append(entry)
    return whole


def _expected(plain: Any) -> list[int] | None:
    """Signed amounts in minor units, whatever the collection's layout; None = a layout unknown here."""
    if isinstance(plain, dict) and "getEntries" in plain:
        return [int(entry["getAmount"]["getAmount"]) for entry in plain["getEntries"]]
    if isinstance(plain, list) and plain and "statement_lines" in plain[0]:
        return [_rust(line) for statement in plain for line in statement["statement_lines"]]
    statements = plain if isinstance(plain, list) else plain.get("statements", [])
    if statements and "transactions" in statements[0]:
        return [
            round(
                (1 if line["isCredit"] != line.get("isReversal", False) else -1) * abs(line["amount"]) * 100
            )
            for statement in statements
            for line in statement["transactions"]
        ]
    return None


def _rust(line: dict[str, Any]) -> int:
    sign = 1 if line["ext_debit_credit_indicator"] in ("Credit", "ReverseDebit") else -1
    return sign * round(float(line["amount"]) * 100)


def main(folder: str, detail: bool) -> int:
    """Print the table; 1 if some disagreement has no explanation."""
    root = Path(folder)
    table: Counter[tuple[str, str]] = Counter()
    differing, unexplained = [], 0
    compared_count = 0
    for one in outcomes(root):
        table[one.path.parts[0], one.word] += 1
        if detail or one.word == "refused":
            print(f"{one.word:22} {one.path}: {one.reason[:220]}")
        compared_count += (root / one.path).with_suffix(".json").is_file()
        difference = compared(root, one)
        if difference:
            why = EXPLAINED.get(one.path.name, "")
            unexplained += not why
            differing.append(f"{one.path}: {difference} – {why or 'NOT EXPLAINED'}")
    print()
    for (place, word), count in sorted(table.items()):
        print(f"{count:5}  {place:22} {word}")
    print(f"{sum(table.values()):5}  files; {compared_count} compared with the collections' own JSON")
    print(f"\n{len(differing)} differ:")
    print("\n".join(f"  {line}" for line in differing))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--detail" in sys.argv))
