"""How much of a debtor's earned income could be attached, and what stays with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from mahnwerk.bounds import PRINCIPAL_CENTS_MAX
from mahnwerk.law import Law

_PPM: Final = 1_000_000
_EXEMPTIONS: Final = {
    "month": "enforcement.attachment_exemption",
    "week": "enforcement.attachment_exemption_week",
    "day": "enforcement.attachment_exemption_day",
}


class EnforcementError(ValueError):
    """Income, number of dependants or period is out of bounds."""


@dataclass(frozen=True)
class Attachable:
    """What may be attached of one period's net income.

    `exempt_cents` stays with the debtor; both together are the net income. `base_cents` is the amount
    that is exempt in any case, with dependants; `cap_cents` the income above which all may be attached.
    """

    attachable_cents: int
    exempt_cents: int
    base_cents: int
    cap_cents: int
    per: str
    sources: tuple[str, ...]


def attachable(net_cents: int, dependants: int, on: date, law: Law, per: str = "month") -> Attachable:
    """Say what part of earned net income can be attached.

    Income above the cap counts in full. The rest is rounded down to a whole step (10 euro a month), and
    of what exceeds the exempt amount the debtor keeps three tenths, two more for the first dependant and
    one more for each of the second to fifth.

    Parameters
    ----------
    net_cents : net income of the period, 0..PRINCIPAL_CENTS_MAX
    dependants : people the debtor maintains by law, 0 or more; more than five count as five
    on : day on which the income is paid
    law : law of Germany
    per : month | week | day

    Returns
    -------
    `Attachable`.

    Raises
    ------
    EnforcementError : an argument is out of bounds.
    LawGap : the figures of that day are not known; weekly and daily ones before 2026-07-01 are not.

    Guarantees
    ----------
    Never more than the income, never less than 0. More income never lowers it, more dependants never
    raise it. Every cell of the official monthly tables.

    Sources
    -------
    § 850c Abs. 1 to 5 ZPO and the yearly notices. Not covered: income that cannot be attached at all
    (§ 850a), maintenance (§ 850d), torts (§ 850f Abs. 2). For an instalment plan this is a signal of what
    is affordable, not a legal limit.

    Examples
    --------
    >>> from mahnwerk.law import load_laws
    >>> attachable(200_000, 0, date(2026, 11, 21), load_laws()["de"]).attachable_cents
    28882
    """
    _check(net_cents, dependants, per)
    name = _EXEMPTIONS[per]
    counted = min(dependants, law.count("enforcement.attachment_dependants_max", on))
    further = max(counted - 1, 0)
    base, cap = law.cents(name, on, "base"), law.cents(name, on, "cap")
    share = law.ppm("enforcement.attachment_debtor_share", on, "debtor")
    if counted:
        base += law.cents(name, on, "first_dependant") + further * law.cents(name, on, "further_dependant")
        share += law.ppm("enforcement.attachment_debtor_share", on, "first_dependant")
        share += further * law.ppm("enforcement.attachment_debtor_share", on, "further_dependant")
    step = law.cents("enforcement.attachment_step", on, per)
    capped = min(net_cents, cap)
    excess = max(capped - capped % step - base, 0)
    # half a cent upwards; excess and share are whole and not negative
    taken = (2 * excess * (_PPM - share) + _PPM) // (2 * _PPM) + net_cents - capped
    sources = (str(law.source(name, on)), str(law.source("enforcement.attachment_debtor_share", on)))
    return Attachable(taken, net_cents - taken, base, cap, per, sources)


def _check(net_cents: int, dependants: int, per: str) -> None:
    if isinstance(net_cents, bool) or not isinstance(net_cents, int):
        raise EnforcementError(f"net income must be whole cents, is {net_cents!r}")
    if not 0 <= net_cents <= PRINCIPAL_CENTS_MAX:
        raise EnforcementError(f"net income must be 0 to {PRINCIPAL_CENTS_MAX} cents, is {net_cents}")
    if isinstance(dependants, bool) or not isinstance(dependants, int) or dependants < 0:
        raise EnforcementError(f"dependants must be a whole number, 0 or more, is {dependants!r}")
    if per not in _EXEMPTIONS:
        raise EnforcementError(f"unknown period {per!r}; use one of {', '.join(_EXEMPTIONS)}")
