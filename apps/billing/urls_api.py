"""REST addresses of this stage, under /api/v1/."""

from django.urls import path

from apps.billing import api

urlpatterns = [
    path("invoices", api.Invoices.as_view(), name="api-invoices"),
    path("invoices/<str:invoice_id>", api.OneInvoice.as_view(), name="api-invoice"),
    path("invoices/<str:invoice_id>/usage.jsonl", api.InvoiceUsageFile.as_view(), name="api-invoice-usage"),
    path("budgets", api.Budgets.as_view(), name="api-budgets"),
    path("budgets/<str:budget_id>", api.OneBudget.as_view(), name="api-budget"),
    path("credits", api.Credits.as_view(), name="api-credits"),
    path("credits/<str:top_up_id>", api.OneTopUp.as_view(), name="api-top-up"),
]
