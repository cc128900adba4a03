"""Any bank file: finds out which of the known formats it is, and reads it."""

from __future__ import annotations

import re

from mahnwerk.formats import bank_csv, camt, mt940
from mahnwerk.formats.bank import BankFile, BankFileError
from mahnwerk.formats.xml_door import XmlRefused

_SWIFT = re.compile(rb"[\r\n]:(?:\d{2}[A-Z]?|NS):")
"""A line that begins with a tag: MT940, if only a piece of it."""
FILE_BYTES_MAX = 500 * 1024 * 1024


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
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return camt.read_zip(data, source=source)
    if head[:1] == b"<":
        try:
            return [(source, camt.read(data, source=source))]
        except XmlRefused as error:
            raise BankFileError(str(error), source) from None
    if profile is None and (head[:3] in (b"{1:", b"{4:") or _SWIFT.search(b"\n" + head)):
        return [(source, mt940.read(data, source=source))]
    return [(source, bank_csv.read(data, account=account, profile=profile, source=source))]
