"""A plain Django REST Framework view with what a sold endpoint needs: key, throttle in the cache, a row per request.

Runs in the project's own environment under gunicorn, against PostgreSQL (DATABASE_URL's parts) and Redis (REDIS_URL).
"""

import hashlib
import json
import os
import sys
import uuid

import bench_model
import django
from bench_model import Model, from_body
from django.conf import settings

settings.configure(
    SECRET_KEY=uuid.uuid4().hex,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["rest_framework"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "CONN_MAX_AGE": 600,
            **json.loads(os.environ["BENCH_DB"]),
        }
    },
    CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": os.environ["REDIS_URL"]}},
    REST_FRAMEWORK={"DEFAULT_THROTTLE_RATES": {"key": "100000000/min"}, "UNAUTHENTICATED_USER": None},
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.throttling import SimpleRateThrottle  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Key(models.Model):
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        app_label = "bench"

    is_authenticated = True


class Usage(models.Model):
    key = models.ForeignKey(Key, on_delete=models.PROTECT)
    units = models.IntegerField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "bench"


class ByKey(BaseAuthentication):
    def authenticate(self, request):
        secret = request.headers.get("Authorization", "").removeprefix("Bearer ")
        key = Key.objects.filter(digest=hashlib.sha256(secret.encode()).hexdigest()).first()
        if key is None:
            raise AuthenticationFailed
        return key, None


class PerKey(SimpleRateThrottle):
    scope = "key"

    def get_cache_key(self, request, view):
        return f"throttle-{request.user.pk}"

    def allow_request(self, request, view):
        """A fixed window: DRF's own list of every request of the minute would be read and written each time."""
        count = self.cache.get(self.get_cache_key(request, view), 0)
        self.cache.set(self.get_cache_key(request, view), count + 1, 60)
        return count < self.num_requests


model = Model()


class Predict(APIView):
    authentication_classes = [ByKey]
    throttle_classes = [PerKey]
    parser_classes = []

    def post(self, request):
        (answer,) = model.run([from_body(request._request.body, json.loads)])
        Usage.objects.create(key=request.user, units=1)
        return Response(answer)


urlpatterns = [path("predict", Predict.as_view())]
application = get_wsgi_application()


def prepare() -> None:
    """Tables and the one key."""
    with connection.schema_editor() as editor:
        editor.create_model(Key)
        editor.create_model(Usage)
    Key.objects.create(digest=hashlib.sha256(os.environ["BENCH_KEY"].encode()).hexdigest())


if __name__ == "__main__":
    prepare()
    gunicorn = os.path.join(os.path.dirname(sys.executable), "gunicorn")
    command = ["--bind", f"127.0.0.1:{bench_model.PORT}", "--workers", "2", "--threads", "8", "with_drf:application"]
    os.execv(gunicorn, [gunicorn, "--keep-alive", "60", *command])
