"""`/mcp`: the tools, by a real client of the Model Context Protocol and by hand."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.doors.searching import Searched


async def call(catalogue: Searched, method: str, session: str | None = None, **params: Any) -> Any:
    headers = {"Authorization": f"Bearer {catalogue.root if session is None else session}"}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = await catalogue.http.post("/mcp", json=message, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def use(catalogue: Searched, tool: str, session: str | None = None, **arguments: Any) -> Any:
    return (await call(catalogue, "tools/call", session, name=tool, arguments=arguments))["result"]


async def test_a_real_client_finds_and_uses_the_tools(catalogue: Searched) -> None:
    transport = httpx2.ASGITransport(app=catalogue.http._transport.app)  # type: ignore[attr-defined]
    headers = {"Authorization": f"Bearer {catalogue.ann}"}
    async with (
        httpx2.AsyncClient(transport=transport, headers=headers) as http,
        streamable_http_client("http://test/mcp", http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        told = await session.initialize()
        assert told.server_info.name == "beamcat"
        tools = (await session.list_tools()).tools
        assert [tool.name for tool in tools] == ["search", "get", "list_files", "preview"]
        found = await session.call_tool("search", {"text": "perovskite", "kind": "dataset"})
        assert not found.is_error
        records = json.loads(found.content[0].text)["records"]
        assert {record["name"] for record in records} >= {"film_cold", "film_warm"}


async def test_a_user_is_told_only_what_the_user_may_see(catalogue: Searched) -> None:
    hidden = catalogue.ids["Investigation"]["HC-2"]
    assert (await use(catalogue, "get", kind="investigation", id=hidden))["structuredContent"]["records"]
    refused = await use(catalogue, "get", catalogue.ann, kind="investigation", id=hidden)
    assert refused["isError"]
    everything = (await use(catalogue, "search", text="", kind="investigation"))["structuredContent"]
    own = (await use(catalogue, "search", catalogue.ann, text="", kind="investigation"))["structuredContent"]
    assert hidden in {record["id"] for record in everything["records"]}
    assert hidden not in {record["id"] for record in own["records"]}
    assert own["count"] < everything["count"]


async def test_a_record_has_its_parameters_by_name_with_units(catalogue: Searched) -> None:
    told = await use(catalogue, "get", kind="dataset", id=catalogue.ids["Dataset"]["film_cold"])
    (record,) = told["structuredContent"]["records"]
    assert record["parameters"] == [{"name": "temperature", "value": 10.0, "unit": "K"}]
    assert record["page"] == f"/datasets/{record['id']}"
    assert "createId" not in record


async def test_files_are_listed_page_by_page_and_by_a_part_of_their_names(catalogue: Searched) -> None:
    dataset = catalogue.ids["Dataset"]["film_cold"]
    first = (await use(catalogue, "list_files", dataset_id=dataset, limit=1))["structuredContent"]
    rest = (await use(catalogue, "list_files", dataset_id=dataset, after=first["after"]))["structuredContent"]
    names = [record["name"] for record in (*first["records"], *rest["records"])]
    assert names == ["scan_0042.h5", "scan_0043.h5"]
    assert rest["after"] is None
    for part, count in (("0043", 1), ("%", 0), ("'", 0), ("_", 2)):
        some = (await use(catalogue, "list_files", dataset_id=dataset, contains=part))["structuredContent"]
        assert len(some["records"]) == count, part


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("search", {}, "text"),
        ("search", {"text": "x", "limit": 1000}, "limit"),
        ("get", {"kind": "user", "id": 1}, "kind"),
        ("forget", {}, "There is no tool forget"),
        ("get", {"kind": "dataset", "id": 10**15}, "There is no dataset"),
    ],
)
async def test_what_a_tool_cannot_do_is_told_to_the_model(
    catalogue: Searched, tool: str, arguments: dict[str, Any], said: str
) -> None:
    told = await use(catalogue, tool, **arguments)
    assert told["isError"]
    assert said in told["content"][0]["text"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"no json", 400, -32700),
        (b"[]", 400, -32600),
        (b'{"jsonrpc":"2.0","id":1}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"resources/list"}', 200, -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', 200, -32602),
    ],
)
async def test_what_is_no_request_is_refused(catalogue: Searched, content: bytes, status: int, code: int) -> None:
    headers = {"Authorization": f"Bearer {catalogue.root}"}
    answer = await catalogue.http.post("/mcp", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_it_takes_posts_of_its_own_site_with_a_token_that_lives(catalogue: Searched) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert (await catalogue.http.get("/mcp")).status_code == 405
    wrong = {"Authorization": "Bearer 00000000-0000-0000-0000-000000000000"}
    answer = await catalogue.http.post("/mcp", json=message, headers=wrong)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    right = {"Authorization": f"Bearer {catalogue.root}"}
    foreign = {**right, "Origin": "https://evil.example"}
    assert (await catalogue.http.post("/mcp", json=message, headers=foreign)).status_code == 403
    assert (await catalogue.http.post("/mcp", json=message, headers=right)).json()["result"] == {}
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await catalogue.http.post("/mcp", json=note, headers=right)).status_code == 202
