"""The addresses of the organisation itself, alone, so that these tests load no page."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.urls import include, path

api = [path("", include("apps.rest.urls_api")), path("", include("apps.billing.urls_keys"))]
urlpatterns = [path("api/v1/", include(api))]


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponseNotFound("<h1>a page</h1>")
