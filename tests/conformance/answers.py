"""What an answer may look like, whatever was asked."""

from __future__ import annotations

import json

import httpx
from hypothesis import HealthCheck, settings

CODES = {
    "BAD_PARAMETER",
    "INSUFFICIENT_PRIVILEGES",
    "NO_SUCH_OBJECT_FOUND",
    "OBJECT_ALREADY_EXISTS",
    "SESSION",
    "VALIDATION",
    "NOT_IMPLEMENTED",
}
NOT_OFFERED = 501

modest = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def check(status: int, body: bytes, content_type: str) -> None:
    """No fault of the server, and an error a client can read."""
    assert status < 500 or status == NOT_OFFERED, (status, body)
    if status >= 400:
        assert content_type.startswith("application/json"), (status, content_type, body)
        error = json.loads(body)
        assert error["code"] in CODES, error
        assert isinstance(error["message"], str)
        assert set(error) <= {"code", "message", "offset"}
        assert error.get("offset", 0) >= 0
        for inside in ("Traceback", "psycopg", "site-packages", "syntax error at or near"):
            assert inside not in error["message"], error


def check_answer(answer: httpx.Response) -> None:
    check(answer.status_code, answer.content, answer.headers.get("content-type", ""))
