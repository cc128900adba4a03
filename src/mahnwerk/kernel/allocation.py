"""Replay of a book: what each claim owes after every payment, credit, cost and day of interest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from mahnwerk.frames import BALANCES, Book, FactKind
from mahnwerk.kernel import events as ev
from mahnwerk.kernel import plans
from mahnwerk.kernel.charges import charges
from mahnwerk.kernel.details import allocations, spans, tomorrow
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.disputes import disputed
from mahnwerk.kernel.facts import live_facts, per_claim
from mahnwerk.kernel.interest import EPOCH, Days, RateIndex, rate_index
from mahnwerk.kernel.offers import accepted_offers, moments
from mahnwerk.kernel.plan_payments import meant
from mahnwerk.kernel.plan_states import LAID
from mahnwerk.kernel.rates import NEVER, claim_rates, day_numbers, missing_parameter
from mahnwerk.kernel.replay import Ledger, Places, Story, walk
from mahnwerk.law import Laws

__all__ = ["Replay", "ReplaySettings", "live_facts", "replay"]

COST_BALANCES: Final[dict[str, Any]] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "fact_no": pl.Int32,
    "rule_id": pl.String,
    "charged_cents": pl.Int64,
    "open_cents": pl.Int64,
    "is_unproven": pl.Boolean,
}
"""Costs per claim. An unproven cost shows what it would be and is in no total."""

SURPLUS: Final[dict[str, Any]] = {"case_id": pl.Int64, "surplus_cents": pl.Int64}
LAW_GAPS: Final[dict[str, Any]] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "parameter": pl.String,
}
SUBORDINATED: Final[dict[str, Any]] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "interest_open_cents": pl.Int64,
}
WAIVED: Final[dict[str, Any]] = {
    "case_id": pl.Int64,
    "fact_no": pl.Int32,
    "effective_on": pl.Date,
    "claim_id": pl.Int64,
    "interest_cents": pl.Int64,
}
PROBLEMS: Final[dict[str, Any]] = {
    "case_id": pl.Int64,
    "fact_no": pl.Int32,
    "problem": pl.String,
    "excess_cents": pl.Int64,
}


@dataclass(frozen=True)
class ReplaySettings:
    """Choices the law leaves open; each is printed with the result."""

    day_count: str = "act/act"


@dataclass(frozen=True)
class Replay:
    """A book on one day."""

    balances: pl.DataFrame
    """BALANCES, in the order of the book's claims."""
    surplus: pl.DataFrame
    """case_id, surplus_cents: cases with a credit balance only."""
    cost_balances: pl.DataFrame
    law_gaps: pl.DataFrame
    """Claims whose figure stops where the law is unknown; their cases must be held."""
    subordinated: pl.DataFrame
    """Open interest run since insolvency was opened (§ 39 Abs. 1 Nr. 1 InsO): part of what is owed."""
    problems: pl.DataFrame
    """case_id, fact_no, problem: facts that ask for more than is there, as far as they do."""
    waived: pl.DataFrame
    """Interest given up because a payment came as demanded."""
    laid: pl.DataFrame
    """LAID: what payments and set-offs settled of each claim since the last plan over it was agreed."""
    allocations: pl.DataFrame | None = None
    spans: pl.DataFrame | None = None
    tomorrow: pl.DataFrame | None = None
    """claim_id, rate_ppm, interest_millicents (thousandths of a cent) of the next day if nothing happens;
    null where no rate runs or, in both, where the law of that day is unknown."""


