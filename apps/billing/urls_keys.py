"""REST addresses of API keys, under /api/v1/."""

from django.urls import path

from apps.billing.api_keys import KeysView, KeyView

urlpatterns = [
    path("keys", KeysView.as_view(), name="api-keys"),
    path("keys/<str:key_id>", KeyView.as_view(), name="api-key"),
]
