"""Whether a draft may be frozen: the checks, its own test patients, two different people; and the library on disk.

Freezing a version is a write of the floor below; deciding that it may be needs the engine, so it is decided here.
"""

from matcher.publishing.examining import examine, run_test_patients
from matcher.publishing.library import LIBRARY, LibraryProblem, Loaded, load_library
from matcher.publishing.patients import Failure
from matcher.publishing.publish import Publication, PublishError, publish

__all__ = [
    "LIBRARY",
    "Failure",
    "LibraryProblem",
    "Loaded",
    "Publication",
    "PublishError",
    "examine",
    "load_library",
    "publish",
    "run_test_patients",
]
