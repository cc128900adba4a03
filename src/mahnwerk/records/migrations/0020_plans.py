"""Instalment plans and direct debits."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models

from mahnwerk.records import guards


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0010_bank'),
    ]

    operations = [
        migrations.CreateModel(
            name='DebitFile',
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
                'db_table': 'debit_files',
            },
        ),
        migrations.CreateModel(
            name='DebitMandate',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('person_id', models.BigIntegerField()),
                ('reference', models.CharField(max_length=35)),
                ('creditor_identifier', models.CharField(max_length=35)),
                ('signed_on', models.DateField()),
                ('notice_days', models.IntegerField()),
                ('payload', models.BinaryField()),
                ('recorded_at', models.DateTimeField()),
                ('ended_on', models.DateField(null=True)),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'debit_mandates',
            },
        ),
        migrations.CreateModel(
            name='DebitNotice',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('attempt', models.IntegerField()),
                ('amount_cents', models.BigIntegerField()),
                ('notified_on', models.DateField()),
                ('collect_on', models.DateField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('claim', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.claim')),
                ('mandate', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.debitmandate')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'debit_notices',
            },
        ),
        migrations.CreateModel(
            name='DebitOrder',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('end_to_end_id', models.CharField(max_length=35)),
                ('sequence', models.CharField(max_length=4)),
                ('amount_cents', models.BigIntegerField()),
                ('collect_on', models.DateField()),
                ('file', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='orders', to='records.debitfile')),
                ('mandate', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.debitmandate')),
                ('notice', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.debitnotice')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'debit_orders',
            },
        ),
        migrations.CreateModel(
            name='DebitStatus',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('word', models.CharField(choices=[('booked', 'Booked'), ('refused', 'Refused'), ('returned', 'Returned')], max_length=10)),
                ('reason', models.CharField(blank=True, default='', max_length=10)),
                ('on', models.DateField()),
                ('recorded_at', models.DateTimeField()),
                ('order', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='statuses', to='records.debitorder')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'debit_statuses',
            },
        ),
        migrations.CreateModel(
            name='Instalment',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField()),
                ('due_on', models.DateField()),
                ('amount_cents', models.BigIntegerField()),
                ('interest_cents', models.BigIntegerField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'instalments',
            },
        ),
        migrations.AddField(
            model_name='debitnotice',
            name='instalment',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.instalment'),
        ),
        migrations.CreateModel(
            name='InstalmentPlan',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('plan_no', models.IntegerField()),
                ('plan_code', models.CharField(max_length=20)),
                ('agreed_on', models.DateField()),
                ('recorded_at', models.DateTimeField()),
                ('recorded_on', models.DateField()),
                ('actor', models.CharField(max_length=100)),
                ('terms', models.JSONField()),
                ('terms_hash', models.CharField(max_length=64)),
                ('rate_ppm', models.BigIntegerField()),
                ('grace_days', models.IntegerField()),
                ('is_accelerated', models.BooleanField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='instalment_plans', to='records.case')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'instalment_plans',
            },
        ),
        migrations.AddField(
            model_name='instalment',
            name='plan',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='instalments', to='records.instalmentplan'),
        ),
        migrations.CreateModel(
            name='PlanOffer',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('public_id', models.CharField(default=mahnwerk.records.ids.new_public_id, max_length=16)),
                ('offered_on', models.DateField()),
                ('fact_no', models.IntegerField()),
                ('terms', models.JSONField()),
                ('terms_hash', models.CharField(max_length=64)),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'plan_offers',
            },
        ),
        migrations.CreateModel(
            name='PlanReminder',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('missing_since', models.DateField()),
                ('told_on', models.DateField()),
                ('channel', models.CharField(max_length=10)),
                ('actor', models.CharField(max_length=100)),
                ('plan', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='reminders', to='records.instalmentplan')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'plan_reminders',
            },
        ),
        migrations.AddConstraint(
            model_name='debitfile',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='debit_files_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='debitfile',
            constraint=models.UniqueConstraint(fields=('tenant', 'message_id'), name='debit_files_message_id'),
        ),
        migrations.AddConstraint(
            model_name='debitmandate',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='debit_mandates_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='debitmandate',
            constraint=models.UniqueConstraint(fields=('tenant', 'creditor_identifier', 'reference'), name='debit_mandates_reference'),
        ),
        migrations.AddConstraint(
            model_name='debitmandate',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_on__isnull', True)), fields=('tenant', 'case'), name='debit_mandates_one_open'),
        ),
        migrations.AddConstraint(
            model_name='debitorder',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='debit_orders_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='debitorder',
            constraint=models.UniqueConstraint(fields=('tenant', 'notice'), name='debit_orders_notice'),
        ),
        migrations.AddConstraint(
            model_name='debitorder',
            constraint=models.UniqueConstraint(fields=('tenant', 'end_to_end_id'), name='debit_orders_end_to_end_id'),
        ),
        migrations.AddConstraint(
            model_name='debitstatus',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='debit_statuses_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='debitstatus',
            constraint=models.UniqueConstraint(fields=('tenant', 'order', 'word'), name='debit_statuses_once'),
        ),
        migrations.AddConstraint(
            model_name='debitnotice',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='debit_notices_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='debitnotice',
            constraint=models.UniqueConstraint(condition=models.Q(('claim__isnull', False)), fields=('tenant', 'claim', 'attempt'), name='debit_notices_claim'),
        ),
        migrations.AddConstraint(
            model_name='debitnotice',
            constraint=models.UniqueConstraint(condition=models.Q(('instalment__isnull', False)), fields=('tenant', 'instalment', 'attempt'), name='debit_notices_instalment'),
        ),
        migrations.AddConstraint(
            model_name='debitnotice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('claim__isnull', True), ('instalment__isnull', False)), models.Q(('claim__isnull', False), ('instalment__isnull', True)), _connector='OR'), name='debit_notices_one_target'),
        ),
        migrations.AddConstraint(
            model_name='instalmentplan',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='instalment_plans_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='instalmentplan',
            constraint=models.UniqueConstraint(fields=('tenant', 'case', 'plan_no'), name='instalment_plans_no'),
        ),
        migrations.AddIndex(
            model_name='instalment',
            index=models.Index(fields=['tenant', 'case'], name='instalments_case'),
        ),
        migrations.AddConstraint(
            model_name='instalment',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='instalments_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='instalment',
            constraint=models.UniqueConstraint(fields=('tenant', 'plan', 'number'), name='instalments_no'),
        ),
        migrations.AddConstraint(
            model_name='instalment',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='instalments_amount_above_zero'),
        ),
        migrations.AddConstraint(
            model_name='planoffer',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='plan_offers_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='planoffer',
            constraint=models.UniqueConstraint(fields=('tenant', 'public_id'), name='plan_offers_public_id'),
        ),
        migrations.AddConstraint(
            model_name='planreminder',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='plan_reminders_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='planreminder',
            constraint=models.UniqueConstraint(fields=('tenant', 'plan', 'missing_since'), name='plan_reminders_once'),
        ),
        migrations.RunPython(
            guards.installer(
                "plan_offers",
                "instalment_plans",
                "instalments",
                "plan_reminders",
                "debit_mandates",
                "debit_notices",
                "debit_files",
                "debit_orders",
                "debit_statuses",
            ),
            migrations.RunPython.noop,
            hints={"model_name": "instalmentplan"},
        ),
    ]
