"""Where Stripe calls: 200 when the event is dealt with, 400 when it is not from Stripe, 503 to be called again."""

import logging

import stripe
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.billing.services.receive_webhook import receive_webhook
from contracts.problems import Problem

log = logging.getLogger(__name__)


@csrf_exempt  # the signature over the body is the proof of origin
@require_POST
def stripe_webhook(request: HttpRequest) -> JsonResponse:
    try:
        applied = receive_webhook(request.body, request.headers.get("Stripe-Signature", ""))
    except Problem as problem:
        return JsonResponse(problem.body(), status=problem.status)
    except (stripe.StripeError, DatabaseError):
        log.exception("a webhook could not be dealt with; Stripe will send it again")
        return JsonResponse(Problem("ours:payments-unavailable").body(), status=503)
    return JsonResponse({"received": True, "applied": applied})
