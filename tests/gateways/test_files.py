"""Files by key: whole or absent, and once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mahnwerk.gateways import NotDelivered
from mahnwerk.gateways.files import FileGateway, write_durably


def test_a_file_is_written_once_however_often_it_is_delivered(tmp_path: Path) -> None:
    gateway = FileGateway(tmp_path / "outbox")
    first = gateway.deliver("A-1_reminder.pdf", b"%PDF letter")
    modified = (tmp_path / "outbox" / "A-1_reminder.pdf").stat().st_mtime_ns
    second = gateway.deliver("A-1_reminder.pdf", b"%PDF letter")
    assert first == second
    assert (tmp_path / "outbox" / "A-1_reminder.pdf").stat().st_mtime_ns == modified
    assert [p.name for p in (tmp_path / "outbox").iterdir()] == ["A-1_reminder.pdf"]


def test_other_bytes_under_the_same_key_are_refused_and_the_first_stay(tmp_path: Path) -> None:
    gateway = FileGateway(tmp_path)
    gateway.deliver("A-1.pdf", b"first")
    with pytest.raises(NotDelivered) as refusal:
        gateway.deliver("A-1.pdf", b"second")
    assert refusal.value.code == "name_taken"
    assert refusal.value.is_permanent
    assert (tmp_path / "A-1.pdf").read_bytes() == b"first"


def test_it_can_be_asked_and_the_answer_depends_on_the_bytes(tmp_path: Path) -> None:
    gateway = FileGateway(tmp_path)
    digest = hashlib.sha256(b"letter").hexdigest()
    assert gateway.ask("A-1.pdf", digest) is None
    gateway.deliver("A-1.pdf", b"letter")
    assert gateway.ask("A-1.pdf", digest) is not None
    assert gateway.ask("A-1.pdf", hashlib.sha256(b"other").hexdigest()) is None


@pytest.mark.parametrize("key", ["../escape.pdf", "a/b.pdf", "", ".hidden", "a b.pdf", "a\n.pdf", "x" * 200])
def test_a_key_cannot_leave_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="file key"):
        FileGateway(tmp_path).deliver(key, b"x")


@pytest.mark.parametrize("stop_at", ["before file write", "before file rename", "after file rename"])
def test_stopped_anywhere_it_leaves_a_whole_file_or_none_and_can_go_on(tmp_path: Path, stop_at: str) -> None:
    class Stop(Exception):  # noqa: N818
        pass

    def stop(name: str) -> None:
        if name == stop_at:
            raise Stop

    target = tmp_path / "A-1.pdf"
    with pytest.raises(Stop):
        write_durably(target, b"whole", stop)
    assert not target.exists() or target.read_bytes() == b"whole"
    assert target.exists() == (stop_at == "after file rename")
    write_durably(target, b"whole")
    assert target.read_bytes() == b"whole"


def test_an_unwritable_folder_is_a_certain_and_passing_failure(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(NotDelivered) as refusal:
        FileGateway(blocked / "outbox").deliver("A-1.pdf", b"x")
    assert refusal.value.code.startswith("disk:")
    assert not refusal.value.is_permanent


def test_sweep_removes_only_what_a_dead_process_left(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    (tmp_path / f".A.pdf.{child.pid}.part").write_bytes(b"half")
    (tmp_path / f".B.pdf.{os.getpid()}.part").write_bytes(b"half")
    assert FileGateway(tmp_path).sweep() == 1
    assert [p.name for p in tmp_path.iterdir()] == [f".B.pdf.{os.getpid()}.part"]


def test_letters_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    FileGateway(tmp_path / "outbox").deliver("M-1.pdf", b"%PDF")
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "outbox" / "M-1.pdf").stat().st_mode & 0o777 == 0o600
