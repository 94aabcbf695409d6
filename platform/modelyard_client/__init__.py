"""The Python client of Modelyard: upload, train, deploy, predict, pay. It imports nothing of the platform."""

from modelyard_client.answers import DatasetVersion, Endpoint, Explanation, Explanations, ModelVersion, Predictions, Run
from modelyard_client.async_client import AsyncClient
from modelyard_client.client import Client
from modelyard_client.errors import (
    Conflict,
    Invalid,
    ModelyardError,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NotReachable,
    PaymentNeeded,
    RateLimited,
    Refused,
    ServerFailed,
    WaitedTooLong,
)
from modelyard_client.questions import Asking
from modelyard_client.retries import Retries

__version__ = "0.1.0"

__all__ = [
    "Asking",
    "AsyncClient",
    "Client",
    "Conflict",
    "DatasetVersion",
    "Endpoint",
    "Explanation",
    "Explanations",
    "Invalid",
    "ModelVersion",
    "ModelyardError",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "NotReachable",
    "PaymentNeeded",
    "Predictions",
    "RateLimited",
    "Refused",
    "Retries",
    "Run",
    "ServerFailed",
    "WaitedTooLong",
]
