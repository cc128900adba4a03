"""Kill the main job at every point where it could stop, start it again, and compare the results.

    python -m tests.usecases.kill_points                 every point of all scenarios
    python -m tests.usecases.kill_points --points 40     40 points spread evenly over each scenario

MAHNWERK_TEST_DATABASE=postgres does it on a PostgreSQL of its own.

A point is a statement that writes, either side of a commit, and either side of each effect outside the
database. Each trial forks a fresh process, which kills itself (`SIGKILL`) at its point; later processes
finish the work. Then: nothing lost, nothing twice, and what cannot be known is shown as uncertain.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

from tests.usecases.trials import TrialBook, databases, inside, spread

DAYS = (dt.date(2026, 3, 31), dt.date(2026, 4, 20), dt.date(2026, 5, 11))
"""First reminders; dunning notices; second notices, which charge their cost."""
CLAIMS = (
    "Kundennummer;Vorname;Nachname;Firma;Straße;PLZ;Ort;E-Mail;Kundenart;Rechnungsnummer;Rechnungsdatum;"
    "Fällig am;Betrag\n"
    "K1;Anna;Abel;;Weg 1;10115;Berlin;;Verbraucher;R-1;01.02.2026;15.02.2026;84,90\n"
    "K1;Anna;Abel;;Weg 1;10115;Berlin;;Verbraucher;R-2;05.02.2026;19.02.2026;15,10\n"
    "K2;Bert;Brandt;;Weg 2;20095;Hamburg;bert@example.org;Verbraucher;R-3;01.02.2026;15.02.2026;120,00\n"
    "K3;;;Cramer GmbH;Weg 3;80331;München;rechnung@example.com;Unternehmen;R-4;01.02.2026;15.02.2026;990,00\n"
    "K4;Dora;Dietz;;Weg 4;50667;Köln;;Verbraucher;R-5;01.02.2026;15.02.2026;45,00\n"
)
FACTS = (
    "Kundennummer;Rechnungsnummer;Ereignis;Datum;Betrag;Referenz\n"
    "K2;R-3;Zahlung;01.03.2026;20,00;B-1\n"
    "K4;R-5;Reklamation;02.03.2026;;D-1\n"
)
BOOK = "kill"


def creditor_file() -> str:
    """A creditor that can write letters and e-mails."""
    return """\
key: kiosk
name: Kiosk Lind GmbH
address: {street: Gärtnerweg 4, postcode: "04103", city: Leipzig}
iban: DE02120300000000202051
contact: {person: Mara Lind, phone: +49 341 5550123, email: konto@kiosk.example, hours: Mo–Fr 9–16 Uhr}
role: own
input_tax_deductible: true
"""


ACCOUNT = """\
key: mollie-1
provider: mollie
creditor: kiosk
secrets: {api_key: MOLLIE_API_KEY}
"""
PAGES = {"MAHNWERK_PUBLIC_URL": "https://pay.example.org", "MOLLIE_API_KEY": "test_mollie"}


@dataclass
class Counts:
    """What the trials of one scenario showed."""

    scenario: str
    points: int = 0
    killed: int = 0
    lost: int = 0
    doubled: int = 0
    uncertain: int = 0
    uncertain_not_delivered: int = 0
    hidden: int = 0
    differing: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Nothing lost in silence, nothing twice, nothing different."""
        return not (self.lost or self.doubled or self.hidden or self.differing)

    def line(self) -> str:
        """One line for people."""
        return (
            f"{self.scenario}: {self.points} points, {self.killed} killed · lost {self.lost} · doubled "
            f"{self.doubled} · uncertain {self.uncertain} (of these not delivered "
            f"{self.uncertain_not_delivered}), not shown {self.hidden} · different end state {self.differing}"
        )


