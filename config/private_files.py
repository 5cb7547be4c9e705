"""Secrets that a laptop makes for itself and keeps: the development key and the password of the demo login.

A file appears under its name only when it is whole (written beside, then linked into place), so that web and worker
may start at the same moment: one of them makes the secret, both read the same one.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

OWNER_ONLY = 0o600


def read_or_create(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """Return the text kept at `path` and whether this call made it (by calling `make`); readable by the owner only.

    Raises OSError where the folder cannot be written.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = make()
        # mkstemp opens for the owner only, whatever the umask.
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "w") as file:
                file.write(text)
            os.link(beside, path)
            return text, True
        except FileExistsError:
            # Another process linked its own first: that one counts.
            pass
        finally:
            os.unlink(beside)
    return path.read_text().strip(), False
