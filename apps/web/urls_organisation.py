"""Pages of an organisation that join stages: overview and checklist, API keys."""

from django.urls import path

from apps.web.views import keys, overview

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("keys/", keys.keys, name="keys"),
    path("keys/new", keys.new_key, name="key-new"),
    path("keys/<str:key_id>/revoke", keys.revoke_key, name="key-revoke"),
]
