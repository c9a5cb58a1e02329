"""The description of the SOAP interface, WSDL and XML Schema, derived from the model (ICAT specification C.3, C.8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import assert_never
from xml.sax.saxutils import quoteattr

from beamcat.doors.icat_soap.names import (
    NAMESPACE,
    SIMPLE_TYPES,
    XS,
    inherited_members,
    own_members,
    type_name,
)
from beamcat.doors.icat_soap.signatures import CREDENTIALS, MANY, NILLABLE, ONE, OPTIONAL, SIGNATURES, Part
from beamcat.errors import ErrorKind
from beamcat.model import (
    BASE_ATTRIBUTES,
    ENUMERATIONS,
    ICAT_ENTITIES,
    PARAMETER,
    Attribute,
    Kind,
    Member,
    ToMany,
    ToOne,
)

EXCEPTION_TYPES: dict[ErrorKind, str] = {
    ErrorKind.BAD_PARAMETER: "BAD_PARAMETER",
    ErrorKind.VALIDATION: "VALIDATION",
    ErrorKind.ALREADY_EXISTS: "OBJECT_ALREADY_EXISTS",
    ErrorKind.NOT_FOUND: "NO_SUCH_OBJECT_FOUND",
    ErrorKind.FORBIDDEN: "INSUFFICIENT_PRIVILEGES",
    ErrorKind.NO_SESSION: "SESSION",
    ErrorKind.TOO_LARGE: "BAD_PARAMETER",
    ErrorKind.TOO_MANY_ATTEMPTS: "SESSION",
    ErrorKind.TOO_MANY_REQUESTS: "INTERNAL",
    ErrorKind.NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    ErrorKind.UNAVAILABLE: "INTERNAL",
    ErrorKind.TIMED_OUT: "INTERNAL",
    ErrorKind.INTERNAL: "INTERNAL",
}
"""ICAT's error type of every kind (ICAT specification A.5)."""

ACCESS_TYPES = ("READ", "UPDATE", "DELETE", "CREATE")
GLOBAL_ELEMENTS = (
    "dataset",
    "datafile",
    "datasetParameter",
    "datafileParameter",
    "investigationParameter",
    "sampleParameter",
    "fieldSet",
    "IcatException",
)

_REQUIRED_FLAG = ("xs:boolean", ONE)
_TYPES: dict[str, tuple[Part, ...]] = {
    "fieldSet": (Part("fields", "xs:anyType", NILLABLE),),
    "entityInfo": (
        Part("classComment", "xs:string"),
        Part("constraints", "tns:constraint", NILLABLE),
        Part("fields", "tns:entityField", NILLABLE),
    ),
    "constraint": (Part("fieldNames", "xs:string", NILLABLE),),
    "entityField": (
        Part("comment", "xs:string"),
        Part("name", "xs:string"),
        Part("notNullable", *_REQUIRED_FLAG),
        Part("relType", "tns:relType"),
        Part("stringLength", "xs:int"),
        Part("type", "xs:string"),
    ),
    "authenticatorInfo": (
        Part("admin", *_REQUIRED_FLAG),
        Part("friendly", "xs:string"),
        Part("keys", "tns:authenticatorCredentialKey", NILLABLE),
        Part("mnemonic", "xs:string"),
    ),
    "authenticatorCredentialKey": (
        Part("hide", *_REQUIRED_FLAG),
        Part("name", "xs:string"),
        Part("pattern", "xs:string"),
    ),
    "IcatException": (
        Part("message", "xs:string"),
        Part("offset", "xs:int", ONE),
        Part("type", "tns:icatExceptionType"),
    ),
}
_CREDENTIALS = (
    f'<xs:element name="{CREDENTIALS}"><xs:complexType><xs:sequence>'
    f'<xs:element name="entry"{MANY}><xs:complexType><xs:sequence>'
    f'<xs:element name="key" type="xs:string"{OPTIONAL}/><xs:element name="value" type="xs:string"{OPTIONAL}/>'
    "</xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>"
)


@cache
def schema() -> str:
    """The XML Schema of the target namespace, without an XML declaration."""
    body = "\n".join([*_elements(), *_operations(), *_base_types(), *_entities(), *_others(), *_enumerations()])
    return (
        f'<xs:schema xmlns:xs="{XS}" xmlns:tns="{NAMESPACE}" targetNamespace="{NAMESPACE}" version="1.0">\n'
        f"{body}\n</xs:schema>"
    )


