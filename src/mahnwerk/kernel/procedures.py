"""Dunning procedures: dated data that says which step follows which, and when.

`parse_procedure` turns a mapping (a YAML file already read) into a `Procedure` and refuses
anything it does not know, with the place and the nearest known word. Whether a procedure is
harsher than the law is another question: `check_procedure`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from mahnwerk.frames import Channel
from mahnwerk.kernel.procedure_reader import ProcedureError, Reader
from mahnwerk.law import LawGap, Laws

AUDIENCES: Final = ("consumers", "businesses", "everyone")
OFFERS: Final = ("instalment_plan", "deferral", "early_payment_discount")
INFORMS: Final = ("bureau_report", "hand_over", "payment_order", "interest", "debt_advice")
PROPOSALS: Final = ("nothing", "hand_over", "payment_order", "bureau_report")
DAYS_LIMIT: Final = 400
CENTS_LIMIT: Final = 1_000_000
_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?(\.[0-9]+)?")


class Trigger(StrEnum):
    """What makes a step due."""

    BEFORE_DUE = "days_before_due"
    AFTER_DUE = "days_after_due"
    AFTER_PREVIOUS = "days_after_previous"


@dataclass(frozen=True)
class Step:
    """One message of a procedure.

    `level` 0 is the notice before due; reminders count 1…n without gaps. A step that follows
    another one is due `days` after the pay-by date of the last message that asked for the claim,
    and never sooner than `days` after that message was received.
    """

    id: str
    level: int
    title: Mapping[str, str]
    trigger: Trigger
    days: int
    channels: tuple[str, ...]
    pay_by_days: int | None
    is_dunning: bool
    charges_letter_cost: bool = False
    letter_cost_cents: Mapping[str, int] | None = None
    charges_lump_sum: bool = False
    offers: tuple[str, ...] = ()
    informs: tuple[str, ...] = ()


@dataclass(frozen=True)
class BureauConditions:
    """What must hold before a report to a credit bureau may be proposed (§ 31 Abs. 2 BDSG)."""

    written_reminders: int
    first_reminder_days_ago: int
    told_before: bool
    undisputed: bool


@dataclass(frozen=True)
class Ending:
    """What is proposed to a person when the last step brought nothing; nothing happens by itself."""

    after_days: int
    propose: str
    bureau_conditions: BureauConditions | None = None


@dataclass(frozen=True)
class Procedure:
    """A dunning procedure in one version; `key` is what cases are enrolled in."""

    name: str
    version: str
    valid_from: date
    title: Mapping[str, str]
    audience: str
    tolerance_cents: int
    min_interval_days: int
    presumed_delivery_working_days: Mapping[str, int]
    letter_cost_cents: Mapping[str, int]
    steps: tuple[Step, ...]
    ending: Ending
    comment: str = ""
    hash: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        """`name@version`, the word stored in a case and in the fact `ENROLLED`."""
        return f"{self.name}@{self.version}"

    def letter_cost(self, step: Step, channel: str) -> int:
        """Actual cost of one letter on this channel in cents; the step's own figure wins."""
        own = step.letter_cost_cents or {}
        return own.get(channel, self.letter_cost_cents.get(channel, 0))


def parse_procedure(mapping: Mapping[str, Any], where: str = "procedure") -> Procedure:
    """Read a procedure from a mapping, strictly.

    Every key must be known and every mandatory key present; numbers are whole and within bounds;
    step ids are unique. Words that are nearly right are answered with the right one.

    Parameters
    ----------
    mapping : what a YAML loader gave; `version` text, dates as `date` or ISO text
    where : name of the source for messages, for instance the file name

    Returns
    -------
    Procedure, its `hash` over all that matters (comments and titles included: they are part of it)

    Raises
    ------
    ProcedureError naming place, reason and remedy.

    Guarantees
    ----------
    Pure. The same mapping gives the same hash, whatever the order of its keys.
    """
    top = Reader(mapping, where)
    steps = top.items("steps")
    ending = top.section("at_end")
    name = top.word("name")
    procedure = Procedure(
        name=name,
        version=top.text("version", _VERSION, 'a date in quotes such as "2026-01"'),
        valid_from=top.day("valid_from"),
        title=top.titles("title"),
        audience=top.choice("audience", AUDIENCES),
        tolerance_cents=top.whole("tolerance_cents", 0, CENTS_LIMIT),
        min_interval_days=top.whole("min_interval_days", 0, DAYS_LIMIT),
        presumed_delivery_working_days=top.per_channel(
            "presumed_delivery_working_days", 0, 30, complete=True
        ),
        letter_cost_cents=top.per_channel("letter_cost_cents", 0, CENTS_LIMIT, complete=False),
        comment=top.text("comment", None, "text", default=""),
        steps=tuple(_parse_step(item) for item in steps),
        ending=_parse_ending(ending),
    )
    top.done()
    seen: set[str] = set()
    for step, reader in zip(procedure.steps, steps, strict=True):
        if step.id in seen:
            raise ProcedureError(f"{reader.where}.id: {step.id} is there twice; each step needs its own id")
        seen.add(step.id)
    return replace(procedure, hash=procedure_hash(procedure))


