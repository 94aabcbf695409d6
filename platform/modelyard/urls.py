"""Every public address on one screen, in pipeline order. The addresses under each prefix live with their stage."""

from allauth.account.views import password_reset_from_key
from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from apps.web import health

api_v1 = [
    path("", include("apps.rest.urls_api")),
    path("", include("apps.billing.urls_keys")),
    path("", include("apps.webhooks.urls_api")),
    path("", include("apps.compute.urls_api")),
    path("", include("apps.datasets.urls_api")),
    path("", include("apps.training.urls_api")),
    path("", include("apps.registry.urls_api")),
    path("", include("apps.endpoints.urls_api")),
    path("", include("apps.learning.urls_api")),
    path("", include("apps.metering.urls_api")),
    path("", include("apps.billing.urls_api")),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
]

internal_v1 = [
    path("", include("apps.compute.urls_internal")),
    path("", include("apps.training.urls_internal")),
    path("", include("apps.registry.urls_internal")),
    path("", include("apps.endpoints.urls_internal")),
    path("", include("apps.learning.urls_internal")),
    path("", include("apps.metering.urls_internal")),
]

pages = [  # of one organisation: /o/<slug>/…
    path("", include("apps.web.urls_organisation")),
    path("", include("apps.accounts.urls")),
    path("", include("apps.webhooks.urls")),
    path("", include("apps.datasets.urls")),
    path("", include("apps.training.urls")),
    path("", include("apps.registry.urls")),
    path("", include("apps.endpoints.urls")),
    path("", include("apps.learning.urls")),
    path("", include("apps.metering.urls")),
    path("", include("apps.billing.urls")),
]

urlpatterns = [
    path("", include("apps.web.urls")),
    # allauth's own address of the mailed link takes no underscore, and our user ids have one.
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z_]+)-(?P<key>.+)/$",
        password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("accounts/", include("allauth.account.urls")),
    path("o/<slug:organisation>/", include(pages)),
    path("api/v1/", include(api_v1)),
    path("internal/v1/", include(internal_v1)),
    path("stripe/", include("apps.billing.urls_stripe")),
    path("console/", include("apps.console.urls")),
    path("console/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
]
