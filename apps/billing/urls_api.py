"""REST addresses of this stage, under /api/v1/."""

from django.urls import path

from apps.billing import api, api_currency, api_plans

urlpatterns = [
    path("currency", api_currency.CurrencyView.as_view(), name="api-currency"),
    path("plans", api_plans.Plans.as_view(), name="api-plans"),
    path("subscription", api_plans.OneSubscription.as_view(), name="api-subscription"),
    path("subscription/preview", api_plans.SubscriptionPreview.as_view(), name="api-subscription-preview"),
    path("invoices", api.Invoices.as_view(), name="api-invoices"),
    path("invoices/<str:invoice_id>", api.OneInvoice.as_view(), name="api-invoice"),
    path("invoices/<str:invoice_id>/usage.jsonl", api.InvoiceUsageFile.as_view(), name="api-invoice-usage"),
    path("invoices/<str:invoice_id>/pdf", api.InvoicePdf.as_view(), name="api-invoice-pdf"),
    path("credit-notes", api.CreditNotes.as_view(), name="api-credit-notes"),
    path("budgets", api.Budgets.as_view(), name="api-budgets"),
    path("budgets/<str:budget_id>", api.OneBudget.as_view(), name="api-budget"),
    path("credits", api.Credits.as_view(), name="api-credits"),
    path("credits/<str:top_up_id>", api.OneTopUp.as_view(), name="api-top-up"),
]
