"""Letters and messages as files in a folder, for a print shop, a mail program or a person.

The file name is the key: the same key with the same bytes is the same file, however often it is
delivered. So this gateway can be asked after a crash, and the answer is certain.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from mahnwerk.gateways import Checkpoint, NotDelivered, Receipt, no_checkpoint

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,180}")


def write_durably(path: Path, payload: bytes, checkpoint: Checkpoint = no_checkpoint) -> None:
    """Write a file so that after any crash it is there whole or not at all, and stays.

    A file of that name with the same bytes is left as it is.

    Raises
    ------
    FileExistsError
        A file of that name with other bytes is there; it is not touched.
    """
    if path.exists():
        if path.read_bytes() == payload:
            _sync_folder(path.parent)
            return
        raise FileExistsError(f"{path}: is there already, with other content")
    # Letters lie here in clear: nobody but the user who sends them may read them.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    checkpoint("before file write")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
    checkpoint("before file rename")
    try:
        # A link, unlike a rename, never replaces a file that another process put there meanwhile.
        os.link(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    _sync_folder(path.parent)
    checkpoint("after file rename")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class FileGateway:
    """Delivers into one folder. Safe to call again with the same key, from any process."""

    folder: Path
    checkpoint: Checkpoint = no_checkpoint
    name = "files"
    can_be_asked = True

    def path(self, key: str) -> Path:
        """Where the file of this key lies or would lie."""
        if not _SAFE_NAME.fullmatch(key):
            raise ValueError(f"file key {key!r}: only letters, digits, '.', '_' and '-' are allowed")
        return self.folder / key

    def deliver(self, key: str, payload: bytes) -> Receipt:
        """Write the file named by the key.

        Raises
        ------
        NotDelivered
            The folder cannot be written (`disk`), or the name is taken by other bytes (`name_taken`).
        """
        try:
            write_durably(self.path(key), payload, self.checkpoint)
        except FileExistsError:
            raise NotDelivered("name_taken", is_permanent=True) from None
        except OSError as error:
            raise NotDelivered(f"disk:{error.errno}", is_permanent=False) from error
        return Receipt(key)

    def ask(self, key: str, sha256: str) -> Receipt | None:
        """Was this key delivered with these bytes? `None` is a certain no."""
        path = self.path(key)
        if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            return Receipt(key)
        return None

    def sweep(self) -> int:
        """Remove what an interrupted delivery of a dead process left half written; say how many.

        In the folder and those below it: payouts are written there the same way.
        """
        count = 0
        for partial in self.folder.rglob(".*.part"):
            owner = partial.name.rsplit(".", 2)[-2]
            if owner.isdigit() and not _is_alive(int(owner)):
                partial.unlink(missing_ok=True)
                count += 1
        return count


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
