"""The closed catalogue of what may be asked beside the principal. A cost without a rule cannot be booked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mahnwerk.frames import Component


class UnknownRule(ValueError):  # noqa: N818 - the project's word for it
    """A rule id that is not in the catalogue."""


@dataclass(frozen=True)
class Rule:
    """One ground for asking money.

    `parameters` names the law parameters that bound or fix the amount; empty where the amount is the
    actual cost. `is_recovery_cost` marks damages that consist of the costs of pursuing the claim, on
    which the lump sum of § 288 Abs. 5 BGB is credited.
    """

    rule_id: str
    component: Component
    title_de: str
    title_en: str
    statute: str
    parameters: tuple[str, ...] = ()
    is_recovery_cost: bool = False

    def title(self, language: str) -> str:
        """Title in German (`de`) or English (anything else)."""
        return self.title_de if language == "de" else self.title_en


_FEES: Final = ("costs.rvg_fee_steps", "costs.rvg_minimum_fee")
_EXPENSES: Final = ("costs.expenses_share", "costs.expenses_cap", "costs.vat_rate")
_COSTS: Final = Component.COSTS
_INTEREST: Final = Component.INTEREST

_CATALOGUE: Final = (
    Rule(
        "costs.dunning_letter",
        _COSTS,
        "Kosten des Mahnschreibens",
        "Cost of the dunning letter",
        "§§ 280 Abs. 1, 2, 286 BGB",
        ("costs.dunning_letter_cap", "costs.dunning_email_cap"),
        is_recovery_cost=True,
    ),
    Rule(
        "costs.bank_return_charge",
        _COSTS,
        "Bankkosten der Rücklastschrift",
        "Bank charge for the returned direct debit",
        "§ 280 Abs. 1 BGB",
    ),
    Rule(
        "costs.late_payment_lump_sum",
        _COSTS,
        "Verzugspauschale",
        "Late payment lump sum",
        "§ 288 Abs. 5 BGB",
        ("costs.late_payment_lump_sum",),
    ),
    Rule(
        "costs.collection",
        _COSTS,
        "Inkassokosten",
        "Collection costs",
        "§§ 280 Abs. 1, 2, 286 BGB, § 13e Abs. 1 RDG, Nr. 2300 VV RVG",
        (*_FEES, "costs.rvg_small_claim", "costs.rvg_rates", "costs.collection_rates", *_EXPENSES),
        is_recovery_cost=True,
    ),
    Rule(
        "costs.payment_agreement",
        _COSTS,
        "Kosten der Zahlungsvereinbarung",
        "Costs of the payment agreement",
        "Nr. 1000 Nr. 2 VV RVG, § 31b RVG",
        (*_FEES, "costs.payment_agreement_rate", "costs.payment_agreement_value_share", *_EXPENSES),
        is_recovery_cost=True,
    ),
    Rule(
        "costs.payment_order",
        _COSTS,
        "Vertretung im Mahnverfahren",
        "Representation in payment order proceedings",
        "Nr. 3305 VV RVG, § 91 ZPO",
        (*_FEES, "costs.rvg_rates", "costs.fee_credit_share", "costs.fee_credit_maximum", *_EXPENSES),
        is_recovery_cost=True,
    ),
    Rule(
        "costs.enforcement_order",
        _COSTS,
        "Antrag auf Vollstreckungsbescheid",
        "Application for an enforcement order",
        "Nr. 3308 VV RVG, § 91 ZPO",
        (*_FEES, "costs.rvg_rates", *_EXPENSES),
        is_recovery_cost=True,
    ),
    Rule(
        "costs.enforcement_act",
        _COSTS,
        "Vertretung in der Zwangsvollstreckung",
        "Representation in enforcement",
        "Nr. 3309 VV RVG, § 788 ZPO",
        (*_FEES, "costs.rvg_rates", *_EXPENSES),
        is_recovery_cost=True,
    ),
    Rule(
        "costs.court_fee",
        _COSTS,
        "Gerichtskosten",
        "Court fee",
        "§ 34 GKG, Nr. 1100 KV GKG, § 91 ZPO",
        ("payment_order.gkg_fee_steps", "payment_order.minimum_fee_1100", "payment_order.court_fee_rates"),
    ),
    Rule(
        "costs.court_expenses",
        _COSTS,
        "Auslagen des Gerichts",
        "Expenses of the court",
        "Nr. 9002 KV GKG, § 91 ZPO",
        ("payment_order.service_fee", "payment_order.free_services"),
    ),
    Rule(
        "costs.address_search",
        _COSTS,
        "Kosten der Anschriftenermittlung",
        "Cost of finding the address",
        "§§ 280 Abs. 1, 2, 286 BGB",
        is_recovery_cost=True,
    ),
    Rule(
        "interest.default",
        _INTEREST,
        "Verzugszinsen",
        "Default interest",
        "§ 288 Abs. 1, 2 BGB",
        ("interest.base_rate", "interest.default_margin"),
    ),
    Rule(
        "interest.litigation",
        _INTEREST,
        "Prozesszinsen",
        "Litigation interest",
        "§ 291 BGB",
        ("interest.base_rate", "interest.default_margin"),
    ),
    Rule("interest.agreed", _INTEREST, "Vertragliche Zinsen", "Contractual interest", "§ 311 Abs. 1 BGB"),
    Rule(
        "interest.agreed_default",
        _INTEREST,
        "Vereinbarte Verzugszinsen",
        "Agreed default interest",
        "§ 288 Abs. 3 BGB",
    ),
)

RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.rule_id: rule for rule in _CATALOGUE})
"""Every rule by its id."""


def check_rule(rule_id: str, component: Component | None = None) -> Rule:
    """The rule of that id.

    Parameters
    ----------
    rule_id : as stored with a cost or a span of interest
    component : if given, the rule must belong to this part of a debt

    Raises
    ------
    UnknownRule : not in the catalogue, or of another component; the message lists what is allowed.
    """
    rule = RULES.get(rule_id)
    if rule is None or (component is not None and rule.component is not component):
        allowed = [r.rule_id for r in _CATALOGUE if component in (None, r.component)]
        part = "" if component is None else f" for {component.name.lower()}"
        raise UnknownRule(f"{rule_id!r} is not a rule{part}; use one of {', '.join(allowed)}")
    return rule
