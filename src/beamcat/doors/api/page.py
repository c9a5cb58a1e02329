"""The page that describes this interface for people, made from the OpenAPI document. It needs nothing but itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

Json = Mapping[str, Any]

_CODE = re.compile(r"`([^`]+)`")
_EMPHASIS = re.compile(r"\*([^*]+)\*")
DEEPEST = 12
"""How far schemas inside each other are followed."""


def docs_page(document: Json) -> str:
    """The page."""
    server = str(document["servers"][0]["url"])
    info = document["info"]
    calls = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    contents = "".join(
        f'<li><a href="#{operation["operationId"]}"><b>{method.upper()}</b> {escape(path)}</a>'
        f" {_text(operation['summary'])}</li>"
        for path, method, operation in calls
    )
    operations = "".join(_operation(server, *call) for call in calls)
    schemas = "".join(_schema(name, schema) for name, schema in document["components"]["schemas"].items())
    return _PAGE.format(
        title=escape(info["title"]),
        version=escape(info["version"]),
        about="".join(f"<p>{_text(part)}</p>" for part in info["description"].split("\n\n")),
        contents=contents,
        operations=operations,
        schemas=schemas,
        style=_STYLE,
        home=escape(server) + "/",
        specification=escape(f"{server}/api/openapi.json"),
    )


def _operation(server: str, path: str, method: str, operation: Json) -> str:
    name = operation["operationId"]
    parts = [
        f'<section id="{name}"><h2><span class="method">{method.upper()}</span> {escape(path)}</h2>',
        f"<p>{_text(operation['summary'])}. {_text(operation.get('description', ''))}</p>",
    ]
    if operation["parameters"]:
        rows = "".join(_parameter(parameter) for parameter in operation["parameters"])
        parts.append(_table(("Parameter", "Type", ""), rows))
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        parts.append(f"<p>Body: JSON, {_type(schema)}</p>")
    parts.append(_statuses(operation["responses"]))
    if method == "get":
        lines = [f"curl -s '{server}{path}?{example}'" for example in operation.get("x-examples", ())]
        parts += [f"<pre>{escape(line)}</pre>" for line in lines]
    return "".join(parts) + "</section>"


def _parameter(parameter: Json) -> str:
    schema = parameter["schema"]
    default = schema.get("default")
    usual = f" Default <code>{escape(_plain(default))}</code>." if default not in (None, [], "", False) else ""
    needed = "" if not parameter["required"] else " <em>required</em>"
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code>{needed}</td><td>{_type(schema)}</td>"
        f"<td>{_text(parameter['description'])}{usual}</td></tr>"
    )


def _statuses(responses: Json) -> str:
    told = "<p>204, without a body</p>" if "204" in responses else ""
    for status, response in responses.items():
        if "content" in response:
            for media_type, held in response["content"].items():
                form = "JSON" if media_type == "application/json" else escape(media_type)
                told += f"<p>{status}: {form}, {_type(held['schema'])}</p>"
    problems = ", ".join(status for status, response in responses.items() if "$ref" in response)
    return f'{told}<p>{problems}: <a href="#schema-Problem">Problem</a></p>'


def _schema(name: str, schema: Json) -> str:
    about = f'<section id="schema-{name}"><h3>{name}</h3><p>{_text(schema.get("description", ""))}</p>'
    if "properties" not in schema:
        return f"{about}<p>{_type(schema)}</p></section>"
    needed = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(member)}</code>{' <em>always</em>' if member in needed else ''}</td>"
        f"<td>{_type(held)}</td><td>{_text(held.get('description', ''))}</td></tr>"
        for member, held in schema["properties"].items()
    )
    return about + _table(("Member", "Type", ""), rows) + "</section>"


def _type(schema: Json, depth: int = 0) -> str:
    """What a value is, in a few words."""
    if depth == DEEPEST:
        return "..."
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one, depth + 1) for one in schema["anyOf"]))
    if "allOf" in schema:
        return " and ".join(_type(one, depth + 1) for one in schema["allOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(_plain(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(_plain(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"several: {_type(schema.get('items', {}), depth + 1)}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"by name: {_type(schema['additionalProperties'], depth + 1)}"
    limits = [
        f"{word} {_plain(schema[key])}"
        for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if key in schema and abs(schema[key]) < 2**53
    ]
    return " ".join((escape(str(schema.get("type", "anything"))), *limits))


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(text: str) -> str:
    """Text of a docstring: what stands in backticks is code."""
    marked = _CODE.sub(r"<code>\1</code>", escape(text, quote=False))
    return _EMPHASIS.sub(r"<em>\1</em>", marked)


def _table(heads: tuple[str, ...], rows: str) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


_STYLE = """
:root { color-scheme: light dark; --bg: light-dark(#f5f7f7, #0f1517); --surface: light-dark(#fff, #161e21);
  --line: light-dark(#dae1e2, #2b383c); --text: light-dark(#14211f, #e7edec); --text-2: light-dark(#41525a, #b7c3c6);
  --accent: light-dark(#005f6b, #62c5cf); --beam: light-dark(#b53f07, #ff9d5c); --code: light-dark(#eef1f4, #202b2f) }
body { margin: 0; background: var(--bg); color: var(--text);
  font: .9375rem/1.5 "Plex Sans", system-ui, "Segoe UI", "Noto Sans", sans-serif }
header { background: var(--surface); border-bottom: 1px solid var(--line); padding: .75rem clamp(1rem, 4vw, 2rem);
  font-weight: 600 }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2rem) 3rem }
h1 { font-size: clamp(1.375rem, 1.1rem + 1.1vw, 1.75rem); line-height: 1.25; margin: 0 0 .75rem }
h2 { font-size: 1.125rem; margin: 2.5rem 0 .5rem; overflow-wrap: anywhere }
h3 { font-size: 1rem; margin: 2rem 0 .25rem }
a { color: var(--accent) } header a { text-decoration: none }
:focus-visible { outline: 2px solid var(--beam); outline-offset: 2px }
.method { font-size: .8125rem; border: 1px solid var(--line); border-radius: 4px; padding: .1rem .4rem }
.contents { list-style: none; padding: 0 }
code, pre { background: var(--code); border-radius: 4px; padding: .05em .3em; font-size: .875em;
  overflow-wrap: anywhere }
pre { padding: .6rem .8rem; overflow-x: auto }
table { width: 100%; border-collapse: collapse; background: var(--surface); border: 1px solid var(--line);
  margin: 0 0 1rem }
th, td { text-align: left; vertical-align: top; padding: .4375rem .75rem; border-bottom: 1px solid var(--line) }
th { font-size: .75rem; color: var(--text-2) } em { color: var(--text-2) }
.skip { position: absolute; left: -99rem } .skip:focus { left: 1rem; top: .5rem }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} {version}: interface for scripts</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header><a href="{home}">Beamcat</a></header>
<main id="main">
<h1>Interface for scripts</h1>
{about}
<p>For programs: <a href="{specification}">openapi.json</a> (OpenAPI 3.1).</p>
<nav aria-label="Calls"><ul class="contents">{contents}</ul></nav>
{operations}
<h2>What is sent and told</h2>
{schemas}
</main>
</body>
</html>
"""
