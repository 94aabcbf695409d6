"""REST: endpoints. Parse, call, render."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.endpoints.models import Endpoint
from apps.endpoints.queries import endpoint_or_problem, living_endpoints, version_or_problem
from apps.endpoints.represent import EndpointAnswer, EndpointBody, EndpointChange, endpoint_json
from apps.endpoints.services.change_endpoint import change_endpoint
from apps.endpoints.services.create_endpoint import create_endpoint
from apps.endpoints.services.delete_endpoint import delete_endpoint
from apps.endpoints.services.rollback_endpoint import rollback_endpoint
from apps.rest.authentication import OrganisationRequest
from apps.rest.etags import etag_of, require_match
from apps.rest.idempotency import idempotent
from apps.rest.paging import page
from apps.rest.permissions import actor_of


def etag(endpoint: Endpoint) -> str:
    """Of what people change, not of what nodes report: a server coming up is no lost update."""
    return etag_of([endpoint.id, endpoint.edition])


def answer(endpoint: Endpoint, status: int = 200) -> Response:
    return Response(endpoint_json(endpoint), status=status, headers={"ETag": etag(endpoint)})


def _referred(deployments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Version and precision as the one word that services take."""
    rows = []
    for row in deployments:
        precision = row.pop("precision", "")
        rows.append(
            {**row, "model_version": f"{row['model_version']}@{precision}" if precision else row["model_version"]}
        )
    return rows


@extend_schema(tags=["endpoints"])
class Endpoints(APIView):
    @extend_schema(operation_id="endpoints_list", responses=EndpointAnswer(many=True))
    def get(self, request: OrganisationRequest) -> Response:
        """List the organisation's endpoints, newest first."""
        return page(request, living_endpoints(request.organisation), endpoint_json)

    @extend_schema(operation_id="endpoints_create", request=EndpointBody, responses={201: EndpointAnswer})
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        """Give a model version a name that answers. It is `starting` until a server has loaded it."""
        body = EndpointBody(data=request.data)
        body.is_valid(raise_exception=True)
        values: dict[str, Any] = body.validated_data
        endpoint = create_endpoint(
            request.organisation,
            name=values["name"],
            model_version=version_or_problem(request.organisation, values["model_version"]),
            precision=values.get("precision", ""),
            latency_class=values["latency_class"],
            policies=values.get("limits"),
            force=values["force"],
            created_by=actor_of(request),
        )
        return answer(endpoint, status=201)


@extend_schema(tags=["endpoints"])
class EndpointDetail(APIView):
    @extend_schema(operation_id="endpoints_get", responses=EndpointAnswer)
    def get(self, request: OrganisationRequest, endpoint: str) -> Response:
        """One endpoint, by id or name."""
        return answer(endpoint_or_problem(request.organisation, endpoint))

    @extend_schema(operation_id="endpoints_change", request=EndpointChange, responses=EndpointAnswer)
    def patch(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Change deployments, limits, pace; pause or resume. Honours If-Match."""
        found = endpoint_or_problem(request.organisation, endpoint)
        require_match(request, etag(found))
        body = EndpointChange(data=request.data)
        body.is_valid(raise_exception=True)
        values: dict[str, Any] = body.validated_data
        changed = change_endpoint(
            found,
            deployments=_referred(values["deployments"]) if "deployments" in values else None,
            policies=values.get("limits"),
            paused=values.get("paused"),
            slo_ms=values.get("slo_ms"),
            sticky=values.get("sticky"),
            guard=values.get("guard"),
            request_log=values.get("request_log"),
            force=values["force"],
            expected_edition=found.edition if request.headers.get("If-Match") else None,
            by=actor_of(request),
        )
        return answer(changed)

    @extend_schema(operation_id="endpoints_delete", responses={204: None})
    def delete(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Delete an endpoint. Its name becomes free; its usage stays on the bill."""
        delete_endpoint(endpoint_or_problem(request.organisation, endpoint), by=actor_of(request))
        return Response(status=204)


@extend_schema(tags=["endpoints"])
class EndpointRollback(APIView):
    @extend_schema(operation_id="endpoints_rollback", request=None, responses=EndpointAnswer)
    @idempotent
    def post(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Deploy again what served before the present version."""
        found = endpoint_or_problem(request.organisation, endpoint)
        return answer(rollback_endpoint(found, by=actor_of(request)))
