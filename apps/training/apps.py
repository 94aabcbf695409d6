"""Django's entry for this stage."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "apps.training"
    default_auto_field = "django.db.models.BigAutoField"
