"""Trials of a job in processes of their own: killed at a point, or stopped there while another runs.

A trial starts from the same book again and again: a folder copied, and on PostgreSQL a database copied. There
a trial works as the role of an installation, which may do what the programme needs and no more.

MAHNWERK_TEST_DATABASE=sqlite (default) | postgres
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

URLS = {"MAHNWERK_DATABASE_URL": "book", "MAHNWERK_KEYS_URL": "keys"}
"""The variables that name a database, and what the names of the databases end with."""


@contextmanager
def databases(*modules: str) -> Iterator[None]:
    """Load Django and these modules once, on the database of the environment, so that forks start at once.

    Polars must not work before a fork.
    """
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    os.environ["DJANGO_SETTINGS_MODULE"] = "mahnwerk.site.settings"
    os.environ.setdefault("MAHNWERK_BOOK", tempfile.gettempdir())
    for name in (*URLS, "MAHNWERK_SMTP_URL", "MAHNWERK_ENV"):
        os.environ.pop(name, None)
    with contextlib.ExitStack() as stack:
        if os.environ.get("MAHNWERK_TEST_DATABASE") == "postgres":
            socket = stack.enter_context(_server())
            os.environ |= dict.fromkeys(URLS, f"postgresql://mahnwerk@/mahnwerk?host={socket}")
        import importlib

        import django

        django.setup()
        for module in ("mahnwerk.usecases.main_job", *modules):
            importlib.import_module(module)
        yield


@contextmanager
def _server() -> Iterator[Path]:
    """The server of the test run around us, or one of our own."""
    from tests.records import postgres_server

    around = os.environ.get("MAHNWERK_TEST_FOLDER")
    if around and (Path(around) / "pg" / "data" / "postmaster.pid").exists():
        yield Path(around) / "pg"
        return
    with tempfile.TemporaryDirectory(prefix="mw-") as folder:  # short: a socket's path has 107 bytes
        postgres_server.start(Path(folder) / "pg")
        try:
            yield Path(folder) / "pg"
        finally:
            postgres_server.stop(Path(folder) / "pg")


def _sql(*statements: str) -> None:
    import psycopg

    with psycopg.connect(os.environ["MAHNWERK_DATABASE_URL"], autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


@dataclass(frozen=True)
class TrialBook:
    """A book that can be put back: `make` once, then `reset` before each trial."""

    folder: Path
    name: str

    @property
    def _names(self) -> list[str]:
        return [f"mw_{self.name}_{os.getpid()}_{end}" for end in URLS.values()]

    def make(self, task: Callable[[], Any], out: Path) -> None:
        """Run the task that makes the book, in a process of its own, and keep what it made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if _is_postgres():
            _sql(*(f"CREATE DATABASE {name}" for name in self._names))
        inside(self.using(task, as_owner=True), out)
        if _is_postgres():
            inside(self.using(_give_rights, as_owner=True), self.folder / "rights.json")
        (self.folder / "var").rename(self.folder / "template")
        if _is_postgres():
            _sql(*(f"ALTER DATABASE {name} RENAME TO {name}_kept" for name in self._names))

    def using(self, task: Callable[[], Any], *, as_owner: bool = False) -> Callable[[], Any]:
        """The task, on this book. To be called in the process that runs it."""
        names = self._names

        def run() -> Any:
            os.environ["MAHNWERK_VAR"] = str(self.folder / "var")
            if _is_postgres():
                for variable, name in zip(URLS, names, strict=True):
                    os.environ[variable] = os.environ[variable].replace("@/mahnwerk?", f"@/{name}?")
                if not as_owner:
                    _be_an_installation()
            return task()

        return run

    def reset(self) -> None:
        """The book as `make` left it."""
        shutil.rmtree(self.folder / "var", ignore_errors=True)
        shutil.copytree(self.folder / "template", self.folder / "var")
        if _is_postgres():
            for name in self._names:
                _sql(
                    f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
                    f"CREATE DATABASE {name} TEMPLATE {name}_kept",
                )

    def drop(self) -> None:
        """Leave nothing on the server."""
        if _is_postgres():
            for name in self._names:
                _sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"DROP DATABASE IF EXISTS {name}_kept")


