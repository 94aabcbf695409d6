"""Pages of an organisation that join stages: overview and checklist, API keys."""

from django.urls import path

from apps.web.views import key_page, keys, overview

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("keys/", keys.keys, name="keys"),
    path("keys/new", keys.new_key, name="key-new"),
    path("keys/<str:key_id>/", key_page.key_page, name="key"),
    path("keys/<str:key_id>/sub-keys/new", key_page.new_sub_key, name="sub-key-new"),
    path("keys/<str:key_id>/change", key_page.change_key, name="key-change"),
    path("keys/<str:key_id>/do/<slug:verb>", key_page.act_on_key, name="key-act"),
    path("keys/<str:key_id>/revoke", keys.revoke_key, name="key-revoke"),
]
