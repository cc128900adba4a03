"""The journal's bank account against the statements, whatever becomes of an entry and in whatever order."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.frames import FactKind, Role
from mahnwerk.kernel.accounts import TRUST_ROLES, Account
from mahnwerk.kernel.bank_ledger import ENTRIES, STATEMENTS, bank_targets, closings, movements, openings
from mahnwerk.kernel.ledger import POSTINGS, account_totals, corrections

START = date(2026, 3, 2)
EMPTY = pl.DataFrame(schema=POSTINGS)
A = Account
STATES = ("new", "booked", "proposed", "suspense", "ignored", "outgoing")
BANKS = (A.BANK, A.TRUST_BANK)
SUSPENSE = (A.SUSPENSE, A.TRUST_SUSPENSE)


def entry(number: int = 1, cents: int = 10_000, **more: Any) -> dict[str, Any]:
    row = {
        "about_id": number,
        "account_id": 1,
        "statement_id": 100,
        "booked_on": START,
        "value_on": START,
        "amount_cents": cents,
        "currency": "EUR",
        "kind": "transfer_in",
        "state": "suspense",
        "reason": "",
        "is_trust": False,
        "told_role": None,
        "fact_kind": None,
        "fact_cents": None,
        "is_undone": False,
        "passed_cents": None,
        "is_part": False,
    }
    return row | more


def booked(number: int = 1, cents: int = 10_000, **more: Any) -> dict[str, Any]:
    fact = {"told_role": int(Role.OWN), "fact_kind": int(FactKind.PAYMENT_RECEIVED), "fact_cents": cents}
    return entry(number, cents, state="booked", **(fact | more))


def statement(number: int, opening: int | None, closing: int | None, **more: Any) -> dict[str, Any]:
    row = {
        "statement_id": number,
        "account_id": 1,
        "currency": "EUR",
        "from_on": START,
        "to_on": START,
        "opening_cents": opening,
        "closing_cents": closing,
        "is_final": True,
        "is_trust": False,
    }
    return row | more


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=ENTRIES, orient="row")


def statements(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=STATEMENTS, orient="row")


def run(journal: pl.DataFrame, entries: pl.DataFrame, told: pl.DataFrame | None = None) -> pl.DataFrame:
    """The journal after one more run."""
    start = openings(statements() if told is None else told, entries)
    wanted = bank_targets(movements(entries, journal), start)
    after = pl.concat([journal, corrections(wanted, journal)])
    again = bank_targets(movements(entries, after), start)
    assert corrections(again, after).is_empty(), "running twice posts nothing"
    return after


def balances(journal: pl.DataFrame) -> dict[Account, int]:
    rows = account_totals(journal).filter(pl.col("balance_cents") != 0)
    return {Account(row["account"]): row["balance_cents"] for row in rows.iter_rows(named=True)}


def test_money_nobody_placed_is_in_suspense_until_it_is() -> None:
    journal = run(EMPTY, frame(entry()))
    assert balances(journal) == {A.BANK: 10_000, A.SUSPENSE: -10_000}
    journal = run(journal, frame(booked()))
    assert balances(journal) == {A.BANK: 10_000, A.MONEY_IN_TRANSIT: -10_000}
    assert journal.filter(pl.col("debit") == int(A.BANK)).height == 1, "the bank account is posted once"
    journal = run(journal, frame(entry(state="ignored", reason="by_hand")))
    assert balances(journal) == {A.BANK: 10_000, A.OTHER_MONEY: -10_000}


def test_what_was_booked_wrongly_is_a_question_again() -> None:
    journal = run(EMPTY, frame(booked()))
    assert balances(journal) == {A.BANK: 10_000, A.MONEY_IN_TRANSIT: -10_000}
    journal = run(journal, frame(booked(is_undone=True)))
    assert balances(journal) == {A.BANK: 10_000, A.SUSPENSE: -10_000}


@pytest.mark.parametrize(
    ("told", "own", "trust"),
    [
        ({"kind": "charge", "state": "outgoing"}, A.BANK_CHARGES, A.TRUST_OTHER_MONEY),
        ({"kind": "interest", "state": "outgoing"}, A.BANK_INTEREST, A.TRUST_OTHER_MONEY),
        ({"kind": "transfer_out", "state": "outgoing"}, A.OTHER_MONEY, A.TRUST_SUSPENSE),
        ({"state": "outgoing", "reason": "refund_paid"}, A.MONEY_IN_TRANSIT, A.TRUST_IN_TRANSIT),
        ({"state": "outgoing", "reason": "other"}, A.OTHER_MONEY, A.TRUST_OTHER_MONEY),
        ({"state": "ignored", "reason": "settlement"}, A.PROVIDER_CLEARING, A.TRUST_PROVIDER_CLEARING),
    ],
)
def test_money_that_is_no_payment(told: dict[str, Any], own: Account, trust: Account) -> None:
    assert balances(run(EMPTY, frame(entry(cents=-500, **told)))) == {A.BANK: -500, own: 500}
    in_trust = balances(run(EMPTY, frame(entry(cents=-500, is_trust=True, **told))))
    assert in_trust == {A.TRUST_BANK: -500, trust: 500}


@pytest.mark.parametrize(("passed", "kept"), [(320, 0), (None, 320), (300, 20)])
@pytest.mark.parametrize("is_late", [False, True])
def test_what_a_return_cost_and_nobody_pays_is_ours(passed: int | None, kept: int, is_late: bool) -> None:
    back = booked(
        1, -10_320, kind="return", fact_kind=int(FactKind.PAYMENT_RETURNED), fact_cents=10_000,
        passed_cents=passed,
    )  # fmt: skip
    journal = run(EMPTY, frame(entry(1, -10_320, kind="return"))) if is_late else EMPTY
    found = balances(run(journal, frame(back)))
    expected = {A.BANK: -10_320, A.MONEY_IN_TRANSIT: 10_320 - kept, A.BANK_CHARGES: kept}
    assert found == {account: cents for account, cents in expected.items() if cents}


def test_own_money_on_a_trust_account_is_kept_apart() -> None:
    journal = run(EMPTY, frame(booked(is_trust=True)))
    assert balances(journal) == {
        A.TRUST_BANK: 10_000,
        A.TRUST_OTHER_MONEY: -10_000,
        A.OTHER_MONEY: 10_000,
        A.MONEY_IN_TRANSIT: -10_000,
    }
    # The operator moves it over: nothing of it is left between the two.
    moved = [
        entry(2, -10_000, is_trust=True, state="outgoing", reason="other"),
        entry(3, 10_000, account_id=2, state="ignored", reason="by_hand"),
    ]
    journal = run(journal, frame(booked(is_trust=True), *moved))
    assert balances(journal) == {A.BANK: 10_000, A.MONEY_IN_TRANSIT: -10_000}


def test_the_opening_balance_is_of_the_first_statement_and_less_what_came_before() -> None:
    told = statements(
        statement(102, 1_500, 1_400),
        statement(101, 1_000, 1_500),
        statement(90, None, None, to_on=START - timedelta(days=9)),
        statement(80, 7, 9, is_final=False, to_on=START - timedelta(days=20)),
    )
    early = entry(1, 300, statement_id=90, booked_on=START - timedelta(days=10))
    rows = frame(early, entry(2, 500, statement_id=101), entry(3, -100, statement_id=102))
    assert openings(told, rows)["opening_cents"].to_list() == [700]
    found = balances(run(EMPTY, rows, told))
    assert (found[A.BANK], found[A.OPENING_BALANCE]) == (1_400, -700)
    assert closings(told).rows() == [(1, "EUR", START, 1_400)]


def test_the_parts_of_a_batch_stand_in_for_it() -> None:
    """The booking is on the bank account once; its parts take the place of what was in suspense."""
    whole = entry(1, 10_000)
    journal = run(EMPTY, frame(whole))
    whole = {**whole, "state": "ignored", "reason": "batch"}
    parts = [booked(2, 6_000, is_part=True), entry(3, 4_000, is_part=True)]
    journal = run(journal, frame(whole, *parts))
    assert balances(journal) == {A.BANK: 10_000, A.SUSPENSE: -4_000, A.MONEY_IN_TRANSIT: -6_000}
    journal = run(journal, frame(whole, parts[0], booked(3, 4_000, is_part=True)))
    assert balances(journal) == {A.BANK: 10_000, A.MONEY_IN_TRANSIT: -10_000}
    assert balances(run(EMPTY, frame(whole, *parts))) == {
        A.BANK: 10_000,
        A.SUSPENSE: -4_000,
        A.MONEY_IN_TRANSIT: -6_000,
    }


entries_of_any_kind = st.builds(
    lambda cents, state, reason, kind, is_trust, role, undone: entry(
        cents=cents,
        state=state,
        reason=reason if state in ("outgoing", "ignored") else "",
        kind=kind,
        is_trust=is_trust,
        told_role=None if role is None else int(role),
        is_undone=undone,
    ),
    st.integers(-10_000, 10_000),
    st.sampled_from(STATES),
    st.sampled_from(
        ["", "told", "payout", "refund_paid", "paid_back", "charge", "interest", "other", "settlement"]
    ),
    st.sampled_from(["transfer_in", "transfer_out", "charge", "interest", "return", "other"]),
    st.booleans(),
    st.sampled_from([None, *Role]),
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(entries_of_any_kind, min_size=1, max_size=5), min_size=1, max_size=4))
def test_whatever_becomes_of_entries_the_bank_account_is_the_banks(days: list[list[dict[str, Any]]]) -> None:
    """Each list is what became of the same entries by another day; their amounts stay."""
    size = min(map(len, days))
    journal = EMPTY
    for day in days:
        told = [
            {
                **day[i],
                "about_id": i + 1,
                "amount_cents": days[0][i]["amount_cents"],
                "is_trust": days[0][i]["is_trust"],
            }
            for i in range(size)
        ]
        rows = frame(*told)
        journal = run(journal, rows)
        found = balances(journal)
        for is_trust, bank in enumerate(BANKS):
            mine = rows.filter(pl.col("is_trust") == bool(is_trust))
            assert found.get(bank, 0) == mine["amount_cents"].sum()
            waiting = movements(mine, journal).filter(pl.col("place") == 1)
            assert found.get(SUSPENSE[is_trust], 0) == -waiting["amount_cents"].sum()
        for side in (True, False):
            cents = [c for account, c in found.items() if (account >= A.MANAGED_CLAIMS) == side]
            assert sum(cents) == 0, "own and trust books each balance"
        per_entry = (
            account_totals(journal, ("case_id",)).group_by("case_id").agg(pl.col("balance_cents").sum())
        )
        assert set(per_entry["balance_cents"]) <= {0}
    keys = journal.select("case_id", "entry", "fact_no", "claim_no", "sequence")
    assert not keys.is_duplicated().any()


def test_trust_roles_are_the_roles_of_others_money() -> None:
    for role in Role:
        found = balances(run(EMPTY, frame(booked(told_role=int(role), is_trust=role in TRUST_ROLES))))
        bank, transit = (
            (A.TRUST_BANK, A.TRUST_IN_TRANSIT) if role in TRUST_ROLES else (A.BANK, A.MONEY_IN_TRANSIT)
        )
        assert found == {bank: 10_000, transit: -10_000}
