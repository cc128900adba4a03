"""Money nobody placed, paid back by bank transfer."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models

from mahnwerk.records import guards

LINK = {
    'db_constraint': False, 'db_index': False, 'on_delete': django.db.models.deletion.DO_NOTHING,
}


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0084_presses'),
    ]

    operations = [
        migrations.CreateModel(
            name='EntryRefund',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('person_id', models.BigIntegerField()),
                ('end_to_end_id', models.CharField(max_length=35)),
                ('amount_cents', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('ordered_on', models.DateField()),
                ('payload', models.BinaryField()),
                ('undone_on', models.DateField(null=True)),
                ('undone_reason', models.CharField(blank=True, default='', max_length=10)),
                ('recorded_at', models.DateTimeField()),
                ('creditor', models.ForeignKey(**LINK, related_name='+', to='records.creditor')),
                ('entry', models.ForeignKey(**LINK, related_name='+', to='records.bankentry')),
                ('tenant', models.ForeignKey(**LINK, related_name='+', to='records.tenant')),
                ('file', models.ForeignKey(**LINK, null=True, related_name='entry_refunds', to='records.refundfile')),
            ],
            options={
                'db_table': 'entry_refunds',
            },
        ),
        migrations.AddConstraint(
            model_name='entryrefund',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='entry_refunds_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='entryrefund',
            constraint=models.UniqueConstraint(fields=('tenant', 'end_to_end_id'), name='entry_refunds_end_to_end_id'),
        ),
        migrations.AddConstraint(
            model_name='entryrefund',
            constraint=models.UniqueConstraint(condition=models.Q(('undone_on__isnull', True)), fields=('tenant', 'entry'), name='entry_refunds_once'),
        ),
        migrations.AddConstraint(
            model_name='entryrefund',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='entry_refunds_amount_above_zero'),
        ),
        migrations.RunPython(
            guards.installer("entry_refunds"),
            migrations.RunPython.noop,
            hints={"model_name": "entryrefund"},
        ),
    ]
