"""The npm package soap as a client: a process that calls, and its installation."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.alone import install_from_npm

FOLDER = Path(__file__).parent / "node_soap"


class NodeFault(Exception):
    """A fault as the client saw it."""

    def __init__(self, fault: dict[str, Any]) -> None:
        super().__init__(fault["faultstring"])
        self.message: str = fault["faultstring"]
        self.detail: dict[str, str] = fault.get("detail", {}).get("IcatException", {})


class NodeClient:
    """Calls operations, one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.operations: list[str] = self._answer()["operations"]

    def call(self, operation: str, **arguments: Any) -> Any:
        """What the operation returned; `NodeFault` for a fault."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"operation": operation, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "fault" in answer:
            raise NodeFault(answer["fault"])
        return answer["returned"]

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read() if self._process.stderr else ""
        return json.loads(line)


def install() -> None:
    """The packages of the lock file, unless they are there."""
    install_from_npm(FOLDER, "soap")


@contextmanager
def node_client(wsdl: str) -> Iterator[NodeClient]:
    """A client made from the description at this address, until the end of the block."""
    install()
    process = subprocess.Popen(
        ["node", "calls.mjs", wsdl],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield NodeClient(process)
    finally:
        process.communicate(timeout=20)  # which ends its input, and so the process
