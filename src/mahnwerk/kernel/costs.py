"""Costs of recovering a debt: what may be asked, how much, and why. Whole cents, no fractions.

Agencies and lawyers out of court, payment order proceedings, court fees. `late_charges` has letters and the
lump sum, `rules` the closed catalogue; both can be imported from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from mahnwerk.kernel.fees import PERMILLE, PPM, CostError, Figures, check_amount, half_up, permille_of
from mahnwerk.kernel.late_charges import (
    DunningFee,
    LumpSum,
    SetOff,
    dunning_fee,
    late_payment_lump_sum,
    set_off_lump_sum,
    split_cents,
)
from mahnwerk.kernel.rules import RULES, Rule, UnknownRule, check_rule
from mahnwerk.law import Law

__all__ = [
    "RULES",
    "CollectionCosts",
    "CostError",
    "CostRow",
    "CourtFee",
    "DunningFee",
    "LumpSum",
    "Rule",
    "SetOff",
    "UnknownRule",
    "check_rule",
    "collection_costs",
    "court_fee",
    "dunning_fee",
    "late_payment_lump_sum",
    "payment_order_costs",
    "set_off_lump_sum",
    "split_cents",
]

BEYOND_REGULAR: Final = "needs_extensive_or_difficult_work"
"""Warning: the rate asked is owed only where the work is (particularly) extensive or difficult."""


@dataclass(frozen=True)
class CostRow:
    """One line of a cost note.

    `part` is fee, credit, expenses or vat; `base_cents` what the rate was applied to (the full fee, or
    the sum of fees); credits are negative.
    """

    rule_id: str
    part: str
    statute: str
    base_cents: int
    rate_permille: int | None
    amount_cents: int


@dataclass(frozen=True)
class CollectionCosts:
    """A cost note whose rows add up: fees less credit, expenses, tax, total.

    `warnings` is a closed vocabulary (`BEYOND_REGULAR`); `unverified` names law parameters whose figure
    carries confidence C and must be shown as such.
    """

    fee_cents: int
    expenses_cents: int
    vat_cents: int
    total_cents: int
    rows: tuple[CostRow, ...]
    sources: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True)
class CourtFee:
    """A court fee, with the full fee it is a multiple of."""

    fee_cents: int
    full_fee_cents: int
    rate_permille: int
    sources: tuple[str, ...]
    unverified: tuple[str, ...] = ()


def _check_rate(rate: int, disputed: bool, is_simple: bool, sources: Figures) -> tuple[str, ...]:
    """Refuse a rate beyond the law; warn where it is owed only for extensive or difficult work."""
    if not disputed and sources.law.applies("costs.collection_rates", sources.on):
        name, regular_key, maximum_key = "costs.collection_rates", "regular", "maximum"
        if is_simple:
            regular_key = maximum_key = "simple"
    else:
        name, regular_key, maximum_key = "costs.rvg_rates", "business_threshold", "business_maximum"
    regular, maximum = sources.permille(name, regular_key), sources.permille(name, maximum_key)
    if rate > maximum:
        kind = "a disputed claim" if disputed else "a simple case" if is_simple else "an undisputed claim"
        statute = sources.law.parameter(name).statute
        raise CostError(
            f"a fee rate of {rate / PERMILLE:g} is more than the {maximum / PERMILLE:g} allowed for {kind} "
            f"({statute}); ask {maximum / PERMILLE:g} or less"
        )
    return (BEYOND_REGULAR,) if rate > regular else ()


def _fee_row(rule_id: str, full_fee: int, rate: int, sources: Figures) -> CostRow:
    fee = max(half_up(full_fee * rate, PERMILLE), sources.cents("costs.rvg_minimum_fee"))
    return CostRow(rule_id, "fee", RULES[rule_id].statute, full_fee, rate, fee)


def _collection_fee(
    amount_cents: int, rate: int, disputed: bool, sources: Figures, rule_id: str = "costs.collection"
) -> CostRow:
    full_fee = sources.full_fee(amount_cents, "costs.rvg_fee_steps")
    small = "costs.rvg_small_claim"
    if (
        not disputed
        and sources.law.applies(small, sources.on)
        and amount_cents <= sources.law.cents(small, sources.on, "claim_up_to")
    ):
        full_fee = sources.cents(small, "fee")
    return _fee_row(rule_id, full_fee, rate, sources)


def _note(
    rows: list[CostRow],
    sources: Figures,
    *,
    vat: bool,
    performed_on: date | None,
    warnings: tuple[str, ...] = (),
) -> CollectionCosts:
    """Add expenses (once per matter) and tax to the fees, and add it all up."""
    rule_id = rows[0].rule_id
    fees = sum(row.amount_cents for row in rows)
    charged = sum(row.amount_cents for row in rows if row.part == "fee")
    share, cap = sources.ppm("costs.expenses_share"), sources.cents("costs.expenses_cap")
    expenses = min(half_up(charged * share, PPM), cap)
    rows = [*rows, CostRow(rule_id, "expenses", "Nr. 7002 VV RVG", charged, share // 1_000, expenses)]
    tax = 0
    if vat:
        rate = sources.ppm("costs.vat_rate", performed_on)
        tax = half_up((fees + expenses) * rate, PPM)
        rows.append(CostRow(rule_id, "vat", "Nr. 7008 VV RVG", fees + expenses, rate // 1_000, tax))
    return CollectionCosts(
        fee_cents=fees,
        expenses_cents=expenses,
        vat_cents=tax,
        total_cents=fees + expenses + tax,
        rows=tuple(rows),
        sources=tuple(sources.texts),
        warnings=warnings,
        unverified=tuple(sources.unverified),
    )


def collection_costs(
    amount_cents: int,
    mandate_on: date,
    factor: int | Fraction,
    law: Law,
    *,
    vat: bool,
    disputed: bool = False,
    is_simple: bool = False,
    payment_agreement: bool = False,
    performed_on: date | None = None,
) -> CollectionCosts:
    """Say what a creditor may ask of the debtor for an agency or a lawyer out of court.

    The full fee by value (31.50 euro up to 50 euro of an undisputed claim), times the rate, at least the
    minimum fee; 20 per cent of the fees for post, at most 20 euro, once; tax only where asked for.

    Parameters
    ----------
    amount_cents : value of the claim, 1..PRINCIPAL_CENTS_MAX; principal alone
    mandate_on : day of the unconditional order; picks the version (§ 60 RVG)
    factor : rate in thousandths of the full fee (900), or a Fraction (9/10)
    law : law of Germany
    vat : True only if the creditor cannot deduct input tax
    disputed : True leaves Nr. 2300 Anm. 2 VV RVG and the fee for small claims aside
    is_simple : the debtor paid within two weeks after the first demand, so the lowest rate binds
    payment_agreement : add the fee for an agreement on instalments (Nr. 1000 Nr. 2 VV RVG)
    performed_on : day of the work, for the rate of tax; None = `mandate_on`

    Returns
    -------
    `CollectionCosts` with its rows.

    Raises
    ------
    CostError : amount or rate out of bounds, or a rate beyond what the law allows.
    LawGap : the mandate is older than our data, or the tax rate of that day is not known.

    Guarantees
    ----------
    Rows add up to the total. No cost falls when the amount or the rate rises. Expenses never exceed their
    ceiling. No tax unless asked for. Agreement with exact fractions on any input.

    Sources
    -------
    § 13e Abs. 1 RDG; §§ 2 Abs. 2, 13, 31b, 60 RVG; Nr. 1000, 2300, 7002, 7008 VV RVG. The value of a
    payment agreement (principal alone) is a convention.

    Examples
    --------
    >>> from mahnwerk.law import load_laws
    >>> collection_costs(100_000, date(2026, 1, 2), 900, load_laws()["de"], vat=False).total_cents
    10044
    """
    check_amount(amount_cents)
    rate = permille_of(factor)
    sources = Figures(law, mandate_on)
    warnings = _check_rate(rate, disputed, is_simple, sources)
    rows = [_collection_fee(amount_cents, rate, disputed, sources)]
    if payment_agreement:
        share = sources.ppm("costs.payment_agreement_value_share")
        value = max(1, half_up(amount_cents * share, PPM))
        full_fee = sources.full_fee(value, "costs.rvg_fee_steps")
        rows.append(
            _fee_row(
                "costs.payment_agreement",
                full_fee,
                sources.permille("costs.payment_agreement_rate"),
                sources,
            )
        )
    return _note(rows, sources, vat=vat, performed_on=performed_on, warnings=warnings)


def payment_order_costs(
    amount_cents: int,
    mandate_on: date,
    law: Law,
    *,
    vat: bool,
    business_factor: int | Fraction | None = None,
    disputed: bool = False,
    enforcement_order: bool = False,
    performed_on: date | None = None,
) -> CollectionCosts:
    """Say what a lawyer or agency costs in payment order proceedings, less the credited earlier fee.

    Half of the out-of-court fee, at most 0.75 of the full fee, is credited on Nr. 3305 and only on it.
    The debtor may rely on the credit where the earlier fee is paid, titled, or claimed in the same
    proceedings (§ 15a RVG): then, and only then, pass `business_factor`.

    Parameters
    ----------
    amount_cents : value of the claim, 1..PRINCIPAL_CENTS_MAX
    mandate_on : day of the unconditional order (§ 60 RVG)
    law : law of Germany
    vat : True only if the creditor cannot deduct input tax
    business_factor : rate of the fee to credit, in thousandths or a Fraction; None = nothing to credit
    disputed : how that earlier fee was worked out, as in `collection_costs`
    enforcement_order : add the fee of the enforcement order (Nr. 3308), owed only without objection in time
    performed_on : day of the work, for the rate of tax; None = `mandate_on`

    Returns
    -------
    `CollectionCosts`; the credit is a row with a negative amount.

    Raises
    ------
    CostError, LawGap : as `collection_costs`.

    Guarantees
    ----------
    Rows add up. The credit never exceeds the fee it is credited on.

    Sources
    -------
    Nr. 3305, 3308, 7002, 7008 VV RVG; Vorbem. 3 Abs. 4 VV RVG; § 15a RVG. Expenses are worked out before
    the credit (convention).
    """
    check_amount(amount_cents)
    sources = Figures(law, mandate_on)
    full_fee = sources.full_fee(amount_cents, "costs.rvg_fee_steps")
    rate = sources.permille("costs.rvg_rates", "payment_order_application")
    rows = [_fee_row("costs.payment_order", full_fee, rate, sources)]
    if business_factor is not None:
        earlier = permille_of(business_factor)
        _check_rate(earlier, disputed, False, sources)
        fee = _collection_fee(amount_cents, earlier, disputed, sources).amount_cents
        share = sources.ppm("costs.fee_credit_share")
        most = half_up(full_fee * sources.permille("costs.fee_credit_maximum"), PERMILLE)
        credit = min(half_up(fee * share, PPM), most, rows[0].amount_cents)
        statute = law.parameter("costs.fee_credit_share").statute
        rows.append(CostRow("costs.payment_order", "credit", statute, fee, share // 1_000, -credit))
    if enforcement_order:
        rate = sources.permille("costs.rvg_rates", "enforcement_order")
        rows.append(_fee_row("costs.enforcement_order", full_fee, rate, sources))
    return _note(rows, sources, vat=vat, performed_on=performed_on)


def court_fee(amount_cents: int, filed_on: date, law: Law, *, step: str = "payment_order") -> CourtFee:
    """Court fee for a payment order (Nr. 1100), or for litigation (`litigation`, `litigation_reduced`).

    Parameters
    ----------
    amount_cents : principal, 1..PRINCIPAL_CENTS_MAX; interest and costs do not count (§ 43 Abs. 1 GKG)
    filed_on : day on which the case becomes pending; picks the version (§ 71 Abs. 1 GKG)
    law : law of Germany
    step : payment_order | litigation | litigation_reduced

    Raises
    ------
    CostError : amount out of bounds, or unknown step.
    LawGap : the day is older than our data.

    Guarantees
    ----------
    Never below the minimum fee; never falls when the amount rises; agreement with exact fractions.

    Sources
    -------
    § 34 GKG; Nr. 1100, 1210, 1211 KV GKG.
    """
    check_amount(amount_cents)
    sources = Figures(law, filed_on)
    steps = law.parameter("payment_order.court_fee_rates").keys
    if step not in steps:
        raise CostError(f"unknown step {step!r}; use one of {', '.join(steps)}")
    full_fee = sources.full_fee(amount_cents, "payment_order.gkg_fee_steps")
    rate = sources.permille("payment_order.court_fee_rates", step)
    minimum = sources.cents("payment_order.minimum_fee")
    if step == "payment_order":
        minimum = max(minimum, sources.cents("payment_order.minimum_fee_1100"))
    fee = max(half_up(full_fee * rate, PERMILLE), minimum)
    return CourtFee(fee, full_fee, rate, tuple(sources.texts), tuple(sources.unverified))
