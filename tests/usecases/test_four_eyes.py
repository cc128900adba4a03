"""Two people mean two people, and what is given up in parts is one sum, however it is told."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from tests.records import worlds
from tests.usecases import plan_world
from tests.usecases.plan_world import PlanWorld

from mahnwerk.frames import FactKind
from mahnwerk.records.models import Case, Fact
from mahnwerk.usecases import four_eyes, imports
from mahnwerk.usecases.errors import BadInput

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 2)
LATER = DAY + timedelta(days=31)


@pytest.fixture
def world(tenant_id: int, tmp_path: Path) -> PlanWorld:
    return plan_world.make(tenant_id, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "anna",
        "ANNA",
        " Anna ",
        "cli:anna",
        "Anna.",
        "an na",
        "\uff21\uff4e\uff4e\uff41",
        "an\u200bna",
        "ANNA ",
        "a-n-n-a",
    ],
)
def test_nobody_approves_his_own_act_by_writing_his_name_otherwise(world: PlanWorld, name: str) -> None:
    with pytest.raises(BadInput, match="cannot approve what they do themselves"):
        four_eyes.second(world.by("cli:anna").book, name, "so much")


@pytest.mark.parametrize("name", ["", " ", ":", "anna:", "cli:", "cli: ", "--", "\u200b", "...", "\u200b:"])
def test_a_name_that_names_nobody_is_no_second_person(world: PlanWorld, name: str) -> None:
    with pytest.raises(BadInput, match="takes two people"):
        four_eyes.second(world.by("cli:anna").book, name, "so much")


def test_somebody_else_is_somebody_else(world: PlanWorld) -> None:
    book = world.by("cli:anna").book
    assert four_eyes.second(book, " Ben Öztürk ", "so much") == {"approved_by": "Ben Öztürk"}
    assert four_eyes.second(book, "Annabelle", "so much") == {"approved_by": "Annabelle"}


def test_halves_of_different_days_make_a_whole_if_they_are_told_together(world: PlanWorld) -> None:
    with world.on(LATER) as book:
        tell(book, world, DAY, "60")
        with pytest.raises(BadInput, match="two people"):
            tell(book, world, LATER, "60")
    with world.on(LATER + timedelta(days=31)) as book:
        tell(book, world, LATER + timedelta(days=31), "60")


def tell(book: Any, world: PlanWorld, on: date, amount: str) -> None:
    from mahnwerk.usecases import facts

    facts.add(book, world.reference, "waiver", on=on, amount=amount)


def told(world: PlanWorld, folder: Path, *rows: str) -> imports.ImportSummary:
    path = folder / "facts.csv"
    path.write_text("\n".join(["customer_number,kind,effective_on,amount,reference", *rows]))
    with world.on(LATER) as book:
        (found,) = imports.import_files(book, [path])
    return found


def test_halves_in_one_file_make_a_whole_and_the_same_file_again_is_known(
    world: PlanWorld, tmp_path: Path
) -> None:
    customer = worlds.claim_row(1)["customer_number"]
    row = f"{customer},waiver,2026-03-{{}},60,W-{{}}"
    found = told(world, tmp_path, row.format("02", 1), row.format("03", 2))
    assert (found.new_facts, found.rejected) == (1, 1)
    assert "takes two people" in found.reasons[0]
    again = told(world, tmp_path, row.format("02", 1), f"{customer},waiver,2026-01-05,60,W-3")
    assert (again.new_facts, again.known, again.rejected) == (1, 1, 0), "known; and months apart"


def test_two_clerks_at_once_are_counted_together(world: PlanWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = four_eyes.needs_second, []

    def look(*given: Any, **more: Any) -> bool:
        seen.append(connection.in_atomic_block and locked[-1:] == [True])
        return real(*given, **more)

    locked: list[bool] = []
    manager = type(Case.objects.all())
    lock = manager.select_for_update
    monkeypatch.setattr(
        manager, "select_for_update", lambda self, *a, **k: (locked.append(True), lock(self, *a, **k))[1]
    )
    monkeypatch.setattr(four_eyes, "needs_second", look)
    world.fact("waiver", DAY, amount="60")
    assert seen == [True], "what was given up is summed while nobody else can give up more in the case"
    assert Fact.objects.filter(kind=FactKind.WAIVER).count() == 1
