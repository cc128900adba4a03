"""What each kind of fact means, and what it needs: one table for people, files and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mahnwerk.frames import FactKind


@dataclass(frozen=True)
class KindRule:
    """What a fact of a kind carries: `needed`, `optional` or `none`.

    `by_hand`: people and facts files may tell it; the others are written by Mahnwerk itself.
    `code` is none, a text of the closed form (small letters, digits, dots), or `rule` = a cost's rule id.
    """

    meaning: str
    by_hand: bool = True
    amount: str = "none"
    until: str = "none"
    code: str = "optional"
    claim: str = "optional"


def _money(meaning: str, claim: str = "optional") -> KindRule:
    return KindRule(meaning, amount="needed", claim=claim)


K = FactKind
RULES: Final[dict[FactKind, KindRule]] = {
    K.CLAIM_PLACED: KindRule("the claim itself; comes in by import", by_hand=False),
    K.CREDIT_NOTE: _money("a credit note lowers the claim", "needed"),
    K.GOODS_RETURNED: _money("goods came back and lower the claim", "needed"),
    K.WAIVER: _money("the creditor forgoes an amount"),
    K.WRITE_OFF: _money("an amount is given up as uncollectable"),
    K.COMPROMISE: _money("an amount is forgone by compromise"),
    K.SET_OFF: _money("an amount is set off"),
    K.EARLY_PAYMENT_DISCOUNT: _money("an early-payment discount was rightly taken", "needed"),
    K.CLAIM_MOVED: KindRule("the claim moved to another case", by_hand=False, claim="needed"),
    K.CLAIM_ASSIGNED: KindRule("the claim was assigned", claim="needed"),
    K.CLAIM_CLOSED: KindRule("the claim is closed; the code says why", claim="optional"),
    K.CLAIM_REOPENED: KindRule("the claim is open again"),
    K.PAYMENT_RECEIVED: _money(
        "money came in, with its value date; code paid.creditor: at the creditor, not at us"
    ),
    K.PAYMENT_RETURNED: KindRule("a payment was returned; undoes the payment it names", amount="optional"),
    K.REFUND_PAID: _money("money was paid back"),
    K.MESSAGE_SENT: KindRule("a message left", by_hand=False),
    K.MESSAGE_DELIVERED: KindRule("a message is proven to have arrived", by_hand=False),
    K.MESSAGE_BOUNCED: KindRule("a message came back", by_hand=False),
    K.MESSAGE_UNCERTAIN: KindRule("a message may or may not have left", by_hand=False),
    K.HOLD_SET: KindRule("nothing is sent until a day, or until the hold is lifted", until="optional"),
    K.HOLD_LIFTED: KindRule("the hold ends"),
    K.DISPUTE_RAISED: KindRule("the debtor disputes the claim, or a part of it", amount="optional"),
    K.DISPUTE_RESOLVED: KindRule("the dispute is settled"),
    K.DEFERRAL_GRANTED: KindRule("payment is put off to a day", until="needed"),
    K.INSOLVENCY_OPENED: KindRule("insolvency proceedings were opened"),
    K.INSOLVENCY_CLOSED: KindRule("insolvency proceedings ended"),
    K.DEBTOR_DECEASED: KindRule("the debtor died"),
    K.HEIRS_KNOWN: KindRule("the heirs are known and have been checked"),
    K.MINOR_KNOWN: KindRule("the debtor is a minor"),
    K.GUARDIAN_NAMED: KindRule("a guardian is named and has been checked"),
    K.ADDRESS_UNKNOWN: KindRule("post came back: the address is not right"),
    K.ADDRESS_FOUND: KindRule("the address is right again"),
    K.LAWYER_NAMED: KindRule("a lawyer writes for the debtor"),
    K.HARDSHIP_REPORTED: KindRule("the debtor told of hardship", until="optional"),
    K.HARDSHIP_ENDED: KindRule("the hardship ended"),
    K.IDENTITY_DISPUTED: KindRule("somebody says they are not the debtor"),
    K.IDENTITY_CONFIRMED: KindRule("the debtor's identity is confirmed"),
    K.CONTACT_BANNED: KindRule("the debtor forbids contact, or one channel of it"),
    K.CONTACT_ALLOWED: KindRule("contact is allowed again"),
    K.COST_INCURRED: KindRule("a cost arose, by its rule", amount="needed", code="rule"),
    K.INVOICE_RECEIVED: KindRule("the day the invoice arrived", claim="needed"),
    K.PERFORMANCE_REFUSED: KindRule("the debtor refuses to pay, seriously and finally"),
    K.LITIGATION_PENDING: KindRule("the claim is pending in court"),
    K.NEGOTIATION_BEGAN: KindRule("negotiations began (§ 203 BGB)"),
    K.NEGOTIATION_ENDED: KindRule("negotiations ended"),
    K.DEBT_ACKNOWLEDGED: KindRule("the debtor acknowledged the debt (§ 212 BGB)"),
    K.PAYMENT_ORDER_FILED: KindRule("a payment order was applied for"),
    K.PAYMENT_ORDER_SERVED: KindRule("the payment order was served"),
    K.PAYMENT_ORDER_ENDED: KindRule("the payment order proceedings ended"),
    K.TITLE_OBTAINED: KindRule("there is an enforceable title"),
    K.PLAN_AGREED: KindRule("an instalment plan was agreed", until="optional"),
    K.PLAN_ENDED: KindRule("the instalment plan ended"),
    K.PLAN_BROKEN: KindRule("the instalment plan was not kept"),
    K.PROMISE_TO_PAY: KindRule("the debtor promised to pay by a day", amount="optional", until="optional"),
    K.ENROLLED: KindRule("the case follows another procedure from now on", code="needed"),
    K.PROCEDURE_RESTARTED: KindRule("the dunning levels start anew"),
    K.VOIDED: KindRule("undoes the fact it names, as if it had not been", claim="none"),
}
del K


def overview() -> list[dict[str, Any]]:
    """All kinds for people: word, whether by hand, what it needs, meaning."""
    return [
        {
            "kind": kind.name.lower(),
            "by_hand": "yes" if rule.by_hand else "no",
            "amount": rule.amount,
            "until": rule.until,
            "claim": rule.claim,
            "code": rule.code,
            "meaning": rule.meaning,
        }
        for kind, rule in RULES.items()
    ]
