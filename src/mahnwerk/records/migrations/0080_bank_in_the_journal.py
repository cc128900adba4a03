"""The bank in the journal: postings of bank entries, and what an entry is besides a payment."""

import django.db.models.deletion
import mahnwerk.records.fields
import mahnwerk.records.ids
from django.db import migrations, models

from mahnwerk.records import guards


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0070_mandate_sequence'),
    ]

    operations = [
        migrations.AddField(
            model_name='bankentry',
            name='about_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.CreateModel(
            name='MoneyPosting',
            fields=[
                ('id', mahnwerk.records.fields.IdField(default=mahnwerk.records.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('about_id', models.BigIntegerField()),
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
                ('creditor', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.creditor')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='records.tenant')),
            ],
            options={
                'db_table': 'money_postings',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'about_id', 'entry', 'fact_no', 'claim_no', 'sequence'), name='money_postings_key'), models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='money_postings_amount_above_zero'), models.CheckConstraint(condition=models.Q(('debit', models.F('credit')), _negated=True), name='money_postings_two_accounts')],
            },
        ),
        migrations.RunPython(
            guards.installer("money_postings"),
            migrations.RunPython.noop,
            hints={"model_name": "moneyposting"},
        ),
    ]
