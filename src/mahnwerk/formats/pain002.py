"""Payment status reports (pain.002): what the bank did with the orders we sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mahnwerk.formats import xml_door
from mahnwerk.formats.bank import BankFileError
from mahnwerk.formats.xml_tree import Node, find, find_all, local_name, own_text, text_at

REFUSED = ("RJCT", "CANC")
NOT_PROVIDED: Final = "NOTPROVIDED"
"""How an order is called whose end-to-end id the report leaves out; it means no group and no file."""


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
                    order,
                    message_id,
                    payment_id,
                    text_at(order, "OrgnlEndToEndId") or NOT_PROVIDED,
                    text_at(order, "TxSts"),
                )
            )
    if not found:
        raise BankFileError("the report holds no status", source)
    return found


def refusals(
    statuses: Sequence[OrderStatus], every: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Which orders the bank refused, and why: end-to-end id → reason, "" = none told.

    A refusal of a group or of the file refuses each of its orders. Banks often refuse the whole and give
    the reason with the order, so the reason nearest to the order counts.

    Parameters
    ----------
    every : end-to-end ids of the file
    groups : payment id (PmtInfId) → end-to-end ids

    Guarantees
    ----------
    Pure. A group that is not of the file refuses nothing; its id is in the answer in place of an order's, so
    that it is named as unknown.
    """
    found: dict[str, str] = {}
    for status in sorted(statuses, key=lambda one: (one.end_to_end_id != "", one.payment_id != "")):
        if not status.is_refused:
            continue
        if status.end_to_end_id:
            names: Sequence[str] = [status.end_to_end_id]
        elif status.payment_id:
            names = groups.get(status.payment_id, [status.payment_id])
        else:
            names = every
        for name in names:
            found[name] = status.reason or found.get(name, "")
    return found


def _status(node: Node, message_id: str, payment_id: str, end_to_end_id: str, status: str) -> OrderStatus:
    reason = text_at(node, "StsRsnInf/Rsn/Cd") or text_at(node, "StsRsnInf/Rsn/Prtry")
    text = " ".join(own_text(line) for line in find_all(node, "StsRsnInf/AddtlInf"))
    return OrderStatus(message_id, payment_id, end_to_end_id, status, reason, text)
