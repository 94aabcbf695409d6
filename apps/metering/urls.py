"""Pages of this stage, under /o/<organisation>/."""

from django.urls import path

from apps.metering import views

app_name = "metering"
urlpatterns = [path("usage/", views.usage, name="usage")]