def procedure_hash(procedure: Procedure) -> str:
    """SHA-256 over the content of a procedure, as hexadecimal text."""
    content = asdict(procedure)
    content.pop("hash")
    text = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _parse_step(reader: Reader) -> Step:
    when = reader.section("when")
    triggers = [trigger for trigger in Trigger if trigger.value in when.mapping]
    if len(triggers) != 1:
        words = ", ".join(trigger.value for trigger in Trigger)
        raise ProcedureError(f"{when.where}: needs exactly one of {words}{when.hint(list(Trigger))}")
    days = when.whole(triggers[0].value, 0, DAYS_LIMIT)
    when.done()
    step = Step(
        id=reader.word("id"),
        level=reader.whole("level", 0, 9),
        title=reader.titles("title"),
        trigger=triggers[0],
        days=days,
        channels=reader.choices("channels", [channel.value for channel in Channel], needed=True),
        pay_by_days=reader.whole("pay_by_days", 1, DAYS_LIMIT) if "pay_by_days" in reader.mapping else None,
        is_dunning=reader.flag("is_dunning"),
        charges_letter_cost=reader.flag("charges_letter_cost", False),
        letter_cost_cents=(
            reader.per_channel("letter_cost_cents", 0, CENTS_LIMIT, complete=False)
            if "letter_cost_cents" in reader.mapping
            else None
        ),
        charges_lump_sum=reader.flag("charges_lump_sum", False),
        offers=reader.choices("offers", OFFERS),
        informs=reader.choices("informs", INFORMS),
    )
    reader.done()
    return step


def _parse_ending(reader: Reader) -> Ending:
    conditions = None
    if "bureau_conditions" in reader.mapping:
        part = reader.section("bureau_conditions")
        conditions = BureauConditions(
            written_reminders=part.whole("written_reminders", 0, 20),
            first_reminder_days_ago=part.whole("first_reminder_days_ago", 0, DAYS_LIMIT),
            told_before=part.flag("told_before"),
            undisputed=part.flag("undisputed"),
        )
        part.done()
    ending = Ending(
        after_days=reader.whole("after_days", 0, DAYS_LIMIT),
        propose=reader.choice("propose", PROPOSALS),
        bureau_conditions=conditions,
    )
    reader.done()
    return ending


@dataclass(frozen=True)
class Finding:
    """What is wrong with a procedure: an `error` forbids its use, a `warning` is for a person."""

    severity: str
    path: str
    reason: str
    statute: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.path}: {self.reason} ({self.statute}). {self.remedy}"


PAY_BY_DAYS_MIN: Final = {"consumers": 7, "everyone": 7, "businesses": 5}
"""Days a debtor must have between presumed receipt and the pay-by date. Policy: the law says adequate."""
INTERVAL_DAYS_MIN: Final = {"consumers": 7, "everyone": 7, "businesses": 5}
"""Least days between two messages of a case. Policy: the law knows harassment, not a number."""
DELIVERY_DAYS_MIN: Final = {Channel.POST.value: 3, Channel.EMAIL.value: 1}
"""Least working days until a message may be presumed received. Policy."""
POLICY: Final = "policy; § 4a UWG"


