"""The matrix of addresses: which action each method needs. test_isolation.py tries every wrong caller on every row.

To add a route: write its pattern as the resolver shows it (the failing test prints it) and the action that each of its
methods needs, a word of accounts.rules.ACTIONS. Nothing else, unless the pattern has a parameter that PARAMETERS does
not know, or needs a body that names foreign ids (then put a function of the world's ids into BODIES).
"""

from typing import Any

Actions = dict[str, str]
READ = {"GET": "read"}
FORM = {"GET": "write", "POST": "write"}
POST = {"POST": "write"}
ADMIN_POST = {"POST": "admin"}

API: dict[str, Actions] = {
    # the organisation itself
    "organisation": {"GET": "read", "PATCH": "admin"},
    "members": READ,
    "members/<str:member_id>": {"GET": "read", "PATCH": "admin", "DELETE": "admin"},
    "invitations": {"GET": "admin", "POST": "admin"},
    "invitations/<str:invitation_id>": {"GET": "admin", "DELETE": "admin"},
    "audit": {"GET": "admin"},
    "keys": {"GET": "read", "POST": "admin"},
    "keys/<str:key_id>": {"GET": "read", "DELETE": "admin"},
    # datasets
    "datasets": {"GET": "read", "POST": "write"},
    "datasets/<str:dataset_id>": {"GET": "read", "PATCH": "write", "DELETE": "write"},
    "datasets/<str:dataset_id>/versions": {"GET": "read", "POST": "write"},
    "datasets/<str:dataset_id>/versions/<str:version_id>": READ,
    "datasets/<str:dataset_id>/versions/<str:version_id>/preview": READ,
    # training
    "pools": READ,
    "runs": {"GET": "read", "POST": "write"},
    "runs/estimate": {"POST": "read"},
    "runs/<str:run_id>": READ,
    "runs/<str:run_id>/cancel": POST,
    "runs/<str:run_id>/events": READ,
    "runs/<str:run_id>/logs": READ,
    # registry
    "models": READ,
    "models/<str:model_id>": READ,
    "model-versions": READ,
    "model-versions/<str:version_id>": READ,
    "model-versions/<str:version_id>/files/<str:name>": READ,
    "model-versions/<str:version_id>/model.onnx": READ,
    "model-versions/<str:version_id>/manifest.json": READ,
    "model-versions/<str:version_id>/evaluation": READ,
    # endpoints
    "endpoints": {"GET": "read", "POST": "write"},
    "endpoints/<str:endpoint>": {"GET": "read", "PATCH": "write", "DELETE": "write"},
    "endpoints/<str:endpoint>/analytics": READ,
    "endpoints/<str:endpoint>/rollback": POST,
    "batches": {"GET": "read", "POST": "write"},
    "batches/<str:batch>": READ,
    "batches/<str:batch>/cancel": POST,
    "batches/<str:batch>/result": READ,
    # money
    "usage": READ,
    "usage/<str:usage_id>": READ,
    # webhooks
    "events": READ,
    "webhooks": {"GET": "admin", "POST": "admin"},
    "webhooks/<str:webhook_id>": {"GET": "admin", "PATCH": "admin", "DELETE": "admin"},
    "webhooks/<str:webhook_id>/rotate": ADMIN_POST,
    "webhooks/<str:webhook_id>/ping": ADMIN_POST,
    "webhooks/<str:webhook_id>/deliveries": {"GET": "admin"},
    "webhooks/<str:webhook_id>/deliveries/<str:delivery_id>/redeliver": ADMIN_POST,
    "invoices": READ,
    "invoices/<str:invoice_id>": READ,
    "invoices/<str:invoice_id>/usage.jsonl": READ,
    "invoices/<str:invoice_id>/pdf": READ,
    "credit-notes": READ,
    "budgets": {"GET": "read", "POST": "billing"},
    "plans": READ,
    "subscription": {"GET": "read", "POST": "billing"},
    "subscription/preview": {"POST": "read"},
    "budgets/<str:budget_id>": {"GET": "read", "PATCH": "billing", "DELETE": "billing"},
    "credits": {"GET": "read", "POST": "billing"},
    "credits/<str:top_up_id>": READ,
}
OPEN = {"schema"}  # for everybody, on purpose

