"""A PostgreSQL of the test run's own: made in a folder, reached by a socket in it, stopped at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

ROLE = "mahnwerk"


def find_binaries() -> Path | None:
    """The folder of initdb and pg_ctl (newest version), or None."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    return next((folder for folder in reversed(folders) if (folder / "initdb").is_file()), None)


def server_user() -> str | None:
    """The user to run the server as: None = ourselves; a server never runs as root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise RuntimeError("PostgreSQL does not run as root, and there is neither user postgres nor nobody.")


def _run(folder: Path, *command: str) -> None:
    user = server_user()
    rights = {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    result = subprocess.run(
        command, cwd=folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **rights,
    )  # fmt: skip
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{result.stdout}")


def start(folder: Path) -> None:
    """Make and start a server in `folder`; its role `mahnwerk` is no superuser, so tenants are kept apart."""
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError("No PostgreSQL found (apt install postgresql); the tests on SQLite need none.")
    folder.mkdir(parents=True, exist_ok=True)
    user = server_user()
    if user is not None:
        shutil.chown(folder, user)
        folder.parent.chmod(0o711)  # mkdtemp made it ours alone
    folder.chmod(0o755)
    data = folder / "data"
    _run(
        folder,
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "root",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    )
    options = (
        f"-k {folder} -c listen_addresses='' -c timezone=UTC -c shared_buffers=256MB -c max_wal_size=2GB"
    )
    log = folder / "server.log"
    _run(folder, str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(log), "-o", options, "start")
    # pg_signal_backend: a database in which autovacuum is at work can only be dropped by who may stop that.
    sql = f"CREATE ROLE {ROLE} LOGIN CREATEDB CREATEROLE IN ROLE pg_signal_backend"
    psql = str(binaries / "psql")
    _run(folder, psql, "-h", str(folder), "-U", "root", "-d", "postgres", "-c", sql)
    sql = f"CREATE DATABASE {ROLE} OWNER {ROLE}"
    _run(folder, psql, "-h", str(folder), "-U", "root", "-d", "postgres", "-c", sql)


def stop(folder: Path) -> None:
    """Stop the server of this folder."""
    binaries = find_binaries()
    if binaries is not None and (folder / "data" / "postmaster.pid").exists():
        _run(folder, str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w", "-m", "immediate", "stop")
