"""Every file of the collections is read, or refused for a stated reason; disagreements are explained."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.formats import bank_table

COLLECTION = Path(__file__).parents[3] / "shared" / "data" / "1-bank-statements"


@pytest.mark.shared
def test_all_collections() -> None:
    if not COLLECTION.is_dir():
        pytest.skip("sample bank statements are not beside the project")
    found = list(bank_table.outcomes(COLLECTION))
    counts = Counter(one.word for one in found)
    assert len(found) >= 240 and counts["refused"] <= 37
    assert all(one.reason for one in found if one.word in ("refused", "read, not booked"))
    mt940 = [one for one in found if one.path.parts[0].startswith("mt940") and one.word == "refused"]
    assert len(mt940) <= 5, [str(one.path) for one in mt940]
    differing = {one.path.name for one in found if bank_table.compared(COLLECTION, one)}
    assert differing == set(bank_table.EXPLAINED)
