"""Matching: right when it books, honest when it does not know, the same in any row order."""

from __future__ import annotations

import datetime as dt
from itertools import combinations
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.kernel import matching_weak
from mahnwerk.kernel.matching import KNOWN_PAYERS, OPEN_CLAIMS, OPTIONAL, PAYMENTS, MatchSettings, propose
from mahnwerk.kernel.matching_board import Tolerance


def claims(*rows: tuple[int, int, int, str, str]) -> pl.DataFrame:
    """claim_id, debtor_id, open_cents, invoice number, name"""
    return pl.DataFrame(
        [(c, d, cents, "EUR", [number], name) for c, d, cents, number, name in rows],
        schema={name: dtype for name, dtype in OPEN_CLAIMS.items() if name not in OPTIONAL},
        orient="row",
    )


def payments(*rows: tuple[int, int, str, str], currency: str = "EUR") -> pl.DataFrame:
    """payment_id, amount_cents, text, name"""
    return pl.DataFrame(
        [(p, cents, currency, text, name, f"DE{p:020}") for p, cents, text, name in rows],
        schema={name: dtype for name, dtype in PAYMENTS.items() if name not in OPTIONAL},
        orient="row",
    )


def answer(found: pl.DataFrame) -> list[tuple[list[int], list[int], str]]:
    return [tuple(row) for row in found.select("payment_ids", "claim_ids", "verdict").iter_rows()]  # type: ignore[misc]


SHOP = claims(
    (1, 10, 8490, "RE-26-0411", "Annika Brandstätter"),
    (2, 10, 3950, "RE-26-0440", "Annika Brandstätter"),
    (3, 11, 8490, "RE-26-0412", "Thilo von der Heydt"),
    (4, 12, 12995, "RE-26-0390", "Zeynep Yıldırım"),
    (5, 13, 8490, "RE-26-0398", "Maria Schmidt"),
)


@pytest.mark.parametrize(
    "text",
    [
        "RE-26-0411",
        "Rechnung RE-26-0411 Danke",
        "re 260411",
        "RE26 0411",
        "RE-26-411",
        "RE-26-04I1 re-26-0411",
    ],
)
def test_the_named_invoice_with_its_amount_is_booked(text: str) -> None:
    found = propose(payments((1, 8490, text, "Brandstaetter, Annika")), SHOP)
    assert answer(found) == [([1], [1], "booked")]


def test_amount_alone_is_never_booked() -> None:
    found = propose(payments((1, 12995, "Danke!", "Zeynep Yildirim")), SHOP)
    assert answer(found) == [([1], [4], "proposed")]


def test_a_name_alone_is_never_booked() -> None:
    found = propose(payments((1, 777, "Danke", "Maria Schmidt")), SHOP)
    assert answer(found) == [([1], [], "suspense")]


def test_the_right_number_with_another_amount_is_a_question() -> None:
    found = propose(payments((1, 5000, "RE-26-0411", "Brandstätter")), SHOP)
    assert answer(found) == [([1], [1], "proposed")]
    assert "part_payment" in found["reasons"][0].to_list()


def test_two_invoices_in_one_payment() -> None:
    found = propose(payments((1, 12440, "RE-26-0411 u. RE-26-0440", "Brandstätter")), SHOP)
    assert answer(found) == [([1], [1, 2], "booked")]


def test_glued_numbers_are_parted() -> None:
    known = claims(
        (1, 1, 1000, "1779184967", "X"), (2, 1, 2000, "6907529215", "X"), (3, 1, 500, "1111111111", "X")
    )
    found = propose(payments((1, 3000, "17791849676907529215", "X")), known)
    assert answer(found) == [([1], [1, 2], "booked")]


def test_several_payments_for_one_invoice() -> None:
    found = propose(
        payments((1, 5000, "RE-26-0390 1", "Z. Yildirim"), (2, 7995, "RE-26-0390 Rest", "Z. Yildirim")), SHOP
    )
    assert answer(found) == [([1, 2], [4], "booked")]


def test_a_bank_charge_missing_is_tolerated_more_is_not() -> None:
    assert answer(propose(payments((1, 8485, "RE-26-0411", "")), SHOP))[0][2] == "booked"
    assert answer(propose(payments((1, 8390, "RE-26-0411", "")), SHOP))[0][2] == "proposed"


def test_currencies_are_never_mixed() -> None:
    found = propose(payments((1, 8490, "RE-26-0411", "Brandstätter"), currency="CHF"), SHOP)
    assert answer(found) == [([1], [], "suspense")]


def test_one_slip_between_two_neighbours_is_no_certainty() -> None:
    """0411 and 0412 of the same amount: "041" may be either."""
    found = propose(payments((1, 8490, "RE-26-041", "Unbekannt")), SHOP)
    assert answer(found)[0][2] == "proposed"


