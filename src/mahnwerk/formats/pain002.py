"""Payment status reports (pain.002): what the bank did with the orders we sent."""

from __future__ import annotations

from dataclasses import dataclass

from mahnwerk.formats import xml_door
from mahnwerk.formats.bank import BankFileError
from mahnwerk.formats.xml_tree import Node, find, find_all, local_name, own_text, text_at

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
    report = next((node for node in root if local_name(node) in ("CstmrPmtStsRpt", "pain.002.001.02")), None)
    if report is None:
        raise BankFileError("this is not a payment status report (pain.002)", source)
    message_id = text_at(report, "OrgnlGrpInfAndSts/OrgnlMsgId")
    found = []
    group = find(report, "OrgnlGrpInfAndSts")
    if group is not None and text_at(group, "GrpSts"):
        found.append(_status(group, message_id, "", "", text_at(group, "GrpSts")))
    for payment in find_all(report, "OrgnlPmtInfAndSts"):
        payment_id = text_at(payment, "OrgnlPmtInfId")
        if text_at(payment, "PmtInfSts"):
            found.append(_status(payment, message_id, payment_id, "", text_at(payment, "PmtInfSts")))
        for order in find_all(payment, "TxInfAndSts"):
            found.append(
                _status(
                    order, message_id, payment_id, text_at(order, "OrgnlEndToEndId"), text_at(order, "TxSts")
                )
            )
    if not found:
        raise BankFileError("the report holds no status", source)
    return found


def _status(node: Node, message_id: str, payment_id: str, end_to_end_id: str, status: str) -> OrderStatus:
    reason = text_at(node, "StsRsnInf/Rsn/Cd") or text_at(node, "StsRsnInf/Rsn/Prtry")
    text = " ".join(own_text(line) for line in find_all(node, "StsRsnInf/AddtlInf"))
    return OrderStatus(message_id, payment_id, end_to_end_id, status, reason, text)
