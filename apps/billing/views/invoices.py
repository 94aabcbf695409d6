"""Invoices: the list, one with its lines, its downloads, and a check that recomputes it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from rest_framework.request import Request

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.billing import verifier as VERIFIER
from apps.billing.forms import CurrencyForm, ProfileForm
from apps.billing.invoice_answers import pdf_answer
from apps.billing.invoice_pdf import credit_note_pdf
from apps.billing.models import CreditNote, Invoice
from apps.billing.rules import micros_per_minor
from apps.billing.services.change_currency import change_currency, currency_is_fixed_by
from apps.billing.services.change_profile import FIELDS, change_profile, profile_of
from apps.billing.services.draft_invoice import draft_invoice
from apps.billing.services.verify_invoice import verify_invoice
from apps.rest.file_responses import stored_file
from contracts.problems import Problem


@needs("read")
def invoices(request: OrganisationRequest, organisation: str) -> HttpResponse:
    rows = Invoice.objects.of(request.organisation).order_by("-period_start")
    context = {
        "tab": "invoices",
        "invoices": [_priced(row) for row in rows],
        "draft": draft_invoice(request.organisation),
    }
    return render(request, "billing/invoices.html", context)


def _priced(invoice: Any) -> Any:
    invoice.billed_micros = invoice.total_minor * micros_per_minor(invoice.currency)
    return invoice


def _find(request: OrganisationRequest, invoice_id: str) -> Any:
    return _priced(get_object_or_404(Invoice.objects.of(request.organisation), pk=invoice_id))


@needs("read")
def invoice_page(request: OrganisationRequest, organisation: str, invoice_id: str) -> HttpResponse:
    invoice = _find(request, invoice_id)
    context: dict[str, Any] = {"tab": "invoices", "invoice": invoice, "lines": invoice.lines.order_by("position")}
    context["notes"] = invoice.credit_notes.select_related("replaced_by").order_by("pk")
    if "verify" in request.GET:
        context |= {"is_verified": True, "objections": verify_invoice(invoice)}
    return render(request, "billing/invoice.html", context)


@needs("read")
def invoice_json(request: OrganisationRequest, organisation: str, invoice_id: str) -> HttpResponse:
    invoice = _find(request, invoice_id)
    names = (
        "position",
        "description",
        "meter",
        "endpoint",
        "run",
        "price",
        "unit_price_micros",
        "units",
        "amount_micros",
    )
    body = {
        "id": invoice.pk,
        "number": invoice.number,
        "period_start": invoice.period_start,
        "period_end": invoice.period_end,
        "currency": invoice.currency,
        "lines": list(invoice.lines.order_by("position").values(*names)),
        "total_micros": invoice.total_micros,
        "carried_micros": invoice.carried_micros,
        "total_minor": invoice.total_minor,
        "remainder_micros": invoice.remainder_micros,
        "usage_sha256": invoice.usage_sha256,
    }
    response = JsonResponse(body, json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="{invoice.number}.json"'
    return response


@needs("read")
def invoice_as_pdf(request: OrganisationRequest, organisation: str, invoice_id: str) -> HttpResponse:
    return pdf_answer(_find(request, invoice_id))


@needs("read")
def credit_note(request: OrganisationRequest, organisation: str, note_id: str) -> HttpResponse:
    notes = CreditNote.objects.of(request.organisation).select_related("invoice", "replaced_by", "organisation")
    note = get_object_or_404(notes, pk=note_id)
    url = f"{settings.PUBLIC_URL}/o/{organisation}/billing/invoices/{note.invoice_id}"
    response = HttpResponse(credit_note_pdf(note, url), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{note.number}.pdf"'
    return response


@needs("read")
def verifier(request: OrganisationRequest, organisation: str) -> HttpResponse:
    """The script that recomputes a usage file, to run anywhere."""
    response = HttpResponse(Path(VERIFIER.__file__).read_bytes(), content_type="text/x-python")
    response["Content-Disposition"] = 'attachment; filename="verify_invoice.py"'
    return response


@needs("billing")
def profile(request: OrganisationRequest, organisation: str) -> HttpResponse:
    present = profile_of(request.organisation)
    form = ProfileForm(request.POST or None, initial={name: getattr(present, name) for name in FIELDS})
    if request.method == "POST" and form.is_valid():
        changed = form.submit(lambda: change_profile(request.organisation, form.cleaned_data, by=request.user))
        if changed:
            messages.success(request, "The next invoice is written to these details.")
            return redirect("billing:profile", organisation)
    context = {
        "tab": "invoices",
        "form": form,
        "currency_form": CurrencyForm(initial={"currency": request.organisation.currency}),
        "currency_fixed_by": currency_is_fixed_by(request.organisation),
    }
    return render(request, "billing/profile.html", context)


@require_POST
@needs("billing")
def choose_currency(request: OrganisationRequest, organisation: str) -> HttpResponse:
    form = CurrencyForm(request.POST)
    if form.is_valid():
        try:
            changed = change_currency(request.organisation, form.cleaned_data["currency"], by=request.user)
            messages.success(request, f"Prices, credit and invoices are in {changed.currency} from now on.")
        except Problem as problem:
            messages.error(request, problem.detail)
    return redirect("billing:profile", organisation)


@needs("read")
def invoice_usage(request: OrganisationRequest, organisation: str, invoice_id: str) -> HttpResponseBase:
    invoice = _find(request, invoice_id)
    return stored_file(
        Request(request),
        invoice.usage_key,
        sha256=invoice.usage_sha256,
        size_bytes=default_storage.size(invoice.usage_key),
        content_type="application/x-ndjson",
        download_as=f"{invoice.number}-usage.jsonl",
    )
