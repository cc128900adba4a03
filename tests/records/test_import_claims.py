"""Import: each claim once, each debtor one case, differences told."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.records import worlds
from tests.records.worlds import NOW, claim_row

from mahnwerk.frames import FactKind
from mahnwerk.records import load, persons
from mahnwerk.records.models import Case, Claim, Fact, Person


def test_same_rows_again_change_nothing(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    rows = [claim_row(2), claim_row(3), claim_row(4, customer_number="K-2", last_name="Çelik", language="en")]
    first = worlds.import_rows(tenant_id, *rows)
    assert (first.new, first.new_cases, first.conflicts.height) == (3, 2, 0)
    again = worlds.import_rows(tenant_id, *rows)
    assert (again.new, again.unchanged, again.new_cases, again.changed_persons) == (0, 3, 0, 0)
    assert Claim.objects.count() == 3
    assert Fact.objects.filter(kind=FactKind.CLAIM_PLACED).count() == 3
    assert list(Case.objects.order_by("id").values_list("last_fact_no", "last_claim_no", "language")) == [
        (2, 2, "de"),
        (1, 1, "en"),
    ]


def test_other_content_is_a_conflict_with_its_difference(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    result = worlds.import_rows(tenant_id, claim_row(2, amount_cents=99), claim_row(3))
    assert (result.new, result.unchanged) == (1, 0)
    assert result.conflicts.select("row_no", "column", "stored", "given").rows() == [
        (2, "amount_cents", "10002", "99")
    ]
    assert sorted(Claim.objects.values_list("principal_cents", flat=True)) == [10_002, 10_003]


def test_same_number_twice_in_one_file(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    twin = claim_row(3, invoice_number="R-2", amount_cents=10_002)
    other = claim_row(4, invoice_number="R-2", due_on=date(2026, 2, 1), amount_cents=10_002)
    result = worlds.import_rows(tenant_id, claim_row(2), twin, other)
    assert (result.new, result.unchanged) == (1, 1)
    assert result.conflicts.select("row_no", "column").rows() == [(4, "due_on")]


def test_another_debtor_for_a_known_invoice_is_a_conflict(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    result = worlds.import_rows(tenant_id, claim_row(2, customer_number="K-9"))
    assert result.conflicts["column"].to_list() == ["customer_number"]


def test_unknown_creditor_and_nobody_to_write_to(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    nobody = dict.fromkeys(("customer_number", "first_name", "last_name"), "")
    result = worlds.import_rows(
        tenant_id, claim_row(2, creditor_key="other"), claim_row(3, **nobody), claim_row(4)
    )
    assert result.new == 1
    assert result.conflicts.select("row_no", "column").rows() == [(2, "creditor_key"), (3, "customer_number")]


def test_without_number_name_and_address_make_the_debtor(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(
        tenant_id,
        claim_row(2, customer_number=""),
        claim_row(3, customer_number="", last_name="GROESSLER  WEISS"),
        claim_row(4, customer_number="", street="Am Tor 4"),
    )
    assert Case.objects.count() == 2


def test_paid_rows_and_credit_notes_become_facts_once(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    rows = [
        claim_row(2, paid_cents=5_000, paid_on=date(2026, 2, 1)),
        claim_row(3, invoice_number="G-1", is_credit_note=True, credits_invoice="R-2", amount_cents=700),
        claim_row(4, invoice_number="G-2", is_credit_note=True, credits_invoice="R-77", amount_cents=700),
    ]
    first = worlds.import_rows(tenant_id, *rows)
    assert (first.new, first.payments, first.credit_notes) == (1, 1, 1)
    assert first.conflicts.select("row_no", "column").rows() == [(4, "credits_invoice")]
    again = worlds.import_rows(tenant_id, *rows)
    assert (again.new, again.payments, again.credit_notes) == (0, 0, 0)
    book = load.book(tenant_id)
    assert book.facts.select("kind", "amount_cents", "effective_on").rows() == [
        (FactKind.PAYMENT_RECEIVED, 5_000, date(2026, 2, 1)),
        (FactKind.CREDIT_NOTE, 700, date(2026, 1, 5)),
    ]
    assert book.designations.height == 1


def test_paid_later_in_the_same_file(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    result = worlds.import_rows(tenant_id, claim_row(2, paid_cents=10_002, paid_on=date(2026, 3, 1)))
    assert (result.new, result.unchanged, result.payments) == (0, 1, 1)


def test_a_new_address_is_a_new_version_and_empty_fields_erase_nothing(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2, email=""))
    assert not Case.objects.get().has_email
    later = NOW + timedelta(days=1)
    result = worlds.import_rows(tenant_id, claim_row(3, street="", email="neu@example.org"), at=later)
    assert result.changed_persons == 1
    case = Case.objects.get()
    assert case.has_email
    assert case.has_postal_address
    person = load.persons(tenant_id, [case.id])[case.id]
    assert (person.version, person.payload["street"], person.payload["email"]) == (
        2,
        "Am Tor 3",
        "neu@example.org",
    )


@pytest.mark.parametrize(
    "text",
    [
        "K-1",
        "k-1",
        "aenne@EXAMPLE.org",
        "+49 30 123456",
        "DE02 1203 0000 0000 2020 51",
        "groessler",
        "ÄNNE Weiß",
    ],
)
def test_search_finds_by_what_people_type(tenant_id: int, text: str) -> None:
    worlds.creditor(tenant_id)
    other = dict.fromkeys(("email", "phone", "iban"), "")
    other |= {"customer_number": "K-2", "first_name": "Uwe", "last_name": "Meier"}
    worlds.import_rows(tenant_id, claim_row(2), claim_row(3, **other))
    wanted = Case.objects.get(case_reference="M-000001").id
    assert persons.find_cases(tenant_id, text) == [wanted]


def test_search_needs_every_word(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    assert persons.find_cases(tenant_id, "Änne Müller") == []
    assert persons.find_cases(tenant_id, "") == []


def test_no_personal_word_stands_in_the_tables(tenant_id: int) -> None:
    from django.apps import apps
    from django.db import connections

    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2, paid_cents=1, paid_on=date(2026, 2, 1)))
    canaries = ["Änne", "Größler", "Am Tor", "aenne@", "123456", "2020 51", "202051", "K-1"]
    for model in apps.get_app_config("records").get_models():
        alias = "keys" if model.__name__ in ("TenantKey", "PersonKey") else "default"
        with connections[alias].cursor() as cursor:
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            for row in cursor.fetchall():
                for value in row:
                    text = (
                        bytes(value).decode("latin-1")
                        if isinstance(value, bytes | memoryview)
                        else str(value)
                    )
                    assert not [word for word in canaries if word in text], (model.__name__, text)


def test_erasing_a_person_leaves_the_books_whole(tenant_id: int) -> None:
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    case = Case.objects.get()
    person = load.persons(tenant_id, [case.id])[case.id]
    before = load.book(tenant_id)
    persons.erase(tenant_id, person.person_id)
    persons.erase(tenant_id, person.person_id)
    gone = load.persons(tenant_id, [case.id])[case.id]
    assert gone.payload is None
    assert gone.state == Person.State.SHREDDED
    assert persons.find_cases(tenant_id, "K-1") == []
    assert load.book(tenant_id).claims.equals(before.claims)
    later = worlds.import_rows(tenant_id, claim_row(3))
    assert (later.new, later.changed_persons) == (1, 0)
