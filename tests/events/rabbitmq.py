"""A real RabbitMQ in a folder of its own: AMQP and STOMP, each plain and encrypted, on ports nobody else has.

It is no service of the system: it has its own node name, cookie, data and port mapper (epmd), runs as whoever runs the
tests, and is gone afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.access.directory import free_port, make_certificates

USER = "beamcat"
PASSWORD = "sun:shine/?#@ü"
"""With all that has to be encoded in a URL, and a colon, which ends the name of a STOMP header."""
START_S = 60
VHOST = "the facility"

CONFIG = """\
listeners.tcp.default = 127.0.0.1:{amqp}
listeners.ssl.1 = 127.0.0.1:{amqps}
listeners.ssl.2 = 127.0.0.2:{amqps}
stomp.listeners.tcp.1 = 127.0.0.1:{stomp}
stomp.listeners.ssl.1 = 127.0.0.1:{stomps}
stomp.listeners.ssl.2 = 127.0.0.2:{stomps}
ssl_options.cacertfile = {home}/ca.pem
ssl_options.certfile = {home}/server.pem
ssl_options.keyfile = {home}/server.key
ssl_options.verify = verify_none
loopback_users = none
load_definitions = {home}/definitions.json
log.console = true
log.console.level = warning
log.file = false
disk_free_limit.absolute = 1MB
"""

DEFINITIONS = {
    "users": [
        {"name": USER, "password": PASSWORD, "tags": ""},
        {"name": "onlooker", "password": PASSWORD, "tags": ""},
    ],
    "vhosts": [{"name": "/"}, {"name": VHOST}],
    "permissions": [
        {"user": USER, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"} for vhost in ("/", VHOST)
    ]
    + [{"user": "onlooker", "vhost": "/", "configure": "", "write": "", "read": ".*"}],
}

UNDERTAKER = """
import os, signal, sys
sys.stdin.read()
try:
    os.killpg(int(sys.argv[1]), signal.SIGKILL)
except ProcessLookupError:
    pass
"""
"""Ends the broker and its port mapper when the test run is killed: its standard input ends with the run."""


@dataclass
class RabbitMQ:
    """The broker. `start`, `stop` and `kill` are real; what is durable is there again after the next `start`."""

    home: Path
    group: int
    ports: dict[str, int]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None)

    def url(self, protocol: str, user: str = USER, password: str = PASSWORD, host: str = "localhost") -> str:
        """Where it is."""
        return f"{protocol}://{user}:{quote(password, safe='')}@{host}:{self.ports[protocol]}"

    @property
    def ca_file(self) -> Path:
        return self.home / "ca.pem"

    def start(self) -> None:
        """Return when it takes connections."""
        program = next(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
        log = self.home / "rabbitmq.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [program],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=self.group,
            )
        deadline = time.monotonic() + START_S
        while b"completed with" not in log.read_bytes():
            assert self.process.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it as an administrator does."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(START_S)
        self.process = None

    def kill(self) -> None:
        """End it without a warning."""
        assert self.process is not None
        os.kill(self.virtual_machine(), signal.SIGKILL)
        self.process.wait(START_S)
        self.process = None

    def virtual_machine(self) -> int:
        """The process id of Erlang, a child of the start script."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        [found] = [int(child) for child in children if Path(f"/proc/{child}/comm").read_text() == "beam.smp\n"]
        return found


@contextmanager
def running_rabbitmq(home: Path) -> Iterator[RabbitMQ]:
    """RabbitMQ with the users of `DEFINITIONS`, until the end of the block."""
    make_certificates(home)
    ports = {name: free_port() for name in ("amqp", "amqps", "stomp", "stomps", "node", "epmd")}
    (home / "rabbitmq.conf").write_text(CONFIG.format(home=home, **ports))
    (home / "definitions.json").write_text(json.dumps(DEFINITIONS))
    (home / "enabled_plugins").write_text("[rabbitmq_stomp].\n")
    (home / "rabbitmq-env.conf").touch()
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "ERL_EPMD_PORT": str(ports["epmd"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"beamcat-{ports['node']}@localhost",
        "RABBITMQ_DIST_PORT": str(ports["node"]),
        "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_LOGS": "-",
    }
    mapper = subprocess.Popen(
        ["epmd", "-address", "127.0.0.1", "-port", str(ports["epmd"])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    undertaker = subprocess.Popen(
        [sys.executable, "-c", UNDERTAKER, str(mapper.pid)], stdin=subprocess.PIPE, start_new_session=True
    )
    rabbitmq = RabbitMQ(home, mapper.pid, ports, environment)
    try:
        rabbitmq.start()
        yield rabbitmq
        if rabbitmq.process is not None:
            rabbitmq.stop()
    finally:
        os.killpg(mapper.pid, signal.SIGKILL)
        mapper.wait()
        undertaker.communicate()
