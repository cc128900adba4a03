"""Two processes at once: each event still one fact, numbers without a gap."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.records import worlds
from tests.records.worlds import claim_row

from mahnwerk.frames import FactKind
from mahnwerk.records.models import Case, Fact

WORKER = """
import sys
from datetime import UTC, date, datetime
from mahnwerk.records.book import ensure_tenant, open_book
open_book(sys.argv[1], create=False)
tenant_id, case_id = ensure_tenant(), int(sys.argv[2])
from mahnwerk.records import facts
new = 0
for number in range(25):
    row = {"case_id": case_id, "kind": 200, "effective_on": date(2026, 3, 1), "amount_cents": number + 1,
           "source_key": f"bank:{number}"}
    made = facts.append(tenant_id, [row], recorded_at=datetime(2026, 3, 2, tzinfo=UTC))
    new += int(made["is_new"].sum())
print(new)
"""


def test_two_workers_tell_the_same_events(real_book: Any, settings: Any) -> None:
    from mahnwerk.records.book import ensure_tenant

    settings.MASTER_KEY = ""  # the workers find the key in the book
    folder = real_book("shop")
    tenant_id = ensure_tenant("default")
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    case_id = Case.objects.get().id
    source = str(Path(__file__).parents[2] / "src")
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("MAHNWERK", "DJANGO"))}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), str(case_id)],
            env=clean | {"PYTHONPATH": source},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    new = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    assert sum(new) == 25
    assert sorted(Fact.objects.values_list("fact_no", flat=True)) == list(range(1, 27))
    assert Fact.objects.filter(kind=FactKind.PAYMENT_RECEIVED).count() == 25
    assert Case.objects.get().last_fact_no == 26
