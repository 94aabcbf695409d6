"""The double's HTTP side: requests in, Stripe-like answers out, a page to pay on, webhooks to our own address."""

import hashlib
import hmac
import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from apps.billing.stripe_double import catalogue, invoices, meters, payments, resources, subscriptions
from apps.billing.stripe_double.faults import BROKEN, COMMIT_THEN_DROP, LATE, TOO_MANY, TWICE, Faults
from apps.billing.stripe_double.form import decode_form
from apps.billing.stripe_double.parameters import WrongParameter
from apps.billing.stripe_double.pay_page import document, pay_page, portal_page
from apps.billing.stripe_double.payments import Declined, make_dispute, make_intent, save_method
from apps.billing.stripe_double.store import NotThere, Store, new_stripe_id, shaped

ROUTES = [
    *(*resources.ROUTES, *payments.ROUTES, *meters.ROUTES),
    *(*catalogue.ROUTES, *subscriptions.ROUTES, *invoices.ROUTES),
]

_WEBHOOK_WAITS_S = (0, 1, 5, 15, 60)  # Stripe goes on for three days
_MOST_BODY_BYTES = 1024**2


class Double(ThreadingHTTPServer):
    """Serve with `serve_forever`; `webhook_url` empty: nobody is called."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], store: Store, *, webhook_url: str, secret: str, faults: Faults
    ) -> None:
        super().__init__(address, Handler)
        self.store, self.webhook_url, self.secret, self.faults = store, webhook_url, secret, faults

    @property
    def base(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def pay(self, session_id: str, *, declines: bool = False) -> dict[str, Any] | None:
        """Complete the session once; return it, None when it is over. `declines`: the saved card will be refused."""
        with self.store.lock:
            session = self.store.objects["session"].get(session_id)
            if session is None or session["status"] == "expired":
                return None
            if session["status"] == "open":
                session["status"] = "complete"
                if session["mode"] == "setup":
                    save_method(self.store, session, declines=declines)
                else:
                    session["payment_status"] = "paid"
                    session["payment_intent"] = self._intent_of(session)["id"]
                event = self.make_event("checkout.session.completed", session)
                self.store.save()
                threading.Thread(target=self._deliver, args=[event], daemon=True).start()
            return session

    def _intent_of(self, session: dict[str, Any]) -> dict[str, Any]:
        return make_intent(
            self.store,
            amount=session["amount_total"],
            currency=session["currency"],
            customer=session["customer"],
            metadata={},
            method="pm_card_visa",
        )

    def dispute(self, intent_id: str) -> dict[str, Any]:
        """A customer's bank takes a payment back; the event says so."""
        with self.store.lock:
            event = self.make_event("charge.dispute.created", make_dispute(self.store, intent_id))
            self.store.save()
        threading.Thread(target=self._deliver, args=[event], daemon=True).start()
        return event

    def make_event(self, kind: str, subject: dict[str, Any]) -> dict[str, Any]:
        """Return an event around a copy of the object, as Stripe would send it."""
        event = shaped(
            "event",
            id=new_stripe_id("evt"),
            type=kind,
            created=int(time.time()),
            livemode=False,
            data={"object": json.loads(json.dumps(subject))},
        )
        self.store.objects["event"][event["id"]] = event
        return event

    def _deliver(self, event: dict[str, Any]) -> None:
        if not self.webhook_url:
            return
        body = json.dumps(event).encode()
        for wait_s in _WEBHOOK_WAITS_S:
            time.sleep(wait_s)
            headers = {"Content-Type": "application/json", "Stripe-Signature": signature(body, self.secret)}
            request = urllib.request.Request(self.webhook_url, body, headers)
            try:
                with urllib.request.urlopen(request, timeout=10):
                    return
            except (urllib.error.URLError, OSError):
                continue


def signature(body: bytes, secret: str, at_s: int | None = None) -> str:
    """Return the Stripe-Signature header of a body."""
    moment = int(time.time()) if at_s is None else at_s
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


