"""The outside world, one module each. A gateway carries bytes out under a key; it decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Checkpoint = Callable[[str], None]
"""Called at each point of an effect where the machine could stop; used by tests that stop it there."""


def no_checkpoint(name: str) -> None:
    """The checkpoint of ordinary life."""


@dataclass(frozen=True)
class Receipt:
    """The effect happened. `reference` is what the other side calls it: a file name, an SMTP answer."""

    reference: str


class NotDelivered(Exception):  # noqa: N818 - a word of the field, not an accident
    """The effect certainly did not happen. `is_permanent`: trying again as it is cannot help.

    `code` is from a closed vocabulary or an SMTP status; it never holds an address.
    """

    def __init__(self, code: str, *, is_permanent: bool) -> None:
        super().__init__(code)
        self.code = code
        self.is_permanent = is_permanent


class DeliveryUncertain(Exception):  # noqa: N818 - a state, not an accident
    """Nobody can say whether the effect happened."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