def check_procedure(procedure: Procedure, laws: Laws) -> list[Finding]:
    """Find everything in a procedure that is out of order or harsher than the law allows.

    Parameters
    ----------
    procedure : as parsed
    laws : the German law gives the cap of a letter's cost and the bureau conditions, on `valid_from`

    Returns
    -------
    Findings, errors first; none means that the procedure may be used.

    Guarantees
    ----------
    Pure. The shipped procedures have no finding. Each rule has a test with a procedure that breaks it.

    Sources
    -------
    §§ 280 Abs. 2, 286, 288 Abs. 5 BGB; § 31 Abs. 2 BDSG; § 4a UWG. Numbers marked policy are ours.
    """
    findings = [*_check_order(procedure), *_check_costs(procedure, laws), *_check_times(procedure)]
    findings += _check_bureau(procedure, laws)
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _error(path: str, reason: str, statute: str, remedy: str) -> Finding:
    return Finding("error", path, reason, statute, remedy)


def _check_order(procedure: Procedure) -> list[Finding]:
    findings = []
    steps = procedure.steps
    levels = [step.level for step in steps]
    first = 0 if levels[0] == 0 else 1
    if levels != list(range(first, first + len(levels))) or max(levels) < 1:
        wanted = "levels rise by one without gaps, from 0 (notice before due) or 1, and reach at least 1"
        findings.append(_error("steps", f"levels are {levels}", "decision: level follows level", wanted))
    for n, step in enumerate(steps):
        path = f"steps[{n}]"
        wanted_trigger = (
            Trigger.BEFORE_DUE
            if step.level == 0
            else Trigger.AFTER_DUE
            if step.level == 1
            else Trigger.AFTER_PREVIOUS
        )
        if step.trigger is not wanted_trigger:
            reason = f"level {step.level} is triggered by {step.trigger.value}"
            findings.append(_error(f"{path}.when", reason, POLICY, f"use {wanted_trigger.value}"))
        if step.level == 0 and (step.is_dunning or step.charges_letter_cost or step.charges_lump_sum):
            reason = "the notice before due cannot demand or charge anything"
            findings.append(_error(path, reason, "§ 286 Abs. 1 BGB", "set is_dunning false, charge nothing"))
    if not any(step.is_dunning for step in steps):
        reason = "no step is a dunning notice, so claims with a mere invoice date may never be in default"
        findings.append(
            Finding("warning", "steps", reason, "§ 286 Abs. 1 BGB", "set is_dunning on the step that demands")
        )
    last = steps[-1]
    if procedure.audience != "businesses" and "instalment_plan" not in last.offers:
        reason = "the last step offers no plan"
        findings.append(Finding("warning", f"steps[{len(steps) - 1}].offers", reason, POLICY, "offer one"))
    return findings


def _check_costs(procedure: Procedure, laws: Laws) -> list[Finding]:
    findings = []
    law = laws["de"]
    try:
        cap = law.cents("costs.dunning_letter_cap", procedure.valid_from)
    except LawGap as gap:
        return [_error("valid_from", str(gap), "law as data", "choose a day for which the law is known")]
    first_dunning = next((n for n, step in enumerate(procedure.steps) if step.is_dunning), None)
    for n, step in enumerate(procedure.steps):
        path = f"steps[{n}]"
        costs = {channel: procedure.letter_cost(step, channel) for channel in step.channels}
        if step.charges_letter_cost and (step.level <= 1 or first_dunning is None or n <= first_dunning):
            reason = (
                f"{step.id} charges a letter cost, but it is the message that puts in default, or before it"
            )
            statute = "§§ 280 Abs. 2, 286 Abs. 1 BGB"
            findings.append(
                _error(f"{path}.charges_letter_cost", reason, statute, "charge from the next step on")
            )
        if step.charges_letter_cost and max(costs.values()) > cap:
            reason = f"a letter cost of {max(costs.values())} cents is above the cap of {cap}"
            remedy = f"charge what print, envelope and postage cost, at most {cap} cents"
            findings.append(_error(f"{path}.letter_cost_cents", reason, "BGH VIII ZR 95/18", remedy))
        if step.charges_letter_cost and costs.get(Channel.EMAIL, 0) > 0:
            reason = "an e-mail has no cost of its own worth a charge"
            findings.append(
                _error(f"{path}.letter_cost_cents.email", reason, "BGH VIII ZR 95/18", "set email to 0")
            )
        if step.charges_lump_sum and procedure.audience != "businesses":
            reason = "the lump sum is charged where consumers may be among the debtors"
            remedy = "remove it, or set audience to businesses"
            findings.append(_error(f"{path}.charges_lump_sum", reason, "§ 288 Abs. 5 BGB", remedy))
        if step.charges_lump_sum and (step.level <= 1 or (first_dunning is not None and n <= first_dunning)):
            reason = "the lump sum is charged with the message that puts in default, or before it"
            findings.append(
                _error(f"{path}.charges_lump_sum", reason, "§ 288 Abs. 5 BGB", "charge from the next step on")
            )
    charging = {
        kind
        for kind in ("charges_letter_cost", "charges_lump_sum")
        for s in procedure.steps
        if getattr(s, kind)
    }
    if len(charging) == 2:
        reason = "letter costs beside the lump sum, which is set off against them"
        findings.append(_error("steps", reason, "§ 288 Abs. 5 Satz 3 BGB", "charge one of the two"))
    return findings


