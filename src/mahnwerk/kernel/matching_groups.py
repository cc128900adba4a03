"""From pairs to groups: which payments together pay which claims together.

Three shapes can be certain when references and amounts agree: one payment for one claim, one payment for
several claims, several payments for one claim. Whatever else remains is a proposal or suspense.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations, islice

from mahnwerk.kernel.matching_board import ALIKE_SURE, Board, Group, OpenClaim, Payment
from mahnwerk.kernel.matching_pairs import EXACT, ONE_SLIP, SHORT, TWO_SLIPS
from mahnwerk.kernel.references import likeness

CHOICES_MAX = 4_000
"""Combinations looked at for one payment; a longer list is for a person."""
PAYERS_MAX = 8
"""More payments than this for one claim are looked at only if their payers fit."""
WORDS = {EXACT: "reference_found", SHORT: "reference_short", ONE_SLIP: "reference_one_slip"}
CONFIDENCE = {EXACT: 0.99, SHORT: 0.98, ONE_SLIP: 0.98, TWO_SLIPS: 0.97}
UNSURE = 0.85
"""Confidence of a proposal whose reference and amount fit, but not beyond doubt."""


def one_for_one(board: Board) -> None:
    """A payment whose amount fits exactly one of the claims its text names."""
    for payment in board.open_payments():
        payment_id = payment.payment_id
        pairs = board.open_pairs(payment_id, TWO_SLIPS)
        fitting = {
            claim_id: (evidence, how)
            for claim_id, evidence in pairs.items()
            if (how := board.fit([board.claims[claim_id]], payment.amount_cents, payment.value_on))
        }
        if not fitting:
            continue
        best = _best(board, payment, {claim_id: evidence for claim_id, (evidence, _) in fitting.items()})
        if len(best) == 1:
            _take_one(board, payment, best[0], fitting)


def _take_one(board: Board, payment: Payment, claim_id: int, fitting: dict[int, tuple[int, str]]) -> None:
    sure = board.is_sure(payment, [board.claims[claim_id]])
    rivals = [rival for rival in fitting if rival != claim_id]
    if not sure and board.knows_payer(payment, board.claims[claim_id]) < ALIKE_SURE:
        # The number of a stranger, and one slip away a claim of this very payer: propose that one first.
        own = [rival for rival in rivals if board.knows_payer(payment, board.claims[rival]) >= ALIKE_SURE]
        if len(own) == 1:
            rivals = [claim_id]
            claim_id = own[0]
    evidence, how = fitting[claim_id]
    reasons = (WORDS.get(evidence, "reference_damaged"), how, *(() if sure else ("not_beyond_doubt",)))
    confidence = CONFIDENCE[evidence] if sure else UNSURE
    board.take(Group((payment.payment_id,), (claim_id,), reasons, confidence, sure, tuple(rivals[:1])))


def _best(board: Board, payment: Payment, fitting: dict[int, int]) -> list[int]:
    """The claims with the strongest evidence; among equals the smallest difference, then the payer."""
    top = max(fitting.values())
    best = [claim_id for claim_id, evidence in fitting.items() if evidence == top]
    if len(best) > 1:
        least = min(abs(board.claims[c].open_cents - payment.amount_cents) for c in best)
        best = [c for c in best if abs(board.claims[c].open_cents - payment.amount_cents) == least]
    if len(best) > 1:
        likely = [c for c in best if board.knows_payer(payment, board.claims[c]) >= 0.9]
        best = likely if len(likely) == 1 else best
    return best


def one_for_many(board: Board) -> None:
    """A payment whose text names several claims that add up to it."""
    for payment in board.open_payments():
        payment_id = payment.payment_id
        pairs = board.open_pairs(payment_id, TWO_SLIPS)
        if len(pairs) < 1:
            continue
        solutions = _sums(board, payment, _choices(board, payment_id, pairs))
        if len(solutions) == 1:
            chosen, how = solutions[0]
            if len(chosen) > 1:
                sure = _is_sure_list(board, payment, chosen)
                reasons = ("references_found", *how)
                board.take(Group((payment_id,), chosen, reasons, 0.98 if sure else UNSURE, sure))


def _is_sure_list(board: Board, payment: Payment, chosen: Sequence[int]) -> bool:
    """Whether a list of references whose sum fits leaves no doubt.

    References of one debtor as written are no accident; with two of them and the right payer the others
    may be one slip away. Else the weakest counts.
    """
    evidence = [board.specific(payment.payment_id, claim_id) for claim_id in chosen]
    if min(evidence) >= SHORT:
        return True
    written = sum(strength >= SHORT for strength in evidence)
    alike = board.knows_payer(payment, board.claims[chosen[0]]) >= ALIKE_SURE
    if written >= 2 and min(evidence) >= ONE_SLIP and alike:
        return not board.may_name_another(payment, [board.claims[c] for c in chosen])
    return board.is_sure(payment, [board.claims[c] for c in chosen])


def _choices(board: Board, payment_id: int, pairs: dict[int, int]) -> dict[int, list[list[int]]]:
    """Per debtor: for each reference in the text the claims it may mean."""
    by_debtor: dict[int, list[list[int]]] = defaultdict(list)
    merged: dict[int, dict[frozenset[int], None]] = defaultdict(dict)
    for meanings in board.tokens[payment_id].values():
        top = max((meanings[c] for c in meanings if c in pairs), default=0)
        split: dict[int, list[int]] = defaultdict(list)
        for claim_id, evidence in meanings.items():
            if claim_id in pairs and evidence == top:
                split[board.claims[claim_id].debtor_id].append(claim_id)
        for debtor_id, claim_ids in split.items():
            merged[debtor_id][frozenset(claim_ids)] = None
    for debtor_id, sets in merged.items():
        # A set that holds another token's single meaning adds nothing.
        singles = {next(iter(s)) for s in sets if len(s) == 1}
        by_debtor[debtor_id] = [[c] for c in sorted(singles)] + [
            sorted(s) for s in sets if len(s) > 1 and not s & singles
        ]
    return by_debtor


def _sums(
    board: Board, payment: Payment, choices: dict[int, list[list[int]]]
) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Sets of claims of one debtor that add up to the payment; the fullest first, one reason each."""
    found: dict[tuple[int, ...], tuple[str, ...]] = {}
    for debtor_id, tokens in choices.items():
        for chosen in islice(_pick(tokens), CHOICES_MAX):
            claims = [board.claims[c] for c in chosen]
            fit = board.fit(claims, payment.amount_cents, payment.value_on)
            if fit:
                found.setdefault(tuple(sorted(chosen)), ("sum_fits",) if fit == "amount_fits" else (fit,))
        if not found:
            found.update(_with_missing(board, payment, debtor_id, tokens))
    if len(found) > 1:
        longest = max(len(chosen) for chosen in found)
        found = {chosen: how for chosen, how in found.items() if len(chosen) == longest}
    return list(found.items())


