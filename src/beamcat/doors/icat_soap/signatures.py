"""The operations of the SOAP interface with what they take and give (ICAT specification C.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ONE, OPTIONAL, MANY = "", ' minOccurs="0"', ' minOccurs="0" maxOccurs="unbounded"'
NILLABLE = MANY + ' nillable="true"'


@dataclass(frozen=True, slots=True)
class Part:
    """One element of a sequence: its name, its XML type, and how often it may occur, as attributes of the schema."""

    name: str
    type: str
    occurs: str = OPTIONAL


@dataclass(frozen=True, slots=True)
class Signature:
    """What an operation takes, and what it returns if anything."""

    parameters: tuple[Part, ...] = ()
    returns: Part | None = None


def _returns(type_name: str, occurs: str = OPTIONAL) -> Part:
    return Part("return", type_name, occurs)


_SESSION = Part("sessionId", "xs:string")
_QUERY = Part("query", "xs:string")
_BEAN = Part("bean", "tns:entityBaseBean")
_BEANS = Part("beans", "tns:entityBaseBean", MANY)

DUMMY_TYPES = (
    "datafile",
    "datafileFormat",
    "datafileParameter",
    "dataset",
    "datasetParameter",
    "datasetType",
    "facility",
    "facilityCycle",
    "instrumentScientist",
    "user",
    "instrument",
    "investigation",
    "investigationType",
    "investigationUser",
    "keyword",
    "parameterType",
    "publication",
    "relatedDatafile",
    "sample",
    "sampleParameter",
    "shift",
    "study",
    "studyInvestigation",
    "studyStatus",
    "application",
    "job",
    "dataCollection",
    "dataCollectionParameter",
    "dataCollectionDataset",
    "dataCollectionDatafile",
    "grouping",
    "userGroup",
    "publicStep",
    "fieldSet",
)
"""What `dummy` takes: it exists for the stubs of Java clients."""

CREDENTIALS = "credentials"
"""The type of this parameter is anonymous: entries of a key and a value."""

SIGNATURES: Mapping[str, Signature] = MappingProxyType(
    {
        "create": Signature((_SESSION, _BEAN), _returns("xs:long", ONE)),
        "createMany": Signature((_SESSION, _BEANS), _returns("xs:long", MANY)),
        "delete": Signature((_SESSION, _BEAN)),
        "deleteMany": Signature((_SESSION, _BEANS)),
        "dummy": Signature(tuple(Part(f"arg{number}", f"tns:{name}") for number, name in enumerate(DUMMY_TYPES))),
        "get": Signature((_SESSION, _QUERY, Part("primaryKey", "xs:long", ONE)), _returns("tns:entityBaseBean")),
        "getApiVersion": Signature((), _returns("xs:string")),
        "getAuthenticatorInfo": Signature((), _returns("tns:authenticatorInfo", MANY)),
        "getEntityInfo": Signature((Part("beanName", "xs:string"),), _returns("tns:entityInfo")),
        "getEntityNames": Signature((), _returns("xs:string", MANY)),
        "getProperties": Signature((_SESSION,), _returns("xs:string", MANY)),
        "getRemainingMinutes": Signature((_SESSION,), _returns("xs:double", ONE)),
        "getUserName": Signature((_SESSION,), _returns("xs:string")),
        "getVersion": Signature((), _returns("xs:string")),
        "isAccessAllowed": Signature(
            (_SESSION, _BEAN, Part("accessType", "tns:accessType")), _returns("xs:boolean", ONE)
        ),
        "login": Signature((Part("plugin", "xs:string"), Part(CREDENTIALS, CREDENTIALS, ONE)), _returns("xs:string")),
        "logout": Signature((_SESSION,)),
        "refresh": Signature((_SESSION,)),
        "search": Signature((_SESSION, _QUERY), _returns("xs:anyType", MANY)),
        "update": Signature((_SESSION, _BEAN)),
    }
)
"""Every operation by its name."""