def _check_times(procedure: Procedure) -> list[Finding]:
    findings = []
    delivery = procedure.presumed_delivery_working_days
    for channel, least in DELIVERY_DAYS_MIN.items():
        if delivery[channel] < least:
            path = f"presumed_delivery_working_days.{channel}"
            reason = f"{delivery[channel]} working days until a message is presumed received"
            findings.append(_error(path, reason, "§ 130 BGB; policy", f"use at least {least}"))
    least = INTERVAL_DAYS_MIN[procedure.audience]
    if procedure.min_interval_days < least:
        reason = f"{procedure.min_interval_days} days between two messages"
        findings.append(_error("min_interval_days", reason, POLICY, f"use at least {least}"))
    for n, step in enumerate(procedure.steps):
        path = f"steps[{n}].pay_by_days"
        if step.level == 0:
            if step.pay_by_days is not None:
                findings.append(
                    _error(path, "a notice before due sets no date of its own", POLICY, "remove it")
                )
            continue
        # Working days take seven calendar days for five; the debtor's time begins with receipt.
        travel = max(-(-delivery[channel] * 7 // 5) for channel in step.channels)
        least = PAY_BY_DAYS_MIN[procedure.audience] + travel
        if step.pay_by_days is None or step.pay_by_days < least:
            reason = f"pays within {step.pay_by_days} days, of which {travel} are for the way"
            findings.append(_error(path, reason, "policy; adequate period", f"use at least {least}"))
        if step.trigger is Trigger.AFTER_DUE and step.days < 1:
            reason = "reminds on the due date itself"
            findings.append(_error(f"steps[{n}].when", reason, "§ 286 Abs. 1 BGB", "wait at least one day"))
    return findings


def _check_bureau(procedure: Procedure, laws: Laws) -> list[Finding]:
    findings = []
    statute = "§ 31 Abs. 2 Satz 1 Nr. 4 BDSG"
    for n, step in enumerate(procedure.steps):
        if step.level == 0 and "bureau_report" in step.informs:
            reason = "tells of a report to a credit bureau before the first reminder"
            findings.append(_error(f"steps[{n}].informs", reason, statute, "tell with a reminder"))
    ending = procedure.ending
    if ending.propose != "bureau_report":
        return findings
    law, on = laws["de"], procedure.valid_from
    try:
        reminders = law.count("credit_bureau.reminders_before_report", on)
        waiting = law.days("credit_bureau.days_since_first_reminder", on)
    except LawGap as gap:
        return [*findings, _error("valid_from", str(gap), statute, "choose a day for which the law is known")]
    given = ending.bureau_conditions
    path = "at_end.bureau_conditions"
    if given is None:
        reason = "a report to a credit bureau is proposed without its conditions"
        return [*findings, _error(path, reason, statute, "state the four conditions")]
    told = any("bureau_report" in step.informs for step in procedure.steps if step.level >= 1)
    broken = {
        "written_reminders": (given.written_reminders < reminders, f"state at least {reminders}"),
        "first_reminder_days_ago": (given.first_reminder_days_ago < waiting, f"state at least {waiting}"),
        "told_before": (
            not given.told_before or not told,
            "set it, and let a reminder inform: bureau_report",
        ),
        "undisputed": (not given.undisputed, "set it: a disputed claim may not be reported"),
    }
    for key, (is_broken, remedy) in broken.items():
        if is_broken:
            findings.append(_error(f"{path}.{key}", "less than the law demands", statute, remedy))
    if sum(step.level >= 1 for step in procedure.steps) < reminders:
        reason = f"fewer than {reminders} reminders in the procedure"
        findings.append(_error("steps", reason, statute, "add a reminder"))
    return findings
