"""Payment status reports (pain.002): what the bank did with the orders we sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from mahnwerk.formats import xml_door
from mahnwerk.formats.bank import BankFileError

REFUSED = ("RJCT", "CANC")


@dataclass(frozen=True)
class OrderStatus:
    """One order's status. `end_to_end_id` is "" where the whole payment group or file is meant."""

    message_id: str
    payment_id: str
    end_to_end_id: str
    status: str
    reason: str
    text: str

    @property
    def is_refused(self) -> bool:
        return self.status in REFUSED


def read(data: bytes, *, source: str = "pain.002 file") -> list[OrderStatus]:
    """Read every status in the report: of the file, of groups, of single orders.

    Raises
    ------
    BankFileError : not a status report. xml_door.XmlRefused : not XML that may be read.
    """
    root = xml_door.parse(data)
    report = next((node for node in root if _local(node) in ("CstmrPmtStsRpt", "pain.002.001.02")), None)
    if report is None:
        raise BankFileError("this is not a payment status report (pain.002)", source)
    message_id = _text(report, "OrgnlGrpInfAndSts/OrgnlMsgId")
    found = []
    group = _first(report, "OrgnlGrpInfAndSts")
    if group is not None and _text(group, "GrpSts"):
        found.append(_status(group, message_id, "", "", _text(group, "GrpSts")))
    for payment in _all(report, "OrgnlPmtInfAndSts"):
        payment_id = _text(payment, "OrgnlPmtInfId")
        if _text(payment, "PmtInfSts"):
            found.append(_status(payment, message_id, payment_id, "", _text(payment, "PmtInfSts")))
        for order in _all(payment, "TxInfAndSts"):
            found.append(
                _status(order, message_id, payment_id, _text(order, "OrgnlEndToEndId"), _text(order, "TxSts"))
            )
    if not found:
        raise BankFileError("the report holds no status", source)
    return found


def _status(
    node: etree._Element, message_id: str, payment_id: str, end_to_end_id: str, status: str
) -> OrderStatus:
    reason = _text(node, "StsRsnInf/Rsn/Cd") or _text(node, "StsRsnInf/Rsn/Prtry")
    text = " ".join((line.text or "").strip() for line in _all(node, "StsRsnInf/AddtlInf"))
    return OrderStatus(message_id, payment_id, end_to_end_id, status, reason, text)


def _local(node: etree._Element) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def _all(node: etree._Element, path: str) -> Iterator[etree._Element]:
    head, _, rest = path.partition("/")
    for child in node:
        if _local(child) == head:
            if rest:
                yield from _all(child, rest)
            else:
                yield child


def _first(node: etree._Element, path: str) -> etree._Element | None:
    return next(_all(node, path), None)


def _text(node: etree._Element, path: str) -> str:
    found = _first(node, path)
    return (found.text or "").strip() if found is not None else ""
