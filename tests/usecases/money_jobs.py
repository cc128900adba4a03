"""Jobs of the books, payouts and direct debits, for trials: what each does, and what must be there after."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.usecases.kill_points import BOOK, CLAIMS, creditor_file
from tests.usecases.trials import Job, TrialBook

SELLERS = ("alma", "bert")
FIRST, LATER = dt.date(2026, 3, 2), dt.date(2026, 3, 9)
AGAIN = ("at the same time",)
IDENTIFIER = "DE98ZZZ09999999999"
TERMS = """
creditor: {key}
valid_from: 2026-01-01
fees: {{principal_percent: "5", per_payment_cents: 20, vat: true}}
reserve: {{percent: "10", days: 30}}
pay_to: {{name: "{key} GmbH", iban: DE02120300000000202051}}
pay_from: {{name: Marktplatz AG, iban: DE02500105170137075030}}
"""


def at(day: dt.date, hour: int, task: Callable[[], Any]) -> Any:
    """Run the task at some hour of a day."""
    from mahnwerk.usecases import clock

    now = dt.datetime.combine(day, dt.time(6), dt.UTC) + dt.timedelta(hours=hour)
    with clock.use_clock(lambda: now):
        return task()


def opened(*, create: bool = False) -> Any:
    """The book of the trial."""
    from mahnwerk.usecases import opening

    return opening.open_book(BOOK, actor="test", create=create)


def written(folder: Path) -> Counter[str]:
    """Every file of the outbox with the mark of what is in it; a half-written one too."""
    outbox = folder / "var" / "outbox"
    found: Counter[str] = Counter()
    for path in sorted(outbox.rglob("*")):
        if path.is_file():
            # A transfer tells the hour at which it was recorded; its payments are its name.
            mark = "" if path.suffix == ".xml" else sha256(path.read_bytes()).hexdigest()[:12]
            found[f"{path.relative_to(outbox)} {mark}"] += 1
    return found


# --- the books ----------------------------------------------------------------------------------------


def make_sellers() -> None:
    """Two sellers with three debtors each; payments, a return, a payment too high."""
    from tests.records import worlds

    from mahnwerk.frames import FactKind, Role
    from mahnwerk.records import facts
    from mahnwerk.records.models import Claim, Mandate

    def make() -> None:
        tenant_id = opened(create=True).tenant_id
        for key in SELLERS:
            creditor_id = worlds.creditor(tenant_id, key)
            Mandate.objects.filter(creditor_id=creditor_id).update(role=Role.MARKETPLACE)
            rows = [
                worlds.claim_row(
                    n,
                    creditor_key=key,
                    customer_number=f"{key}-{n}",
                    invoice_number=f"{key}-{n}",
                    amount_cents=10_000,
                )
                for n in (1, 2, 3)
            ]
            worlds.import_rows(tenant_id, *rows)
        cases = dict(Claim.objects.values_list("invoice_number", "case_id"))
        paid = [("alma-1", 10_000, 1), ("alma-2", 4_000, 1), ("bert-1", 12_000, 1), ("bert-2", 5_000, 1)]
        rows = [
            {
                "case_id": cases[name],
                "kind": FactKind.PAYMENT_RECEIVED,
                "effective_on": FIRST - dt.timedelta(days=ago),
                "amount_cents": cents,
            }
            for name, cents, ago in paid
        ]
        added = facts.append(tenant_id, rows, recorded_at=worlds.NOW)
        back = {
            "case_id": cases["bert-2"],
            "kind": FactKind.PAYMENT_RETURNED,
            "effective_on": LATER,
            "voids_fact_no": added["fact_no"][3],
        }
        facts.append(tenant_id, [back], recorded_at=worlds.NOW)

    at(FIRST, 0, make)


def post_and_close(hour: int) -> None:
    """Post a day, close it, post a later day with corrections; in parts of two cases."""
    from mahnwerk.records import load
    from mahnwerk.usecases import journal
    from mahnwerk.usecases.errors import BadInput, DayRefused

    whole = load.shards
    load.shards = lambda tenant_id, cases=2: whole(tenant_id, cases)

    def work() -> None:
        book = opened()
        with suppress(DayRefused):  # closed, or posted later: done before
            journal.post(book, FIRST)
        with suppress(BadInput):
            journal.close(book, FIRST)
        journal.post(book, LATER)

    at(LATER, hour, work)


def the_journal() -> dict[str, Any]:
    """Postings, closed periods and whether the checks hold."""
    from mahnwerk.records.models import AuditEntry, ClosedPeriod, Posting
    from mahnwerk.usecases import journal

    names = ("case_id", "creditor_id", "entry", "fact_no", "claim_no", "sequence", "posted_on", "debit")
    return {
        "postings": sorted(map(str, Posting.objects.values_list(*names, "credit", "amount_cents"))),
        "closed": sorted(map(str, ClosedPeriod.objects.values_list("until_on", "posting_count"))),
        "closing notes": AuditEntry.objects.filter(action="journal_close").count(),
        "checks": [row for row in journal.balance(opened())["checks"] if not row["ok"]],
    }


def journal_job(folder: Path) -> Job:
    """The journal run: three parts, two days, a closed period."""
    return Job(TrialBook(folder / "journal", "journal"), make_sellers, post_and_close, the_journal,
               again=AGAIN)  # fmt: skip


# --- payouts ------------------------------------------------------------------------------------------


def make_paid_sellers() -> None:
    """The sellers, with terms of payout."""
    make_sellers()
    from mahnwerk.usecases import payouts

    def make() -> None:
        book = opened()
        for key in SELLERS:
            path = book.place.folder / f"{key}.yaml"
            path.write_text(TERMS.format(key=key), encoding="utf-8")
            payouts.add_terms(book, path)

    at(FIRST, 0, make)


def pay_out(hour: int) -> None:
    """Pay both sellers."""
    from mahnwerk.usecases import payouts

    at(LATER, hour, lambda: payouts.pay_out(opened(), LATER))


def the_payouts() -> dict[str, Any]:
    """Payouts, what they cover, and the journal."""
    from mahnwerk.records.models import AuditEntry, Payout, PayoutItem

    names = ("creditor__key", "payout_no", "reference", "amount_cents", "fee_cents", "reserve_cents")
    covered = PayoutItem.objects.values_list("payout__reference", "posting_id")
    return {
        "payouts": sorted(map(str, Payout.objects.values_list(*names))),
        "covered": sorted(f"{reference}" for reference, _ in covered),
        "notes": AuditEntry.objects.filter(action="payout").count(),
        **the_journal(),
    }


def payout_job(folder: Path) -> Job:
    """Payouts of two sellers, with their statements and transfer files."""
    place = folder / "payouts"
    return Job(TrialBook(place, "payouts"), make_paid_sellers, pay_out, the_payouts,
               lambda: written(place), again=AGAIN)  # fmt: skip


# --- direct debits ------------------------------------------------------------------------------------

TOLD, MADE, CREDITED, REFUSED = (dt.date(2026, 2, day) for day in (10, 20, 24, 27))


def make_mandates(folder: Path) -> None:
    """The kiosk's debtors, each with a mandate."""
    from mahnwerk.records.models import Case
    from mahnwerk.usecases import direct_debits, imports

    def make() -> None:
        book = opened(create=True)
        (folder / "kiosk.yaml").write_text(creditor_file(), encoding="utf-8")
        (folder / "kiosk.csv").write_text(CLAIMS, encoding="utf-8")
        imports.import_files(book, [folder / "kiosk.yaml", folder / "kiosk.csv"])
        for number, reference in enumerate(Case.objects.values_list("case_reference", flat=True), start=1):
            direct_debits.add_mandate(
                book,
                reference,
                reference=f"M-{number}",
                creditor_identifier=IDENTIFIER,
                signed_on=dt.date(2026, 1, 5),
                iban="DE75512108001245126199",
            )

    at(TOLD, 0, make)


