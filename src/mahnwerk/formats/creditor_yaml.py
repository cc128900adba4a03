"""The creditor file: who writes, in whose right, where to pay, whom to call, by which procedure.

Described in docs/reference/creditor-file.md, which is generated from KEYS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import polars as pl

from mahnwerk.formats import checks
from mahnwerk.formats import creditor_identifier as identifiers
from mahnwerk.formats.columns import nearest
from mahnwerk.formats.rejects import FormatError
from mahnwerk.formats.text import plain
from mahnwerk.frames import Channel, Role
from mahnwerk.law import strict_yaml

ROLES: Final[Mapping[str, Role]] = {
    "own": Role.OWN,
    "self": Role.OWN,
    "lender": Role.OWN,
    "agency": Role.AGENCY,
    "assignee": Role.ASSIGNEE,
    "marketplace": Role.MARKETPLACE,
}
LETTER_COST_CENTS_MAX: Final = 1_000
"""Ten euro. What of it may be asked for is the law's matter; this only catches slips."""
_KEY: Final = re.compile(r"^[a-z0-9][a-z0-9-]{0,63}$")
_EMAIL: Final = re.compile(r"^[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+$")
_POSTCODES: Final = {"DE": r"\d{5}", "AT": r"\d{4}", "CH": r"\d{4}", "LI": r"\d{4}"}


@dataclass(frozen=True)
class Key:
    """One key of the file. kind: text, flag, date, cents, mapping or list."""

    name: str
    kind: str
    meaning: str
    required: bool = False
    example: str = ""


KEYS: Final = (
    Key("key", "text", "Short name in lower case; `creditor_key` of the import files.", True, "lindenhof"),
    Key("name", "text", "Full legal name, as on the letter.", True, "Lindenhof Gartenbedarf GmbH"),
    Key("address.street", "text", "Street with house number.", True, "Gärtnerweg 4"),
    Key("address.extra", "text", "A second line."),
    Key("address.postcode", "text", "In quotes, so that a leading zero stays.", True, '"04103"'),
    Key("address.city", "text", "Town.", True, "Leipzig"),
    Key("address.country", "text", "ISO code. Empty: DE.", False, "DE"),
    Key("iban", "text", "Account the debtors pay to.", True, "DE02120300000000202051"),
    Key("bic", "text", "Needed by few banks outside the EEA."),
    Key("account_holder", "text", "Where it differs from `name`."),
    Key("bank_name", "text", "Shown beside the IBAN."),
    Key("creditor_identifier", "text", "SEPA creditor identifier (Gläubiger-ID) for direct debits. "
        "Mandates given to another are refused; the business code in it does not matter.", False,
        "DE98ZZZ09999999999"),
    Key("vat_id", "text", "VAT number; finds the creditor of an e-invoice.", False, "DE136695976"),
    Key("register", "text", "Commercial register, as on the letter.", False, "Amtsgericht Leipzig HRB 1234"),
    Key("website", "text", "Shown on the letter."),
    Key("privacy", "text", "Web address of the privacy notice (Art. 13, 14 GDPR): on pay pages, and in "
        "letters of agencies and assignees, whose first message has to tell it.", False,
        "https://lindenhof.example/datenschutz"),
    Key("contact.person", "text", "A human with a name. Letters without one are refused.", True, "Mara Lind"),
    Key("contact.phone", "text", "One of phone and email is needed.", False, "+49 341 5550123"),
    Key("contact.email", "text", "One of phone and email is needed.", False, "konto@lindenhof.example"),
    Key("contact.hours", "text", "When somebody answers.", False, "Mo–Fr 9–16 Uhr"),
    Key("language", "text", "de or en: of letters, where the debtor's is not known. Empty: de.", False, "de"),
    Key("role", "text", "own (also: self), lender (own, with the lenders' procedure), agency, assignee or "
        "marketplace.", True, "own"),
    Key("mandate_given_on", "date", "When an agency was hired or the claims were assigned.", False,
        "2026-01-15"),
    Key("client.name", "text",
        "For whom an agency collects, from whom an assignee bought, or who runs the marketplace."),
    Key("client.street", "text", "Its street with house number (§ 13a Abs. 1 Nr. 1 RDG)."),
    Key("client.address_extra", "text", "A second line."),
    Key("client.postcode", "text", "In quotes."),
    Key("client.city", "text", "Town."),
    Key("client.subject", "text",
        "What its contracts are about, in words a debtor knows (§ 13a Abs. 1 Nr. 2 RDG).", False,
        "Kauf von Keramik im Onlineshop lindenhof.example"),
    Key("registration.number", "text", "Registration under § 10 RDG. Needed by agency and assignee."),
    Key("registration.authority", "text", "Name of the supervisory authority (§ 13a Abs. 1 Nr. 8 RDG)."),
    Key("registration.authority_address", "list", "Its address, line by line."),
    Key("registration.authority_contact", "text", "Its e-mail or web address."),
    Key("input_tax_deductible", "flag",
        "Whether the creditor deducts input tax; if so, no VAT on costs can be asked for.", True, "true"),
    Key("procedure.consumer", "text", "Procedure for consumers and unknown debtors. Empty: consumers; of a "
        "lender: lenders.", False, "consumers"),
    Key("procedure.business", "text", "Procedure for businesses. Empty: businesses.", False, "businesses"),
    Key("letter_cost_cents.post", "cents", "Print, envelope, postage of one letter; no more than the law's "
        "cap is asked for. Empty: the procedure's.", False, "76"),
    Key("letter_cost_cents.email", "cents", "Cost of one e-mail; usually 0.", False, "0"),
    Key("logo", "text", "File beside this one, PNG or JPEG.", False, "logo.png"),
    Key("feeds", "list",
        "Watched sources of payments: name and max_age_days. With an older one, nobody is reminded.",
        False, "[{name: bank, max_age_days: 3}]"),
)  # fmt: skip


