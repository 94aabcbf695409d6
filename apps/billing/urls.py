"""Pages of this stage, under /o/<organisation>/."""

from django.urls import path

from apps.billing.views import budgets, invoices, overview, plans, top_ups

app_name = "billing"
urlpatterns = [
    path("billing", overview.overview, name="overview"),
    path("billing/plan", plans.plan, name="plan"),
    path("billing/plan/change", plans.change, name="plan-change"),
    path("billing/close", plans.close, name="close"),
    path("billing/credit", overview.credit, name="credit"),
    path("billing/code", top_ups.redeem, name="redeem"),
    path("billing/auto-top-up", top_ups.automatic, name="auto-top-up"),
    path("billing/card", top_ups.save_card, name="save-card"),
    path("billing/portal", top_ups.portal, name="portal"),
    path("billing/top-up", overview.top_up, name="top-up"),
    path("billing/budgets", budgets.budgets, name="budgets"),
    path("billing/budgets/new", budgets.new_budget, name="budget-new"),
    path("billing/budgets/<str:budget_id>/remove", budgets.remove_budget, name="budget-remove"),
    path("billing/invoices", invoices.invoices, name="invoices"),
    path("billing/currency", invoices.choose_currency, name="currency"),
    path("billing/profile", invoices.profile, name="profile"),
    path("billing/verify_invoice.py", invoices.verifier, name="verifier"),
    path("billing/credit-notes/<str:note_id>/pdf", invoices.credit_note, name="credit-note"),
    path("billing/invoices/<str:invoice_id>/pdf", invoices.invoice_as_pdf, name="invoice-pdf"),
    path("billing/invoices/<str:invoice_id>", invoices.invoice_page, name="invoice"),
    path("billing/invoices/<str:invoice_id>/json", invoices.invoice_json, name="invoice-json"),
    path("billing/invoices/<str:invoice_id>/usage.jsonl", invoices.invoice_usage, name="invoice-usage"),
]
