"""`match evaluate`: run the matcher on a folder of invoices, payments and true matches; no database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from mahnwerk.formats import matching_set
from mahnwerk.formats.matching_set import MatchingSetError
from mahnwerk.kernel import matching, matching_evaluation
from mahnwerk.usecases.errors import BadInput, NotFound

FILES = ("invoices.csv", "payments.csv", "matches.csv")


def evaluate(folder: Path) -> dict[str, Any]:
    """Figures of the matcher and of the baseline on one folder.

    Raises
    ------
    NotFound : the folder or one of its three files is not there.
    BadInput : a file cannot be read.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise NotFound(
            f"{folder}: {', '.join(missing)} is missing.", "The folder needs " + ", ".join(FILES) + "."
        )
    try:
        given = matching_set.read(*((folder / name).read_bytes() for name in FILES))
    except MatchingSetError as error:
        raise BadInput(f"{folder}: {error}.") from error
    money_in = given.payments.filter(pl.col("amount_cents") > 0)
    figures, simple = (
        matching_evaluation.evaluate(answer, given.truth, given.payments["payment_id"])
        for answer in (
            matching.propose(money_in, given.claims),
            matching_evaluation.baseline(money_in, given.claims),
        )
    )
    figures["baseline"] = {
        name: simple[name] for name in ("booked", "booked_wrong", "share_booked", "exact_set_recall")
    }
    return figures
