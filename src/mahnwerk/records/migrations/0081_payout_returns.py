"""Payouts whose money came back."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models

from mahnwerk.records import guards


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0080_bank_in_the_journal'),
    ]

    operations = [
        migrations.CreateModel(
            name='PayoutReturn',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('word', models.CharField(choices=[('refused', 'Refused'), ('returned', 'Returned')], max_length=10)),
                ('reason', models.CharField(blank=True, default='', max_length=10)),
                ('on', models.DateField(db_column='returned_on')),
                ('recorded_at', models.DateTimeField()),
                ('payout', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='returns', to='records.payout')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'payout_returns',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='payout_returns_tenant_id'), models.UniqueConstraint(fields=('tenant', 'payout'), name='payout_returns_once')],
            },
        ),
        migrations.RunPython(
            guards.installer("payout_returns"),
            migrations.RunPython.noop,
            hints={"model_name": "payoutreturn"},
        ),
    ]
