"""Files in: which kind each is, whose it is, what of it is new, and what a person must fix."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import polars as pl

from mahnwerk.formats import claims_csv, facts_csv, mandates_csv
from mahnwerk.formats import mapping as mappings
from mahnwerk.formats.mapping import Mapping
from mahnwerk.formats.rejects import FormatError, Imported, rejects_csv
from mahnwerk.frames import REJECTS, empty
from mahnwerk.records import crypto
from mahnwerk.records.models import ImportedFile
from mahnwerk.usecases import bank_import, clock, creditors, file_kinds, mandate_import, placing, telling
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.bank_files import parse
from mahnwerk.usecases.bank_import import BankImport
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.file_kinds import FileKind
from mahnwerk.usecases.opening import OpenBook

SIZE_MAX: Final = 2 * 1024**3
KEPT_MAX: Final = 64 * 1024**2
"""Originals up to this size are kept, encrypted; of larger ones only the HMAC."""
Progress = Callable[[int, int], None]


@dataclass
class ImportSummary:
    """What one file gave."""

    file: str
    kind: str
    is_dry_run: bool = False
    is_repeat: bool = False
    rows: int = 0
    new_claims: int = 0
    new_facts: int = 0
    new_cases: int = 0
    new_mandates: int = 0
    new_entries: int = 0
    known: int = 0
    rejected: int = 0
    rejects_file: str = ""
    warnings: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    bank: BankImport | None = None
    """What all bank files of the import together gave; stands with the last of them."""

    @property
    def needs_person(self) -> bool:
        """Some rows were rejected, or money waits for an answer."""
        return bool(self.rejected or (self.bank and self.bank.needs_person))


def import_files(
    book: OpenBook,
    files: Sequence[Path],
    *,
    creditor: str = "",
    mapping: str = "",
    rejects_folder: Path | None = None,
    dry_run: bool = False,
    progress: Progress = lambda done, total: None,
) -> list[ImportSummary]:
    """Take in files of any kind, creditors first, then claims, facts and mandates, then what banks say.

    A file stands in one transaction per piece; the same file, or the same row, twice adds nothing, so
    an import that was cut off is simply started again.

    Parameters
    ----------
    creditor : key of the creditor for rows and files that name none
    mapping : name of a shipped mapping, or a YAML file
    rejects_folder : for the CSV of rejected rows; None = beside each file

    Raises
    ------
    NotFound, BadInput
        A file is not there, is too large, or is of no kind this programme knows.
    """
    chosen = _mapping(mapping)
    tasks = [(path, file_kinds.detect(path, chosen)) for path in files]
    tasks.sort(key=lambda task: task[1].order)
    statements = [path for path, kind in tasks if kind == FileKind.BANK]
    summaries = []
    for number, (path, kind) in enumerate(tasks[: len(tasks) - len(statements)]):
        summaries.append(_Import(book, path, kind, creditor, chosen, rejects_folder, dry_run).run())
        progress(number + 1, len(tasks))
    if statements:
        summaries += _bank(book, statements, creditor, dry_run=dry_run)
        progress(len(tasks), len(tasks))
    return summaries


def _bank(book: OpenBook, files: Sequence[Path], creditor: str, *, dry_run: bool) -> list[ImportSummary]:
    """Bank files, all together: a payment may be explained by another file than its own."""
    if dry_run:
        read = [(path.name, [told for _, told in parse(path)]) for path in files]
        return [
            ImportSummary(
                name,
                FileKind.BANK.value,
                is_dry_run=True,
                rows=sum(len(one.entries) for told in members for one in told.statements),
                rejected=sum(bool(told.problems) for told in members),
                reasons=[text for told in members for text in told.problems],
                warnings=[text for told in members for text in told.warnings],
            )
            for name, members in read
        ]
    report = bank_import.import_files(book, files, creditor=creditor)
    summaries = [
        ImportSummary(
            one.file,
            FileKind.BANK.value,
            is_repeat=one.is_repeat,
            rows=one.entries,
            new_entries=one.new,
            known=one.known,
            warnings=one.warnings,
        )
        for one in report.files
    ]
    summaries[-1].bank = report
    return summaries


def _mapping(word: str) -> Mapping | None:
    if not word:
        return None
    known = {one.name: one for one in mappings.shipped_mappings()}
    if word in known:
        return known[word]
    path = Path(word)
    if not path.is_file():
        raise NotFound(
            f"mapping {word!r} is neither a shipped mapping nor a file.",
            f"Shipped: {', '.join(sorted(known))}.",
        )
    try:
        return mappings.parse_mapping(path.read_text(encoding="utf-8"), str(path))
    except (FormatError, UnicodeDecodeError) as error:
        raise BadInput(str(error)) from error


@dataclass
class _Import:
    book: OpenBook
    path: Path
    kind: FileKind
    creditor: str
    mapping: Mapping | None
    rejects_folder: Path | None
    dry_run: bool

    def run(self) -> ImportSummary:
        summary = ImportSummary(self.path.name, self.kind.value, is_dry_run=self.dry_run)
        if self.kind == FileKind.CREDITOR:
            return self._creditors(summary)
        mark = self._mark()
        earlier = ImportedFile.objects.filter(
            tenant_id=self.book.tenant_id, kind=self.kind.value, content_hmac=mark
        ).first()
        if earlier is not None:
            summary.is_repeat = True
            summary.rows = summary.known = earlier.counts.get("rows", 0)
            summary.warnings.append("this file was imported before; nothing to do")
            return summary
        whole = self._pieces(summary)
        self._rejects(summary, whole)
        if not self.dry_run:
            self._keep(summary, mark)
        return summary

    def _creditors(self, summary: ImportSummary) -> ImportSummary:
        for one in creditors.add_file(self.book, self.path, dry_run=self.dry_run):
            summary.rows += 1
            summary.known += one.outcome == "same"
            summary.warnings += one.warnings
        return summary

    def _mark(self) -> bytes:
        """What makes an import the same again: the bytes, and whose they are said to be."""
        size = self.path.stat().st_size
        if size > SIZE_MAX:
            raise BadInput(
                f"{self.path}: {size / 1024**3:.1f} GB; the limit is {SIZE_MAX / 1024**3:.0f} GB.",
                "Split it into several files; the same header in each.",
            )
        digest = hashlib.sha256(f"{self.creditor}|{self.mapping.name if self.mapping else ''}|".encode())
        with open(self.path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
        return crypto.keyed_hash(self.book.tenant_id, "bytes hmac", digest.digest())

    def _read(self, stream: BinaryIO) -> Iterator[Imported]:
        if self.kind == FileKind.CLAIMS:
            return claims_csv.read_chunks(stream, mapping=self.mapping)
        if self.kind == FileKind.FACTS:
            return facts_csv.read_chunks(stream, mapping=self.mapping)
        if self.kind == FileKind.MANDATES:
            return mandates_csv.read_chunks(stream, mapping=self.mapping)
        return iter([file_kinds.read_invoice(stream.read(), self.path.name)])

    def _pieces(self, summary: ImportSummary) -> Imported:
        rejects, rejected_rows = [empty(REJECTS)], []
        at = clock.now()
        with open(self.path, "rb") as stream:
            try:
                for piece in self._read(stream):
                    summary.rows += piece.row_count
                    summary.warnings += [text for text in piece.warnings if text not in summary.warnings]
                    refused = self._take(piece, summary, at)
                    rejects += [piece.rejects, refused]
                    rejected_rows.append(piece.rejected_rows)
                    if refused.height:
                        rejected_rows.append(file_kinds.original_rows(self.path, self.kind, refused))
            except FormatError as error:
                raise BadInput(f"{self.path.name}: {error}") from error
        rows = [frame for frame in rejected_rows if frame.height]
        return Imported(
            rejects=pl.concat(rejects),
            rejected_rows=pl.concat(rows, how="diagonal").sort("row_no").unique("row_no", maintain_order=True)
            if rows
            else pl.DataFrame(schema={"row_no": pl.Int64}),
        )

    def _take(self, piece: Imported, summary: ImportSummary, at: dt.datetime) -> pl.DataFrame:
        """Record one piece; the rows that could not be taken, as REJECTS."""
        if self.kind == FileKind.FACTS:
            told = telling.tell(
                self.book, piece.facts, file=self.path, creditor=self.creditor, at=at, dry_run=self.dry_run
            )
            summary.new_facts += told.new
            summary.known += told.known
            return told.rejects
        if self.kind == FileKind.MANDATES:
            kept = mandate_import.keep(
                self.book, piece.mandates, file=self.path, creditor=self.creditor, at=at, dry_run=self.dry_run
            )
            summary.new_mandates += kept.new
            summary.known += kept.known
            return kept.rejects
        placed = placing.place(
            self.book, piece.claims, file=self.path, creditor=self.creditor, at=at, dry_run=self.dry_run
        )
        reached("piece imported")
        summary.new_claims += placed.new
        summary.new_cases += placed.new_cases
        summary.new_facts += placed.new_facts
        summary.known += placed.known
        summary.warnings += [text for text in placed.warnings if text not in summary.warnings]
        return placed.rejects

    def _keep(self, summary: ImportSummary, mark: bytes) -> None:
        """Keep the original, and remember the file as done unless something of it must come again."""
        if self.path.stat().st_size <= KEPT_MAX:
            crypto.keep_file(self.book.tenant_id, self.kind.value, self.path.read_bytes())
        counts: dict[str, Any] = {
            "rows": summary.rows,
            "claims": summary.new_claims,
            "facts": summary.new_facts,
            "cases": summary.new_cases,
            "mandates": summary.new_mandates,
            "known": summary.known,
        }
        note(self.book, "import", detail={"kind": self.kind.value, **counts})
        if not summary.rejected:
            ImportedFile.objects.get_or_create(
                tenant_id=self.book.tenant_id,
                kind=self.kind.value,
                content_hmac=mark,
                defaults={"imported_at": clock.now(), "counts": counts},
            )

    def _rejects(self, summary: ImportSummary, whole: Imported) -> None:
        """Write the rejected rows to fix, and say the first reasons."""
        numbers = whole.rejects.filter(pl.col("row_no") > 0)["row_no"].n_unique()
        summary.rejected = numbers + whole.rejects.filter(pl.col("row_no") == 0).height
        for row in whole.rejects.sort("row_no").head(20).iter_rows(named=True):
            where = f"row {row['row_no']}" if row["row_no"] else "file"
            column = f", {row['column']}" if row["column"] else ""
            remedy = f" → {row['remedy']}" if row["remedy"] else ""
            summary.reasons.append(f"{where}{column}: {row['reason']}{remedy}")
        if not summary.rejected and not self.dry_run:
            return
        if whole.rejected_rows.height and self.kind.is_table:
            summary.rejects_file = str(self._write_rejects(rejects_csv(whole)))

    def _write_rejects(self, content: bytes) -> Path:
        name = f"{self.path.stem}.rejects.csv"
        folders = [self.rejects_folder or self.path.parent, self.book.place.rejects]
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                crypto.write_durably(folder / name, content)  # names and addresses in clear: 0600
            except OSError:
                continue
            return folder / name
        raise BadInput(
            f"the rejected rows of {self.path.name} can be written neither to {folders[0]} nor {folders[1]}.",
            "Name a folder with --rejects.",
        )
