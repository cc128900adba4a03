"""Points at which a test may kill the process, to show that nothing is lost or done twice.

Off, a point costs one `if`. It is switched on from outside, by the environment:

* `MAHNWERK_KILL_AT=n` – the process kills itself (`SIGKILL`) at the n-th point it reaches;
* `MAHNWERK_KILL_LOG=FILE` – each point reached is appended to the file, one name a line.

`watch_connection` adds every statement and every commit of a database connection to the points.
"""

from __future__ import annotations

import os
import signal
from typing import Any

_kill_at = int(os.environ.get("MAHNWERK_KILL_AT", "0"))
_log = os.environ.get("MAHNWERK_KILL_LOG", "")
_armed = bool(_kill_at or _log)
_reached = 0
_signal = signal.SIGKILL


def arm(kill_at: int, log: str = "", how: signal.Signals = signal.SIGKILL) -> None:
    """Switch the points on in this process, as the environment would; counting begins anew.

    `how` may be `SIGSTOP` instead, so that another process works while this one stands at its point.
    """
    global _kill_at, _log, _armed, _reached, _signal
    _kill_at, _log, _reached, _signal = kill_at, log, 0, how
    _armed = bool(kill_at or log)


def reached(name: str) -> None:
    """Count this point; die here if it is the chosen one."""
    if _armed:
        _count(name)


def _count(name: str) -> None:
    global _reached
    _reached += 1
    if _log:
        with open(_log, "a", encoding="utf-8") as log:
            log.write(f"{name}\n")
    if _reached == _kill_at:
        os.kill(os.getpid(), _signal)


def watch_connection(connection: Any) -> None:
    """Make each write and both sides of each commit of this Django connection a point."""
    if not _armed or getattr(connection, "_mahnwerk_watched", False):
        return
    connection._mahnwerk_watched = True
    commit = connection._commit

    def watched_commit() -> Any:
        reached("before commit")
        result = commit()
        reached("after commit")
        return result

    def watched_statement(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip()[:6].upper() in ("INSERT", "UPDATE", "DELETE"):
            reached(f"before {' '.join(sql.split()[:3])}")
        return execute(sql, params, many, context)

    connection._commit = watched_commit
    connection.execute_wrappers.append(watched_statement)
