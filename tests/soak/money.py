"""Many random money operations, each case told twice: by the columnar replay and by the slow oracle.

    python -m tests.soak.money [OPERATIONS] [--seed N] [--workers N]

Every chunk of cases lives through several days on which facts become known, some of them late; on each day
the journal is run. Asserted: the replay agrees with the oracle to the cent; the journal agrees with the
oracle on receivables, credits and bank and has empty clearing accounts; a second run posts nothing. The
first difference ends the soak with the seed that repeats it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl
from tests.kernel.books import START, book, case, claim, defaults, fact
from tests.kernel.oracle import Case, cases_of

from mahnwerk.frames import Book, ClaimKind, FactKind, Role
from mahnwerk.kernel.accounts import CLEARING, TRUST_ROLES, Account
from mahnwerk.kernel.allocation import replay
from mahnwerk.kernel.ledger import POSTINGS, account_totals, corrections, targets
from mahnwerk.law import load_laws

CASES_PER_CHUNK = 100
K, A = FactKind, Account
WEIGHTS = {
    K.PAYMENT_RECEIVED: 40,
    K.COST_INCURRED: 12,
    K.PAYMENT_RETURNED: 7,
    K.VOIDED: 7,
    K.CREDIT_NOTE: 5,
    K.GOODS_RETURNED: 3,
    K.EARLY_PAYMENT_DISCOUNT: 3,
    K.SET_OFF: 4,
    K.WAIVER: 4,
    K.WRITE_OFF: 3,
    K.COMPROMISE: 3,
    K.REFUND_PAID: 9,
    K.DEFERRAL_GRANTED: 4,
}
UNDOING = (K.PAYMENT_RETURNED, K.VOIDED)
FORGIVING = (K.WAIVER, K.WRITE_OFF, K.COMPROMISE)
DAYS = (40, 110, 180, 260)


class Drift(AssertionError):  # noqa: N818 – what a soak calls it
    """The two tellings differ."""


@dataclass
class Tally:
    """What was done and compared."""

    operations: Counter[str] = field(default_factory=Counter)
    cases: int = 0
    claims: int = 0
    comparisons: int = 0
    postings: int = 0
    corrections: int = 0

    def __iadd__(self, other: Tally) -> Tally:
        self.operations += other.operations
        for name in ("cases", "claims", "comparisons", "postings", "corrections"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


def random_claims(dice: Random, case_id: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(1, dice.randint(1, 4) + 1):
        issued = START + timedelta(days=dice.choice([0, 0, 5, 40, 120]))
        kinds = [ClaimKind.GOODS_OR_SERVICES] * 3 + [ClaimKind.CONSUMER_LOAN, ClaimKind.OTHER]
        agreed = dice.choice([None, None, None, 35_000])
        rows.append(
            claim(
                number,
                case_id,
                kind=int(dice.choice(kinds)),
                principal_cents=dice.choice([1, dice.randint(2, 999), dice.randint(1_000, 9_000_000)]),
                issued_on=issued,
                due_on=issued + timedelta(days=dice.choice([0, 14, 30])),
                agreed_rate_ppm=agreed,
                agreed_from=None if agreed is None else issued,
                agreed_default_rate_ppm=dice.choice([None, None, 150_000]),
                is_secured=dice.random() < 0.2,
            )
        )
    return rows


def random_operation(
    dice: Random, number: int, case_id: int, claims: list[dict[str, Any]], before: list[dict[str, Any]]
) -> dict[str, Any]:
    """One money fact; what is recorded later than it took effect is a late truth."""
    kind = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    if kind in UNDOING and not before:
        kind = K.PAYMENT_RECEIVED
    on = START + timedelta(days=dice.randint(0, 250))
    late = dice.choice([0, 0, 0, dice.randint(1, 90)])
    whole = sum(row["principal_cents"] for row in claims)
    amount: int | None = dice.choice([1, dice.randint(1, 1 + whole // 3), dice.randint(1, 1 + whole), whole])
    if kind in FORGIVING and dice.random() < 0.3:
        amount = None
    code = None
    if kind in FORGIVING:
        code = dice.choice([None, "costs", "interest", "principal"])
    if kind is K.COST_INCURRED:
        amount = dice.randint(1, 5_000)
        code = dice.choice(["costs.dunning_letter", "costs.bank_return_charge"])
    is_deferral = kind is K.DEFERRAL_GRANTED
    row = fact(
        number,
        kind,
        on,
        None if kind in UNDOING or is_deferral else amount,
        until_on=on + timedelta(days=dice.randint(1, 120)) if is_deferral else None,
        case_id=case_id,
        claim_id=None if kind in UNDOING else dice.choice([None, *(row["claim_id"] for row in claims)]),
        voids_fact_no=dice.choice(before)["fact_no"] if kind in UNDOING else None,
        code=code,
    )
    return {**row, "recorded_on": on + timedelta(days=late)}


def random_letter(dice: Random, case_id: int, claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A letter with a demand: paid in time, the interest since is given up (paid as demanded)."""
    sealed = START + timedelta(days=dice.randint(0, 200))
    listed = dice.sample(claims, dice.randint(1, len(claims)))
    demanded = dice.choice([400, sum(row["principal_cents"] for row in listed)])
    return [
        {
            "message_id": case_id,
            "case_id": case_id,
            "claim_id": row["claim_id"],
            "sealed_on": sealed,
            "pay_by": sealed + timedelta(days=30),
            "demanded_cents": demanded,
            "item_demanded_cents": demanded // len(listed),
            "is_dunning": True,
        }
        for row in listed
    ]