@dataclass(frozen=True)
class Feed:
    """A source of payments that must be fresh before anybody is reminded."""

    name: str
    max_age_days: int


@dataclass(frozen=True)
class Registration:
    """Of an agency or assignee (§§ 10, 13a RDG)."""

    number: str
    authority: str
    authority_address: tuple[str, ...]
    authority_contact: str


@dataclass(frozen=True)
class Client:
    """Whose claims these are, or were, where somebody else writes; of a marketplace its operator."""

    name: str
    street: str
    address_extra: str
    postcode: str
    city: str
    subject: str


@dataclass(frozen=True)
class CreditorFile:
    """A creditor file, checked. Missing texts are ""; `values` holds every key as a flat mapping."""

    key: str
    name: str
    street: str
    address_extra: str
    postcode: str
    city: str
    country: str
    iban: str
    bic: str
    account_holder: str
    bank_name: str
    creditor_identifier: str
    vat_id: str
    register: str
    website: str
    privacy: str
    contact_person: str
    phone: str
    email: str
    hours: str
    language: str
    role: Role
    is_lender: bool  # role OWN, said with the word that chooses the procedure for lenders
    mandate_given_on: date | None
    registration: Registration | None
    is_input_tax_deductible: bool
    procedures: Mapping[str, str]  # consumer, business → procedure name, "" = shipped default
    letter_cost_cents: Mapping[Channel, int]  # empty = the procedure's
    logo: str  # path as written, relative to the file; "" = none
    feeds: tuple[Feed, ...] = ()
    client: Client | None = None
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse_creditor(text: str, where: str) -> CreditorFile:
    """Read and check a creditor file.

    Parameters
    ----------
    text : YAML with the keys of KEYS, nested at the dots.
    where : name of the file, for messages.

    Raises
    ------
    FormatError
        With every problem found at once, each naming its key and what to write.

    Guarantees
    ----------
    Pure: the logo is named, not read.
    """
    try:
        data = strict_yaml.load(text, where)
    except strict_yaml.StrictYamlError as error:
        raise FormatError(str(error)) from None
    if not isinstance(data, dict):
        raise FormatError(f"{where}: must be a YAML mapping. docs/reference/creditor-file.md shows one.")
    flat, problems = _flattened(data)
    for key in KEYS:
        problems += _kind_problems(key, flat)
    if not problems:
        problems = [problem for check in _CHECKS for problem in check(flat)]
    if problems:
        raise FormatError(f"{where}:\n" + "\n".join(f"- {problem}" for problem in problems))
    return _built(flat)