def replay(
    book: Book,
    defaults: pl.DataFrame,
    laws: Laws,
    on: date,
    *,
    detail: bool = False,
    settings: ReplaySettings | None = None,
) -> Replay:
    """Compute what every claim of a book owes at the end of a day.

    Facts in force are walked in the order (effective day, fact number): sequentially within a case, all
    cases at once. Interest accrues exactly, in whole numerators, up to and with the day of each event,
    so a payment's own day still counts. Claims of cases without money facts take a short path: one
    product. See the decisions page on allocation for each fact kind.

    Parameters
    ----------
    book : frames as their schemas; facts may be in any order
    defaults : claim_id Int64 · default_began_on Date · default_ground String; a missing claim is not in
        default
    laws : by jurisdiction
    on : the day; facts effective later do not count
    detail : also return ALLOCATIONS, SPANS and the interest of tomorrow

    Returns
    -------
    `Replay`

    Raises
    ------
    FrameError, BoundError
        never LawGap: a claim that needs unknown law is listed in `law_gaps`.

    Guarantees
    ----------
    Pure; row order does not matter. Payments = costs + interest + principal paid + surplus + refunds.
    Nothing open is negative. Interest open = half-up(exact interest) − paid − waived. Two facts that
    cancel change nothing.

    Sources
    -------
    §§ 288, 366, 367, 396, 497 Abs. 3 BGB, § 39 InsO. That a payment beyond what is due pays claims that
    exist but are not due yet follows from §§ 271 Abs. 2, 366 Abs. 2 BGB. Conventions: day of payment
    counted; surplus set off when a later claim falls due (§ 387 BGB); paid-as-demanded.
    """
    chosen = settings or ReplaySettings()
    live = in_force(book, on)
    claims = _terms(book, defaults)
    rates = claim_rates(claims, live, laws, _indexes(claims, laws, chosen.day_count), on)
    costs = charges(live, book.claims, book.notices)
    ledger = Ledger.opened(claims["principal_cents"].to_numpy(), rates, detail=detail)
    story = _walked(book, live, claims, costs, ledger, on)
    _charge_others(ledger, claims, costs, story)
    today = (on - EPOCH).days
    ledger.accrue(slice(None), today)
    balances = _balances(claims, ledger, story, disputed(live, claims))
    return Replay(
        balances=balances,
        surplus=_surplus(story),
        cost_balances=_cost_balances(claims, costs, ledger),
        law_gaps=_law_gaps(claims, ledger, laws),
        subordinated=_subordinated(claims, ledger, story, live),
        problems=_problems(story, live),
        waived=_waived(story),
        laid=_laid(claims, ledger),
        allocations=allocations(story) if detail else None,
        spans=spans(claims, ledger) if detail else None,
        tomorrow=tomorrow(claims, ledger, today + 1) if detail else None,
    )


def _terms(book: Book, defaults: pl.DataFrame) -> pl.DataFrame:
    """The claims with what decides their rates, in their own order."""
    return book.claims.join(
        book.cases.select("case_id", "is_consumer"), on="case_id", how="left", maintain_order="left"
    ).join(
        defaults.select("claim_id", "default_began_on", "default_ground"),
        on="claim_id",
        how="left",
        maintain_order="left",
    )


def _indexes(claims: pl.DataFrame, laws: Laws, day_count: str) -> dict[str, RateIndex]:
    """Rate tables of the jurisdictions the claims belong to; Germany's where there is no claim."""
    used = [code for code in claims["jurisdiction"].unique().sort().to_list() if code in laws]
    return {code: rate_index(laws[code], day_count) for code in used or ["de"]}


def _walked(
    book: Book, live: pl.DataFrame, claims: pl.DataFrame, costs: pl.DataFrame, ledger: Ledger, on: date
) -> Story:
    """Walk the cases whose history matters."""
    covered = plans.covered(live, book.instalments)
    money = ev.money_facts(live, covered)
    touched = money.select("case_id").unique()
    own = (
        claims.with_row_index("row")
        .join(touched, on="case_id", how="semi")
        .sort("case_id", "claim_no")
        .with_columns(case_no=pl.col("case_id").rle_id().cast(pl.Int64))
    )
    story = Story(own)
    if own.is_empty():
        return story
    owed = costs.filter(~pl.col("is_unproven")).join(touched, on="case_id", how="semi")
    ends, paused = ev.pause_lines(money, own)
    answered = accepted_offers(money, book.designations, book.notices)
    implied = meant(money, covered, book.instalments, own, book.designations, answered)
    offers = implied.offers
    letters, remembered = moments(offers)
    openings = money.filter(pl.col("op") == int(ev.Op.REMEMBER))
    marked = per_claim(openings, own).with_row_index("slot", offset=offers.height)
    loans = ev.loan_moments(own, offers.height + marked.height)
    story.subordinated = marked.select("case_id", "claim_id", "slot", "fact_no")
    charged = owed.with_columns(pl.col("fact_no").cast(pl.Int64), op=pl.lit(int(ev.Op.CHARGE), pl.Int8))
    story.timeline = ev.timeline(
        [money, ev.charge_events(owed), ev.surplus_events(money, own, on), ends, letters, loans],
        own,
        {
            "named": pl.concat([ev.named_lines(money, book.designations, offers, implied.by_sum), paused]),
            "planned": implied.by_rest,
            "charged": ev.lines_of(charged, pl.col("charged_cents")),
            "remembered": pl.concat(
                [ev.lines_of(marked, pl.col("slot")), remembered, ev.lines_of(loans, pl.col("slot"))]
            ),
            "offered": offers.select(list(ev.LINE)),
        },
        (on - EPOCH).days,
    )
    places = Places.of(
        own.join(
            loans.select("claim_id", contractual_slot="slot"),
            on="claim_id",
            how="left",
            maintain_order="left",
        ),
        _titled_from(own, live),
        NEVER,
    )
    slots = offers.height + marked.height + loans.height
    story.walk = walk(story.timeline, places, ledger, slots, implied.sums)
    return story


