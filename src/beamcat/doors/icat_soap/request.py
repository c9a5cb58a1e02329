"""A SOAP request, from bytes to the element of its operation.

Whoever sends it is a stranger. A document type declaration is refused before any XML is read, so that there are no
entities, no defaults and nothing to fetch; size and number of elements are limited before, depth by the parser, and the
namespaces in force, which every bean is looked up in, after.
"""

from __future__ import annotations

import codecs
import re

from lxml import etree

from beamcat.doors.icat_soap.names import NAMESPACE, SOAP
from beamcat.errors import BadParameter, TooLarge

ENCODINGS = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
"""The encodings of requests that are read, and Python's names for them."""

MOST_NAMESPACES = 100
"""Most namespaces that may be in force where the parameters of an operation begin."""

_DECLARED = re.compile(rb"<\?xml[^>]{0,100}?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.I)
_PROLOG = re.compile(r"(?:\s+|<\?.*?\?>|<!--.*?-->)*+", re.S)
_ATTRIBUTE = re.compile(r"=\s*[\"']")

Element = etree._Element
"""lxml's element, which has no public name."""


class NotSoap(BadParameter):
    """The request is no SOAP 1.1 message that this interface understands; `code` is the SOAP fault code."""

    def __init__(self, message: str, code: str = "Client") -> None:
        super().__init__(message)
        self.code = code


def read_text(body: bytes, content_type: str) -> str:
    """The text of a request, by its first bytes, its content type or its XML declaration; else it is UTF-8."""
    if content_type.lstrip().lower().startswith("multipart/"):
        raise NotSoap("The request must be a SOAP envelope alone, not one with attachments")
    encoding = _encoding(body, content_type)
    try:
        return body.decode(ENCODINGS[encoding]).removeprefix("\ufeff")
    except KeyError:
        raise NotSoap(f"The encoding {encoding} is not supported") from None
    except UnicodeDecodeError as error:
        raise NotSoap(f"The request is not {encoding}: {error.reason}") from None


def _encoding(body: bytes, content_type: str) -> str:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if body.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if body.startswith((b"<\0", b"\0<")):
        return "utf-16le" if body[0] else "utf-16be"
    named = _CHARSET.search(content_type)
    if named:
        return named[1].lower()
    declared = _DECLARED.match(body)
    return declared[1].decode("ascii").lower() if declared else "utf-8"


def read_operation(text: str, max_elements: int) -> Element:
    """The element in the body of the envelope. Raises `NotSoap` and `TooLarge`."""
    prolog = _PROLOG.match(text)
    assert prolog is not None
    if text.startswith("<!DOCTYPE", prolog.end()):
        raise NotSoap("A request must not have a document type declaration")
    if text.count("<") - text.count("</") > max_elements or _more_attributes_than(text, max_elements):
        raise TooLarge(f"the request may have at most {max_elements} XML elements")
    try:
        encoded = text.encode()
        root = etree.fromstring(encoded, _parser())
    except etree.XMLSyntaxError as error:
        raise NotSoap(f"The request is not well-formed XML: {error.msg}") from None
    except UnicodeEncodeError:
        raise NotSoap("The request holds half a surrogate pair") from None
    return _operation(root)


def _parser() -> etree.XMLParser:
    """A parser for one request. Without `huge_tree` it refuses more than 256 levels and texts over 10 MB."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _more_attributes_than(text: str, most: int) -> bool:
    return text.count("=") > most and sum(1 for _ in _ATTRIBUTE.finditer(text)) > most


def _operation(root: Element) -> Element:
    if root.tag != f"{{{SOAP}}}Envelope":
        code = "VersionMismatch" if etree.QName(root).localname == "Envelope" else "Client"
        raise NotSoap("The request is not a SOAP 1.1 envelope", code)
    for entry in root.iterfind(f"{{{SOAP}}}Header/*"):
        if entry.get(f"{{{SOAP}}}mustUnderstand") in {"1", "true"}:
            raise NotSoap(f"The header {entry.tag} is not understood", "MustUnderstand")
    operation = root.find(f"{{{SOAP}}}Body/*")
    if operation is None:
        raise NotSoap("The body of the envelope is empty")
    if etree.QName(operation).namespace != NAMESPACE:
        raise NotSoap(f"There is no operation {operation.tag}; operations are in the namespace {NAMESPACE}")
    if len(operation.nsmap) > MOST_NAMESPACES:
        raise TooLarge(f"the request may declare at most {MOST_NAMESPACES} namespaces before its parameters")
    return operation
