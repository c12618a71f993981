"""The channel of a fleet: TLS in which both sides show a certificate of their own, and each trusts what it pinned.

No authority stands between: a certificate signs itself, and is handed over when a node is enrolled.

CHA-1  A fleet's SuperLink speaks to nodes whose certificates it was given, and to nobody else; a node speaks to the one
       SuperLink whose certificate it was given.
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAYS: Final = 825
_EARLIER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key, and the certificate by which it shows itself: of a node or of a SuperLink.

    Attributes:
        key: P-384, which is what Flower authenticates nodes by.
        certificate: Signed by that key.
    """

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, host: str) -> Self:
        """Fresh ones; `host` is where a SuperLink is called, or a node's name."""
        key, now = ec.generate_private_key(ec.SECP384R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - _EARLIER)
        builder = builder.not_valid_after(now + timedelta(days=_DAYS))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
        return cls(key, builder.sign(key, hashes.SHA384()))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """From what `save` wrote."""
        key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
        return cls(cast("ec.EllipticCurvePrivateKey", key), certificate)

    def save(self, folder: Path) -> None:
        """Two files in a folder for its owner alone."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "key.pem").touch(mode=0o600)
        (folder / "key.pem").write_bytes(secret)
        (folder / "certificate.pem").write_bytes(self.pem)

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def public_key(self) -> bytes:
        """As Flower encodes it."""
        return node_key(self.certificate)


def node_key(certificate: x509.Certificate) -> bytes:
    """The key of a certificate, as Flower encodes it."""
    return certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def make_context(side: int, own: Path, trusted: Iterable[x509.Certificate]) -> ssl.SSLContext:
    """TLS 1.3 for one side (CHA-1).

    Args:
        side: ``ssl.PROTOCOL_TLS_SERVER`` or ``ssl.PROTOCOL_TLS_CLIENT``.
        own: Folder of its credentials.
        trusted: Certificates of the other side.
    """
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(own / "certificate.pem", own / "key.pem")
    for certificate in trusted:
        context.load_verify_locations(cadata=certificate.public_bytes(serialization.Encoding.DER))
    return context


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
