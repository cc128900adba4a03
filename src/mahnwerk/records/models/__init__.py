"""The tables. Every one but the two of the key store carries `tenant_id`, in every unique key as well.

All ids are made by the application (ids.py). What no model can say – composite foreign keys, append-only
tables, row-level security – is in guard_rules.py. The class of each column is in field_classes.py.
"""

from mahnwerk.records.models.bank import (
    BankAccount,
    BankEntry,
    BankStatement,
    EntryState,
    KnownPayer,
    MatchProposal,
    Payer,
)
from mahnwerk.records.models.cases import (
    Case,
    CaseAlias,
    CaseParticipant,
    Claim,
    Designation,
    Fact,
)
from mahnwerk.records.models.journal import (
    ClosedPeriod,
    MoneyPosting,
    Payout,
    PayoutItem,
    PayoutReturn,
    PayoutTerms,
    Posting,
)
from mahnwerk.records.models.messages import Message, MessageItem, MessageState, Permit
from mahnwerk.records.models.persons import BlindIndex, Person, PersonKey, TenantKey
from mahnwerk.records.models.plans import (
    DebitFile,
    DebitMandate,
    DebitNotice,
    DebitOrder,
    DebitStatus,
    Instalment,
    InstalmentPlan,
    PlanOffer,
    PlanReminder,
)
from mahnwerk.records.models.providers import (
    PayLink,
    PaymentIntent,
    ProviderAccount,
    ProviderBalance,
    ProviderEvent,
    ProviderPayment,
    ProviderRefund,
)
from mahnwerk.records.models.refunds import EntryRefund, Refund, RefundFile
from mahnwerk.records.models.runs import AuditEntry, Decision, ImportedFile, Run, RunChunk
from mahnwerk.records.models.tenants import Creditor, Feed, Mandate, Tenant

__all__ = [
    "AuditEntry",
    "BankAccount",
    "BankEntry",
    "BankStatement",
    "BlindIndex",
    "Case",
    "CaseAlias",
    "CaseParticipant",
    "Claim",
    "ClosedPeriod",
    "Creditor",
    "DebitFile",
    "DebitMandate",
    "DebitNotice",
    "DebitOrder",
    "DebitStatus",
    "Decision",
    "Designation",
    "EntryRefund",
    "EntryState",
    "Fact",
    "Feed",
    "ImportedFile",
    "Instalment",
    "InstalmentPlan",
    "KnownPayer",
    "Mandate",
    "MatchProposal",
    "Message",
    "MessageItem",
    "MessageState",
    "MoneyPosting",
    "PayLink",
    "Payer",
    "PaymentIntent",
    "Payout",
    "PayoutItem",
    "PayoutReturn",
    "PayoutTerms",
    "Permit",
    "Person",
    "PersonKey",
    "PlanOffer",
    "PlanReminder",
    "Posting",
    "ProviderAccount",
    "ProviderBalance",
    "ProviderEvent",
    "ProviderPayment",
    "ProviderRefund",
    "Refund",
    "RefundFile",
    "Run",
    "RunChunk",
    "Tenant",
    "TenantKey",
]
