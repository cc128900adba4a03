"""The journal against the replay, against hand-made books, and against itself run in any order."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernel.books import (
    START,
    book,
    case,
    claim,
    default_after_due,
    defaults,
    fact,
    random_books,
)

from mahnwerk.frames import Book, FactKind, Role
from mahnwerk.kernel.accounts import CLEARING, TRUST_ROLES, Account, Entry
from mahnwerk.kernel.allocation import Replay, live_facts, replay
from mahnwerk.kernel.ledger import POSTINGS, account_totals, corrections, net, targets
from mahnwerk.kernel.money_places import PAID_TO_CREDITOR
from mahnwerk.law import load_laws

LAWS = load_laws()
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
EMPTY = pl.DataFrame(schema=POSTINGS)
K, A = FactKind, Account
ROLES = st.lists(st.sampled_from(list(Role)), min_size=3, max_size=3)


def replayed(given_book: Book, began: pl.DataFrame, on: date) -> Replay:
    return replay(given_book, began, LAWS, on, detail=True)


def posted(given_book: Book, began: pl.DataFrame, on: date, before: pl.DataFrame = EMPTY) -> pl.DataFrame:
    """The journal after a run on the day."""
    wanted = targets(given_book, replayed(given_book, began, on), on)
    return pl.concat([before, corrections(wanted, before)])


def balances(journal: pl.DataFrame) -> dict[Account, int]:
    rows = account_totals(journal).filter(pl.col("balance_cents") != 0)
    return {Account(row["account"]): row["balance_cents"] for row in rows.iter_rows(named=True)}


def with_roles(given_book: Book, roles: list[Role]) -> Book:
    cases = given_book.cases
    chosen = pl.Series([int(role) for role in roles[: cases.height]], dtype=pl.Int16)
    return Book(
        cases.with_columns(role=chosen),
        given_book.claims,
        given_book.facts,
        given_book.designations,
        given_book.notices,
    )


def assert_agrees(given_book: Book, journal: pl.DataFrame, result: Replay, on: date) -> None:
    """Every case: principal, credit, clearing and bank as the replay and the facts have them."""
    assert (journal["amount_cents"] > 0).all()
    assert (journal["debit"] != journal["credit"]).all()
    per_case = account_totals(journal, ("case_id",))
    found = {(r["case_id"], r["account"]): r["balance_cents"] for r in per_case.iter_rows(named=True)}
    live = live_facts(given_book.facts, on)
    for row in given_book.cases.iter_rows(named=True):
        case_id, is_trust = row["case_id"], row["role"] in TRUST_ROLES
        own = result.balances.filter(pl.col("case_id") == case_id)

        def at(account: Account, case_id: int = case_id) -> int:
            return found.get((case_id, account), 0)

        principal = at(A.MANAGED_CLAIMS if is_trust else A.RECEIVABLE)
        assert principal == own["principal_open_cents"].sum()
        credit = at(A.DEBTOR_CREDIT if is_trust else A.CUSTOMER_CREDIT)
        assert -credit == own["surplus_cents"].max()
        assert all(at(account) == 0 for account in CLEARING)
        facts = live.filter(pl.col("case_id") == case_id)
        charges = facts.filter(
            (pl.col("kind") == K.COST_INCURRED) & (pl.col("code") == "costs.bank_return_charge")
        )
        money = facts.filter(pl.col("kind") == K.PAYMENT_RECEIVED)["amount_cents"].sum()
        money -= facts.filter(pl.col("kind") == K.REFUND_PAID)["amount_cents"].sum()
        assert at(A.TRUST_BANK if is_trust else A.BANK) == money - charges["amount_cents"].sum()
        strangers = [
            account
            for (owner, account), cents in found.items()
            if owner == case_id and cents and (account >= A.MANAGED_CLAIMS) != is_trust
        ]
        assert not strangers, "own and trust books must not mix"


@SLOW
@given(random_books(), ROLES, st.lists(st.integers(0, 330), min_size=1, max_size=3))
def test_the_journal_agrees_with_the_replay_on_every_day_it_was_run(
    given_book: tuple[Book, pl.DataFrame], roles: list[Role], offsets: list[int]
) -> None:
    cases, began = with_roles(given_book[0], roles), given_book[1]
    charged = pl.when((pl.col("kind") == K.COST_INCURRED) & (pl.col("fact_no") % 2 == 0))
    facts = cases.facts.with_columns(
        code=charged.then(pl.lit("costs.bank_return_charge")).otherwise(pl.col("code"))
    )
    cases = Book(cases.cases, cases.claims, facts, cases.designations, cases.notices)
    journal = EMPTY
    for offset in sorted(offsets):
        on = START + timedelta(days=offset)
        result = replayed(cases, began, on)
        new = corrections(targets(cases, result, on), journal)
        journal = pl.concat([journal, new])
        assert_agrees(cases, journal, result, on)
        again = corrections(targets(cases, result, on), journal)
        assert again.is_empty(), "running twice posts nothing"
    assert not journal.select("case_id", "entry", "fact_no", "claim_no", "sequence").is_duplicated().any()


@SLOW
@given(random_books(), st.integers(0, 9), st.integers(30, 330))
def test_the_order_in_which_facts_became_known_does_not_matter(
    given_book: tuple[Book, pl.DataFrame], known: int, offset: int
) -> None:
    whole, began = given_book
    on = START + timedelta(days=offset)
    part = Book(
        whole.cases,
        whole.claims,
        whole.facts.filter(pl.col("fact_no") > known).reverse(),
        whole.designations,
        whole.notices,
    )
    late = posted(whole, began, on, posted(part, began, on))
    assert (
        net(late)
        .drop("posted_document_on")
        .sort("*")
        .equals(net(posted(whole, began, on)).drop("posted_document_on").sort("*"))
    )


def one_claim(*facts: dict[str, object], role: Role = Role.OWN) -> tuple[Book, pl.DataFrame]:
    claims = [claim()]
    return book(claims, list(facts), cases=[case(1, role=int(role))]), default_after_due(claims)


DAY = START + timedelta(days=100)


def test_a_payment_of_all_makes_interest_and_costs_income_only_now() -> None:
    charged = fact(1, K.COST_INCURRED, START + timedelta(days=30), 350, code="costs.dunning_letter")
    unpaid, began = one_claim(charged)
    assert balances(posted(unpaid, began, DAY)) == {A.RECEIVABLE: 10_000, A.CLAIMS_PLACED: -10_000}
    paid, _ = one_claim(charged, fact(2, K.PAYMENT_RECEIVED, DAY, 11_000))
    interest = replayed(paid, began, DAY).balances["interest_accrued_cents"][0]
    assert interest > 0
    assert balances(posted(paid, began, DAY)) == {
        A.CLAIMS_PLACED: -10_000,
        A.BANK: 11_000,
        A.INTEREST_INCOME: -interest,
        A.COST_INCOME: -350,
        A.CUSTOMER_CREDIT: -(11_000 - 10_000 - interest - 350),
    }


def test_a_returned_debit_is_posted_back_on_the_day_it_is_known() -> None:
    payment = fact(1, K.PAYMENT_RECEIVED, START, 10_000)
    paid, began = one_claim(payment)
    journal = posted(paid, began, START)
    returned, _ = one_claim(
        payment,
        fact(2, K.PAYMENT_RETURNED, START, voids_fact_no=1),
        fact(3, K.COST_INCURRED, DAY, 300, code="costs.bank_return_charge"),
    )
    journal = posted(returned, began, DAY, journal)
    assert balances(journal) == {
        A.RECEIVABLE: 10_000,
        A.CLAIMS_PLACED: -10_000,
        A.BANK: -300,
        A.BANK_CHARGES: 300,
    }
    back = journal.filter("is_reversal")
    assert back.height == 2 and back["sequence"].to_list() == [2, 2]


@pytest.mark.parametrize(
    ("kind", "account"),
    [
        (K.WRITE_OFF, A.BAD_DEBT),
        (K.WAIVER, A.WAIVED),
        (K.COMPROMISE, A.COMPROMISED),
        (K.CREDIT_NOTE, A.CREDIT_NOTES),
        (K.GOODS_RETURNED, A.GOODS_RETURNED),
        (K.EARLY_PAYMENT_DISCOUNT, A.DISCOUNTS),
        (K.SET_OFF, A.SET_OFF),
    ],
)
def test_each_way_to_lose_a_claim_has_its_account(kind: FactKind, account: Account) -> None:
    given_book, _ = one_claim(fact(1, kind, START, 4_000, claim_id=101))
    assert balances(posted(given_book, defaults({}), START)) == {
        A.RECEIVABLE: 6_000,
        A.CLAIMS_PLACED: -10_000,
        account: 4_000,
    }


def test_a_surplus_waits_as_a_liability_and_pays_the_next_claim() -> None:
    claims = [claim(1), claim(2, issued_on=START + timedelta(days=50))]
    first = fact(1, K.PAYMENT_RECEIVED, START, 15_000)
    given_book = book(claims, [first])
    journal = posted(given_book, defaults({}), START)
    assert balances(journal)[A.CUSTOMER_CREDIT] == -5_000
    journal = posted(given_book, defaults({}), START + timedelta(days=64), journal)
    assert A.CUSTOMER_CREDIT not in balances(journal)
    assert balances(journal)[A.RECEIVABLE] == 5_000


def test_what_is_refunded_beyond_the_credit_is_owed_again() -> None:
    given_book, began = one_claim(
        fact(1, K.PAYMENT_RECEIVED, START, 10_500), fact(2, K.REFUND_PAID, START, 800)
    )
    found = balances(posted(given_book, began, START))
    assert (found[A.BANK], found[A.OVERPAID_REFUNDS]) == (9_700, 300)
    assert A.CUSTOMER_CREDIT not in found


def test_trust_money_is_a_liability_from_its_first_cent() -> None:
    given_book, began = one_claim(
        fact(1, K.COST_INCURRED, START, 500, code="costs.dunning_letter"),
        fact(2, K.PAYMENT_RECEIVED, START, 4_500),
        role=Role.AGENCY,
    )
    journal = posted(given_book, began, START)
    assert balances(journal) == {
        A.MANAGED_CLAIMS: 6_000,
        A.MANAGED_CONTRA: -6_000,
        A.TRUST_BANK: 4_500,
        A.CREDITOR_LIABILITY: -4_500,
    }
    by_entry = dict(journal.group_by("entry").agg(pl.col("amount_cents").sum()).iter_rows())
    assert (by_entry[Entry.SETTLED_COSTS], by_entry[Entry.SETTLED_PRINCIPAL]) == (500, 4_000)
    assert Entry.SETTLED_INTEREST not in by_entry


def test_what_was_paid_to_the_creditor_itself_is_on_no_account_of_ours() -> None:
    direct = fact(1, K.PAYMENT_RECEIVED, START, 4_500, code=PAID_TO_CREDITOR)
    given_book, began = one_claim(direct, role=Role.AGENCY)
    journal = posted(given_book, began, START)
    assert balances(journal) == {A.MANAGED_CLAIMS: 5_500, A.MANAGED_CONTRA: -5_500}
    moved = journal.filter(pl.col("entry") == Entry.PAYMENT_IN).row(0, named=True)
    assert (moved["debit"], moved["amount_cents"]) == (A.CREDITOR_LIABILITY, 4_500)
    own, began = one_claim(direct)
    assert balances(posted(own, began, START))[A.BANK] == 4_500  # who collects for himself was paid


def test_a_journal_needs_the_allocations() -> None:
    given_book, began = one_claim()
    with pytest.raises(ValueError, match="detail=True"):
        targets(given_book, replay(given_book, began, LAWS, START), START)
