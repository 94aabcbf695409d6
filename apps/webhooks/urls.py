"""Pages of webhooks, under /o/<organisation>/."""

from django.urls import path

from apps.webhooks import views

app_name = "webhooks"
urlpatterns = [
    path("webhooks/", views.webhooks, name="list"),
    path("webhooks/new", views.new_webhook, name="new"),
    path("webhooks/<str:webhook_id>/", views.webhook, name="page"),
    path("webhooks/<str:webhook_id>/<slug:verb>", views.act, name="act"),
    path("webhooks/<str:webhook_id>/deliveries/<str:delivery_id>/redeliver", views.redeliver, name="redeliver"),
]
