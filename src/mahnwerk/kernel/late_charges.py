"""What a late payment may cost beside interest and fees by value: letters, the lump sum, and how to share.

All in whole cents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mahnwerk.frames import PRINCIPAL_CENTS_MAX, REMUNERATION_KINDS, Channel, ClaimKind
from mahnwerk.kernel.fees import CostError, Figures
from mahnwerk.kernel.rules import RULES
from mahnwerk.law import Law


@dataclass(frozen=True)
class DunningFee:
    """What may be asked for one message, and why it is not more.

    `reason` is actual_cost, capped or puts_in_default.
    """

    fee_cents: int
    reason: str
    sources: tuple[str, ...]
    rule_id: str = "costs.dunning_letter"
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True)
class LumpSum:
    """The lump sum for one late payment; `reason` says why it is owed or not.

    owed | consumer | not_remuneration | before_the_rule
    """

    amount_cents: int
    reason: str
    sources: tuple[str, ...]
    rule_id: str = "costs.late_payment_lump_sum"


@dataclass(frozen=True)
class SetOff:
    """Lump sum and recovery costs after the credit; together they are the larger of the two."""

    lump_sum_cents: int
    recovery_costs_cents: int
    credited_cents: int


def dunning_fee(
    actual_cost_cents: int,
    letter_on: date,
    law: Law,
    *,
    puts_in_default: bool,
    channel: str = Channel.POST,
) -> DunningFee:
    """Say what may be asked for one dunning message.

    Nothing for the message that first puts the debtor in default; otherwise its actual cost (print,
    envelope, postage, dispatch), at most the ceiling of the channel.

    Parameters
    ----------
    actual_cost_cents : what this letter costs, 0..PRINCIPAL_CENTS_MAX
    letter_on : date of the letter
    law : law of Germany
    puts_in_default : the debtor is not in default before this message
    channel : post or email

    Returns
    -------
    `DunningFee`.

    Raises
    ------
    CostError : negative or broken cost, or unknown channel.

    Guarantees
    ----------
    Never more than the actual cost, never more than the ceiling, 0 before default.

    Sources
    -------
    §§ 280 Abs. 1, 2, 286 BGB; BGH VIII ZR 95/18. The ceilings are policy (confidence C).
    """
    if isinstance(actual_cost_cents, bool) or not isinstance(actual_cost_cents, int):
        raise CostError(f"the cost of a letter must be whole cents, is {actual_cost_cents!r}")
    if not 0 <= actual_cost_cents <= PRINCIPAL_CENTS_MAX:
        raise CostError(f"the cost of a letter must be 0 or more cents, is {actual_cost_cents}")
    caps = {Channel.POST.value: "costs.dunning_letter_cap", Channel.EMAIL.value: "costs.dunning_email_cap"}
    if channel not in caps:
        raise CostError(f"unknown channel {channel!r}; use one of {', '.join(caps)}")
    statute = RULES["costs.dunning_letter"].statute
    if puts_in_default:
        return DunningFee(0, "puts_in_default", (statute,))
    figures = Figures(law, letter_on)
    cap = figures.cents(caps[channel])
    if actual_cost_cents <= cap:
        return DunningFee(actual_cost_cents, "actual_cost", (statute,))
    return DunningFee(cap, "capped", tuple(figures.texts), unverified=tuple(figures.unverified))


def late_payment_lump_sum(
    obligation_arose_on: date, law: Law, *, is_consumer: bool, kind: ClaimKind | int
) -> LumpSum:
    """Say whether the lump sum for late payment is owed, once per late payment, and how much it is.

    Parameters
    ----------
    obligation_arose_on : picks the version (Art. 229 § 34 EGBGB)
    law : law of Germany or Austria
    is_consumer : of the debtor; unknown counts as consumer
    kind : of the claim; only payment for goods or services qualifies

    Returns
    -------
    `LumpSum`, of 0 with the reason where it is not owed.

    Raises
    ------
    LawGap : the obligation is older than our data.

    Sources
    -------
    § 288 Abs. 5 Satz 1, 2 BGB; § 458 UGB.
    """
    name = "costs.late_payment_lump_sum"
    statute = law.parameter(name).statute
    if is_consumer:
        return LumpSum(0, "consumer", (statute,))
    if kind not in REMUNERATION_KINDS:
        return LumpSum(0, "not_remuneration", (statute,))
    source = (str(law.source(name, obligation_arose_on)),)
    if not law.applies(name, obligation_arose_on):
        return LumpSum(0, "before_the_rule", source)
    return LumpSum(law.cents(name, obligation_arose_on), "owed", source)


def set_off_lump_sum(lump_sum_cents: int, recovery_costs_cents: int) -> SetOff:
    """Credit the lump sum on damages that consist of recovery costs, and on nothing else.

    Parameters
    ----------
    lump_sum_cents : lump sum owed for the same late payment, ≥ 0
    recovery_costs_cents : sum of its costs whose rule has `is_recovery_cost`, ≥ 0; never interest

    Returns
    -------
    `SetOff`.

    Raises
    ------
    CostError : a negative amount.

    Guarantees
    ----------
    Lump sum and remaining costs together are the larger of the two inputs.

    Sources
    -------
    § 288 Abs. 5 Satz 3 BGB.
    """
    if lump_sum_cents < 0 or recovery_costs_cents < 0:
        raise CostError(f"amounts must not be negative: {lump_sum_cents}, {recovery_costs_cents}")
    credited = min(lump_sum_cents, recovery_costs_cents)
    return SetOff(lump_sum_cents, recovery_costs_cents - credited, credited)


def split_cents(total_cents: int, weights: Sequence[int]) -> list[int]:
    """Share a sum out in proportion, in whole cents, so that the parts add up to it.

    Each part is rounded down; the cents left over go one each to the largest remainders, the earlier
    part first where they are equal. Without any weight the parts are as equal as cents allow.

    Parameters
    ----------
    total_cents : ≥ 0
    weights : at least one, each ≥ 0; for example the open amounts of the claims of a case

    Returns
    -------
    One part per weight, in their order.

    Raises
    ------
    CostError : no weights, or a negative number.

    Guarantees
    ----------
    The parts add up. No part is a cent or more away from its exact share. A weight of 0 gets nothing where
    another has more. Same input, same parts.
    """
    if total_cents < 0 or not weights or min(weights) < 0:
        raise CostError(f"cannot share {total_cents} cents over the weights {list(weights)}")
    shares = list(weights) if any(weights) else [1] * len(weights)
    whole = sum(shares)
    parts = [total_cents * share // whole for share in shares]
    remainders = [total_cents * share % whole for share in shares]
    order = sorted(range(len(shares)), key=lambda position: (-remainders[position], position))
    for position in order[: total_cents - sum(parts)]:
        parts[position] += 1
    return parts
