"""A platform is made: keys, certificates, settings, a database, and what all trainings begin with."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..durable import replace
from ..errors import InputError
from ..server.foundation import Foundation
from ..wire import tls
from .service import public_pins
from .settings import SETTINGS_FILE, PlatformFolder, Settings, write_secret
from .signer import Signer
from .store.database import Database
from .store.trainings import keep_foundation


def make_platform(
    path: Path,
    settings: Settings,
    *,
    log_name: str,
    database_url: str | None,
    foundation: bytes | None,
    identity: Ed25519PrivateKey | None = None,
) -> str:
    """Make a platform in a folder.

    Args:
        path: Not there yet, or empty; only its owner can look into it.
        settings: Of the platform.
        log_name: The log's name.
        database_url: Of a PostgreSQL database; None for SQLite.
        foundation: What trainings begin with, encoded; None for a platform that only carries what another process
            asks, and that nobody joins.
        identity: What its envelopes are sealed with; None for a fresh key.

    Returns:
        The fingerprint for artists to compare.

    Raises:
        InputError: There is something in the folder, or what is given cannot be used.
        StorageError: The database cannot be reached.
        OSError: Something cannot be written.
    """
    if path.exists() and any(path.iterdir()):
        raise InputError(f"{path} has something in it: name a folder that is not there yet")
    if foundation is not None:
        Foundation.decode(foundation)
    folder = PlatformFolder(path)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    signer = Signer.create(path, log_name=log_name, identity=identity)
    _certify(folder, settings)
    if database_url is not None:
        write_secret(folder.secrets / "database.url", database_url.encode() + b"\n")
    database = Database.open(folder.database_url(settings))
    try:
        with database.writing() as connection:
            if foundation is not None and not keep_foundation(connection, foundation):
                raise InputError("the database has a foundation already: name an empty one")
    finally:
        database.close()
    replace(path / SETTINGS_FILE, settings.encode().encode())  # last: a platform with settings is whole
    return public_pins(folder, settings, signer).fingerprint


def _certify(folder: PlatformFolder, settings: Settings) -> None:
    """An authority of the platform's own, and a certificate of it for its hosts."""
    authority_key, key = tls.make_key(), tls.make_key()
    authority = tls.make_authority(authority_key, f"fedstyle platform {settings.hosts[0]}")
    certificate = tls.make_certificate(key, settings.hosts, authority=authority, authority_key=authority_key)
    folder.authority.parent.mkdir(mode=0o755)
    write_secret(folder.authority_key, tls.encode_key(authority_key))
    write_secret(folder.certificate_key, tls.encode_key(key))
    folder.authority.write_bytes(tls.encode_certificate(authority))
    folder.certificate.write_bytes(tls.encode_certificate(certificate))
