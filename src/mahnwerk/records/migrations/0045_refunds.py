"""Refunds by bank transfer."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models

from mahnwerk.records import guards


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0040_providers'),
    ]

    operations = [
        migrations.CreateModel(
            name='RefundFile',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('message_id', models.CharField(max_length=35)),
                ('made_on', models.DateField()),
                ('recorded_at', models.DateTimeField()),
                ('content_mark', models.BinaryField()),
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.creditor')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'refund_files',
            },
        ),
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('person_id', models.BigIntegerField()),
                ('reference', models.CharField(max_length=100)),
                ('end_to_end_id', models.CharField(max_length=35)),
                ('amount_cents', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('ordered_on', models.DateField()),
                ('fact_no', models.IntegerField()),
                ('payload', models.BinaryField()),
                ('undone_on', models.DateField(null=True)),
                ('undone_reason', models.CharField(blank=True, default='', max_length=10)),
                ('recorded_at', models.DateTimeField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
                ('file', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='refunds', to='records.refundfile')),
            ],
            options={
                'db_table': 'refunds',
            },
        ),
        migrations.AddConstraint(
            model_name='refundfile',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='refund_files_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='refundfile',
            constraint=models.UniqueConstraint(fields=('tenant', 'message_id'), name='refund_files_message_id'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='refunds_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(fields=('tenant', 'case', 'reference'), name='refunds_reference'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(fields=('tenant', 'end_to_end_id'), name='refunds_end_to_end_id'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='refunds_amount_above_zero'),
        ),
        migrations.RunPython(
            guards.installer("refund_files", "refunds"),
            migrations.RunPython.noop,
            hints={"model_name": "refund"},
        ),
    ]
