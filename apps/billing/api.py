"""REST of billing: invoices, budgets, credit."""

from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.http import FileResponse, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.billing import schemas
from apps.billing.invoice_answers import pdf_answer
from apps.billing.models import CreditNote, Invoice, TopUp
from apps.billing.queries import used_by_budget
from apps.billing.representation import (
    shown_budget,
    shown_credit_entry,
    shown_credit_note,
    shown_invoice,
    shown_lot,
    shown_statement,
    shown_top_up,
)
from apps.billing.services.change_budget import change_budget
from apps.billing.services.delete_budget import delete_budget
from apps.billing.services.draft_invoice import draft_invoice
from apps.billing.services.set_budget import MOST_MICROS, set_budget
from apps.billing.services.start_top_up import start_top_up
from apps.ledger.models import Budget
from apps.ledger.queries import lots_left, statement_of
from apps.ledger.services.open_wallet import credit_wallet
from apps.rest.authentication import OrganisationRequest
from apps.rest.etags import etag_of, require_match
from apps.rest.idempotency import idempotent
from apps.rest.openapi import listed
from apps.rest.paging import page
from apps.rest.parsing import StrictSerializer, parsed
from apps.rest.permissions import actor_of
from contracts.problems import Problem


class BudgetRequest(StrictSerializer):
    name = serializers.CharField(max_length=80)
    scope = serializers.ChoiceField(["organisation", "endpoint", "key"], default="organisation")
    scope_id = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    limit_micros = serializers.IntegerField(min_value=0, max_value=MOST_MICROS)
    period = serializers.ChoiceField(["month", "total"], default="month")
    is_hard = serializers.BooleanField(default=True)


class BudgetChange(StrictSerializer):
    name = serializers.CharField(max_length=80, required=False)
    limit_micros = serializers.IntegerField(min_value=0, max_value=MOST_MICROS, required=False)


class TopUpRequest(StrictSerializer):
    amount_micros = serializers.IntegerField(min_value=1, max_value=MOST_MICROS)
    return_url = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class Invoices(APIView):
    @extend_schema(
        operation_id="list_invoices",
        responses=listed(schemas.InvoiceAnswer),
        description="Closed months, newest first; `draft` is the present one.",
    )
    def get(self, request: OrganisationRequest) -> Response:
        answer = page(request, Invoice.objects.of(request.organisation), shown_invoice)
        answer.data["draft"] = shown_statement(draft_invoice(request.organisation))
        return answer


class OneInvoice(APIView):
    @extend_schema(
        operation_id="get_invoice",
        responses=schemas.InvoiceAnswer,
        description="`draft` as id computes the present month.",
    )
    def get(self, request: OrganisationRequest, invoice_id: str) -> Response:
        if invoice_id == "draft":
            return Response(shown_statement(draft_invoice(request.organisation), with_lines=True))
        return Response(shown_invoice(_invoice(request, invoice_id), with_lines=True))


class InvoiceUsageFile(APIView):
    @extend_schema(operation_id="get_invoice_usage", responses={(200, "application/jsonl"): OpenApiTypes.BINARY})
    def get(self, request: OrganisationRequest, invoice_id: str) -> FileResponse:
        if invoice_id == "draft":
            raise Problem("yours:state", "The signed usage file is made when the month is closed.", status=409)
        invoice = _invoice(request, invoice_id)
        name = f"{invoice.number}-usage.jsonl"
        file = default_storage.open(invoice.usage_key)
        return FileResponse(file, as_attachment=True, filename=name, content_type="application/jsonl")


