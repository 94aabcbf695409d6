"""The ledger guards itself: transactions balance at commit, nothing in it is changed or removed."""

from django.db import migrations

_GUARDS = """
CREATE FUNCTION modelyard_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: post a correction instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION ledger_check_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger_ledgerentry WHERE transaction_id = NEW.transaction_id
               GROUP BY currency HAVING sum(amount_micros) <> 0) THEN
        RAISE EXCEPTION 'ledger transaction % does not sum to zero', NEW.transaction_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM ledger_ledgerentry WHERE transaction_id = NEW.id) < 2 THEN
        RAISE EXCEPTION 'ledger transaction % has no two sides', NEW.ref USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER ledger_sums_to_zero AFTER INSERT ON ledger_ledgerentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_balance();
CREATE CONSTRAINT TRIGGER ledger_has_two_sides AFTER INSERT ON ledger_ledgertransaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_entries();
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION modelyard_refuse_change();
CREATE TRIGGER ledger_transaction_append_only BEFORE UPDATE OR DELETE ON ledger_ledgertransaction
    FOR EACH ROW EXECUTE FUNCTION modelyard_refuse_change();
CREATE TRIGGER price_never_changes BEFORE UPDATE ON ledger_price FOR EACH ROW
    WHEN ((OLD.meter, OLD.dimension, OLD.currency, OLD.unit_price_micros, OLD.effective_from)
          IS DISTINCT FROM (NEW.meter, NEW.dimension, NEW.currency, NEW.unit_price_micros, NEW.effective_from))
    EXECUTE FUNCTION modelyard_refuse_change();
CREATE TRIGGER tiers_never_change BEFORE UPDATE OR DELETE ON ledger_pricetiers
    FOR EACH ROW EXECUTE FUNCTION modelyard_refuse_change();
CREATE TRIGGER price_never_removed BEFORE DELETE ON ledger_price
    FOR EACH ROW EXECUTE FUNCTION modelyard_refuse_change();
"""

_NO_GUARDS = """
DROP TRIGGER tiers_never_change ON ledger_pricetiers;
DROP TRIGGER price_never_removed ON ledger_price;
DROP TRIGGER price_never_changes ON ledger_price;
DROP TRIGGER ledger_transaction_append_only ON ledger_ledgertransaction;
DROP TRIGGER ledger_entry_append_only ON ledger_ledgerentry;
DROP TRIGGER ledger_has_two_sides ON ledger_ledgertransaction;
DROP TRIGGER ledger_sums_to_zero ON ledger_ledgerentry;
DROP FUNCTION ledger_check_entries();
DROP FUNCTION ledger_check_balance();
DROP FUNCTION modelyard_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunSQL(_GUARDS, _NO_GUARDS)]