def _pick(tokens: list[list[int]]) -> Iterable[tuple[int, ...]]:
    """All ways to read the list: first with every reference, then leaving out one, then two."""
    seen: set[frozenset[int]] = set()
    for skipped in range(min(3, len(tokens))):
        for chosen in _read(tokens, skipped):
            key = frozenset(chosen)
            if len(key) == len(chosen) and key and key not in seen:
                seen.add(key)
                yield chosen


def _read(tokens: list[list[int]], skips: int) -> Iterable[tuple[int, ...]]:
    if not tokens:
        if skips == 0:
            yield ()
        return
    head, rest = tokens[0], tokens[1:]
    for claim_id in head:
        for tail in _read(rest, skips):
            yield (claim_id, *tail)
    if skips:
        yield from _read(rest, skips - 1)


def _with_missing(
    board: Board, payment: Payment, debtor_id: int, tokens: list[list[int]]
) -> dict[tuple[int, ...], tuple[str, ...]]:
    """One reference of the list is beyond recognition: does one open claim of the debtor fill the gap?"""
    found: dict[tuple[int, ...], tuple[str, ...]] = {}
    others = [
        claim
        for claim in board.claims_of(debtor_id)
        if claim.claim_id not in board.done_claims and claim.currency == payment.currency
    ]
    for chosen in islice(_pick(tokens), 50):
        total = sum(board.claims[c].open_cents for c in chosen)
        for claim in others:
            if claim.claim_id in chosen or not board.tolerance.covers(
                total + claim.open_cents, payment.amount_cents
            ):
                continue
            if likeness(payment.text, claim.references, claim.head) >= 0.7:
                found[tuple(sorted((*chosen, claim.claim_id)))] = ("sum_fits", "one_reference_damaged")
    return found


def many_for_one(board: Board) -> None:
    """Several payments whose texts name the same claim and that add up to it."""
    order = sorted(board.by_claim, key=lambda c: -len(board.by_claim[c]))
    for least in (EXACT, TWO_SLIPS):
        for claim_id in order:
            if claim_id in board.done_claims:
                continue
            claim = board.claims[claim_id]
            payers = [
                board.payments[p]
                for p, evidence in board.by_claim[claim_id].items()
                if evidence >= least and p not in board.done_payments
            ]
            payers = [
                p for p in payers if p.currency == claim.currency and p.amount_cents < claim.open_cents + 3
            ]
            solutions = _payment_sums(board, claim, payers)
            if len(solutions) == 1:
                sure = all(board.is_sure(board.payments[p], [claim]) for p in solutions[0])
                reasons = ("reference_found", "payments_add_up")
                board.take(Group(solutions[0], (claim_id,), reasons, 0.98 if sure else UNSURE, sure))


def _payment_sums(board: Board, claim: OpenClaim, payers: Sequence[Payment]) -> list[tuple[int, ...]]:
    """Two or more of the payments that add up to the claim; all such choices."""
    if len(payers) > PAYERS_MAX:
        payers = [p for p in payers if board.knows_payer(p, claim) >= ALIKE_SURE]
    if not 2 <= len(payers) <= PAYERS_MAX:
        return []
    days = [p.value_on for p in payers if p.value_on]
    owed = {claim.open_cents, claim.after_discount(max(days, default=None)), *claim.other_cents}
    if sum(p.amount_cents for p in payers) < min(owed) - max(board.tolerance.cents, min(owed) // 1000):
        return []
    found = []
    for width in range(2, len(payers) + 1):
        for chosen in combinations(payers, width):
            total = sum([p.amount_cents for p in chosen])
            if any(board.tolerance.covers(cents, total) for cents in owed):
                found.append(tuple(sorted(p.payment_id for p in chosen)))
                if len(found) > 1:
                    return found
    return found
