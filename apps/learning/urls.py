"""Pages of this stage, under /o/<organisation>/."""

from django.urls import path

from apps.learning.views import learning, requests

app_name = "learning"
urlpatterns = [
    path("endpoints/<str:endpoint_id>/learning", learning.learning, name="learning"),
    path("endpoints/<str:endpoint_id>/learning/measure", learning.measure, name="measure"),
    path("endpoints/<str:endpoint_id>/learning/limit", learning.drift_limit, name="limit"),
    path("endpoints/<str:endpoint_id>/learning/policy", learning.policy, name="policy"),
    path("endpoints/<str:endpoint_id>/learning/now", learning.retrain_now, name="now"),
    path("endpoints/<str:endpoint_id>/learning/<str:retraining_id>/verdict", learning.verdict, name="verdict"),
    path("endpoints/<str:endpoint_id>/requests", requests.requests, name="requests"),
    path("endpoints/<str:endpoint_id>/requests/keep", requests.change_log, name="keep"),
    path("endpoints/<str:endpoint_id>/requests/clear", requests.clear, name="clear"),
    path("endpoints/<str:endpoint_id>/requests/take-labels", requests.take, name="take-labels"),
    path("endpoints/<str:endpoint_id>/requests/<str:request_id>/", requests.request_page, name="request"),
    path("endpoints/<str:endpoint_id>/requests/<str:request_id>/image", requests.image, name="image"),
    path("endpoints/<str:endpoint_id>/requests/<str:request_id>/label", requests.label, name="label"),
    path("endpoints/<str:endpoint_id>/replays/new", requests.replay, name="replay-new"),
    path("endpoints/<str:endpoint_id>/replays/<str:replay_id>/", requests.replay_page, name="replay"),
]
