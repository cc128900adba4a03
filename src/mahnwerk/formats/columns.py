# ruff: noqa: E501 (a table reads better unwrapped)
"""The columns a CSV file may have: names, German and English titles, words, meaning.

`docs/reference/claims-csv.md` and `facts-csv.md` are generated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from babel import Locale
from rapidfuzz import fuzz, process

from mahnwerk.formats.text import plain, plain_forms
from mahnwerk.frames import ClaimKind, DueKind, FactKind


@dataclass(frozen=True)
class Column:
    """One column of a documented file.

    kind: text, amount, date, rate, flag or word (a closed list, see `words`).
    """

    name: str
    kind: str
    titles: tuple[str, ...]  # the German title first; then synonyms in both languages
    meaning: str
    example: str = ""
    required: bool = False
    words: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def forms(self) -> set[str]:
        """Every spelling under which a header is recognised."""
        return {form for title in (self.name, *self.titles) for form in plain_forms(title)}


_SPELLINGS: Final[dict[str, str]] = {}
"""Plain form → the word as people write it, for messages."""


@cache
def _countries() -> dict[str, str]:
    words = {"d": "DE", "a": "AT", "brd": "DE", "ch": "CH", "fl": "LI", "uk": "GB", "usa": "US"}
    for language in ("de", "en"):
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():
                words.setdefault(plain(name), code)
                _SPELLINGS.setdefault(plain(name), name)
                words.setdefault(code.casefold(), code)
    return words


def _words(**kinds: str) -> dict[str, str]:
    table = {}
    for key, words in kinds.items():
        for word in (key, *words.split(", ")):
            table[plain(word)] = key
            _SPELLINGS.setdefault(plain(word), word)
    return table


def _numbers(kinds: Mapping[int, str]) -> dict[str, str | int]:
    table: dict[str, str | int] = {}
    for key, words in kinds.items():
        for word in words.split(", "):
            table[plain(word)] = int(key)
            _SPELLINGS.setdefault(plain(word), word)
    return table


FLAGS: Final[Mapping[str, str | int]] = {
    **dict.fromkeys(("ja", "j", "yes", "y", "wahr", "true", "1", "x"), 1),
    **dict.fromkeys(("nein", "n", "no", "falsch", "false", "0"), 0),
}
DEBTOR_KINDS: Final = _words(
    consumer="Verbraucher, Verbraucherin, privat, Privat, Privatkunde, Privatperson, B2C, person, private",
    business="Unternehmen, Unternehmer, Firma, Geschäftskunde, gewerblich, B2B, company, Behörde",
)
LANGUAGES: Final = _words(de="deutsch, german, ger, de-DE, de-AT, de-CH", en="englisch, english, eng, en-GB")
LAENDER: Final = _words(
    BB="Brandenburg",
    BE="Berlin",
    BW="Baden-Württemberg",
    BY="Bayern, Bavaria",
    HB="Bremen",
    HE="Hessen, Hesse",
    HH="Hamburg",
    MV="Mecklenburg-Vorpommern",
    NI="Niedersachsen, Lower Saxony",
    NW="Nordrhein-Westfalen, NRW, North Rhine-Westphalia",
    RP="Rheinland-Pfalz, Rhineland-Palatinate",
    SH="Schleswig-Holstein",
    SL="Saarland",
    SN="Sachsen, Saxony",
    ST="Sachsen-Anhalt, Saxony-Anhalt",
    TH="Thüringen, Thuringia",
)
CLAIM_KINDS: Final = _numbers(
    {
        ClaimKind.GOODS_OR_SERVICES: "goods_or_services, Ware, Waren, Dienstleistung, Leistung, Entgelt, "
        "Kaufpreis, Werklohn, goods, services",
        ClaimKind.RENT: "rent, Miete, Pacht",
        ClaimKind.LOAN: "loan, Darlehen, Kredit",
        ClaimKind.CONSUMER_LOAN: "consumer_loan, Verbraucherdarlehen, Verbraucherkredit",
        ClaimKind.REAL_ESTATE_CONSUMER_LOAN: "real_estate_consumer_loan, Immobiliar-Verbraucherdarlehen",
        ClaimKind.DAMAGES: "damages, Schadensersatz, Schadenersatz",
        ClaimKind.OTHER: "other, Sonstiges, sonstige",
    }
)
DUE_KINDS: Final = _numbers(
    {
        DueKind.INVOICE: "invoice, Rechnung",
        DueKind.CALENDAR: "calendar, Kalender, Vertrag, contract",
        DueKind.PERIOD: "period, Frist",
        DueKind.NOTICE: "notice, Mahnung",
    }
)
FACT_KINDS: Final = _numbers(
    {
        FactKind.PAYMENT_RECEIVED: "payment_received, payment, Zahlung, Zahlungseingang, paid",
        FactKind.PAYMENT_RETURNED: "payment_returned, return, Rücklastschrift, Rückbuchung, chargeback",
        FactKind.REFUND_PAID: "refund_paid, refund, Erstattung, Rückzahlung",
        FactKind.CREDIT_NOTE: "credit_note, Gutschrift",
        FactKind.GOODS_RETURNED: "goods_returned, Retoure, Warenrückgabe",
        FactKind.WAIVER: "waiver, Erlass, Verzicht",
        FactKind.WRITE_OFF: "write_off, Ausbuchung, Abschreibung",
        FactKind.COMPROMISE: "compromise, Vergleich",
        FactKind.SET_OFF: "set_off, Aufrechnung",
        FactKind.EARLY_PAYMENT_DISCOUNT: "early_payment_discount, Skonto, discount",
        FactKind.CLAIM_CLOSED: "claim_closed, geschlossen, closed, storniert, cancelled",
        FactKind.CLAIM_REOPENED: "claim_reopened, wieder eröffnet, reopened",
        FactKind.HOLD_SET: "hold_set, hold, Mahnsperre, Sperre, Mahnstopp",
        FactKind.HOLD_LIFTED: "hold_lifted, release, Mahnsperre aufgehoben, Sperre aufgehoben",
        FactKind.DISPUTE_RAISED: "dispute_raised, dispute, Reklamation, Widerspruch, Einwand, bestritten",
        FactKind.DISPUTE_RESOLVED: "dispute_resolved, Reklamation erledigt, Einwand erledigt",
        FactKind.DEFERRAL_GRANTED: "deferral_granted, deferral, Stundung, gestundet",
        FactKind.INSOLVENCY_OPENED: "insolvency_opened, insolvency, Insolvenz, Insolvenz eröffnet",
        FactKind.INSOLVENCY_CLOSED: "insolvency_closed, Insolvenz beendet",
        FactKind.DEBTOR_DECEASED: "debtor_deceased, deceased, verstorben, Todesfall",
        FactKind.HEIRS_KNOWN: "heirs_known, Erben bekannt",
        FactKind.MINOR_KNOWN: "minor_known, minor, minderjährig",
        FactKind.GUARDIAN_NAMED: "guardian_named, guardian, Betreuer, Vormund",
        FactKind.ADDRESS_UNKNOWN: "address_unknown, unbekannt verzogen, Anschrift unbekannt",
        FactKind.ADDRESS_FOUND: "address_found, Anschrift gefunden, Adresse ermittelt",
        FactKind.LAWYER_NAMED: "lawyer_named, lawyer, Anwalt, Rechtsanwalt",
        FactKind.HARDSHIP_REPORTED: "hardship_reported, hardship, Härtefall, Notlage",
        FactKind.HARDSHIP_ENDED: "hardship_ended, Härtefall beendet",
        FactKind.IDENTITY_DISPUTED: "identity_disputed, Identität bestritten, Verwechslung",
        FactKind.IDENTITY_CONFIRMED: "identity_confirmed, Identität bestätigt",
        FactKind.CONTACT_BANNED: "contact_banned, Kontaktverbot",
        FactKind.CONTACT_ALLOWED: "contact_allowed, Kontakt erlaubt",
        FactKind.COST_INCURRED: "cost_incurred, cost, Kosten, Rücklastschriftgebühr, Bankgebühr",
        FactKind.INVOICE_RECEIVED: "invoice_received, Rechnung zugegangen, Rechnungszugang",
        FactKind.PERFORMANCE_REFUSED: "performance_refused, Leistung verweigert, Zahlung verweigert",
        FactKind.LITIGATION_PENDING: "litigation_pending, Klage, rechtshängig",
        FactKind.NEGOTIATION_BEGAN: "negotiation_began, Verhandlung begonnen, negotiation",
        FactKind.NEGOTIATION_ENDED: "negotiation_ended, Verhandlung beendet",
        FactKind.DEBT_ACKNOWLEDGED: "debt_acknowledged, Anerkenntnis, Schuldanerkenntnis",
        FactKind.PAYMENT_ORDER_FILED: "payment_order_filed, Mahnantrag, Mahnbescheid beantragt",
        FactKind.PAYMENT_ORDER_SERVED: "payment_order_served, Mahnbescheid zugestellt",
        FactKind.PAYMENT_ORDER_ENDED: "payment_order_ended, Mahnverfahren beendet",
        FactKind.TITLE_OBTAINED: "title_obtained, Titel, Vollstreckungsbescheid, Urteil",
        FactKind.PROMISE_TO_PAY: "promise_to_pay, promise, Zahlungszusage, Zusage",
    }
)

_NAMES: Final = (
    Column(
        "customer_number",
        "text",
        ("Kundennummer", "Kundennr.", "Kunden-Nr.", "Kunden-ID", "Debitor", "Debitorennummer", "Debitorennr",
         "Mitgliedsnummer", "customer no", "customer id", "customer", "debtor number", "account number"),
        "Your number for the customer. All claims of one number are one case.",
        "K-1042",
    ),
    Column("company", "text", ("Firma", "Firmenname", "Unternehmen", "company name", "organisation"),
           "Company name. Required, or `last_name`, where there is no customer number.", "Blumen Ötztürk GmbH"),
    Column("salutation", "text", ("Anrede",), "Frau, Herr, or anything else; free.", "Frau"),
    Column("title", "text", ("Titel", "akad. Titel", "academic title"), "Academic title.", "Dr."),
    Column("first_name", "text", ("Vorname", "given name", "forename"), "First name.", "Jördis"),
    Column("last_name", "text", ("Nachname", "Name", "Familienname", "surname", "family name"),
           "Last name, or the whole name where you keep it in one column.", "Müller-Lüdenscheidt"),
    Column("address_extra", "text", ("Adresszusatz", "Zusatz", "c/o", "address line 2", "Anschriftenzusatz"),
           "A second line: c/o, floor, department.", "c/o Weber"),
    Column("street", "text", ("Straße", "Strasse", "Straße und Hausnummer", "Straße Nr", "Anschrift", "Adresse",
                              "address", "address line 1", "street address"), "Street with house number.",
           "Lindenallee 7a"),
    Column("house_number", "text", ("Hausnummer", "Hausnr.", "house no"),
           "House number, where it has its own column; put behind `street`.", "7a"),
    Column("postcode", "text", ("PLZ", "Postleitzahl", "zip", "zip code", "postal code"),
           "Five digits in Germany, four in Austria and Switzerland.", "10115"),
    Column("city", "text", ("Ort", "Stadt", "Wohnort", "town"), "Town.", "Berlin"),
    Column("country", "word", ("Staat", "Land (Staat)", "Ländercode", "Länderkennzeichen", "country code"),
           "ISO code or the name in German or English. Empty: DE.", "DE"),
    Column("land", "word", ("Bundesland", "federal state", "state"),
           "German Land, for its public holidays; never guessed from the postcode.", "BE", words=LAENDER),
    Column("email", "text", ("E-Mail", "Mail", "E-Mail-Adresse", "e-mail address", "mail address"),
           "E-mail address.", "j.mueller@example.org"),
    Column("phone", "text", ("Telefon", "Telefonnummer", "Tel.", "Mobil", "Handy", "phone number", "mobile"),
           "Telephone number.", "+49 30 901820"),
    Column("iban", "text", ("IBAN des Kunden", "Kunden-IBAN", "bank account"),
           "The debtor's account (not yours).", "DE02120300000000202051"),
    Column("language", "word", ("Sprache",), "de or en; empty: German.", "de", words=LANGUAGES),
    Column("vat_id", "text", ("USt-IdNr.", "Umsatzsteuer-ID", "USt-ID", "UID", "vat number"),
           "The debtor's VAT number.", "DE136695976"),
    Column("debtor_kind", "word", ("Kundenart", "Kundentyp", "Schuldnerart", "customer type", "debtor type"),
           "consumer or business. Empty: treated as a consumer.", "consumer", words=DEBTOR_KINDS),
)  # fmt: skip

CLAIM_COLUMNS: Final = (
    *_NAMES,
    Column("creditor_key", "text", ("Gläubiger", "Mandant", "Verkäufer", "creditor", "seller", "client"),
           "Key of the creditor, where one file serves several.", "lindenshop"),
    Column("invoice_number", "text", ("Rechnungsnummer", "Rechnungsnr.", "Rechnungs-Nr.", "Rechnung", "RE-Nr.",
                                      "Belegnummer", "invoice no", "invoice id", "invoice"),
           "Number of the invoice. One number stands once per creditor.", "2026-0815", required=True),
    Column("reference", "text", ("Verwendungszweck", "Zahlungsreferenz", "payment reference"),
           "What the customer was asked to quote when paying.", "2026-0815"),
    Column("amount", "amount", ("Betrag", "Rechnungsbetrag", "Bruttobetrag", "Offener Betrag", "Gesamtbetrag",
                                "invoice amount", "gross amount", "total", "open amount"),
           "Gross amount owed. Negative: a credit note.", "1.234,56", required=True),
    Column("currency", "word", ("Währung", "WKZ", "Währungscode", "currency code"), "EUR or CHF. Empty: EUR.",
           "EUR", words={"eur": "EUR", "euro": "EUR", "chf": "CHF", "sfr": "CHF", "franken": "CHF"}),
    Column("issued_on", "date", ("Rechnungsdatum", "Datum", "Belegdatum", "Ausstellungsdatum", "invoice date",
                                 "issue date", "date"), "Date of the invoice.", "02.03.2026", required=True),
    Column("due_on", "date", ("Fälligkeit", "Fällig am", "Fälligkeitsdatum", "Zahlbar bis", "Zahlungsziel",
                              "due date", "due"),
           "Last day to pay. Required except for a credit note.", "16.03.2026", required=True),
    Column("received_on", "date", ("Zugegangen am", "Rechnungszugang", "Zugang", "received", "received date"),
           "Day the customer received the invoice, if you know it.", "04.03.2026"),
    Column("due_kind", "word", ("Fälligkeitsart", "due type"),
           "What the due date rests on (§ 286 BGB): invoice = only the invoice names it; calendar = a date fixed "
           "by contract; period = a period agreed by contract; notice = only a dunning notice. Empty: invoice.",
           "invoice", words=DUE_KINDS),
    Column("kind", "word", ("Forderungsart", "Art", "claim type", "type"),
           "What the debt is for: goods_or_services, rent, loan, consumer_loan, real_estate_consumer_loan, "
           "damages, other. Empty: goods_or_services.", "goods_or_services", words=CLAIM_KINDS),
    Column("has_default_notice", "flag", ("Verzugshinweis", "Hinweis § 286", "default notice"),
           "Whether the invoice told a consumer that default begins 30 days after due date and receipt "
           "(§ 286 Abs. 3 BGB). Empty: no.", "ja"),
    Column("agreed_rate", "rate", ("Vertragszins", "Zinssatz", "interest rate"),
           "Contractual interest in per cent a year, before default.", "3,5"),
    Column("agreed_from", "date", ("Zinsbeginn", "Vertragszins ab", "interest from"),
           "First day that bears the contractual interest; required with `agreed_rate`.", "01.04.2026"),
    Column("agreed_default_rate", "rate", ("Verzugszins", "Verzugszinssatz", "default interest rate"),
           "Agreed interest in default, where higher than the law's (§ 288 Abs. 3 BGB).", "12"),
    Column("is_secured", "flag", ("Besichert", "gesichert", "secured"), "Whether there is security. Empty: no.",
           "nein"),
    Column("obligation_arose_on", "date", ("Vertragsdatum", "Vertragsschluss", "contract date"),
           "When the contract was made; it picks the interest margin. Empty: not known, and the date of the "
           "invoice picks the margin. Needed by agency and assignee, who must state it (§ 13a RDG).", "20.02.2026"),
    Column("discount_amount", "amount", ("Skonto", "Skontobetrag", "discount"),
           "Skonto: what may be deducted.", "24,69"),
    Column("discount_percent", "rate", ("Skonto %", "Skontosatz", "Skonto Prozent", "discount rate"),
           "Skonto in per cent of the amount, instead of `discount_amount`.", "2"),
    Column("discount_until", "date", ("Skonto bis", "Skontofrist", "discount date"),
           "Last day for the discount; required with one.", "09.03.2026"),
    Column("paid_amount", "amount", ("Bezahlt", "Gezahlt", "Zahlbetrag", "Bereits gezahlt", "amount paid"),
           "Already paid; becomes a payment fact. Needs `paid_on`.", "100,00"),
    Column("paid_on", "date", ("Bezahlt am", "Zahldatum", "Zahlungsdatum", "Gezahlt am", "paid date",
                               "settled date"),
           "Value date of that payment. Without `paid_amount`: the whole amount.", "10.03.2026"),
    Column("is_credit_note", "flag", ("Gutschrift", "ist Gutschrift", "credit note"),
           "Whether the row is a credit note; a negative amount is one anyway.", "nein"),
    Column("credits_invoice", "text", ("Gutschrift zu", "Bezugsrechnung", "Ursprungsrechnung",
                                       "original invoice"),
           "Number of the invoice a credit note lowers.", "2026-0700"),
)  # fmt: skip

FACT_COLUMNS: Final = (
    Column("creditor_key", "text", ("Gläubiger", "Mandant", "Verkäufer", "creditor", "seller", "client"),
           "Key of the creditor, where one file serves several.", "lindenshop"),
    Column("customer_number", "text", _NAMES[0].titles, "The customer; or name the invoice.", "K-1042"),
    Column("invoice_number", "text", ("Rechnungsnummer", "Rechnungsnr.", "Rechnungs-Nr.", "Rechnung",
                                      "Belegnummer", "invoice no", "invoice id", "invoice"),
           "The claim it concerns. Empty: the customer's whole case.", "2026-0815"),
    Column("kind", "word", ("Ereignis", "Art", "Vorgang", "fact", "event", "type"), "What happened.", "Zahlung",
           required=True, words=FACT_KINDS),
    Column("effective_on", "date", ("Datum", "Am", "Wertstellung", "Valuta", "Wirksam am", "date", "value date"),
           "When it counts in law; of a payment the value date.", "10.03.2026", required=True),
    Column("amount", "amount", ("Betrag", "Zahlbetrag"), "Amount, for kinds that have one; never negative.",
           "50,00"),
    Column("currency", "word", ("Währung", "WKZ", "currency code"), "EUR or CHF. Empty: EUR.", "EUR",
           words={"eur": "EUR", "euro": "EUR", "chf": "CHF", "sfr": "CHF", "franken": "CHF"}),
    Column("until_on", "date", ("Bis", "Gültig bis", "until", "end date"),
           "Last day of a hold, deferral or promise.", "31.03.2026"),
    Column("code", "text", ("Grund", "Code", "reason", "rule"),
           "A word of the closed list of its kind: reason of a hold, rule id of a cost.", "costs.bank_return_charge"),
    Column("reference", "text", ("Referenz", "Beleg", "Buchungsnummer", "Transaktions-ID", "transaction id"),
           "Your key of the event. The same reference counts once, however often the file comes; with other content it is "
           "refused.", "B-7781"),
    Column("voids_reference", "text", ("Storniert Referenz", "Hebt auf", "zu Referenz", "voids", "reverses"),
           "Reference of the fact this one undoes, such as the payment a bank return takes back.", "B-7702"),
)  # fmt: skip


MANDATE_COLUMNS: Final = (
    Column("creditor_key", "text", FACT_COLUMNS[0].titles,
           "Key of the creditor, where one file serves several.", "lindenshop"),
    Column("customer_number", "text", _NAMES[0].titles, "The customer; or name the case.", "K-1042"),
    Column("case_reference", "text", ("Aktenzeichen", "Fall", "Fallnummer", "case reference", "case"),
           "The case, instead of the customer.", "1-000042"),
    Column("reference", "text", ("Mandatsreferenz", "Mandatsref.", "Mandat", "UMR", "mandate reference",
                                 "mandate id", "mandate"),
           "Mandate reference, 1 to 35 characters. With the creditor identifier it names the mandate.", "M-1042",
           required=True),
    Column("creditor_identifier", "text", ("Gläubiger-ID", "Gläubiger-Identifikationsnummer", "CI", "creditor id",
                                           "creditor identifier"),
           "SEPA creditor identifier the mandate was given to.", "DE98ZZZ09999999999", required=True),
    Column("signed_on", "date", ("Unterschrieben am", "Unterschriftsdatum", "Datum der Unterschrift", "Mandatsdatum",
                                 "signature date", "date of signature", "signed on"),
           "Day of the signature.", "01.03.2026", required=True),
    Column("sequence", "word", ("Sequenztyp", "Sequenz", "Mandatsart", "sequence type"),
           "Whether it was collected under before. Empty: not yet (FRST).", "RCUR",
           words=_words(FRST="Erstlastschrift, erstmalig, first", RCUR="Folgelastschrift, wiederkehrend, recurring",
                        OOFF="Einmallastschrift, einmalig, one-off", FNAL="Letztlastschrift, letztmalig, final")),
    Column("iban", "text", ("IBAN", "Konto"), "Account to collect from. Empty: the one known of the person.",
           "DE02120300000000202051"),
    Column("account_holder", "text", ("Kontoinhaber", "Zahler", "account holder"),
           "Account holder. Empty: the person.", "Änne Abel"),
)  # fmt: skip


def words_of(column: Column) -> Mapping[str, str | int]:
    """The closed list of a word or flag column: plain spelling → value."""
    if column.kind == "flag":
        return FLAGS
    return _countries() if column.name == "country" else column.words


def choices(column: Column) -> list[str]:
    """One word for each value the column may have, as people write it."""
    if column.name == "country":
        return ["DE", "AT", "CH", "another ISO code", "the name of the country"]
    if column.kind == "flag":
        return ["ja", "nein"]
    first: dict[str | int, str] = {}
    for form, value in column.words.items():
        first.setdefault(value, value if isinstance(value, str) else _SPELLINGS.get(form, form))
    return list(first.values())


def spelling(form: str) -> str:
    """A plain form as people write it."""
    return _SPELLINGS.get(form, form)


def nearest(word: str, candidates: Mapping[str, str]) -> str:
    """The candidate whose spelling is closest, or "" where none is close.

    Parameters
    ----------
    word : as somebody wrote it.
    candidates : plain spelling → what to suggest.
    """
    found = process.extractOne(plain(word), list(candidates), scorer=fuzz.ratio, score_cutoff=60)
    return candidates[found[0]] if found else ""
