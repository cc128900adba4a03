"""Plans and facts → rows. Every function is safe to call again: nothing is recorded twice.

    start_run(tenant_id, on, *, law_hash, at) -> run_id
    day_plan(tenant_id, run_id, plan, on, *, chunk_cases=50_000, shard_no=0) -> SavedPlan
    finish_run(tenant_id, run_id, *, at, counts, coverage) -> None

Claims come in through import_claims.py, facts through facts.py, persons through persons.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from django.db import connection, transaction
from django.db.models import Max

from mahnwerk import frames
from mahnwerk.records import bulk, ids, tenancy
from mahnwerk.records.models import Message, Run, RunChunk, Tenant

DECIDED = {
    "case_id": pl.Int64,
    "outcome": pl.String,
    "reason": pl.String,
    "detail": pl.String,
    "next_look_on": pl.Date,
    "fact_no": pl.Int32,
}
CHUNKS_PER_SHARD = 100_000


@dataclass(frozen=True)
class SavedPlan:
    """What saving a plan changed. `skipped`: cases with facts the plan did not know, for the next run."""

    cases: int = 0
    skipped: int = 0
    opened: int = 0
    refreshed: int = 0
    planned: int = 0
    replanned: int = 0
    withdrawn: int = 0
    coverage: str = ""

    def __add__(self, other: SavedPlan) -> SavedPlan:
        return SavedPlan(
            *(
                getattr(self, name) + getattr(other, name)
                for name in ("cases", "skipped", "opened", "refreshed", "planned", "replanned", "withdrawn")
            ),
            hashlib.sha256((self.coverage + other.coverage).encode()).hexdigest(),
        )


def local_day(at: datetime, zone: str = "Europe/Berlin") -> date:
    """The day a UTC timestamp falls on in the tenant's zone."""
    if at.tzinfo is None:
        raise ValueError("a timestamp needs its time zone (UTC)")
    return at.astimezone(ZoneInfo(zone)).date()


def start_run(tenant_id: int, on: date, *, law_hash: str, at: datetime) -> int:
    """Begin a run of a day, or go on with the one of the same law that was cut off; its id."""
    tenancy.set_tenant(tenant_id)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(id=tenant_id)  # two that begin at once are one run
        runs = Run.objects.filter(tenant_id=tenant_id, on=on)
        cut_off = runs.filter(state=Run.State.RUNNING, law_hash=law_hash).order_by("run_no").last()
        if cut_off is not None:
            return int(cut_off.id)
        last = runs.aggregate(last=Max("run_no"))["last"] or 0
        run = Run.objects.create(
            tenant_id=tenant_id, on=on, run_no=last + 1, law_hash=law_hash, started_at=at
        )
        return int(run.id)


def finish_run(
    tenant_id: int, run_id: int, *, at: datetime, counts: Mapping[str, Any], coverage: str = ""
) -> None:
    """Close a run with its counts and the hash that proves which cases it covered."""
    tenancy.set_tenant(tenant_id)
    Run.objects.filter(tenant_id=tenant_id, id=run_id).update(
        state=Run.State.FINISHED, finished_at=at, counts=dict(counts), coverage_hash=coverage
    )


def decided(plan: frames.DayPlan) -> pl.DataFrame:
    """One row per case of a plan: its outcome, as the decision intervals keep it."""
    measures = plan.measures.select(
        "case_id",
        pl.lit("measure").alias("outcome"),
        pl.col("step_id").alias("reason"),
        pl.lit(None, pl.String).alias("detail"),
        pl.lit(None, pl.Date).alias("next_look_on"),
        "fact_no",
    )
    held = plan.held.with_columns(pl.lit("held").alias("outcome")).select(list(DECIDED))
    rows = pl.concat([measures, held]).cast(DECIDED).sort("case_id")
    if rows["case_id"].is_duplicated().any():
        twice = rows.filter(pl.col("case_id").is_duplicated())["case_id"][0]
        raise ValueError(f"case {twice} stands twice in the plan; each case is measured or held, once.")
    return rows


