"""Several invoices of one debtor, written short: 1001/02/03, 1001 + 02, 1001-1004, 1001 bis 1004.

Only where one of them stands in the text in full: it tells whose invoices are meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mahnwerk.kernel.matching_board import Board, Group, OpenClaim, Payment
from mahnwerk.kernel.matching_pairs import SHORT
from mahnwerk.kernel.references import number_of, shape

RANGE_MAX = 50
"""A longer range is a list for a person."""

_TAIL = re.compile(r"\s*(?:(?P<range>-|–|bis|to)|[/,;+&]|und|u\.|and)\s*(?P<digits>\d+)(?!\d)", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_RANGE = re.compile(r"\d\S*\s*(?:-|–|\bbis\b|\bto\b)\s*\S*\d", re.IGNORECASE)


def written_short(board: Board) -> None:
    """A payment that names one claim in full, others of its debtor in short, and pays them all."""
    for payment in board.open_payments():
        named = [board.claims[claim_id] for claim_id in board.open_pairs(payment.payment_id, SHORT)]
        if not named or len({claim.debtor_id for claim in named}) != 1:
            continue
        listed = _listed(board, payment, named)
        if len(listed) < 2 or len(listed) == len(named):
            continue
        how = board.fit(listed, payment.amount_cents, payment.value_on)
        if how:
            chosen = tuple(sorted(claim.claim_id for claim in listed))
            reasons = ("references_found", "sum_fits" if how == "amount_fits" else how)
            board.take(Group((payment.payment_id,), chosen, reasons, 0.98, True))


def _listed(board: Board, payment: Payment, named: Sequence[OpenClaim]) -> list[OpenClaim]:
    """The claims named in full, and those of the debtor that the short forms behind them mean."""
    meant = names_in_short(payment.text, named)
    ends = sorted(_key(claim) for claim in named) if _RANGE.search(payment.text) else []
    return [
        claim
        for claim in board.claims_of(named[0].debtor_id)
        if claim.claim_id not in board.done_claims
        and claim.currency == payment.currency
        and (
            claim in named
            or meant & _lasts(claim)
            or (len(ends) == 2 and ends[0][0] == ends[1][0] and ends[0] < _key(claim) < ends[1])
        )
    ]


def names_in_short(text: str, named: Iterable[OpenClaim]) -> set[str]:
    """The last digits of further invoices that stand in short form behind one of these claims."""
    lasts = {last for claim in named for last in _lasts(claim)}
    return {number for last in lasts for number in expanded(text, last)}


def _lasts(claim: OpenClaim) -> set[str]:
    """The last run of digits of each reference: what payers count on from."""
    return {runs[-1] for reference in claim.references if (runs := _NUMBER.findall(reference))}


def _key(claim: OpenClaim) -> tuple[str, int]:
    first = claim.references[0] if claim.references else ""
    return shape(first), number_of(first)


def expanded(text: str, full: str) -> set[str]:
    """The numbers that shorter ones behind a full number mean, ranges filled in: 1001/02 → 1002."""
    found: set[str] = set()
    for start in re.finditer(rf"(?<!\d){full}(?!\d)", text):
        place, before = start.end(), full
        while (tail := _TAIL.match(text, place)) and len(tail["digits"]) <= len(full):
            number = full[: len(full) - len(tail["digits"])] + tail["digits"]
            if tail["range"]:
                step = int(number) - int(before)
                if not 0 < step <= RANGE_MAX:
                    break
                found.update(str(int(before) + more).zfill(len(full)) for more in range(1, step))
            found.add(number)
            place, before = tail.end(), number
    return found
