"""Write a believable claims CSV of any length: `python -m benchmarks.claims_csv FILE --rows 100000`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

FIRST = np.array(["Anna", "Jürgen", "Çağla", "Uwe", "Mara", "Björn", "Ilse", "Tom", "Zoë", "Piotr"])
LAST = np.array(["Müller", "Schmidt", "Größler", "Yıldız", "Weber", "von der Heide", "Klein", "Öztürk"])
CITY = np.array(["Berlin", "Köln", "München", "Leipzig", "Hamburg"])
CODE = np.array(["10115", "50667", "80331", "04103", "20095"])
LAND = np.array(["BE", "NW", "BY", "SN", "HH"])


def write(path: Path, rows: int, seed: int = 1) -> None:
    """Write `rows` claims of about rows / 2.5 customers, semicolons and German amounts."""
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, max(1, int(rows / 2.5)), rows)
    place = customer % len(CITY)
    issued = np.datetime64("2025-06-01") + rng.integers(0, 250, rows)
    cents = rng.integers(900, 90_000, rows)
    amount = [f"{c // 100},{c % 100:02}" for c in cents.tolist()]
    pl.DataFrame(
        {
            "Kundennummer": [f"K{n:07}" for n in customer.tolist()],
            "Vorname": FIRST[customer % len(FIRST)],
            "Nachname": LAST[customer % len(LAST)],
            "Straße": [f"Lindenallee {n % 200 + 1}" for n in customer.tolist()],
            "PLZ": CODE[place],
            "Ort": CITY[place],
            "Bundesland": LAND[place],
            "E-Mail": [f"k{n}@example.org" for n in customer.tolist()],
            "Kundenart": np.where(customer % 5 == 0, "Unternehmen", "Verbraucher"),
            "Rechnungsnummer": [f"RE-{n:08}" for n in range(rows)],
            "Rechnungsdatum": pl.Series(issued.astype("datetime64[D]")).dt.strftime("%d.%m.%Y"),
            "Fällig am": pl.Series((issued + 14).astype("datetime64[D]")).dt.strftime("%d.%m.%Y"),
            "Betrag": amount,
        }
    ).write_csv(path, separator=";")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    write(options.file, options.rows)