def day_plan(
    tenant_id: int,
    run_id: int,
    plan: frames.DayPlan,
    on: date,
    *,
    chunk_cases: int = 50_000,
    shard_no: int = 0,
) -> SavedPlan:
    """Record a plan: changed decision intervals, planned messages with their items.

    One short transaction per chunk of cases, committed together with its row in run_chunks, so a run that
    was cut off goes on where it stopped. Cases that got a fact since the plan was made are skipped. A
    measure that is planned already is refreshed while nothing left; one that the plan no longer wants is
    withdrawn.
    """
    tenancy.set_tenant(tenant_id)
    rows = decided(plan)
    done = set(RunChunk.objects.filter(tenant_id=tenant_id, run_id=run_id).values_list("chunk", flat=True))
    total = SavedPlan()
    for number, start in enumerate(range(0, rows.height, chunk_cases)):
        chunk_no = shard_no * CHUNKS_PER_SHARD + number
        if chunk_no in done:
            continue
        part = rows.slice(start, chunk_cases)
        chunk = _Chunk(tenant_id, run_id, on, plan.law_hash, part["case_id"][0], part["case_id"][-1])
        with transaction.atomic():
            Tenant.objects.select_for_update().get(id=tenant_id)  # chunks of two runs go one after another
            if RunChunk.objects.filter(tenant_id=tenant_id, run_id=run_id, chunk=chunk_no).exists():
                continue
            saved = _save_chunk(chunk, part, plan)
            RunChunk.objects.create(
                tenant_id=tenant_id,
                run_id=run_id,
                chunk=chunk_no,
                cases=saved.cases,
                skipped=saved.skipped,
                coverage=saved.coverage,
            )
        total += saved
    return total


@dataclass(frozen=True)
class _Chunk:
    tenant_id: int
    run_id: int
    on: date
    law_hash: str
    first: int
    last: int

    def read(self, select: bulk.Select, table: str, where: str, case: str = "case_id") -> pl.DataFrame:
        return bulk.read_frame(
            connection,
            select,
            f"{table} WHERE tenant_id = %s AND {case} BETWEEN %s AND %s{where}",
            [self.tenant_id, self.first, self.last],
        )

    def between(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("case_id").is_between(self.first, self.last))


def _save_chunk(chunk: _Chunk, part: pl.DataFrame, plan: frames.DayPlan) -> SavedPlan:
    current = chunk.read(
        {"case_id": ("id", pl.Int64), "last_fact_no": ("last_fact_no", pl.Int32)}, "cases", "", case="id"
    )
    fresh = part.join(current, on="case_id").filter(pl.col("fact_no") == pl.col("last_fact_no"))
    fresh = fresh.drop("last_fact_no")
    opened, refreshed = _save_decisions(chunk, fresh)
    planned = _save_messages(chunk, fresh, plan)
    coverage = fresh.select("case_id", "outcome", "reason", "fact_no").sort("case_id").write_csv()
    return replace(
        planned,
        cases=fresh.height,
        skipped=part.height - fresh.height,
        opened=opened,
        refreshed=refreshed,
        coverage=hashlib.sha256(coverage.encode()).hexdigest(),
    )


def _save_decisions(chunk: _Chunk, fresh: pl.DataFrame) -> tuple[int, int]:
    names = ("outcome", "reason", "detail", "next_look_on", "fact_no")
    select = {"id": ("id", pl.Int64), "case_id": ("case_id", pl.Int64)}
    select |= {f"old_{name}": (name, DECIDED[name]) for name in names}
    stored = chunk.read(select, "decisions", " AND until_on IS NULL")
    both = fresh.join(stored, on="case_id", how="left")
    is_same = pl.col("outcome").eq_missing(pl.col("old_outcome")) & pl.col("reason").eq_missing(
        pl.col("old_reason")
    )
    changed = both.filter(~is_same)
    closing = changed.filter(pl.col("id").is_not_null()).select(
        "id", pl.lit(chunk.on).alias("until_on"), pl.lit(chunk.run_id).alias("closed_by_run_id")
    )
    bulk.update_frame(connection, "decisions", closing, ["id"], only_if="decisions.until_on IS NULL")
    opening = changed.select(
        ids.new_ids(changed.height),
        pl.lit(chunk.tenant_id).alias("tenant_id"),
        "case_id",
        pl.lit(chunk.run_id).alias("run_id"),
        "outcome",
        "reason",
        "detail",
        pl.lit(chunk.on).alias("from_on"),
        "next_look_on",
        "fact_no",
    )
    bulk.insert_frame(connection, "decisions", opening)
    moved = ~pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(f"old_{name}")) for name in ("detail", "next_look_on", "fact_no")
    )
    refresh = both.filter(is_same & moved).select("id", "detail", "next_look_on", "fact_no")
    return opening.height, bulk.update_frame(connection, "decisions", refresh, ["id"])


_MESSAGE_VALUES = (
    "level",
    "procedure",
    "channel",
    "demanded_cents",
    "fee_cents",
    "fee_rule_id",
    "pay_by",
    "is_dunning",
    "reason",
    "fact_no",
)
_KEY = ["case_id", "step_id", "cycle"]


