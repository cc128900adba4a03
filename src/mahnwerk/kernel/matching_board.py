"""The board of matching: payments, claims, the evidence between them, and what has been decided so far."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mahnwerk.kernel.matching_pairs import EXACT, SHORT, TWO_SLIPS
from mahnwerk.kernel.names import similarity, words
from mahnwerk.kernel.references import forms, number_of, shape, tokens, without

COMMON_AMOUNT: Final = 3
"""From so many open claims of one amount on, the amount confirms nothing."""
ALIKE_SURE: Final = 0.85


@dataclass(frozen=True)
class Payment:
    payment_id: int
    amount_cents: int
    currency: str
    text: str
    name: str
    iban: str
    value_on: dt.date | None = None


@dataclass(frozen=True)
class OpenClaim:
    claim_id: int
    debtor_id: int
    open_cents: int
    currency: str
    references: tuple[str, ...]
    name: str
    discount_cents: int = 0
    discount_until: dt.date | None = None
    other_cents: tuple[int, ...] = ()
    same_amount: int = 1  # open claims of this currency and amount, itself included
    is_telling: bool = False  # amounts of its numbering scheme tell claims apart
    head: str = ""  # what all references of its scheme begin with
    is_sparse: bool = False  # numbers of its scheme lie so far apart that a slip meets no other

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> OpenClaim:
        """A claim from its row of OPEN_CLAIMS with `same_amount`."""
        return cls(
            row["claim_id"],
            row["debtor_id"],
            row["open_cents"],
            row["currency"],
            tuple(row["references"] or ()),
            row["name"],
            row["discount_cents"] or 0,
            row["discount_until"],
            tuple(cents for cents in row["other_cents"] or () if cents and cents != row["open_cents"]),
            row["same_amount"],
            bool(row["is_telling"]),
            row["head"] or "",
            bool(row["is_sparse"]),
        )

    def after_discount(self, value_on: dt.date | None) -> int:
        """What pays this claim on a day, with the discount where it is still in time."""
        if self.discount_cents and self.discount_until and value_on and value_on <= self.discount_until:
            # Terms speak of the invoice: interest since then is not part of what they lower.
            return min(self.open_cents, *self.other_cents, self.open_cents) - self.discount_cents
        return self.open_cents


@dataclass(frozen=True)
class Tolerance:
    """How far an amount may differ and still mean the same thing."""

    ppm: int
    cents: int

    def covers(self, owed: int, paid: int) -> bool:
        """Paid in full, or short by a bank charge or a rounding; one or two cents over are rounding."""
        least, most = self.bounds(owed)
        return least <= paid <= most

    def bounds(self, owed: int) -> tuple[int, int]:
        """The least and the most that pays a sum in full."""
        return owed - max(self.cents, owed * self.ppm // 1_000_000), owed + 2


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
    schemes: dict[str, int] = field(default_factory=dict)
    """numbering scheme → the highest number an invoice may have, open or not."""
    groups: list[Group] = field(default_factory=list)
    hints: dict[int, Group] = field(default_factory=dict)
    done_payments: set[int] = field(default_factory=set)
    done_claims: set[int] = field(default_factory=set)
    payer_debtors: dict[str, set[int]] = field(default_factory=dict)
    named_cases: dict[int, dict[int, bool]] = field(default_factory=dict)
    """payment → cases its text names; True = by a reference with check digits."""
    _by_debtor: dict[int, list[OpenClaim]] = field(default_factory=dict)
    _namesakes: dict[tuple[str, int, frozenset[str]], set[int]] = field(default_factory=dict)

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

    def take(self, group: Group, *, closes: bool = True) -> None:
        """Book a certain group; keep an uncertain one as the first proposal for its payments."""
        if not group.is_certain:
            for payment_id in group.payment_ids:
                self.hints.setdefault(payment_id, group)
            return
        self.groups.append(group)
        self.done_payments.update(group.payment_ids)
        if closes:
            self.done_claims.update(group.claim_ids)

    def open_payments(self) -> list[Payment]:
        return [p for payment_id, p in self.payments.items() if payment_id not in self.done_payments]

    def open_pairs(self, payment_id: int, at_least: int) -> dict[int, int]:
        return {
            claim_id: evidence
            for claim_id, evidence in self.by_payment[payment_id].items()
            if evidence >= at_least and claim_id not in self.done_claims
        }

    def fit(self, claims: Sequence[OpenClaim], paid: int, value_on: dt.date | None) -> str:
        """Why a sum pays the claims in full: amount_fits, discount_taken, other_amount; "" = it does not."""
        covers = self.tolerance.covers
        if covers(sum(claim.open_cents for claim in claims), paid):
            return "amount_fits"
        lowered = sum(claim.after_discount(value_on) for claim in claims)
        if lowered < sum(claim.open_cents for claim in claims) and covers(lowered, paid):
            return "discount_taken"
        for place in range(max((len(claim.other_cents) for claim in claims), default=0)):
            total = sum(
                claim.other_cents[place] if place < len(claim.other_cents) else claim.open_cents
                for claim in claims
            )
            if covers(total, paid):
                return "other_amount"
        return ""

    def knows_payer(self, payment: Payment, claim: OpenClaim) -> float:
        """1 where the account paid for this debtor before, else how alike the names are."""
        return 1.0 if self.is_known(payment, claim) else similarity(payment.name, claim.name)

    def is_known(self, payment: Payment, claim: OpenClaim) -> bool:
        """Whether this account paid for this debtor before."""
        return bool(payment.iban) and claim.debtor_id in self.payer_debtors.get(payment.iban, ())

    def has_namesake(self, claim: OpenClaim) -> bool:
        """Another debtor of the same name owes the same amount, so that the name tells them not apart."""
        if not self._namesakes:
            for other in self.claims.values():
                key = other.currency, other.open_cents, frozenset(words(other.name))
                self._namesakes.setdefault(key, set()).add(other.debtor_id)
        return len(self._namesakes[claim.currency, claim.open_cents, frozenset(words(claim.name))]) > 1

    def is_telling(self, claims: Sequence[OpenClaim]) -> bool:
        """The amount of each claim points to it alone."""
        return all(claim.same_amount == 1 and claim.is_telling for claim in claims)

    def specific(self, payment_id: int, claim_id: int) -> int:
        """The strongest evidence by a reference that means this claim and no other as well; 0 = none."""
        best = 0
        for meanings in self.tokens[payment_id].values():
            mine = meanings.get(claim_id, 0)
            if mine > best and sum(other >= mine for other in meanings.values()) == 1:
                best = mine
        return best

    def may_name_another(self, payment: Payment, claims: Sequence[OpenClaim]) -> bool:
        """The text holds a number that may be another invoice's, paid long ago or not known here.

        Then what looks like a slip of the pen may be none: who pays the same each month names such numbers.
        """
        own = {form for claim in claims for reference in claim.references for form in forms(reference)}
        return any(
            token not in own and number_of(token) <= self.schemes.get(shape(token), -1)
            for token in tokens(without(payment.text, own))
        )

    def owes_it_elsewhere(self, payment: Payment, claim: OpenClaim) -> bool:
        """The payer owes this very sum on another claim, while this one is a stranger's or of another sum."""
        is_stranger = self.knows_payer(payment, claim) < ALIKE_SURE
        is_near = payment.amount_cents not in self.sums(claim, payment.value_on)
        others = (self.claims[claim_id] for claim_id in self.by_payment[payment.payment_id])
        return (is_stranger or is_near) and any(
            other.claim_id != claim.claim_id
            and (is_near or other.debtor_id != claim.debtor_id)
            and payment.amount_cents in self.sums(other, payment.value_on)
            and self.knows_payer(payment, other) >= ALIKE_SURE
            for other in others
        )

    def sums(self, claim: OpenClaim, value_on: dt.date | None) -> tuple[int, ...]:
        """Every sum that pays the claim in full on a day."""
        return (claim.open_cents, claim.after_discount(value_on), *claim.other_cents)

    def is_sure(self, payment: Payment, claims: Sequence[OpenClaim]) -> bool:
        """Whether references, with an amount that fits, leave no other reading.

        A reference as written is enough unless the payer is a stranger and the amount is one of many, or what
        he owes himself: then it may be a slip for a neighbour's number. A damaged one may be another
        invoice's that is long paid: it must be no number an invoice may have, and needs an amount that no
        other claim has, or the payer where numbers lie far apart.
        """
        evidence = min(self.specific(payment.payment_id, claim.claim_id) for claim in claims)
        if evidence < TWO_SLIPS:
            return False
        alike = any(
            self.is_known(payment, claim)
            or (self.knows_payer(payment, claim) >= ALIKE_SURE and not self.has_namesake(claim))
            for claim in claims
        )
        is_common = any(claim.same_amount >= COMMON_AMOUNT for claim in claims)
        if evidence < SHORT and self.may_name_another(payment, claims):
            return False
        named = any(claim.debtor_id in self.named_cases.get(payment.payment_id, ()) for claim in claims)
        if len(claims) == 1 and not named and self.owes_it_elsewhere(payment, claims[0]):
            return False
        if evidence >= EXACT:
            return not is_common or alike or named or not payment.name
        if self.is_telling(claims):
            return True
        if evidence == SHORT:
            return alike
        return alike and not is_common and all(claim.is_sparse for claim in claims)
