"""Pages for everybody: landing, what a failure code means."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from apps.ledger.queries import price_at
from contracts.failures import FAILURES
from contracts.usage import METER_PREDICTIONS


def landing(request: HttpRequest) -> HttpResponse:
    price = price_at(METER_PREDICTIONS, dimension="realtime", currency="USD").unit_price_micros
    return render(request, "web/landing.html", {"prediction_price": price})


def failure(request: HttpRequest, whose: str, name: str) -> HttpResponse:
    """One page per code: what happened, whose turn it is, what to do."""
    found = FAILURES.get(f"{whose}:{name}")
    if found is None:
        raise Http404("no such code")
    return render(request, "errors/failure.html", {"failure": found})


def failures(request: HttpRequest) -> HttpResponse:
    yours = [failure for failure in FAILURES.values() if not failure.is_ours]
    ours = [failure for failure in FAILURES.values() if failure.is_ours]
    return render(request, "errors/index.html", {"yours": yours, "ours": ours})