def wsdl(address: str) -> str:
    """The WSDL of the service that answers at `address`, a URL.

    It imports the schema from there: in one written into the WSDL, suds does not find the anonymous type `credentials`.
    """
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" \
xmlns:tns="{NAMESPACE}" xmlns:xsd="{XS}" targetNamespace="{NAMESPACE}" name="ICATService">
<types><xsd:schema>
<xsd:import namespace="{NAMESPACE}" schemaLocation={quoteattr(f"{address}?xsd=1")}/>
</xsd:schema></types>
{_bound_operations()}
<service name="ICATService"><port name="ICATPort" binding="tns:ICATPortBinding">\
<soap:address location={quoteattr(address)}/></port></service>
</definitions>
"""


@cache
def _bound_operations() -> str:
    messages = [
        f'<message name="{message}"><part name="parameters" element="tns:{message}"/></message>'
        for name in SIGNATURES
        for message in (name, f"{name}Response")
    ]
    messages.append('<message name="IcatException"><part name="fault" element="tns:IcatException"/></message>')
    offered = [
        f'<operation name="{name}"><input message="tns:{name}"/><output message="tns:{name}Response"/>'
        + ("" if name == "dummy" else '<fault name="IcatException" message="tns:IcatException"/>')
        + "</operation>"
        for name in SIGNATURES
    ]
    literal = '<soap:body use="literal"/>'
    bound = [
        f'<operation name="{name}"><soap:operation soapAction=""/><input>{literal}</input><output>{literal}</output>'
        + (
            ""
            if name == "dummy"
            else '<fault name="IcatException"><soap:fault name="IcatException" use="literal"/></fault>'
        )
        + "</operation>"
        for name in SIGNATURES
    ]
    return "\n".join(
        [
            *messages,
            '<portType name="ICAT">',
            *offered,
            "</portType>",
            '<binding name="ICATPortBinding" type="tns:ICAT">',
            '<soap:binding transport="http://schemas.xmlsoap.org/soap/http" style="document"/>',
            *bound,
            "</binding>",
        ]
    )


def _elements() -> Iterator[str]:
    wrappers = (wrapper for name in SIGNATURES for wrapper in (name, f"{name}Response"))
    for name in (*wrappers, *GLOBAL_ELEMENTS):
        yield f'<xs:element name="{name}" type="tns:{name}"/>'


def _operations() -> Iterator[str]:
    for name, signature in SIGNATURES.items():
        yield _complex_type(name, signature.parameters)
        yield _complex_type(f"{name}Response", (signature.returns,) if signature.returns else ())


def _base_types() -> Iterator[str]:
    base = sorted(BASE_ATTRIBUTES, key=lambda attribute: attribute.name)
    sequence = _sequence(map(_part, base))
    yield f'<xs:complexType name="entityBaseBean" abstract="true">{sequence}</xs:complexType>'
    yield _extension("parameter", "entityBaseBean", PARAMETER.members.values(), ' abstract="true"')


def _entities() -> Iterator[str]:
    for entity in ICAT_ENTITIES.values():
        base = "parameter" if inherited_members(entity) else "entityBaseBean"
        yield _extension(type_name(entity.name), base, own_members(entity))


def _others() -> Iterator[str]:
    for name, parts in _TYPES.items():
        yield _complex_type(name, parts)


def _enumerations() -> Iterator[str]:
    closed: dict[str, Iterable[str]] = {type_name(e.name): e.values for e in ENUMERATIONS.values()}
    closed["accessType"] = ACCESS_TYPES
    closed["relType"] = ("ATTRIBUTE", "MANY", "ONE")
    closed["icatExceptionType"] = dict.fromkeys(EXCEPTION_TYPES.values())
    for name, values in closed.items():
        listed = "".join(f'<xs:enumeration value="{value}"/>' for value in values)
        yield f'<xs:simpleType name="{name}"><xs:restriction base="xs:string">{listed}</xs:restriction></xs:simpleType>'


def _complex_type(name: str, parts: Iterable[Part]) -> str:
    return f'<xs:complexType name="{name}">{_sequence(parts)}</xs:complexType>'


def _extension(name: str, base: str, members: Iterable[Member], more: str = "") -> str:
    sequence = _sequence(map(_part, members))
    return (
        f'<xs:complexType name="{name}"{more}><xs:complexContent><xs:extension base="tns:{base}">{sequence}'
        "</xs:extension></xs:complexContent></xs:complexType>"
    )


def _sequence(parts: Iterable[Part]) -> str:
    elements = (
        _CREDENTIALS
        if part.type == CREDENTIALS
        else f'<xs:element name="{part.name}" type="{part.type}"{part.occurs}/>'
        for part in parts
    )
    return f"<xs:sequence>{''.join(elements)}</xs:sequence>"


def _part(member: Member) -> Part:
    match member:
        case Attribute(enumeration=None):
            return Part(member.name, SIMPLE_TYPES[member.kind], ONE if member.kind is Kind.BOOLEAN else OPTIONAL)
        case Attribute():
            assert member.enumeration is not None
            return Part(member.name, f"tns:{type_name(member.enumeration.name)}")
        case ToOne():
            return Part(member.name, f"tns:{type_name(member.target)}")
        case ToMany():
            return Part(member.name, f"tns:{type_name(member.target)}", NILLABLE)
        case _:
            assert_never(member)
