"""The operations of the SOAP interface: decode, ask, encode (ICAT specification C.2, C.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from beamcat.access.authenticators import SignIn
from beamcat.access.rules import Operation
from beamcat.catalogue.drafts import Draft, Reference
from beamcat.doors.core import VERSION, Core
from beamcat.doors.icat_soap.decode import (
    Terms,
    bean_of,
    change_of,
    credentials_of,
    drafts_of,
    entity_of,
    identifier_of,
    long_of,
    references_of,
    text_of,
)
from beamcat.doors.icat_soap.encode import Writer, closing, double, element, enveloped, escaped, opening, response
from beamcat.doors.icat_soap.request import Element
from beamcat.errors import BadParameter, BeamcatError, Forbidden
from beamcat.model.info import EntityField, entity_info, entity_names
from beamcat.observability.requests import name_user


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its operation's element, who sent it from where, and what it opens onto."""

    element: Element
    address: str
    core: Core
    writer: Writer

    @property
    def session_id(self) -> str | None:
        """The parameter `sessionId`."""
        return text_of(self.element, "sessionId")

    @property
    def terms(self) -> Terms:
        """How the request is read."""
        server, catalogue = self.core.settings.server, self.core.settings.catalogue
        return Terms(server.max_nesting, catalogue.max_objects_per_write, ZoneInfo(server.time_zone))


Handler = Callable[[Call], Awaitable[str | Iterator[str]]]
"""Answers one operation: a whole message, or one in pieces."""


async def create(call: Call) -> str:
    """The id of a new object."""
    caller = await call.core.caller(call.session_id)
    try:
        (draft,) = drafts_of([bean_of(call.element)], call.terms)
    except BeamcatError as error:
        error.offset = None  # there is one bean only
        raise
    return response("create", [str(await call.core.catalogue.create(caller, draft))])


async def create_many(call: Call) -> str:
    """The ids of new objects."""
    caller = await call.core.caller(call.session_id)
    drafts = drafts_of(call.element.findall("beans"), call.terms)
    created = await call.core.catalogue.create_many(caller, drafts) if drafts else []
    return response("createMany", [str(each) for each in created])


async def update(call: Call) -> str:
    """Nothing; all attributes and to-one relations of an object are replaced."""
    caller = await call.core.caller(call.session_id)
    await call.core.catalogue.update(caller, change_of(bean_of(call.element), call.terms))
    return response("update")


async def delete(call: Call) -> str:
    """Nothing; an object and all below it are gone."""
    caller = await call.core.caller(call.session_id)
    await call.core.catalogue.delete(caller, references_of([bean_of(call.element)], call.terms))
    return response("delete")


async def delete_many(call: Call) -> str:
    """Nothing; objects and all below them are gone."""
    caller = await call.core.caller(call.session_id)
    await call.core.catalogue.delete(caller, references_of(call.element.findall("beans"), call.terms))
    return response("deleteMany")


async def dummy(_call: Call) -> str:
    """Nothing: the operation only brings types into the description."""
    return response("dummy")


async def get(call: Call) -> str:
    """One object by its id, with what the query includes."""
    caller = await call.core.caller(call.session_id)
    query = text_of(call.element, "query")
    if query is None:
        raise BadParameter("query may not be null")
    record = await call.core.searches.get(caller, query, long_of(call.element, "primaryKey"))
    return enveloped(opening("get") + call.writer.record(record) + closing("get"))


async def search(call: Call) -> Iterator[str]:
    """The rows of a search."""
    caller = await call.core.caller(call.session_id)
    return call.writer.chunks("search", await call.core.searches.search(caller, text_of(call.element, "query")))


async def is_access_allowed(call: Call) -> str:
    """Whether the caller may do it to the bean."""
    caller = await call.core.caller(call.session_id)
    wanted = text_of(call.element, "accessType")
    if wanted is None or wanted not in Operation.__members__:
        raise BadParameter("accessType must be one of READ, UPDATE, DELETE, CREATE")
    operation, bean = Operation[wanted], bean_of(call.element)
    identifier = None if operation is Operation.CREATE else identifier_of(bean)
    subject: Draft | Reference
    if identifier is None:
        (subject,) = drafts_of([bean], call.terms)
    else:
        subject = Reference(entity_of(bean), identifier)
    allowed = await call.core.catalogue.is_access_allowed(caller, operation, subject)
    return response("isAccessAllowed", ["true" if allowed else "false"])


