"""Every setting of the system, read once from the environment.

With nothing set this is a developer's laptop: SQLite, an embedded Redis and DEBUG. `DATABASE_URL` and `REDIS_URL`
choose the parts of a real service, and `DJANGO_DEBUG=false` turns on everything a service must have, refusing to
start where something is missing. `.env.example` lists every variable.
"""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from kombu import Queue
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded_redis import redis_address
from config.private_files import read_or_create

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
# A real environment variable always wins over the file; tests set ENV_FILE to nothing so that no laptop's file
# can change what they see.
_env_file = env.str("ENV_FILE", default=str(BASE_DIR / ".env"))
if _env_file and Path(_env_file).is_file():
    env.read_env(_env_file)

# --- What kind of process this is -------------------------------------------------------------------------------

DEBUG = env.bool("DJANGO_DEBUG", default=True)

# Everything the system writes beside its database: the SQLite file, the embedded Redis, uploads. Ignored by git.
STATE_DIR = Path(env.str("STATE_DIR", default=str(BASE_DIR / "var")))
STATE_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set and DJANGO_DEBUG is false. Set SECRET_KEY to a long random text, the same for every "
            'process: python -c "import secrets; print(secrets.token_urlsafe(64))"'
        )
    SECRET_KEY, _ = read_or_create(STATE_DIR / "secret-key", lambda: secrets.token_urlsafe(64))
# Earlier keys whose sessions and tokens are still honoured while a key is being changed.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS is not set and DJANGO_DEBUG is false. Set it to the names the service answers to, by commas."
    )
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Apps and middleware ----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",  # before the admin, whose templates it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "patients",
    "trials",
    "matcher",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.security.ResponseHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_database: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{STATE_DIR / 'matcher.sqlite3'}")
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = {
        # Readers never wait for the one writer, and the writer never for readers.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON;",
        # A transaction takes the write lock at its start: one that begins by reading and then writes would otherwise
        # fail at once with "database is locked", whatever the timeout.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
    }
else:
    # One connection per thread, kept and checked before use; no pool, which a forked worker would share.
    _database["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
    _database["CONN_HEALTH_CHECKS"] = True
# One request is not one transaction: every action opens its own, short one.
_database["ATOMIC_REQUESTS"] = False
DATABASES = {"default": _database}

# --- Redis: the queue, and the cache that throttles count in ----------------------------------------------------

EMBEDDED_REDIS_DIR = STATE_DIR / "redis"
# The programs that hold the embedded Redis running (config.local) hand its address to their children as REDIS_URL.
REDIS_URL = env.str("REDIS_URL", default="")
# Where nothing is said the embedded server is the broker; it may not be running, and then a job waits in the database.
BROKER_ADDRESS = REDIS_URL or redis_address(EMBEDDED_REDIS_DIR)

if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "matcher",
            # The client's own ten retries with growing pauses would make a page hang while Redis is away.
            "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2, "retry": Retry(NoBackoff(), 1)},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- Celery: the database row is the truth, a message is only a hint that there is work -----------------------------

CELERY_BROKER_URL = BROKER_ADDRESS.replace("unix://", "redis+socket://", 1)
# JSON only, and tasks take integer ids only: no patient data and no pickles in the broker.
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
# A task is acknowledged when done, and goes back to the queue when its process dies. Redis delivers an
# unacknowledged task again after the visibility timeout even while the first copy runs, so no task may run as long:
# the hard limit is well below it, and work is cut into shards that take seconds.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 60
CELERY_TASK_TIME_LIMIT = 90
_visibility_timeout = 600
CELERY_VISIBILITY_TIMEOUT = _visibility_timeout
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": _visibility_timeout,
    # A free process takes from the first queue of CELERY_TASK_QUEUES that holds anything.
    "queue_order_strategy": "priority",
    "socket_connect_timeout": 5,
    "socket_keepalive": not CELERY_BROKER_URL.startswith("redis+socket"),
    "health_check_interval": 30,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"visibility_timeout": _visibility_timeout}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# An import, and the reapers, must not stand behind the thousand shards of a run: each kind waits in a queue of its own,
# and a worker that names none with `-Q` takes the next free process's work from them in this order.
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("celery", "imports", "shards")]
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_ROUTES = {"patients.import_upload": {"queue": "imports"}, "matcher.run_shard": {"queue": "shards"}}
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=2)
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
# A web request whose broker is away must not hang: the row it committed is found by the reaper.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "beat-schedule")
# The reapers: what a lost queue or a dead worker left behind is found by its row. A message that waited longer than
# until the next one is dropped.
REAPER_SECONDS = env.float("REAPER_SECONDS", default=60.0)
_reaper = {"schedule": REAPER_SECONDS, "options": {"expires": 0.9 * REAPER_SECONDS}}
CELERY_BEAT_SCHEDULE = {
    # What no message told of: a trial opened or closed here, midnight where a registry is, a lost message.
    "follow changes": {"task": "matcher.follow_changes", "schedule": 5.0, "options": {"expires": 4}},
    "resume stalled match runs": {"task": "matcher.resume_runs", **_reaper},
    "resume stalled uploads": {"task": "patients.resume_uploads", **_reaper},
}
# A worker's task is killed after CELERY_TASK_TIME_LIMIT, so the claim of a shard this old has nobody behind it. A
# shorter one does no harm but that a worker which is only slow works in vain.
RUN_CLAIM_SECONDS = env.float("RUN_CLAIM_SECONDS", default=180.0)
# After this the message of a shard that nobody took is taken for lost; one that was not does no harm.
RUN_MESSAGE_SECONDS = env.float("RUN_MESSAGE_SECONDS", default=300.0)
# Patients of one shard at most; never more than a snapshot holds.
RUN_SHARD_PATIENTS = env.int("RUN_SHARD_PATIENTS", default=16_384)

