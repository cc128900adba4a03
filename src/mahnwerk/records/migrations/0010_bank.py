"""Bank accounts, statements, entries, payers and proposals."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models

from mahnwerk.records import guards


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0002_guards'),
    ]

    operations = [
        migrations.CreateModel(
            name='BankAccount',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField()),
                ('iban_token', models.BinaryField()),
                ('iban_payload', models.BinaryField()),
                ('recorded_at', models.DateTimeField()),
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.creditor')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'bank_accounts',
            },
        ),
        migrations.CreateModel(
            name='BankStatement',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('content_key', models.BinaryField()),
                ('format', models.CharField(max_length=30)),
                ('statement_id', models.CharField(blank=True, default='', max_length=60)),
                ('statement_no', models.IntegerField(null=True)),
                ('currency', models.CharField(max_length=3)),
                ('from_on', models.DateField(null=True)),
                ('to_on', models.DateField(null=True)),
                ('opening_cents', models.BigIntegerField(null=True)),
                ('closing_cents', models.BigIntegerField(null=True)),
                ('entry_count', models.IntegerField()),
                ('recorded_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='statements', to='records.bankaccount')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'bank_statements',
            },
        ),
        migrations.CreateModel(
            name='BankEntry',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('entry_no', models.IntegerField()),
                ('entry_key', models.BinaryField()),
                ('content_key', models.BinaryField()),
                ('booked_on', models.DateField()),
                ('value_on', models.DateField()),
                ('amount_cents', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('kind', models.CharField(max_length=20)),
                ('return_reason', models.CharField(blank=True, default='', max_length=10)),
                ('charges_cents', models.BigIntegerField(default=0)),
                ('original_cents', models.BigIntegerField(null=True)),
                ('reference_token', models.BinaryField(null=True)),
                ('mandate_token', models.BinaryField(null=True)),
                ('payload', models.BinaryField()),
                ('state', models.CharField(choices=[('new', 'New'), ('booked', 'Booked'), ('proposed', 'Proposed'), ('suspense', 'Suspense'), ('ignored', 'Ignored'), ('outgoing', 'Outgoing')], default='new', max_length=10)),
                ('reason', models.CharField(blank=True, default='', max_length=40)),
                ('fact_no', models.IntegerField(null=True)),
                ('hold_case_id', models.BigIntegerField(null=True)),
                ('hold_fact_no', models.IntegerField(null=True)),
                ('rejected_claim_ids', models.JSONField(default=list)),
                ('recorded_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='entries', to='records.bankaccount')),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
                ('statement', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='entries', to='records.bankstatement')),
            ],
            options={
                'db_table': 'bank_entries',
            },
        ),
        migrations.CreateModel(
            name='MatchProposal',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('claim_ids', models.JSONField(default=list)),
                ('entry_ids', models.JSONField(default=list)),
                ('reasons', models.JSONField(default=list)),
                ('confidence_ppm', models.IntegerField()),
                ('runner_up_claim_ids', models.JSONField(default=list)),
                ('recorded_at', models.DateTimeField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('entry', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='proposals', to='records.bankentry')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'match_proposals',
            },
        ),
        migrations.CreateModel(
            name='Payer',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('token', models.BinaryField()),
                ('recorded_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'payers',
            },
        ),
        migrations.CreateModel(
            name='KnownPayer',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('is_confirmed', models.BooleanField(default=False)),
                ('recorded_at', models.DateTimeField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
                ('payer', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.payer')),
            ],
            options={
                'db_table': 'known_payers',
            },
        ),
        migrations.AddField(
            model_name='bankentry',
            name='payer',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.payer'),
        ),
        migrations.AddConstraint(
            model_name='bankaccount',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='bank_accounts_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='bankaccount',
            constraint=models.UniqueConstraint(fields=('tenant', 'iban_token'), name='bank_accounts_iban'),
        ),
        migrations.AddConstraint(
            model_name='bankaccount',
            constraint=models.UniqueConstraint(fields=('tenant', 'number'), name='bank_accounts_number'),
        ),
        migrations.AddIndex(
            model_name='bankstatement',
            index=models.Index(fields=['tenant', 'account', 'to_on'], name='bank_statements_day'),
        ),
        migrations.AddConstraint(
            model_name='bankstatement',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='bank_statements_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='bankstatement',
            constraint=models.UniqueConstraint(fields=('tenant', 'account', 'content_key'), name='bank_statements_content'),
        ),
        migrations.AddConstraint(
            model_name='matchproposal',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='match_proposals_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='matchproposal',
            constraint=models.UniqueConstraint(fields=('tenant', 'entry'), name='match_proposals_entry'),
        ),
        migrations.AddConstraint(
            model_name='payer',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='payers_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='payer',
            constraint=models.UniqueConstraint(fields=('tenant', 'token'), name='payers_token'),
        ),
        migrations.AddConstraint(
            model_name='knownpayer',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='known_payers_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='knownpayer',
            constraint=models.UniqueConstraint(fields=('tenant', 'payer', 'case'), name='known_payers_pair'),
        ),
        migrations.AddIndex(
            model_name='bankentry',
            index=models.Index(condition=models.Q(('state__in', ['new', 'proposed', 'suspense'])), fields=['tenant', 'state'], name='bank_entries_open'),
        ),
        migrations.AddIndex(
            model_name='bankentry',
            index=models.Index(fields=['tenant', 'payer'], name='bank_entries_payer'),
        ),
        migrations.AddIndex(
            model_name='bankentry',
            index=models.Index(condition=models.Q(('reference_token__isnull', False)), fields=['tenant', 'reference_token'], name='bank_entries_reference'),
        ),
        migrations.AddConstraint(
            model_name='bankentry',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='bank_entries_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='bankentry',
            constraint=models.UniqueConstraint(fields=('tenant', 'account', 'entry_key'), name='bank_entries_key'),
        ),
        migrations.AddConstraint(
            model_name='bankentry',
            constraint=models.UniqueConstraint(fields=('tenant', 'entry_no'), name='bank_entries_no'),
        ),
        migrations.RunPython(
            guards.installer(
                "bank_accounts", "bank_statements", "payers", "bank_entries", "known_payers", "match_proposals"
            ),
            migrations.RunPython.noop,
            hints={"model_name": "bankentry"},
        ),
    ]
