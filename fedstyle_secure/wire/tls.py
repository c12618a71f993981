"""The channel: an authority of the platform's own, its server certificate, and agents that trust it alone.

TLS-1  An agent trusts the authority of its invitation and nobody else: not the machine's own list, not an older
       version of TLS than 1.3, not a certificate for another host. Only an invitation that names no authority, of a
       platform behind a proxy, leaves it to the machine's list who stands before the platform.
"""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import InputError

AUTHORITY_DAYS: Final = 3650
SERVER_DAYS: Final = 825  # what browsers and phones accept of a private authority
_EARLIER: Final = timedelta(days=1)  # a client's clock that is hours behind is no reason to refuse


def make_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key, for an authority or a server."""
    return ec.generate_private_key(ec.SECP256R1())


def encode_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PEM, PKCS 8, not encrypted: for a file that only its owner can read."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_authority(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    """The certificate of an authority that signs itself, for server certificates only.

    Args:
        key: Its own.
        name: Shown to whoever looks at the certificate.
    """
    subject = _named(name)
    usage = _usage(key_cert_sign=True, crl_sign=True)
    builder = _begin(subject, subject, key, AUTHORITY_DAYS)
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def make_certificate(
    key: ec.EllipticCurvePrivateKey,
    hosts: Sequence[str],
    *,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """A server's certificate.

    Args:
        key: The server's.
        hosts: Names and addresses under which agents call; at least one.
        authority: Who vouches.
        authority_key: Its key.

    Raises:
        InputError: There is no host, or one is neither a name nor an address.
    """
    if not hosts:
        raise InputError("a server certificate is for at least one host: give a name or an address")
    builder = _begin(_named(hosts[0]), authority.subject, key, SERVER_DAYS)
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )


def encode_certificate(certificate: x509.Certificate) -> bytes:
    """PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def client_context(certificates: str) -> ssl.SSLContext:
    """What an agent connects with (TLS-1).

    Args:
        certificates: The authority of its invitation, PEM; empty for those of the web, which this machine knows.

    Raises:
        InputError: They are none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the host, loads no authority
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if not certificates:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError) as error:
        raise InputError(f"the invitation's certificate is none ({error}): ask the operator for a new one") from error
    return context


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a platform listens with.

    Args:
        certificate: PEM file of its certificate.
        key: PEM file of its key.

    Raises:
        InputError: A file cannot be read, is none, or they do not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{certificate} and {key} are no certificate and its key: {error}") from error
    return context


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])  # RFC 5280's bound


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError as error:
        raise InputError(f"{host!r} is neither a host name in ASCII nor an address") from error


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