def random_chunk(dice: Random, cases: int) -> tuple[Book, pl.DataFrame]:
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("cases", "claims", "facts", "named", "letters")
    }
    began: dict[int, date] = {}
    for case_id in range(1, cases + 1):
        rows["cases"].append(
            case(case_id, is_consumer=dice.random() < 0.7, role=int(dice.choice(list(Role))))
        )
        own = random_claims(dice, case_id)
        rows["claims"] += own
        for row in own:
            if dice.random() < 0.8:
                began[row["claim_id"]] = row["due_on"] + timedelta(days=dice.randint(1, 40))
        if dice.random() < 0.4:
            rows["letters"] += random_letter(dice, case_id, own)
        mine: list[dict[str, Any]] = []
        for number in range(1, dice.randint(5, 60) + 1):
            mine.append(random_operation(dice, number, case_id, own, mine))
        rows["facts"] += mine
        for row in mine:
            if row["kind"] == K.PAYMENT_RECEIVED and row["claim_id"] is None and dice.random() < 0.2:
                chosen = dice.sample(own, dice.randint(1, len(own)))
                rows["named"] += [
                    {"case_id": case_id, "fact_no": row["fact_no"], "claim_id": c["claim_id"], "position": at}
                    for at, c in enumerate(chosen)
                ]
    made = book(
        rows["claims"],
        rows["facts"],
        cases=rows["cases"],
        designations=rows["named"],
        notices=rows["letters"],
    )
    return made, defaults(began)


def known(whole: Book, on: date) -> Book:
    """The book as it was known at the end of a day."""
    facts = whole.facts.filter(pl.col("recorded_on") <= on)
    named = whole.designations.join(facts.select("case_id", "fact_no"), on=["case_id", "fact_no"], how="semi")
    return Book(whole.cases, whole.claims, facts, named, whole.notices)


def soak_chunk(seed: int, cases: int = CASES_PER_CHUNK) -> Tally:
    """Live through one chunk; raises Drift on the first cent of difference."""
    dice, laws = Random(seed), load_laws()
    whole, began = random_chunk(dice, cases)
    names = {int(kind): kind.name.lower() for kind in FactKind}
    tally = Tally(Counter(names[kind] for kind in whole.facts["kind"]), cases, whole.claims.height)
    journal = pl.DataFrame(schema=POSTINGS)
    compared = dice.choice(DAYS[:-1])
    for offset in DAYS:
        on = START + timedelta(days=offset + 90 * (offset == DAYS[-1]))
        seen = known(whole, on)
        result = replay(seen, began, laws, on, detail=True)
        wanted = targets(seen, result, on)
        new = corrections(wanted, journal)
        journal = pl.concat([journal, new])
        tally.postings += new.height
        tally.corrections += new.filter(pl.col("sequence") > 1).height
        if not corrections(wanted, journal).is_empty():
            raise Drift(f"seed {seed}, {on}: a second run of the journal posts something")
        if offset in (compared, DAYS[-1]):
            lived = cases_of(seen, began.to_dicts(), laws["de"], on, "act/act")
            tally.comparisons += compare(seed, on, result.balances, lived)
            compare_journal(seed, on, seen, journal, lived)
    return tally


