"""REST addresses of this stage, under /api/v1/."""

from django.urls import path

from apps.learning import api, api_retraining

urlpatterns = [
    path("endpoints/<str:endpoint>/requests", api.Requests.as_view(), name="api-requests"),
    path("endpoints/<str:endpoint>/requests/<str:request_id>", api.RequestDetail.as_view(), name="api-request"),
    path("endpoints/<str:endpoint>/requests/<str:request_id>/label", api.RequestLabel.as_view(), name="api-label"),
    path("endpoints/<str:endpoint>/drift", api_retraining.EndpointDrift.as_view(), name="api-drift"),
    path("endpoints/<str:endpoint>/retraining", api_retraining.Policy.as_view(), name="api-retraining"),
    path("endpoints/<str:endpoint>/retrainings", api_retraining.Retrainings.as_view(), name="api-retrainings"),
    path(
        "endpoints/<str:endpoint>/retrainings/<str:retraining_id>/<slug:verdict>",
        api_retraining.RetrainingVerdict.as_view(),
        name="api-retraining-verdict",
    ),
    path("endpoints/<str:endpoint>/labels", api.Labels.as_view(), name="api-labels"),
    path("endpoints/<str:endpoint>/replays", api.Replays.as_view(), name="api-replays"),
    path("endpoints/<str:endpoint>/replays/<str:replay_id>", api.ReplayDetail.as_view(), name="api-replay"),
]