PAGES: dict[str, Actions] = {
    "": READ,
    "keys/": READ,
    "keys/new": {"GET": "admin", "POST": "admin"},
    "keys/<str:key_id>/revoke": ADMIN_POST,
    "members/": READ,
    "members/<int:membership_id>/role": ADMIN_POST,
    "members/<int:membership_id>/remove": ADMIN_POST,
    "organisation/rename": ADMIN_POST,
    "invitations/new": ADMIN_POST,
    "invitations/<str:invitation_id>/revoke": ADMIN_POST,
    "audit/": {"GET": "admin"},
    "datasets/": READ,
    "datasets/new": FORM,
    "datasets/samples/<slug:sample>": POST,
    "datasets/<str:dataset_id>/": READ,
    "datasets/<str:dataset_id>/upload": POST,
    "datasets/<str:dataset_id>/delete": POST,
    "datasets/<str:dataset_id>/versions/<str:version_id>/": READ,
    "datasets/<str:dataset_id>/versions/<str:version_id>/live": READ,
    "runs/": READ,
    "runs/new": FORM,
    "runs/estimate": {"GET": "write"},
    "runs/<str:run_id>/": READ,
    "runs/<str:run_id>/live": READ,
    "runs/<str:run_id>/cancel": POST,
    "models/": READ,
    "models/<str:model_id>/": READ,
    "model-versions/<str:version_id>/": READ,
    "model-versions/<str:version_id>/files/<str:name>": READ,
    "endpoints/": READ,
    "endpoints/new": FORM,
    "endpoints/<str:endpoint_id>/": READ,
    "endpoints/<str:endpoint_id>/live": READ,
    "endpoints/<str:endpoint_id>/deploy": POST,
    "endpoints/<str:endpoint_id>/rollback": POST,
    "endpoints/<str:endpoint_id>/analytics": READ,
    "endpoints/<str:endpoint_id>/guard": POST,
    "endpoints/<str:endpoint_id>/playground": {"GET": "read", "POST": "predict"},
    "endpoints/<str:endpoint_id>/code": READ,
    "endpoints/<str:endpoint_id>/settings": READ,
    "endpoints/<str:endpoint_id>/limits": POST,
    "endpoints/<str:endpoint_id>/pace": POST,
    "endpoints/<str:endpoint_id>/pause": POST,
    "endpoints/<str:endpoint_id>/delete": POST,
    "batches/": READ,
    "batches/new": FORM,
    "batches/<str:batch_id>/": READ,
    "batches/<str:batch_id>/live": READ,
    "batches/<str:batch_id>/cancel": POST,
    "batches/<str:batch_id>/result": READ,
    "usage/": READ,
    "billing": READ,
    "billing/plan": READ,
    "billing/plan/change": {"GET": "billing", "POST": "billing"},
    "webhooks/": {"GET": "admin"},
    "webhooks/new": {"GET": "admin", "POST": "admin"},
    "webhooks/<str:webhook_id>/": {"GET": "admin"},
    "webhooks/<str:webhook_id>/<slug:verb>": ADMIN_POST,
    "webhooks/<str:webhook_id>/deliveries/<str:delivery_id>/redeliver": ADMIN_POST,
    "billing/credit": READ,
    "billing/top-up": {"POST": "billing"},
    "billing/budgets": READ,
    "billing/budgets/new": {"POST": "billing"},
    "billing/budgets/<str:budget_id>/remove": {"POST": "billing"},
    "billing/invoices": READ,
    "billing/profile": {"GET": "billing", "POST": "billing"},
    "billing/verify_invoice.py": READ,
    "billing/credit-notes/<str:note_id>/pdf": READ,
    "billing/invoices/<str:invoice_id>/pdf": READ,
    "billing/invoices/<str:invoice_id>": READ,
    "billing/invoices/<str:invoice_id>/json": READ,
    "billing/invoices/<str:invoice_id>/usage.jsonl": READ,
}
QUERIES = {  # what a page needs in its query to answer at all
    "billing/plan/change": "?plan=team",
    "runs/estimate": "?dataset_version={dataset_version}",
}

PARAMETERS = {  # name of a parameter -> what of World.ids goes there
    "member_id": "member",
    "membership_id": "membership",
    "invitation_id": "invitation",
    "key_id": "key",
    "dataset_id": "dataset",
    "run_id": "run",
    "model_id": "model",
    "endpoint": "endpoint",
    "endpoint_id": "endpoint",
    "batch": "batch",
    "batch_id": "batch",
    "usage_id": "usage",
    "invoice_id": "invoice",
    "budget_id": "budget",
    "top_up_id": "top_up",
    "note_id": "note",
    "webhook_id": "webhook",
    "delivery_id": "delivery",
    "version_id": "model_version",
}
OTHER_PARAMETERS: dict[str, dict[str, str]] = {  # where a name means something else: start of the pattern -> parameters
    "datasets/": {"version_id": "dataset_version"},
}
CONSTANTS = {"verb": "rotate", "name": "model.onnx", "sample": "iris", "sha256": "1" * 64}

Ids = dict[str, Any]
BODIES: dict[tuple[str, str], Any] = {  # (method, pattern) -> body; foreign ids inside bodies are tried as well
    ("PATCH", "organisation"): lambda ids: {"name": "Taken over"},
    ("PATCH", "members/<str:member_id>"): lambda ids: {"role": "viewer"},
    ("POST", "invitations"): lambda ids: {"email": "x@example.com"},
    ("POST", "keys"): lambda ids: {"name": "x", "scopes": ["read"], "endpoints": [ids["endpoint"]]},
    ("PATCH", "datasets/<str:dataset_id>"): lambda ids: {"name": "Taken over"},
    ("POST", "runs"): lambda ids: {"dataset_version": ids["dataset_version"], "target": "x", "budget_seconds": 60},
    ("POST", "runs/estimate"): lambda ids: {
        "dataset_version": ids["dataset_version"],
        "target": "x",
        "budget_seconds": 60,
    },
    ("POST", "endpoints"): lambda ids: {"name": "mine", "model_version": ids["model_version"]},
    ("PATCH", "endpoints/<str:endpoint>"): lambda ids: {"paused": True},
    ("POST", "batches"): lambda ids: {"endpoint": ids["endpoint"], "dataset_version": ids["dataset_version"]},
    ("POST", "budgets"): lambda ids: {
        "name": "x",
        "scope": "endpoint",
        "scope_id": ids["endpoint"],
        "limit_micros": 1,
    },
    ("POST", "subscription"): lambda ids: {"plan": "free"},
    ("POST", "subscription/preview"): lambda ids: {"plan": "free"},
    ("POST", "webhooks"): lambda ids: {"url": "https://example.com/hook"},
    ("PATCH", "webhooks/<str:webhook_id>"): lambda ids: {"description": "taken over"},
    ("PATCH", "budgets/<str:budget_id>"): lambda ids: {"limit_micros": 5},
}
NAMES_FOREIGN_IDS = {  # collections where only the foreign id in the body is wrong
    ("POST", "keys"),
    ("POST", "runs"),
    ("POST", "runs/estimate"),
    ("POST", "endpoints"),
    ("POST", "batches"),
    ("POST", "budgets"),
}
