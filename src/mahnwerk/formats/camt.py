"""CAMT.052, .053 and .054 (ISO 20022), any version: bytes in, a checked `BankFile` out.

Elements are found by local name, so every version's namespace is read alike. A batch booking with
details becomes one entry per detail when the details add up to the booking, so each payment in it can
find its claim; otherwise the booking stays whole and a warning says so. 052 is an interim report and
054 a notification: neither need have balances.

Sources
-------
ISO 20022 message definitions camt.052/053/054.001.01–.10; the German rules (DK, Anlage 3) for returns.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterator
from io import BytesIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from mahnwerk.formats import xml_door
from mahnwerk.formats.bank import BankFile, BankFileError, Draft, Entry, finish, minor_units, number_in
from mahnwerk.formats.xml_tree import Node, find, find_all, local_name, own_text, text_at

BYTES_MAX = 200 * 1024 * 1024
TAGS_MAX = 12_000_000
"""A day of 100,000 transfers, told at length; it takes about two gigabytes while it is read."""
ZIP_MEMBERS_MAX = 500
ZIP_BYTES_MAX = BYTES_MAX
ZIP_RATIO_MAX = 200

_OPENING = ("OPBD", "PRCD", "OPAV")
_CLOSING = ("CLBD", "CLAV", "ITBD")
_NOT_BOOKED = ("PDNG", "FUTR", "INFO")
"""What is expected, lies ahead, or is only told: no balance counts it."""


def read(data: bytes, *, source: str = "camt file") -> BankFile:
    """Read one camt message.

    Raises
    ------
    BankFileError : not a camt message, an unreadable amount or date, balances that do not add up.
    xml_door.XmlRefused : a document type declaration, entities, or more than the door's limits.
    """
    root = xml_door.parse(data, bytes_max=BYTES_MAX, tags_max=TAGS_MAX)
    message = next((child for child in root if isinstance(child.tag, str)), None)
    name = local_name(message) if message is not None else ""
    family = {
        "BkToCstmrAcctRpt": "camt.052",
        "BkToCstmrStmt": "camt.053",
        "BkToCstmrDbtCdtNtfctn": "camt.054",
    }
    if message is None or name.removesuffix("V01") not in family:
        raise BankFileError(
            f"the root holds {name or 'nothing'}, not a bank-to-customer message",
            source,
            "Export the statement as camt.052, camt.053 or camt.054",
        )
    notes: list[str] = []
    problems: list[str] = []
    records = [child for child in message if local_name(child) in ("Stmt", "Rpt", "Ntfctn")]
    if not records:
        raise BankFileError("it holds no statement, report or notification", source)
    kind = family[name.removesuffix("V01")]
    made = text_at(message, "GrpHdr/CreDtTm")
    made_on = _day(made, source) if made else None
    drafts = [
        _statement(record, kind, f"{source}, statement {no}", notes, problems, made_on)
        for no, record in enumerate(records, 1)
    ]
    return finish(kind, [draft.done() for draft in drafts], notes, problems=problems, source=source)


def read_zip(data: bytes, *, source: str = "camt archive") -> list[tuple[str, BankFile]]:
    """Read each camt file of an archive, whose sizes are limited before anything is unpacked."""
    try:
        archive = ZipFile(BytesIO(data))
    except BadZipFile:
        raise BankFileError("this is not a readable zip archive", source) from None
    members = [info for info in archive.infolist() if not info.is_dir()]
    total = sum(info.file_size for info in members)
    packed = max(1, sum(info.compress_size for info in members))
    if len(members) > ZIP_MEMBERS_MAX or total > ZIP_BYTES_MAX or total > ZIP_RATIO_MAX * packed:
        raise BankFileError(
            f"{len(members)} files, {total} bytes unpacked from {packed}: over the limits for an archive",
            source,
            "Unpack it yourself and import the files one by one",
        )
    files = []
    for info in members:
        if info.filename.lower().endswith(".zip"):
            raise BankFileError(f"{info.filename}: an archive inside an archive", source)
        where = f"{source}/{info.filename}"
        try:
            files.append((info.filename, read(_unpacked(archive, info, where), source=where)))
        except xml_door.XmlRefused as error:
            raise BankFileError(str(error), where, "Only camt files are read from an archive") from None
    if not files:
        raise BankFileError("the archive holds no file", source)
    return files


def _unpacked(archive: ZipFile, info: ZipInfo, where: str) -> bytes:
    try:
        with archive.open(info) as member:
            content = member.read(info.file_size + 1)
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        # RuntimeError: encrypted; its child NotImplementedError: packed in a way unknown here.
        raise BankFileError(f"it cannot be unpacked: {error}", where, "Unpack it yourself") from None
    if len(content) > info.file_size:
        raise BankFileError("it unpacks to more than it declares", where)
    return content


def _statement(
    record: Node, kind: str, where: str, notes: list[str], problems: list[str], made_on: dt.date | None
) -> Draft:
    draft = Draft(is_interim=kind != "camt.053", statement_id=text_at(record, "Id"))
    accounts = ("Acct/Id/IBAN", "Acct/Id/Othr/Id", "Acct/Id/PrtryAcct/Id", "Acct/Id/BBAN")
    draft.account = next((found for path in accounts if (found := text_at(record, path))), "")
    number = text_at(record, "ElctrncSeqNb") or text_at(record, "LglSeqNb")
    draft.number = number_in(number)
    draft.from_on = (
        _day(text_at(record, "FrToDt/FrDtTm"), where) if text_at(record, "FrToDt/FrDtTm") else None
    )
    draft.to_on = _day(text_at(record, "FrToDt/ToDtTm"), where) if text_at(record, "FrToDt/ToDtTm") else None
    _balances(record, draft, kind, where, problems)
    entries = list(find_all(record, "Ntry"))
    if not draft.currency:
        draft.currency = text_at(record, "Acct/Ccy") or next(
            (amount.get("Ccy", "") for entry in entries for amount in find_all(entry, "Amt")), "EUR"
        )
    told_on = draft.to_on or _record_day(record, where) or made_on
    for number_, node in enumerate(entries, 1):
        draft.entries.extend(_entry(node, number_, f"{where}, entry {number_}", notes, told_on))
    return draft


def _balances(record: Node, draft: Draft, kind: str, where: str, problems: list[str]) -> None:
    found: dict[tuple[str, str], list[int]] = {}
    for balance in find_all(record, "Bal"):
        code = (
            text_at(balance, "Tp/CdOrPrtry/Cd")
            or text_at(balance, "Tp/CdOrPrtry/Prtry")
            or text_at(balance, "Tp/Cd")
        )
        cents, currency = _amount(balance, where)
        if code in (*_OPENING, *_CLOSING):
            found.setdefault((currency, code), []).append(_signed(balance, cents))
    told = list(dict.fromkeys(currency for currency, _ in found))
    # An account of several currencies has balances in each; those of its own count.
    draft.currency = text_at(record, "Acct/Ccy") or next(iter(told), "")
    if told and draft.currency not in told:
        problems.append(f"{where}: balances in {', '.join(told)} on an account in {draft.currency}")
        return
    mine = {code: cents for (currency, code), cents in found.items() if currency == draft.currency}
    draft.opening_cents = next((mine[code][0] for code in _OPENING if code in mine), None)
    draft.closing_cents = next((mine[code][0] for code in _CLOSING if code in mine), None)
    interim = mine.get("ITBD", [])
    if kind == "camt.053" and draft.opening_cents is None and interim:
        # A page of a long statement: it opens where the page before ended, and closes likewise.
        draft.opening_cents = interim[0]
        draft.closing_cents = (
            mine["CLBD"][0] if "CLBD" in mine else (interim[1] if len(interim) > 1 else None)
        )


def _record_day(record: Node, where: str) -> dt.date | None:
    """The day a report speaks of: its last balance, else when it was made."""
    days = [day for balance in find_all(record, "Bal") if (day := _date(balance, "Dt", where))]
    made = text_at(record, "CreDtTm")
    return max(days, default=None) or (_day(made, where) if made else None)


def _detail_day(node: Node, where: str) -> dt.date | None:
    """The day a detail names for its settlement."""
    details = [
        detail for group in (*find_all(node, "NtryDtls"), node) for detail in find_all(group, "TxDtls")
    ]
    for path in ("IntrBkSttlmDt", "AccptncDtTm", "TxDtTm"):
        text = next((found for detail in details if (found := text_at(detail, f"RltdDts/{path}"))), "")
        if text:
            return _day(text, where)
    return None


def _entry(node: Node, number: int, where: str, notes: list[str], told_on: dt.date | None) -> Iterator[Entry]:
    cents, currency = _amount(node, where)
    if cents < 0 or text_at(node, "CdtDbtInd") not in ("CRDT", "DBIT"):
        raise BankFileError("the entry is neither a credit nor a debit of a positive amount", where)
    total = _signed(node, cents)
    booked = _date(node, "BookgDt", where) or _date(node, "ValDt", where)
    if booked is None:
        booked = _detail_day(node, where) or told_on
        if booked is None:
            raise BankFileError("neither booking date nor value date is given", where)
        notes.append(f"{where}: neither booking nor value date is given; taken as {booked}")
    value = _date(node, "ValDt", where) or booked
    status = text_at(node, "Sts/Cd") or text_at(node, "Sts/Prtry") or text_at(node, "Sts")
    is_reversal = text_at(node, "RvslInd") in ("true", "1")
    details = [detail for group in find_all(node, "NtryDtls") for detail in find_all(group, "TxDtls")]
    # Older versions (052/054.001.01) put the details directly into the entry.
    details = details or list(find_all(node, "TxDtls"))
    parts = [_detail_amount(detail, node, currency, where) for detail in details]
    splits = len(details) > 1 and None not in parts and sum(part or 0 for part in parts) == total
    if len(details) > 1 and not splits:
        notes.append(f"{where}: the {len(details)} details do not add up to the booking, which stays whole")
    chosen = list(zip(details, parts, strict=True)) if splits else [(details[0] if details else None, total)]
    for detail, part in chosen:
        yield _one(
            node, detail, part if part is not None else total, currency, booked, value, where,
            batch_no=number if splits else 0, is_pending=status in _NOT_BOOKED, is_reversal=is_reversal,
        )  # fmt: skip


def _one(
    node: Node, detail: Node | None, cents: int, currency: str, booked: dt.date, value: dt.date, where: str,
    *, batch_no: int, is_pending: bool, is_reversal: bool,
) -> Entry:  # fmt: skip
    name, iban = _counterparty(detail, is_credit=cents > 0, is_reversal=is_reversal)
    reason = ""
    original: tuple[int, str] | None = None
    charges = 0
    remittance: list[str] = []
    structured = end_to_end = mandate = ""
    if detail is not None:
        reason = (
            text_at(detail, "RtrInf/Rsn/Cd")
            or text_at(detail, "RtrInf/Rsn/Prtry")
            or text_at(detail, "RtrInf/RtrRsn/Cd")
        )
        structured, *named = [*_references(detail), ""]
        remittance = [own_text(line) for line in find_all(detail, "RmtInf/Ustrd")] + named
        end_to_end = text_at(detail, "Refs/EndToEndId")
        mandate = text_at(detail, "Refs/MndtId")
        instructed = find(detail, "AmtDtls/InstdAmt/Amt")
        if instructed is not None and (reason or instructed.get("Ccy", currency) != currency):
            # Of another currency, or of a return: what was paid then, without what the bank charged.
            foreign = instructed.get("Ccy", currency)
            original = minor_units(own_text(instructed), foreign, where), foreign
        charges = _charges(detail, currency, where) or (0 if batch_no else _charges(node, currency, where))
    extra = " ".join(part for part in (text_at(node, "AddtlNtryInf"), *_sent_as(node, detail)) if part)
    if not any(remittance) and not structured:
        remittance = [(text_at(detail, "AddtlTxInf") if detail is not None else "") or extra]
    return Entry(
        booked_on=booked,
        value_on=value,
        amount_cents=cents,
        currency=currency,
        kind=_kind(node, detail, cents, reason, is_reversal),
        counterparty_name=name,
        counterparty_iban=iban,
        remittance=" ".join(part for part in remittance if part),
        structured_reference=structured.replace(" ", ""),
        end_to_end_id="" if end_to_end in ("NOTPROVIDED", "NONREF") else end_to_end,
        mandate_id=mandate,
        bank_reference=(text_at(detail, "Refs/AcctSvcrRef") if detail is not None else "")
        or text_at(node, "AcctSvcrRef")
        or text_at(node, "NtryRef"),
        return_reason=reason,
        charges_cents=charges,
        original_amount_cents=original[0] if original else None,
        original_currency=original[1] if original else "",
        booking_text=extra,
        batch_no=batch_no,
        is_pending=is_pending,
        batch_reference=text_at(node, "AcctSvcrRef") or text_at(node, "NtryRef") if batch_no else "",
    )


def _references(detail: Node) -> list[str]:
    """What a structured remittance names: the creditor's references, the documents paid, a word on them.

    The first is the payment's reference, "" if it only names documents; one payment may be for several.
    """
    paths = ("CdtrRefInf/Ref", "CdtrRefInf/CdtrRef", "RfrdDocInf/Nb", "RfrdDocInf/RfrdDocNb", "AddtlRmtInf")
    found = {
        path: [own_text(node) for node in find_all(detail, f"RmtInf/Strd/{path}") if own_text(node)]
        for path in paths
    }
    references = [*found[paths[0]], *found[paths[1]]] or [""]
    return [*references, *(text for path in paths[2:] for text in found[path])]


def _sent_as(node: Node, detail: Node | None) -> Iterator[str]:
    """How the file and the group of orders were called that a booking sums up, where it says so."""
    for place, path in ((node, "NtryDtls/Btch/"), (detail, "Refs/")):
        if place is not None:
            yield from (text_at(place, f"{path}{name}") for name in ("MsgId", "PmtInfId"))


def _detail_amount(detail: Node, node: Node, currency: str, where: str) -> int | None:
    """The signed amount of one detail in the booking's currency, or None where none is given."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"):
        amount = find(detail, path)
        if amount is not None and amount.get("Ccy", currency) == currency:
            cents = minor_units(own_text(amount), currency, where)
            mark = text_at(detail, "CdtDbtInd") or text_at(node, "CdtDbtInd")
            return -cents if mark == "DBIT" else cents
    return None


