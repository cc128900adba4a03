"""Payment providers: accounts, links, checkouts, payments, events, refunds."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models

from mahnwerk.records import guards


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0030_journal'),
    ]

    operations = [
        migrations.CreateModel(
            name='PayLink',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('amount_cents', models.BigIntegerField(null=True)),
                ('currency', models.CharField(max_length=3)),
                ('state', models.CharField(choices=[('open', 'Open'), ('paid', 'Paid'), ('closed', 'Closed')], default='open', max_length=10)),
                ('made_at', models.DateTimeField()),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('claim', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.claim')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'pay_links',
            },
        ),
        migrations.CreateModel(
            name='ProviderAccount',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('key', models.CharField(max_length=100)),
                ('provider', models.CharField(max_length=20)),
                ('settings', models.JSONField(default=dict)),
                ('secrets', models.BinaryField()),
                ('is_active', models.BooleanField(default=True)),
                ('added_at', models.DateTimeField()),
                ('reconciled_until', models.DateTimeField(null=True)),
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.creditor')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'provider_accounts',
            },
        ),
        migrations.CreateModel(
            name='PaymentIntent',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('attempt', models.IntegerField()),
                ('key', models.CharField(max_length=40)),
                ('amount_cents', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('state', models.CharField(choices=[('new', 'New'), ('unknown', 'Unknown'), ('open', 'Open'), ('processing', 'Processing'), ('paid', 'Paid'), ('failed', 'Failed'), ('expired', 'Expired')], default='new', max_length=12)),
                ('checkout_id', models.CharField(max_length=120, null=True)),
                ('payment_id', models.CharField(max_length=120, null=True)),
                ('url', models.CharField(blank=True, default='', max_length=2000)),
                ('asked_at', models.DateTimeField()),
                ('pay_link', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='intents', to='records.paylink')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.provideraccount')),
            ],
            options={
                'db_table': 'payment_intents',
            },
        ),
        migrations.AddField(
            model_name='paylink',
            name='account',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.provideraccount'),
        ),
        migrations.CreateModel(
            name='ProviderEvent',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('event_id', models.CharField(max_length=120)),
                ('kind', models.CharField(max_length=60)),
                ('payment_id', models.CharField(blank=True, default='', max_length=120)),
                ('checkout_id', models.CharField(blank=True, default='', max_length=120)),
                ('state', models.CharField(choices=[('applied', 'Applied'), ('waiting', 'Waiting'), ('ignored', 'Ignored'), ('foreign', 'Foreign'), ('unmatched', 'Unmatched')], max_length=10)),
                ('because', models.CharField(blank=True, default='', max_length=40)),
                ('movements', models.JSONField(default=list)),
                ('came_by', models.CharField(max_length=12)),
                ('received_at', models.DateTimeField()),
                ('applied_at', models.DateTimeField(null=True)),
                ('body', models.BinaryField(null=True)),
                ('body_person_id', models.BigIntegerField(null=True)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.provideraccount')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'provider_events',
            },
        ),
        migrations.CreateModel(
            name='ProviderPayment',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('payment_id', models.CharField(max_length=120)),
                ('currency', models.CharField(max_length=3)),
                ('amount_cents', models.BigIntegerField()),
                ('kept_cents', models.BigIntegerField()),
                ('paid_on', models.DateField()),
                ('fact_no', models.IntegerField()),
                ('returns', models.JSONField(default=dict)),
                ('refunds', models.JSONField(default=dict)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.provideraccount')),
                ('case', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.case')),
                ('pay_link', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.paylink')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'provider_payments',
            },
        ),
        migrations.CreateModel(
            name='ProviderRefund',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=40)),
                ('reference', models.CharField(max_length=100)),
                ('amount_cents', models.BigIntegerField()),
                ('state', models.CharField(choices=[('new', 'New'), ('unknown', 'Unknown'), ('pending', 'Pending'), ('done', 'Done'), ('failed', 'Failed')], default='new', max_length=10)),
                ('refund_id', models.CharField(max_length=120, null=True)),
                ('asked_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.provideraccount')),
                ('payment', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='asked_refunds', to='records.providerpayment')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'provider_refunds',
            },
        ),
        migrations.AddConstraint(
            model_name='provideraccount',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='provider_accounts_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='provideraccount',
            constraint=models.UniqueConstraint(fields=('tenant', 'key'), name='provider_accounts_key'),
        ),
        migrations.AddConstraint(
            model_name='provideraccount',
            constraint=models.UniqueConstraint(fields=('tenant', 'public_id'), name='provider_accounts_public_id'),
        ),
        migrations.AddConstraint(
            model_name='paymentintent',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='payment_intents_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='paymentintent',
            constraint=models.UniqueConstraint(fields=('tenant', 'pay_link', 'attempt'), name='payment_intents_attempt'),
        ),
        migrations.AddConstraint(
            model_name='paymentintent',
            constraint=models.UniqueConstraint(fields=('tenant', 'key'), name='payment_intents_key'),
        ),
        migrations.AddConstraint(
            model_name='paymentintent',
            constraint=models.UniqueConstraint(condition=models.Q(('checkout_id__isnull', False)), fields=('tenant', 'account', 'checkout_id'), name='payment_intents_checkout'),
        ),
        migrations.AddConstraint(
            model_name='paymentintent',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='payment_intents_amount_above_zero'),
        ),
        migrations.AddIndex(
            model_name='paylink',
            index=models.Index(fields=['tenant', 'case'], name='pay_links_case'),
        ),
        migrations.AddConstraint(
            model_name='paylink',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='pay_links_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='paylink',
            constraint=models.UniqueConstraint(fields=('tenant', 'public_id'), name='pay_links_public_id'),
        ),
        migrations.AddConstraint(
            model_name='paylink',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__isnull', True), ('amount_cents__gt', 0), _connector='OR'), name='pay_links_amount_above_zero'),
        ),
        migrations.AddIndex(
            model_name='providerevent',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['tenant', 'account', 'payment_id'], name='provider_events_waiting'),
        ),
        migrations.AddConstraint(
            model_name='providerevent',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='provider_events_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='providerevent',
            constraint=models.UniqueConstraint(fields=('tenant', 'account', 'event_id'), name='provider_events_event'),
        ),
        migrations.AddConstraint(
            model_name='providerpayment',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='provider_payments_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='providerpayment',
            constraint=models.UniqueConstraint(fields=('tenant', 'account', 'payment_id'), name='provider_payments_payment'),
        ),
        migrations.AddConstraint(
            model_name='providerpayment',
            constraint=models.CheckConstraint(condition=models.Q(('kept_cents__gte', 0), ('kept_cents__lte', models.F('amount_cents'))), name='provider_payments_kept_bounds'),
        ),
        migrations.AddConstraint(
            model_name='providerrefund',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='provider_refunds_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='providerrefund',
            constraint=models.UniqueConstraint(fields=('tenant', 'key'), name='provider_refunds_key'),
        ),
        migrations.AddConstraint(
            model_name='providerrefund',
            constraint=models.UniqueConstraint(fields=('tenant', 'payment', 'reference'), name='provider_refunds_reference'),
        ),
        migrations.AddConstraint(
            model_name='providerrefund',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='provider_refunds_amount_above_zero'),
        ),
        migrations.RunPython(
            guards.installer(
                "provider_accounts",
                "pay_links",
                "payment_intents",
                "provider_payments",
                "provider_events",
                "provider_refunds",
            ),
            migrations.RunPython.noop,
            hints={"model_name": "providerevent"},
        ),
    ]
