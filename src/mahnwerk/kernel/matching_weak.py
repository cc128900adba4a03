"""What references one slip away did not settle: amount, payer and a badly damaged reference together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import combinations

from mahnwerk.kernel.matching_board import ALIKE_SURE, COMMON_AMOUNT, Board, Group, OpenClaim, Payment
from mahnwerk.kernel.matching_pairs import AMOUNT, EXACT, ONE_SLIP, SHORT, TWO_SLIPS
from mahnwerk.kernel.references import likeness

STRENGTH = {EXACT: 0.3, SHORT: 0.2, ONE_SLIP: 0.12, TWO_SLIPS: 0.05}
"""What a reference adds to a proposal; one as written is worth a question whatever the amount."""
MATES_MAX = 40
"""More payments of one name that nothing explains are no instalments of one claim."""
LIKENESS_CERTAIN = 0.72
"""With the exact amount, unique in its currency, this much of a reference is no accident."""


def by_likeness(board: Board) -> None:
    """One payment, one claim: the amount fits this claim alone and most of its reference is there."""
    for payment in board.open_payments():
        payment_id = payment.payment_id
        fitting = [
            board.claims[claim_id]
            for claim_id in board.open_pairs(payment_id, AMOUNT)
            if board.fit([board.claims[claim_id]], payment.amount_cents, payment.value_on)
        ]
        if not fitting:
            continue
        scored = sorted(((_score(board, payment, claim), claim) for claim in fitting), key=lambda s: -s[0][0])
        (best, like, known), claim = scored[0]
        rival = scored[1][0][0] if len(scored) > 1 else 0.0
        runner_up = (scored[1][1].claim_id,) if len(scored) > 1 else ()
        # Alone in its amount, or paid by a payer like the debtor and not one of a price everybody pays.
        backed = board.is_telling([claim]) or (known >= ALIKE_SURE and claim.same_amount < COMMON_AMOUNT)
        certain = like >= LIKENESS_CERTAIN and best - rival >= 0.25 and backed
        named = any(e >= SHORT and c != claim.claim_id for c, e in board.by_payment[payment_id].items())
        doubt = named or board.may_name_another(payment, [claim]) or board.owes_it_elsewhere(payment, claim)
        certain = certain and not doubt
        if certain:
            reasons = ("amount_fits", "reference_damaged", *(("payer_alike",) if known >= 0.7 else ()))
            board.take(Group((payment_id,), (claim.claim_id,), reasons, 0.96, True, runner_up))


def _score(board: Board, payment: Payment, claim: OpenClaim) -> tuple[float, float, float]:
    like = likeness(payment.text, claim.references, claim.head)
    known = board.knows_payer(payment, claim)
    return 0.6 * like + 0.4 * known, like, known


def leftovers(board: Board) -> list[Group]:
    """A first proposal for what is left, several payments together where they add up; else suspense."""
    proposals = _hinted(board)
    proposals += _several_payments(board, {p for group in proposals for p in group.payment_ids})
    proposed = {payment_id for group in proposals for payment_id in group.payment_ids}
    for payment_id, payment in board.payments.items():
        if payment_id not in board.done_payments and payment_id not in proposed:
            proposals.append(_single(board, payment))
    return proposals


def _hinted(board: Board) -> list[Group]:
    """Groups that fitted but were not sure, as long as their payments and claims are still free."""
    groups: list[Group] = []
    taken: set[int] = set()
    for group in dict.fromkeys(board.hints[p] for p in sorted(board.hints)):
        payments = set(group.payment_ids)
        if payments & (taken | board.done_payments) or board.done_claims & set(group.claim_ids):
            continue
        taken |= payments
        groups.append(group)
    return groups


def _several_payments(board: Board, hinted: set[int]) -> Iterator[Group]:
    """Payments of one payer that add up to one claim, when at least one of them names it."""
    taken: set[int] = set(hinted)
    by_payer: dict[tuple[str, str], list[Payment]] = {}
    for payment in board.payments.values():
        if payment.payment_id not in board.done_payments and payment.payment_id not in hinted:
            by_payer.setdefault((payment.name, payment.currency), []).append(payment)
    for mates in by_payer.values():
        if len(mates) > MATES_MAX:
            continue
        for _, places, claim_id in sorted(_sums(board, mates)):
            ids = tuple(sorted(mates[place].payment_id for place in places))
            if taken.isdisjoint(ids) and claim_id not in board.done_claims:
                taken.update(ids)
                board.done_claims.add(claim_id)
                yield Group(ids, (claim_id,), ("payments_add_up", "reference_damaged"), 0.8, False)


def _sums(board: Board, mates: Sequence[Payment]) -> set[tuple[int, tuple[int, ...], int]]:
    """(how many, their places, claim id) of two to four mates that add up to a claim one of them names."""
    amounts = sorted((mate.amount_cents, place) for place, mate in enumerate(mates))
    found: set[tuple[int, tuple[int, ...], int]] = set()
    for naming, mate in enumerate(mates):
        others = [place for place in range(len(mates)) if place != naming]
        for claim_id in board.open_pairs(mate.payment_id, TWO_SLIPS):
            least, most = board.tolerance.bounds(board.claims[claim_id].open_cents)
            for width in (2, 3, 4):
                for between in combinations(others, width - 2):
                    so_far = mate.amount_cents + sum(mates[place].amount_cents for place in between)
                    start = bisect_left(amounts, (least - so_far, -1))
                    for cents, last in amounts[start:]:
                        if so_far + cents > most:
                            break
                        places = {naming, *between, last}
                        if len(places) == width:
                            found.add((width, tuple(sorted(places)), claim_id))
    return found


def _single(board: Board, payment: Payment) -> Group:
    pairs = board.open_pairs(payment.payment_id, AMOUNT)
    scored = []
    for claim_id, evidence in pairs.items():
        claim = board.claims[claim_id]
        fits = board.fit([claim], payment.amount_cents, payment.value_on)
        score, _, known = _score(board, payment, claim)
        weight = 0.5 * score + (0.35 if fits else 0.0) + STRENGTH.get(evidence, 0.0)
        reasons = tuple(
            word
            for word, holds in (
                ("reference_found", evidence == EXACT),
                ("reference_short", evidence == SHORT),
                ("reference_one_slip", evidence == ONE_SLIP),
                ("reference_damaged", evidence == TWO_SLIPS),
                (fits or "amount_fits", fits),
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