async def login(call: Call) -> str:
    """The id of a new session."""
    plugin = text_of(call.element, "plugin")
    return response("login", [await call.core.login(plugin, credentials_of(call.element), call.address)])


async def logout(call: Call) -> str:
    """Nothing; the session has ended."""
    await call.core.sessions.logout(call.session_id)
    return response("logout")


async def refresh(call: Call) -> str:
    """Nothing; the session has a full life time from now on."""
    await call.core.sessions.refresh(call.session_id)
    return response("refresh")


async def get_remaining_minutes(call: Call) -> str:
    """Minutes until the session ends."""
    return response("getRemainingMinutes", [double(await call.core.sessions.remaining_minutes(call.session_id))])


async def get_user_name(call: Call) -> str:
    """Whose session it is."""
    name = await call.core.sessions.caller_name(call.session_id)
    name_user(name)
    return response("getUserName", [escaped(name)])


async def get_version(_call: Call) -> str:
    """The ICAT version."""
    return response("getVersion", [VERSION])


async def get_api_version(_call: Call) -> str:
    """The ICAT version, by which clients choose what they may ask for."""
    return response("getApiVersion", [VERSION])


async def get_entity_names(_call: Call) -> str:
    """The entities in code point order."""
    return response("getEntityNames", entity_names())


async def get_entity_info(call: Call) -> str:
    """What an entity consists of."""
    info = entity_info(text_of(call.element, "beanName") or "")
    constraints = (element("constraints", _texts("fieldNames", names)) for names in info.constraints)
    content = [element("classComment", escaped(info.class_comment)), *constraints, *map(_field, info.fields)]
    return response("getEntityInfo", ["".join(content)])


def _field(field: EntityField) -> str:
    return element(
        "fields",
        _optional("comment", field.comment)
        + element("name", field.name)
        + element("notNullable", "true" if field.not_nullable else "false")
        + element("relType", field.rel_type.value)
        + _optional("stringLength", field.string_length)
        + element("type", field.type),
    )


def _texts(name: str, texts: Iterable[str]) -> str:
    return "".join(element(name, escaped(text)) for text in texts)


def _optional(name: str, value: str | int | None) -> str:
    return "" if value is None else element(name, escaped(str(value)))


async def get_authenticator_info(call: Call) -> str:
    """The ways to sign in."""
    return response("getAuthenticatorInfo", list(map(_sign_in, call.core.sessions.sign_ins.values())))


def _sign_in(sign_in: SignIn) -> str:
    keys = (
        element("keys", element("hide", "true" if key.hide else "false") + element("name", escaped(key.name)))
        for key in sign_in.authenticator.description()
    )
    return (
        element("admin", "true" if sign_in.admin else "false")
        + _optional("friendly", sign_in.friendly)
        + "".join(keys)
        + element("mnemonic", escaped(sign_in.mnemonic))
    )


async def get_properties(call: Call) -> str:
    """The settings in force, under ICAT's names for them; for root users only."""
    caller = await call.core.caller(call.session_id)
    if not caller.root:
        raise Forbidden("user must be in rootUserNames")
    catalogue = call.core.settings.catalogue
    properties = [
        f"lifetimeMinutes {catalogue.session_lifetime_minutes:g}",
        f"maxEntities {catalogue.max_entities}",
        f"rootUserNames {' '.join(catalogue.root_user_names)}",
        f"authn.list {' '.join(call.core.sessions.sign_ins)}",
    ]
    for sign_in in call.core.sessions.sign_ins.values():
        if sign_in.friendly is not None:
            properties.append(f"authn.{sign_in.mnemonic}.friendly {sign_in.friendly}")
        if sign_in.admin:
            properties.append(f"authn.{sign_in.mnemonic}.admin true")
    return response("getProperties", list(map(escaped, properties)))


HANDLERS: Mapping[str, Handler] = {
    "create": create,
    "createMany": create_many,
    "delete": delete,
    "deleteMany": delete_many,
    "dummy": dummy,
    "get": get,
    "getApiVersion": get_api_version,
    "getAuthenticatorInfo": get_authenticator_info,
    "getEntityInfo": get_entity_info,
    "getEntityNames": get_entity_names,
    "getProperties": get_properties,
    "getRemainingMinutes": get_remaining_minutes,
    "getUserName": get_user_name,
    "getVersion": get_version,
    "isAccessAllowed": is_access_allowed,
    "login": login,
    "logout": logout,
    "refresh": refresh,
    "search": search,
    "update": update,
}
"""What answers each operation."""
