"""Composite foreign keys, append-only triggers, row-level security."""

from django.db import migrations

from mahnwerk.records import guards


class Migration(migrations.Migration):
    dependencies = [("records", "0001_tables")]

    operations = [
        migrations.RunPython(guards.install, migrations.RunPython.noop, hints={"model_name": "fact"}),
    ]
