"""The playground: a form made from the model's columns, the answer, its price; and the same call as code."""

import base64
import json
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.models import ApiKey
from apps.accounts.rules import role_may
from apps.accounts.services.create_api_key import create_api_key
from apps.endpoints.explained import can_be_explained, explained, most_rows_of
from apps.endpoints.models import Endpoint
from apps.endpoints.playground import Answer, ask
from apps.endpoints.playground_form import ImageForm, PlaygroundForm, example_row
from apps.endpoints.queries import endpoint_or_problem, main_deployment
from apps.endpoints.snippets import snippets_of
from apps.ledger.queries import price_at
from contracts.manifests import ModelManifest
from contracts.problems import Problem
from contracts.usage import METER_PREDICTIONS
from contracts.wire import from_wire

_KEY_LIVES = timedelta(hours=12)
_SHOWN_IMAGE_BYTES = 2_000_000
_IMAGE_MOST_BYTES = 10_000_000
_TOP = 8


def manifest_served(endpoint: Endpoint) -> ModelManifest:
    """The manifest of the deployment that takes most of the traffic."""
    main = main_deployment(endpoint)
    if main is None:
        raise Problem("yours:state", "The endpoint has no deployment.")
    return from_wire(ModelManifest, main.model_version.manifest)


@needs("read")
def playground(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    manifest = manifest_served(endpoint)
    is_image = bool(manifest.codec)
    form: Any = ImageForm() if is_image else PlaygroundForm(manifest=manifest)
    context: dict[str, Any] = {"endpoint": endpoint, "tab": "playground", "manifest": manifest, "is_image": is_image}
    if can_be_explained(manifest):
        context |= _price_of_why(endpoint, manifest)
    if request.method == "POST":
        if not role_may(request.membership.role, "predict"):
            raise Problem("yours:not-allowed", "Your role may look, but not ask for predictions.")
        form = ImageForm(request.POST, request.FILES) if is_image else PlaygroundForm(request.POST, manifest=manifest)
        if form.is_valid():
            context |= _asked(request, endpoint, form, is_image)
    context["form"] = form
    template = "endpoints/answer.html" if request.htmx and request.method == "POST" else "endpoints/playground.html"
    return render(request, template, context)


def _asked(request: OrganisationRequest, endpoint: Endpoint, form: Any, is_image: bool) -> dict[str, Any]:
    key = _session_key(request, endpoint)
    verb = "explain" if "explain" in request.POST else "predict"
    row: dict[str, Any] = {}
    shown: dict[str, Any]
    if is_image:
        file: UploadedFile = form.cleaned_data["image"]
        if file.size and file.size > _IMAGE_MOST_BYTES:
            form.add_error("image", "Images of up to 10 MB can be tried here.")
            return {}
        content = file.read()
        answer = ask(endpoint.name, key=key, image=content, kind=file.content_type or "", verb=verb)
        shown = {"image": _data_uri(content, file.content_type or "")}
    else:
        row = form.row()
        answer = ask(endpoint.name, key=key, rows=[row], verb=verb)
        shown = {"sent": json.dumps({"rows": [row]}, indent=2, ensure_ascii=False)}
    for explanation in answer.body.get("explanations") or []:
        shown["why"] = explained(explanation, row)
    given = row.get("history")
    return shown | _shown(answer, [one for one in given if isinstance(one, float)] if isinstance(given, list) else [])


def _price_of_why(endpoint: Endpoint, manifest: ModelManifest) -> dict[str, Any]:
    """Said before it is asked, because an explanation is many predictions."""
    rows = most_rows_of(manifest)
    price = price_at(METER_PREDICTIONS, dimension=endpoint.latency_class, currency=endpoint.organisation.currency)
    return {"why_rows": rows, "why_micros": rows * price.unit_price_micros}


def _session_key(request: OrganisationRequest, endpoint: Endpoint) -> str:
    """A key of this session for this endpoint alone; it ends within hours and can be revoked like any other."""
    name = f"playground:{endpoint.pk}"
    kept = request.session.get(name)
    if kept and ApiKey.objects.of(endpoint.organisation).filter(
        pk=kept["id"], revoked_at=None, expires_at__gt=timezone.now() + timedelta(minutes=1)
    ):
        return str(kept["secret"])
    key, secret = create_api_key(
        endpoint.organisation,
        name=f"Playground, {request.user}"[:80],
        scopes=["predict"],
        endpoints=[endpoint.pk],
        expires_at=timezone.now() + _KEY_LIVES,
        created_by=request.user,
    )
    request.session[name] = {"id": key.pk, "secret": secret}
    return secret


def _data_uri(content: bytes, kind: str) -> str:
    if len(content) > _SHOWN_IMAGE_BYTES or kind not in ("image/png", "image/jpeg", "image/webp"):
        return ""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _shown(answer: Answer, history: list[Any]) -> dict[str, Any]:
    told = [one["prediction"] for one in answer.body.get("explanations") or []]
    first = (answer.body.get("predictions") or told or [{}])[0]
    if isinstance(first.get("items"), list):
        first = {**first, "items_shown": first["items"]}  # a template reads `.items` of a dict as its method
    steps = first.get("forecast") or []
    chances = sorted((first.get("probabilities") or {}).items(), key=lambda pair: -pair[1])
    return {
        "answer": answer,
        "prediction": first,
        "chances": [{"label": label, "share": share} for label, share in chances[:_TOP]],
        "ends": {name: [step.get(name) for step in steps] for name in ("value", "lower", "upper")},
        "history": history,
        "nothing": [],
        "more_classes": max(0, len(chances) - _TOP),
        "raw": json.dumps(answer.body, indent=2, ensure_ascii=False),
    }


@needs("read")
def code(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    manifest = manifest_served(endpoint)
    snippets = snippets_of(endpoint.name, manifest, example_row(manifest))
    return render(request, "endpoints/code.html", {"endpoint": endpoint, "tab": "code", "snippets": snippets})
