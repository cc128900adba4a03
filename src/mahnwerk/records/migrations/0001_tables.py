"""All tables."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('public_id', models.CharField(default=mahnwerk.records.ids.new_public_id, max_length=16)),
                ('debtor_key', models.BinaryField()),
                ('case_no', models.IntegerField()),
                ('case_reference', models.CharField(max_length=20)),
                ('rf_reference', models.CharField(max_length=25, unique=True)),
                ('currency', models.CharField(max_length=3)),
                ('is_consumer', models.BooleanField(default=True)),
                ('land', models.CharField(max_length=2, null=True)),
                ('language', models.CharField(default='de', max_length=2)),
                ('role', models.SmallIntegerField()),
                ('procedure', models.CharField(max_length=100, null=True)),
                ('has_postal_address', models.BooleanField()),
                ('has_email', models.BooleanField()),
                ('last_fact_no', models.IntegerField(default=0)),
                ('last_claim_no', models.IntegerField(default=0)),
                ('recorded_on', models.DateField()),
            ],
            options={
                'db_table': 'cases',
            },
        ),
        migrations.CreateModel(
            name='Creditor',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('public_id', models.CharField(default=mahnwerk.records.ids.new_public_id, max_length=16)),
                ('key', models.CharField(max_length=100)),
                ('name', models.CharField(max_length=200)),
                ('iban', models.CharField(blank=True, default='', max_length=34)),
                ('vat_id', models.CharField(blank=True, default='', max_length=20)),
                ('language', models.CharField(default='de', max_length=2)),
                ('procedure', models.CharField(max_length=100, null=True)),
                ('profile', models.JSONField(default=dict)),
                ('logo', models.BinaryField(null=True)),
                ('logo_type', models.CharField(blank=True, default='', max_length=32)),
            ],
            options={
                'db_table': 'creditors',
            },
        ),
        migrations.CreateModel(
            name='Run',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('on', models.DateField(db_column='run_on')),
                ('run_no', models.IntegerField()),
                ('state', models.CharField(choices=[('running', 'Running'), ('finished', 'Finished')], default='running', max_length=10)),
                ('law_hash', models.CharField(max_length=64)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('counts', models.JSONField(default=dict)),
                ('coverage_hash', models.CharField(blank=True, default='', max_length=64)),
            ],
            options={
                'db_table': 'runs',
            },
        ),
        migrations.CreateModel(
            name='Tenant',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField(unique=True)),
                ('name', models.CharField(max_length=200)),
                ('time_zone', models.CharField(default='Europe/Berlin', max_length=64)),
                ('last_case_no', models.IntegerField(default=0)),
            ],
            options={
                'db_table': 'tenants',
            },
        ),
        migrations.CreateModel(
            name='TenantKey',
            fields=[
                ('tenant_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('wrapped', models.BinaryField()),
            ],
            options={
                'db_table': 'tenant_keys',
            },
        ),
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('claim_no', models.IntegerField()),
                ('jurisdiction', models.CharField(default='de', max_length=2)),
                ('kind', models.SmallIntegerField()),
                ('invoice_number', models.CharField(max_length=100)),
                ('currency', models.CharField(max_length=3)),
                ('principal_cents', models.BigIntegerField()),
                ('issued_on', models.DateField(null=True)),
                ('due_on', models.DateField()),
                ('due_kind', models.SmallIntegerField()),
                ('received_on', models.DateField(null=True)),
                ('obligation_arose_on', models.DateField(null=True)),
                ('has_default_notice', models.BooleanField(default=False)),
                ('agreed_rate_ppm', models.BigIntegerField(null=True)),
                ('agreed_from', models.DateField(null=True)),
                ('agreed_default_rate_ppm', models.BigIntegerField(null=True)),
                ('is_secured', models.BooleanField(default=False)),
                ('discount_cents', models.BigIntegerField(null=True)),
                ('discount_until', models.DateField(null=True)),
                ('recorded_on', models.DateField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='claims', to='records.case')),
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.creditor')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'claims',
            },
        ),
        migrations.AddField(
            model_name='case',
            name='creditor',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='cases', to='records.creditor'),
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('public_id', models.CharField(default=mahnwerk.records.ids.new_public_id, max_length=16)),
                ('step_id', models.CharField(max_length=60)),
                ('level', models.SmallIntegerField()),
                ('cycle', models.IntegerField()),
                ('procedure', models.CharField(max_length=100)),
                ('channel', models.CharField(max_length=10)),
                ('recipient_id', models.BigIntegerField(null=True)),
                ('attempt', models.IntegerField(default=1)),
                ('demanded_cents', models.BigIntegerField()),
                ('fee_cents', models.BigIntegerField(default=0)),
                ('fee_rule_id', models.CharField(max_length=60, null=True)),
                ('pay_by', models.DateField(null=True)),
                ('is_dunning', models.BooleanField(default=False)),
                ('reason', models.CharField(max_length=60)),
                ('fact_no', models.IntegerField()),
                ('planned_on', models.DateField()),
                ('law_hash', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('planned', 'Planned'), ('sealed', 'Sealed'), ('sending', 'Sending'), ('sent', 'Sent'), ('failed', 'Failed'), ('uncertain', 'Uncertain'), ('withdrawn', 'Withdrawn')], default='planned', max_length=10)),
                ('fence', models.IntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('sealed_at', models.DateTimeField(null=True)),
                ('sealed_on', models.DateField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('statement_hash', models.BinaryField(null=True)),
                ('bytes_hash', models.BinaryField(null=True)),
                ('file_name', models.CharField(max_length=100, null=True)),
                ('gateway', models.CharField(max_length=20, null=True)),
                ('receipt', models.CharField(max_length=200, null=True)),
                ('ended_because', models.CharField(max_length=60, null=True)),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='messages', to='records.case')),
                ('run', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.run')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'messages',
            },
        ),
        migrations.CreateModel(
            name='PersonKey',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.BigIntegerField()),
                ('wrapped', models.BinaryField()),
            ],
            options={
                'db_table': 'person_keys',
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'id'), name='person_keys_tenant_id')],
            },
        ),
        migrations.AddField(
            model_name='run',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant'),
        ),
        migrations.CreateModel(
            name='Person',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('person_id', models.BigIntegerField()),
                ('version', models.IntegerField(default=1)),
                ('state', models.CharField(choices=[('live', 'Live'), ('restricted', 'Restricted'), ('shredded', 'Shredded')], default='live', max_length=10)),
                ('payload', models.BinaryField()),
                ('payload_hmac', models.BinaryField()),
                ('recorded_at', models.DateTimeField()),
                ('restricted_because', models.CharField(blank=True, default='', max_length=40)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'persons',
            },
        ),
        migrations.CreateModel(
            name='Permit',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('phase', models.CharField(max_length=10)),
                ('fence', models.IntegerField(default=0)),
                ('is_granted', models.BooleanField()),
                ('ruleset_hash', models.CharField(max_length=64)),
                ('answers', models.JSONField()),
                ('asked_at', models.DateTimeField()),
                ('message', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='permits', to='records.message')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'permits',
            },
        ),
        migrations.CreateModel(
            name='MessageItem',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('step_id', models.CharField(max_length=60)),
                ('level', models.SmallIntegerField()),
                ('climbs', models.BooleanField()),
                ('open_cents', models.BigIntegerField()),
                ('triggers_default', models.BooleanField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('claim', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.claim')),
                ('message', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='items', to='records.message')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'message_items',
            },
        ),
        migrations.CreateModel(
            name='Mandate',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('role', models.SmallIntegerField()),
                ('given_on', models.DateField()),
                ('input_tax_deductible', models.BooleanField(default=True)),
                ('registration', models.JSONField(default=dict)),
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='mandates', to='records.creditor')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'mandates',
            },
        ),
        migrations.CreateModel(
            name='ImportedFile',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=20)),
                ('content_hmac', models.BinaryField()),
                ('imported_at', models.DateTimeField()),
                ('counts', models.JSONField(default=dict)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'imported_files',
            },
        ),
        migrations.CreateModel(
            name='Feed',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('checked_on', models.DateField()),
                ('max_age_days', models.IntegerField()),
                ('is_watched', models.BooleanField(default=True)),
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='feeds', to='records.creditor')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'feeds',
            },
        ),
        migrations.CreateModel(
            name='Fact',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('fact_no', models.IntegerField()),
                ('kind', models.SmallIntegerField()),
                ('effective_on', models.DateField()),
                ('recorded_at', models.DateTimeField()),
                ('recorded_on', models.DateField()),
                ('amount_cents', models.BigIntegerField(null=True)),
                ('currency', models.CharField(max_length=3, null=True)),
                ('voids_fact_no', models.IntegerField(null=True)),
                ('until_on', models.DateField(null=True)),
                ('code', models.CharField(max_length=60, null=True)),
                ('source_key', models.BinaryField(null=True)),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='facts', to='records.case')),
                ('claim', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.claim')),
                ('message', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.message')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'facts',
            },
        ),
        migrations.CreateModel(
            name='Designation',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('fact_no', models.IntegerField()),
                ('position', models.IntegerField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('claim', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.claim')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'designations',
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('outcome', models.CharField(max_length=8)),
                ('reason', models.CharField(max_length=60)),
                ('detail', models.CharField(max_length=100, null=True)),
                ('from_on', models.DateField()),
                ('until_on', models.DateField(null=True)),
                ('next_look_on', models.DateField(null=True)),
                ('fact_no', models.IntegerField()),
                ('closed_by_run_id', models.BigIntegerField(null=True)),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='decisions', to='records.case')),
                ('run', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.run')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'decisions',
            },
        ),
        migrations.AddField(
            model_name='creditor',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant'),
        ),
        migrations.CreateModel(
            name='CaseParticipant',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('person_id', models.BigIntegerField()),
                ('part', models.CharField(choices=[('debtor', 'Debtor'), ('co_debtor', 'Co Debtor'), ('guardian', 'Guardian'), ('representative', 'Representative')], default='debtor', max_length=16)),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='participants', to='records.case')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'case_participants',
            },
        ),
        migrations.CreateModel(
            name='CaseAlias',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('reference', models.CharField(max_length=40)),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='aliases', to='records.case')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'case_aliases',
            },
        ),
        migrations.AddField(
            model_name='case',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant'),
        ),
        migrations.CreateModel(
            name='BlindIndex',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.SmallIntegerField(choices=[(1, 'Customer Number'), (2, 'Email'), (3, 'Phone'), (4, 'Iban'), (5, 'Name')])),
                ('token', models.BinaryField()),
                ('person_id', models.BigIntegerField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'blind_indexes',
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('actor', models.CharField(max_length=100)),
                ('action', models.CharField(max_length=60)),
                ('on', models.DateField(db_column='action_on', null=True)),
                ('case_id', models.BigIntegerField(null=True)),
                ('detail', models.JSONField(default=dict)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'audit_entries',
            },
        ),
        migrations.CreateModel(
            name='RunChunk',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('chunk', models.IntegerField()),
                ('cases', models.IntegerField()),
                ('skipped', models.IntegerField()),
                ('coverage', models.CharField(max_length=64)),
                ('run', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='chunks', to='records.run')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'run_chunks',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'run', 'chunk'), name='run_chunks_chunk')],
            },
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='runs_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(fields=('tenant', 'on', 'run_no'), name='runs_no'),
        ),
        migrations.AddConstraint(
            model_name='person',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='persons_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='person',
            constraint=models.UniqueConstraint(fields=('tenant', 'person_id', 'version'), name='persons_version'),
        ),
        migrations.AddConstraint(
            model_name='permit',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='permits_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='permit',
            constraint=models.UniqueConstraint(fields=('tenant', 'message', 'phase', 'fence'), name='permits_phase'),
        ),
        migrations.AddConstraint(
            model_name='messageitem',
            constraint=models.UniqueConstraint(fields=('tenant', 'message', 'claim'), name='message_items_claim'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state__in', ['sent', 'withdrawn']), _negated=True), fields=['tenant', 'state', 'id'], name='messages_outbox'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='messages_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('tenant', 'public_id'), name='messages_public_id'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(condition=models.Q(('attempt', 1)), fields=('tenant', 'case', 'step_id', 'cycle'), name='messages_measure_key'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('tenant', 'case', 'step_id', 'cycle', 'recipient_id', 'channel', 'attempt'), name='messages_message_key'),
        ),
        migrations.AddConstraint(
            model_name='mandate',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='mandates_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='mandate',
            constraint=models.UniqueConstraint(fields=('tenant', 'creditor', 'given_on'), name='mandates_given_on'),
        ),
        migrations.AddConstraint(
            model_name='importedfile',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='imported_files_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='importedfile',
            constraint=models.UniqueConstraint(fields=('tenant', 'kind', 'content_hmac'), name='imported_files_content'),
        ),
        migrations.AddConstraint(
            model_name='feed',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='feeds_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='feed',
            constraint=models.UniqueConstraint(fields=('tenant', 'creditor', 'name'), name='feeds_name'),
        ),
        migrations.AddConstraint(
            model_name='fact',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='facts_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='fact',
            constraint=models.UniqueConstraint(fields=('tenant', 'case', 'fact_no'), name='facts_no'),
        ),
        migrations.AddConstraint(
            model_name='fact',
            constraint=models.UniqueConstraint(condition=models.Q(('source_key__isnull', False)), fields=('tenant', 'source_key'), name='facts_source_key'),
        ),
        migrations.AddConstraint(
            model_name='designation',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='designations_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='designation',
            constraint=models.UniqueConstraint(fields=('tenant', 'case', 'fact_no', 'position'), name='designations_position'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.UniqueConstraint(fields=('tenant', 'case', 'id'), name='decisions_case'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.UniqueConstraint(condition=models.Q(('until_on', None)), fields=('tenant', 'case'), name='decisions_open'),
        ),
        migrations.AddConstraint(
            model_name='creditor',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='creditors_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='creditor',
            constraint=models.UniqueConstraint(fields=('tenant', 'key'), name='creditors_key'),
        ),
        migrations.AddConstraint(
            model_name='creditor',
            constraint=models.UniqueConstraint(fields=('tenant', 'public_id'), name='creditors_public_id'),
        ),
        migrations.AddConstraint(
            model_name='claim',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='claims_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='claim',
            constraint=models.UniqueConstraint(fields=('tenant', 'case', 'claim_no'), name='claims_no'),
        ),
        migrations.AddConstraint(
            model_name='claim',
            constraint=models.UniqueConstraint(fields=('tenant', 'creditor', 'invoice_number'), name='claims_invoice_number'),
        ),
        migrations.AddConstraint(
            model_name='claim',
            constraint=models.CheckConstraint(condition=models.Q(('principal_cents__gt', 0), ('principal_cents__lte', 10000000000000)), name='claims_principal_bounds'),
        ),
        migrations.AddIndex(
            model_name='caseparticipant',
            index=models.Index(fields=['tenant', 'person_id'], name='case_participants_person'),
        ),
        migrations.AddConstraint(
            model_name='caseparticipant',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='case_participants_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='caseparticipant',
            constraint=models.UniqueConstraint(fields=('tenant', 'case', 'part', 'person_id'), name='case_participants_part'),
        ),
        migrations.AddConstraint(
            model_name='casealias',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='case_aliases_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='casealias',
            constraint=models.UniqueConstraint(fields=('tenant', 'reference'), name='case_aliases_reference'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='cases_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.UniqueConstraint(fields=('tenant', 'public_id'), name='cases_public_id'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.UniqueConstraint(fields=('tenant', 'creditor', 'debtor_key', 'currency'), name='cases_debtor'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.UniqueConstraint(fields=('tenant', 'case_reference'), name='cases_reference'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.UniqueConstraint(fields=('tenant', 'case_no'), name='cases_no'),
        ),
        migrations.AddIndex(
            model_name='blindindex',
            index=models.Index(fields=['tenant', 'person_id'], name='blind_indexes_person'),
        ),
        migrations.AddConstraint(
            model_name='blindindex',
            constraint=models.UniqueConstraint(fields=('tenant', 'kind', 'token', 'person_id'), name='blind_indexes_token'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['tenant', 'case_id', 'at'], name='audit_entries_case'),
        ),
        migrations.AddConstraint(
            model_name='auditentry',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='audit_entries_tenant_id'),
        ),
    ]
