"""How often pay buttons were pressed lately, by link and by account.

Nullable, so that SQLite adds the columns to the tables as they are: made anew, they would lose their guards.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0083_parts_of_batches'),
    ]

    operations = [
        migrations.AddField(model_name=name, name=column, field=field)
        for name in ('paylink', 'provideraccount')
        for column, field in (
            ('presses', models.IntegerField(null=True)),
            ('presses_since', models.DateTimeField(null=True)),
        )
    ]
