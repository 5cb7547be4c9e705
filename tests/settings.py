"""The settings under which tests run: those of the system, with nothing shared between two runs.

Every process of a test run gets a state folder of its own, so runs may go side by side in one checkout. With
DATABASE_URL and REDIS_URL set, as `make test-services` does, the same tests run on those.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_state = tempfile.mkdtemp(prefix="matcher-tests-")
atexit.register(shutil.rmtree, _state, ignore_errors=True)
os.environ["STATE_DIR"] = _state
os.environ["ENV_FILE"] = ""
os.environ["DJANGO_DEBUG"] = "true"
os.environ["TIME_ZONE"] = "UTC"
os.environ.pop("SECRET_KEY", None)

from config.settings import *  # noqa: E402, F403  the environment above must stand before the settings read it
from config.settings import DATABASES, LOGGING, STORAGES  # noqa: E402

DEBUG = False

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: a worker process of a test opens the same database. It need not survive a power cut.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_state) / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"

# A message sent outside a test of the queue goes nowhere; the tests of the queue start a Redis and a worker.
CELERY_BROKER_URL = "memory://"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Argon2 is slow on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
# pytest shows what was logged itself.
LOGGING = {**LOGGING, "root": {**LOGGING["root"], "level": "WARNING"}}
