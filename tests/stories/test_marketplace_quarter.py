"""Three sellers on a marketplace over a quarter, told aloud: what each is paid is counted by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.gateways.provider_server import Simulator
from tests.stories.market import HEADER, TRUST_IBAN, Market, creditor_file, iban_of
from tests.stories.test_three_weeks import ida_pays_by_card, simulator, the_webhooks_arrive
from tests.usecases import provider_worlds
from tests.usecases.bank_worlds import SHOP_IBAN, Bank, Line
from tests.usecases.test_payout_returns import report as status_report

from mahnwerk.records.models import Payout, ProviderPayment
from mahnwerk.usecases import (
    bank_questions,
    imports,
    journal,
    payout_returns,
    payouts,
    provider_reconciliation,
)
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.opening import OpenBook

__all__ = ["simulator"]
TERMS = {
    "radwerk": '{principal_percent: "5", per_payment_cents: 20, vat: true}\n'
    'reserve: {percent: "10", days: 30}',
    "teehaus": "{per_payment_cents: 50, per_payout_cents: 100, vat: true}",
    "lindenladen": '{principal_percent: "3", vat: false}',
}
INVOICES = (
    ("radwerk", "Bert", "Brandt", "RW-2026-0011", "200,00"),
    ("radwerk", "Cora", "Clausen", "RW-2026-0022", "100,00"),
    ("radwerk", "Dora", "Dietz", "RW-2026-0033", "300,00"),
    ("teehaus", "Emil", "Ehlers", "TH-5501", "80,00"),
    ("teehaus", "Frieda", "Funk", "TH-5513", "40,00"),
    ("lindenladen", "Ida", "Irmscher", "LL-7015", "249,00"),
    ("lindenladen", "Gustav", "Gerlach", "LL-7027", "60,00"),
)
EMPTY = ("trust_clearing", "trust_in_transit", "trust_suspense", "trust_provider_clearing", "debtor_credit")


@pytest.fixture
def market(tenant_id: int, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Market:
    """Sellers, invoices due in summer (so nobody owes interest) and terms of payout come in as files."""
    provider_worlds.set_environment(monkeypatch, simulator)
    book = OpenBook(BookPlace("market", tmp_path, tmp_path / "outbox"), tenant_id, "clerk")
    opened = Market(book, simulator, Bank(tmp_path, TRUST_IBAN), Bank(tmp_path, SHOP_IBAN))
    opened.begins(dt.date(2026, 3, 2))
    files = []
    for key in TERMS:
        files.append(tmp_path / f"{key}.yaml")
        files[-1].write_text(creditor_file(key, "marketplace", TRUST_IBAN), encoding="utf-8")
    rows = [
        f"{key};{key}-{last};{first};{last};Weg 1;10115;Berlin;{last.lower()}@example.org;{number};"
        f"05.01.2026;31.07.2026;invoice;{amount};;"
        for key, first, last, number, amount in INVOICES
    ]
    files.append(tmp_path / "claims.csv")
    files[-1].write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    assert not any(summary.rejected for summary in imports.import_files(book, files))
    for key, fees in TERMS.items():
        file = tmp_path / f"{key}-terms.yaml"
        file.write_text(
            f"creditor: {key}\nvalid_from: 2026-01-01\nfees: {fees}\n"
            f'pay_to: {{name: "{key} GmbH", iban: {iban_of(key)}}}\n'
            f"pay_from: {{name: Marktplatz AG, iban: {TRUST_IBAN}}}\n"
        )
        payouts.add_terms(book, file)
    return opened


def test_a_quarter(market: Market) -> None:
    in_march_the_first_money_comes_and_goes(market)
    in_april_money_goes_back(market)
    in_may_radwerk_makes_up_for_it(market)
    at_the_end_nothing_is_left(market)


def evening(market: Market) -> None:
    """The statement comes in and the journal is posted; the books hold."""
    market.bank_tells("trust")
    journal.post(market.book, market.today)
    market.assert_journal_balances()
    assert journal.post(market.book, market.today).posting_count == 0
    assert market.account("trust_bank") == market.trust.balance
    assert bank_questions.suspense(market.book, market.today) == []
    assert market.account("trust_in_transit") == 0


def sellers_are_paid(market: Market, day: dt.date) -> dict[str, int]:
    """A payout run in the morning: cents of each seller; 0 = it waits."""
    market.begins(day)
    rows = payouts.pay_out(market.book, day).rows
    market.assert_journal_balances()
    assert all(row.outcome != "paid" for row in payouts.pay_out(market.book, day).rows), "nothing twice"
    return {row.creditor: row.settlement.amount_cents for row in rows if row.settlement}


def the_bank_carries_out(market: Market, *sellers: str) -> None:
    """The last payout of each of these sellers stands in tonight's statement."""
    last = {row["creditor"]: row for row in payouts.listing(market.book)}
    for seller in sellers:
        row = last[seller]
        market.pays(seller, -row["amount_cents"], row["reference"], end_to_end=row["reference"])


