"""Instalment plans: offered with their whole cost, agreed as shown, executed as signed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.frames import PRINCIPAL_CENTS_MAX, Book, FactKind, HeldReason, Role
from mahnwerk.kernel import calendar, holds, plan_reminders, plan_states
from mahnwerk.kernel import plans as terms
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.daily_run import Decided
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.plans import PlanOffer, PlanRefused, PlanWish
from mahnwerk.law import load_laws
from mahnwerk.records import facts as fact_records
from mahnwerk.records import load
from mahnwerk.records import plans as plan_records
from mahnwerk.records.models import Case, InstalmentPlan
from mahnwerk.records.models import PlanOffer as OfferRow
from mahnwerk.usecases import clock, plan_affordability
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, decided, viewing_day
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

OFFER_VALID: Final = dt.timedelta(days=30)
"""How long a kept offer may be agreed to."""
FIRST_AFTER: Final = dt.timedelta(days=14)
"""The first instalment is due on the first day of a month at least so far ahead, unless said otherwise."""
CHUNK: Final = 5_000
"""Cases looked at together."""
STANDARD: Final = ("no_fee", "pay_early", "no_acknowledgement", "due_on_default")
DEFERRED: Final = ("no_fee", "pay_early", "no_acknowledgement")
"""Clauses of a deferral: nothing of it can fall due before its day."""
UNABLE: Final = {
    HeldReason.DEBTOR_DECEASED: "the debtor has died",
    HeldReason.INSOLVENCY: "the debtor is insolvent (§§ 81, 87 InsO)",
    HeldReason.MINOR: "the debtor is a minor",
    HeldReason.IDENTITY_DISPUTED: "the person says it is not he",
}
"""With whom nothing can be agreed while it is so."""
COSTS_TOLD: Final = "This agreement costs nothing: no fee for it, now or later (§ 13a Abs. 3 RDG)."


@dataclass(frozen=True)
class Ask:
    """What is asked of a plan, in whole cents and days. `all_on`: a deferral, all of it on that day."""

    per_month_cents: int
    first_on: dt.date | None = None
    rate_ppm: int = 0
    net_cents: int | None = None
    dependants: int = 0
    by_debit: bool = False
    with_pause: bool = False
    all_on: dt.date | None = None


@dataclass(frozen=True)
class OfferView:
    """An offer as it is shown: nothing of it is recorded unless `offer_id` is there."""

    case_reference: str
    currency: str
    offered_on: dt.date
    offer_id: str
    terms: dict[str, Any]
    not_covered: list[str]
    costs_told: str
    affordable_cents: int | None
    affordability: str
    exceeds_affordable: bool


@dataclass(frozen=True)
class PlanView:
    """A plan on record, and how it stands on a day."""

    case_reference: str
    currency: str
    plan_no: int
    state: str
    agreed_on: dt.date
    agreed_by: str
    terms: dict[str, Any]
    terms_hash: str
    paid_cents: int
    missing_cents: int
    missing_since: dt.date | None
    next_due_on: dt.date | None
    next_cents: int | None
    reminded_on: dt.date | None
    not_collected_since: dt.date | None = None
    """Due date of the oldest instalment that was ours to collect and is not there."""
    is_known: bool = False


@dataclass(frozen=True)
class Made:
    """A plan solved for what is owed now, and what it leaves out."""

    case: Case
    offer: PlanOffer
    claim_ids: list[int]
    not_covered: list[str]
    last_fact_no: int


def offer(book: OpenBook, case: str, ask: Ask, *, on: dt.date | None = None, save: bool = False) -> OfferView:
    """Show a plan with every instalment, its total cost, its last day and its clauses.

    Parameters
    ----------
    on : the day of the offer; None = the day of the last run, else today
    save : keep the offer, so that it can be agreed to by its id

    Raises
    ------
    BadInput
        No lawful plan that ends fits; the message says why and what would.
    """
    case_id, day = case_id_of(book, case), viewing_day(book, on)
    made = _make(book, case_id, ask, day)
    offer_id = ""
    if save:
        row = OfferRow.objects.create(
            tenant_id=book.tenant_id,
            case_id=case_id,
            offered_on=day,
            fact_no=made.last_fact_no,
            terms={**terms.as_json(made.offer), "ask": _plain(ask)},
            terms_hash=made.offer.terms_hash,
        )
        offer_id = row.public_id
        note(book, "plan_offer", on=day, case_id=case_id, detail={"terms_hash": made.offer.terms_hash})
    affordable, once = None, dict[plan_affordability.Month, int]()
    if ask.net_cents is not None:
        monthly, once = plan_affordability.other_plans(book, case_id, day)
        affordable = terms.affordable(
            ask.net_cents, ask.dependants, day, load_laws()["de"], other_plans_cents=monthly
        )
    return OfferView(
        case_reference=made.case.case_reference,
        currency=made.case.currency,
        offered_on=day,
        offer_id=offer_id,
        terms=terms.as_json(made.offer),
        not_covered=made.not_covered,
        costs_told=COSTS_TOLD if made.case.role == Role.AGENCY else "",
        affordable_cents=affordable,
        affordability=plan_affordability.CAVEAT if affordable is not None else "",
        exceeds_affordable=affordable is not None
        and plan_affordability.exceeds(made.offer, affordable, once, day, is_deferral=ask.all_on is not None),
    )


def _plain(ask: Ask) -> dict[str, Any]:
    """The question as JSON, without what the debtor told of his income."""
    kept = asdict(ask) | {"net_cents": None, "dependants": 0}
    days = {name: kept[name].isoformat() if kept[name] else None for name in ("first_on", "all_on")}
    return kept | days


def _asked(row: OfferRow) -> Ask:
    asked = dict(row.terms["ask"])
    days = {
        name: dt.date.fromisoformat(asked[name]) if asked.get(name) else None
        for name in ("first_on", "all_on")
    }
    return Ask(**(asked | days))


def _make(book: OpenBook, case_id: int, ask: Ask, day: dt.date) -> Made:
    """Solve the plan for what is owed and undisputed on the day."""
    row = Case.objects.get(tenant_id=book.tenant_id, id=case_id)
    loaded = load.book(book.tenant_id, case_ids=[case_id], on=day)
    _is_able(row, loaded, day)
    claims, left_out = _claims(loaded, decided(book, day, loaded))
    if claims.is_empty():
        raise BadInput(
            f"case {row.case_reference}: nothing is open that a plan could be about"
            + (f" ({', '.join(left_out)})." if left_out else "."),
            ("Settle what is disputed first, or look" if "disputed" in " ".join(left_out) else "Look")
            + f" at `mahnwerk statement {row.case_reference}`.",
        )
    clauses = (
        *(DEFERRED if ask.all_on else STANDARD),
        *(("pause_once",) if ask.with_pause else ()),
        *(("direct_debit",) if ask.by_debit else ()),
    )
    wish = PlanWish(
        open_cents=int(claims["open_cents"].sum()),
        per_month_cents=PRINCIPAL_CENTS_MAX if ask.all_on else ask.per_month_cents,
        first_due_on=ask.all_on or ask.first_on or _first_on(day),
        rate_ppm=ask.rate_ppm,
        bearing_cents=int(claims["principal_open_cents"].sum()),
        clauses=(*clauses, "interest_as_agreed" if ask.rate_ppm else "no_interest"),
        covers=tuple(sorted(claims["invoice_number"])),
    )
    try:
        solved = terms.solve(
            wish,
            load_laws()["de"],
            day,
            next_working_day=lambda due: calendar.next_working_day(due, row.land),
        )
    except PlanRefused as error:
        raise BadInput(f"case {row.case_reference}: {error}") from error
    return Made(row, solved, claims["claim_id"].to_list(), left_out, row.last_fact_no)


def _is_able(case: Case, loaded: Book, day: dt.date) -> None:
    ranks = set(holds.fact_blocks(in_force(loaded, day), day)["rank"])
    for reason, why in UNABLE.items():
        if holds.RANK[reason] in ranks:
            raise BadInput(
                f"case {case.case_reference}: {why}, so no plan can be agreed on {day}.",
                "See `mahnwerk why`; agree once that has ended.",
            )


def _first_on(day: dt.date) -> dt.date:
    ahead = day + FIRST_AFTER
    return ahead if ahead.day == 1 else plus_months(ahead.replace(day=1), 1)


def _claims(loaded: Book, result: Decided) -> tuple[pl.DataFrame, list[str]]:
    """The claims a plan covers, and why it does not cover the others that are open."""
    barred = result.limitation.select("claim_id", "is_time_barred")
    live = in_force(loaded, dt.date.max)
    closed = live.filter(pl.col("kind").is_in([int(FactKind.CLAIM_CLOSED), int(FactKind.CLAIM_MOVED)]))
    owed = (
        result.plan.balances.filter(pl.col("open_cents") > 0)
        .join(loaded.claims.select("claim_id", "invoice_number"), on="claim_id")
        .join(barred, on="claim_id", how="left")
        .join(closed.select("claim_id").drop_nulls().unique(), on="claim_id", how="anti")
        .sort("claim_id")
    )
    disputed = pl.col("disputed_cents") > 0
    is_barred = pl.col("is_time_barred").fill_null(False)
    left_out = [f"{number}: disputed" for number in owed.filter(disputed)["invoice_number"]]
    left_out += [f"{number}: time-barred" for number in owed.filter(~disputed & is_barred)["invoice_number"]]
    return owed.filter(~disputed & ~is_barred), left_out


def agree(
    book: OpenBook,
    case: str,
    *,
    offer_id: str = "",
    ask: Ask | None = None,
    on: dt.date | None = None,
    replaces: bool = False,
) -> PlanView:
    """Record a plan as agreed: its terms, their hash, who recorded it; dunning of its claims rests.

    A kept offer binds for OFFER_VALID on the figures of its own day, so its day is the plan's first day
    and no interest is added for the days of thinking. What changed the debt as of that day since (a late
    payment, a credit note) makes other terms: then it is refused, and a new offer is due.

    Parameters
    ----------
    offer_id, ask : a kept offer, or the terms anew
    replaces : end the plan that runs (a change of plan both sides want) and agree on this one

    Raises
    ------
    BadInput
        The terms changed since offered, the offer is too old, or a plan runs already.
    """
    case_id, day = case_id_of(book, case), viewing_day(book, on)
    if offer_id:
        row, made = binding(book, case_id, offer_id, day)
        start = row.offered_on
    elif ask is not None:
        made, start = _make(book, case_id, ask, day), day
    else:
        raise BadInput("nothing to agree to.", "Name an offer, or say --per-month or --all-on.")
    known = running(book, case_id, day)
    if known is not None:
        if known.terms_hash == made.offer.terms_hash and known.agreed_on == start:
            return _view(book, known, day, is_known=True)
        if not replaces:
            raise BadInput(
                f"case {made.case.case_reference} has plan {known.plan_no}, agreed on {known.agreed_on}.",
                "A change both sides want: add --replaces.",
            )
    return _view(book, _record(book, made, start, day, known), day)


def binding(book: OpenBook, case_id: int, offer_id: str, day: dt.date) -> tuple[OfferRow, Made]:
    """A kept offer that can be agreed to on a day; `BadInput` or `NotFound` says why it cannot."""
    found = OfferRow.objects.filter(tenant_id=book.tenant_id, case_id=case_id, public_id=offer_id).first()
    if found is None:
        raise NotFound(f"the case has no offer {offer_id!r}.", "`mahnwerk plan offer … --save` keeps one.")
    start = found.offered_on
    if not start <= day <= start + OFFER_VALID:
        raise BadInput(f"the offer of {start} does not bind on {day}.", "Make a new offer.")
    made = _make(book, case_id, _asked(found), start)
    _same_terms(found, made)
    _is_still_right(book, made, start, day)
    return found, made


def _same_terms(row: OfferRow, made: Made) -> None:
    if row.terms_hash == made.offer.terms_hash:
        return
    was, now = row.terms["open_cents"], made.offer.wish.open_cents
    raise BadInput(
        f"case {made.case.case_reference}: the terms changed since they were offered on {row.offered_on} "
        f"(owed on that day {was} cents then, {now} cents as known now).",
        "Show the debtor a new offer; only what was shown can be agreed to.",
    )


def _is_still_right(book: OpenBook, made: Made, start: dt.date, day: dt.date) -> None:
    """Refuse an offer that what happened after its day stands against, though it changed no figure of it."""
    loaded = load.book(book.tenant_id, case_ids=[made.case.id], on=day)
    _is_able(made.case, loaded, day)
    where, remedy = f"case {made.case.case_reference}", "Show the debtor a new offer."
    balances = decided(book, day, loaded).plan.balances
    is_covered = pl.col("claim_id").is_in(made.claim_ids)
    if balances.filter(is_covered & (pl.col("disputed_cents") > 0)).height:
        raise BadInput(f"{where}: a claim of the offer of {start} is disputed since.", remedy)
    due = [one for one in made.offer.instalments if one.due_on < day]
    came = in_force(loaded, day).filter(
        (pl.col("kind") == int(FactKind.PAYMENT_RECEIVED)) & (pl.col("effective_on") > start)
    )
    if sum(one.amount_cents for one in due) > came["amount_cents"].sum():
        raise BadInput(
            f"{where}: the instalment of {due[0].due_on} has fallen due since the offer and is not paid.",
            remedy,
        )


def running(book: OpenBook, case_id: int, day: dt.date) -> InstalmentPlan | None:
    """The plan of a case that is agreed and not ended on a day."""
    loaded = load.book(book.tenant_id, case_ids=[case_id], on=day)
    ids = terms.running(in_force(loaded, day), loaded.instalments)["plan_id"].unique().to_list()
    return InstalmentPlan.objects.filter(tenant_id=book.tenant_id, id__in=ids).order_by("-plan_no").first()


def _record(
    book: OpenBook, made: Made, start: dt.date, day: dt.date, known: InstalmentPlan | None
) -> InstalmentPlan:
    case_id, at = int(made.case.id), clock.now()
    last = InstalmentPlan.objects.filter(tenant_id=book.tenant_id, case_id=case_id).order_by("-plan_no")
    number = (last.values_list("plan_no", flat=True).first() or 0) + 1
    code = f"plan-{number}"
    facts: list[dict[str, Any]] = [
        {
            "case_id": case_id,
            "claim_id": claim_id,
            "kind": FactKind.PLAN_AGREED,
            "effective_on": start,
            "code": code,
            "source_key": f"plan|{case_id}|{number}|{claim_id}",
        }
        for claim_id in made.claim_ids
    ]
    if known is not None:
        facts.insert(0, plan_records.end_fact(known, "replanned", start))
    with transaction.atomic():
        added = fact_records.append(book.tenant_id, facts, recorded_at=at)
        if added["fact_no"].min() != made.last_fact_no + 1:
            raise BadInput(
                f"case {made.case.case_reference} got a new fact just now.", "Look again, then agree."
            )
        row = plan_records.add(
            book.tenant_id,
            case_id,
            number,
            code,
            terms.as_json(made.offer),
            agreed_on=start,
            recorded_at=at,
            actor=book.actor,
        )
        detail = {"plan_no": number, "terms_hash": made.offer.terms_hash}
        note(book, "plan_agree", on=day, case_id=case_id, detail=detail)
    return row


def show(book: OpenBook, case: str, on: dt.date | None = None) -> list[PlanView]:
    """The plans of a case, the latest first, each as it stands on a day."""
    case_id, day = case_id_of(book, case), viewing_day(book, on)
    rows = InstalmentPlan.objects.filter(tenant_id=book.tenant_id, case_id=case_id, agreed_on__lte=day)
    return _views(book, list(rows.order_by("-plan_no")), day)


def list_plans(book: OpenBook, on: dt.date | None = None, *, state: str = "") -> list[PlanView]:
    """All plans of a book as they stand on a day.

    Parameters
    ----------
    state : only those: kept, grace, missed, not_collected, broken, fulfilled, ended
    """
    day = viewing_day(book, on)
    states = [*(word.value for word in plan_states.PlanState), "ended"]
    if state and state not in states:
        raise BadInput(f"{state!r} is no state of a plan.", f"Known: {', '.join(states)}.")
    rows = InstalmentPlan.objects.filter(tenant_id=book.tenant_id, agreed_on__lte=day)
    views = _views(book, list(rows.order_by("case_id", "plan_no")), day)
    return [view for view in views if not state or view.state == state]


def _view(book: OpenBook, row: InstalmentPlan, day: dt.date, *, is_known: bool = False) -> PlanView:
    return replace(_views(book, [row], day)[0], is_known=is_known)


def _views(book: OpenBook, rows: Sequence[InstalmentPlan], day: dt.date) -> list[PlanView]:
    """How plans stand on a day, in their order; each case is loaded and decided once."""
    found: dict[int, PlanView] = {}
    wanted = sorted({row.case_id for row in rows})
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        loaded = load.book(book.tenant_id, case_ids=chunk, on=day)
        live = in_force(loaded, day)
        result = decided(book, day, loaded)
        stand = {row["plan_id"]: row for row in result.stand.iter_rows(named=True)}
        told = plan_reminders.told(live, loaded.claims, loaded.instalments, result.evidence)
        reminded = dict(told.select("plan_id", "told_on").iter_rows())
        cases = Case.objects.filter(tenant_id=book.tenant_id).in_bulk(chunk)
        for row in [row for row in rows if row.case_id in cases]:
            state = stand.get(row.id, {})
            found[row.id] = _as_view(
                row,
                cases[row.case_id],
                state,
                reminded.get(row.id),
                state.get("state") or plan_states.end_of(live, row.case_id, row.plan_code),
            )
    return [found[row.id] for row in rows]


def _as_view(
    row: InstalmentPlan, case: Case, stand: Mapping[str, Any], reminded_on: dt.date | None, state: str
) -> PlanView:
    return PlanView(
        case_reference=case.case_reference,
        currency=case.currency,
        plan_no=row.plan_no,
        state=state,
        agreed_on=row.agreed_on,
        agreed_by=row.actor,
        terms=row.terms,
        terms_hash=row.terms_hash,
        paid_cents=stand.get("paid_cents", 0),
        missing_cents=stand.get("missing_cents", 0),
        missing_since=stand.get("missing_since"),
        next_due_on=stand.get("next_due_on"),
        next_cents=stand.get("next_cents"),
        reminded_on=reminded_on,
        not_collected_since=stand.get("uncollected_since"),
    )
