from __future__ import annotations

import copy
from datetime import date, datetime

import pytest
from tests.kernel.dunning_books import Spoil, both, drop, put, raw

from mahnwerk.kernel.procedure_reader import ProcedureError, Reader
from mahnwerk.kernel.procedures import parse_procedure

MALFORMED: list[tuple[Spoil, str]] = [
    (put("tolerence_cents", value=3), r"f\.tolerence_cents: unknown key; did you mean tolerance_cents\?"),
    (
        both(drop("tolerance_cents"), put("tolerence_cents", value=3)),
        r"f\.tolerance_cents: missing.*found tolerence_cents",
    ),
    (drop("steps"), r"f\.steps: missing"),
    (put("steps", value=[]), r"f\.steps: must be a list with at least one entry"),
    (put("steps", value=["upcoming"]), r"f\.steps\[0\]: is text, must be keys with values"),
    (
        put("steps", 0, "channels", value=["e-mail"]),
        r"f\.steps\[0\]\.channels\[0\]: 'e-mail' is unknown; did you mean email",
    ),
    (put("steps", 0, "channels", value=[]), r"f\.steps\[0\]\.channels: is empty"),
    (put("steps", 0, "channels", value=["post", "post"]), r"names one twice"),
    (put("steps", 0, "when", value={"days_after_dew": 1}), r"did you mean days_after_due\?"),
    (put("steps", 0, "when", value={"days_after_due": 1, "days_before_due": 1}), r"needs exactly one of"),
    (put("steps", 1, "when", "days_after_due", value=1.5), r"is a fraction, must be a whole number 0…400"),
    (put("steps", 1, "when", "days_after_due", value=401), r"401 is outside 0…400"),
    (
        put("steps", 1, "pay_by_days", value="14"),
        r"f\.steps\[1\]\.pay_by_days: is text, must be a whole number",
    ),
    (put("steps", 1, "is_dunning", value="no"), r"is text, must be true or false"),
    (put("steps", 1, "level", value=True), r"is true/false, must be a whole number"),
    (put("steps", 2, "id", value="payment_reminder"), r"f\.steps\[2\]\.id: payment_reminder is there twice"),
    (put("steps", 2, "id", value="Zweite Mahnung"), r"must be lower-case letters"),
    (put("title", value={"de": "x"}), r"f\.title\.en: missing"),
    (put("title", "en", value=" "), r"f\.title\.en: is empty"),
    (put("version", value=2026), r"f\.version: is 2026, must be a date in quotes"),
    (put("valid_from", value="30.2.2026"), r"f\.valid_from: is '30\.2\.2026', must be a date"),
    (put("audience", value="consumer"), r"did you mean consumers\?"),
    (drop("presumed_delivery_working_days", "post"), r"f\.presumed_delivery_working_days\.post: missing"),
    (put("letter_cost_cents", "fax", value=1), r"f\.letter_cost_cents\.fax: unknown key"),
    (put("letter_cost_cents", "post", value=-1), r"-1 is outside"),
    (put("at_end", "propose", value="handover"), r"did you mean hand_over\?"),
    (put("at_end", "when", value=3), r"f\.at_end\.when: unknown key"),
]


@pytest.mark.parametrize(("spoil", "message"), MALFORMED, ids=[message for _, message in MALFORMED])
def test_a_malformed_procedure_is_refused_with_place_and_remedy(spoil: Spoil, message: str) -> None:
    mapping = copy.deepcopy(raw("consumers"))
    spoil(mapping)
    with pytest.raises(ProcedureError, match=message):
        parse_procedure(mapping, "f")


def test_something_else_than_a_mapping_is_refused() -> None:
    with pytest.raises(ProcedureError, match="procedure: is a list, must be keys with values"):
        parse_procedure([])  # type: ignore[arg-type]


def test_what_was_not_taken_is_complained_about() -> None:
    reader = Reader({"a": 1, "bcd": 2}, "x")
    assert reader.whole("a", 0, 9) == 1
    with pytest.raises(ProcedureError, match=r"x\.bcd: unknown key; known here: a"):
        reader.done()


def test_a_time_of_day_is_no_date() -> None:
    with pytest.raises(ProcedureError, match="must be a date"):
        Reader({"d": datetime(2026, 1, 1, 12)}, "x").day("d")  # noqa: DTZ001
    assert Reader({"d": "2026-01-31"}, "x").day("d") == date(2026, 1, 31)
