"""Predictions, blocking: ask an endpoint with rows, texts or images."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard_client.answers import Predictions
from modelyard_client.calls import Call
from modelyard_client.questions import PLAIN, Asking, Image, images_call, predict_url, rows_call, text_call
from modelyard_client.shaping import shaped
from modelyard_client.transport import Transport


class Predict:
    """`client.predict("iris", rows)`. With a key that may only predict, the client needs `data_url`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._urls: dict[str, str] = {}

    def __call__(self, endpoint: str, rows: Sequence[Mapping[str, Any]], *, asking: Asking = PLAIN) -> Predictions:
        """Ask with rows {column: value}; columns that the model does not require may be missing or None."""
        return self._asked(rows_call(self.url_of(endpoint), rows, asking))

    def text(self, endpoint: str, text: str, *, asking: Asking = PLAIN) -> Predictions:
        """Ask a model that reads one text column with one text."""
        return self._asked(text_call(self.url_of(endpoint), text, asking))

    def texts(
        self, endpoint: str, texts: Sequence[str], *, column: str = "text", asking: Asking = PLAIN
    ) -> Predictions:
        """Ask with several texts at once, as rows of the model's text column."""
        return self(endpoint, [{column: text} for text in texts], asking=asking)

    def images(self, endpoint: str, images: Sequence[Image], *, asking: Asking = PLAIN) -> Predictions:
        """Ask with image files or their bytes, at most 64."""
        return self._asked(images_call(self.url_of(endpoint), images, asking))

    def _asked(self, call: Call) -> Predictions:
        return shaped(Predictions, self.send(call))

    def send(self, call: Call) -> Any:
        return self._transport.send(call).json()

    def url_of(self, endpoint: str) -> str:
        """Where the data plane answers for it."""
        if self._transport.settings.data_url:
            return predict_url(self._transport.settings.data_url, endpoint)
        if endpoint not in self._urls:
            self._urls[endpoint] = str(self._transport.get(f"/endpoints/{endpoint}")["url"])
        return self._urls[endpoint]
