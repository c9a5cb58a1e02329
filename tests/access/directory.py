"""A real LDAP server (slapd) in a folder of its own, with a certificate of its own authority."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ldap3 import NONE, Connection, Server, Tls

CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {home}/slapd.pid
TLSCACertificateFile {home}/ca.pem
TLSCertificateFile {home}/server.pem
TLSCertificateKeyFile {home}/server.key
security simple_bind=128
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw "admin-secret"
directory {home}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=example,dc=org" read by users read by * none
"""

PEOPLE = """\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: cn=reader,dc=example,dc=org
objectClass: person
cn: reader
sn: reader
userPassword: reader-secret

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: uid=ann,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ann
cn: Ann Example
sn: Example
employeeNumber: E-1001
userPassword: sunshine

dn: uid=bob,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob Example
sn: Example
userPassword: rain

dn: uid=o\\2C dd\\2Bname (x)*,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: o, dd+name (x)*
cn: Odd Name
sn: Name
userPassword: odd

dn: cn=scientists,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: scientists
member: uid=ann,ou=people,dc=example,dc=org
member: uid=o\\2C dd\\2Bname (x)*,ou=people,dc=example,dc=org

dn: cn=operators,ou=groups,dc=example,dc=org
objectClass: posixGroup
cn: operators
gidNumber: 2000
memberUid: ann
memberUid: bob
"""


@dataclass(frozen=True)
class Directory:
    """The running server."""

    home: Path
    port: int
    tls_port: int

    @property
    def url(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def unnamed_url(self) -> str:
        """The same server under an address that its certificate does not name."""
        return f"ldap://127.0.0.2:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.home / "ca.pem"

    def change(self, dn: str, changes: dict[str, list[tuple[str, list[str]]]]) -> None:
        """Change an entry, as the administrator of the directory."""
        server = Server(self.tls_url, tls=Tls(validate=ssl.CERT_NONE), get_info=NONE)
        connection = Connection(server, "cn=admin,dc=example,dc=org", "admin-secret", auto_bind=True)
        try:
            assert connection.modify(dn, changes), connection.result
        finally:
            connection.unbind()


@contextmanager
def running_directory(home: Path) -> Iterator[Directory]:
    """slapd with `PEOPLE`, until the end of the block."""
    (home / "data").mkdir()
    make_certificates(home)
    config = home / "slapd.conf"
    config.write_text(CONFIG.format(home=home))
    people = home / "people.ldif"
    people.write_text(PEOPLE)
    subprocess.run(["/usr/sbin/slapadd", "-f", config, "-l", people], check=True, capture_output=True)
    directory = Directory(home, free_port(), free_port())
    process = subprocess.Popen(
        [
            "/usr/sbin/slapd",
            "-f",
            config,
            "-h",
            f"{directory.url} {directory.tls_url} {directory.unnamed_url}",
            "-d",
            "0",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(directory.port, process)
        wait_for(directory.tls_port, process)
        yield directory
    finally:
        process.terminate()
        process.wait(20)


def make_certificates(home: Path) -> None:
    """`ca.pem`, and `server.pem` for localhost signed by it; `other.pem` is an authority that signed nothing."""
    key = ["-newkey", "rsa:2048", "-nodes"]
    for name in ("ca", "other"):
        _openssl(
            home, "req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN=Test {name}"
        )
    _openssl(home, "req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (home / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    signed_by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    _openssl(home, "x509", "-req", "-in", "server.csr", *signed_by, "-extfile", "names", "-out", "server.pem")


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("localhost", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _openssl(home: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=home, check=True, capture_output=True)
