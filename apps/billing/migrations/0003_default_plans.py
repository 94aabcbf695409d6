"""The plans that a new installation offers."""

from django.db import migrations

from apps.billing.services.fill_plans import fill_plans


def fill(apps, schema_editor):
    fill_plans(apps.get_model("billing", "Plan"))


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_append_only")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
