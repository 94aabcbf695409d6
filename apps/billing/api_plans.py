"""REST of plans: what there is, what one is on, what a change would cost, the change."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.billing import schemas
from apps.billing.models import Plan, Subscription
from apps.billing.plan_queries import plans_in_force, subscription_of, used_of_limits
from apps.billing.services.change_plan import change_plan
from apps.billing.services.quote_plan import Quote, quote_plan
from apps.rest.authentication import OrganisationRequest
from apps.rest.idempotency import idempotent
from apps.rest.parsing import StrictSerializer, parsed
from apps.rest.permissions import actor_of
from contracts.problems import Problem


class PlanRequest(StrictSerializer):
    plan = serializers.CharField(max_length=40)
    when = serializers.ChoiceField(["now", "period_end"], required=False)


class Plans(APIView):
    @extend_schema(operation_id="list_plans", responses=schemas.PlanAnswer(many=True))
    def get(self, request: OrganisationRequest) -> Response:
        present = subscription_of(request.organisation)
        own = present.plan.name if present else ""
        plans = [plan for plan in plans_in_force(request.organisation.currency) if plan.is_public or plan.name == own]
        return Response([shown_plan(plan) for plan in plans])


class OneSubscription(APIView):
    scopes = {"POST": "billing"}

    @extend_schema(operation_id="get_subscription", responses=schemas.SubscriptionAnswer)
    def get(self, request: OrganisationRequest) -> Response:
        present = subscription_of(request.organisation)
        if present is None:
            raise Problem("yours:not-found", "This organisation has no plan; nothing limits it.")
        return Response(_shown_subscription(present))

    @extend_schema(operation_id="change_subscription", request=PlanRequest, responses=schemas.QuoteAnswer)
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        values = parsed(PlanRequest, request)
        quote = change_plan(request.organisation, values["plan"], when=values.get("when", ""), by=actor_of(request))
        return Response(shown_quote(quote))


class SubscriptionPreview(APIView):
    scopes = {"POST": "read"}

    @extend_schema(
        operation_id="preview_subscription",
        request=PlanRequest,
        responses=schemas.QuoteAnswer,
        description="What the change would cost at this moment; nothing is changed.",
    )
    def post(self, request: OrganisationRequest) -> Response:
        values = parsed(PlanRequest, request)
        return Response(shown_quote(quote_plan(request.organisation, values["plan"], when=values.get("when", ""))))


def shown_plan(plan: Plan) -> dict[str, Any]:
    names = ("name", "title", "summary", "currency", "fee_micros", "included_micros", "commitment_micros", "trial_days")
    return {
        "id": plan.pk,
        "object": "plan",
        **{name: getattr(plan, name) for name in names},
        "limits": plan.limits,
        "effective_from": plan.effective_from.isoformat(),
    }


def shown_quote(quote: Quote) -> dict[str, Any]:
    return {
        "object": "plan_quote",
        "plan": quote.plan.name,
        "when": quote.when,
        "effective_at": quote.effective_at.isoformat(),
        "credit_micros": quote.credit_micros,
        "fee_micros": quote.fee_micros,
        "due_micros": quote.due_micros,
        "trial_ends_at": quote.trial_ends_at.isoformat() if quote.trial_ends_at else None,
        "objections": quote.objections,
    }


def _shown_subscription(row: Subscription) -> dict[str, Any]:
    return {
        "object": "subscription",
        "plan": shown_plan(row.plan),
        "state": row.state,
        "renews_at": row.renews_at.isoformat(),
        "trial_ends_at": row.trial_ends_at.isoformat() if row.trial_ends_at else None,
        "next_plan": row.next_plan or None,
        "past_due_since": row.past_due_since.isoformat() if row.past_due_since else None,
        "used": used_of_limits(row.organisation),
    }
