"""Money that facts tell of is where it lies; with the bank's own telling, nothing is left in between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

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


@dataclass
class Told:
    """Facts of one case and the entries of the bank about the same money, from the day statements begin."""

    since: date
    role: Role
    facts: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    told: list[tuple[int, int]]
    opening: int = 0
    """What came in and left before the first statement, by a count of its own."""
    suspense: int = 0

    def moved(self, number: int, kind: FactKind, booked_on: date, cents: int, *, is_undone: bool) -> None:
        """The bank moved money; a statement shows it, or its opening balance holds it."""
        if booked_on < self.since:
            self.opening += cents * (not is_undone)
            return
        self.told.append((1, number))
        self.suspense += cents * is_undone
        shown = booked(
            number, cents, booked_on=booked_on, is_trust=self.role in TRUST_ROLES, told_role=int(self.role),
            fact_kind=int(kind), fact_cents=abs(cents), is_undone=is_undone,
        )  # fmt: skip
        self.entries.append(shown)


@st.composite
def money_told_twice(draw: st.DrawFn) -> Told:
    """Payments and refunds; some went back, some were declared void, some of that was declared void again."""
    days = st.integers(0, 40)
    made = Told(START + timedelta(days=draw(days)), draw(st.sampled_from(list(Role))), [], [], [])
    number = 0
    for _ in range(draw(st.integers(1, 5))):
        number += 1
        first, cents = number, draw(st.integers(1, 5_000))
        kind = draw(st.sampled_from([K.PAYMENT_RECEIVED, K.REFUND_PAID]))
        on = START + timedelta(days=draw(days))
        lag = timedelta(days=draw(st.sampled_from([0, 0, 1, 9])))
        made.facts.append(fact(first, kind, on, cents))
        sign = 1 if kind == K.PAYMENT_RECEIVED else -1
        back = (K.PAYMENT_RETURNED, None) if kind == K.PAYMENT_RECEIVED else (K.VOIDED, "refund_back")
        became = draw(st.sampled_from(["stays", "went_back", "never_left", "declared_void"]))
        if became == "stays" or (became == "never_left" and kind == K.PAYMENT_RECEIVED):
            made.moved(first, kind, on + lag, sign * cents, is_undone=False)
            continue
        number += 1
        undo, code = (K.VOIDED, None) if became == "declared_void" else back
        undone_on = on + timedelta(days=draw(days))
        is_void_again = became != "never_left" and draw(st.booleans())
        made.facts.append(fact(number, undo, undone_on, voids_fact_no=first, code=code))
        is_declared = became == "declared_void" and not is_void_again
        if became != "never_left":
            made.moved(first, kind, on + lag, sign * cents, is_undone=is_declared)
        if became == "went_back":
            booked_on = undone_on + lag
            made.moved(number, undo, booked_on, -sign * cents, is_undone=is_void_again)
        if is_void_again:
            made.facts.append(fact(number + 1, K.VOIDED, undone_on, voids_fact_no=number))
            number += 1
    return made


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(money_told_twice(), st.randoms(use_true_random=False), st.integers(0, 15))
def test_whatever_went_back_and_whenever_statements_begin_nothing_is_left_in_between(
    told: Told, order: Any, known: int
) -> None:
    """Facts, what undoes them, and statements, in any order: bank and facts tell the same in the end."""
    is_trust = told.role in TRUST_ROLES
    on, cases = START + timedelta(days=200), [case(1, role=int(told.role), creditor_id=7)]
    places = MoneyPlaces(
        since(told.since, 7), told=pl.DataFrame(told.told, schema=MARKED, orient="row")
    )  # fmt: skip

    def wanted(facts: list[dict[str, Any]], where: MoneyPlaces | None) -> pl.DataFrame:
        made = book([claim(1)], facts, cases=cases)
        return targets(made, replay(made, defaults({}), LAWS, on, detail=True), on, where)

    shuffled = list(told.facts)
    order.shuffle(shuffled)
    before = corrections(wanted(told.facts[:known], None), EMPTY)
    journal = pl.concat([before, corrections(wanted(shuffled, places), before)])
    assert corrections(wanted(told.facts, places), journal).is_empty(), "running twice posts nothing"
    moved = run(EMPTY, frame(*told.entries))
    found = balances(pl.concat([journal, moved]))
    transit, opening, suspense, bank = (
        (A.TRUST_IN_TRANSIT, A.TRUST_OPENING_BALANCE, A.TRUST_SUSPENSE, A.TRUST_BANK)
        if is_trust
        else (A.MONEY_IN_TRANSIT, A.OPENING_BALANCE, A.SUSPENSE, A.BANK)
    )
    assert found.get(transit, 0) == 0
    assert found.get(opening, 0) == told.opening
    assert found.get(suspense, 0) == -told.suspense
    assert found.get(bank, 0) == sum(row["amount_cents"] for row in told.entries)
    assert all(found.get(account, 0) == 0 for account in CLEARING)
