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
