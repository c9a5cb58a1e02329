"""The errors of the core. Each door has one table from `ErrorKind` to the words of its protocol."""

from __future__ import annotations

from enum import Enum, auto


class ErrorKind(Enum):
    """What went wrong, in no protocol's words."""

    BAD_PARAMETER = auto()
    """The request is malformed: syntax, unknown name, wrong type."""
    VALIDATION = auto()
    """The request breaks a rule of the data, or asks for more than a limit allows."""
    ALREADY_EXISTS = auto()
    """An object with the same unique key is there already."""
    NOT_FOUND = auto()
    """No such object."""
    FORBIDDEN = auto()
    """The rules do not permit it."""
    NO_SESSION = auto()
    """Unknown or expired session, or a failed login."""
    TOO_LARGE = auto()
    """The request itself is larger or more deeply nested than the settings allow."""
    TOO_MANY_ATTEMPTS = auto()
    """Too many failed logins; come back later."""
    TOO_MANY_REQUESTS = auto()
    """More requests, answers or bytes than one client may have; come back later."""
    NOT_IMPLEMENTED = auto()
    """A known protocol feature that this server does not offer."""
    UNAVAILABLE = auto()
    """A service we stand on (the database) is away for the moment; the call changed nothing, unless the message says
    that this is not known: try again."""
    TIMED_OUT = auto()
    """The question took longer than the settings allow and was stopped."""
    INTERNAL = auto()
    """A fault of ours."""


class BeamcatError(Exception):
    """An error a client is told about.

    `offset` is the zero-based index, within the list the client sent, of the element at fault; None when
    that has no meaning.
    """

    kind = ErrorKind.INTERNAL

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class BadParameter(BeamcatError):
    """The request is malformed."""

    kind = ErrorKind.BAD_PARAMETER


class ValidationFailed(BeamcatError):
    """A value breaks a rule of the data, or an answer would exceed a limit."""

    kind = ErrorKind.VALIDATION


class AlreadyExists(BeamcatError):
    """Another object has the same unique key."""

    kind = ErrorKind.ALREADY_EXISTS


class NoSuchObject(BeamcatError):
    """There is no object with that id."""

    kind = ErrorKind.NOT_FOUND


class Forbidden(BeamcatError):
    """The rules do not permit it."""

    kind = ErrorKind.FORBIDDEN


class SessionError(BeamcatError):
    """Unknown or expired session, or a failed login."""

    kind = ErrorKind.NO_SESSION


class TooLarge(BeamcatError):
    """The request is larger or more deeply nested than the settings allow."""

    kind = ErrorKind.TOO_LARGE


class TooManyAttempts(BeamcatError):
    """Too many failed logins for this user or from this address; `retry_after_s` says when to come back."""

    kind = ErrorKind.TOO_MANY_ATTEMPTS

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooManyRequests(BeamcatError):
    """More requests, answers or bytes than one client may have; `retry_after_s` says when to come back."""

    kind = ErrorKind.TOO_MANY_REQUESTS

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotImplementedHere(BeamcatError):
    """A known protocol feature that this server does not offer."""

    kind = ErrorKind.NOT_IMPLEMENTED


class Unavailable(BeamcatError):
    """A service we stand on is away: try again. Nothing was changed, unless the message says that this is not known."""

    kind = ErrorKind.UNAVAILABLE


class TimedOut(BeamcatError):
    """The question took longer than the settings allow."""

    kind = ErrorKind.TIMED_OUT


class InternalError(BeamcatError):
    """A fault of ours."""
