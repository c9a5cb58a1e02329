"""Lucene as a peer: a small program (`java/LuceneBench.java`) with the libraries that the tests' OpenSearch brings."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.search.opensearch import node

SOURCE = Path(__file__).with_name("java") / "LuceneBench.java"
MEMORY = ("-Xms1g", "-Xmx1g", "--add-modules", "jdk.incubator.vector")


def missing() -> list[str]:
    """The commands that are needed and not here."""
    return [command for command in ("java", "javac", "mvn") if shutil.which(command) is None]


class Lucene:
    """The program, once it has indexed the rows."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._input, self._output = process.stdin, process.stdout
        wall, cpu, size = map(int, self._line().split())
        self.seconds, self.cpu_seconds, self.bytes = wall / 1e9, cpu / 1e9, size

    def ask(self, question: str) -> tuple[float, str]:
        """Milliseconds it took, and what was found."""
        self._input.write(question + "\n")
        self._input.flush()
        taken, found = self._line().split(" ", 1)
        return int(taken) / 1e6, found.rstrip("\n")

    def _line(self) -> str:
        line = self._output.readline()
        if not line:
            raise RuntimeError("the program with Lucene has ended")
        return line


@contextmanager
def running(folder: Path, rows: Iterable[bytes]) -> Iterator[Lucene]:
    """Lucene with these rows in a folder."""
    folder.mkdir()
    with (folder / "rows").open("wb") as file:
        file.writelines(rows)
    path = f"{node.libraries()}/*"
    subprocess.run(["javac", "-cp", path, "-d", str(folder), str(SOURCE)], check=True)
    command = ["java", *MEMORY, "-cp", f"{folder}:{path}", "LuceneBench", str(folder / "index"), str(folder / "rows")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Lucene(process)
        finally:
            process.terminate()