def _save_messages(chunk: _Chunk, fresh: pl.DataFrame, plan: frames.DayPlan) -> SavedPlan:
    wanted = chunk.between(plan.measures).join(
        fresh.filter(pl.col("outcome") == "measure").select("case_id"), on="case_id", how="semi"
    )
    select = {"id": ("id", pl.Int64), "state": ("state", pl.String), "planned_on": ("planned_on", pl.Date)}
    select |= {name: (name, frames.MEASURES[name]) for name in _KEY}
    select |= {f"old_{name}": (name, frames.MEASURES[name]) for name in _MESSAGE_VALUES}
    stored = chunk.read(select, "messages", " AND attempt = 1")
    new = wanted.join(stored, on=_KEY, how="anti")
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"old_{name}")) for name in _MESSAGE_VALUES)
    again = wanted.join(stored, on=_KEY).filter(
        (pl.col("state") == "withdrawn")
        | ((pl.col("state") == "planned") & ~(same & (pl.col("planned_on") == chunk.on)))
    )
    again = again.filter(pl.col("id").is_in(_ours_to_replan(again["id"].to_list())))
    unwanted = (
        stored.filter(pl.col("state") == "planned")
        .join(fresh.select("case_id"), on="case_id", how="semi")
        .join(wanted, on=_KEY, how="anti")
    )
    new_keys = _insert_messages(chunk, new)
    _replan(chunk, again)
    withdrawn = bulk.update_frame(
        connection,
        "messages",
        unwanted.select(
            "id", pl.lit("withdrawn").alias("state"), pl.lit("no_longer_due").alias("ended_because")
        ),
        ["id"],
        only_if="messages.state = 'planned'",
    )
    keys = pl.concat([new_keys, again.select("case_id", pl.col("id").alias("message_id"))])
    _insert_items(chunk, keys, plan)
    return SavedPlan(planned=new.height, replanned=again.height, withdrawn=withdrawn)


def _ours_to_replan(message_ids: list[int]) -> list[int]:
    """Messages nobody has sealed since they were read; nobody will before this transaction ends."""
    found: list[int] = []
    for start in range(0, len(message_ids), 500):
        rows = Message.objects.select_for_update().filter(
            id__in=message_ids[start : start + 500], state__in=("planned", "withdrawn")
        )
        found += rows.order_by("id").values_list("id", flat=True)
    return found


def _insert_messages(chunk: _Chunk, new: pl.DataFrame) -> pl.DataFrame:
    rows = new.select(
        ids.new_ids(new.height),
        pl.lit(chunk.tenant_id).alias("tenant_id"),
        ids.new_public_ids(new.height),
        pl.lit(chunk.run_id).alias("run_id"),
        *_KEY,
        *_MESSAGE_VALUES,
        pl.lit(1).alias("attempt"),
        pl.lit(chunk.on).alias("planned_on"),
        pl.lit(chunk.law_hash).alias("law_hash"),
        pl.lit("planned").alias("state"),
        pl.lit(0).alias("fence"),
    )
    bulk.insert_frame(connection, "messages", rows)
    return rows.select("case_id", pl.col("id").alias("message_id"))


def _replan(chunk: _Chunk, again: pl.DataFrame) -> None:
    if again.is_empty():
        return
    rows = again.select(
        "id",
        *_MESSAGE_VALUES,
        pl.lit(chunk.run_id).alias("run_id"),
        pl.lit(chunk.on).alias("planned_on"),
        pl.lit(chunk.law_hash).alias("law_hash"),
        pl.lit("planned").alias("state"),
        pl.lit(None, pl.String).alias("ended_because"),
    )
    bulk.update_frame(
        connection, "messages", rows, ["id"], only_if="messages.state IN ('planned', 'withdrawn')"
    )
    condition, parameters = bulk.ids_filter(connection, "message_id", again["id"].to_list())
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM message_items WHERE tenant_id = %s AND {condition}",  # noqa: S608
            [chunk.tenant_id, *parameters],
        )


def _insert_items(chunk: _Chunk, keys: pl.DataFrame, plan: frames.DayPlan) -> None:
    items = chunk.between(plan.measure_items).join(keys, on="case_id")
    rows = items.select(
        ids.new_ids(items.height),
        pl.lit(chunk.tenant_id).alias("tenant_id"),
        "message_id",
        "case_id",
        "claim_id",
        "step_id",
        "level",
        "climbs",
        "open_cents",
        "triggers_default",
    )
    bulk.insert_frame(connection, "message_items", rows)


def tenant_zone(tenant_id: int) -> str:
    """The time zone whose midnight ends the tenant's day."""
    return str(Tenant.objects.values_list("time_zone", flat=True).get(id=tenant_id))
