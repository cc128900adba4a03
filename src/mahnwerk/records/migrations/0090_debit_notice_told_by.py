"""By what a debtor is told of a collection; those recorded before count as told."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("records", "0087_plan_links"),)
    operations = (
        migrations.AddField(
            model_name="debitnotice",
            name="told_by",
            field=models.CharField(
                choices=[
                    ("message", "Message"),
                    ("plan", "Plan"),
                    ("email", "Email"),
                    ("post", "Post"),
                    ("phone", "Phone"),
                ],
                max_length=10,
                null=True,
            ),
        ),
    )
