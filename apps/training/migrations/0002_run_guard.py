"""PostgreSQL itself refuses impossible moves of a run: backwards states, a falling fence, a change after the end.

The pairs are those of apps.training.rules.TRANSITIONS; a test compares the two.
"""

from django.db import migrations

GUARD = """
CREATE FUNCTION training_run_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.fence < OLD.fence THEN
        RAISE EXCEPTION 'the fence of run % cannot fall from % to %', OLD.id, OLD.fence, NEW.fence
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    IF (OLD.state, NEW.state) IN (
        ('draft', 'queued'), ('draft', 'cancelled'),
        ('queued', 'running'), ('queued', 'failed'), ('queued', 'cancelled'),
        ('running', 'validating'), ('running', 'exporting'), ('running', 'queued'),
        ('running', 'succeeded'), ('running', 'failed'), ('running', 'cancelled'),
        ('validating', 'exporting'), ('validating', 'queued'),
        ('validating', 'succeeded'), ('validating', 'failed'), ('validating', 'cancelled'),
        ('exporting', 'queued'), ('exporting', 'succeeded'), ('exporting', 'failed'), ('exporting', 'cancelled')
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'run % cannot go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER training_run_guard BEFORE UPDATE OF state, fence ON training_run
    FOR EACH ROW EXECUTE FUNCTION training_run_guard();
"""
UNDO = "DROP TRIGGER training_run_guard ON training_run; DROP FUNCTION training_run_guard();"


class Migration(migrations.Migration):
    dependencies = [("training", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
