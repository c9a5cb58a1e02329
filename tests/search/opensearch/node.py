"""A node of OpenSearch on this machine, from Maven Central. It needs Java and Maven."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from tests.alone import alone

POM = Path(__file__).with_name("pom.xml")
PATIENCE_S = 120
PUBLISHED = re.compile(r"HttpServerTransport.*publish_address \{(127\.0\.0\.1:\d+)\}")
JAVA = ("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def missing() -> list[str]:
    """The commands that are needed and not here."""
    return [command for command in ("java", "mvn") if shutil.which(command) is None]


def libraries() -> Path:
    """The folder of its files, which are brought here once."""
    version = sha256(POM.read_bytes()).hexdigest()[:12]
    folder = Path.home() / ".cache/beamcat" / f"opensearch-{version}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        if not folder.is_dir():
            being_made = folder.with_name(f"{folder.name}.new")
            shutil.rmtree(being_made, ignore_errors=True)
            goal = ["dependency:copy-dependencies", f"-DoutputDirectory={being_made}"]
            subprocess.run(["mvn", "-q", "-B", "-f", str(POM), *goal], check=True, capture_output=True)
            being_made.rename(folder)
    return folder


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of a node that keeps its files in a folder."""
    config = folder / "config"
    config.mkdir()
    (config / "opensearch.yml").write_text(
        "transport.port: 0\nnetwork.host: 127.0.0.1\ncluster.routing.allocation.disk.threshold_enabled: false\n"
    )
    runner = ["org.codelibs.opensearch.runner.OpenSearchRunner", "-numOfNode", "1", "-useLogger"]
    places = ["-basePath", str(folder / "node"), "-confPath", str(config), "-clusterName", f"beamcat-{os.getpid()}"]
    java = ["java", *JAVA, "-cp", f"{libraries()}/*", *runner, *places]
    log = folder / "log"
    with log.open("wb") as output:
        # it ends with the tests, also when these are killed
        command = ["setpriv", "--pdeathsig", "TERM", *java]
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield _url(process, log)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it answers: it takes a port that is free, and tells it in its log."""
    until = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        if told := PUBLISHED.search(log.read_text()):
            url = f"http://{told[1]}"
            with contextlib.suppress(urllib.error.URLError, OSError):
                asked = f"{url}/_cluster/health?wait_for_status=yellow&timeout=5s"
                with urllib.request.urlopen(asked, timeout=10) as answer:
                    if answer.status == 200:
                        return url
        time.sleep(0.2)
    raise RuntimeError(f"OpenSearch does not answer:\n{log.read_text()[-3000:]}")
