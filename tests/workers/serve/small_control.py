"""A control plane in memory that speaks the internal API over real HTTP: config, packages, leases, usage."""

import base64
import json
import threading
import time
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from contracts.ids import new_id
from contracts.keys import digest_key, mint_key
from contracts.serving import (
    Price,
    PublishedDeployment,
    PublishedEndpoint,
    PublishedKey,
    PublishedOrganisation,
    ServingConfig,
)

PEPPER = b"a pepper of the tests"
TOKEN = "myn_token_of_the_tests"


class SmallControl:
    """Truth of a test: what was granted, what was posted. `away` makes every call fail."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.revision = 0
        self.live_nodes = 1
        self.organisations: dict[str, PublishedOrganisation] = {}
        self.keys: dict[str, PublishedKey] = {}
        self.endpoints: dict[str, PublishedEndpoint] = {}
        self.packages: dict[str, dict[str, bytes]] = {}
        self.wallets: dict[str, int] = {}
        self.unit_wallets: set[str] = set()  # quotas: they count predictions
        self.leases: dict[str, dict[str, Any]] = {}
        self.usage: dict[str, dict[str, Any]] = {}
        self.repeats = 0
        self.requests: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.away = False
        self.lease_ttl_s = 60.0
        self.clock_offset_s = 0.0
        self.most_granted = 10**12
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # what a test arranges

    def organisation(self, balance: int = 10**9, **fields: Any) -> PublishedOrganisation:
        organisation = PublishedOrganisation(id=new_id("org"), wallet=self.wallet(balance), **fields)
        self.organisations[organisation.id] = organisation
        return organisation

    def wallet(self, balance: int) -> str:
        wallet = new_id("wal")
        self.wallets[wallet] = balance
        return wallet

    def quota(self, predictions: int) -> str:
        wallet = self.wallet(predictions)
        self.unit_wallets.add(wallet)
        return wallet

    def key_id(self, text: str) -> str:
        return self.keys[text.split("_")[2]].id

    def change_key(self, text: str, **fields: Any) -> None:
        kid = text.split("_")[2]
        self.keys[kid] = replace(self.keys[kid], **fields)

    def key(self, organisation: PublishedOrganisation, **fields: Any) -> str:
        """Publish a key; return its text."""
        kid, text = mint_key()
        fields = {"scopes": ["predict"], **fields}
        key = PublishedKey(new_id("key"), kid, digest_key(PEPPER, text), organisation.id, **fields)
        self.keys[key.kid] = key
        return text

    def endpoint(
        self, organisation: PublishedOrganisation, name: str, *packages: Any, price: int = 100, **fields: Any
    ) -> PublishedEndpoint:
        """Publish an endpoint whose deployments share the traffic."""
        endpoint = PublishedEndpoint(
            id=fields.pop("id", None) or new_id("ep"),
            name=name,
            organisation=organisation.id,
            latency_class="realtime",
            price=Price(new_id("prc"), "predictions", "EUR", price),
            deployments=[self.deployment(package) for package in packages],
            **fields,
        )
        self.endpoints[endpoint.id] = endpoint
        return endpoint

    def deployment(self, package: Any, version: str = "") -> PublishedDeployment:
        self.packages[package.sha256] = {"model.onnx": package.model, "manifest.json": package.manifest_json()}
        return PublishedDeployment(new_id("dep"), version or f"ver_{package.sha256[:12]}", package.sha256, 100)

    def publish(self) -> int:
        with self.lock:
            self.revision += 1
            return self.revision

    def config(self) -> ServingConfig:
        return ServingConfig(
            self.revision,
            base64.b64encode(PEPPER).decode(),
            self.live_nodes,
            list(self.organisations.values()),
            list(self.keys.values()),
            list(self.endpoints.values()),
        )

    # what a test looks at

    def open_leases(self) -> list[dict[str, Any]]:
        with self.lock:
            return [lease for lease in self.leases.values() if lease["open"]]

    def state(self, endpoint_id: str) -> str:
        with self.lock:
            for status in reversed(self.statuses):
                for endpoint in status["endpoints"]:
                    if endpoint["id"] == endpoint_id:
                        return f"{status['revision']}:{endpoint['state']}"
        return ""

    # the internal API

    def lease(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            wallet, balance = body["wallet"], self.wallets.get(body["wallet"], 0)
            if balance < body["least_micros"] or balance <= 0:
                problem = {"code": "yours:budget-exhausted", "wallet": wallet, "available_micros": balance}
                return 402, problem
            granted = max(body["least_micros"], min(body["want_micros"], balance // 20, self.most_granted))
            granted = min(granted, balance)
            self.wallets[wallet] -= granted
            lease = {"id": new_id("les"), "wallet": wallet, "granted": granted, "spent": 0, "open": True}
            lease["boot"] = body["boot"]
            self.leases[lease["id"]] = lease
            now_us = int((time.time() + self.clock_offset_s) * 1_000_000)
            return 200, {
                "id": lease["id"],
                "wallet": wallet,
                "granted_micros": granted,
                "expires_in_s": self.lease_ttl_s,
                "server_time_us": now_us,
            }

    def close_leases(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            closed = 0
            for lease in self.leases.values():
                named = lease["id"] in body["leases"]
                if lease["open"] and (named or (body["close_other_boots"] and lease["boot"] != body["boot"])):
                    lease["open"] = False
                    self.wallets[lease["wallet"]] += lease["granted"] - lease["spent"]
                    closed += 1
            return 200, {"closed": closed}

    def absorb(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            duplicates = []
            for record in body["records"]:
                if record["id"] in self.usage:
                    duplicates.append(record["id"])
                    continue
                self.usage[record["id"]] = record
                for wallet, lease_id in record["leases"].items():
                    lease = self.leases[lease_id]
                    assert lease["wallet"] == wallet
                    assert lease["open"], "a record came after its lease was closed"
                    lease["spent"] += record["units" if wallet in self.unit_wallets else "amount_micros"]
            self.repeats += len(duplicates)
            return 200, {"cursor": body["offset_to"], "duplicates": duplicates}

    def hear(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and answer to what a server posts."""
        if path == "/nodes/hello":
            return 200, {"node": "nod_1", "server_time_us": int((time.time() + self.clock_offset_s) * 1e6)}
        if path == "/leases":
            return self.lease(body)
        if path == "/leases/close":
            return self.close_leases(body)
        if path == "/usage":
            return self.absorb(body)
        with self.lock:
            if path == "/requests":
                self.requests += body["requests"]
            elif path == "/serving/status":
                self.statuses.append(body)
                return 204, {}
        return 200, {}


def _handler(control: SmallControl) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            path, _, query = self.path.removeprefix("/internal/v1").partition("?")
            if self._refused():
                return
            if path == "/config":
                with control.lock:
                    if query == f"after={control.revision}" or not control.revision:
                        self._answer(204, b"")
                    else:
                        self._answer(200, json.dumps(asdict(control.config())).encode())
                return
            _, _, sha256, name = path.split("/")
            content = control.packages.get(sha256, {}).get(name)
            self._answer(200 if content else 404, content or b"{}")

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            if self._refused():
                return
            status, answer = control.hear(self.path.removeprefix("/internal/v1"), body)
            self._answer(status, b"" if status == 204 else json.dumps(answer).encode())

        def _refused(self) -> bool:
            if control.away:
                self._answer(503, b"{}")
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._answer(401, b'{"code": "yours:not-authenticated"}')
            else:
                return False
            return True

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
