"""Money that facts tell of is where it lies; with the bank's own telling, nothing is left in between."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernel.books import START, book, case, claim, defaults, fact, random_books
from tests.kernel.test_bank_ledger import balances, booked, frame, run
from tests.kernel.test_ledger import EMPTY, with_roles

from mahnwerk.frames import Book, FactKind, Role
from mahnwerk.kernel.accounts import CLEARING, TRUST_ROLES, Account
from mahnwerk.kernel.allocation import live_facts, replay
from mahnwerk.kernel.ledger import account_totals, corrections, targets
from mahnwerk.kernel.money_places import MARKED, SINCE, MoneyPlaces
from mahnwerk.law import load_laws

LAWS = load_laws()
A, K = Account, FactKind


def since(day: date, creditor_id: int = 1) -> pl.DataFrame:
    return pl.DataFrame([(creditor_id, day)], schema=SINCE, orient="row")


def totals(given_book: Book, began: pl.DataFrame, on: date, places: MoneyPlaces | None) -> dict[Account, int]:
    result = replay(given_book, began, LAWS, on, detail=True)
    return balances(corrections(targets(given_book, result, on, places), EMPTY))


@pytest.mark.parametrize(
    ("role", "bank", "transit", "before", "provider"),
    [
        (Role.OWN, A.BANK, A.MONEY_IN_TRANSIT, A.OPENING_BALANCE, A.PROVIDER_CLEARING),
        (
            Role.AGENCY,
            A.TRUST_BANK,
            A.TRUST_IN_TRANSIT,
            A.TRUST_OPENING_BALANCE,
            A.TRUST_PROVIDER_CLEARING,
        ),
    ],
)
def test_a_payment_is_where_it_lies(
    role: Role, bank: Account, transit: Account, before: Account, provider: Account
) -> None:
    paid = START + timedelta(days=20)
    one = book(
        [claim(1)], [fact(1, K.PAYMENT_RECEIVED, paid, 5_000)], cases=[case(1, role=int(role), creditor_id=7)]
    )
    creditor = 7
    marked = pl.DataFrame([(1, 1)], schema=MARKED, orient="row")
    for places, account in (
        (None, bank),
        (MoneyPlaces(), bank),
        (MoneyPlaces(since(paid, creditor + 1)), bank),
        (MoneyPlaces(since(paid, creditor)), transit),
        (MoneyPlaces(since(paid + timedelta(days=1), creditor)), before),
        (MoneyPlaces(at_provider=marked), provider),
        (MoneyPlaces(since(paid, creditor), marked), provider),
    ):
        found = totals(one, defaults({}), paid, places)
        assert found[account] == 5_000
        others = {bank, transit, before, provider} - {account}
        assert not others & found.keys()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_books(), st.lists(st.sampled_from(list(Role)), min_size=3, max_size=3), st.integers(0, 330))
def test_facts_and_statements_that_tell_the_same_leave_nothing_in_between(
    given_book: tuple[Book, pl.DataFrame], roles: list[Role], offset: int
) -> None:
    made, began = with_roles(given_book[0], roles), given_book[1]
    owned = made.cases.with_columns(creditor_id=pl.col("case_id") + 70)
    cases = Book(owned, made.claims, made.facts, made.designations, made.notices)
    on = START + timedelta(days=offset)
    creditors = cases.cases["creditor_id"].unique()
    told = pl.DataFrame(
        [(creditor, START - timedelta(days=400)) for creditor in creditors], schema=SINCE, orient="row"
    )
    facts = corrections(
        targets(cases, replay(cases, began, LAWS, on, detail=True), on, MoneyPlaces(told)), EMPTY
    )
    plain = corrections(targets(cases, replay(cases, began, LAWS, on, detail=True), on), EMPTY)
    role_of = dict(cases.cases.select("case_id", "role").iter_rows())
    moved = [
        booked(
            number,
            row["amount_cents"] * (1 if row["kind"] == K.PAYMENT_RECEIVED else -1),
            is_trust=role_of[row["case_id"]] in TRUST_ROLES,
            told_role=role_of[row["case_id"]],
            fact_kind=row["kind"],
            fact_cents=row["amount_cents"],
        )
        for number, row in enumerate(
            live_facts(cases.facts, on)
            .filter(
                pl.col("kind").is_in([int(K.PAYMENT_RECEIVED), int(K.REFUND_PAID)])
                & (pl.col("amount_cents") > 0)
            )
            .iter_rows(named=True),
            1,
        )
    ]
    statements = run(EMPTY, frame(*moved))
    both = balances(pl.concat([facts, statements]))
    for account in (A.MONEY_IN_TRANSIT, A.TRUST_IN_TRANSIT, *CLEARING):
        assert both.get(account, 0) == 0
    assert both == balances(plain), "the same books, told twice"
    assert account_totals(pl.concat([facts, statements]))["balance_cents"].sum() == 0
