"""Log lines as JSON, one object a line, that cannot carry a patient.

What a log may say is where something happened and what kind of thing it was. The texts of exceptions quote values
(a database error quotes the whole row), request lines carry search terms, and Celery logs a task's result: none of
these are written, whoever logs them.
"""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from types import TracebackType

# A path followed by a query string, in whatever message it stands.
_QUERY_STRING = re.compile(r"(/[^\s?\"']*)\?[^\s\"']*")


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object: time (UTC), level, logger, message, and where an exception was raised.

    An exception is given by its class and its frames, innermost last, without its text and without source lines.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _QUERY_STRING.sub(r"\1", _message(record)),
        }
        status = getattr(record, "status_code", None)
        if status is not None:
            line["status"] = status
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, frames = record.exc_info
            line["exception"] = f"{kind.__module__}.{kind.__qualname__}"
            line["frames"] = _frames(frames)
        return json.dumps(line, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    """Return the record's message with every value that may quote data replaced by its kind."""
    arguments = record.args
    if isinstance(arguments, tuple):
        record.args = tuple(_kind(value) for value in arguments)
    elif isinstance(arguments, dict):
        # Celery's own records: the text of an exception, a task's arguments and its result.
        quoted = {"exc", "traceback", "args", "kwargs", "return_value"}
        record.args = {key: "-" if key in quoted else _kind(value) for key, value in arguments.items()}
    try:
        return record.getMessage()
    finally:
        record.args = arguments


def _kind(value: object) -> object:
    return type(value).__qualname__ if isinstance(value, BaseException) else value


def _frames(last: TracebackType | None) -> list[str]:
    return [f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}" for frame, line in traceback.walk_tb(last)]
