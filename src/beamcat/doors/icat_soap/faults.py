"""The core's errors as SOAP faults (ICAT specification C.5)."""

from __future__ import annotations

from beamcat.doors.core import message_for_client
from beamcat.doors.icat_soap.description import EXCEPTION_TYPES
from beamcat.doors.icat_soap.encode import element, enveloped, escaped
from beamcat.doors.icat_soap.names import NAMESPACE
from beamcat.doors.icat_soap.request import NotSoap
from beamcat.errors import BeamcatError

NO_OFFSET = -1
LONGEST_MESSAGE = 4000
"""Longest message of a fault, in characters: some repeat what the client sent."""


def fault(error: BeamcatError, request_id: str) -> str:
    """The message that tells of the error. A fault of ours shows the request's id and nothing else."""
    message = message_for_client(error, request_id)
    message = escaped(message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}...")
    code = error.code if isinstance(error, NotSoap) else "Server"
    offset = NO_OFFSET if error.offset is None else error.offset
    details = (
        element("message", message) + element("offset", str(offset)) + element("type", EXCEPTION_TYPES[error.kind])
    )
    return enveloped(
        f"<S:Fault><faultcode>S:{code}</faultcode>{element('faultstring', message)}"
        f'<detail><ns2:IcatException xmlns:ns2="{NAMESPACE}">{details}</ns2:IcatException></detail></S:Fault>'
    )