def in_march_the_first_money_comes_and_goes(market: Market) -> None:
    # Monday, 2 March. A direct debit brings Bert's 200 euro for radwerk, Emil pays 80 euro to teehaus.
    market.pays("Bert Brandt", 200_00, "RW-2026-0011", end_to_end="DD-0011", code="171")
    market.pays("Emil Ehlers", 80_00, "TH-5501")
    evening(market)

    # Wednesday, the 4th. Ida pays lindenladen 249 euro by card. On the 10th Stripe settles, less 3.99.
    market.begins(dt.date(2026, 3, 4))
    ida_pays_by_card(market)
    assert "applied" in the_webhooks_arrive(market)
    evening(market)
    assert market.account("trust_provider_clearing") == 249_00
    market.begins(dt.date(2026, 3, 10))
    market.simulator.changes_balance(
        "stripe", "payment", 249_00, 3_99, name=ProviderPayment.objects.get().payment_id
    )
    market.simulator.changes_balance("stripe", "payout", -245_01, text="po_1PqXYZ77")
    provider_reconciliation.reconcile(market.book)
    market.pays("Stripe Technology Europe", 245_01, "STRIPE PAYOUT po_1PqXYZ77")
    evening(market)
    assert market.account("trust_provider_clearing") == 0

    # Thursday, the 12th. The sellers are paid.
    #   radwerk:     200.00 – 10.00 (5 %) – 0.20 – 1.94 (19 % of 10.20) – 20.00 (10 % reserve)  = 167.86
    #   teehaus:      80.00 –  0.50 – 1.00 – 0.29 (19 % of 1.50 is 0.285)                       =  78.21
    #   lindenladen: 249.00 –  3.99 (Stripe) – 7.47 (3 %)                                       = 237.54
    assert sellers_are_paid(market, dt.date(2026, 3, 12)) == {
        "radwerk": 167_86,
        "teehaus": 78_21,
        "lindenladen": 237_54,
    }

    # Teehaus has closed its account: our bank refuses the transfer, and the money is owed again.
    refused = Payout.objects.get(amount_cents=78_21).reference
    told = payout_returns.take_status(market.book, status_report(market.book.place.folder, refused))
    assert told.refused == [refused]
    the_bank_carries_out(market, "radwerk", "lindenladen")
    evening(market)
    assert market.account("creditor_liability") == -(20_00 + 78_21), "the reserve, and what was refused"


