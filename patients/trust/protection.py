"""Triggers by which the database itself refuses to change or remove rows of the trails, whoever asks.

Django's own refusals stop a slip; these stop SQL. A table that a later migration rebuilds loses its triggers on
SQLite, so such a migration calls `install` again, and `verify_audit` tells when one is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = ("patients_auditevent", "patients_changelog")
_FUNCTION = "patients_trail_refuses"


def names(connection: BaseDatabaseWrapper) -> list[str]:
    """The triggers that must exist on this database."""
    kinds = ("update", "delete", "truncate") if connection.vendor == "postgresql" else ("update", "delete")
    return [f"{table}_no_{kind}" for table in TABLES for kind in kinds]


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers; raises NotImplementedError on a database other than SQLite and PostgreSQL."""
    if connection.vendor not in {"sqlite", "postgresql"}:
        raise NotImplementedError(f"the trail cannot be protected on {connection.vendor}")
    remove(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'rows of a trail can neither be changed nor deleted' "
                "USING ERRCODE = 'integrity_constraint_violation'; END $$"
            )
        for table in TABLES:
            for kind in ("UPDATE", "DELETE"):
                name = f"{table}_no_{kind.lower()}"
                if connection.vendor == "sqlite":
                    cursor.execute(
                        f"CREATE TRIGGER {name} BEFORE {kind} ON {table} BEGIN "
                        "SELECT RAISE(ABORT, 'rows of a trail can neither be changed nor deleted'); END"
                    )
                else:
                    cursor.execute(
                        f"CREATE TRIGGER {name} BEFORE {kind} ON {table} FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()"
                    )
            if connection.vendor == "postgresql":
                cursor.execute(
                    f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                    f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
                )


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers: for undoing the migration, and between tests, which empty every table."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP FUNCTION IF EXISTS {_FUNCTION}() CASCADE")
        else:
            for name in names(connection):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The triggers that should be there and are not, or are switched off."""
    query = (
        "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D' AND NOT tgisinternal"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {name for (name,) in cursor.fetchall()}
    return [name for name in names(connection) if name not in present]


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Without the triggers, for the length of a block: the tests empty their tables in it."""
    remove(connection)
    try:
        yield
    finally:
        install(connection)
