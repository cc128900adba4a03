"""SEPA out: valid, reproducible, and nothing that would be paid twice."""

from __future__ import annotations

import datetime as dt
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from mahnwerk.formats import pain
from mahnwerk.formats.sepa_text import ALLOWED, sepa_text

AT = dt.datetime(2026, 11, 16, 8, 0, tzinfo=dt.UTC)
US = pain.Account("Lindenhof Keramik GmbH", "DE02120300000000202051", creditor_id="DE98ZZZ09999999999")


def collection(**changes: object) -> pain.Collection:
    values: dict[str, object] = {
        "end_to_end_id": "E-1", "amount_cents": 8490, "name": "Jürgen Groß-Müßig",
        "iban": "DE89370400440532013000",
        "mandate_id": "M-17", "mandate_signed_on": dt.date(2026, 1, 5), "collect_on": dt.date(2026, 11, 23),
        "text": "RE-26-0411 & Co.", "sequence": "FRST",
    }  # fmt: skip
    return pain.Collection(**(values | changes))  # type: ignore[arg-type]


def transfer(**changes: object) -> pain.Transfer:
    values: dict[str, object] = {
        "end_to_end_id": "P-1", "amount_cents": 120000, "name": "Radwerk Kaya e. K.",
        "iban": "AT611904300234573201", "execute_on": dt.date(2026, 11, 17), "text": "Auszahlung KW 46",
    }  # fmt: skip
    return pain.Transfer(**(values | changes))  # type: ignore[arg-type]


def test_direct_debits_add_up_and_repeat_byte_for_byte() -> None:
    orders = [collection(), collection(end_to_end_id="E-2", amount_cents=1, sequence="RCUR")]
    first = pain.direct_debits(US, orders, "MSG-1", AT)
    assert first == pain.direct_debits(US, orders, "MSG-1", AT)
    root = etree.fromstring(first)
    assert root.findtext(".//{*}GrpHdr/{*}CtrlSum") == "84.91"
    assert {node.text for node in root.iter("{*}SeqTp")} == {"FRST", "RCUR"}
    assert b"Juergen Gross-Muessig" in first


@pytest.mark.parametrize("sequence", pain.SEQUENCES)
def test_a_direct_debit_says_what_its_mandate_says_and_is_valid_by_the_official_schema(sequence: str) -> None:
    root = etree.fromstring(pain.direct_debits(US, [collection(sequence=sequence)], "MSG-1", AT))
    folder = resources.files("sepaxml") / "schemas"
    for name, made in (
        ("pain.008.001.08", root),
        ("pain.001.001.09", etree.fromstring(pain.transfers(US, [transfer()], "PAY-1", AT))),
    ):
        schema = etree.XMLSchema(etree.fromstring((folder / f"{name}.xsd").read_bytes()))
        schema.assertValid(made)
        assert made.tag == f"{{urn:iso:std:iso:20022:tech:xsd:{name}}}Document"
    said = {
        "SeqTp": sequence, "DtOfSgntr": "2026-01-05", "MndtId": "M-17", "ReqdColltnDt": "2026-11-23",
        "InstdAmt": "84.90", "EndToEndId": "E-1", "PmtInfId": pain.payment_id("MSG-1", 1), "LclInstrm": None,
    }  # fmt: skip
    for name, value in said.items():
        node = root.find(f".//{{*}}{name}")
        assert node is not None and (value is None or node.text == value)
    assert root.findtext(".//{*}CdtrSchmeId//{*}Othr/{*}Id") == US.creditor_id
    assert root.findtext(".//{*}LclInstrm/{*}Cd") == "CORE"


def test_transfers() -> None:
    root = etree.fromstring(pain.transfers(US, [transfer()], "PAY-1", AT))
    assert root.findtext(".//{*}InstdAmt") == "1200.00"
    assert root.findtext(".//{*}EndToEndId") == "P-1"


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (collection(amount_cents=0), "amount of 0"),
        (collection(amount_cents=-5), "amount of -5"),
        (collection(iban="DE89370400440532013001"), "IBAN"),
        (collection(sequence="LAST"), "sequence"),
        (collection(mandate_signed_on=dt.date(2027, 1, 1)), "signed after"),
        (collection(name="   "), "name is empty"),
    ],
)
def test_bad_orders_are_named(order: pain.Collection, why: str) -> None:
    with pytest.raises(pain.SepaError, match=why):
        pain.direct_debits(US, [order], "MSG-1", AT)


def test_nothing_twice() -> None:
    with pytest.raises(pain.SepaError, match="twice"):
        pain.transfers(US, [transfer(), transfer()], "PAY-1", AT)
    with pytest.raises(pain.SepaError, match="nothing"):
        pain.transfers(US, [], "PAY-1", AT)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=80))
def test_any_text_becomes_allowed_text(text: str) -> None:
    written = sepa_text(text, 70)
    assert len(written) <= 70
    assert not ALLOWED.search(written)
    assert sepa_text(written, 70) == written