def _titled_from(own: pl.DataFrame, live: pl.DataFrame) -> Days:
    """Day from which each claim is titled; a title counts as more burdensome."""
    titles = live.filter(pl.col("kind") == int(FactKind.TITLE_OBTAINED))
    first = per_claim(titles, own).group_by("claim_id").agg(pl.col("effective_on").min())
    joined = own.select("claim_id").join(first, on="claim_id", how="left", maintain_order="left")
    return day_numbers(joined["effective_on"], NEVER)


def _charge_others(ledger: Ledger, claims: pl.DataFrame, costs: pl.DataFrame, story: Story) -> None:
    """Book the costs of claims without a history: their order does not matter."""
    owed = costs.filter(~pl.col("is_unproven"))
    if owed.is_empty():
        return
    others = owed.join(story.claims.select("claim_id"), on="claim_id", how="anti")
    sums = others.group_by("claim_id").agg(pl.col("charged_cents").sum())
    joined = claims.select("claim_id").join(sums, on="claim_id", how="left", maintain_order="left")
    ledger.costs_charged += joined["charged_cents"].fill_null(0).to_numpy()


def _balances(claims: pl.DataFrame, ledger: Ledger, story: Story, disputes: pl.DataFrame) -> pl.DataFrame:
    every = slice(None)
    costs_open, interest_open = ledger.costs_open(every), ledger.interest_open(every)
    surplus = np.zeros(claims.height, dtype=np.int64)
    if story.walk is not None:
        surplus[story.claims["row"].to_numpy()] = story.walk.surplus[story.claims["case_no"].to_numpy()]
    frame = claims.select("case_id", "claim_id", "default_began_on", "default_ground").with_columns(
        principal_open_cents=pl.Series(ledger.principal),
        interest_accrued_cents=pl.Series(ledger.interest_due(every)),
        interest_open_cents=pl.Series(interest_open),
        costs_charged_cents=pl.Series(ledger.costs_charged),
        costs_open_cents=pl.Series(costs_open),
        open_cents=pl.Series(ledger.principal + interest_open + costs_open),
        paid_cents=pl.Series(ledger.paid),
        credited_cents=pl.Series(ledger.credited),
        surplus_cents=pl.Series(surplus),
    )
    if disputes.is_empty():
        return frame.with_columns(disputed_cents=pl.lit(0, pl.Int64)).select(list(BALANCES))
    named = disputes.with_columns(is_disputed=pl.lit(True))
    # Interest and costs share the fate of the principal: who disputes all of it disputes them too.
    principal = pl.col("principal_open_cents")
    is_whole = (principal > 0) & (pl.col("disputed_cents") >= principal)
    part = pl.min_horizontal(pl.coalesce("disputed_cents", "open_cents"), "open_cents")
    part = pl.when(is_whole).then(pl.col("open_cents")).otherwise(part)
    return (
        frame.join(named, on="claim_id", how="left", maintain_order="left")
        .with_columns(disputed_cents=pl.when(pl.col("is_disputed")).then(part).otherwise(0))
        .select(list(BALANCES))
    )