# --- Language and time ------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = True
# The database holds UTC; this is the zone of a page, and of a registry that names none of its own.
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
if TIME_ZONE not in available_timezones():
    raise ImproperlyConfigured(
        f"TIME_ZONE is {TIME_ZONE!r}, which is no zone of the IANA database; write Europe/Paris."
    )

# --- People and sessions ----------------------------------------------------------------------------------------

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"

# Logged off after this time without a request: every request renews the session.
SESSION_COOKIE_AGE = int(timedelta(minutes=env.int("SESSION_IDLE_MINUTES", default=30)).total_seconds())
SESSION_SAVE_EVERY_REQUEST = True
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# --- HTTP security ----------------------------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT = not DEBUG
# A probe inside the cluster speaks plain HTTP and learns nothing but up or down.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else int(timedelta(days=365).total_seconds())
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
SECURE_HSTS_PRELOAD = not DEBUG
# How many proxies of ours stand in front; 0: forwarded headers are a client's own claims and are not read.
NUM_PROXIES = env.int("NUM_PROXIES", default=0)
if NUM_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Files ------------------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
# Uploads hold patients: no address serves this folder, and only the service's user may read it.
MEDIA_ROOT = Path(env.str("UPLOAD_DIR", default=str(STATE_DIR / "uploads")))
MEDIA_URL = ""
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
# A patient's page carries many small forms.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

# --- API --------------------------------------------------------------------------------------------------------

# The classes that may say who a request comes from, in this order; the first also names the challenge of a 401.
API_AUTHENTICATION_CLASSES = [
    "patients.api.authentication.ApiKeyAuthentication",
    "rest_framework.authentication.SessionAuthentication",
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": API_AUTHENTICATION_CLASSES,
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser", "rest_framework.parsers.MultiPartParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "config.pagination.KeyCursorPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
        # Counts only what a view names: starting a job, computing explanations.
        "rest_framework.throttling.ScopedRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("API_RATE_ANONYMOUS", default="30/min"),
        "user": env.str("API_RATE", default="600/min"),
        "jobs": env.str("API_RATE_JOBS", default="30/min"),
        "explanations": env.str("API_RATE_EXPLANATIONS", default="120/min"),
    },
    "NUM_PROXIES": NUM_PROXIES,
    "EXCEPTION_HANDLER": "patients.api.problems.handle",
    "DEFAULT_SCHEMA_CLASS": "patients.api.schema.ScopedSchema",
    "COERCE_DECIMAL_TO_STRING": False,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Trial eligibility matcher",
    "DESCRIPTION": (
        "Which trials fit a patient, which patients fit a trial, and why. Every answer is met, not met or unknown, "
        "with its reason and its evidence; a trial's status is never a bare eligible."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "Truth": "matcher.api.serializers.TRUTHS",
        "Status": "matcher.models.Status",
        "CriterionKind": "trials.api.serializers.CRITERION_KINDS",
        "StatementKind": "trials.api.serializers.STATEMENT_KINDS",
        "FindingSeverity": "trials.api.serializers.FINDING_SEVERITIES",
        "ProblemSeverity": "patients.models.UploadProblem.Severity",
    },
    "TAGS": [
        {"name": "registries", "description": "The registries that your key sees."},
        {"name": "patients", "description": "Patients, their facts, and which trials and options fit them and why."},
        {"name": "imports", "description": "Send registry files, and learn row by row what was wrong."},
        {"name": "trials", "description": "Trials with their criteria, by any name they answer to."},
        {"name": "options", "description": "Treatment options that are no trials, with graded stances."},
        {"name": "rules", "description": "Rules of the criteria language: check one, try one."},
        {"name": "runs", "description": "Match a registry against trials, and what a run counted."},
        {"name": "matches", "description": "Patients and trials that are not ruled out."},
        {"name": "status-changes", "description": "How statuses changed from run to run, and what caused it."},
        {"name": "problems", "description": "What the problem documents of this API mean (RFC 9457)."},
    ],
    # The pages of the documentation come from this service: no address outside is asked for anything.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Admin ------------------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Trial eligibility matcher",
    "SITE_HEADER": "Trial eligibility matcher",
    "SITE_URL": None,
    "SITE_SYMBOL": "clinical_notes",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("icon.svg")}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SIDEBAR": {
        "show_search": True,
        "command_search": False,
        "show_all_applications": False,
        "navigation": "config.navigation.sidebar",
    },
    # A calm teal on grey: the colours of a warning are left to warnings.
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .012 205)",
            "100": "oklch(94.4% .026 205)",
            "200": "oklch(89.6% .046 207)",
            "300": "oklch(82.4% .068 209)",
            "400": "oklch(70.8% .084 212)",
            "500": "oklch(59.6% .088 215)",
            "600": "oklch(50.8% .082 218)",
            "700": "oklch(44.2% .070 221)",
            "800": "oklch(38.6% .056 224)",
            "900": "oklch(33.8% .044 227)",
            "950": "oklch(25.6% .034 230)",
        },
    },
}

# --- Logs -------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django hangs handlers of its own on these two: one that mails, one that prints request lines in colour.
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # Would print every statement with its values, patients among them, as soon as LOG_LEVEL is DEBUG.
        "django.db.backends": {"level": "INFO"},
    },
}
