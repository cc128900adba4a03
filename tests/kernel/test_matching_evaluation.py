"""The matcher held against sets whose truth is known: nothing booked wrong, most of it found."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from benchmarks import matching_maker

from mahnwerk.formats import matching_set
from mahnwerk.kernel import matching, matching_evaluation

COLLECTION = Path(__file__).parents[3] / "shared" / "data" / "1b-payment-matching" / "tu-darmstadt-pay_to_inv"
FILES = ("invoices.csv", "payments.csv", "matches.csv")


def figures(folder: Path) -> dict[str, object]:
    given = matching_set.read(*((folder / name).read_bytes() for name in FILES))
    return matching_evaluation.evaluate(matching.propose(given.payments, given.claims), given.truth)


def test_counting() -> None:
    schema = {"payment_ids": pl.List(pl.Int64), "claim_ids": pl.List(pl.Int64), "verdict": pl.String}
    answer = pl.DataFrame(
        [([0], [0], "booked"), ([1], [7], "booked"), ([2, 3], [3], "proposed"), ([4], [], "suspense")],
        schema=schema,
        orient="row",
    )
    truth = pl.DataFrame(
        [("a", [], [0], [0]), ("a", ["x"], [1], [1]), ("b", ["x"], [3], [2, 3]), ("c", [], [], [4])],
        schema=matching_set.TRUTH,
        orient="row",
    )
    found = matching_evaluation.evaluate(answer, truth)
    assert (found["payments"], found["booked"], found["booked_wrong"]) == (5, 2, 1)
    assert (found["proposed"], found["suspense"]) == (2, 1)
    assert found["exact_set_recall"] == pytest.approx(2 / 3, abs=1e-5)
    assert found["by_category"]["b"]["exact_set_recall"] == 1.0
    assert found["by_perturbation"]["x"]["booked_wrong"] == 1


@pytest.mark.parametrize("seed", [3, 4])
def test_own_sets_of_other_seeds(tmp_path: Path, seed: int) -> None:
    """Shops with one price, dense short numbers, strangers paying, invoices that are not in the list."""
    found = figures(matching_maker.make(tmp_path, seed, matches=800))
    assert found["booked_wrong"] == 0
    assert found["exact_set_recall"] >= 0.93
    assert found["share_booked"] >= 0.55


@pytest.mark.shared
@pytest.mark.parametrize(("name", "recall", "share"), [("single", 0.97, 0.85), ("multi", 0.90, 0.60)])
def test_the_collection(name: str, recall: float, share: float) -> None:
    folder = COLLECTION / name / "descriptive"
    if not folder.is_dir():
        pytest.skip("sample payments and invoices are not beside the project")
    found = figures(folder)
    given = matching_set.read(*((folder / file).read_bytes() for file in FILES))
    simple = matching_evaluation.evaluate(
        matching_evaluation.baseline(given.payments, given.claims), given.truth
    )
    assert found["booked_wrong"] == 0
    assert found["exact_set_recall"] >= recall
    assert found["share_booked"] >= share
    assert found["share_booked"] > 2 * simple["share_booked"]


def test_a_payment_no_match_names_is_wrong_when_booked() -> None:
    answer = pl.DataFrame(
        {"payment_ids": [[1], [2]], "claim_ids": [[10], [11]], "verdict": ["booked", "booked"]},
    )
    truth = pl.DataFrame([("one", [], [10], [1])], schema=matching_set.TRUTH, orient="row")
    found = matching_evaluation.evaluate(answer, truth, [1, 2, 3])
    assert (found["payments"], found["booked"], found["booked_wrong"], found["suspense"]) == (3, 2, 1, 1)
    assert found["by_category"]["in_no_match"]["booked_wrong"] == 1
    assert found["exact_set_recall"] == 1.0
