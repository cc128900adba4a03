"""Which format a bank file has is found out, not asked."""

from __future__ import annotations

import pytest

from mahnwerk.formats import bank_file
from mahnwerk.formats.bank import BankFileError

MT940 = b":20:S\r\n:25:1/2\r\n:60F:C260301EUR1,00\r\n:61:260302C5,00NTRFNONREF\r\n:62F:C260302EUR6,00\r\n-"


def test_by_content() -> None:
    assert bank_file.read(MT940)[0][1].format == "mt940"
    csv = b"booked_on,amount\n2026-03-02,5.00\n"
    assert bank_file.read(csv, account="A")[0][1].format == "csv:generic"


@pytest.mark.parametrize("data", [b"", b"<xml", b"PK\x03\x04broken", b"\x00\x01\x02", b"hello world"])
def test_what_is_none_of_them_is_refused(data: bytes) -> None:
    with pytest.raises(BankFileError):
        bank_file.read(data)


def test_truncated_at_every_byte_nothing_but_a_clear_refusal() -> None:
    for length in range(len(MT940)):
        try:
            for _, file in bank_file.read(MT940[:length]):
                file.accepted()
        except BankFileError:
            continue
        assert length >= MT940.index(b"EUR6,00") + 4  # the last balance is whole
