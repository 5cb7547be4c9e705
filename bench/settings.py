"""The system's settings with the peer of the import installed beside it; only the benchmark's processes use them."""

from config.settings import *  # noqa: F403  the benchmark measures the system as it is set up
from config.settings import INSTALLED_APPS as _SYSTEM

INSTALLED_APPS = [*_SYSTEM, "import_export", "bench.peer"]
