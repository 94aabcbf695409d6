"""Django's entry for this stage."""

from django.apps import AppConfig


class RestConfig(AppConfig):
    name = "apps.rest"
    default_auto_field = "django.db.models.BigAutoField"
