"""The core's errors in ICAT's words."""

from __future__ import annotations

import json

import pytest

from beamcat import errors
from beamcat.doors.icat_rest.errors import ICAT_ERRORS, UnknownOperation, WrongMethod, error_response
from beamcat.errors import BeamcatError, ErrorKind

ICAT_CODES = {
    "BAD_PARAMETER",
    "INTERNAL",
    "INSUFFICIENT_PRIVILEGES",
    "NO_SUCH_OBJECT_FOUND",
    "OBJECT_ALREADY_EXISTS",
    "SESSION",
    "VALIDATION",
    "NOT_IMPLEMENTED",
}


def body(error: BeamcatError) -> str:
    return bytes(error_response(error, "abc").body).decode()


def test_every_kind_has_a_status_and_a_code_that_icat_clients_know() -> None:
    assert set(ICAT_ERRORS) == set(ErrorKind)
    assert {code for _, code in ICAT_ERRORS.values()} == ICAT_CODES
    assert [kind for kind, (status, _) in ICAT_ERRORS.items() if status == 500] == [ErrorKind.INTERNAL]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (
            errors.NoSuchObject("Dataset[id:4711] not found."),
            404,
            '{"code":"NO_SUCH_OBJECT_FOUND","message":"Dataset[id:4711] not found."}',
        ),
        (
            errors.AlreadyExists("Facility exists with name = 'LILS'", 1),
            412,
            '{"code":"OBJECT_ALREADY_EXISTS","message":"Facility exists with name = \'LILS\'","offset":1}',
        ),
        (errors.BadParameter("x", -1), 400, '{"code":"BAD_PARAMETER","message":"x"}'),
        (errors.BadParameter("x", 0), 400, '{"code":"BAD_PARAMETER","message":"x","offset":0}'),
        (errors.SessionError("x"), 403, '{"code":"SESSION","message":"x"}'),
        (errors.Forbidden("x"), 403, '{"code":"INSUFFICIENT_PRIVILEGES","message":"x"}'),
        (errors.ValidationFailed("x", 2), 412, '{"code":"VALIDATION","message":"x","offset":2}'),
        (errors.TooLarge("x"), 413, '{"code":"BAD_PARAMETER","message":"x"}'),
    ],
)
def test_an_error_is_told_as_icat_tells_it(error: BeamcatError, status: int, text: str) -> None:
    response = error_response(error, "abc")
    assert (response.status_code, body(error)) == (status, text)
    assert response.headers["content-type"] == "application/json"


def test_a_fault_of_ours_shows_the_request_and_not_its_insides() -> None:
    response = error_response(errors.InternalError("column secret_table.x does not exist"), "abc-1")
    assert response.status_code == 500
    assert "secret_table" not in body(errors.InternalError("secret_table"))
    assert "abc-1" in json.loads(bytes(response.body))["message"]


def test_the_client_is_told_when_to_come_back() -> None:
    assert error_response(errors.TooManyAttempts("slow down", 17), "x").headers["retry-after"] == "17"
    assert int(error_response(errors.Unavailable("away"), "x").headers["retry-after"]) > 0
    assert "retry-after" not in error_response(errors.TimedOut("long"), "x").headers


def test_unknown_paths_and_wrong_methods_are_no_faults() -> None:
    assert error_response(UnknownOperation(), "x").status_code == 404
    response = error_response(WrongMethod("PATCH", "GET, POST"), "x")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
