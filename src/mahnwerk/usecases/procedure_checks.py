"""May this procedure be used? Held against the law as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mahnwerk.kernel.procedures import check_procedure
from mahnwerk.law import load_laws
from mahnwerk.usecases import procedures


@dataclass(frozen=True)
class ProcedureCheck:
    """What was found in a procedure file; an error forbids its use."""

    key: str
    findings: list[dict[str, str]]

    @property
    def is_allowed(self) -> bool:
        """No finding is an error."""
        return not any(row["severity"] == "error" for row in self.findings)


def check_file(path: Path) -> ProcedureCheck:
    """Hold a procedure file against the law.

    Raises
    ------
    NotFound, BadInput
        The file is not there or is no procedure; the message names the place in it.
    """
    procedure = procedures.read_file(path)
    found = check_procedure(procedure, load_laws())
    rows = [
        {
            "severity": one.severity,
            "where": one.path,
            "message": f"{one.reason} ({one.statute})",
            "remedy": one.remedy,
        }
        for one in found
    ]
    return ProcedureCheck(procedure.key, rows)
