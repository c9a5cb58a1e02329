"""Pages of the documentation that are made from the code when it is built: the settings and the entities.

An mkdocs hook (`mkdocs.yml`). What is written here cannot differ from what runs.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import annotated_types
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from beamcat.config import Settings
from beamcat.model import ENTITIES, SUBJECTS
from beamcat.model.info import EntityField, RelType, describe

SETTINGS_PAGE = "administrators/settings.md"
ENTITIES_FOLDER = "users/entities"

SETTINGS_INTRODUCTION = """\
# Settings

Beamcat runs without any. A setting is taken from the first of: the command line, a `BEAMCAT_*` variable, the TOML
file named by `--config`, the default below. The settings are read once, at the start; an unknown key, or a value that
does not fit, stops the start with a message that names it.

```toml
[server]
port = 8181

[catalogue]
root_user_names = ["simple/root"]

[authenticator.simple]
kind = "simple"
users = { root = "$argon2id$..." }
```

A variable spells the key in capitals, with two underscores for each dot: `BEAMCAT_SERVER__PORT=8181`. Lists and tables
are given as JSON: `BEAMCAT_CATALOGUE__ROOT_USER_NAMES='["simple/root"]'`.

## General
"""

ENTITIES_INTRODUCTION = """\
# Entities

What a facility records: the 53 entities of the ICAT 6.2 schema. Names are case-sensitive. Besides what its page lists,
every entity has `id` (a number given by the server), `createId` and `createTime` (who created it, and when), `modId`
and `modTime` (who changed it last, and when). Clients cannot set these.

A relation can be followed both ways: a dataset has one `investigation`, an investigation has many `datasets`. Deleting
an object deletes everything that refers to it.
"""

TABLES = {"authenticator": "MNEMONIC"}
"""What stands in a heading for the key that a site chooses itself; else it is NAME."""

BOUNDS = {
    annotated_types.Ge: ("at least", "ge"),
    annotated_types.Gt: ("more than", "gt"),
    annotated_types.Le: ("at most", "le"),
    annotated_types.Lt: ("less than", "lt"),
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those on disk."""
    for uri, text in pages():
        files.append(File.generated(config, uri, content=text))
    return files


def pages() -> Iterator[tuple[str, str]]:
    """Every generated page: where it goes, and its Markdown."""
    yield SETTINGS_PAGE, settings_page()
    yield f"{ENTITIES_FOLDER}/index.md", entities_index()
    for subject, page in entity_pages():
        yield f"{ENTITIES_FOLDER}/{subject}.md", page


# Settings


def settings_page() -> str:
    """All settings, a heading each."""
    lines = [SETTINGS_INTRODUCTION]
    lines += settings_in("", Settings, set())
    for name, kinds, about in sections_below(Settings):
        if len(kinds) == 1:
            lines += [f"## {name}", "", one_line(kinds[0].__doc__), "", *([about, ""] if about else [])]
            lines += settings_in(name, kinds[0], set())
        else:
            lines += [f"## {name}", "", about, ""]
            common = set.intersection(*(set(kind.model_fields) for kind in kinds)) - {"kind"}
            lines += settings_in(name, kinds[0], set(kinds[0].model_fields) - common)
            for kind in kinds:
                choices = typing.get_args(kind.model_fields["kind"].annotation)
                which = f"of kind {', '.join(choices)}" if choices else "of another kind"
                lines += [f"### {name} {which}", "", one_line(kind.__doc__), ""]
                lines += settings_in(name, kind, common | ({"kind"} if len(choices) == 1 else set()))
    return "\n".join(lines)


def sections_below(above: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, list[type[BaseModel]], str]]:
    """Every section: its name, its class or those of its kinds, and what is said of the field that holds it."""
    for key, field in above.model_fields.items():
        if kinds := sections_of(field.annotation):
            is_table = typing.get_origin(field.annotation) is dict
            name = f"{prefix}{key}.{TABLES.get(key, 'NAME')}" if is_table else f"{prefix}{key}"
            yield name, kinds, field.description or ""
            for kind in kinds:
                yield from sections_below(kind, f"{name}.")


def settings_in(name: str, section: type[BaseModel], left_out: set[str]) -> list[str]:
    """The settings of a section, a heading each; those that are sections themselves have their own place."""
    return [
        line
        for key, field in section.model_fields.items()
        if key not in left_out and not sections_of(field.annotation)
        for line in setting(f"{name}.{key}" if name else key, field)
    ]


