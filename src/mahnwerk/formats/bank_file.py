"""Any bank file: finds out which of the known formats it is, and reads it."""

from __future__ import annotations

import re

from mahnwerk.formats import bank_csv, camt, mt940
from mahnwerk.formats.bank import BankFile, BankFileError
from mahnwerk.formats.xml_door import XmlRefused

_SWIFT = re.compile(rb"[\r\n]:(?:\d{2}[A-Z]?|NS):")
"""A line that begins with a tag: MT940, if only a piece of it."""
_CAMT = re.compile(rb"camt\.05[234]|<(?:\w+:)?BkToCstmr")
FILE_BYTES_MAX = 500 * 1024 * 1024


def is_marked(head: bytes) -> bool:
    """Whether a file that begins like this is camt, MT940 or a zip archive, which no table can be."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        return bool(_CAMT.search(head))
    return _is_zip(head) or _is_swift(start)


def _is_zip(head: bytes) -> bool:
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def _is_swift(start: bytes) -> bool:
    return start[:3] in (b"{1:", b"{4:") or bool(_SWIFT.search(b"\n" + start))


def read(
    data: bytes, *, account: str = "", profile: bank_csv.Profile | None = None, source: str = "bank file"
) -> list[tuple[str, BankFile]]:
    """Read one file, or each member of a zip archive: (name, BankFile).

    Raises
    ------
    BankFileError : none of camt, MT940 and the known CSV layouts, or unreadable as the one it is.
    """
    if len(data) > FILE_BYTES_MAX:
        raise BankFileError(f"{len(data)} bytes; more than {FILE_BYTES_MAX} are not read", source, "Split it")
    if not data.strip():
        raise BankFileError("the file is empty", source, "Fetch it from the bank again")
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if _is_zip(data):
        return camt.read_zip(data, source=source)
    if head[:1] == b"<":
        try:
            return [(source, camt.read(data, source=source))]
        except XmlRefused as error:
            raise BankFileError(str(error), source, "Fetch it from the bank again") from None
    if profile is None and _is_swift(head):
        return [(source, mt940.read(data, source=source))]
    return [(source, bank_csv.read(data, account=account, profile=profile, source=source))]
