"""Pages of this stage, under /o/<organisation>/."""

from django.urls import path

from apps.endpoints.views import analytics, batches, endpoints, playground, settings

app_name = "endpoints"
urlpatterns = [
    path("endpoints/", endpoints.endpoints, name="list"),
    path("endpoints/new", endpoints.new_endpoint, name="new"),
    path("endpoints/<str:endpoint_id>/", endpoints.endpoint_page, name="page"),
    path("endpoints/<str:endpoint_id>/live", endpoints.endpoint_live, name="e-live"),
    path("endpoints/<str:endpoint_id>/deploy", endpoints.deploy, name="e-deploy"),
    path("endpoints/<str:endpoint_id>/rollback", endpoints.rollback, name="e-rollback"),
    path("endpoints/<str:endpoint_id>/analytics", analytics.analytics, name="e-analytics"),
    path("endpoints/<str:endpoint_id>/guard", settings.change_guard, name="e-guard"),
    path("endpoints/<str:endpoint_id>/playground", playground.playground, name="e-playground"),
    path("endpoints/<str:endpoint_id>/code", playground.code, name="e-code"),
    path("endpoints/<str:endpoint_id>/settings", settings.settings_page, name="e-settings"),
    path("endpoints/<str:endpoint_id>/limits", settings.change_limits, name="e-limits"),
    path("endpoints/<str:endpoint_id>/pace", settings.change_pace, name="e-pace"),
    path("endpoints/<str:endpoint_id>/pause", settings.pause, name="e-pause"),
    path("endpoints/<str:endpoint_id>/delete", settings.delete, name="e-delete"),
    path("batches/", batches.batches, name="batches"),
    path("batches/new", batches.new_batch, name="batch-new"),
    path("batches/<str:batch_id>/", batches.batch_page, name="batch"),
    path("batches/<str:batch_id>/live", batches.batch_live, name="batch-live"),
    path("batches/<str:batch_id>/cancel", batches.cancel, name="batch-cancel"),
    path("batches/<str:batch_id>/result", batches.result, name="batch-result"),
]