def _give_rights() -> None:
    """As the owner of the tables does once."""
    from django.conf import settings
    from django.db import connections

    from mahnwerk.records import roles
    from mahnwerk.usecases import books

    for alias, database in settings.DATABASES_OF_BOOK(books.place("kill").folder).items():
        connections[alias].settings_dict["NAME"] = database["NAME"]
    roles.grant_app_role()
    with connections["default"].cursor() as cursor:
        cursor.execute(f"GRANT {roles.APP_ROLE} TO CURRENT_USER")


def _be_an_installation() -> None:
    from django.db import connections

    from mahnwerk.records import roles

    for alias in ("default", "keys"):
        connections[alias].settings_dict["OPTIONS"]["assume_role"] = roles.APP_ROLE


def _is_postgres() -> bool:
    return "MAHNWERK_DATABASE_URL" in os.environ


def inside(task: Callable[[], Any], out: Path, kill_at: int = 0, log: str = "") -> bool:
    """Run the task in a forked process of its own; True if it came to its end. Its result goes to `out`."""
    return _ended(fork(task, out, kill_at, log), out)


def fork(task: Callable[[], Any], out: Path, at: int = 0, log: str = "", *, stops: bool = False) -> int:
    """Begin the task in a process of its own, which kills itself (or stops) at its point; its id."""
    out.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            from mahnwerk.usecases import failpoints

            failpoints.arm(at, log, signal.SIGSTOP if stops else signal.SIGKILL)
            result = task()
            out.write_text(json.dumps(result, default=str), encoding="utf-8")
            code = 0
        except BaseException:
            out.with_suffix(".error").write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            os._exit(code)
    return pid


def _ended(pid: int, out: Path) -> bool:
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if status:
        raise RuntimeError(out.with_suffix(".error").read_text(encoding="utf-8"))
    return True


@dataclass(frozen=True)
class Job:
    """Something that may be interrupted, in a world of its own.

    `work(hour)` does all of it, at some hour of its day; done before, it does nothing more. `look` says what
    is in the book; `outside` what left it. Rows in lists are compared one by one. `again`: words of the
    errors by which one of two says that the other was at work, and that it must be called again.
    """

    book: TrialBook
    make: Callable[[], Any]
    work: Callable[[int], Any]
    look: Callable[[], dict[str, Any]]
    outside: Callable[[], Counter[str]] = Counter
    again: tuple[str, ...] = ()
    setup: Callable[[], Any] = lambda: None

    @property
    def out(self) -> Path:
        """Where a process leaves its result."""
        return self.book.folder / "result.json"

    def reset(self) -> None:
        """The world as it was before."""
        self.book.reset()
        self.setup()

    def task(self, hour: int) -> Callable[[], Any]:
        """Work, then look."""

        def run() -> Any:
            self.work(hour)
            return self.look()

        return self.book.using(run)

    def seen(self) -> dict[str, Any]:
        """What the last process found in the book, and what is outside it."""
        return {**json.loads(self.out.read_text()), "outside": sorted(self.outside().elements())}


@dataclass
class JobCounts:
    """What the trials of one job showed."""

    name: str
    word: str = "killed"
    points: int = 0
    tried: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Nothing lost, nothing twice, nothing different."""
        return not (self.lost or self.doubled or self.differing) and self.tried > 0

    def line(self) -> str:
        """One line for people."""
        return (
            f"{self.name}: {self.points} points, {self.tried} {self.word} · lost {self.lost} · doubled "
            f"{self.doubled} · different end state {self.differing}"
        )

    def compare(self, clean: dict[str, Any], after: dict[str, Any], where: str) -> None:
        """Count what differs from the world no one disturbed."""
        for name, rows in clean.items():
            if isinstance(rows, list):
                before, now = Counter(map(str, rows)), Counter(map(str, after[name]))
                self.lost += sum((before - now).values())
                self.doubled += sum((now - before).values())
        if after != clean:
            self.differing += 1
            self.faults.append(f"{self.name} {where}: {_changed(clean, after)}")


def _changed(clean: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Rows that are gone and rows that came, by name."""
    found: dict[str, Any] = {}
    for name in clean:
        before, now = clean[name], after[name]
        if isinstance(before, list):
            old, new = Counter(map(str, before)), Counter(map(str, now))
            before, now = sorted((old - new).elements()), sorted((new - old).elements())
        if before != now:
            found[name] = (before, now)
    return found


