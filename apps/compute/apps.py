"""Django's entry for this stage."""

from django.apps import AppConfig


class ComputeConfig(AppConfig):
    name = "apps.compute"
    default_auto_field = "django.db.models.BigAutoField"
