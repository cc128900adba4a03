"""The life of a plan of the kiosk's book, day by day, with its letters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

from tests.usecases.conftest import FIRST

CASE = "M-000002"  # Bert Brandt owes 100 euro and has an e-mail address


class Life:
    """The kiosk's book with a plan; every verb is what happens on a day."""

    def __init__(self, book: Any, at: Callable[[int], None], *, by_debit: bool = False) -> None:
        from mahnwerk.usecases import plans
        from mahnwerk.usecases.plan_asks import read_ask

        self.book, self.at = book, at
        ask = read_ask("25", first_on=dt.date(2026, 5, 4), by_debit=by_debit)
        self.plan = plans.agree(book, CASE, ask=ask, on=dt.date(2026, 4, 1))

    def goes(self, month: int, day: int) -> Any:
        """The daily run and the sending of a day; the case's row of the plan."""
        from mahnwerk.usecases import cases, sending
        from mahnwerk.usecases import day as days

        on = dt.date(2026, month, day)
        self.at((on - FIRST).days * 24)
        days.run_day(self.book, on, confirm_day=True)
        self.sent = sending.send(self.book, on, confirm_day=True)
        found = cases.list_cases(self.book, on).rows
        return next(row for row in found if row["case_reference"] == CASE)

    def pays(self, month: int, day: int, amount: str = "25") -> Any:
        from mahnwerk.usecases import facts

        return facts.add(self.book, CASE, "payment_received", on=dt.date(2026, month, day), amount=amount)

    def told(self) -> list[Any]:
        from mahnwerk.records.models import Message

        mine = Message.objects.filter(tenant_id=self.book.tenant_id, case__case_reference=CASE)
        return list(mine.filter(step_id="plan_reminder", state="sent").order_by("sealed_on", "attempt"))

    def letter(self, name: str) -> str:
        content = message_from_bytes((Path(self.book.place.outbox) / name).read_bytes())
        part = next(one for one in content.walk() if one.get_content_type() == "text/plain")
        return " ".join(part.get_payload(decode=True).decode().split())  # type: ignore[union-attr]
