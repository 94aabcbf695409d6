"""An invoice as a PDF download, the same for pages and REST."""

from django.conf import settings
from django.http import HttpResponse

from apps.billing.invoice_pdf import invoice_pdf
from apps.billing.models import Invoice
from apps.billing.services.write_usage_file import public_key


def pdf_answer(invoice: Invoice) -> HttpResponse:
    url = f"{settings.PUBLIC_URL}/o/{invoice.organisation.slug}/billing/invoices/{invoice.pk}"
    response = HttpResponse(invoice_pdf(invoice, public_key(), url), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{invoice.number}.pdf"'
    return response