def _flattened(data: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Nested keys joined by dots; unknown ones as problems with the nearest known."""
    known = {key.name for key in KEYS}
    groups = {name.partition(".")[0] for name in known if "." in name}
    flat: dict[str, Any] = {}
    problems = []
    for name, value in data.items():
        if name in groups and isinstance(value, dict):
            flat.update({f"{name}.{inner}": content for inner, content in value.items()})
        elif name in groups:
            problems.append(f"{name}: must hold keys of its own, such as {_example(name, known)}.")
        else:
            flat[str(name)] = value
    for name in flat.keys() - known:
        hint = nearest(name, {plain(one): one for one in sorted(known)})
        problems.append(f"{name}: unknown key." + (f" Did you mean {hint}?" if hint else ""))
    return {name: value for name, value in flat.items() if value is not None}, sorted(problems)


def _example(group: str, known: set[str]) -> str:
    return ", ".join(sorted(name for name in known if name.startswith(f"{group}.")))


_KINDS: Final[Mapping[str, tuple[type, str]]] = {
    "text": (str, "must be text; put it into quotes"),
    "flag": (bool, "must be true or false"),
    "date": (date, "must be a day such as 2026-01-15"),
    "cents": (int, "must be a whole number of cents"),
    "list": (list, "must be a list"),
}


def _kind_problems(key: Key, flat: Mapping[str, Any]) -> list[str]:
    value = flat.get(key.name)
    if value is None or value == "":
        return [f"{key.name}: missing. {key.meaning} Example: {key.example}"] if key.required else []
    wanted, words = _KINDS[key.kind]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        return [f"{key.name}: {words}."]
    return []


def _check_names(flat: Mapping[str, Any]) -> list[str]:
    said = []
    if not _KEY.match(flat["key"]):
        said.append("key: use lower-case letters, digits and hyphens, for example lindenhof.")
    country = str(flat.get("address.country", "DE"))
    if not re.fullmatch(r"[A-Z]{2}", country):
        said.append("address.country: must be an ISO code of two capitals, such as DE.")
    shape = _POSTCODES.get(country)
    if shape and not re.fullmatch(shape, flat["address.postcode"]):
        said.append(f"address.postcode: „{flat['address.postcode']}“ is no postcode of {country}.")
    if flat.get("language", "de") not in ("de", "en"):
        said.append("language: must be de or en.")
    return said


def _check_money(flat: Mapping[str, Any]) -> list[str]:
    said = []
    reason = checks.iban_reasons(checks.compact_iban(pl.Series([flat["iban"]])))[0]
    if reason:
        said.append(f"iban: „{flat['iban']}“ {reason}.")
    identifier = identifiers.compact(flat.get("creditor_identifier", ""))
    if identifier and (reason := identifiers.wrong(identifier)):
        said.append(f"creditor_identifier: {identifier} {reason}.")
    for channel in Channel:
        cents = flat.get(f"letter_cost_cents.{channel}", 0)
        if not 0 <= cents <= LETTER_COST_CENTS_MAX:
            said.append(f"letter_cost_cents.{channel}: must be 0 to {LETTER_COST_CENTS_MAX} cents.")
    return said


def _check_contact(flat: Mapping[str, Any]) -> list[str]:
    phone, email = flat.get("contact.phone", ""), flat.get("contact.email", "")
    if not phone and not email:
        return ["contact: a debtor must reach somebody; fill in contact.phone or contact.email."]
    if email and not _EMAIL.match(email):
        return [f"contact.email: „{email}“ is not an e-mail address."]
    return []


_CLIENT_NEEDED: Final = ("client.name", "client.street", "client.postcode", "client.city", "client.subject")


def _check_role(flat: Mapping[str, Any]) -> list[str]:
    role = ROLES.get(plain(flat["role"]))
    if role is None:
        hint = nearest(flat["role"], {word: word for word in ROLES})
        return [
            f"role: „{flat['role']}“ is not known; write one of {', '.join(ROLES)}."
            + (f" Did you mean {hint}?" if hint else "")
        ]
    names = ("number", "authority", "authority_address", "authority_contact")
    absent = [name for name in names if not flat.get(f"registration.{name}")]
    has_some = len(absent) < len(names)
    if role in (Role.AGENCY, Role.ASSIGNEE):
        needed = [f"registration.{name}" for name in absent]
        needed += [name for name in _CLIENT_NEEDED if not flat.get(name)]
        return [
            f"{name}: needed for role {flat['role']} (§ 13a Abs. 1 RDG asks for it in the first letter)."
            for name in needed
        ]
    if has_some and absent:
        return [f"registration.{name}: missing; a registration is whole or absent." for name in absent]
    if any(flat.get(name) for name in _CLIENT_NEEDED) and not flat.get("client.name"):
        return ["client.name: missing; without it the rest of client says nothing."]
    return []


def _check_feeds(flat: Mapping[str, Any]) -> list[str]:
    said = []
    for number, feed in enumerate(flat.get("feeds", []), 1):
        is_whole = isinstance(feed, dict) and set(feed) == {"name", "max_age_days"}
        if not is_whole:
            said.append(f"feeds: entry {number} needs name and max_age_days, and nothing else.")
        elif not isinstance(feed["max_age_days"], int) or not 1 <= feed["max_age_days"] <= 365:
            said.append(f"feeds: entry {number}: max_age_days must be 1 to 365.")
    logo = flat.get("logo", "")
    if logo and not re.search(r"\.(?:png|jpe?g)$", logo, re.IGNORECASE):
        said.append("logo: must be a PNG or JPEG file.")
    return said


_CHECKS: Final[tuple[Callable[[Mapping[str, Any]], list[str]], ...]] = (
    _check_names,
    _check_money,
    _check_contact,
    _check_role,
    _check_feeds,
)


def _built(flat: Mapping[str, Any]) -> CreditorFile:
    def text(name: str, default: str = "") -> str:
        return str(flat.get(name, default)).strip()

    number = text("registration.number")
    lines = tuple(str(line) for line in flat.get("registration.authority_address", []))
    authority = (text("registration.authority"), lines, text("registration.authority_contact"))
    client = Client(**{name: text(f"client.{name}") for name in Client.__dataclass_fields__})
    costs = {channel: flat.get(f"letter_cost_cents.{channel}") for channel in Channel}
    return CreditorFile(
        key=text("key"),
        name=text("name"),
        street=text("address.street"),
        address_extra=text("address.extra"),
        postcode=text("address.postcode"),
        city=text("address.city"),
        country=text("address.country", "DE"),
        iban=str(checks.compact_iban(pl.Series([text("iban")]))[0]),
        bic=text("bic"),
        account_holder=text("account_holder"),
        bank_name=text("bank_name"),
        creditor_identifier=identifiers.compact(text("creditor_identifier")),
        vat_id=text("vat_id").replace(" ", "").upper(),
        register=text("register"),
        website=text("website"),
        privacy=text("privacy"),
        contact_person=text("contact.person"),
        phone=text("contact.phone"),
        email=text("contact.email"),
        hours=text("contact.hours"),
        language=text("language", "de"),
        role=ROLES[plain(text("role"))],
        is_lender=plain(text("role")) == "lender",
        mandate_given_on=flat.get("mandate_given_on"),
        registration=Registration(number, *authority) if number else None,
        is_input_tax_deductible=bool(flat["input_tax_deductible"]),
        procedures={kind: text(f"procedure.{kind}") for kind in ("consumer", "business")},
        letter_cost_cents={channel: cents for channel, cents in costs.items() if cents is not None},
        logo=text("logo"),
        feeds=tuple(Feed(str(feed["name"]), feed["max_age_days"]) for feed in flat.get("feeds", [])),
        client=client if client.name else None,
        values=flat,
    )
