"""A long mixed load with swaps of models: fails when memory, files or threads of the data plane grow.

    make soak                  half an hour
    SOAK_S=240 make soak       a short one: the bound is the same, the slope is rougher

About 60 % of the time the load runs at full speed over table rows, Open Inference tensors, JPEGs and texts of two
keys; between loads come requests that must be refused. Every few seconds an endpoint is given another of 50 models.
"""

import itertools
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving import watch
from benchmarks.serving.asks import Ask, make_ask
from benchmarks.serving.load import load
from benchmarks.serving.models import cheap_copies
from benchmarks.serving.modelyard import GENEROUS, PLENTY, QuietControl, wait_patiently
from contracts.serving import PublishedEndpoint, RatePolicy
from tests.workers.serve.conftest import OwnRedis
from tests.workers.serve.models import image_classifier, wide_network
from tests.workers.serve.serving import Serving

SOAK_S = float(os.environ.get("SOAK_S", "1800"))
MODELS = 50
ENDPOINTS = 10
BUSY_S, QUIET_S = 3, 2.0
CONNECTIONS = 16
MOST_GROWTH_MB_PER_MIN = 1.0
MOST_NEW_FILES = 16  # connections come and go; a leak of one file a second is hundreds
RESULTS = Path(__file__).resolve().parents[2] / "var" / "benchmarks"


@dataclass(frozen=True)
class Sample:
    at_s: float
    rss_mb: float
    pss_mb: float
    files: int
    threads: int
    journal_mb: float
    rate: float
    p99_ms: float


class Soak:
    """One server with ten endpoints, a control that swaps their models, and what was seen."""

    def __init__(self, folder: Path) -> None:
        self.control = QuietControl()
        policies = [RatePolicy("generous", GENEROUS, 60)]
        organisation = self.control.organisation(balance=PLENTY, policies=policies)
        self.keys = [self.control.key(organisation, policies=policies) for _ in range(2)]
        self.packages = itertools.cycle(cheap_copies(MODELS))
        self.endpoints = [
            self.control.endpoint(organisation, f"net-{number}", next(self.packages)) for number in range(ENDPOINTS)
        ]
        self.control.endpoint(organisation, "photo", image_classifier())
        self.control.endpoint(organisation, "wide", wide_network())
        self.control.publish()
        self.redis = OwnRedis(folder)
        self.server = Serving(self.control, folder / "data", self.redis.url, SERVE_PROCESSES="2")
        try:
            wait_patiently(self.server)
        except BaseException:
            self.close()
            raise
        self.samples: list[Sample] = []
        self.swaps = self.failed = self.wrong = self.served = 0

    def close(self) -> None:
        self.server.stop()
        self.redis.kill()
        self.control.close()

    def asks(self) -> list[Ask]:
        plain = [make_ask("rows", "table", f"/v1/predict/net-{number}") for number in range(ENDPOINTS)]
        plain += [make_ask("oip", "table", f"/v2/models/net-{number}/infer") for number in range(ENDPOINTS)]
        plain += [make_ask("rows", "wide", "/v1/predict/wide"), make_ask("rows", "jpeg", "/v1/predict/photo")]
        return [
            Ask(one.path, one.body, {**one.headers, "Authorization": f"Bearer {key}"})
            for one in plain
            for key in self.keys
        ]

    def fill(self, asks: list[Ask]) -> None:
        """The largest batches first: arenas of ONNX Runtime keep the most they ever held, which is no leak."""
        for place in range(0, len(asks), len(self.keys)):
            load(self.server.port, asks[place], 4 * CONNECTIONS, 1.0)

    def swap(self) -> None:
        """Another model on the endpoint whose turn it is; the retired one has to leave the memory."""
        old = self.endpoints[self.swaps % ENDPOINTS]
        fields = {name: getattr(old, name) for name in old.__dataclass_fields__}
        with self.control.lock:
            fields["deployments"] = [self.control.deployment(next(self.packages))]
            self.control.endpoints[old.id] = PublishedEndpoint(**fields)
        self.swaps += 1
        self.server.hint(self.control.publish())

    def ask_wrongly(self) -> None:
        """What must be refused is refused, and leaves nothing behind either."""
        row = {f"c{number}": 1.0 for number in range(20)}
        answers = [
            (401, self.server.predict("my_live_wrong", "net-0", row)),
            (404, self.server.predict(self.keys[0], "nowhere", row)),
            (422, self.server.predict(self.keys[0], "wide", {"c0": "text"})),
            (400, self.server.post(self.keys[0], "wide", b'{"rows": [', "application/json")),
        ]
        self.wrong += sum(answer.status_code != expected for expected, answer in answers)

    def round(self, asks: list[Ask], began_s: float) -> None:
        self.swap()
        told = load(self.server.port, asks, CONNECTIONS, BUSY_S)
        self.served += told.requests
        self.failed += told.failed
        self.ask_wrongly()
        self.samples.append(self._sample(time.monotonic() - began_s, told.good_rate, told.p99_ms))
        time.sleep(QUIET_S)

    def _sample(self, at_s: float, rate: float, p99_ms: float) -> Sample:
        family = list(watch.tree([self.server.process.pid]))
        journal = sum(path.stat().st_size for path in self.server.folder.glob("journal/**/*") if path.is_file())
        return Sample(
            at_s,
            sum(one.memory_info().rss for one in family) / 2**20,
            watch.pss_mb([self.server.process.pid]),
            sum(one.num_fds() for one in family),
            sum(one.num_threads() for one in family),
            journal / 2**20,
            rate,
            p99_ms,
        )


