"""Letting FTS act for us: it makes a key, and gets a proxy certificate for it that our certificate signs (RFC 3820)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import randbits
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import NameOID

from beamcat.errors import Unavailable

LIFE = timedelta(hours=24)
"""How long a proxy is good, unless the certificate ends before."""
RENEWED_BEFORE = timedelta(hours=8)
"""A proxy with less than this left is replaced: jobs that wait in FTS need it until they are done."""
PROXY_INFO = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"), bytes.fromhex("300c300a06082b06010505071501")
)
"""ProxyCertInfo that hands all rights on (id-ppl-inheritAll)."""

_BACK = timedelta(minutes=5)
"""Clocks differ."""


class Delegator:
    """Signs proxies with one certificate. Raises `Unavailable` when it cannot be read."""

    def __init__(self, certificate: Path, key: Path | None) -> None:
        try:
            chain = certificate.read_bytes()
            self._chain: Sequence[x509.Certificate] = x509.load_pem_x509_certificates(chain)
            private = chain if key is None else key.read_bytes()
            self._key = cast(
                "RSAPrivateKey | EllipticCurvePrivateKey", serialization.load_pem_private_key(private, None)
            )
        except (OSError, ValueError, TypeError) as error:
            raise Unavailable(f"the certificate {certificate} and its key cannot be read: {error}") from error

    def proxy(self, request: str, now: datetime) -> bytes:
        """The proxy for a key that FTS has made, with the certificates that lead to it, as PEM."""
        try:
            asked = x509.load_pem_x509_csr(request.encode())
        except ValueError as error:
            raise Unavailable(f"FTS asks for a proxy with what is no request: {error}") from error
        if not asked.is_signature_valid:
            raise Unavailable("FTS asks for a proxy with a request that it has not signed")
        issuer, serial = self._chain[0], randbits(63)
        names = [*issuer.subject.rdns, x509.RelativeDistinguishedName([_common_name(serial)])]
        ends = min(now + LIFE, *(each.not_valid_after_utc for each in self._chain))
        usage = x509.KeyUsage(
            digital_signature=True,
            key_encipherment=True,
            content_commitment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        proxy = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(names))
            .issuer_name(issuer.subject)
            .public_key(asked.public_key())
            .serial_number(serial)
            .not_valid_before(max(now - _BACK, issuer.not_valid_before_utc))
            .not_valid_after(ends)
            .add_extension(usage, critical=True)
            .add_extension(PROXY_INFO, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (proxy, *self._chain))


def is_good(termination: str | None, now: datetime) -> bool:
    """Whether a proxy that FTS has, by the end that it says, is good for a while."""
    if termination is None:
        return False
    try:
        ends = datetime.fromisoformat(termination)
    except ValueError:
        return False
    return (ends if ends.tzinfo else ends.replace(tzinfo=UTC)) - now > RENEWED_BEFORE


def _common_name(serial: int) -> x509.NameAttribute[str]:
    return x509.NameAttribute(NameOID.COMMON_NAME, str(serial))
