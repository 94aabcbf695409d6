"""The blocking client: one object that reaches every stage of the road."""

from types import TracebackType

from modelyard_client.answers import Organisation
from modelyard_client.resources.batches import Batches
from modelyard_client.resources.datasets import Datasets
from modelyard_client.resources.endpoints import Endpoints
from modelyard_client.resources.explanations import Explain
from modelyard_client.resources.keys import Keys
from modelyard_client.resources.models import Models, ModelVersions
from modelyard_client.resources.money import Budgets, CreditOf, Invoices, UsageOf
from modelyard_client.resources.predictions import Predict
from modelyard_client.resources.runs import Runs
from modelyard_client.retries import Retries
from modelyard_client.settings import Settings, find_settings
from modelyard_client.shaping import shaped
from modelyard_client.transport import Transport


class Client:
    """What is left out comes from MODELYARD_API_KEY, MODELYARD_URL and MODELYARD_DATA_URL, then from `modelyard login`.

    Every method raises ModelyardError (errors.py). Safe to share between threads; close it, or use it in `with`.
    """

    def __init__(
        self,
        api_key: str | None = None,
        url: str | None = None,
        data_url: str | None = None,
        *,
        retries: Retries | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self._transport = Transport(find_settings(api_key, url, data_url), retries=retries, timeout_s=timeout_s)
        self.datasets = Datasets(self._transport)
        self.runs = Runs(self._transport)
        self.models = Models(self._transport)
        self.model_versions = ModelVersions(self._transport)
        self.endpoints = Endpoints(self._transport)
        self.predict = Predict(self._transport)
        self.explain = Explain(self.predict)
        self.batches = Batches(self._transport)
        self.usage = UsageOf(self._transport)
        self.credits = CreditOf(self._transport)
        self.budgets = Budgets(self._transport)
        self.invoices = Invoices(self._transport)
        self.keys = Keys(self._transport)

    @property
    def settings(self) -> Settings:
        return self._transport.settings

    def organisation(self) -> Organisation:
        """Whose key this is."""
        return shaped(Organisation, self._transport.get("/organisation"))

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
