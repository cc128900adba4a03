"""Balances with payment providers: fees and settlements."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models

from mahnwerk.records import guards


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0081_payout_returns'),
    ]

    operations = [
        migrations.CreateModel(
            name='ProviderBalance',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('movement_id', models.CharField(max_length=120)),
                ('kind', models.CharField(max_length=10)),
                ('payment_id', models.CharField(blank=True, default='', max_length=120)),
                ('gross_cents', models.BigIntegerField()),
                ('fee_cents', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('moved_on', models.DateField()),
                ('descriptor', models.CharField(blank=True, default='', max_length=60)),
                ('recorded_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.provideraccount')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'provider_balances',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='provider_balances_tenant_id'), models.UniqueConstraint(fields=('tenant', 'account', 'movement_id'), name='provider_balances_movement')],
            },
        ),
        migrations.RunPython(
            guards.installer("provider_balances"),
            migrations.RunPython.noop,
            hints={"model_name": "providerbalance"},
        ),
    ]