def in_april_money_goes_back(market: Market) -> None:
    # Thursday, 2 April. March is closed. Then the bank tells of Cora's 100 euro of 31 March.
    market.begins(dt.date(2026, 4, 2))
    march = dt.date(2026, 3, 31)
    journal.close(market.book, march)
    closed = journal.balance(market.book, march)["accounts"]
    late = Line(100_00, "RW-2026-0022", "Cora Clausen", iban_of("Cora Clausen"), day=march.isoformat())
    market.queued["trust"].append(late)
    evening(market)
    assert journal.balance(market.book, march)["accounts"] == closed, "what is closed stays"
    assert market.row("RW-2026-0022")["open_cents"] == 0

    # Tuesday, the 7th. Bert's bank takes the direct debit back and keeps 3 euro. Radwerk has had the money:
    # of its 20.00 kept and Cora's 100.00, 200.00 and 3.00 are missing, so it owes 83.00.
    market.begins(dt.date(2026, 4, 7))
    back = {"end_to_end": "DD-0011", "reason": "AM04", "charges": 3_00}
    market.pays("Bert Brandt", -203_00, "RETOURE RW-2026-0011", **back)
    evening(market)
    assert market.account("creditor_liability") == 83_00 - 78_21

    # Wednesday, the 8th. Radwerk waits, teehaus named another account: 78.21 – 1.00 – 0.19 = 77.02.
    paid = sellers_are_paid(market, dt.date(2026, 4, 8))
    assert paid == {"radwerk": 0, "teehaus": 77_02, "lindenladen": 0}
    the_bank_carries_out(market, "teehaus")
    evening(market)
    assert market.account("creditor_liability") == 83_00, "radwerk's debt is carried on"


def in_may_radwerk_makes_up_for_it(market: Market) -> None:
    # Monday, 4 May. Everybody else pays.
    market.begins(dt.date(2026, 5, 4))
    market.pays("Dora Dietz", 300_00, "RW-2026-0033")
    market.pays("Frieda Funk", 40_00, "TH-5513")
    market.pays("Gustav Gerlach", 60_00, "LL-7027")
    evening(market)

    # Wednesday, the 20th.
    #   radwerk: –83.00 + 300.00 = 217.00. Fees: 5 % of 100.00 – 200.00 + 300.00 = 10.00; Cora's and Dora's
    #     payments bear 0.20 each, and Bert's gives its 0.20 back: 10.20, and 1.94 of tax. Reserve: 10 % of
    #     Dora's 300.00.  217.00 – 10.20 – 1.94 – 30.00 = 174.86
    #   teehaus: 40.00 – 0.50 – 1.00 – 0.29 = 38.21    lindenladen: 60.00 – 1.80 = 58.20
    paid = sellers_are_paid(market, dt.date(2026, 5, 20))
    assert paid == {"radwerk": 174_86, "teehaus": 38_21, "lindenladen": 58_20}
    the_bank_carries_out(market, "radwerk", "teehaus", "lindenladen")
    evening(market)

    # Wednesday, 3 June: 30 days after Dora's payment the reserve comes free.
    assert sellers_are_paid(market, dt.date(2026, 6, 3))["radwerk"] == 30_00
    the_bank_carries_out(market, "radwerk")
    evening(market)


def at_the_end_nothing_is_left(market: Market) -> None:
    # What each seller got in all, counted from its invoices alone:
    #   radwerk:     100.00 + 300.00 – 3.00 (returned debit) – 20.00 (5 %) – 0.40 – 3.88 (tax)   = 372.72
    #   teehaus:      80.00 +  40.00 – 1.00 (two payments) – 3.00 (three payouts) – 0.77 (tax)   = 115.23
    #   lindenladen: 249.00 +  60.00 – 3.99 (Stripe) – 9.27 (3 %)                                = 295.74
    got = dict.fromkeys(TERMS, 0)
    for row in payouts.listing(market.book):
        if row["state"] == "executed":
            got[row["creditor"]] += row["amount_cents"]
    assert got == {"radwerk": 372_72, "teehaus": 115_23, "lindenladen": 295_74}
    states = [row["state"] for row in payouts.listing(market.book)]
    assert (states.count("executed"), states.count("refused"), len(states)) == (7, 1, 8)
    assert market.account("creditor_liability") == 0
    assert {name: market.account(name) for name in EMPTY} == dict.fromkeys(EMPTY, 0)
    # The operator's own: fees and tax, beside what was on the account before.
    fees, tax = 20_40 + 4_00 + 9_27, 3_88 + 77
    assert (market.account("operator_fees"), market.account("fee_vat")) == (-fees, -tax)
    assert market.trust.balance == 1_000_00 + fees + tax
    # Bert still owes his 200 euro and the bank's charge; nobody else owes anything.
    assert market.row("RW-2026-0011")["open_cents"] == 203_00
    assert market.paid_count() == 6
