"""Entries that are parts of a batch booking, told of by another file."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0082_provider_balances'),
    ]

    operations = [
        migrations.AddField(
            model_name='bankentry',
            name='batch_id',
            field=models.BigIntegerField(null=True),
        ),
    ]
