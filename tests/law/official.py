"""Reads the official figures kept beside the tests."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

DATA = Path(__file__).parent / "data"


def rows(name: str) -> list[dict[str, str]]:
    """Rows of `data/<name>.csv`, as text."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cents(amount: str) -> int:
    """A sum in euro with a full stop, as cents."""
    scaled = Decimal(amount) * 100
    assert scaled == int(scaled), f"{amount} is not whole cents"
    return int(scaled)
