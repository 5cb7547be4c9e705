"""Triggers by which the database itself refuses to change or remove a frozen version, whoever asks.

Django's own refusals stop a slip; these stop SQL. Only `superseded_at` can be written, and only where it was empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "trials_version"
FROZEN = (
    "id", "document_id", "number", "content", "content_hash", "recruitment", "author_id", "author_name", "reviewer_id",
    "reviewer_name", "frozen_at",
)  # fmt: skip
TRIGGERS = (f"{TABLE}_is_frozen", f"{TABLE}_stays_superseded", f"{TABLE}_stays")
_FUNCTION = "trials_version_refuses"
_SAYS = "a frozen version can neither be changed nor deleted"


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers; raises NotImplementedError on a database other than SQLite and PostgreSQL."""
    if connection.vendor not in {"sqlite", "postgresql"}:
        raise NotImplementedError(f"frozen versions cannot be protected on {connection.vendor}")
    remove(connection)
    columns = ", ".join(FROZEN)
    events = (
        (TRIGGERS[0], f"BEFORE UPDATE OF {columns} ON {TABLE}", ""),
        (TRIGGERS[1], f"BEFORE UPDATE ON {TABLE}", "OLD.superseded_at IS NOT NULL"),
        (TRIGGERS[2], f"BEFORE DELETE ON {TABLE}", ""),
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"RAISE EXCEPTION '{_SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
            )
        for name, event, condition in events:
            when = f"WHEN ({condition})" if condition else ""
            if connection.vendor == "sqlite":
                cursor.execute(f"CREATE TRIGGER {name} {event} {when} BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END")
            else:
                cursor.execute(f"CREATE TRIGGER {name} {event} FOR EACH ROW {when} EXECUTE FUNCTION {_FUNCTION}()")


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers: for undoing the migration, and between tests, which empty every table."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP FUNCTION IF EXISTS {_FUNCTION}() CASCADE")
        else:
            for name in TRIGGERS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Without the triggers, for the length of a block: the tests empty their tables in it."""
    remove(connection)
    try:
        yield
    finally:
        install(connection)
