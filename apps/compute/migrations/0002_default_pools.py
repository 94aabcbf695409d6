"""The two pools every installation starts with; operators rename, resize or close them in the console."""

from django.db import migrations

from contracts.ids import new_id

POOLS = [
    {"name": "cpu", "title": "CPU cores", "has_gpu": False, "slots": 16},
    {"name": "gpu", "title": "GPU", "has_gpu": True, "slots": 8},
]


def create_pools(apps, schema_editor):
    pool = apps.get_model("compute", "Pool")
    for values in POOLS:
        pool.objects.get_or_create(name=values["name"], defaults={"id": new_id("pool"), **values})


class Migration(migrations.Migration):
    dependencies = [("compute", "0001_initial")]
    operations = [migrations.RunPython(create_pools, migrations.RunPython.noop)]