def _charges(detail: Node, currency: str, where: str) -> int:
    records = list(find_all(detail, "Chrgs/Rcrd")) or list(find_all(detail, "Chrgs"))
    total = 0
    for record in records:
        amount = find(record, "Amt")
        amount = amount if amount is not None else find(record, "TtlChrgsAndTaxAmt")
        if amount is not None and amount.get("Ccy", currency) == currency:
            cents = minor_units(own_text(amount), currency, where)
            total += -cents if text_at(record, "CdtDbtInd") == "CRDT" else cents
    return total


def _counterparty(detail: Node | None, *, is_credit: bool, is_reversal: bool) -> tuple[str, str]:
    """Who is on the other side. A reversal keeps the parties of the booking it undoes."""
    if detail is None:
        return "", ""
    other = "Dbtr" if is_credit != is_reversal else "Cdtr"
    name = ""
    for path in (f"Ultmt{other}/Nm", f"Ultmt{other}/Pty/Nm", f"{other}/Nm", f"{other}/Pty/Nm"):
        name = name or text_at(detail, f"RltdPties/{path}")
    iban = text_at(detail, f"RltdPties/{other}Acct/Id/IBAN") or text_at(
        detail, f"RltdPties/{other}Acct/Id/Othr/Id"
    )
    return name, iban.replace(" ", "")