class Handler(BaseHTTPRequestHandler):
    server: Double
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_DELETE(self) -> None:
        self._handle("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: what matters is in the answers."""

    def _handle(self, method: str) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MOST_BODY_BYTES:
            self._answer(413, {"error": {"type": "invalid_request_error", "message": "too large"}})
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        if parts.path.startswith("/pay/"):
            self._pay_page(method, parts.path.removeprefix("/pay/"), declines="declines=yes" in body)
        elif parts.path.startswith("/portal/"):
            self._portal(parts.path.removeprefix("/portal/"))
        elif parts.path in ("/", "/healthz"):
            self._answer(200, {"status": "ok", "object": "stripe_double"})
        else:
            self._api(method, parts.path, body if method == "POST" else parts.query)

    def _api(self, method: str, path: str, form: str) -> None:
        fault = self.server.faults.next(self.headers.get("X-Double-Fault")) if path.startswith("/v1/") else None
        if fault == TOO_MANY:
            self._answer(
                429, {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Slow down."}}
            )
            return
        if fault == BROKEN:
            self._answer(500, {"error": {"type": "api_error", "message": "An unknown error occurred."}})
            return
        status, answer = self._carry_out(method, path, form)
        if fault == TWICE:
            status, answer = self._carry_out(method, path, form)
        if fault == LATE:
            time.sleep(self.server.faults.late_s)
        if fault == COMMIT_THEN_DROP:
            self.close_connection = True
            self.connection.close()
            return
        self._answer(status, answer)

    def _carry_out(self, method: str, path: str, form: str) -> tuple[int, dict[str, Any]]:
        if not self.headers.get("Authorization", "").startswith("Bearer sk_"):
            return 401, {"error": {"type": "invalid_request_error", "message": "You did not provide an API key."}}
        key = self.headers.get("Idempotency-Key", "") if method == "POST" else ""
        fingerprint = hashlib.sha256(f"{path}\n{form}".encode()).hexdigest()
        store = self.server.store
        with store.lock:
            if key in store.answers:
                known, status, answer = store.answers[key]
                if known == fingerprint:
                    return status, answer
                message = "Keys for idempotent requests can only be used with the same parameters."
                return 400, {"error": {"type": "idempotency_error", "message": message}}
            status, answer = self._route(method, path, form)
            if key and status < 500:
                store.answers[key] = [fingerprint, status, json.loads(json.dumps(answer))]
            if method != "GET":
                store.save()
            return status, answer

    def _route(self, method: str, path: str, form: str) -> tuple[int, dict[str, Any]]:
        for verb, pattern, resource in ROUTES:
            if verb == method and (match := pattern.fullmatch(path)):
                try:
                    return 200, resource(self.server.store, decode_form(form), self.server.base, *match.groups())
                except WrongParameter as wrong:
                    error = {"message": wrong.message, "param": wrong.param, "code": wrong.code}
                    return 400, {"error": {"type": "invalid_request_error", **error}}
                except Declined as refused:
                    error = {"message": str(refused), "code": "card_declined", "decline_code": "generic_decline"}
                    return 402, {"error": {"type": "card_error", **error}}
                except NotThere as missing:
                    error = {"message": str(missing), "code": "resource_missing"}
                    return 404, {"error": {"type": "invalid_request_error", **error}}
        message = f"Unrecognized request URL ({method}: {path})."
        return 404, {"error": {"type": "invalid_request_error", "message": message}}

    def _portal(self, portal_id: str) -> None:
        portal = self.server.store.objects["portal"].get(portal_id)
        if portal is None:
            self._html(404, "<h1>This page has ended</h1>")
            return
        methods = [one for one in self.server.store.objects["method"].values() if one["customer"] == portal["customer"]]
        self._html(200, portal_page(portal, methods))

    def _pay_page(self, method: str, session_id: str, *, declines: bool = False) -> None:
        session = self.server.store.objects["session"].get(session_id)
        if session is None or session["status"] == "expired":
            self._html(404, "<h1>This payment page has ended</h1>")
        elif method == "POST":
            self.server.pay(session_id, declines=declines)
            self._redirect((session["success_url"] or "/").replace("{CHECKOUT_SESSION_ID}", session_id))
        elif session["status"] == "complete":
            self._html(200, "<h1>This is paid already</h1>")
        else:
            self._html(200, pay_page(session))

    def _redirect(self, address: str) -> None:
        self.send_response(303)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _html(self, status: int, body: str) -> None:
        self._bytes(status, document(body).encode(), "text/html; charset=utf-8")

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        self._bytes(status, json.dumps(answer).encode(), "application/json")

    def _bytes(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", f"req_{secrets.token_hex(7)}")
        self.end_headers()
        self.wfile.write(body)
