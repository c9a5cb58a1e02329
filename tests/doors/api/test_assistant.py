"""The assistant, with a scripted model on a server of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from beamcat.access.caller import Caller
from beamcat.assistant.answering import LONGEST_QUESTION, Assistant, Source, grounded
from beamcat.assistant.tools import TOOLS, Tools
from beamcat.config import AssistantSettings
from beamcat.errors import BadParameter, NoSuchObject, Unavailable

Asked = list[dict[str, Any]]


@contextmanager
def model(*script: Any) -> Iterator[tuple[str, Asked]]:
    """A server that answers with these messages, one after the other; its URL, and what it was asked."""
    asked: Asked = []
    left = list(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append({"path": self.path, "key": self.headers.get("Authorization"), **json.loads(body)})
            said = left.pop(0)
            status, content = said if isinstance(said, tuple) else (200, {"choices": [{"message": said}]})
            answer = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", asked
        finally:
            server.shutdown()
            thread.join()


class Shelf(Tools):
    """Tools over two records; the second is not ann's."""

    def __init__(self) -> None:
        pass

    async def call(self, caller: Caller, name: str, arguments: object) -> dict[str, Any]:
        assert isinstance(arguments, dict)
        if name == "get" and arguments["id"] == 2 and caller.name != "root":
            raise NoSuchObject("There is no dataset 2, or the user may not see it")
        return {"records": [{"kind": "dataset", "id": arguments.get("id", 1), "name": "film_cold"}]}


def using(tool: str, **arguments: Any) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": tool, "arguments": json.dumps(arguments)}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def saying(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def assistant(url: str, **settings: Any) -> Assistant:
    return Assistant(AssistantSettings(url=url, model="small", timeout_s=5, **settings), Shelf())


ANN = Caller("ann")


async def test_an_answer_rests_on_the_records_that_were_looked_up() -> None:
    with model(using("search", text="cold films"), saying("It is film_cold [dataset 1]. The moon is cheese.")) as (
        url,
        asked,
    ):
        answered = await assistant(url, api_key="key").answer(ANN, "Which film was cold?")
    assert [(part.text, part.source and part.source.page) for part in answered.parts][:2] == [
        ("It is film_cold ", None),
        ("dataset 1", "/datasets/1"),
    ]
    assert answered.left_out == 1
    assert "cheese" not in "".join(part.text for part in answered.parts)
    assert [(used.tool, used.records) for used in answered.used] == [("search", 1)]
    assert [tool["function"]["name"] for tool in asked[0]["tools"]] == [tool.name for tool in TOOLS]
    assert asked[0]["key"] == "Bearer key"
    assert asked[1]["messages"][-1]["role"] == "tool"
    assert "film_cold" in asked[1]["messages"][-1]["content"]


async def test_a_record_that_was_not_looked_up_cannot_be_cited() -> None:
    with model(using("get", kind="dataset", id=2), saying("See [dataset 2].")) as (url, asked):
        answered = await assistant(url).answer(ANN, "What is in dataset 2?")
    assert (answered.parts, answered.left_out) == ([], 1)
    assert answered.used[0].problem.startswith("There is no dataset 2")
    assert "film_cold" not in json.dumps(asked)


async def test_a_model_that_looks_things_up_for_ever_is_stopped() -> None:
    with model(*(using("search", text="x") for _ in range(3)), saying("[dataset 1] it is.")) as (url, asked):
        answered = await assistant(url, steps=3).answer(ANN, "x")
    assert len(asked) == 4
    assert "tools" not in asked[-1]
    assert answered.parts


@pytest.mark.parametrize("said", [(500, {}), (200, {"choices": []}), (200, []), (200, {"choices": [{"message": "x"}]})])
async def test_a_model_that_does_not_answer_is_told_of(said: Any) -> None:
    with model(said) as (url, _), pytest.raises(Unavailable):
        await assistant(url).answer(ANN, "x")
    with pytest.raises(Unavailable):
        await assistant(url).answer(ANN, "x")


@pytest.mark.parametrize("question", ["", "  ", "x" * (LONGEST_QUESTION + 1)])
async def test_a_question_has_to_be_one(question: str) -> None:
    with pytest.raises(BadParameter):
        await assistant("http://127.0.0.1:9").answer(ANN, question)


@pytest.mark.parametrize(
    ("text", "shown", "left_out"),
    [
        ("At 12.4 keV [dataset 1].", "At 12.4 keV dataset 1. ", 0),
        ("One [dataset 1]. Two [dataset 3]! Three.", "One dataset 1. ", 2),
        ("Seen. [dataset 1] Not seen.", "Seen. dataset 1 ", 1),
        ("- a [dataset 1]\n- b", "- a dataset 1 ", 1),
        ("Both [dataset 1] and [dataset 2] are cold.", "", 1),
        ("", "", 0),
    ],
)
def test_only_sentences_that_rest_on_records_are_shown(text: str, shown: str, left_out: int) -> None:
    parts, others = grounded(text, {("dataset", 1): Source("dataset", 1, "film_cold")})
    assert ("".join(part.text for part in parts), others) == (shown, left_out)
