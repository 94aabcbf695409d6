"""Usage events are append-only: a correction is a new event."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial"), ("ledger", "0002_append_only")]
    operations = [
        migrations.RunSQL(
            """CREATE TRIGGER usage_event_append_only BEFORE UPDATE OR DELETE ON metering_usageevent
               FOR EACH ROW EXECUTE FUNCTION modelyard_refuse_change();""",
            "DROP TRIGGER usage_event_append_only ON metering_usageevent;",
        )
    ]
