"""From pairs to groups: which payments together pay which claims together.

Three shapes are certain when references and amounts agree: one payment for one claim, one payment for
several claims, several payments for one claim. Whatever else remains is a proposal or suspense.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from mahnwerk.kernel.matching_pairs import AMOUNT, EXACT, ONE_SLIP
from mahnwerk.kernel.names import similarity
from mahnwerk.kernel.references import likeness

CHOICES_MAX = 4_000
"""Combinations looked at for one payment; a longer list is for a person."""


@dataclass(frozen=True)
class Payment:
    payment_id: int
    amount_cents: int
    currency: str
    text: str
    name: str
    iban: str


@dataclass(frozen=True)
class OpenClaim:
    claim_id: int
    debtor_id: int
    open_cents: int
    currency: str
    references: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Tolerance:
    """How far an amount may differ and still mean the same thing."""

    ppm: int
    cents: int

    def covers(self, owed: int, paid: int) -> bool:
        """Paid in full, or short by a bank charge or a rounding; one or two cents over are rounding."""
        short = owed - paid
        return -2 <= short <= max(self.cents, owed * self.ppm // 1_000_000)


@dataclass(frozen=True)
class Group:
    """Payments that together pay claims together."""

    payment_ids: tuple[int, ...]
    claim_ids: tuple[int, ...]
    reasons: tuple[str, ...]
    confidence: float
    is_certain: bool
    runner_up: tuple[int, ...] = ()


@dataclass
class Board:
    """All payments and claims with their evidence, and what has been grouped so far."""

    payments: dict[int, Payment]
    claims: dict[int, OpenClaim]
    tolerance: Tolerance
    by_payment: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    by_claim: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    tokens: dict[int, dict[str, dict[int, int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )
    groups: list[Group] = field(default_factory=list)
    done_payments: set[int] = field(default_factory=set)
    done_claims: set[int] = field(default_factory=set)
    payer_debtors: dict[str, set[int]] = field(default_factory=dict)
    _by_debtor: dict[int, list[OpenClaim]] = field(default_factory=dict)

    def claims_of(self, debtor_id: int) -> list[OpenClaim]:
        if not self._by_debtor:
            for claim in self.claims.values():
                self._by_debtor.setdefault(claim.debtor_id, []).append(claim)
        return self._by_debtor.get(debtor_id, [])

    def add(self, payment_id: int, claim_id: int, evidence: int, token: str) -> None:
        best = max(evidence, self.by_payment[payment_id].get(claim_id, 0))
        self.by_payment[payment_id][claim_id] = best
        self.by_claim[claim_id][payment_id] = best
        if token:
            known = self.tokens[payment_id][token]
            known[claim_id] = max(evidence, known.get(claim_id, 0))

    def take(self, group: Group) -> None:
        self.groups.append(group)
        self.done_payments.update(group.payment_ids)
        self.done_claims.update(group.claim_ids)

    def open_pairs(self, payment_id: int, at_least: int) -> dict[int, int]:
        return {
            claim_id: evidence
            for claim_id, evidence in self.by_payment[payment_id].items()
            if evidence >= at_least and claim_id not in self.done_claims
        }

    def knows_payer(self, payment: Payment, claim: OpenClaim) -> float:
        """1 where the account paid for this debtor before, else how alike the names are."""
        if payment.iban and claim.debtor_id in self.payer_debtors.get(payment.iban, ()):
            return 1.0
        return similarity(payment.name, claim.name)


def one_for_one(board: Board) -> None:
    """A payment whose amount fits exactly one of the claims its text names."""
    for payment_id, payment in board.payments.items():
        if payment_id in board.done_payments:
            continue
        pairs = board.open_pairs(payment_id, ONE_SLIP)
        fitting = {
            claim_id: evidence
            for claim_id, evidence in pairs.items()
            if board.tolerance.covers(board.claims[claim_id].open_cents, payment.amount_cents)
        }
        if not fitting:
            continue
        best = _best(board, payment, fitting)
        rivals = tuple(claim_id for claim_id in fitting if claim_id not in best)
        if len(best) == 1:
            exact = fitting[best[0]] == EXACT
            reasons = ("reference_found" if exact else "reference_one_slip", "amount_fits")
            board.take(Group((payment_id,), (best[0],), reasons, 0.99 if exact else 0.98, True, rivals[:1]))


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
    for payment_id, payment in board.payments.items():
        if payment_id in board.done_payments:
            continue
        pairs = board.open_pairs(payment_id, ONE_SLIP)
        if len(pairs) < 1:
            continue
        solutions = _sums(board, payment, _choices(board, payment_id, pairs))
        if len(solutions) == 1:
            chosen, how = solutions[0]
            if len(chosen) > 1:
                board.take(Group((payment_id,), chosen, ("references_found", "sum_fits", *how), 0.98, True))


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
            total = sum(board.claims[c].open_cents for c in chosen)
            if board.tolerance.covers(total, payment.amount_cents):
                found.setdefault(tuple(sorted(chosen)), ())
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
            if likeness(payment.text, claim.references) >= 0.7:
                found[tuple(sorted((*chosen, claim.claim_id)))] = ("one_reference_damaged",)
    return found


def many_for_one(board: Board) -> None:
    """Several payments whose texts name the same claim and that add up to it."""
    order = sorted(board.by_claim, key=lambda c: -len(board.by_claim[c]))
    for least in (EXACT, ONE_SLIP):
        for claim_id in order:
            if claim_id in board.done_claims:
                continue
            claim = board.claims[claim_id]
            payers = [
                board.payments[p]
                for p, evidence in board.by_claim[claim_id].items()
                if evidence >= least and p not in board.done_payments and evidence > AMOUNT
            ]
            payers = [
                p for p in payers if p.currency == claim.currency and p.amount_cents < claim.open_cents + 3
            ]
            solutions = _payment_sums(board, claim, payers)
            if len(solutions) == 1:
                board.take(
                    Group(solutions[0], (claim_id,), ("reference_found", "payments_add_up"), 0.98, True)
                )


def _payment_sums(board: Board, claim: OpenClaim, payers: Sequence[Payment]) -> list[tuple[int, ...]]:
    if not 2 <= len(payers) <= 12:
        return []
    found = []
    for mask in range(3, 1 << len(payers)):
        chosen = [payers[i] for i in range(len(payers)) if mask >> i & 1]
        if len(chosen) > 1 and board.tolerance.covers(claim.open_cents, sum(p.amount_cents for p in chosen)):
            found.append(tuple(sorted(p.payment_id for p in chosen)))
    return found