def test_a_known_account_breaks_the_tie() -> None:
    account = pl.DataFrame([("DE00000000000000000001", 11)], schema=dict(KNOWN_PAYERS), orient="row")
    found = propose(payments((1, 8490, "RE-26-041", "Unbekannt")), SHOP, account)
    assert answer(found)[0][1] == [3]


numbers = st.lists(st.integers(100_000, 999_999), min_size=2, max_size=8, unique=True)


@settings(max_examples=60, deadline=None)
@given(numbers, st.data())
def test_each_payment_once_each_claim_booked_once_in_any_order(drawn: list[int], data: st.DataObject) -> None:
    amounts = [data.draw(st.integers(100, 900)) for _ in drawn]
    known = claims(
        *((i, i % 3, cents, f"R{n}", "N") for i, (n, cents) in enumerate(zip(drawn, amounts, strict=True)))
    )
    picked = data.draw(st.lists(st.sampled_from(range(len(drawn))), min_size=1, max_size=6))
    paid = payments(*((i, amounts[c], f"R{drawn[c]}", "N") for i, c in enumerate(picked)))
    found = propose(paid, known)
    assert sorted(p for ids in found["payment_ids"] for p in ids) == list(range(len(picked)))
    booked = [c for ids in found.filter(pl.col("verdict") == "booked")["claim_ids"] for c in ids]
    assert len(booked) == len(set(booked))
    shuffled = propose(paid.reverse(), known.reverse())
    assert sorted(map(str, answer(found))) == sorted(map(str, answer(shuffled)))


def whole(rows: pl.DataFrame, **columns: object) -> pl.DataFrame:
    """The claims with optional columns, the same for each."""
    return rows.with_columns(
        pl.lit(value, dtype=OPEN_CLAIMS[name]).alias(name) for name, value in columns.items()
    )


