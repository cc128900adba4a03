"""The day: planned once, guarded against days that cannot be meant."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.usecases.conftest import FIRST

from mahnwerk.frames import FactKind
from mahnwerk.usecases.errors import DayRefused

DAY = dt.timedelta(days=1)


def run(book: Any, on: dt.date, **options: Any) -> Any:
    from mahnwerk.usecases import day

    return day.run_day(book, on, **options)


def test_each_case_is_due_or_held_and_a_second_run_records_nothing(kiosk: Any) -> None:
    from mahnwerk.records.models import Decision, Message, Run

    first = run(kiosk, FIRST)
    assert (first.case_count, first.measure_count, first.held_count) == (4, 3, 1)
    assert first.held == [{"reason": "disputed", "cases": 1, "next_look_on": None}]
    assert first.recorded_count == 7
    second = run(kiosk, FIRST)
    assert second.recorded_count == 0
    assert (second.measures, second.held) == (first.measures, first.held)
    assert Message.objects.filter(tenant_id=kiosk.tenant_id).count() == 3
    assert Decision.objects.filter(tenant_id=kiosk.tenant_id).count() == 4
    states = Run.objects.filter(tenant_id=kiosk.tenant_id).values_list("state", flat=True)
    assert list(states) == ["finished", "finished"]


def test_a_dry_run_records_nothing(kiosk: Any) -> None:
    from mahnwerk.records.models import AuditEntry, Decision, Run

    report = run(kiosk, FIRST, dry_run=True)
    assert report.measure_count == 3
    assert not Run.objects.filter(tenant_id=kiosk.tenant_id).exists()
    assert not Decision.objects.filter(tenant_id=kiosk.tenant_id).exists()
    assert not AuditEntry.objects.filter(tenant_id=kiosk.tenant_id, action="run_day").exists()


def test_the_actor_is_kept(kiosk: Any) -> None:
    from mahnwerk.records.models import AuditEntry

    run(kiosk, FIRST)
    entry = AuditEntry.objects.get(tenant_id=kiosk.tenant_id, action="run_day")
    assert (entry.actor, entry.on, entry.detail["cases"]) == ("test", FIRST, 4)


def test_no_day_before_the_last_run_and_none_far_ahead(kiosk: Any) -> None:
    run(kiosk, FIRST)
    with pytest.raises(DayRefused, match="lies before its last run"):
        run(kiosk, FIRST - DAY, confirm_day=True)
    run(kiosk, FIRST + 35 * DAY)
    with pytest.raises(DayRefused, match="more than 35 days after its last run"):
        run(kiosk, FIRST + 71 * DAY)
    run(kiosk, FIRST + 71 * DAY, confirm_day=True)


def test_a_new_book_is_measured_by_the_clock(kiosk: Any) -> None:
    with pytest.raises(DayRefused, match="more than 35 days after today"):
        run(kiosk, FIRST + 36 * DAY)
    run(kiosk, dt.date(2020, 1, 1))


def test_claims_soon_time_barred_are_told_with_their_cases(
    kiosk: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mahnwerk.cli.cases import show_limitation
    from mahnwerk.cli.run import show_day
    from mahnwerk.usecases import imports, why

    old = folder / "kiosk-old.csv"
    old.write_text(
        "Kundennummer;Nachname;Straße;PLZ;Ort;Rechnungsnummer;Rechnungsdatum;Fällig am;Betrag\n"
        "K8;Eck;Weg 8;04103;Leipzig;R-8;01.02.2023;15.02.2023;10,00\n"
        "K8;Eck;Weg 8;04103;Leipzig;R-9;01.03.2023;15.03.2023;20,00\n"
        "K9;Fink;Weg 9;04103;Leipzig;R-10;01.02.2022;15.02.2022;40,00\n",
        encoding="utf-8",
    )
    assert imports.import_files(kiosk, [old])[0].new_claims == 3

    def soon(on: dt.date) -> Any:
        return run(kiosk, on, dry_run=True, confirm_day=True).barred_soon

    assert soon(dt.date(2026, 10, 1)) == []
    assert soon(dt.date(2026, 10, 2)) == [
        {
            "currency": "EUR",
            "claims": 2,
            "cases": 1,
            "principal_open_cents": 3000,
            "first_on": dt.date(2026, 12, 31),
            "first_cases": ["M-000005"],
        }
    ]
    show_day(run(kiosk, dt.date(2026, 10, 2), dry_run=True, confirm_day=True))
    shown = capsys.readouterr().out
    assert "Soon time-barred, the first after 31.12.2026: 30,00 € of principal in M-000005." in shown
    told = why.why(kiosk, "M-000005", dt.date(2026, 10, 2)).limitation
    assert [(row["invoice_number"], row["warn_on"], row["time_barred_after"]) for row in told] == [
        ("R-8", dt.date(2026, 12, 31), dt.date(2026, 12, 31)),
        ("R-9", dt.date(2026, 12, 31), dt.date(2026, 12, 31)),
    ]
    lost = why.why(kiosk, "M-000006", dt.date(2026, 10, 2))
    (barred,) = lost.limitation
    assert (barred["is_time_barred"], barred["warn_on"]) == (True, dt.date(2025, 12, 31))
    show_limitation(lost)
    line = next(line for line in capsys.readouterr().out.splitlines() if "R-10" in line)
    assert line.split() == ["R-10", *["31.12.2025"] * 2, "limitation.regular_years", "TIME-BARRED"]


def test_a_payment_that_crossed_takes_the_letters_cost_back(kiosk: Any, at: Any) -> None:
    """Learnt later, but valued before the letter: its cost is voided once, and nothing is owed any more."""
    from mahnwerk.records.models import Fact, Message
    from mahnwerk.usecases import facts, sending

    on = FIRST
    while not (charged := Message.objects.filter(state="sent", fee_cents__gt=0).first()):
        at(24 * (on - FIRST).days)
        run(kiosk, on, confirm_day=True)
        sending.send(kiosk, on, confirm_day=True)
        on += 14 * DAY
        assert on < FIRST + 200 * DAY, "no letter was ever charged"
    case = charged.case
    paid_on = charged.sealed_on - DAY
    at(24 * (on - FIRST).days)
    facts.add(kiosk, case.case_reference, "payment_received", on=paid_on, amount="9.999,00", reference="late")
    run(kiosk, on, confirm_day=True)
    run(kiosk, on + DAY, confirm_day=True)
    voided = Fact.objects.filter(case=case, kind=FactKind.VOIDED)
    costs = Fact.objects.filter(case=case, kind=FactKind.COST_INCURRED, message=charged)
    assert sorted(voided.values_list("voids_fact_no", flat=True)) == sorted(
        costs.values_list("fact_no", flat=True)
    )


def test_the_fees_of_a_run_count_lump_sums_too() -> None:
    """§ 288 Abs. 5 BGB is charged per claim, the cost of the letter once: both are fees of the message."""
    from types import SimpleNamespace

    import polars as pl

    from mahnwerk.usecases import day

    measure = {
        "case_id": [1, 2],
        "step_id": ["second_notice"] * 2,
        "channel": ["post"] * 2,
        "demanded_cents": [9_000, 500],
        "fee_cents": [0, 76],
    }
    plan = SimpleNamespace(
        measures=pl.DataFrame(measure),
        measure_items=pl.DataFrame({"case_id": [1, 1, 2], "lump_sum_cents": [4_000, 4_000, 0]}),
        held=pl.DataFrame(schema={"reason": pl.String, "next_look_on": pl.Date}),
    )
    tally = day._Tally()
    tally.add(plan, pl.DataFrame({"case_id": [1, 2], "currency": ["EUR"] * 2}))  # type: ignore[arg-type]
    assert sum(frame["fee_cents"].sum() for frame in tally.measures) == 8_076