@dataclass(frozen=True)
class Scenario:
    """One world: where it lies, and whether e-mails go to a mail server that cannot be asked.

    `has_links`: the creditor has an account at a provider, so letters carry pay links. Names and letters
    follow from the case alone; there every file must have the same bytes, however often it was written.
    """

    name: str
    folder: Path
    mailbox: Path | None
    port: int
    day: dt.date = DAYS[0]
    reruns: tuple[int, ...] = (1,)
    has_links: bool = False

    @property
    def trial(self) -> TrialBook:
        """The book, to be put back before each trial."""
        return TrialBook(self.folder, self.name)

    def task(self, hour: int) -> Callable[[], dict[str, Any]]:
        """The main job at some hour, in the book of the trial."""
        return self.trial.using(lambda: self.work(hour))

    def work(self, hour: int, day: dt.date | None = None) -> dict[str, Any]:
        """The main job at some hour of the day, and what is in the book afterwards."""
        from mahnwerk.usecases import clock, main_job, opening
        from mahnwerk.usecases import day as days

        os.environ |= PAGES if self.has_links else {}
        if self.mailbox is not None:
            os.environ["MAHNWERK_SMTP_URL"] = f"smtp://127.0.0.1:{self.port}?timeout=10"
        now = dt.datetime.combine(day or self.day, dt.time(6), dt.UTC) + dt.timedelta(hours=hour)
        with clock.use_clock(lambda: now):
            result = main_job.run(
                [self.folder / "kiosk.yaml", self.folder / "kiosk.csv", self.folder / "kiosk-facts.csv"],
                on=day or self.day,
                book=BOOK,
                actor="test",
                progress=lambda done, total: None,
            )
            # Decisions follow what was sent, so the day is planned once more before they are compared.
            days.run_day(opening.open_book(BOOK, actor="test"), day or self.day)
        return {"totals": result.totals, **in_the_book()}

    def reset(self) -> None:
        """An empty book, an empty outbox, an empty mailbox."""
        self.trial.reset()
        for mail in self.mails():
            mail.unlink()

    def mails(self) -> list[Path]:
        """The mails the server accepted."""
        return sorted(self.mailbox.iterdir()) if self.mailbox else []

    def outside(self) -> Counter[str]:
        """What reached the outside world: name and content, with how often."""
        files = sorted((self.folder / "var" / "outbox").rglob("*.*"))
        files = [path for path in files if not path.name.startswith(".")]
        marks = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if self.has_links}
        seen = Counter(f"{path.name} {marks.get(path, '')}" for path in files)
        for mail in self.mails():
            seen[str(message_from_bytes(mail.read_bytes())["Message-ID"])] += 1
        return seen


def in_the_book() -> dict[str, Any]:
    """Counts that must be the same however often the job was interrupted."""
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import Case, Claim, Decision, Fact, Message, PayLink, Person

    undone = set(Fact.objects.filter(kind=FactKind.VOIDED).values_list("case_id", "voids_fact_no"))
    facts = Counter(
        FactKind(kind).name
        for case_id, number, kind in Fact.objects.values_list("case_id", "fact_no", "kind")
        if (case_id, number) not in undone and kind != FactKind.VOIDED
    )
    return {
        "facts": dict(sorted(facts.items())),
        "states": sorted(Message.objects.values_list("step_id", "cycle", "attempt", "state")),
        "cases": Case.objects.count(),
        "claims": Claim.objects.count(),
        "persons": Person.objects.count(),
        "links": sorted(PayLink.objects.values_list("public_id", "state")),
        "decisions": sorted(Decision.objects.filter(until_on=None).values_list("case__case_no", "reason")),
    }


