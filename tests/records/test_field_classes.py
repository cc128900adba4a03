"""Every column has a class; every personal one is encrypted, keyed or pseudonymous."""

from __future__ import annotations

from pathlib import Path

from django.apps import apps

from mahnwerk.records import field_classes

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tables.md"


def test_each_field_has_a_class_and_each_class_a_field() -> None:
    fields = {
        (model._meta.db_table, field.attname)
        for model in apps.get_app_config("records").get_models()
        for field in model._meta.concrete_fields
    }
    assert fields == set(field_classes.FIELD_CLASSES)


def test_no_table_lacks_its_tenant() -> None:
    for model in apps.get_app_config("records").get_models():
        names = {field.attname for field in model._meta.concrete_fields}
        assert "tenant_id" in names or model._meta.db_table == "tenants"
        for constraint in model._meta.constraints:
            fields = getattr(constraint, "fields", ())
            assert not fields or fields[0] in ("tenant", "tenant_id"), constraint.name


def test_the_page_is_what_the_table_says() -> None:
    command = "python -m mahnwerk.records.field_classes > docs/reference/tables.md"
    assert PAGE.read_text(encoding="utf-8") == field_classes.page(), command
