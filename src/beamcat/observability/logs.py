"""Structured logs: one event per line, with the request's id, and never a session id, a token or a password.

`configure` is called once, by the process that runs the server. Messages of libraries take the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from beamcat.config import LoggingSettings
from beamcat.observability.requests import CURRENT

HIDDEN = "***"
"""What is written in place of a secret."""

_SECRET_KEYS = frozenset(
    {
        "password",
        "passwd",
        "secret",
        "session",
        "sessionid",
        "session_id",
        "credentials",
        "authorization",
        "token",
        "bearer",
        "cookie",
        "key",
    }
)
_SESSION_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_TOKEN = re.compile(r"beamcat_[A-Za-z0-9_-]{24,}", re.ASCII)
_SHARED = re.compile(r"/shared/[A-Za-z0-9_-]{20,}", re.ASCII)
"""The address of a share, whose key opens it."""
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@/\s]+@")
_FREE_TEXT = ("event", "message", "error", "exception", "path")


def configure(settings: LoggingSettings, stream: TextIO | None = None) -> None:
    """Send all logging of this process to `stream` (standard error), in the form the settings ask for."""
    target = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_request,
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    as_text = settings.format == "text" or (settings.format == "auto" and target.isatty())
    renderer: Processor = (
        # Other formatters show the variables of every frame, passwords included.
        structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if as_text
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("beamcat").setLevel(level)


def logger() -> FilteringBoundLogger:
    """The logger: `logger().info("catalogue opened", entities=53)`."""
    bound: FilteringBoundLogger = structlog.get_logger()
    return bound


def add_request(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Add the id of the request being answered, and who asks."""
    request = CURRENT.get()
    if request is not None:
        event.setdefault("request_id", request.id)
        if request.user is not None:
            event.setdefault("user", request.user)
    return event


def hide_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Blank out what must not be written down, wherever it comes from."""
    for key, value in event.items():
        if isinstance(value, str):
            if key.lower() in _SECRET_KEYS:
                event[key] = HIDDEN
            else:
                event[key] = without_secrets(value) if key in _FREE_TEXT else without_tokens(value)
        elif isinstance(value, MutableMapping | Mapping):
            event[key] = hide_secrets(_logger, _method, dict(value))
    return event


def without_secrets(text: str) -> str:
    """`text` without session ids, tokens and the passwords of URLs."""
    text = without_tokens(text)
    if "-" in text:
        text = _SESSION_ID.sub(HIDDEN, text)
    return _URL_PASSWORD.sub(rf"\1{HIDDEN}@", text) if "://" in text else text


def without_tokens(text: str) -> str:
    """`text` without the tokens of scripts and the keys of shares, and without beginnings of them."""
    if "/shared/" in text:
        text = _SHARED.sub(f"/shared/{HIDDEN}", text)
    return _TOKEN.sub(f"beamcat_{HIDDEN}", text) if "beamcat_" in text else text


def _json(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
