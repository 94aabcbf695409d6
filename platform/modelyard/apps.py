"""Makes the project itself an app, so that its deployment checks are known before any are run."""

from django.apps import AppConfig

from modelyard import checks  # noqa: F401 - importing it registers them


class ProjectConfig(AppConfig):
    name = "modelyard"
