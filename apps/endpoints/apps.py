"""Django's entry for this stage."""

from django.apps import AppConfig


class EndpointsConfig(AppConfig):
    name = "apps.endpoints"
    default_auto_field = "django.db.models.BigAutoField"
