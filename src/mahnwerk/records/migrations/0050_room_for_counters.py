"""Leave room on the pages of `cases`, whose counters every import moves.

With room, PostgreSQL writes the new row beside the old one and touches no index; SQLite needs nothing.
"""

from django.db import migrations


def leave_room(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE cases SET (fillfactor = 60)")


class Migration(migrations.Migration):
    dependencies = [("records", "0045_refunds")]
    operations = [migrations.RunPython(leave_room, migrations.RunPython.noop, elidable=False)]
