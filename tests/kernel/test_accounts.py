"""Accounts and entries are stored as numbers: they must not move."""

from __future__ import annotations

from mahnwerk.frames import Role
from mahnwerk.kernel.accounts import CLEARING, COLLECTED, TRUST_ROLES, Account, Entry


def test_numbers_in_the_journal_keep_their_meaning() -> None:
    assert {a.name: a.value for a in (Account.RECEIVABLE, Account.BANK, Account.CREDITOR_LIABILITY)} == {
        "RECEIVABLE": 10,
        "BANK": 20,
        "CREDITOR_LIABILITY": 80,
    }
    assert [(e.name, e.value) for e in list(Entry)[:6]] == [
        ("CLAIM_PLACED", 1),
        ("PAYMENT_IN", 2),
        ("SETTLED_COSTS", 3),
        ("SETTLED_INTEREST", 4),
        ("SETTLED_PRINCIPAL", 5),
        ("SURPLUS", 6),
    ]


def test_a_bought_claim_is_our_own_and_a_sellers_is_not() -> None:
    assert Role.ASSIGNEE not in TRUST_ROLES and Role.OWN not in TRUST_ROLES
    assert set(TRUST_ROLES) == {Role.AGENCY, Role.MARKETPLACE}
    assert set(CLEARING) == {Account.PAYMENT_CLEARING, Account.TRUST_CLEARING}
    assert set(COLLECTED.values()) == {"principal", "interest", "costs"}
