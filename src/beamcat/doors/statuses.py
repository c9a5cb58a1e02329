"""The HTTP status of every kind of error, for doors whose protocol has no table of its own (RFC 9110 section 15)."""

from __future__ import annotations

from beamcat.errors import ErrorKind

STATUSES: dict[ErrorKind, int] = {
    ErrorKind.BAD_PARAMETER: 400,
    ErrorKind.VALIDATION: 422,
    ErrorKind.ALREADY_EXISTS: 409,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NO_SESSION: 401,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.TOO_MANY_ATTEMPTS: 429,
    ErrorKind.TOO_MANY_REQUESTS: 429,
    ErrorKind.NOT_IMPLEMENTED: 501,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.TIMED_OUT: 504,
    ErrorKind.INTERNAL: 500,
}
"""A door may say some of them otherwise."""
