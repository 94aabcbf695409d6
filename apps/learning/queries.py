"""Reads of kept requests and replays."""

from django.db.models import QuerySet, Sum

from apps.accounts.models import Organisation
from apps.datasets.models import DatasetVersion
from apps.endpoints.models import Endpoint
from apps.endpoints.queries import main_deployment
from apps.learning.models import LoggedRequest, Replay, Retraining
from apps.registry.models import Model
from contracts.problems import Problem


def served_model(endpoint: Endpoint) -> Model | None:
    """The model of the deployment that takes most of the traffic."""
    main = main_deployment(endpoint)
    return main.model_version.model if main else None


def requests_of(endpoint: Endpoint) -> QuerySet[LoggedRequest]:
    rows = LoggedRequest.objects.of(endpoint.organisation).filter(endpoint=endpoint)
    return rows.select_related("model_version__model", "labelled_by", "taken_into")


def request_or_problem(endpoint: Endpoint, request_id: str) -> LoggedRequest:
    """Raises yours:not-found."""
    found = requests_of(endpoint).filter(pk=request_id).first()
    if found is None:
        raise Problem("yours:not-found", "There is no such request in this log; it may have been forgotten.")
    return found


def labelled_requests(model: Model) -> QuerySet[LoggedRequest]:
    """Labelled, and not in the data yet."""
    rows = LoggedRequest.objects.of(model.organisation).filter(model_version__model=model, taken_into=None)
    return rows.exclude(labels={}).select_related("model_version")


def held_bytes(endpoint: Endpoint) -> int:
    rows = LoggedRequest.objects.of(endpoint.organisation).filter(endpoint=endpoint)
    return int(rows.aggregate(total=Sum("size_bytes"))["total"] or 0)


def replay_or_problem(organisation: Organisation, endpoint: Endpoint, replay_id: str) -> Replay:
    """Raises yours:not-found."""
    rows = Replay.objects.of(organisation).select_related("batch", "model_version__model")
    found = rows.filter(pk=replay_id, endpoint=endpoint).first()
    if found is None:
        raise Problem("yours:not-found", "There is no such replay here.")
    return found


def newest_data(model: Model) -> DatasetVersion | None:
    """The newest version of the model's data that is ready."""
    return model.dataset.versions.filter(state="ready").order_by("-number").first()


def retraining_or_problem(endpoint: Endpoint, retraining_id: str) -> Retraining:
    """Raises yours:not-found."""
    rows = Retraining.objects.of(endpoint.organisation).filter(policy__endpoint=endpoint)
    found = (
        rows.select_related("policy", "new_version__model", "serving_version__model").filter(pk=retraining_id).first()
    )
    if found is None:
        raise Problem("yours:not-found", "There is no such retraining here.")
    return found
