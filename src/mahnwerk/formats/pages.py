# ruff: noqa: E501 (texts of pages)
"""The reference pages of the files that come in, written from the code that reads them.

`python -m mahnwerk.formats.pages claims-csv` prints one; a test keeps docs/reference current.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

from mahnwerk.formats import dates
from mahnwerk.formats.amounts import AmountStyle
from mahnwerk.formats.columns import CLAIM_COLUMNS, FACT_COLUMNS, MANDATE_COLUMNS, Column, choices, spelling
from mahnwerk.formats.creditor_yaml import KEYS
from mahnwerk.formats.facts_csv import NEEDS_AMOUNT, NEEDS_INVOICE
from mahnwerk.formats.mapping import shipped_mappings
from mahnwerk.formats.rejects import CODES, REJECT_COLUMNS
from mahnwerk.frames import FactKind

_NOTE: Final = "*Generated from `src/mahnwerk/formats` by `python -m mahnwerk.formats.pages {name}`; a test keeps it current.*"  # fmt: skip

_FILE: Final = f"""## The file

- CSV with a header line; cells divided by `;`, `,` or tab, found out by itself (a first line `sep=;` is heeded).
- UTF-8 (with or without byte-order mark), UTF-16 with byte-order mark, Windows-1252 or Latin-1.
- Headers in German or English, in any case, with or without umlauts, spaces and hyphens: `Fällig am`,
  `faellig_am` and `due date` are one.
- Signs that no one sees and that would turn or part what is read (direction marks, zero-width space, byte order
  mark, tags) are taken out of every cell, of e-invoices and of bank texts; control characters become a space. The
  zero-width joiner and non-joiner stay: some scripts need them.
- **Amounts** `1.234,56`, `1,234.56`, `1234.56`, `1’234.50`, `12,50 €`, `12,50-`, `(3.00)`. `1.234` alone can mean
  two things: the other cells of the same column decide; where they are silent or contradict each other, the row
  is refused. Nothing is rounded, and nothing unreadable becomes 0.
- **Dates** `31.12.2026` or `2026-12-31`. `12/31/2026` only by a [mapping file](mapping-file.md). Days that do not
  exist and years of two digits are refused.
- Unknown columns stop the file, with the nearest known name, unless you allow them; then they are left out with
  a warning. Another layout is described once in a mapping file.
- Of any length: files are read piece by piece.
- A cell such as `=1+1` is text like any other.

## What is refused