def paid_on(rows: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    return rows.with_columns(value_on=pl.lit(day))


ONE = claims(
    (1, 10, 12000, "2026-900411", "Annika Brandstätter"), (2, 10, 700, "2026-900412", "A. Brandstätter")
)
BY = dt.date(2026, 3, 10)


@pytest.mark.parametrize(("day", "verdict"), [(BY, "booked"), (BY + dt.timedelta(days=1), "proposed")])
def test_a_discount_counts_until_its_day(day: dt.date, verdict: str) -> None:
    known = whole(ONE, discount_cents=240, discount_until=BY)
    (row,) = propose(paid_on(payments((1, 11760, "2026-900411", "X")), day), known).to_dicts()
    assert (row["claim_ids"], row["verdict"]) == ([1], verdict)
    assert ("discount_taken" in row["reasons"]) == (verdict == "booked")


def test_other_sums_mean_the_whole_claim_too() -> None:
    """The principal without interest and costs, or what a letter asked for."""
    known = ONE.with_columns(other_cents=pl.lit([11000, 11500]))
    for cents in (11000, 11500):
        (row,) = propose(payments((1, cents, "2026-900411", "X")), known).to_dicts()
        assert (row["verdict"], "other_amount" in row["reasons"]) == ("booked", True)


CASE = whole(ONE).with_columns(case_references=pl.lit(["M-000042", "RF18539007547034"]))


@pytest.mark.parametrize(
    ("cents", "text", "name", "ids", "verdict"),
    [
        (12700, "RF18 5390 0754 7034", "Wer auch immer", [1, 2], "booked"),
        (700, "RF18539007547034", "Wer auch immer", [2], "booked"),
        (12700, "Zeichen M-000042", "Wer auch immer", [1, 2], "booked"),
        (5000, "RF18539007547034", "Wer auch immer", [1, 2], "booked"),
        (99999, "RF18539007547034", "Wer auch immer", [1, 2], "booked"),
        (5000, "M-000042", "Wer auch immer", [1, 2], "proposed"),
        (5000, "M-000042", "Brandstätter, Annika", [1, 2], "booked"),
    ],
)
def test_a_payment_that_names_the_case(
    cents: int, text: str, name: str, ids: list[int], verdict: str
) -> None:
    settings = MatchSettings(books_part_payments=True)
    (row,) = propose(payments((1, cents, text, name)), CASE, settings=settings).to_dicts()
    assert (row["claim_ids"], row["verdict"]) == (ids, verdict)
    assert "case_named" in row["reasons"]


def test_a_part_payment_is_booked_only_where_asked_for_and_by_the_right_payer() -> None:
    part = payments((1, 5000, "2026-900411", "Annika Brandstaetter"))
    assert answer(propose(part, ONE)) == [([1], [1], "proposed")]
    settings = MatchSettings(books_part_payments=True)
    assert answer(propose(part, ONE, settings=settings)) == [([1], [1], "booked")]
    stranger = payments((1, 5000, "2026-900411", "Otto Unbekannt"))
    assert answer(propose(stranger, ONE, settings=settings)) == [([1], [1], "proposed")]


PRICE = claims(
    *((n, n, 1990, f"RE-26-{n:04}", name) for n, name in enumerate(("Abel", "Brandt", "Cramer"), 411))
)


def test_in_a_shop_with_one_price_a_slip_for_a_neighbours_number_is_a_question() -> None:
    """The number is Brandt's, the payer is Cramer: nobody knows which of the two was meant."""
    (row,) = propose(payments((1, 1990, "RE-26-0412", "Cramer")), PRICE).to_dicts()
    assert row["verdict"] == "proposed"
    assert {*row["claim_ids"], *row["runner_up"]} == {412, 413}


def test_an_invoice_that_is_not_in_the_list_is_not_taken_for_its_neighbour() -> None:
    """The same customer paid RE-26-0421 long ago, and pays it again: RE-26-0411 is not what is meant."""
    assert answer(propose(payments((1, 1990, "RE-26-0421", "Abel")), PRICE))[0][2] != "booked"


def test_a_day_in_the_text_is_no_invoice_number() -> None:
    known = claims((1, 1, 1000, "RE-26-042026", "Abel"))
    assert answer(propose(payments((1, 1000, "vom 26.04.2026", "Abel")), known))[0][2] == "proposed"


def test_two_debtors_of_one_name_in_a_shop_with_one_price_are_a_question() -> None:
    """Numbers 0412 and 0421 of two people called Kim Abel: a slip of the pen would pay the other's."""
    rows = [(412, "Kim Abel"), (421, "Kim Abel"), (430, "Brandt"), (440, "Cramer")]
    known = claims(*((n, n, 1990, f"RE-26-{n:04}", name) for n, name in rows))
    assert answer(propose(payments((1, 1990, "RE-26-0412", "Kim Abel")), known)) == [([1], [412], "proposed")]


MANY = [(n, n, 1000 + n, f"AB-{n:05}-X", f"Kunde {n}") for n in range(20000, 20150)]


def test_a_number_that_may_be_an_unlisted_invoices_is_no_damage() -> None:
    """Abel pays the same sum each month; his 04884 is paid or not known here, his 04886 is open."""
    known = claims((1, 1, 31790, "AB-04886-X", "Abel"), *MANY, (2, 2, 60000, "AB-05000-X", "Brandt"))
    assert answer(propose(payments((1, 31790, "AB-04884-X", "Abel")), known)) == [([1], [1], "proposed")]
    assert answer(propose(payments((1, 31790, "AB-048886-X", "Abel")), known)) == [([1], [1], "booked")]


def test_years_in_front_of_dense_numbers_do_not_make_them_lie_far_apart() -> None:
    """2023/… to 2026/…: from first to last a wide range, yet every number between neighbours was issued."""
    years = [(n, n, 1000 + n, f"{2023 + n % 4}/{n:06}", f"Kunde {n}") for n in range(200, 400)]
    known = claims((1, 1, 31790, "2026/005886", "Abel"), *years)
    assert answer(propose(payments((1, 31790, "2026/005884", "Abel")), known)) == [([1], [1], "proposed")]


def test_a_year_behind_dense_numbers_does_not_make_them_lie_far_apart() -> None:
    known = claims(
        (1, 1, 31790, "4886-2026", "Abel"),
        *((n, n, 1000 + n, f"{n}-2026", f"Kunde {n}") for n in range(4000, 4200)),
    )
    assert answer(propose(payments((1, 31790, "4884-2026", "Abel")), known)) == [([1], [1], "proposed")]


def test_a_sum_not_quite_right_is_a_question_when_the_payer_owes_that_very_sum_as_well() -> None:
    known = claims((1, 1, 23094763, "101710-26", "Abel"), (2, 1, 23095014, "101717-26", "Abel"))
    (row,) = propose(payments((1, 23094763, "101717-26", "Abel")), known).to_dicts()
    assert (row["verdict"], {*row["claim_ids"], *row["runner_up"]}) == ("proposed", {1, 2})


def test_two_of_one_long_surname_are_two() -> None:
    """Each pays the price of all and names the other's number."""
    rows = [(3672, "Eva von der Heide"), (3673, "Udo von der Heide"), (3901, "Brandt"), (3902, "Cramer")]
    known = claims(*((n, n, 2990, f"R{n}", name) for n, name in rows))
    paid = payments((1, 2990, "R3673", "Eva von der Heide"), (2, 2990, "R3672", "Udo von der Heide"))
    assert {verdict for _, _, verdict in answer(propose(paid, known))} == {"proposed"}


def test_a_number_that_names_another_open_claim_is_no_damage() -> None:
    """Abel names 04887 and pays what 04886 costs: his word against his money."""
    two = [(1, 1, 31790, "AB-04886-X", "Abel"), (2, 1, 5150, "AB-04887-X", "Abel")]
    few = claims(*two, (3, 3, 999, "AB-04100-X", "Brandt"))
    assert answer(propose(payments((1, 31790, "AB-04887-X", "Abel")), few))[0][2] == "proposed"
    assert (
        answer(propose(payments((1, 31790, "AB-04887-X", "Abel")), claims(*two, *MANY)))[0][2] == "proposed"
    )


def test_a_strangers_number_is_a_question_when_the_payer_owes_that_very_sum_himself() -> None:
    """The number is Brandt's as written; Abel sent it, and owes 317.90 under a number one swap away."""
    known = claims((1, 1, 31790, "RE-26-03673", "Peter Abel"), (2, 2, 31790, "RE-26-30673", "Brandt Bau AG"))
    (row,) = propose(payments((1, 31790, "RE-26-30673", "Peter Abel")), known).to_dicts()
    assert (row["verdict"], {*row["claim_ids"], *row["runner_up"]}) == ("proposed", {1, 2})
    assert answer(propose(payments((1, 31790, "RE-26-30673", "Otto Fremd")), known)) == [([1], [2], "booked")]


ROW = claims(
    *((n, 10, 10000 + n, f"RE-{n}", "Abel") for n in range(1001, 1006)),
    (2001, 20, 10002, "RE-2001", "Brandt"),
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("RE-1001/02/03", [1001, 1002, 1003]),
        ("RE 1001, 02 und 4", [1001, 1002, 1004]),
        ("RE 1001-1004", [1001, 1002, 1003, 1004]),
        ("RE-1001 bis 04", [1001, 1002, 1003, 1004]),
        ("RE-1002 bis RE-1005", [1002, 1003, 1004, 1005]),
    ],
)
def test_several_invoices_written_short(text: str, ids: list[int]) -> None:
    total = sum(10000 + n for n in ids)
    assert answer(propose(payments((1, total, text, "Abel")), ROW)) == [([1], ids, "booked")]
    (row,) = propose(payments((1, total - 100, text, "Abel")), ROW).to_dicts()
    assert row["verdict"] != "booked"


