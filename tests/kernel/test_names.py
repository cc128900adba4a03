"""Names despite legal forms, umlauts and word order."""

from __future__ import annotations

import pytest

from mahnwerk.kernel.names import similarity


@pytest.mark.parametrize(
    ("payer", "debtor"),
    [
        ("Müller, Jürgen", "Juergen Mueller"),
        ("SCHMIDT GMBH & CO KG", "Schmidt GmbH"),
        ("Dr. Zeynep Yıldırım", "Zeynep Yildirim"),
    ],
)
def test_the_same_name_in_other_clothes(payer: str, debtor: str) -> None:
    assert similarity(payer, debtor) >= 0.9


@pytest.mark.parametrize(("payer", "debtor"), [("Maria Schmidt", "Peter Müller"), ("", "X"), ("A", "")])
def test_other_people(payer: str, debtor: str) -> None:
    assert similarity(payer, debtor) < 0.6
