"""Django's entry for this stage."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "apps.console"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The theme takes the heading of its first page from Django's admin site."""
        from django.contrib import admin

        admin.site.index_title = "Operator console"
        admin.site.site_title = "Modelyard console"
