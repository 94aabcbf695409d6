"""Many clients at once, each remembering what it was told: the oracle that is compared with control's books."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any


class Crowd:
    """`size` threads that ask again and again; `answers` are (status, usage id, model version, body or None)."""

    def __init__(self, port: int, key: str, endpoint: str, size: int, row: Callable[[], dict[str, Any]]) -> None:
        self.answers: list[tuple[int, str, str]] = []
        self.broken: Counter[str] = Counter()
        self._port, self._key, self._endpoint, self._row = port, key, endpoint, row
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(size)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *arguments: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def statuses(self) -> Counter[int]:
        return Counter(status for status, _, _ in self.answers)

    def good_ids(self) -> list[str]:
        return [usage_id for status, usage_id, _ in self.answers if status == 200]

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        while not self._stop.is_set():
            try:
                body = json.dumps({"rows": [self._row()]})
                connection.request("POST", f"/v1/predict/{self._endpoint}", body, headers)
                answer = connection.getresponse()
                answer.read()
                told = (answer.status, answer.headers.get("Usage-Id", ""), answer.headers.get("Model-Version", ""))
                self.answers.append(told)
            except (OSError, http.client.HTTPException) as error:
                self.broken[type(error).__name__] += 1
                connection.close()
                time.sleep(0.05)
        connection.close()
