"""Every setting of the control plane, top to bottom, all from the environment (docs/operations/configuration.md)."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from django.templatetags.static import static

from modelyard.env import data_dir, embedded_url, flag, generated_secret, integer, secret, text, words

ROOT = Path(__file__).resolve().parents[2]
DATA_DIR = data_dir()

# --- security -------------------------------------------------------------------------------------------------------
DEBUG = flag("DEBUG", default=False)
SECRET_KEY = secret("SECRET_KEY") or generated_secret("SECRET_KEY")
KEY_PEPPER = secret("KEY_PEPPER") or generated_secret("KEY_PEPPER")  # digests of API keys; changing it ends every key
USAGE_SIGNING_KEY = secret("USAGE_SIGNING_KEY") or generated_secret(
    "USAGE_SIGNING_KEY"
)  # Ed25519 seed for the usage files of invoices
PUBLIC_URL = text("PUBLIC_URL", default=f"http://127.0.0.1:{integer('WEB_PORT', default=8000)}").rstrip("/")
SERVE_PUBLIC_URL = text("SERVE_PUBLIC_URL", default=f"http://127.0.0.1:{integer('SERVE_PORT', default=8100)}").rstrip(
    "/"
)
SERVE_INTERNAL_URL = text("SERVE_INTERNAL_URL", default=SERVE_PUBLIC_URL).rstrip(
    "/"
)  # where the playground finds the data plane
IS_HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = words("ALLOWED_HOSTS") or [urlsplit(PUBLIC_URL).hostname or "", "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if flag("BEHIND_PROXY", default=False) else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^internal/v1/", r"^healthz$"]  # nodes and probes speak inside the private network
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", SERVE_PUBLIC_URL],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'", "https://checkout.stripe.com", "http://127.0.0.1:*"],
    },
}

# --- what the project is composed of --------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "csp",
    "storages",
    "modelyard",
    "apps.outbox",
    "apps.accounts",
    "apps.rest",
    "apps.webhooks",
    "apps.compute",
    "apps.ledger",
    "apps.metering",
    "apps.datasets",
    "apps.training",
    "apps.registry",
    "apps.endpoints",
    "apps.learning",
    "apps.billing",
    "apps.web",
    "apps.console",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.web.compressed_pages.CompressedPagesMiddleware",
    "apps.rest.request_ids.RequestIdMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.console.looser_csp.ConsoleCSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.accounts.current_organisation.OrganisationMiddleware",
    "apps.rest.read_only.ReadOnlyMiddleware",
    "apps.web.problem_pages.ProblemPageMiddleware",
]
ROOT_URLCONF = "modelyard.urls"
ASGI_APPLICATION = "modelyard.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.web.context.navigation",
            ],
        },
    }
]


# --- PostgreSQL, the truth ------------------------------------------------------------------------------------------
def _database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),  # ?host=/folder is a Unix socket
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        # A pool, because every ASGI request runs in a thread of its own and would else open a connection each.
        "OPTIONS": {**query, "pool": {"min_size": 0, "max_size": integer("DATABASE_POOL", default=16), "timeout": 10}},
    }


DATABASES = {"default": _database(secret("DATABASE_URL") or embedded_url("database_url") or "postgresql:///modelyard")}
AUTH_USER_MODEL = "accounts.User"

# --- Redis: broker, rate counters, hints. Holds nothing that cannot be rebuilt --------------------------------------
REDIS_URL = secret("REDIS_URL") or embedded_url("redis_url")
CACHES = {  # allauth's rate limits and nothing else; without Redis each process counts for itself
    "default": {
        "BACKEND": "apps.accounts.cache.RedisOrLocalCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {
            "serializer": "apps.accounts.cache.JsonSerializer",
            "socket_connect_timeout": 0.2,
            "socket_timeout": 0.5,
        },
    }
}
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = (
    False  # the row in PostgreSQL is the job; a lost message is swept up, a doubled one finds no row
)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ROUTES = {"workers.batch.*": {"queue": "batch"}}
CELERY_BEAT_SCHEDULE = {  # seconds; every task may run twice or late without harm
    "dispatch-outbox": {"task": "apps.outbox.tasks.dispatch", "schedule": 1.0},
    "recheck-stuck-uploads": {"task": "apps.datasets.tasks.recheck_stuck", "schedule": 15.0},
    "reap-lost-runs": {"task": "apps.training.tasks.reap", "schedule": 2.0},
    "wake-waiting-runs": {"task": "apps.training.tasks.wake_waiting", "schedule": 5.0},
    "reap-lost-batches": {"task": "apps.endpoints.tasks.reap_batches", "schedule": 5.0},
    "watch-rollouts": {"task": "apps.endpoints.tasks.watch_rollouts", "schedule": 10.0},
    "watch-drift": {"task": "apps.learning.tasks.watch_drift", "schedule": 600.0},
    "retrain": {"task": "apps.learning.tasks.retrain", "schedule": 10.0},
    "forget-old-requests": {"task": "apps.learning.tasks.forget_old_requests", "schedule": 600.0},
    "forget-old-traffic": {"task": "apps.endpoints.tasks.forget_old_traffic", "schedule": 3600.0},
    "close-abandoned-leases": {"task": "apps.metering.tasks.close_abandoned_leases", "schedule": 30.0},
    "roll-budget-periods": {"task": "apps.billing.tasks.roll_budget_periods", "schedule": 60.0},
    "push-usage-to-stripe": {"task": "apps.billing.tasks.push_usage", "schedule": 300.0},
    "mirror-at-stripe": {"task": "apps.billing.tasks.mirror_at_stripe", "schedule": 60.0},
    "deliver-webhooks": {"task": "apps.webhooks.tasks.deliver", "schedule": 5.0},
    "forget-old-deliveries": {"task": "apps.webhooks.tasks.forget_old", "schedule": 86_400.0},
    "renew-subscriptions": {"task": "apps.billing.tasks.renew_subscriptions", "schedule": 60.0},
    "auto-top-up": {"task": "apps.billing.tasks.auto_top_up", "schedule": 60.0},
    "reconcile": {"task": "apps.billing.tasks.reconcile", "schedule": 86_400.0},
    "settle-credit": {"task": "apps.billing.tasks.settle_credit", "schedule": 60.0},
    "true-up-tiers": {"task": "apps.billing.tasks.true_up_tiers", "schedule": 600.0},
    "forget-old-answers": {"task": "apps.rest.tasks.forget_expired", "schedule": 3600.0},
    "forget-sent-messages": {"task": "apps.outbox.tasks.forget_done", "schedule": 3600.0},
    "close-last-month": {"task": "apps.billing.tasks.close_due_periods", "schedule": 3600.0},
}

# --- files: one interface, a folder or S3 ---------------------------------------------------------------------------
STORAGE_URL = text("STORAGE_URL", default=f"file://{DATA_DIR / 'storage'}")


def _storage(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": unquote(parts.path)}}
    if parts.scheme != "s3":
        raise ValueError(f"STORAGE_URL must start with file:// or s3://, not {parts.scheme}://")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    options = {
        "bucket_name": parts.hostname,
        "location": parts.path.strip("/"),
        "endpoint_url": query.get("endpoint") or None,
        "region_name": query.get("region") or None,
        "file_overwrite": True,
        "querystring_auth": True,
        "default_acl": None,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


STORAGES = {
    "default": _storage(STORAGE_URL),
    "staticfiles": {"BACKEND": "modelyard.static_storage.StaticStorage"},
}
UPLOAD_MAX_BYTES = integer("UPLOAD_MAX_BYTES", default=2 * 1024**3)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024**2
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024**2
FILE_UPLOAD_TEMP_DIR = None
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [ROOT / "static"]

# --- people ---------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["apps.accounts.sign_in.CountedPasswordBackend"]  # the only one: every check is counted
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "apps.web.signup_form.OrganisationSignupForm"
ACCOUNT_EMAIL_VERIFICATION = text("EMAIL_VERIFICATION", default="optional")
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_ADAPTER = "apps.accounts.sign_in.AccountAdapter"
# Our own count (accounts.password_attempts) is exact; these give the visitor a message and slow the other forms.
ACCOUNT_RATE_LIMITS = {
    "login_failed": "100/15m/ip,10/15m/key",
    "change_password": "10/15m/user",
    "reauthenticate": "10/15m/user",
}
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "landing"
EMAIL_BACKEND = text("EMAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = text("EMAIL_HOST", default="localhost")
EMAIL_PORT = integer("EMAIL_PORT", default=25)
EMAIL_HOST_USER = text("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS", default=False)
DEFAULT_FROM_EMAIL = text("DEFAULT_FROM_EMAIL", default="Modelyard <no-reply@modelyard.invalid>")

# --- REST -----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.rest.authentication.ApiKeyAuthentication",
        "apps.rest.authentication.OrganisationSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.rest.permissions.MemberWithScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.rest.parsing.StrictJSONParser"],
    "EXCEPTION_HANDLER": "apps.rest.problems.problem_response",
    "DEFAULT_SCHEMA_CLASS": "apps.rest.openapi.PublicSchema",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Modelyard API",
    "DESCRIPTION": "Upload labelled data, train, export, serve, meter, bill.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "ENUM_NAME_OVERRIDES": {  # fields of one name with words of their own
        "SubscriptionState": ["active", "trialing", "past_due", "suspended", "closed"],
        "InvoiceState": ["draft", "closed", "void"],
        "TopUpState": ["pending", "paid", "expired", "failed"],
        "WebhookState": ["active", "failing", "disabled"],
        "DeliveryState": ["waiting", "delivered", "failed"],
    },
    "PREPROCESSING_HOOKS": ["apps.rest.openapi.only_public_api"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "apps.rest.openapi.document_problems"],
}

# --- side effects: topic -> function(payload: dict) -----------------------------------------------------------------
OUTBOX_HANDLERS = {
    "mail": "apps.accounts.tasks.send_mail",
    "stripe-refund": "apps.billing.tasks.send_refund",
    "webhook-event": "apps.webhooks.tasks.fan_out",
    "check-upload": "apps.datasets.tasks.start_check",
    "wake-trainer": "apps.training.tasks.wake_trainer",
    "wake-batch": "apps.endpoints.tasks.wake_batch",
    "config-changed": "apps.endpoints.tasks.hint_config_changed",
}

# --- webhooks to customers: only public https, unless an operator names hosts of the own network ---------------------
WEBHOOK_ALLOWED_HOSTS = [host for host in text("WEBHOOK_ALLOWED_HOSTS", default="").split(",") if host]

# --- Stripe; without a key the shipped local double answers at STRIPE_API_BASE --------------------------------------
STRIPE_SECRET_KEY = secret("STRIPE_SECRET_KEY", default="sk_test_double")
STRIPE_WEBHOOK_SECRET = secret("STRIPE_WEBHOOK_SECRET", default="whsec_double")
STRIPE_API_BASE = text("STRIPE_API_BASE", default=f"http://127.0.0.1:{integer('STRIPE_DOUBLE_PORT', default=8420)}")
STRIPE_METER_EVENT_NAME = text("STRIPE_METER_EVENT_NAME", default="modelyard")  # with the meter's name behind it
STRIPE_TIMEOUT_S = integer("STRIPE_TIMEOUT_S", default=10, minimum=1)
IS_STRIPE_DOUBLE = STRIPE_SECRET_KEY == "sk_test_double"

# --- money ----------------------------------------------------------------------------------------------------------
DEFAULT_CURRENCY = text("DEFAULT_CURRENCY", default="USD")  # proposed at sign-up
WELCOME_CREDIT_MICROS = integer("WELCOME_CREDIT_MICROS", default=5_000_000)  # granted to each new organisation
# The same for organisations in another currency than the default one; none of these where the one above is 0.
WELCOME_CREDITS = {
    currency: int(micros)
    for currency, micros in (
        part.split("=", 1) for part in words("WELCOME_CREDITS", "EUR=5000000,JPY=750000000,KWD=1500000")
    )
}
ORGANISATION_REQUESTS_PER_MINUTE = integer("ORGANISATION_REQUESTS_PER_MINUTE", default=600_000)  # fair-use ceiling
SELLER_NAME = text("SELLER_NAME", default="Modelyard")  # on invoices
SELLER_DETAILS = text("SELLER_DETAILS", default="")  # address and tax number, on invoices
# What a compute-second of a pool costs the operator, for margins in the console.
POOL_COST_MICROS = {
    pool: int(micros)
    for pool, micros in (part.split("=", 1) for part in text("POOL_COST_MICROS", default="").split(",") if part)
}
PERIOD_GRACE_S = integer("PERIOD_GRACE_S", default=3600)  # a month is closed this long after its end

# --- the rest -------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [ROOT / "locale"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W021"] if not IS_HTTPS else []
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "apps.rest.request_ids.RequestIdFilter"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {request_id} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}},
    "root": {"handlers": ["console"], "level": text("LOG_LEVEL", default="INFO")},
    "loggers": {"django.request": {"level": "ERROR"}, "httpx": {"level": "WARNING"}},
}
UNFOLD = {
    "SITE_TITLE": "Modelyard console",
    "SITE_HEADER": "Modelyard",
    "SITE_ICON": lambda request: static("img/mark.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/mark.svg")}],
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "apps.console.dashboard.dashboard",
}
