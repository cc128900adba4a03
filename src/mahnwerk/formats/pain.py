"""SEPA files out: direct debits (pain.008) and transfers (pain.001), valid by the official schema.

The kept library writes the tree; it draws random ids and reads the clock, so message id, payment ids and
creation time are set here: the same orders give the same bytes, and a bank recognises a file sent twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from lxml import etree
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from sepaxml import SepaDD, SepaTransfer

from mahnwerk.formats.sepa_text import sepa_text

PAIN_008: Final = "pain.008.001.08"
PAIN_001: Final = "pain.001.001.09"
SEQUENCES: Final = ("FRST", "RCUR", "FNAL", "OOFF")
AMOUNT_CENTS_MAX: Final = 99_999_999_999


class SepaError(ValueError):
    """An order cannot be written; says which and why."""


@dataclass(frozen=True)
class Account:
    """Whose account the file is for. `creditor_id` is needed for direct debits only."""

    name: str
    iban: str
    bic: str = ""
    creditor_id: str = ""


@dataclass(frozen=True)
class Collection:
    """One direct debit. `sequence` is one of SEQUENCES."""

    end_to_end_id: str
    amount_cents: int
    name: str
    iban: str
    mandate_id: str
    mandate_signed_on: dt.date
    collect_on: dt.date
    text: str
    sequence: str = "RCUR"
    bic: str = ""


@dataclass(frozen=True)
class Transfer:
    """One transfer: a refund or a payout."""

    end_to_end_id: str
    amount_cents: int
    name: str
    iban: str
    execute_on: dt.date
    text: str
    bic: str = ""


def direct_debits(
    account: Account, orders: Sequence[Collection], message_id: str, created_at: dt.datetime
) -> bytes:
    """Write a pain.008 file; orders are batched by sequence and day.

    Raises
    ------
    SepaError : no orders, an amount out of bounds, a wrong IBAN, an unknown sequence, a mandate signed
        after its collection, the same end-to-end id twice, or a file the official schema refuses.
    """
    _check(account, orders, message_id)
    if not account.creditor_id:
        raise SepaError(f"{account.name}: a creditor identifier is needed to collect")
    file = SepaDD(
        {**_config(account), "creditor_id": account.creditor_id, "batch": True}, schema=PAIN_008, clean=False
    )
    for order in orders:
        file.add_payment(
            {
                **_payment(order),
                "type": order.sequence,
                "collection_date": order.collect_on,
                "mandate_id": sepa_text(order.mandate_id, 35),
                "mandate_date": order.mandate_signed_on,
            }
        )
    return _finish(file, PAIN_008, message_id, created_at)


def transfers(
    account: Account, orders: Sequence[Transfer], message_id: str, created_at: dt.datetime
) -> bytes:
    """Write a pain.001 file; raises SepaError as `direct_debits` does."""
    _check(account, orders, message_id)
    file = SepaTransfer({**_config(account), "batch": True}, schema=PAIN_001, clean=False)
    for order in orders:
        file.add_payment({**_payment(order), "execution_date": order.execute_on})
    return _finish(file, PAIN_001, message_id, created_at)


def _config(account: Account) -> dict[str, object]:
    config: dict[str, object] = {
        "name": sepa_text(account.name, 70),
        "IBAN": account.iban.replace(" ", ""),
        "currency": "EUR",
    }
    if account.bic:
        config["BIC"] = account.bic
    return config


def _payment(order: Collection | Transfer) -> dict[str, object]:
    payment: dict[str, object] = {
        "name": sepa_text(order.name, 70),
        "IBAN": order.iban.replace(" ", ""),
        "amount": order.amount_cents,
        "description": sepa_text(order.text, 140),
        "endtoend_id": order.end_to_end_id,
    }
    if order.bic:
        payment["BIC"] = order.bic
    return payment


def _check(account: Account, orders: Sequence[Collection | Transfer], message_id: str) -> None:
    if not orders:
        raise SepaError("there is nothing to write")
    if not 1 <= len(message_id) <= 35:
        raise SepaError(f"message id {message_id!r} must have 1 to 35 characters")
    _check_iban(account.iban, account.name)
    seen: set[str] = set()
    for order in orders:
        if order.end_to_end_id in seen:
            raise SepaError(f"end-to-end id {order.end_to_end_id!r} stands twice: it would be paid twice")
        seen.add(order.end_to_end_id)
        reason = complaint(order)
        if reason:
            raise SepaError(f"{order.end_to_end_id}: {reason}")


def complaint(order: Collection | Transfer) -> str:
    """What keeps an order out of every file; "" = nothing."""
    if not 1 <= order.amount_cents <= AMOUNT_CENTS_MAX:
        return f"amount of {order.amount_cents} cents is not 0.01 to 999,999,999.99"
    if not sepa_text(order.name, 70):
        return "the name is empty"
    if isinstance(order, Collection):
        if order.sequence not in SEQUENCES:
            return f"sequence {order.sequence!r} is none of {', '.join(SEQUENCES)}"
        if order.mandate_signed_on > order.collect_on:
            return "the mandate is signed after the collection"
    try:
        IBAN(order.iban)
    except SchwiftyException as error:
        return f"IBAN is not valid ({error})"
    return ""


def _check_iban(iban: str, where: str) -> None:
    try:
        IBAN(iban)
    except SchwiftyException as error:
        raise SepaError(f"{where}: IBAN is not valid ({error})") from None


def _finish(file: SepaDD | SepaTransfer, schema: str, message_id: str, created_at: dt.datetime) -> bytes:
    root = etree.fromstring(file.export(validate=False))
    for node in _all(root, "MsgId"):
        node.text = message_id
    for node in _all(root, "CreDtTm"):
        node.text = created_at.strftime("%Y-%m-%dT%H:%M:%S")
    for number, node in enumerate(_all(root, "PmtInfId"), 1):
        node.text = payment_id(message_id, number)
    checker = _schema(schema)
    if not checker.validate(root):
        complaint = str(checker.error_log).splitlines()[-1]
        raise SepaError(f"{schema}: {complaint}")
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def payment_id(message_id: str, number: int) -> str:
    """How a file calls its `number`-th group (PmtInfId): orders of one sequence and day, as they came."""
    return f"{message_id[:30]}-{number}"


def _all(root: etree._Element, name: str) -> Iterable[etree._Element]:
    return root.iter(f"{{*}}{name}")


@cache
def _schema(name: str) -> etree.XMLSchema:
    path = resources.files("sepaxml") / "schemas" / f"{name}.xsd"
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.XMLSchema(etree.fromstring(path.read_bytes(), parser))