def compare(seed: int, on: date, balances: pl.DataFrame, lived: list[Case]) -> int:
    """Every claim of the replay against the oracle; the number of figures compared."""
    found = {row["claim_id"]: row for row in balances.iter_rows(named=True)}
    count = 0
    for one in lived:
        for debt in one.debts:
            expected = {
                "principal_open_cents": debt.principal,
                "interest_accrued_cents": debt.interest_due,
                "interest_open_cents": debt.interest_open,
                "costs_open_cents": debt.costs_open,
                "surplus_cents": one.surplus,
            }
            row = found[debt.row["claim_id"]]
            for name, cents in expected.items():
                count += 1
                if row[name] != cents:
                    raise Drift(
                        f"seed {seed}, {on}, claim {debt.row['claim_id']}: {name} is {row[name]}, "
                        f"the oracle says {cents}"
                    )
    return count


def compare_journal(seed: int, on: date, seen: Book, journal: pl.DataFrame, lived: list[Case]) -> None:
    """Receivable, credit, bank and clearing of every case against the oracle's telling."""
    totals = account_totals(journal, ("case_id",))
    found = {(r["case_id"], r["account"]): r["balance_cents"] for r in totals.iter_rows(named=True)}
    if totals["balance_cents"].sum() != 0:
        raise Drift(f"seed {seed}, {on}: debits and credits differ")
    for row, one in zip(seen.cases.iter_rows(named=True), lived, strict=True):
        case_id, is_trust = row["case_id"], row["role"] in TRUST_ROLES
        money = sum(cash(fact) for fact in one.facts)
        expected = {
            (A.MANAGED_CLAIMS if is_trust else A.RECEIVABLE): sum(debt.principal for debt in one.debts),
            (A.DEBTOR_CREDIT if is_trust else A.CUSTOMER_CREDIT): -one.surplus,
            (A.TRUST_BANK if is_trust else A.BANK): money,
            **dict.fromkeys(CLEARING, 0),
        }
        for account, cents in expected.items():
            if found.get((case_id, account), 0) != cents:
                raise Drift(
                    f"seed {seed}, {on}, case {case_id}: {account.name.lower()} is "
                    f"{found.get((case_id, account), 0)}, the oracle says {cents}"
                )


def cash(live_fact: dict[str, Any]) -> int:
    """Cents a live fact brought to the bank."""
    amount = live_fact["amount_cents"] or 0
    if live_fact["kind"] == K.PAYMENT_RECEIVED:
        return int(amount)
    is_charge = live_fact["kind"] == K.COST_INCURRED and live_fact["code"] == "costs.bank_return_charge"
    return -int(amount) if is_charge or live_fact["kind"] == K.REFUND_PAID else 0


def chunks(operations: int, seed: int, workers: int) -> Iterator[Tally]:
    """Tallies of chunks until at least so many operations are done."""
    done, number = 0, 0
    if workers == 1:
        while done < operations:
            tally = soak_chunk(seed + number)
            done, number = done + tally.operations.total(), number + 1
            yield tally
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for tally in pool.imap(soak_chunk, range(seed, seed + 10**6), chunksize=1):
            done += tally.operations.total()
            yield tally
            if done >= operations:
                pool.terminate()
                return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("operations", nargs="?", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    begun, total = time.monotonic(), Tally()
    try:
        for tally in chunks(given.operations, given.seed, given.workers):
            total += tally
            print(f"\r{total.operations.total():,} operations, no drift", end="", file=sys.stderr, flush=True)
    except Drift as drift:
        print(f"\nDRIFT: {drift}")
        return 1
    print(file=sys.stderr)
    print(f"operations {total.operations.total():,}")
    for name, count in total.operations.most_common():
        print(f"  {name} {count:,}")
    print(f"cases {total.cases:,}, claims {total.claims:,}")
    print(f"postings {total.postings:,}, of them corrections {total.corrections:,}")
    print(f"figures compared with the oracle {total.comparisons:,}, drift 0 cents")
    print(f"seeds from {given.seed}, {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
