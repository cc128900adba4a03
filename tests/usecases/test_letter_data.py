"""What letters take from the creditor file and the account."""

from __future__ import annotations

from typing import Any

import pytest

from mahnwerk.frames import ClaimKind, Role
from mahnwerk.usecases import letter_data
from mahnwerk.usecases.letter_data import Incomplete

CLIENT = {
    "name": "Lindenhof Keramik GmbH",
    "street": "Lindenhofgasse 7",
    "address_extra": "",
    "postcode": "79098",
    "city": "Freiburg",
    "subject": "Kauf von Keramik",
}


def creditor(**profile: Any) -> dict[str, Any]:
    return {"key": "fairklar", "name": "Fairklar Inkasso GmbH", "profile": profile}


@pytest.mark.parametrize("role", [Role.AGENCY, Role.ASSIGNEE])
def test_who_collects_for_others_names_them(role: Role) -> None:
    found = letter_data.client(creditor(client=CLIENT), role)
    assert found is not None
    assert (found.name, found.address_lines) == (CLIENT["name"], ("Lindenhofgasse 7", "79098 Freiburg"))
    for bare in (creditor(), creditor(client={})):
        with pytest.raises(Incomplete, match=r"client\.name"):
            letter_data.client(bare, role)


def test_own_letters_need_no_client() -> None:
    assert letter_data.client(creditor(), Role.OWN) is None
    assert letter_data.client(creditor(), Role.MARKETPLACE) is None


def test_the_ground_is_told_in_the_clients_words() -> None:
    subject = letter_data.subject_of(creditor(client=CLIENT))
    assert letter_data.ground(ClaimKind.GOODS_OR_SERVICES, "de", subject) == "Kauf von Keramik"
    assert letter_data.ground(ClaimKind.RENT, "de", subject) == "Mietvertrag, Kauf von Keramik"
    assert letter_data.ground(ClaimKind.RENT, "en") == "tenancy agreement"


@pytest.mark.parametrize(
    ("principal", "interest", "costs", "disputed", "parts"),
    [
        (10_000, 101, 250, 0, (0, 0, 0)),
        (10_000, 101, 250, 5_000, (5_000, 51, 0)),
        (10_000, 101, 250, 10_351, (10_000, 101, 250)),
        (0, 101, 250, 120, (0, 101, 19)),
        (0, 101, 250, 60, (0, 60, 0)),
        (0, 101, 250, 351, (0, 101, 250)),
    ],
)
def test_what_is_disputed_takes_its_interest_along_and_the_whole_its_costs(
    principal: int, interest: int, costs: int, disputed: int, parts: tuple[int, int, int]
) -> None:
    row = {
        "principal_open_cents": principal,
        "interest_open_cents": interest,
        "costs_open_cents": costs,
        "open_cents": principal + interest + costs,
        "disputed_cents": disputed,
    }
    assert letter_data.disputed_parts(row) == parts
