"""Status reports: which order, which status, why."""

from __future__ import annotations

import pytest

from mahnwerk.formats import pain002
from mahnwerk.formats.bank import BankFileError

REPORT = b"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
<GrpHdr><MsgId>R1</MsgId></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>MSG-1</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>MSG-1-1</OrgnlPmtInfId>
<TxInfAndSts><OrgnlEndToEndId>E-1</OrgnlEndToEndId><TxSts>RJCT</TxSts>
<StsRsnInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>IBAN unknown</AddtlInf></StsRsnInf></TxInfAndSts>
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""


def test_each_status_with_its_reason() -> None:
    group, order = pain002.read(REPORT)
    assert (group.status, group.is_refused) == ("PART", False)
    assert (order.end_to_end_id, order.reason, order.is_refused) == ("E-1", "AC01", True)
    assert (order.message_id, order.text) == ("MSG-1", "IBAN unknown")


def test_another_message_is_refused() -> None:
    with pytest.raises(BankFileError, match="not a payment status report"):
        pain002.read(b"<Document><Other/></Document>")


def told(payment_id: str, order: str, status: str, reason: str = "") -> pain002.OrderStatus:
    return pain002.OrderStatus("MSG-1", payment_id, order, status, reason, "")


EVERY = ["E-1", "E-2", "E-3"]
GROUPS = {"MSG-1-1": ["E-1", "E-2"], "MSG-1-2": ["E-3"]}


@pytest.mark.parametrize(
    ("statuses", "refused"),
    [
        ([told("", "", "ACCP"), told("MSG-1-1", "", "ACSC"), told("MSG-1-1", "E-1", "ACSP")], {}),
        ([told("", "", "PART"), told("MSG-1-1", "E-2", "RJCT", "AC04")], {"E-2": "AC04"}),
        ([told("", "", "RJCT", "FF01")], dict.fromkeys(EVERY, "FF01")),
        ([told("", "", "PART"), told("MSG-1-2", "", "RJCT")], {"E-3": ""}),
        # The whole is refused, the reason stands with one order: it is that order's.
        (
            [
                told("", "", "RJCT"),
                told("MSG-1-1", "", "RJCT", "MS03"),
                told("MSG-1-1", "E-1", "RJCT", "AC04"),
            ],
            {"E-1": "AC04", "E-2": "MS03", "E-3": ""},
        ),
        ([told("", "", "RJCT", "MS03"), told("MSG-1-1", "E-1", "RJCT")], dict.fromkeys(EVERY, "MS03")),
        ([told("OTHER", "", "RJCT", "MS03")], {"OTHER": "MS03"}),  # no group of this file: refuses nothing
        ([told("MSG-1-1", "E-9", "RJCT")], {"E-9": ""}),
        ([told("MSG-1-1", pain002.NOT_PROVIDED, "RJCT")], {pain002.NOT_PROVIDED: ""}),
    ],
)
def test_what_is_refused_and_the_reason_nearest_to_it(
    statuses: list[pain002.OrderStatus], refused: dict[str, str]
) -> None:
    assert pain002.refusals(statuses, EVERY, GROUPS) == refused
    assert pain002.refusals(statuses[::-1], EVERY, GROUPS) == refused


def test_an_order_without_its_id_means_neither_its_group_nor_the_file() -> None:
    report = REPORT.replace(b"<OrgnlEndToEndId>E-1</OrgnlEndToEndId>", b"")
    _, order = pain002.read(report)
    assert order.end_to_end_id == pain002.NOT_PROVIDED
