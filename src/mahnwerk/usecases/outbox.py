"""What happens to the row of a message between plan and proof, one short transaction each.

    planned → sealed → sending → sent
                                 failed      proven not to have left, and trying again cannot help
                                 uncertain   may have left; never sent again by itself
    sealed, sending → planned    proven not to have left: its cost is undone, it is asked about anew

A row is taken with a lease and a fence. The fence rises with every seal; a worker that slept longer than
its lease finds its fence outdated and changes nothing (compare and swap).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from mahnwerk.frames import FactKind
from mahnwerk.records import crypto
from mahnwerk.records import facts as fact_records
from mahnwerk.records.models import Case, Fact, Message, MessageItem, MessageState, Permit
from mahnwerk.usecases import clock

LEASE: Final = dt.timedelta(minutes=10)
"""How long a sealed message may take to leave (decision 0004)."""
HAND_OVER: Final = 2 * LEASE
"""How long after its lease a worker may still wait in the middle of handing over: begun before half the
lease, each answer of a mail server waited for at most five minutes."""


_ITEM_COLUMNS: Final = ("claim_id", "step_id", "level", "climbs", "open_cents", "triggers_default")


class CaseMoved(Exception):  # noqa: N818 - an answer, not an accident
    """The case got a fact, or the row another state, since this message was prepared."""


@dataclass(frozen=True)
class Sealing:
    """Everything a seal writes, worked out before it.

    `items` are the claims listed: (claim_id, step_id, level, climbs, open_cents, triggers_default,
    lump_sum_cents). `costs` are (claim_id, rule_id, cents). `answers` is the permit's.
    """

    message_id: int
    case_id: int
    currency: str
    fact_no: int
    fence: int
    on: dt.date
    recipient_id: int
    content: bytes
    statement_hash: bytes
    demanded_cents: int
    fee_cents: int
    fee_rule_id: str | None
    pay_by: dt.date | None
    items: Sequence[dict[str, Any]]
    costs: Sequence[tuple[int, str, int]]
    ruleset_hash: str
    law_hash: str
    answers: Sequence[Sequence[Any]]
    gateway: str


def seal(tenant_id: int, sealing: Sealing) -> int:
    """Bind the message to its bytes, book its cost and take the lease; return the fence.

    The permit was given on the facts up to `sealing.fact_no`. Under the lock of the case it still
    holds if no fact has come since; otherwise nothing is written.

    Raises
    ------
    CaseMoved
        A fact came, or the row is no longer planned.
    crypto.Erased
        The person's key is gone: nothing can be sealed for them.
    """
    fence = sealing.fence + 1
    # On disk before the row that names it: a row without its bytes would be worse than bytes without a row.
    name, bytes_hash = crypto.seal_letter(
        tenant_id, sealing.recipient_id, sealing.message_id, fence, sealing.content
    )
    now = clock.now()
    with transaction.atomic():
        if _lock_case(tenant_id, sealing.case_id) != sealing.fact_no:
            raise CaseMoved
        ours = Message.objects.select_for_update().filter(
            tenant_id=tenant_id, id=sealing.message_id, state=MessageState.PLANNED, fence=sealing.fence
        )
        if ours.first() is None:
            raise CaseMoved
        _replace_items(tenant_id, sealing)
        changed = Message.objects.filter(
            tenant_id=tenant_id, id=sealing.message_id, state=MessageState.PLANNED, fence=sealing.fence
        ).update(
            state=MessageState.SEALED,
            fence=fence,
            lease_until=now + LEASE,
            sealed_at=now,
            sealed_on=sealing.on,
            recipient_id=sealing.recipient_id,
            statement_hash=sealing.statement_hash,
            bytes_hash=bytes_hash,
            file_name=name,
            gateway=sealing.gateway,
            demanded_cents=sealing.demanded_cents,
            fee_cents=sealing.fee_cents,
            fee_rule_id=sealing.fee_rule_id,
            pay_by=sealing.pay_by,
            law_hash=sealing.law_hash,
            ended_because=None,
        )
        if changed != 1:
            raise CaseMoved
        Permit.objects.create(
            tenant_id=tenant_id,
            message_id=sealing.message_id,
            phase="sealed",
            fence=fence,
            is_granted=True,
            ruleset_hash=sealing.ruleset_hash,
            answers=[list(answer) for answer in sealing.answers],
            asked_at=now,
        )
        fact_records.append(tenant_id, _cost_facts(sealing, fence), recorded_at=now)
    return fence


def _cost_facts(sealing: Sealing, fence: int) -> list[dict[str, Any]]:
    """What the message costs, one fact per claim and rule."""
    return [
        {
            "case_id": sealing.case_id,
            "claim_id": claim_id,
            "kind": FactKind.COST_INCURRED,
            "effective_on": sealing.on,
            "amount_cents": cents,
            "currency": sealing.currency,
            "code": rule_id,
            "message_id": sealing.message_id,
            "source_key": f"cost:{sealing.message_id}:{fence}:{claim_id}:{rule_id}",
        }
        for claim_id, rule_id, cents in sealing.costs
    ]


def _replace_items(tenant_id: int, sealing: Sealing) -> None:
    mine = MessageItem.objects.filter(tenant_id=tenant_id, message_id=sealing.message_id)
    mine.delete()
    MessageItem.objects.bulk_create(
        MessageItem(
            tenant_id=tenant_id,
            message_id=sealing.message_id,
            case_id=sealing.case_id,
            **{name: item[name] for name in _ITEM_COLUMNS},
        )
        for item in sealing.items
    )


def take(tenant_id: int, message_id: int, fence: int) -> bool:
    """sealed → sending: from here on the message may have left. False: somebody else has it."""
    now = clock.now()
    with transaction.atomic():
        changed = Message.objects.filter(
            tenant_id=tenant_id,
            id=message_id,
            state=MessageState.SEALED,
            fence=fence,
            lease_until__gt=now,
        ).update(state=MessageState.SENDING, lease_until=now + LEASE)
    return changed == 1


def confirm(tenant_id: int, message_id: int, fence: int, receipt: str, on: dt.date) -> bool:
    """sending → sent, with the fact. False: another worker settled it meanwhile."""
    return _end(
        tenant_id,
        message_id,
        fence,
        MessageState.SENT,
        [FactKind.MESSAGE_SENT],
        on,
        receipt=receipt[:200],
        sent_at=clock.now(),
        lease_until=None,
    )


def mark_uncertain(
    tenant_id: int,
    message_id: int,
    fence: int,
    because: str,
    on: dt.date,
    *,
    busy_until: dt.datetime | None = None,
) -> bool:
    """sending → uncertain, with the fact that blocks the next level and leaves the fee unproven.

    `busy_until`: the worker that had it may be handing it over until then; before, it cannot be settled
    as failed.
    """
    return _end(
        tenant_id,
        message_id,
        fence,
        MessageState.UNCERTAIN,
        [FactKind.MESSAGE_UNCERTAIN],
        on,
        ended_because=because[:60],
        lease_until=busy_until,
    )


def mark_failed(tenant_id: int, message_id: int, fence: int, because: str, on: dt.date) -> bool:
    """sending → failed: proven not to have left. Its cost is undone by counter-facts."""
    return _end(
        tenant_id,
        message_id,
        fence,
        MessageState.FAILED,
        [FactKind.MESSAGE_BOUNCED],
        on,
        is_cost_undone=True,
        ended_because=because[:60],
        lease_until=None,
    )


def settle(tenant_id: int, message_id: int, fence: int, is_sent: bool, on: dt.date) -> bool:
    """uncertain → sent or failed, as a person found out."""
    return _end(
        tenant_id,
        message_id,
        fence,
        MessageState.SENT if is_sent else MessageState.FAILED,
        # "It never left" says nothing against the address: the channel stays usable.
        [FactKind.MESSAGE_SENT] if is_sent else [FactKind.MESSAGE_BOUNCED, FactKind.ADDRESS_FOUND],
        on,
        expected=MessageState.UNCERTAIN,
        is_cost_undone=not is_sent,
        ended_because="settled_by_hand",
    )


def unseal(tenant_id: int, message_id: int, fence: int, state: str, on: dt.date) -> bool:
    """sealed or sending → planned: certainly not left. The cost is undone; it is asked about anew."""
    return _end(
        tenant_id,
        message_id,
        fence,
        MessageState.PLANNED,
        [],
        on,
        expected=state,
        is_cost_undone=True,
        lease_until=None,
    )


def withdraw(tenant_id: int, message_id: int, because: str) -> bool:
    """planned → withdrawn: the facts no longer want it."""
    with transaction.atomic():
        changed = Message.objects.filter(
            tenant_id=tenant_id, id=message_id, state=MessageState.PLANNED
        ).update(state=MessageState.WITHDRAWN, ended_because=because[:60])
    return changed == 1


def refuse(tenant_id: int, message: Message, permit: Any) -> None:
    """Keep the answers of a permit that was not granted at the seal."""
    Permit.objects.get_or_create(
        tenant_id=tenant_id,
        message_id=message.id,
        phase="refused",
        fence=message.fence,
        defaults={
            "is_granted": False,
            "ruleset_hash": permit.ruleset_hash,
            "answers": [list(answer) for answer in permit.answers],
            "asked_at": clock.now(),
        },
    )


def _end(
    tenant_id: int,
    message_id: int,
    fence: int,
    state: str,
    kinds: Sequence[FactKind],
    on: dt.date,
    *,
    expected: str = MessageState.SENDING,
    is_cost_undone: bool = False,
    **columns: Any,
) -> bool:
    with transaction.atomic():
        case_id = Message.objects.values_list("case_id", flat=True).get(tenant_id=tenant_id, id=message_id)
        _lock_case(tenant_id, case_id)
        changed = Message.objects.filter(
            tenant_id=tenant_id, id=message_id, state=expected, fence=fence
        ).update(state=state, **columns)
        if changed != 1:
            return False
        facts: list[dict[str, Any]] = [
            {
                "case_id": case_id,
                "kind": kind,
                "effective_on": on,
                "message_id": message_id,
                "source_key": f"{kind.name.lower()}:{message_id}:{fence}",
            }
            for kind in kinds
        ]
        if is_cost_undone:
            facts += _undoing_costs(tenant_id, case_id, message_id)
        fact_records.append(tenant_id, facts, recorded_at=clock.now())
    return True


def _lock_case(tenant_id: int, case_id: int) -> int:
    """Number of the case's last fact, which stays the last until the transaction ends."""
    # On SQLite the transaction itself is the lock (BEGIN IMMEDIATE); there this adds nothing.
    rows = Case.objects.select_for_update().filter(tenant_id=tenant_id, id=case_id)
    return int(rows.values_list("last_fact_no", flat=True).get())


def _undoing_costs(tenant_id: int, case_id: int, message_id: int) -> list[dict[str, Any]]:
    """A counter-fact for each cost of the message that still stands, dated as the cost itself."""
    mine = Fact.objects.filter(tenant_id=tenant_id, case_id=case_id)
    voided = mine.filter(kind=FactKind.VOIDED).values("voids_fact_no")
    standing = mine.filter(message_id=message_id, kind=FactKind.COST_INCURRED).exclude(fact_no__in=voided)
    return [
        {
            "case_id": case_id,
            "kind": FactKind.VOIDED,
            "effective_on": effective_on,
            "voids_fact_no": fact_no,
            "code": "message_not_sent",
            "message_id": message_id,
            "source_key": f"void:{message_id}:{fact_no}",
        }
        for fact_no, effective_on in standing.values_list("fact_no", "effective_on")
    ]
