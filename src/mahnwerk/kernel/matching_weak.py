"""What references one slip away did not settle: amount, payer and a badly damaged reference together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from mahnwerk.kernel.matching_groups import Board, Group, OpenClaim, Payment
from mahnwerk.kernel.matching_pairs import AMOUNT, EXACT, ONE_SLIP
from mahnwerk.kernel.references import likeness

LIKENESS_CERTAIN = 0.72
"""With the exact amount, unique in its currency, this much of a reference is no accident."""


def by_likeness(board: Board) -> None:
    """One payment, one claim: the amount fits this claim alone and most of its reference is there."""
    for payment_id, payment in board.payments.items():
        if payment_id in board.done_payments:
            continue
        fitting = [
            board.claims[claim_id]
            for claim_id in board.open_pairs(payment_id, AMOUNT)
            if board.tolerance.covers(board.claims[claim_id].open_cents, payment.amount_cents)
        ]
        if not fitting:
            continue
        scored = sorted(((_score(board, payment, claim), claim) for claim in fitting), key=lambda s: -s[0][0])
        (best, like, known), claim = scored[0]
        rival = scored[1][0][0] if len(scored) > 1 else 0.0
        runner_up = (scored[1][1].claim_id,) if len(scored) > 1 else ()
        certain = like >= LIKENESS_CERTAIN and best - rival >= 0.25
        if certain:
            reasons = ("amount_fits", "reference_damaged", *(("payer_alike",) if known >= 0.7 else ()))
            board.take(Group((payment_id,), (claim.claim_id,), reasons, 0.96, True, runner_up))


def _score(board: Board, payment: Payment, claim: OpenClaim) -> tuple[float, float, float]:
    like = likeness(payment.text, claim.references)
    known = board.knows_payer(payment, claim)
    return 0.6 * like + 0.4 * known, like, known


def leftovers(board: Board) -> list[Group]:
    """A first proposal for what is left, several payments together where they add up; else suspense."""
    proposals = list(_several_payments(board))
    proposed = {payment_id for group in proposals for payment_id in group.payment_ids}
    for payment_id, payment in board.payments.items():
        if payment_id not in board.done_payments and payment_id not in proposed:
            proposals.append(_single(board, payment))
    return proposals


def _several_payments(board: Board) -> Iterator[Group]:
    """Payments of one payer that add up to one claim, when at least one of them names it."""
    taken: set[int] = set()
    by_payer: dict[tuple[str, str], list[Payment]] = {}
    for payment in board.payments.values():
        if payment.payment_id not in board.done_payments:
            by_payer.setdefault((payment.name, payment.currency), []).append(payment)
    for mates in by_payer.values():
        for width in (2, 3, 4):
            if len(mates) > 40:
                continue
            for chosen in combinations(mates, width):
                ids = tuple(sorted(p.payment_id for p in chosen))
                if taken & set(ids):
                    continue
                claim = _named_together(board, chosen)
                if claim:
                    taken.update(ids)
                    board.done_claims.add(claim.claim_id)
                    yield Group(ids, (claim.claim_id,), ("payments_add_up", "reference_damaged"), 0.8, False)


def _named_together(board: Board, chosen: tuple[Payment, ...]) -> OpenClaim | None:
    total = sum(p.amount_cents for p in chosen)
    candidates = {claim_id for p in chosen for claim_id in board.open_pairs(p.payment_id, ONE_SLIP)}
    for claim_id in sorted(candidates):
        claim = board.claims[claim_id]
        if board.tolerance.covers(claim.open_cents, total):
            return claim
    return None


def _single(board: Board, payment: Payment) -> Group:
    pairs = board.open_pairs(payment.payment_id, AMOUNT)
    scored = []
    for claim_id, evidence in pairs.items():
        claim = board.claims[claim_id]
        fits = board.tolerance.covers(claim.open_cents, payment.amount_cents)
        score, _, known = _score(board, payment, claim)
        weight = 0.5 * score + (0.35 if fits else 0.0) + {EXACT: 0.15, ONE_SLIP: 0.1}.get(evidence, 0.0)
        reasons = tuple(
            word
            for word, holds in (
                ("reference_found", evidence == EXACT),
                ("reference_one_slip", evidence == ONE_SLIP),
                ("amount_fits", fits),
                ("part_payment", not fits and payment.amount_cents < claim.open_cents),
                ("payer_alike", known >= 0.7),
            )
            if holds
        )
        scored.append((weight, -claim_id, claim_id, reasons))
    scored.sort(reverse=True)
    if not scored or scored[0][0] < 0.3:
        return Group((payment.payment_id,), (), ("nothing_fits",), 0.0, False)
    runner_up = (scored[1][2],) if len(scored) > 1 else ()
    weight, _, claim_id, reasons = scored[0]
    return Group((payment.payment_id,), (claim_id,), reasons, min(0.9, weight), False, runner_up)
