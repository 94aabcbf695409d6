"""The default price book."""

from django.db import migrations

from apps.ledger.services.fill_price_book import fill_price_book


def fill(apps, schema_editor):
    fill_price_book(apps.get_model("ledger", "Price"))


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_append_only")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