def slope_per_min(points: list[tuple[float, float]]) -> float:
    """Median of the slopes between all pairs (Theil and Sen): one odd sample does not move it."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) * 60 for a, b in itertools.combinations(points, 2)]
    return statistics.median(slopes) if slopes else 0.0


def verdict(soak: Soak) -> tuple[list[str], list[str]]:
    """Lines to print, and what is wrong."""
    warm_s = min(300.0, SOAK_S / 3)
    after = [one for one in soak.samples if one.at_s >= warm_s]
    if len(after) < 4:
        return [], [f"only {len(after)} samples after {warm_s:.0f} s of warm-up: SOAK_S is too short"]
    first, last = after[: len(after) // 4 + 1], after[-(len(after) // 4 + 1) :]
    growth = {name: slope_per_min([(one.at_s, getattr(one, name)) for one in after]) for name in ("rss_mb", "pss_mb")}
    files = max(one.files for one in last) - max(one.files for one in first)
    threads = max(one.threads for one in last) - max(one.threads for one in first)
    drift = statistics.median(one.p99_ms for one in last) / statistics.median(one.p99_ms for one in first) - 1
    end = after[-1]
    lines = [
        f"{soak.served:,} requests, {soak.failed} failed, {soak.wrong} wrongly answered refusals, {soak.swaps} swaps",
        f"rss {end.rss_mb:.0f} MB, slope {growth['rss_mb']:+.2f} MB/min; pss {end.pss_mb:.0f} MB, "
        f"slope {growth['pss_mb']:+.2f} MB/min after {warm_s:.0f} s (bound {MOST_GROWTH_MB_PER_MIN} MB/min)",
        f"open files {end.files} ({files:+d}), threads {end.threads} ({threads:+d}), journal {end.journal_mb:.1f} MB",
        f"rate {statistics.median(one.rate for one in after):,.0f}/s, p99 drift {drift:+.0%} (shown, not judged)",
    ]
    faults = [
        f"{name} grows by {per_min:.2f} MB/min" for name, per_min in growth.items() if per_min > MOST_GROWTH_MB_PER_MIN
    ]
    faults += [f"open files grew by {files}"] if files > MOST_NEW_FILES else []
    faults += [f"threads grew by {threads}"] if threads > 2 else []
    faults += [f"{soak.failed} requests failed"] if soak.failed else []
    faults += [f"{soak.wrong} refusals were wrong"] if soak.wrong else []
    return lines, faults


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an ended run leaves no server behind
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        soak = Soak(Path(folder))
        try:
            asks, shown_s = soak.asks(), 0.0
            soak.fill([one for one in asks if "net-" not in one.path or "net-0" in one.path])
            began_s = time.monotonic()
            while (at_s := time.monotonic() - began_s) < SOAK_S:
                soak.round(asks, began_s)
                if at_s >= shown_s:
                    shown_s += 60
                    seen: dict[str, Any] = vars(soak.samples[-1])
                    print("  ".join(f"{name} {value:,.1f}" for name, value in seen.items()), flush=True)
        finally:
            soak.close()
    lines, faults = verdict(soak)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "soak.json").write_text(json.dumps([vars(one) for one in soak.samples], indent=1))
    print("\n".join([*lines, *(f"FAILED: {fault}" for fault in faults)]))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
