"""Pay links about what was missed of a plan."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0086_entry_refunds'),
    ]

    operations = [
        migrations.AddField(
            model_name='paylink',
            name='plan_id',
            field=models.BigIntegerField(null=True),
        ),
    ]
