"""What a use case refuses. Every message says what, where, why and what to do."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - refusing is an answer, not an accident
    """A use case will not do what it was asked.

    `problem` says what, where and why; `remedy` what to do; `exit_code` is what the shell gets.
    """

    exit_code = 2

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy


class NotFound(Refused):
    """There is no such case, creditor or procedure in this book."""


class BadInput(Refused):
    """What was given cannot be read or is not allowed."""


class UnsafeStart(Refused):
    """Going on could lose or double something: settings, keys or the day are not safe."""

    exit_code = 4


class DayRefused(UnsafeStart):
    """The day asked for lies before the last run, or too far ahead."""
