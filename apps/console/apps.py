"""Django's entry for this stage."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "apps.console"
    default_auto_field = "django.db.models.BigAutoField"