def announce_and_collect(folder: Path, hour: int) -> None:
    """Tell the debtors, make the file, book its sum: as the commands do, the texts going to a file."""
    from mahnwerk.usecases import debit_files, direct_debits

    book = opened()
    told = at(TOLD, hour, lambda: direct_debits.announce(book, "kiosk", TOLD, told_by="post"))
    for row in told:
        name = folder / "var" / "outbox" / BOOK / f"told-{row.what}.txt"
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_text(row.text)
    view = at(MADE, hour, lambda: debit_files.create(book, "kiosk", MADE))
    debit_files.write(view, book.place.outbox / f"{view.message_id}.xml")
    at(CREDITED, hour, lambda: debit_files.book_credit(book, view.message_id, CREDITED))


def take_status(folder: Path, hour: int) -> None:
    """Read the bank's report: two booked orders come back, one with a reason that ends its mandate."""
    from mahnwerk.usecases import debit_files

    message = f"MW-DD-{MADE:%Y%m%d}-001"
    rows = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{message}-{number:05d}</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
        f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf></TxInfAndSts>"
        for number, reason in ((1, "AC04"), (3, "AM04"))
    )
    path = folder / "report.xml"
    path.write_text(
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>R</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId>"
        f"</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>{message}-1</OrgnlPmtInfId>{rows}"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )
    at(REFUSED, hour, lambda: debit_files.take_status(opened(), path, REFUSED))


def the_debits() -> dict[str, Any]:
    """Notices, orders, what became of them, and the facts they made."""
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import (
        AuditEntry,
        DebitFile,
        DebitMandate,
        DebitNotice,
        DebitOrder,
        DebitStatus,
        Fact,
    )

    facts = Fact.objects.values_list("case_id", "fact_no", "kind", "amount_cents", "effective_on", "until_on")
    notes = AuditEntry.objects.filter(action__startswith="direct_debit_").values_list("action", flat=True)
    return {
        "notices": sorted(map(str, DebitNotice.objects.values_list("claim_id", "attempt", "amount_cents"))),
        "files": sorted(DebitFile.objects.values_list("message_id", flat=True)),
        "orders": sorted(map(str, DebitOrder.objects.values_list("end_to_end_id", "amount_cents"))),
        "words": sorted(map(str, DebitStatus.objects.values_list("order__end_to_end_id", "word", "reason"))),
        "ended": DebitMandate.objects.filter(ended_on__isnull=False).count(),
        "facts": sorted(str((case, FactKind(kind).name, *map(str, row))) for case, _, kind, *row in facts),
        "notes": dict(Counter(notes)),
    }


def debit_job(folder: Path) -> Job:
    """Notice, file and booking of direct debits."""
    place = folder / "debits"
    return Job(
        TrialBook(place, "debits"),
        lambda: make_mandates(place),
        lambda hour: announce_and_collect(place, hour),
        the_debits,
        lambda: written(place),
        again=AGAIN,
    )


def status_job(folder: Path) -> Job:
    """A status report about a file that had been booked."""
    place = folder / "statuses"

    def make() -> None:
        make_mandates(place)
        announce_and_collect(place, 0)

    return Job(
        TrialBook(place, "statuses"),
        make,
        lambda hour: take_status(place, hour),
        the_debits,
        lambda: written(place),
        again=AGAIN,
    )


JOBS = {"journal": journal_job, "payouts": payout_job, "debits": debit_job, "statuses": status_job}
