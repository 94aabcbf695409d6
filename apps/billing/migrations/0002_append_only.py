"""What was written stays: lines, credit notes and plan versions never change, of an invoice only when it was voided."""

from django.db import migrations

_TABLES = ("billing_invoiceline", "billing_creditnote", "billing_plan")
_VOIDING = """
CREATE FUNCTION billing_only_voided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.voided_at IS NULL AND NEW.voided_at IS NOT NULL
       AND to_jsonb(OLD) - 'voided_at' = to_jsonb(NEW) - 'voided_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only: write a credit note instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER billing_invoice_append_only BEFORE UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION billing_only_voided();
"""
_NO_VOIDING = """
DROP TRIGGER billing_invoice_append_only ON billing_invoice;
DROP FUNCTION billing_only_voided();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("ledger", "0002_append_only")]
    operations = [
        migrations.RunSQL(_VOIDING, _NO_VOIDING),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION modelyard_refuse_change();",
                f"DROP TRIGGER {table}_append_only ON {table};",
            )
            for table in _TABLES
        ),
    ]
