"""The ASGI application of the `web` process: browser pages, REST, admin, webhooks in, internal API."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelyard.settings")

application = get_asgi_application()
