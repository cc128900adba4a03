"""The sequence of a mandate that was collected under elsewhere before, from then on never changed."""

from __future__ import annotations

from django.db import migrations, models

from mahnwerk.records import guards


class Migration(migrations.Migration):
    dependencies = (("records", "0050_room_for_counters"),)
    operations = (
        migrations.AddField(
            model_name="debitmandate",
            name="sequence",
            field=models.CharField(max_length=4, null=True),
        ),
        migrations.RunPython(
            guards.later_installer("debit_mandates_sequence_stays"),
            migrations.RunPython.noop,
            hints={"model_name": "debitmandate"},
        ),
    )