def _laid(claims: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    some = np.flatnonzero(ledger.plan_paid)
    if not len(some):
        return pl.DataFrame(schema=LAID)
    return claims[some].select("case_id", "claim_id", cents=pl.Series(ledger.plan_paid[some]))


def _surplus(story: Story) -> pl.DataFrame:
    if story.walk is None:
        return pl.DataFrame(schema=SURPLUS)
    cases = story.claims.select("case_id", "case_no").unique().sort("case_no")
    frame = cases.select("case_id", surplus_cents=pl.Series(story.walk.surplus))
    return frame.filter(pl.col("surplus_cents") > 0)


def _cost_balances(claims: pl.DataFrame, costs: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Each cost with what is left of it; a claim's older costs are settled first."""
    if costs.is_empty():
        return pl.DataFrame(schema=COST_BALANCES)
    settled = claims.select("claim_id", settled=pl.Series(ledger.costs_settled))
    owed = pl.when(pl.col("is_unproven")).then(0).otherwise(pl.col("charged_cents"))
    through = owed.cum_sum().over("claim_id")
    return (
        costs.sort("claim_id", "day", "fact_no")
        .with_columns(before=through - owed)
        .join(settled, on="claim_id", how="left", maintain_order="left")
        .with_columns(got=(pl.col("settled") - pl.col("before")).clip(0).clip(upper_bound=owed))
        .with_columns(open_cents=pl.col("charged_cents") - pl.col("got"))
        .select(list(COST_BALANCES))
    )


def _law_gaps(claims: pl.DataFrame, ledger: Ledger, laws: Laws) -> pl.DataFrame:
    rows = np.flatnonzero(ledger.has_gap)
    if not len(rows):
        return pl.DataFrame(schema=LAW_GAPS)
    return claims[rows].select("case_id", "claim_id", parameter=missing_parameter(claims[rows], laws))


def _subordinated(claims: pl.DataFrame, ledger: Ledger, story: Story, live: pl.DataFrame) -> pl.DataFrame:
    """Open interest that has run since insolvency was opened and not closed again."""
    if story.walk is None or story.subordinated is None or story.subordinated.is_empty():
        return pl.DataFrame(schema=SUBORDINATED)
    closed = per_claim(live.filter(pl.col("kind") == int(FactKind.INSOLVENCY_CLOSED)), story.claims)
    before = pl.Series("before", story.walk.slots)
    marked = (
        story.subordinated.join(closed.select("claim_id", closed_no="fact_no"), on="claim_id", how="left")
        .filter(pl.col("closed_no").is_null() | (pl.col("closed_no") < pl.col("fact_no")))
        .with_columns(before=pl.lit(before).gather(pl.col("slot")))
        .group_by("claim_id")
        .agg(pl.col("before").min())
        .join(story.claims.select("case_id", "claim_id", "row"), on="claim_id")
    )
    rows = marked["row"].to_numpy()
    since = ledger.interest_due(rows) - marked["before"].to_numpy()
    cents = np.minimum(since, ledger.interest_open(rows))
    return marked.select("case_id", "claim_id", interest_open_cents=pl.Series(cents)).filter(
        pl.col("interest_open_cents") > 0
    )


def _problems(story: Story, live: pl.DataFrame) -> pl.DataFrame:
    """Facts that asked for more than was there."""
    if story.walk is None or not story.walk.excess:
        return pl.DataFrame(schema=PROBLEMS)
    event = np.concatenate([event for event, _ in story.walk.excess])
    cents = np.concatenate([cents for _, cents in story.walk.excess])
    return (
        pl.DataFrame({**story.event_columns(event), "excess_cents": cents})
        .with_columns(problem=pl.lit("more_than_open"))
        .select(list(PROBLEMS))
    )


def _waived(story: Story) -> pl.DataFrame:
    if story.walk is None or not story.walk.waived:
        return pl.DataFrame(schema=WAIVED)
    event, claim, cents = (np.concatenate(part) for part in zip(*story.walk.waived, strict=True))
    frame = pl.DataFrame(
        {
            **story.event_columns(event),
            "claim_id": story.claims["claim_id"][claim],
            "interest_cents": cents,
        }
    )
    return frame.filter(pl.col("interest_cents") > 0).select(list(WAIVED))