def _kind(node: Node, detail: Node | None, cents: int, reason: str, is_reversal: bool) -> str:
    """Kind of movement, from the domain code where given, else from the German GVC."""
    where = detail if detail is not None and find(detail, "BkTxCd") is not None else node
    family = text_at(where, "BkTxCd/Domn/Fmly/Cd")
    sub = text_at(where, "BkTxCd/Domn/Fmly/SubFmlyCd")
    gvc = text_at(where, "BkTxCd/Prtry/Cd").split("+")
    number = gvc[1] if len(gvc) > 1 else ""
    if (
        reason
        or sub in ("UPDD", "RRTN", "RCDD", "PRDD", "ARET")
        or number in ("108", "109", "159", "181", "182", "183", "184")
    ):
        return "return"
    if is_reversal:
        return "reversal"
    if family in ("IDDT",) or number in ("171", "174", "192", "194"):
        return "direct_debit_in" if cents > 0 else "direct_debit_out"
    if family in ("RDDT",) or number in ("104", "105"):
        return "direct_debit_out" if cents < 0 else "direct_debit_in"
    if sub in ("CHRG", "COMM", "FEES") or number in ("808", "805"):
        return "charge"
    if sub == "INTR" or number in ("814",):
        return "interest"
    if family in ("CCRD", "MCRD") or number in ("106", "107"):
        return "card"
    if family == "CNTR" or number in ("082", "083"):
        return "cash"
    return "transfer_in" if cents > 0 else "transfer_out"


def _amount(node: Node, where: str) -> tuple[int, str]:
    amount = find(node, "Amt")
    if amount is None:
        raise BankFileError("the amount is missing", where)
    currency = amount.get("Ccy", "")
    if len(currency) != 3:
        raise BankFileError(f"currency {currency!r} is not a three-letter code", where)
    return minor_units(own_text(amount), currency, where), currency


def _signed(node: Node, cents: int) -> int:
    return -cents if text_at(node, "CdtDbtInd") == "DBIT" else cents


def _date(node: Node, name: str, where: str) -> dt.date | None:
    text = text_at(node, f"{name}/Dt") or text_at(node, f"{name}/DtTm")
    return _day(text, where) if text else None


def _day(text: str, where: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        raise BankFileError(f"date {text!r} does not exist", where) from None
