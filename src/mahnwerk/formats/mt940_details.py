"""Field :86: of MT940: the German `?20` subfields, the Dutch `/REMI/` codes, or plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SUBFIELD = re.compile(r"\?(\d{2})")
_GERMAN = re.compile(r"^(\d{3})([?&@#+\-*/|>])(?=\d{2})")
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC|PURP)\+")
_SLASH = re.compile(
    r"/(TRTP|EREF|ORDP|BENM|NAME|IBAN|BIC|REMI|CNTP|MARF|CSID|RTRN|PREF|ULTD|ULTC|SVCL|ISDT)/"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b")
REASON = re.compile(
    r"\b(AC0[1-6]|AC13|AG0[1-2]|AM0[1-5]|BE0[145]|MD0[1267]|MS0[23]|RC01|RR0[1-4]|SL01|FF0[15]|DNOR|CNOR)\b"
)
_WIDTH = 65


@dataclass(frozen=True)
class Details:
    """What field :86: tells about a movement; "" where it is silent."""

    code: str = ""  # Geschäftsvorfallcode, three digits
    booking_text: str = ""
    remittance: str = ""
    name: str = ""
    account: str = ""
    end_to_end_id: str = ""
    mandate_id: str = ""
    return_reason: str = ""
    charges: str = ""
    original_amount: str = ""
    original_currency: str = ""


def read_details(text: str) -> Details:
    """Read the field's text (without its tag, line ends as given)."""
    flat = text.replace("\n", "")
    german = _GERMAN.match(flat)
    if german:
        return _german(german.group(1), flat[german.end(2) - 1 :], german.group(2))
    if len(_SLASH.findall(flat)) >= 2:
        return _slashed(flat)
    if re.match(r"^0[1-9]|^1[0-9]", text) and "\n" in text:
        return _non_swift(text)
    iban = _IBAN.search(flat)
    return Details(remittance=_joined(text), account=iban.group(0) if iban else "")


def _joined(text: str) -> str:
    """Lines cut at 65 characters are glued, shorter ones were ended on purpose."""
    parts = [line if len(line) >= _WIDTH else line + " " for line in text.split("\n")]
    return " ".join("".join(parts).split())


def _german(code: str, text: str, separator: str) -> Details:
    # The separator is the bank's choice; behind it two digits name the subfield.
    pattern = _SUBFIELD if separator == "?" else re.compile(re.escape(separator) + r"(\d{2})")
    pieces = pattern.split(text)
    fields: dict[int, list[str]] = {}
    for number, value in zip(pieces[1::2], pieces[2::2], strict=True):
        fields.setdefault(int(number), []).append(value)
    raw = "".join(value for key in [*range(20, 30), *range(60, 64)] for value in fields.get(key, []))
    tags = _sepa_tags(raw)
    name = "".join(value for key in (32, 33) for value in fields.get(key, [])).strip()
    account = "".join(fields.get(31, [])).strip()
    supplement = "".join(fields.get(34, [])).strip()
    remittance = tags.get("SVWZ", "" if tags else _spaced(fields))
    reason = REASON.search(raw) if code in ("108", "109", "159", "181", "182", "183", "184") else None
    original = re.match(r"([A-Z]{3})?\s*([\d.,]+)", tags.get("OAMT", ""))
    return Details(
        code=code,
        booking_text="".join(fields.get(0, [])).strip(),
        remittance=" ".join(remittance.split()),
        name=name or tags.get("ABWA", ""),
        account=account or tags.get("IBAN", ""),
        end_to_end_id=tags.get("EREF", ""),
        mandate_id=tags.get("MREF", ""),
        return_reason=reason.group(1) if reason else (supplement if _is_return(code, supplement) else ""),
        charges=_number(tags.get("COAM", "")),
        original_amount=_number(original.group(2)) if original else "",
        original_currency=(original.group(1) or "") if original else "",
    )


def _is_return(code: str, supplement: str) -> bool:
    """Text key supplements 900–9xx of a return name its reason in the old national scheme."""
    return code in ("108", "109", "159", "181", "182", "183", "184") and supplement.startswith("9")


def _number(text: str) -> str:
    match = re.search(r"\d+(?:[.,]\d+)?", text)
    return match.group(0) if match else ""


def _spaced(fields: dict[int, list[str]]) -> str:
    """Remittance without SEPA tags: a subfield shorter than 27 characters ended on purpose."""
    parts = [value for key in [*range(20, 30), *range(60, 64)] for value in fields.get(key, [])]
    return "".join(part if len(part) >= 27 else part + " " for part in parts)


def _sepa_tags(raw: str) -> dict[str, str]:
    pieces = _SEPA.split(raw)
    tags: dict[str, str] = {}
    for tag, value in zip(pieces[1::2], pieces[2::2], strict=True):
        tags.setdefault(tag, value.strip())
    if tags and pieces[0].strip() and "SVWZ" not in tags:
        tags["SVWZ"] = pieces[0].strip()
    return tags


def _slashed(text: str) -> Details:
    pieces = _SLASH.split(text)
    fields: dict[str, str] = {}
    for tag, value in zip(pieces[1::2], pieces[2::2], strict=True):
        fields.setdefault(tag, value.strip("/ "))
    counterparty = fields.get("CNTP", "").split("/")
    remittance = re.sub(r"^(USTD|STRD)/+", "", fields.get("REMI", ""))
    return Details(
        booking_text=fields.get("TRTP", ""),
        remittance=" ".join(remittance.split()),
        name=fields.get("NAME") or (counterparty[2].strip() if len(counterparty) > 2 else ""),
        account=fields.get("IBAN") or counterparty[0],
        end_to_end_id=fields.get("EREF", ""),
        mandate_id=fields.get("MARF", ""),
        return_reason=fields.get("RTRN", "").split("/")[0],
    )


def _non_swift(text: str) -> Details:
    """Field :NS:: lines of two digits and text (01–14 remittance, 15 name, 17 booking text)."""
    lines = [(line[:2], line[2:].strip()) for line in text.split("\n") if re.match("[0-9]{2}", line)]
    by_key = dict(lines)
    return Details(
        remittance=" ".join(value for key, value in lines if int(key) <= 14 and value),
        name=" ".join(part for part in (by_key.get("15", ""), by_key.get("16", "")) if part),
        booking_text=by_key.get("17", ""),
        account=by_key.get("19", ""),
    )
