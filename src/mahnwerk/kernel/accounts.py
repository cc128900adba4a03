"""The accounts a journal knows, by what they are for, and the events it knows. Numbers are data elsewhere.

Two sets of books: *own* where the claim is the operator's (or bought by him), *trust* where he collects for
a creditor. Trust money is a liability from its first cent.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from mahnwerk.frames import Role


class Account(IntEnum):
    """What an account is for. Stored as this number; a chart of accounts gives it one of its own."""

    RECEIVABLE = 10
    """Principal owed by the debtor (a personal account each)."""
    CLAIMS_PLACED = 11
    """Counterpart of claims as they come in; their sale is booked where the invoice was written."""
    BANK = 20
    PAYMENT_CLEARING = 21
    """Money that came in, until it is told what it paid. Zero after every run."""
    SET_OFF = 22
    """Debts of ours that a set-off discharged."""
    MONEY_IN_TRANSIT = 23
    """Money that facts tell of and the bank has not told of yet (or the other way round)."""
    SUSPENSE = 24
    """Money on the bank account that nobody has placed yet."""
    OTHER_MONEY = 25
    """Money on the bank account that concerns no debtor: the accountant books it on."""
    OPENING_BALANCE = 26
    """What was on the bank account before its first statement."""
    PROVIDER_CLEARING = 27
    """Money at a payment provider, until its settlement arrives at the bank."""
    INTEREST_INCOME = 30
    COST_INCOME = 31
    BANK_INTEREST = 32
    CREDIT_NOTES = 40
    GOODS_RETURNED = 41
    DISCOUNTS = 42
    WAIVED = 43
    BAD_DEBT = 44
    COMPROMISED = 45
    BANK_CHARGES = 46
    PROVIDER_FEES = 47
    CUSTOMER_CREDIT = 50
    """What debtors paid too much. A liability, never income."""
    OVERPAID_REFUNDS = 51
    """What was paid back beyond any credit: owed to us again."""

    MANAGED_CLAIMS = 60
    """Principal collected for others; a note beside the books, with its counterpart."""
    MANAGED_CONTRA = 61
    TRUST_BANK = 70
    TRUST_CLEARING = 71
    DEBTOR_CREDIT = 72
    TRUST_REFUNDS = 73
    TRUST_IN_TRANSIT = 74
    TRUST_SUSPENSE = 75
    TRUST_OTHER_MONEY = 76
    """Money on the trust account that is no creditor's: of the operator, or owed by him (charges)."""
    TRUST_OPENING_BALANCE = 77
    TRUST_PROVIDER_CLEARING = 78
    CREDITOR_LIABILITY = 80
    OPERATOR_FEES = 90
    FEE_VAT = 91


class Entry(IntEnum):
    """What a posting is about. With fact and claim number it is the stable key of an amount."""

    CLAIM_PLACED = 1
    PAYMENT_IN = 2
    SETTLED_COSTS = 3
    SETTLED_INTEREST = 4
    SETTLED_PRINCIPAL = 5
    SURPLUS = 6
    REFUND = 7
    REFUND_BEYOND = 8
    BANK_CHARGE = 9
    MANAGED_SETTLED = 10
    WENT_BACK = 11
    PAYOUT_FEE = 20
    PAYOUT_FEE_VAT = 21
    PAYOUT_PAID = 22
    BANK_OPENING = 30
    BANK_MOVEMENT = 31
    BANK_PLACED = 32
    BANK_KEPT = 33
    BANK_ELSEWHERE = 34
    PROVIDER_FEE = 40
    PROVIDER_OTHER = 41


TRUST_ROLES: Final = (Role.AGENCY, Role.MARKETPLACE)
CLEARING: Final = (Account.PAYMENT_CLEARING, Account.TRUST_CLEARING)
"""Accounts that are zero for every case after every run."""
PERSONAL: Final = (Account.RECEIVABLE,)
"""Accounts kept per debtor."""
MEMORANDUM: Final = (Account.MANAGED_CLAIMS, Account.MANAGED_CONTRA)
COLLECTED: Final = {
    Entry.SETTLED_PRINCIPAL: "principal",
    Entry.SETTLED_INTEREST: "interest",
    Entry.SETTLED_COSTS: "costs",
}
