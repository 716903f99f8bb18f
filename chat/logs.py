"""The log: lines to read or, with `PAGODA_LOG_FORMAT=json`, one JSON object a line with the id of the turn it is about.

An exception is its type and where it came from: its message may quote what a user typed, or a key. Only where debugging
is asked for (`chainlit run --debug`), lines are as they come.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from uvicorn.config import LOGGING_CONFIG

from chat.errors import TurnError

# The id of the question that is being answered, in its task and those it begins.
_turn: ContextVar[str | None] = ContextVar("turn", default=None)
# What the page takes for one; a client that is not the page may say anything.
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# How the details of our own errors begin: "503: …" or "ClientConnectorError(…".
_CAUSE = re.compile(r"\d{3}(?=:)|\w+(?=\()")

# What ends a line, or is none of its letters, for some who read it.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Lines(logging.Formatter):
    """A record as one line to read: time, level, logger, message, exception."""

    def format(self, record: logging.LogRecord) -> str:
        time = self.formatTime(record, "%Y-%m-%d %H:%M:%S")
        line = f"{time} - {record.levelname} - {record.name} - {_message(record)}"
        if record.exc_info and record.exc_info[1] is not None:
            line += f" ({_named(record.exc_info[1])} at {', '.join(_places(record.exc_info[2]))})"
        return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


class JsonLines(logging.Formatter):
    """A record as one line: time, level, logger, message; turn, the record's own `fields` and exception, if any."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if (turn_id := _turn.get()) is not None:
            line["turn"] = turn_id
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _named(record.exc_info[1])
            line["at"] = _places(record.exc_info[2])
        # ASCII alone: a line separator of Unicode is no end of a line to some who read it.
        return json.dumps(line, default=str)


def about(turn_id: str) -> None:
    """What the task at hand logs from now on is about that turn."""
    _turn.set(turn_id if _ID.fullmatch(turn_id) else "of no known form")


def _message(record: logging.LogRecord) -> str:
    if not isinstance(record.args, tuple):
        return record.getMessage()
    shown = [_named(value) if isinstance(value, BaseException) else value for value in record.args]
    return str(record.msg) % tuple(shown) if shown else str(record.msg)


def _named(error: BaseException) -> str:
    """The type of an exception, and the status or type that one of ours stands for."""
    cause = _CAUSE.match(str(error)) if isinstance(error, TurnError) else None
    return f"{type(error).__name__} ({cause[0]})" if cause else type(error).__name__


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]


def write(formatter: logging.Formatter) -> None:
    """From now on, all that goes to the log is written so; to be called before the web server starts."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(formatter)
    for name in ("uvicorn", "uvicorn.access"):
        LOGGING_CONFIG["loggers"][name] |= {"handlers": [], "propagate": True}
    for name in ("engineio.server", "socketio.server"):
        logging.getLogger(name).handlers.clear()  # each has made itself one that writes to the same place