@pytest.mark.parametrize(
    ("text", "cents", "verdict"),
    [
        ("RE-1001", 5000, "booked"),  # a part, and nothing else it could be
        ("RE-1001 Rate 1", 5000, "booked"),  # glued together it were a number of another invoice
        ("RE-1001", 10003, "proposed"),  # what RE-1003 costs
        ("RE-1001 RE-1009", 20000, "proposed"),  # two are named, one is not known
        ("RE-1001", 30000, "proposed"),  # too much, while more is open
        ("RE-1001, RE-1002 schon bezahlt", 10001, "proposed"),
    ],
)
def test_a_part_or_too_much_is_booked_only_if_nothing_else_may_be_meant(
    text: str, cents: int, verdict: str
) -> None:
    settings = MatchSettings(books_part_payments=True)
    more = pl.concat([ROW, claims((1, 10, 10001, "RE-1000", "Abel"))])
    assert answer(propose(payments((1, cents, text, "Abel")), more, settings=settings))[0][2] == verdict


@pytest.mark.parametrize(("text", "verdict"), [("RE-2001", "booked"), ("RE-2001, 02", "proposed")])
def test_too_much_is_a_credit_unless_more_numbers_are_named(text: str, verdict: str) -> None:
    settings = MatchSettings(books_part_payments=True)
    found = propose(payments((1, 20000, text, "Brandt")), ROW, settings=settings)
    assert answer(found) == [([1], [2001], verdict)]


@given(st.lists(st.integers(1, 60), max_size=7), st.lists(st.integers(2, 150), max_size=3), st.data())
def test_payments_that_add_up_are_those_that_trying_every_choice_finds(
    paid: list[int], owed: list[int], data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sets(st.sampled_from(range(3))), min_size=len(paid), max_size=len(paid)))
    mates = [SimpleNamespace(payment_id=place, amount_cents=cents) for place, cents in enumerate(paid)]
    board = SimpleNamespace(
        claims={claim_id: SimpleNamespace(open_cents=cents) for claim_id, cents in enumerate(owed)},
        tolerance=Tolerance(50, 3),
        open_pairs=lambda payment_id, _: {
            claim_id: 1 for claim_id in names[payment_id] if claim_id < len(owed)
        },
    )
    expected = {
        (width, places, claim_id)
        for width in (2, 3, 4)
        for places in combinations(range(len(paid)), width)
        for claim_id, cents in enumerate(owed)
        if any(claim_id in names[place] for place in places)
        and -2 <= cents - sum(paid[place] for place in places) <= 3
    }
    assert matching_weak._sums(board, mates) == expected  # type: ignore[arg-type]
