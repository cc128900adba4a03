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