def sections_of(annotation: object) -> list[type[BaseModel]]:
    """The class of a section, or of the kinds of sections in a table of sections."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for inner in typing.get_args(annotation) for section in sections_of(inner)]


def setting(key: str, field: FieldInfo) -> list[str]:
    """One setting: what it does, what it takes, its default, its variable."""
    bounds = [
        f"{words} {getattr(m, name)}" for m in field.metadata for words, name in [BOUNDS.get(type(m), ("", ""))] if name
    ]
    takes = ", ".join([type_name(field.annotation), *bounds])
    lines = [f"### {key}", "", field.description or "", "", f"- takes: {takes}", f"- default: {default_of(field)}"]
    if not {"MNEMONIC", "NAME"} & set(key.split(".")):
        lines.append(f"- variable: `BEAMCAT_{key.upper().replace('.', '__')}`")
    return [*lines, ""]


def default_of(field: FieldInfo) -> str:
    """The default as one writes it in TOML."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "none, it must be given"
    if value is None:
        return "none"
    if value in ((), {}, []):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return f"`{value}`" if isinstance(value, int | float) else f'`"{value}"`'


def type_name(annotation: object) -> str:
    """A type in a reader's words."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return "one of " + ", ".join(f'`"{choice}"`' for choice in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(type_name(a) for a in arguments if a is not type(None))
    if origin in (tuple, list):
        return f"list of {type_name(arguments[0])}s"
    if origin is dict:
        return f"table of {type_name(arguments[1])}s"
    names = {
        str: "string",
        SecretStr: "string",
        Path: "path",
        int: "whole number",
        float: "number",
        bool: "true or false",
        typing.Any: "value",
    }
    return names[typing.cast("type", annotation)]


# Entities


def subjects() -> Iterator[tuple[str, str, list[str]]]:
    """The subjects ICAT clients see: name, one sentence, entities."""
    for subject in SUBJECTS:
        names = [declaration.name for declaration in subject.ENTITIES if declaration.icat]
        if names:
            yield subject.__name__.rpartition(".")[2], one_line(subject.__doc__), names


def homes() -> dict[str, str]:
    """The page each entity is described on."""
    return {name: f"{subject}.md" for subject, _, names in subjects() for name in names}


def entities_index() -> str:
    """All entities on one page, by subject."""
    lines = [ENTITIES_INTRODUCTION]
    for subject, about, names in subjects():
        lines += [
            f"## {subject.capitalize()}",
            "",
            about,
            "",
            "| entity | what it is | identified by |",
            "|---|---|---|",
        ]
        for name in names:
            entity = ENTITIES[name]
            key = ", ".join(f"`{member}`" for member in entity.unique) or "`id` alone"
            lines.append(f"| [{name}]({subject}.md#{name.lower()}) | {entity.comment} | {key} |")
        lines.append("")
    return "\n".join(lines)


def entity_pages() -> Iterator[tuple[str, str]]:
    """One page per subject."""
    for subject, about, names in subjects():
        lines = [f"# {subject.capitalize()}", "", about, ""]
        for name in names:
            lines += entity_section(name)
        yield subject, "\n".join(lines)


def entity_section(name: str) -> list[str]:
    """One entity: its members as a client sees them."""
    entity = ENTITIES[name]
    info = describe(entity)
    key = ", ".join(f"`{member}`" for member in entity.unique)
    lines = [
        f"## {name}",
        "",
        f"{info.class_comment}.",
        "",
        f"Identified by {key}." if key else "No unique key but `id`.",
        "",
    ]
    lines += ["| member | type | | about |", "|---|---|---|---|"]
    own = [field for field in info.fields if field.name in entity.members]
    order = [RelType.ATTRIBUTE, RelType.ONE, RelType.MANY]
    for field in sorted(own, key=lambda field: order.index(field.rel_type)):
        required = "required" if field.not_nullable else ""
        about = field.comment if field.comment and field.rel_type is not RelType.MANY else ""
        lines.append(f"| `{field.name}` | {member_type(field)} | {required} | {about} |")
    return [*lines, ""]


def member_type(field: EntityField) -> str:
    """The type of a member, relations with a link to their target."""
    if field.rel_type is not RelType.ATTRIBUTE:
        count = "one" if field.rel_type is RelType.ONE else "many"
        return f"{count} [{field.type}]({homes()[field.type]}#{field.type.lower()})"
    return f"{field.type}, {field.string_length} characters" if field.string_length else field.type


def one_line(docstring: str | None) -> str:
    """The first paragraph of a docstring."""
    return " ".join((docstring or "").split("\n\n")[0].split())
