"""REST addresses of API keys, under /api/v1/."""

from django.urls import path

from apps.billing.api_keys import KeyRotate, KeysView, KeyView, OwnMonth

urlpatterns = [
    path("keys", KeysView.as_view(), name="api-keys"),
    path("keys/self/usage", OwnMonth.as_view(), name="api-key-own-usage"),
    path("keys/<str:key_id>/rotate", KeyRotate.as_view(), name="api-key-rotate"),
    path("keys/<str:key_id>", KeyView.as_view(), name="api-key"),
]
