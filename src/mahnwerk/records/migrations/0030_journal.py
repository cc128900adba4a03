"""The journal: postings, closed periods, payouts."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models

from mahnwerk.records import guards


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0020_plans'),
    ]

    operations = [
        migrations.CreateModel(
            name='PayoutTerms',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('valid_from', models.DateField()),
                ('principal_ppm', models.BigIntegerField()),
                ('interest_ppm', models.BigIntegerField()),
                ('costs_ppm', models.BigIntegerField()),
                ('per_payment_cents', models.BigIntegerField()),
                ('per_payout_cents', models.BigIntegerField()),
                ('has_vat', models.BooleanField()),
                ('reserve_ppm', models.BigIntegerField()),
                ('reserve_days', models.IntegerField()),
                ('minimum_cents', models.BigIntegerField()),
                ('pay_to_name', models.CharField(blank=True, default='', max_length=200)),
                ('pay_to_iban', models.CharField(blank=True, default='', max_length=34)),
                ('pay_from_name', models.CharField(blank=True, default='', max_length=200)),
                ('pay_from_iban', models.CharField(blank=True, default='', max_length=34)),
                ('recorded_at', models.DateTimeField()),
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.creditor')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'payout_terms',
            },
        ),
        migrations.CreateModel(
            name='Payout',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('currency', models.CharField(max_length=3)),
                ('payout_no', models.IntegerField()),
                ('reference', models.CharField(max_length=35)),
                ('on', models.DateField(db_column='payout_on')),
                ('opening_cents', models.BigIntegerField()),
                ('principal_cents', models.BigIntegerField()),
                ('interest_cents', models.BigIntegerField()),
                ('costs_cents', models.BigIntegerField()),
                ('other_cents', models.BigIntegerField()),
                ('payment_count', models.IntegerField()),
                ('fee_cents', models.BigIntegerField()),
                ('vat_cents', models.BigIntegerField()),
                ('vat_ppm', models.BigIntegerField()),
                ('reserve_cents', models.BigIntegerField()),
                ('amount_cents', models.BigIntegerField()),
                ('recorded_at', models.DateTimeField()),
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='payouts', to='records.creditor')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
                ('terms', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.payoutterms')),
            ],
            options={
                'db_table': 'payouts',
            },
        ),
        migrations.CreateModel(
            name='Posting',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('entry', models.SmallIntegerField()),
                ('fact_no', models.IntegerField()),
                ('claim_no', models.IntegerField()),
                ('sequence', models.IntegerField()),
                ('posted_on', models.DateField()),
                ('document_on', models.DateField()),
                ('currency', models.CharField(max_length=3)),
                ('debit', models.SmallIntegerField()),
                ('credit', models.SmallIntegerField()),
                ('amount_cents', models.BigIntegerField()),
                ('is_reversal', models.BooleanField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.creditor')),
                ('payout', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.payout')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'postings',
            },
        ),
        migrations.CreateModel(
            name='ClosedPeriod',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('until_on', models.DateField()),
                ('closed_at', models.DateTimeField()),
                ('posting_count', models.BigIntegerField()),
                ('content_hash', models.CharField(max_length=64)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'closed_periods',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='closed_periods_tenant_id'), models.UniqueConstraint(fields=('tenant', 'until_on'), name='closed_periods_until')],
            },
        ),
        migrations.CreateModel(
            name='PayoutItem',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('posting_id', models.BigIntegerField()),
                ('payout', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='items', to='records.payout')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'payout_items',
                'indexes': [models.Index(fields=['tenant', 'payout'], name='payout_items_payout')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'posting_id'), name='payout_items_posting')],
            },
        ),
        migrations.AddConstraint(
            model_name='payoutterms',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='payout_terms_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='payoutterms',
            constraint=models.UniqueConstraint(fields=('tenant', 'creditor', 'valid_from', 'recorded_at'), name='payout_terms_valid'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='payouts_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.UniqueConstraint(fields=('tenant', 'creditor', 'currency', 'payout_no'), name='payouts_no'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.UniqueConstraint(fields=('tenant', 'reference'), name='payouts_reference'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='payouts_amount_above_zero'),
        ),
        migrations.AddConstraint(
            model_name='posting',
            constraint=models.UniqueConstraint(fields=('tenant', 'case', 'entry', 'fact_no', 'claim_no', 'sequence'), name='postings_key'),
        ),
        migrations.AddConstraint(
            model_name='posting',
            constraint=models.UniqueConstraint(condition=models.Q(('payout__isnull', False)), fields=('tenant', 'payout', 'entry', 'fact_no', 'claim_no', 'sequence'), name='postings_payout_key'),
        ),
        migrations.AddConstraint(
            model_name='posting',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='postings_amount_above_zero'),
        ),
        migrations.AddConstraint(
            model_name='posting',
            constraint=models.CheckConstraint(condition=models.Q(('debit', models.F('credit')), _negated=True), name='postings_two_accounts'),
        ),
        migrations.AddConstraint(
            model_name='posting',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('case__isnull', True), ('payout__isnull', False)), models.Q(('case__isnull', False), ('payout__isnull', True)), _connector='OR'), name='postings_one_owner'),
        ),
        migrations.RunPython(
            guards.installer("payout_terms", "payouts", "postings", "closed_periods", "payout_items"),
            migrations.RunPython.noop,
            hints={"model_name": "posting"},
        ),
    ]
