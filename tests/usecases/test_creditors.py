"""A creditor's file says in whose right, by which procedure and at which cost it writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.usecases import kill_points

from mahnwerk.frames import Role


def _written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = kill_points.creditor_file()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "changed.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("role", "consumer"),
    [
        ("role: own\n", "consumers@2026-11"),
        ("role: self\n", "consumers@2026-11"),
        ("role: lender\n", "lenders@2026-11"),
        ("role: Lender\n", "lenders@2026-11"),
        ("role: lender\nprocedure: {consumer: consumers}\n", "consumers@2026-11"),
        ("role: own\nprocedure: {consumer: lenders}\n", "lenders@2026-11"),
    ],
)
def test_a_lender_gets_the_procedure_for_loans_unless_its_file_names_one(
    opened: Any, folder: Path, role: str, consumer: str
) -> None:
    from mahnwerk.records.models import Case, Creditor, Mandate
    from mahnwerk.usecases import imports

    file = _written(folder, ("role: own\n", role))
    assert [one.rejected for one in imports.import_files(opened, [file, folder / "kiosk.csv"])] == [0, 0]
    creditor = Creditor.objects.get(tenant_id=opened.tenant_id)
    chosen = {"consumer": consumer, "business": "businesses@2026-11"}
    assert (creditor.procedure, creditor.profile["procedures"]) == (consumer, chosen)
    assert Mandate.objects.get(creditor_id=creditor.id).role == Role.OWN
    assert set(Case.objects.values_list("procedure", flat=True)) == {consumer, "businesses@2026-11"}


COSTS = "letter_cost_cents: {post: %d, email: %d}\ninput_tax_deductible"


def test_the_creditors_own_letter_cost_is_what_its_letters_charge(opened: Any, folder: Path) -> None:
    from mahnwerk.records import load
    from mahnwerk.usecases import creditors, imports

    file = _written(folder, ("input_tax_deductible", COSTS % (112, 0)))
    assert not imports.import_files(opened, [file, folder / "kiosk.csv"])[0].warnings
    cases = load.book(opened.tenant_id).cases
    assert cases.height == 4
    assert set(cases["letter_cost_post_cents"]) == {112}
    assert set(cases["letter_cost_email_cents"]) == {0}
    (again,) = creditors.add_file(opened, file)
    assert again.outcome == "same"
    (less,) = creditors.add_file(opened, _written(folder))
    assert less.outcome == "changed"
    assert load.book(opened.tenant_id).cases["letter_cost_post_cents"].null_count() == 4


def test_a_letter_cost_above_the_cap_is_told_at_once(opened: Any, folder: Path) -> None:
    from mahnwerk.usecases import creditors

    (added,) = creditors.add_file(opened, _written(folder, ("input_tax_deductible", COSTS % (251, 1))))
    assert sorted(added.warnings) == [
        f"letter_cost_cents.{told} (costs.dunning_{what}_cap), which will be asked for"
        for told, what in [
            ("email: 1 is above the cap of 0", "email"),
            ("post: 251 is above the cap of 250", "letter"),
        ]
    ]
