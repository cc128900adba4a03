"""Reads DATEV files as their published description has them; shares no code with the writer.

Source: the format description of DATEV's developer portal (header, Buchungsstapel version 13,
Debitoren/Kreditoren version 5), which gives a regular expression for each field as it stands in the file,
quotes included. A field may be empty, a text field also as two quotes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from dataclasses import dataclass, field

DAY = r"20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
HEAD = (
    ("Kennzeichen", r'"EXTF"'),
    ("Versionsnummer", "700"),
    ("Formatkategorie", "16|21"),
    ("Formatname", '"(Buchungsstapel|Debitoren/Kreditoren)"'),
    ("Formatversion", "5|13"),
    ("Erzeugt am", DAY + r"(2[0-3]|[01]\d)[0-5]\d[0-5]\d\d{3}"),
    ("Importiert", ""),
    ("Herkunft", r'"\w{0,2}"'),
    ("Exportiert von", r'"\w{0,25}"'),
    ("Importiert von", r'"\w{0,25}"'),
    ("Beraternummer", r"\d{4,7}"),
    ("Mandantennummer", r"\d{1,5}"),
    ("WJ-Beginn", DAY),
    ("Sachkontenlänge", "[4-8]"),
    ("Datum von", DAY),
    ("Datum bis", DAY),
    ("Bezeichnung", r'"[\w.\-/ ]{0,30}"'),
    ("Diktatkürzel", '"([A-Z]{2}){0,2}"'),
    ("Buchungstyp", "[12]"),
    ("Rechnungslegungszweck", "0|30|40|50|64"),
    ("Festschreibung", "[01]"),
    ("WKZ", '"([A-Z]{3})?"'),
    ("Reserviert 23", ""),
    ("Derivatskennzeichen", '""'),
    ("Reserviert 25", ""),
    ("Reserviert 26", ""),
    ("Sachkontenrahmen", r'"(\d{2}){0,2}"'),
    ("ID der Branchenlösung", r"\d{0,4}"),
    ("Reserviert 29", ""),
    ("Reserviert 30", '""'),
    ("Anwendungsinformation", '"[^"]{0,16}"'),
)
_OF_A_BATCH = ("Datum von", "Datum bis", "Buchungstyp", "Rechnungslegungszweck", "Festschreibung")


def _text(length: int) -> str:
    return f'"([^"]|""){{0,{length}}}"'


def _numbered(how_many: int, *names: str) -> str:
    return ";".join(f"{name} {number}" for number in range(1, how_many + 1) for name in names)


BATCH = (
    "Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;Kurs;Basis-Umsatz;WKZ Basis-Umsatz;"
    "Konto;Gegenkonto (ohne BU-Schlüssel);BU-Schlüssel;Belegdatum;Belegfeld 1;Belegfeld 2;Skonto;"
    "Buchungstext;Postensperre;Diverse Adressnummer;Geschäftspartnerbank;Sachverhalt;Zinssperre;"
    "Beleglink;"
    + _numbered(8, "Beleginfo - Art", "Beleginfo - Inhalt")
    + ";KOST1 - Kostenstelle;KOST2 - Kostenstelle;Kost-Menge;EU-Land u. UStID (Bestimmung);"
    "EU-Steuersatz (Bestimmung);Abw. Versteuerungsart;Sachverhalt L+L;Funktionsergänzung L+L;"
    "BU 49 Hauptfunktionstyp;BU 49 Hauptfunktionsnummer;BU 49 Funktionsergänzung;"
    + _numbered(20, "Zusatzinformation - Art", "Zusatzinformation- Inhalt")
    + ";Stück;Gewicht;Zahlweise;Forderungsart;Veranlagungsjahr;Zugeordnete Fälligkeit;Skontotyp;"
    "Auftragsnummer;Buchungstyp;USt-Schlüssel (Anzahlungen);EU-Land (Anzahlungen);"
    "Sachverhalt L+L (Anzahlungen);EU-Steuersatz (Anzahlungen);Erlöskonto (Anzahlungen);Herkunft-Kz;"
    "Buchungs GUID;KOST-Datum;SEPA-Mandatsreferenz;Skontosperre;Gesellschaftername;Beteiligtennummer;"
    "Identifikationsnummer;Zeichnernummer;Postensperre bis;Bezeichnung SoBil-Sachverhalt;"
    "Kennzeichen SoBil-Buchung;Festschreibung;Leistungsdatum;Datum Zuord. Steuerperiode;Fälligkeit;"
    "Generalumkehr (GU);Steuersatz;Land;Abrechnungsreferenz;BVV-Position;EU-Land u. UStID (Ursprung);"
    "EU-Steuersatz (Ursprung);Abw. Skontokonto"
).split(";")
"""The line of columns of the published sample, 125 of them."""
BATCH_RULES = {
    "Umsatz (ohne Soll/Haben-Kz)": r"(?!0{1,10},00)\d{1,10},\d{2}",
    "Soll/Haben-Kennzeichen": '"[SH]"',
    "WKZ Umsatz": '"[A-Z]{3}"',
    "Konto": r"(?!0+$)\d{1,9}",
    "Gegenkonto (ohne BU-Schlüssel)": r"(?!0+$)\d{1,9}",
    "Belegdatum": r"\d{4}",
    "Belegfeld 1": r'"[A-Za-z0-9_$&%*+\-/]{0,36}"',
    "Buchungstext": _text(60),
    "Festschreibung": "[01]",
    **{f"Zusatzinformation - Art {number}": _text(20) for number in range(1, 21)},
    **{f"Zusatzinformation- Inhalt {number}": _text(210) for number in range(1, 21)},
}
_NEEDED = ("Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "Belegdatum")
_SIDES = ("Konto", "Gegenkonto (ohne BU-Schlüssel)")
DEBTORS = (
    "Konto;Name (Adressattyp Unternehmen);Unternehmensgegenstand;Name (Adressattyp natürl. Person);"
    "Vorname (Adressattyp natürl. Person);Name (Adressattyp keine Angabe);Adressattyp;Kurzbezeichnung;"
    "EU-Land;EU-UStID;Anrede;Titel/Akad. Grad;Adelstitel;Namensvorsatz;Adressart;Straße;Postfach;"
    "Postleitzahl;Ort;Land;Versandzusatz;Adresszusatz;Abweichende Anrede;Abw. Zustellbezeichnung 1;"
    "Abw. Zustellbezeichnung 2;Kennz. Korrespondenzadresse;Adresse Gültig von;Adresse Gültig bis;"
    "Telefon;Bemerkung (Telefon);Telefon GL;Bemerkung (Telefon GL);E-Mail;Bemerkung (E-Mail);Internet;"
    "Bemerkung (Internet);Fax;Bemerkung (Fax);Sonstige;Bemerkung (Sonstige);"
    + ";".join(
        f"Bankleitzahl {n};Bankbezeichnung {n};Bank-Kontonummer {n};Länderkennzeichen {n};IBAN-Nr. {n};"
        f"Leerfeld {n};SWIFT-Code {n};Abw. Kontoinhaber {n};Kennz. Hauptbankverb. {n};"
        f"Bankverb {n} Gültig von;Bankverb {n} Gültig bis"
        for n in range(1, 6)
    )
    + ";Leerfeld;Briefanrede;Grußformel;Kundennummer;Steuernummer;Sprache"
).split(";")
"""The first 101 columns; the description allows leaving out the last ones."""
DEBTOR_RULES = {
    "Konto": r"\d{1,9}",
    "Name (Adressattyp Unternehmen)": _text(50),
    "Name (Adressattyp natürl. Person)": _text(30),
    "Vorname (Adressattyp natürl. Person)": _text(30),
    "Adressattyp": '"[012]"',
    "Kurzbezeichnung": _text(15),
    "Anrede": _text(30),
    "Titel/Akad. Grad": _text(25),
    "Adressart": '"(STR|PF|GK)"',
    "Straße": _text(36),
    "Postleitzahl": _text(10),
    "Ort": _text(30),
    "Land": '"([A-Z]{2})?"',
    "Adresszusatz": _text(36),
    "Telefon": _text(60),
    "E-Mail": _text(60),
    "IBAN-Nr. 1": '"([A-Z]{2}[0-9A-Z]{13,32})?"',
    "Kundennummer": _text(15),
    "Sprache": "1|4|5|10|19",
}


@dataclass
class Read:
    """What a file says, and what is wrong with it."""

    head: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def balances(self) -> dict[str, int]:
        """Account → cents, debit positive."""
        found: dict[str, int] = defaultdict(int)
        for row in self.rows:
            whole, part = row["Umsatz (ohne Soll/Haben-Kz)"].split(",")
            cents = int(whole) * 100 + int(part)
            side = cents if row["Soll/Haben-Kennzeichen"] == '"S"' else -cents
            found[row[_SIDES[0]]] += side
            found[row[_SIDES[1]]] -= side
        return dict(found)


def read(data: bytes) -> Read:
    """Read a file and hold each field against the description."""
    told = Read()
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        told.problems.append(f"not Windows-1252: {error}")
        return told
    if not text.endswith("\r\n") or re.search(r"(?<!\r)\n|\r(?!\n)", text):
        told.problems.append("lines must end with CR LF")
        return told
    first, columns, *rows = [fields(line) for line in text[:-2].split("\r\n")]
    told.problems += _head(first)
    if told.problems:
        return told
    told.head = {name: value for (name, _), value in zip(HEAD, first, strict=True)}
    is_batch = told.head["Formatkategorie"] == "21"
    names, rules = (BATCH, BATCH_RULES) if is_batch else (DEBTORS, DEBTOR_RULES)
    if columns != names:
        wrong = sorted(set(columns) ^ set(names))
        told.problems.append(f"columns: {len(columns)} instead of {len(names)}, or other names: {wrong}")
        return told
    for number, values in enumerate(rows, 3):
        if len(values) != len(names):
            told.problems.append(f"row {number}: {len(values)} fields instead of {len(names)}")
            continue
        row = dict(zip(names, values, strict=True))
        told.rows.append(row)
        found = [
            f"{name}: {value}"
            for name, value in row.items()
            if value and not re.fullmatch(rules.get(name, '""'), value)
        ]
        found += _posting(row, told.head) if is_batch else _debtor(row, told.head)
        told.problems += [f"row {number}: {problem}" for problem in found]
    if not is_batch and len({row["Konto"] for row in told.rows}) < len(told.rows):
        told.problems.append("an account stands twice")
    return told


def fields(line: str) -> list[str]:
    """The fields of a line with their quotes; a semicolon in quotes divides nothing."""
    found, is_quoted = [""], False
    for sign in line:
        is_quoted ^= sign == '"'
        if sign == ";" and not is_quoted:
            found.append("")
        else:
            found[-1] += sign
    return found


def _head(values: list[str]) -> list[str]:
    if len(values) != len(HEAD):
        return [f"header: {len(values)} fields instead of {len(HEAD)}"]
    is_batch = values[2] == "21"
    found = []
    for (name, rule), value in zip(HEAD, values, strict=True):
        may_be_empty = not is_batch and name in _OF_A_BATCH
        if not re.fullmatch(rule, value) and not (may_be_empty and not value):
            found.append(f"header, {name}: {value}")
    if (values[3], values[4]) != (
        ('"Buchungsstapel"', "13") if is_batch else ('"Debitoren/Kreditoren"', "5")
    ):
        found.append(f"header: {values[3]} version {values[4]} is not category {values[2]}")
    if not found and is_batch:
        begins, first, last = (dt.date.fromisoformat(values[i]) for i in (12, 14, 15))
        if not begins <= first <= last < begins.replace(year=begins.year + 1):
            found.append(f"header: {first} to {last} is not in the year from {begins}")
    return found


def _posting(row: dict[str, str], head: dict[str, str]) -> list[str]:
    found = [f"{name}: missing" for name in (*_NEEDED, *_SIDES) if not row[name]]
    length = int(head["Sachkontenlänge"])
    for name in _SIDES:
        if not length <= len(row[name]) <= length + 1:
            found.append(f"{name}: {row[name]} has neither {length} nor {length + 1} digits")
    begins = dt.date.fromisoformat(head["WJ-Beginn"])
    first, last = (dt.date.fromisoformat(head[name]) for name in ("Datum von", "Datum bis"))
    days = []
    for year in (begins.year, begins.year + 1):
        try:
            days.append(dt.date(year, int(row["Belegdatum"][2:]), int(row["Belegdatum"][:2])))
        except ValueError:
            continue
    if not any(first <= day <= last for day in days):
        found.append(f"Belegdatum: {row['Belegdatum']} is not between {first} and {last}")
    if row["WKZ Umsatz"] not in ("", head["WKZ"]):
        found.append(f"WKZ Umsatz: {row['WKZ Umsatz']} is not the batch's")
    return found


def _debtor(row: dict[str, str], head: dict[str, str]) -> list[str]:
    found = []
    if not re.fullmatch(rf"[1-6]\d{{{head['Sachkontenlänge']}}}", row["Konto"]):
        found.append(f"Konto: {row['Konto']} is no debtor's")
    name = {'"1"': "Name (Adressattyp natürl. Person)", '"2"': "Name (Adressattyp Unternehmen)"}
    if not row[name.get(row["Adressattyp"], "Adressattyp")].strip('"'):
        found.append(f"Adressattyp {row['Adressattyp']}: without the name that belongs to it")
    return found