class InvoicePdf(APIView):
    @extend_schema(operation_id="get_invoice_pdf", responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def get(self, request: OrganisationRequest, invoice_id: str) -> HttpResponse:
        return pdf_answer(_invoice(request, invoice_id))


class CreditNotes(APIView):
    @extend_schema(operation_id="list_credit_notes", responses=listed(schemas.CreditNoteAnswer))
    def get(self, request: OrganisationRequest) -> Response:
        notes = CreditNote.objects.of(request.organisation).select_related("invoice")
        return page(request, notes, shown_credit_note)


class Budgets(APIView):
    scopes = {"POST": "billing"}

    @extend_schema(operation_id="list_budgets", responses=listed(schemas.BudgetAnswer))
    def get(self, request: OrganisationRequest) -> Response:
        budgets = Budget.objects.of(request.organisation).filter(deleted_at=None).select_related("organisation")
        return page(request, budgets, _budget_answer)

    @extend_schema(operation_id="create_budget", request=BudgetRequest, responses={201: schemas.BudgetAnswer})
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        budget = set_budget(request.organisation, **parsed(BudgetRequest, request), by=actor_of(request))
        answer = _budget_answer(budget)
        location = f"/api/v1/budgets/{budget.pk}"
        return Response(answer, status=201, headers={"Location": location, "ETag": etag_of(_state(answer))})


class OneBudget(APIView):
    scopes = {"PATCH": "billing", "DELETE": "billing"}

    @extend_schema(operation_id="get_budget", responses=schemas.BudgetAnswer)
    def get(self, request: OrganisationRequest, budget_id: str) -> Response:
        answer = _budget_answer(_budget(request, budget_id))
        return Response(answer, headers={"ETag": etag_of(_state(answer))})

    @extend_schema(operation_id="change_budget", request=BudgetChange, responses=schemas.BudgetAnswer)
    @transaction.atomic
    def patch(self, request: OrganisationRequest, budget_id: str) -> Response:
        budget = _budget(request, budget_id, is_locked=True)
        require_match(request, _state(_budget_answer(budget)))
        answer = _budget_answer(change_budget(budget, **parsed(BudgetChange, request), by=actor_of(request)))
        return Response(answer, headers={"ETag": etag_of(_state(answer))})

    @extend_schema(operation_id="delete_budget", responses={204: None})
    def delete(self, request: OrganisationRequest, budget_id: str) -> Response:
        delete_budget(_budget(request, budget_id), by=actor_of(request))
        return Response(status=204)


class Credits(APIView):
    scopes = {"POST": "billing"}

    @extend_schema(
        operation_id="get_credits",
        responses=schemas.CreditsAnswer,
        description="The credit left, and a page of what moved it.",
    )
    def get(self, request: OrganisationRequest) -> Response:
        wallet = credit_wallet(request.organisation)
        answer = page(request, statement_of(request.organisation), shown_credit_entry)
        wallet_part = {
            "object": "credits",
            "currency": wallet.currency,
            "available_micros": wallet.available_micros,
            "held_micros": wallet.held_micros,
            "spent_micros": wallet.spent_micros,
            "lots": [shown_lot(lot) for lot in lots_left(request.organisation)],
        }
        return Response({**wallet_part, **answer.data})

    @extend_schema(
        operation_id="buy_credits",
        request=TopUpRequest,
        responses={201: schemas.TopUpAnswer},
        description="Pay at `checkout_url`.",
    )
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        top_up = start_top_up(request.organisation, **parsed(TopUpRequest, request))
        return Response(shown_top_up(top_up), status=201, headers={"Location": f"/api/v1/credits/{top_up.pk}"})


class OneTopUp(APIView):
    @extend_schema(operation_id="get_top_up", responses=schemas.TopUpAnswer)
    def get(self, request: OrganisationRequest, top_up_id: str) -> Response:
        top_up = TopUp.objects.of(request.organisation).filter(pk=top_up_id).first()
        if top_up is None:
            raise Problem("yours:not-found")
        return Response(shown_top_up(top_up))


def _invoice(request: OrganisationRequest, invoice_id: str) -> Invoice:
    invoice = Invoice.objects.of(request.organisation).filter(pk=invoice_id).first()
    if invoice is None:
        raise Problem("yours:not-found")
    return invoice


def _budget(request: OrganisationRequest, budget_id: str, *, is_locked: bool = False) -> Budget:
    budgets = Budget.objects.of(request.organisation).filter(pk=budget_id, deleted_at=None)
    found = (budgets.select_for_update(no_key=True) if is_locked else budgets).first()
    if found is None:
        raise Problem("yours:not-found")
    return found


def _budget_answer(budget: Budget) -> dict[str, Any]:
    return shown_budget(budget, used_by_budget(budget))


def _state(answer: dict[str, Any]) -> dict[str, Any]:
    """What somebody can change; usage goes on meanwhile and must not make an ETag stale."""
    return {name: value for name, value in answer.items() if name not in ("used_micros", "percent")}