A row with a mistake is refused whole, with every reason; all other rows go in. The refused rows come back as a
CSV file with three columns in front, {", ".join(f"`{name}`" for name in REJECT_COLUMNS)}, and your own columns
unchanged behind them. Correct the cells there and import that file again; the three columns are ignored. Cells
that a spreadsheet would run as a formula have an apostrophe in front there, which is taken off again.
"""


def claims_page() -> str:
    """docs/reference/claims-csv.md."""
    return "\n".join(
        (
            "# Claims as CSV",
            "",
            _NOTE.format(name="claims-csv"),
            "",
            "One row is one open invoice (or credit note) of one customer.",
            "",
            "```csv",
            "Rechnungsnummer;Kundennummer;Nachname;Straße;PLZ;Ort;Betrag;Rechnungsdatum;Fällig am",
            "2026-0815;K-1042;Müller;Lindenallee 7a;10115;Berlin;1.234,56;02.03.2026;16.03.2026",
            "```",
            "",
            "**Needed:** " + _needed(CLAIM_COLUMNS) + ", and one of customer number, company and last name.",
            "",
            "## Columns",
            "",
            _columns(CLAIM_COLUMNS),
            "",
            _words(CLAIM_COLUMNS),
            "",
            _FILE,
            "Among the rules: due before issued; contract after due; an IBAN whose check digits fail; an e-mail "
            "address without shape;",
            "a postcode that is none of its country (Excel drops leading zeros); money other than EUR and CHF; an "
            "amount of 0;",
            "the same invoice number of a creditor again with other content (the difference is named; with the same "
            "content it counts once).",
            "",
            _codes(),
            "",
        )
    )


def facts_page() -> str:
    """docs/reference/facts-csv.md."""
    return "\n".join(
        (
            "# Facts as CSV",
            "",
            _NOTE.format(name="facts-csv"),
            "",
            "One row is one thing that happened: a payment, a return, a dispute, a hold.",
            "",
            "```csv",
            "Rechnungsnummer;Ereignis;Datum;Betrag;Referenz;Hebt auf",
            "2026-0815;Zahlung;10.03.2026;50,00;B-7702;",
            "2026-0815;Rücklastschrift;24.03.2026;;B-7781;B-7702",
            "```",
            "",
            "**Needed:** " + _needed(FACT_COLUMNS) + ", and a customer or an invoice.",
            "",
            "## Columns",
            "",
            _columns(FACT_COLUMNS),
            "",
            "## Kinds",
            "",
            _kinds(),
            "",
            "A payment with the code `paid.creditor` went to the creditor itself, past the agency or marketplace: the "
            "debtor has paid,",
            "no money of ours came in, and the fee of collecting it is owed.",
            "",
            "A row without a reference is named by its content, so the same file twice adds nothing and two equal "
            "payments in",
            "one file stay two; but a corrected row would then count as a second event. Give each event a reference.",
            "",
            _FILE,
            _codes(),
            "",
        )
    )


def mandates_page() -> str:
    """docs/reference/mandates-csv.md."""
    return "\n".join(
        (
            "# SEPA mandates as CSV",
            "",
            _NOTE.format(name="mandates-csv"),
            "",
            "One row is one signed mandate of one customer. `mahnwerk import mandates.csv` knows such a file by its "
            "header.",
            "",
            "```csv",
            "Kundennummer;Mandatsreferenz;Gläubiger-ID;Unterschrieben am;Sequenztyp;IBAN",
            "K-1042;M-1042;DE98ZZZ09999999999;01.03.2026;RCUR;DE02 1203 0000 0000 2020 51",
            "```",
            "",
            "**Needed:** " + _needed(MANDATE_COLUMNS) + ", and a customer or a case.",
            "",
            "## Columns",
            "",
            _columns(MANDATE_COLUMNS),
            "",
            _words(MANDATE_COLUMNS),
            "",
            "`RCUR` takes over a mandate that was collected under elsewhere: its first collection here is no first "
            "one, and the",
            "36 months of disuse count from the import. `OOFF` and `FNAL` are collected under once.",
            "",
            "All are collected under the core scheme (CORE): a mandate of the business scheme (B2B) is no mandate for "
            "it; leave those",
            "out. A mandate is never amended: another account, identifier or reference is a new mandate with a new "
            "signature and a",
            "reference of its own, collected under as such, so no file tells the bank of an amendment "
            "(`AmdmntInfDtls`).",
            "",
            "The IBAN is kept encrypted with the person's key. A mandate that is there already, with the same case, "
            "day, sequence",
            "and account, counts as known, so the same file twice adds nothing. Refused is a mandate that is there "
            "with other",
            "content, that was signed in the future, that was given to another creditor than the one in the "
            "[creditor file](creditor-file.md), whose case is not in euro or has another open mandate "
            "(`mandate end` first).",
            "",
            _FILE,
            _codes(),
            "",
        )
    )


def mapping_page() -> str:
    """docs/reference/mapping-file.md."""
    shipped = "\n".join(f"- `{one.name}`: {one.title}" for one in shipped_mappings())
    return f"""# Mapping file

{_NOTE.format(name="mapping-file")}

A YAML file that says how the columns of another programme become those of [claims](claims-csv.md) or
[facts](facts-csv.md). Duplicate keys, unknown keys and unknown columns are refused, with the nearest known word.

```yaml
name: my_shop
title: Export of my shop
reads: claims                       # or facts
signature: [OrderNo, GrandTotal]    # a file with all these headers is read by this mapping
columns:                            # ours: theirs
  invoice_number: OrderNo
  customer_number: CustomerNo
  amount: {{from: GrandTotal, amount_format: decimal_point}}
  issued_on: {{from: Ordered, date_format: m/d/y}}
  due_on: {{from: Due, date_format: m/d/y}}
  debtor_kind: {{from: Type, values: {{P: consumer, F: business}}}}
constants: {{currency: EUR}}          # the same in every row
ignored: [Weight, Colour]           # known and left out
warn_where:
  - {{from: Flag, value: "Y", message: "{{count}} rows carry a flag that is not imported."}}
```