@contextmanager
def mail_server(mailbox: Path) -> Iterator[int]:
    """A mail server in a process of its own that keeps what it accepts as files."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pid = os.fork()
    if pid == 0:
        _serve(mailbox, port)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def _serve(mailbox: Path, port: int) -> None:
    from aiosmtpd.controller import Controller

    class Keep:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            name = f"{time.time_ns()}"
            (mailbox / name).write_bytes(envelope.original_content)
            return "250 taken"

    Controller(Keep(), hostname="127.0.0.1", port=port).start()
    while True:
        signal.pause()


def run_scenario(scenario: Scenario, points: int) -> Counts:
    """Try `points` of all points (0 = every one) of a scenario."""
    folder = scenario.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kiosk.yaml").write_text(creditor_file(), encoding="utf-8")
    (folder / "kiosk.csv").write_text(CLAIMS, encoding="utf-8")
    (folder / "kiosk-facts.csv").write_text(FACTS, encoding="utf-8")
    out = folder / "result.json"
    scenario.trial.make(lambda: _template(scenario), out)
    log = folder / "points.log"
    scenario.reset()
    inside(scenario.task(0), out, log=str(log))
    for hour in scenario.reruns:
        inside(scenario.task(hour), out)
    clean, expected = json.loads(out.read_text()), scenario.outside()
    names = log.read_text().splitlines()
    counts = Counts(scenario.name, points=len(names))
    if scenario.has_links != bool(clean["links"]):
        counts.faults.append(f"{scenario.name}: {len(clean['links'])} pay links")
        counts.differing += 1
    for point in spread(len(names), points):
        _trial(scenario, point, names[point - 1], clean, expected, out, counts)
        if counts.killed % 20 == 0:
            print(counts.line(), file=sys.stderr, flush=True)
    scenario.trial.drop()
    return counts


def _template(scenario: Scenario) -> None:
    """The book as it is before the day of the scenario."""
    from mahnwerk.usecases import imports, opening, provider_accounts

    book = opening.open_book(BOOK, actor="test", create=True)
    if scenario.has_links:
        os.environ |= PAGES
        (scenario.folder / "account.yaml").write_text(ACCOUNT, encoding="utf-8")
        imports.import_files(book, [scenario.folder / "kiosk.yaml", scenario.folder / "kiosk.csv"])
        provider_accounts.add_file(book, scenario.folder / "account.yaml")
    for day in DAYS:
        if day < scenario.day:
            scenario.work(0, day)


def _trial(
    scenario: Scenario,
    point: int,
    where: str,
    clean: dict[str, Any],
    expected: Counter[str],
    out: Path,
    counts: Counts,
) -> None:
    scenario.reset()
    if inside(scenario.task(0), out, kill_at=point):
        counts.faults.append(f"point {point} ({where}) was not reached")
        counts.differing += 1
        return
    counts.killed += 1
    try:
        for hour in scenario.reruns:
            inside(scenario.task(hour), out)
    except RuntimeError as error:
        counts.differing += 1
        counts.faults.append(f"{scenario.name} point {point} ({where}): did not go on: {error}")
        return
    after, seen = json.loads(out.read_text()), scenario.outside()
    states = Counter(state for *_, state in after["states"])
    uncertain = states["uncertain"]
    missing = sum((expected - seen).values())
    counts.uncertain += uncertain
    counts.uncertain_not_delivered += min(missing, uncertain)
    faults = {
        "doubled": sum((seen - expected).values()),
        "lost": max(0, missing - uncertain),
        "hidden": states["sealed"] + states["sending"] + states["planned"],
        "differing": int(not uncertain and after != clean),
    }
    for kind, number in faults.items():
        setattr(counts, kind, getattr(counts, kind) + number)
        if number:
            changed = {key: (clean[key], after[key]) for key in clean if clean[key] != after[key]}
            counts.faults.append(f"{scenario.name} point {point} ({where}): {kind} {number} {changed}")


def main(arguments: list[str] | None = None) -> int:
    """Run the scenarios and print their counts; 1 if anything was lost, doubled or hidden."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, default=0, help="so many per scenario; 0 = all")
    parser.add_argument("--scenario", choices=["files", "fees", "links", "mail", "all"], default="all")
    options = parser.parse_args(arguments)
    with databases(), tempfile.TemporaryDirectory(prefix="mw-kill-") as folder:
        results = list(run_all(Path(folder), options.points, options.scenario))
    for counts in results:
        print(counts.line())
        for fault in counts.faults[:20]:
            print("  ", fault)
    return 0 if all(counts.is_clean for counts in results) else 1


def run_all(folder: Path, points: int, only: str = "all") -> Iterator[Counts]:
    """First letters as files; letters that charge a cost; letters with pay links; e-mails to bare SMTP."""
    if only in ("files", "all"):
        yield run_scenario(Scenario("files", folder / "files", None, 0), points)
    if only in ("fees", "all"):
        yield run_scenario(Scenario("fees", folder / "fees", None, 0, DAYS[2]), points)
    if only in ("links", "all"):
        yield run_scenario(Scenario("links", folder / "links", None, 0, has_links=True), points)
    if only in ("mail", "all"):
        mailbox = folder / "mailbox"
        mailbox.mkdir()
        with mail_server(mailbox) as port:
            yield run_scenario(Scenario("mail", folder / "mail", mailbox, port), points)


if __name__ == "__main__":
    sys.exit(main())
