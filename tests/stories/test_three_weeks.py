"""Three weeks of a marketplace and a shop, told aloud: every way money comes, goes and comes back."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from lxml import etree
from tests.formats import datev_checker
from tests.gateways.provider_server import Simulator
from tests.stories.market import ORDINARY, Market, open_market, ordinary_cents, ordinary_invoice
from tests.usecases import provider_worlds
from tests.usecases.bank_worlds import Line

from mahnwerk.frames import FactKind
from mahnwerk.records.models import Claim, Fact, Message, Payout, ProviderPayment
from mahnwerk.usecases import (
    bank_import,
    bank_questions,
    clock,
    journal,
    journal_export,
    payouts,
    plans,
    provider_accounts,
    provider_links,
    provider_reconciliation,
    providers,
    statements,
)
from mahnwerk.usecases.plan_asks import read_ask

WORKDAYS = (*range(2, 7), *range(9, 14), *range(16, 21))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made, clock.use_clock(lambda: made.now):
        yield made


@pytest.fixture
def market(tenant_id: int, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Market:
    provider_worlds.set_environment(monkeypatch, simulator)
    return open_market(tenant_id, tmp_path, simulator)


def march(day: int) -> dt.date:
    return dt.date(2026, 3, day)


def test_three_weeks(market: Market) -> None:
    assert Claim.objects.count() == 40
    the_first_week(market)
    the_second_week(market)
    the_third_week(market)
    the_sellers_are_paid(market)
    the_banks_and_the_books_agree(market)
    the_accountant_gets_the_same_books(market)
    what_änne_owes_is_what_we_count_by_hand(market)


def an_ordinary_day(market: Market, day: dt.date) -> None:
    """Every working day somebody pays an invoice, in full, naming it."""
    market.begins(day)
    number = WORKDAYS.index(day.day)
    to = "shop" if number % 3 == 2 else "trust"
    market.pays(f"Kim {ORDINARY[number]}", ordinary_cents(number), ordinary_invoice(number), to=to)


def the_first_week(market: Market) -> None:
    # Monday. A direct debit brings 340 euro from Änne; Bert pays two invoices with one transfer.
    an_ordinary_day(market, march(2))
    market.pays("Änne Größler-Weiß", 340_00, "RW-2026-0102", end_to_end="DD-0102", code="171")
    market.pays("Bert Brandt", 199_50, "RW-2026-0023 und RW-2026-0024")
    assert market.ends().matched.booked == 3
    assert market.row("RW-2026-0023")["open_cents"] == 0
    # Everybody else who is late gets a friendly reminder, also Änne, whose old invoice is open.
    reminded = market.sent
    assert levels_of(market, "RW-2025-0101") == [1]
    assert reminded > 20

    # Tuesday. Cora pays the first part of her invoice. Hanna calls: 600 euro at once is too much.
    an_ordinary_day(market, march(3))
    market.pays("Cora Clausen", 180_00, "RW-2026-0035 erster Teil")
    case = market.case_of("LL-7001")
    offered = plans.offer(market.book, case, read_ask("100", first_on=march(6)), on=march(3), save=True)
    assert offered.terms["fee_cents"] == 0
    plans.agree(market.book, case, offer_id=offered.offer_id, on=march(3))
    assert market.ends().matched.booked == 2
    assert market.row("RW-2026-0035")["open_cents"] == 120_00
    assert market.row("LL-7001")["reason"] == "plan_kept"

    # Wednesday. Ida pays by card on the pay page; Stripe takes the money, but its webhook gets lost.
    an_ordinary_day(market, march(4))
    ida_pays_by_card(market)
    market.ends()
    assert market.row("LL-7015")["open_cents"] == 249_00

    # Thursday. Dora takes her three per cent in time. Cora pays the rest.
    an_ordinary_day(market, march(5))
    market.pays("Dora Dietz", 485_00, "Rg. RW-2026-0047 abzgl. Skonto")
    market.pays("Cora Clausen", 120_00, "RW-2026-0035 Rest")
    assert market.ends().matched.booked == 3
    assert market.row("RW-2026-0047")["open_cents"] == market.row("RW-2026-0035")["open_cents"] == 0

    # Friday. Hanna pays her first instalment. The shop's statement of the week comes in.
    an_ordinary_day(market, march(6))
    market.pays("Hanna Hoffmann", 100_00, "LL-7001 Rate 1", to="shop")
    assert market.ends().matched.booked == 3  # hers, one of Wednesday, and today's
    assert market.row("LL-7001")["open_cents"] == 500_00
    assert market.sent == reminded, "nobody was written to twice"


def ida_pays_by_card(market: Market) -> None:
    file = market.book.place.folder / "stripe.yaml"
    secrets = provider_worlds.FILES["stripe"]
    file.write_text(f"key: stripe-1\nprovider: stripe\ncreditor: lindenladen\n{secrets}\n")
    market.webhook = provider_accounts.add_file(market.book, file).webhook_path.rsplit("/", 1)[-1]
    link = provider_links.make(market.book, market.case_of("LL-7015"), invoice_number="LL-7015")
    provider_links.checkout_url(link.public_id)
    market.simulator.pay(market.simulator.of(link.public_id).checkout_id)


def the_webhooks_arrive(market: Market) -> list[str]:
    """Stripe tries again: all events of the payment, signed anew."""
    deliveries = market.simulator.deliveries("stripe")
    return [providers.receive_webhook("stripe", market.webhook, *told).state for told in deliveries]


def levels_of(market: Market, invoice: str) -> list[int]:
    """Levels of the messages that the debtor of an invoice got."""
    case = market.case_of(invoice)
    rows = Message.objects.filter(case__case_reference=case, state="sent").order_by("id")
    return list(rows.values_list("level", flat=True))


def the_second_week(market: Market) -> None:
    # Monday. Änne pays 500 euro of the old invoice. Emil rounds up generously: 180 instead of 150.
    an_ordinary_day(market, march(9))
    market.pays("Änne Größler-Weiß", 500_00, "Teilzahlung RW-2025-0101")
    market.pays("Emil Ehlers", 180_00, "TH-5501")
    assert market.ends().matched.booked == 2
    emil = market.row("TH-5501")
    assert (emil["reason"], emil["surplus_cents"]) == ("credit_balance", 30_00)
    assert market.account("debtor_credit") == -30_00, "a liability, never income"

    # Tuesday. Six days late the webhooks come, and then once more: one payment, of the day she paid.
    an_ordinary_day(market, march(10))
    assert "applied" in the_webhooks_arrive(market)
    assert set(the_webhooks_arrive(market)) == {"known"}
    market.ends()
    assert market.row("LL-7015")["open_cents"] == 0
    paid = Fact.objects.get(case__case_reference=market.case_of("LL-7015"), kind=FactKind.PAYMENT_RECEIVED)
    assert (paid.effective_on, paid.amount_cents) == (march(4), 249_00)

    # Wednesday. 60 euro from somebody nobody knows, and nothing says what for: they wait.
    an_ordinary_day(market, march(11))
    market.pays("F. Sommer", 60_00, "Danke für den Tee!")
    told = market.ends()
    assert (told.matched.booked, told.matched.suspense) == (1, 1)

    # Thursday. A clerk asks: Frieda Funk married. He says which invoice. Emil gets his 30 euro back.
    an_ordinary_day(market, march(12))
    (question,) = bank_questions.suspense(market.book, market.today)
    assert (question.state, question.age_days, question.payer) == ("suspense", 1, "F. Sommer")
    bank_questions.confirm(market.book, question.entry, invoices=["TH-5513"])
    market.pays("Emil Ehlers", -30_00, "Erstattung Ihres Guthabens TH-5501")
    market.somebody_notes("TH-5501", "refund_paid", "30,00")
    market.ends()
    assert market.row("TH-5513")["open_cents"] == 5_40
    assert (market.row("TH-5501")["surplus_cents"], market.account("debtor_credit")) == (0, 0)

    # Friday. Gustav transposes two digits of TH-5527. That is not beyond doubt: it is proposed, and while the
    # question is open nobody writes to him.
    an_ordinary_day(market, march(13))
    market.pays("Gustav Gerlach", 88_10, "TH-5572")
    told = market.ends()
    assert (told.matched.booked, told.matched.proposed) == (3, 1)  # today's, and two of the shop's week
    assert market.row("TH-5527")["reason"] == "unmatched_credit"


def the_third_week(market: Market) -> None:
    # Monday. A clerk sees name and sum, and says yes.
    an_ordinary_day(market, march(16))
    (question,) = bank_questions.suspense(market.book, market.today)
    assert (question.state, question.invoices) == ("proposed", ["TH-5527"])
    bank_questions.confirm(market.book, question.entry)
    assert market.row("TH-5527")["open_cents"] == 0

    # The same day Änne's bank takes the direct debit of 2 March back and keeps 3.20 euro for it.
    back = {"end_to_end": "DD-0102", "reason": "AM04", "charges": 3_20}
    before = market.row("RW-2026-0102")["open_cents"]
    market.pays("Änne Größler-Weiß", -343_20, "RETOURE RW-2026-0102", **back)
    assert market.ends().matched.returned == 1
    # The claim is open again as of the old day, interest included; the charge is a cost of its rule.
    assert market.row("RW-2026-0102")["open_cents"] > before + 343_20
    cost = Fact.objects.get(kind=FactKind.COST_INCURRED)
    assert (cost.code, cost.amount_cents) == ("costs.bank_return_charge", 3_20)

    # Tuesday. That was no dunning: her level is what it was. Rent is due, and both banks take their charges.
    an_ordinary_day(market, march(17))
    market.pays("Hausverwaltung", -800_00, "Miete März", to="shop")
    market.pays("Bank", -4_90, "Kontoführung", to="shop", code="808")
    market.pays("Bank", -2_50, "Kontoführung", code="808")
    market.ends()
    assert levels_of(market, "RW-2026-0102") == [1]

    # Wednesday. Hanna has her wages early and pays the second instalment three weeks ahead.
    an_ordinary_day(market, march(18))
    # Änne sends 100 euro for the invoice that came back.
    market.pays("Hanna Hoffmann", 100_00, "LL-7001 Rate 2", to="shop")
    market.pays("Änne Größler-Weiß", 100_00, "RW-2026-0102")
    assert market.ends().matched.booked == 2

    # Thursday. Stripe settles: Ida's 249 euro, less its fee of 3.99. Tomorrow they are at the shop's bank.
    an_ordinary_day(market, march(19))
    ida = ProviderPayment.objects.get().payment_id
    market.simulator.changes_balance("stripe", "payment", 249_00, 3_99, name=ida)
    market.simulator.changes_balance("stripe", "payout", -245_01, text="po_1PqXYZ77")
    assert provider_reconciliation.reconcile(market.book)[0].balances == 2
    market.pays("Stripe Technology Europe", 245_01, "STRIPE PAYOUT po_1PqXYZ77", to="shop")
    # The operator pays the sellers; see below. Friday the bank confirms it.
    market.ends()
    assert (market.account("provider_clearing"), market.account("provider_fees")) == (245_01, 3_99)


def the_sellers_are_paid(market: Market) -> None:
    report = payouts.pay_out(market.book, market.today)
    assert [(row.creditor, row.outcome) for row in report.rows] == [("radwerk", "paid"), ("teehaus", "paid")]
    assert report.warnings == []
    assert [row.outcome for row in payouts.pay_out(market.book, market.today).rows] == ["waits", "waits"]
    for row in report.rows:
        told = row.settlement
        assert told is not None
        # What came in for the seller, less 5 % and 20 cents a payment, 19 % on that, and the reserve.
        fee = half_up(Fraction(told.principal_cents * 5, 100)) + 20 * told.payment_count
        assert (told.fee_cents, told.vat_cents) == (fee, half_up(Fraction(fee * 19, 100)))
        files = {Path(file).suffix: Path(file) for file in report.files if row.reference in file}
        assert files[".pdf"].read_bytes().startswith(b"%PDF")
        assert f"{told.amount_cents}" in files[".csv"].read_text("utf-8-sig").splitlines()[-1]
        order = etree.fromstring(files[".xml"].read_bytes())
        assert [node.text for node in order.iter("{*}InstdAmt")] == [f"{told.amount_cents / 100:.2f}"]
    market.assert_journal_balances()

    # Friday. Both transfers stand in the statement; the shop's statement of the week comes in. 18 days after
    # the reminder, as its procedure says, who has not paid gets the notice: Änne too, on her own time table.
    an_ordinary_day(market, march(20))
    for payout in Payout.objects.order_by("reference"):
        market.pays("Auszahlung", -payout.amount_cents, payout.reference, end_to_end=payout.reference)
    market.ends()
    assert bank_questions.suspense(market.book, market.today) == []
    assert market.row("LL-7001")["open_cents"] == 400_00
    assert plans.show(market.book, market.case_of("LL-7001"), market.today)[0].state == "kept"
    assert levels_of(market, "RW-2025-0101") == [1, 2]
    assert levels_of(market, "LL-7001") == [1], "who keeps a plan hears nothing"


def the_banks_and_the_books_agree(market: Market) -> None:
    # What the bank says is there is what the journal says is there, to the cent.
    assert market.account("trust_bank") == market.trust.balance
    assert market.account("bank") == market.shop.balance
    for name in ("trust_clearing", "payment_clearing", "debtor_credit", "customer_credit"):
        assert market.account(name) == 0
    for name in ("suspense", "trust_suspense", "money_in_transit", "trust_in_transit", "provider_clearing"):
        assert market.account(name) == 0
    # What no debtor has to do with: the rent; and the charges, which the operator makes up for on the trust
    # account. What was there before the first statement stands against its own account.
    assert (market.account("other_money"), market.account("bank_charges")) == (800_00, 4_90)
    assert market.account("trust_other_money") == 2_50
    assert (market.account("opening_balance"), market.account("trust_opening_balance")) == (
        -500_00,
        -1_000_00,
    )
    # Of 40 invoices, 22 are paid: 15 ordinary ones, and those of Bert, Cora, Dora, Emil, Gustav and Ida.
    assert market.paid_count() == 15 + 2 + 5


def the_accountant_gets_the_same_books(market: Market) -> None:
    files = [
        Path(file.path)
        for file in journal_export.export(
            market.book,
            format="datev",
            first_on=None,
            last_on=None,
            folder=market.book.place.folder / "datev",
        )
    ]
    batch, debtors = (datev_checker.read(file.read_bytes()) for file in files)
    assert (batch.problems, debtors.problems) == ([], [])
    # Account by account, under the numbers of the chart; what is managed for others is a note beside them.
    chart = journal_export.chart_of(market.book)
    expected: dict[str, int] = defaultdict(int)
    for row in journal.balance(market.book)["accounts"]:
        if row["account"] not in ("receivable", "managed_claims", "managed_contra"):
            expected[chart.number(row["account"])] += row["balance_cents"]
    owed = {row["case_reference"]: row["principal_cents"] for row in journal.debtors(market.book)}
    names = {row["Kurzbezeichnung"].strip('"'): row["Konto"] for row in debtors.rows}
    assert len(names) == 11, "debtors of the shop, and of no seller"
    expected |= {number: owed.get(case, 0) for case, number in names.items()}
    assert batch.balances() == expected
    assert sum(expected.values()) == 0


def half_up(exact: Fraction) -> int:
    return int(exact + Fraction(1, 2))


def what_änne_owes_is_what_we_count_by_hand(market: Market) -> None:
    """Her statement of 20 March, counted with pencil and paper (§§ 247, 286, 288, 367 BGB)."""
    # RW-2025-0101: 1,200.00 euro, by contract to be paid by 20 June 2025, so interest from 21 June.
    #   21.06.2025 – 30.06.2025    10 days at 7.27 % (base rate 2.27 + 5)
    #   01.07.2025 – 09.03.2026   252 days at 6.27 % (base rate 1.27 + 5): 184 in 2025 and 68 in 2026
    old = Fraction(120_000, 365) * (10 * Fraction("0.0727") + 252 * Fraction("0.0627"))
    assert (float(round(old, 4)), half_up(old)) == (5433.6658, 54_34)
    #   09.03. 500.00 euro: 54.34 for the interest, 445.66 for the invoice; 754.34 are left
    #   10.03.2026 – 20.03.2026    11 days at 6.27 % of 754.34; fractions of a cent are carried on
    carried = old + Fraction(754_34, 365) * 11 * Fraction("0.0627")
    assert (float(round(carried, 4)), half_up(carried) - 54_34) == (5576.205, 1_42)

    # RW-2026-0102: 340.00 euro, to be paid by 15 January 2026. The direct debit of 2 March never was.
    #   16.01.2026 – 18.03.2026    62 days at 6.27 %
    new = Fraction(340_00, 365) * 62 * Fraction("0.0627")
    assert (float(round(new, 4)), half_up(new)) == (362.1140, 3_62)
    #   18.03. 100.00 euro: 3.20 for the bank's charge, 3.62 for interest, 93.18 for the invoice; 246.82 left
    #   19.03.2026 – 20.03.2026     2 days at 6.27 % of 246.82
    carried = new + Fraction(246_82, 365) * 2 * Fraction("0.0627")
    assert (float(round(carried, 4)), half_up(carried) - 3_62) == (370.5938, 9)

    account = statements.view(market.book, market.case_of("RW-2025-0101"), march(20))
    columns = ("principal_open_cents", "interest_open_cents", "costs_open_cents", "open_cents")
    assert [tuple(claim[name] for name in columns) for claim in account.claims] == [
        (754_34, 1_42, 0, 755_76),
        (246_82, 9, 0, 246_91),
    ]
    assert account.open_cents == 1_002_67
    lines = [(row["invoice_number"][-4:], row["component"], row["amount_cents"]) for row in account.lines]
    assert sorted(lines) == sorted(
        [
            ("0101", "principal", 1_200_00),
            ("0101", "interest", 2_39),  # 21.–30.06.2025
            ("0101", "interest", 37_93),  # 01.07.–31.12.2025
            ("0101", "interest", 14_02),  # 01.01.–09.03.2026
            ("0101", "interest", 1_42),  # 10.–20.03.2026
            ("0101", "payment", -54_34),
            ("0101", "payment", -445_66),
            ("0102", "principal", 340_00),
            ("0102", "interest", 3_62),  # 16.01.–18.03.2026
            ("0102", "interest", 9),  # 19.–20.03.2026
            ("0102", "costs", 3_20),
            ("0102", "payment", -3_20),
            ("0102", "payment", -3_62),
            ("0102", "payment", -93_18),
        ]
    )
    paid = [(row["paid_on"], row["amount_cents"]) for row in account.payments]
    assert paid == [(march(9), 500_00), (march(18), 100_00)]


def test_the_bank_file_of_a_day_twice_changes_nothing(market: Market) -> None:
    market.begins(march(2))
    file = market.trust.statement(Line(199_50, "RW-2026-0023 RW-2026-0024"))
    bank_import.import_files(market.book, [file])
    before = Fact.objects.count()
    assert bank_import.import_files(market.book, [file]).files[0].is_repeat
    assert Fact.objects.count() == before