| key of a column | values |
|---|---|
| `from` | the file's header |
| `date_format` | {", ".join(f"`{one}`" for one in dates.FORMATS)}; without it `31.12.2026` and `2026-12-31` |
| `amount_format` | `{AmountStyle.COMMA}` (1.234,56) or `{AmountStyle.POINT}` (1,234.56); without it the column decides |
| `values` | the file's word → ours |

## Shipped

Used by itself where the header shows its signature:

{shipped}

The IBM sample has no day for its `Disputed` mark, and a dispute is a fact with a day; so no dispute is recorded
and a warning counts the marks. Its `SettledDate` becomes a payment of the whole amount on that day.
"""


def creditor_page() -> str:
    """docs/reference/creditor-file.md."""
    rows = "\n".join(
        f"| `{key.name}` | {key.kind} | {'yes' if key.required else ''} | {key.meaning} | {_code(key.example)} |"
        for key in KEYS
    )
    return f"""# Creditor file

{_NOTE.format(name="creditor-file")}

One YAML file for each creditor: who writes, in whose right, where to pay and whom to call. Keys with a dot are
nested. Every problem of a file is told at once.

```yaml
key: lindenhof
name: Lindenhof Gartenbedarf GmbH
address: {{street: Gärtnerweg 4, postcode: "04103", city: Leipzig}}
iban: DE02120300000000202051
vat_id: DE136695976
contact: {{person: Mara Lind, phone: "+49 341 5550123", email: konto@lindenhof.example, hours: Mo–Fr 9–16 Uhr}}
role: own
input_tax_deductible: true
feeds: [{{name: bank, max_age_days: 3}}]
```

| key | kind | needed | meaning | example |
|---|---|---|---|---|
{rows}
"""


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "claims-csv": claims_page,
    "facts-csv": facts_page,
    "mandates-csv": mandates_page,
    "mapping-file": mapping_page,
    "creditor-file": creditor_page,
}


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _needed(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns if column.required)


def _columns(columns: tuple[Column, ...]) -> str:
    head = "| column | kind | also called | meaning | example |\n|---|---|---|---|---|"
    return "\n".join(
        (
            head,
            *(
                f"| `{column.name}`{' **needed**' if column.required else ''} | {column.kind} | "
                f"{', '.join(column.titles)} | {column.meaning} | {_code(column.example)} |"
                for column in columns
            ),
        )
    )


def _words(columns: tuple[Column, ...]) -> str:
    listed = [column for column in columns if column.kind == "word" and column.name != "country"]
    lines = [f"- `{column.name}`: {', '.join(f'`{word}`' for word in choices(column))}" for column in listed]
    return "\n".join(("Words (German ones are known too):", "", *lines))


def _kinds() -> str:
    kind = next(column for column in FACT_COLUMNS if column.name == "kind")
    by_value: dict[int, list[str]] = {}
    for title, value in kind.words.items():
        by_value.setdefault(int(value), []).append(title)
    rows = []
    for value, word in zip(by_value, choices(kind), strict=True):
        fact = FactKind(value)
        needs = [
            *(["amount"] if fact in NEEDS_AMOUNT else []),
            *(["invoice"] if fact in NEEDS_INVOICE else []),
            *(["rule id in `code`"] if fact is FactKind.COST_INCURRED else []),
            *(["`voids_reference` or amount"] if fact is FactKind.PAYMENT_RETURNED else []),
        ]
        others = ", ".join(spelling(form) for form in by_value[value][1:])
        rows.append(f"| `{word}` | {others} | {', '.join(needs)} |")
    return "\n".join(("| kind | also | needs |", "|---|---|---|", *rows))


def _codes() -> str:
    rows = (f"| `{code}` | {meaning} |" for code, meaning in CODES.items())
    return "\n".join(("| code of a reject | meaning |", "|---|---|", *rows))


if __name__ == "__main__":
    sys.stdout.write(PAGES[sys.argv[1]]())
