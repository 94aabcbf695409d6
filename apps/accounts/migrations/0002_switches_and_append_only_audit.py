"""The three operational switches, all off; and an audit log whose lines PostgreSQL refuses to change or remove."""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
"""
UNDO = """
DROP TRIGGER audit_append_only ON accounts_auditentry;
DROP FUNCTION audit_is_append_only();
"""


def make_switches(apps, schema_editor):
    switch = apps.get_model("accounts", "Switch")
    for name in ("pause-uploads", "pause-training", "read-only"):
        switch.objects.get_or_create(name=name)


class Migration(migrations.Migration):

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunPython(make_switches, migrations.RunPython.noop),
        migrations.RunSQL(APPEND_ONLY, UNDO),
    ]