def spread(count: int, points: int) -> list[int]:
    """`points` of the numbers 1 … count, evenly; 0 = all."""
    if not 0 < points < count:
        return list(range(1, count + 1))
    return sorted({1 + round(i * (count - 1) / max(points - 1, 1)) for i in range(points)})


def _undisturbed(job: Job) -> tuple[list[str], dict[str, Any]]:
    """The names of the points, and the world after the job was done without disturbance, and once more."""
    job.book.make(job.make, job.out)
    log = job.book.folder / "points.log"
    job.reset()
    inside(job.task(0), job.out, log=str(log))
    once = job.seen()
    inside(job.task(1), job.out)
    if job.seen() != once:
        raise RuntimeError(f"{job.book.name}: done a second time, it changed {_changed(once, job.seen())}")
    return log.read_text().splitlines(), once


def kill_everywhere(job: Job, points: int) -> JobCounts:
    """Kill the job at `points` of its points (0 = every one), let it go on, and compare."""
    names, clean = _undisturbed(job)
    counts = JobCounts(job.book.name, points=len(names))
    for point in spread(len(names), points):
        where = f"point {point} ({names[point - 1]})"
        job.reset()
        if inside(job.task(0), job.out, kill_at=point):
            counts.faults.append(f"{where} was not reached")
            counts.differing += 1
            continue
        counts.tried += 1
        try:
            inside(job.task(1), job.out)
        except RuntimeError as error:
            counts.differing += 1
            counts.faults.append(f"{where}: did not go on: {error}")
            continue
        counts.compare(clean, job.seen(), where)
    job.book.drop()
    return counts


PATIENCE = 1.5
"""Seconds the second process is given while the first stands still; then the first goes on."""


def overlap_everywhere(job: Job, points: int) -> JobCounts:
    """Stop the job at a point, let a second one work meanwhile, go on; compare with the job done once.

    A process that says that another was at work at the same time is called again, as its message asks.
    """
    names, clean = _undisturbed(job)
    counts = JobCounts(job.book.name, "overlapped", points=len(names))
    second = job.book.folder / "second.json"
    for point in spread(len(names), points):
        where = f"point {point} ({names[point - 1]})"
        job.reset()
        first = fork(job.task(0), job.out, point, stops=True)
        _, status = os.waitpid(first, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            counts.faults.append(f"{where} was not reached")
            counts.differing += 1
            continue
        counts.tried += 1
        other = fork(job.task(0), second)
        ended = _wait(other, PATIENCE)
        os.kill(first, signal.SIGCONT)
        faults = [_fault(job, first, job.out), _fault(job, other, second, ended)]
        for fault in filter(None, faults):
            counts.differing += 1
            counts.faults.append(f"{where}: {fault}")
        inside(job.task(1), job.out)
        counts.compare(clean, job.seen(), where)
    job.book.drop()
    return counts


def _wait(pid: int, seconds: float) -> int | None:
    """The status of a process that ends within this time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.02)
    return None


def _fault(job: Job, pid: int, out: Path, status: int | None = None) -> str:
    """Why a process failed, unless it says that it must be called again."""
    if status is None:
        _, status = os.waitpid(pid, 0)
    if status == 0:
        return ""
    text = out.with_suffix(".error").read_text(encoding="utf-8")
    return "" if any(word in text for word in job.again) else text


def report(results: list[JobCounts]) -> int:
    """Print the counts; 1 if anything was lost, doubled or different."""
    for counts in results:
        print(counts.line())
        for fault in counts.faults[:20]:
            print("  ", fault)
    sys.stdout.flush()
    return 0 if results and all(counts.is_clean for counts in results) else 1
