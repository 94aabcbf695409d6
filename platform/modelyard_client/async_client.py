"""The asynchronous client: predictions from an event loop, with the same retries and errors as the blocking one."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx

from modelyard_client.answers import Predictions
from modelyard_client.calls import Call
from modelyard_client.questions import PLAIN, Asking, Image, images_call, predict_url, rows_call, text_call
from modelyard_client.retries import Retries
from modelyard_client.settings import find_settings
from modelyard_client.shaping import shaped
from modelyard_client.transport import failure_of, session_options


class AsyncClient:
    """Arguments as those of Client. Everything but predictions is rare and heavy, and lives in the blocking client."""

    def __init__(
        self,
        api_key: str | None = None,
        url: str | None = None,
        data_url: str | None = None,
        *,
        retries: Retries | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self.settings = find_settings(api_key, url, data_url)
        self.retries = retries or Retries()
        self._http = httpx.AsyncClient(**session_options(self.settings, timeout_s))
        self._urls: dict[str, str] = {}

    async def predict(self, endpoint: str, rows: Sequence[Mapping[str, Any]], *, asking: Asking = PLAIN) -> Predictions:
        """Ask with rows {column: value}."""
        return await self._asked(rows_call(await self._url(endpoint), rows, asking))

    async def predict_text(self, endpoint: str, text: str, *, asking: Asking = PLAIN) -> Predictions:
        """Ask a model that reads one text column with one text."""
        return await self._asked(text_call(await self._url(endpoint), text, asking))

    async def predict_images(self, endpoint: str, images: Sequence[Image], *, asking: Asking = PLAIN) -> Predictions:
        """Ask with image files or their bytes, at most 64."""
        return await self._asked(images_call(await self._url(endpoint), images, asking))

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _asked(self, call: Call) -> Predictions:
        return shaped(Predictions, (await self._send(call)).json())

    async def _url(self, endpoint: str) -> str:
        if self.settings.data_url:
            return predict_url(self.settings.data_url, endpoint)
        if endpoint not in self._urls:
            answer = await self._send(Call("GET", f"{self.settings.url}/api/v1/endpoints/{endpoint}"))
            self._urls[endpoint] = str(answer.json()["url"])
        return self._urls[endpoint]

    async def _send(self, call: Call) -> httpx.Response:
        repeats, waited_s = 0, 0.0
        while True:
            outcome = await self._try(call)
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return outcome
            pause_s = self.retries.pause_s(call.method, outcome, repeats, waited_s)
            if pause_s is None:
                raise failure_of(outcome, call.url)
            await asyncio.sleep(pause_s)
            repeats, waited_s = repeats + 1, waited_s + pause_s

    async def _try(self, call: Call) -> httpx.Response | httpx.TransportError:
        try:
            return await self._http.request(**call.arguments())
        except httpx.TransportError as error:
            return error
