"""A stored invoice never changes: corrections are lines of the next one."""

from django.db import migrations

_TABLES = ("billing_invoice", "billing_invoiceline")


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("ledger", "0002_append_only")]
    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION modelyard_refuse_change();",
            f"DROP TRIGGER {table}_append_only ON {table};",
        )
        for table in _TABLES
    ]
