"""A platform's folder: its settings in one file, its secrets in others, which only their owner can read.

PST-1  A setting that is unknown, missing or out of range is refused, never guessed.
PST-2  No setting is a secret: `platform.toml` may be shown to anybody. What is secret lies in ``secrets/``, is refused
       where others can read it, and is in no error, log or listing.
"""

import os
import tomllib
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..errors import InputError

SETTINGS_FILE: Final = "platform.toml"
_DATABASES: Final = ("sqlite", "postgresql")
_COMMENTS: Final = {
    "address": "Where artists call, as invitations say it.",
    "hosts": "Names and addresses in the server's certificate.",
    "listen": "Address and port to listen on; behind nginx leave it on loopback.",
    "local": "Address and port on loopback for browsers of this machine, without TLS; empty for none.",
    "has_tls": "false only behind a proxy that ends TLS with a certificate of its own.",
    "proxies": "Addresses of proxies whose X-Forwarded-For is believed.",
    "database": "sqlite (in this folder), or postgresql (its URL in secrets/database.url).",
    "invitation_days": "How long an invitation may be used.",
    "memory_mb": "Bodies of requests that are in memory together.",
    "connections": "Connections and requests at a time; beyond, 503.",
    "refusals_burst": "Refused requests that one address may send at once, before it has to wait.",
    "refusals_per_second": "The same in the long run.",
    "requests_burst": "Requests of one artist at once.",
    "requests_per_second": "The same in the long run.",
    "operator_port": "Port of the operator's page, on this machine alone; 0 takes one that is free at each start.",
    "log_level": "debug, info, warning or error.",
}
_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator decides; `_COMMENTS` says what each is.

    Raises:
        InputError: One is out of range.
    """

    address: str
    hosts: tuple[str, ...]
    listen: str
    local: str = ""
    has_tls: bool = True
    proxies: tuple[str, ...] = ()
    database: str = "sqlite"
    invitation_days: int = 14
    memory_mb: int = 24
    connections: int = 4096
    refusals_burst: int = 60
    refusals_per_second: float = 1.0
    requests_burst: int = 200
    requests_per_second: float = 20.0
    operator_port: int = 0
    log_level: str = "info"

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        rules = (
            (parts.scheme == "https" and bool(parts.hostname) and not parts.path, "address is https://HOST:PORT"),
            (len(self.hosts) > 0, "hosts has at least one name or address"),
            (self.database in _DATABASES, f"database is {' or '.join(_DATABASES)}"),
            (1 <= self.invitation_days <= 365, "invitation_days is 1 to 365"),
            (8 <= self.memory_mb <= 1 << 16, "memory_mb is 8 to 65536"),
            (16 <= self.connections <= 1 << 20, "connections is 16 to 1048576"),
            (min(self.refusals_burst, self.requests_burst) >= 1, "a burst is at least 1"),
            (min(self.refusals_per_second, self.requests_per_second) >= 0.01, "a rate is at least 0.01 a second"),
            (0 <= self.operator_port < 1 << 16, "operator_port is 0 to 65535"),
            (self.log_level in _LEVELS, f"log_level is {', '.join(_LEVELS)}"),
        )
        for holds, rule in rules:
            if not holds:
                raise InputError(f"{SETTINGS_FILE}: {rule}")
        _split("listen", self.listen)
        if self.local_on is not None and not ip_address(self.local_on[0]).is_loopback:
            raise InputError(f"{SETTINGS_FILE}: local is on loopback, for example 127.0.0.1:8080")

    @property
    def listen_on(self) -> tuple[str, int]:
        """Address and port."""
        return _split("listen", self.listen)

    @property
    def local_on(self) -> tuple[str, int] | None:
        """Address and port without TLS."""
        return _split("local", self.local) if self.local else None

    def encode(self) -> str:
        """As it stands in its file, each setting with what it is."""
        lines = ["# A platform's settings. No secrets here: they lie in secrets/.", ""]
        for item in fields(self):
            lines += [f"# {_COMMENTS[item.name]}", f"{item.name} = {_toml(getattr(self, item.name))}", ""]
        return "\n".join(lines)

    @classmethod
    def decode(cls, text: str) -> "Settings":
        """Read the file (PST-1).

        Raises:
            InputError: It is no TOML, or a setting is unknown, missing, of another kind or out of range.
        """
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{SETTINGS_FILE}: {error}") from error
        kinds = {item.name: item.type for item in fields(cls)}
        for name, value in values.items():
            if name not in kinds:
                raise InputError(f"{SETTINGS_FILE}: {name!r} is no setting; there are {', '.join(kinds)}")
            values[name] = _typed(name, value, kinds[name])
        try:
            return cls(**values)
        except TypeError as error:
            raise InputError(f"{SETTINGS_FILE}: address, hosts and listen must be there") from error


@dataclass(frozen=True, slots=True)
class PlatformFolder:
    """Where a platform keeps what is not in its database.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def secrets(self) -> Path:
        """Keys, each in a file of mode 0600."""
        return self.path / "secrets"

    @property
    def authority(self) -> Path:
        """Certificate of the platform's own authority, PEM."""
        return self.path / "tls" / "authority.pem"

    @property
    def authority_key(self) -> Path:
        """Its key."""
        return self.secrets / "authority.key"

    @property
    def certificate(self) -> Path:
        """The server's certificate, PEM."""
        return self.path / "tls" / "server.pem"

    @property
    def certificate_key(self) -> Path:
        """Its key."""
        return self.secrets / "server.key"

    @property
    def model(self) -> Path:
        """The model that the platform begins with, and with it its style space."""
        return self.path / "model.safetensors"

    @property
    def web(self) -> Path:
        """Files of the buyer's page, once they were exported; public."""
        return self.path / "web"

    @property
    def sqlite(self) -> Path:
        """The database, where it is SQLite."""
        return self.path / "platform.sqlite"

    def settings(self) -> Settings:
        """Read the settings.

        Raises:
            InputError: There are none, or they cannot be used.
        """
        path = self.path / SETTINGS_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InputError(f"{path} is not there: `fedstyle platform init {self.path}` makes a platform") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: {error}") from error
        return Settings.decode(text)

    def database_url(self, settings: Settings) -> str:
        """The database's URL, which may hold a password.

        Raises:
            InputError: The file that holds it is missing, or others can read it.
        """
        if settings.database == "sqlite":
            return f"sqlite:///{self.sqlite}"
        return read_secret(self.secrets / "database.url").decode().strip()


def read_secret(path: Path) -> bytes:
    """A file that only its owner can read (PST-2).

    Raises:
        InputError: It is missing, or others can read it.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise InputError(f"{path} can be read by others than its owner: chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): restore it from its copy") from error


def write_secret(path: Path, content: bytes) -> None:
    """A new file that only its owner can read (PST-2).

    Raises:
        OSError: It is there, or cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _split(name: str, listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        address = None
    if address is None or not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise InputError(f"{SETTINGS_FILE}: {name} is ADDRESS:PORT, for example 127.0.0.1:8443")
    return str(address), int(port)


def _typed(name: str, value: Any, kind: Any) -> Any:
    if kind == tuple[str, ...]:
        if type(value) is list and all(type(each) is str for each in value):
            return tuple(value)
        raise InputError(f"{SETTINGS_FILE}: {name} is a list of texts")
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise InputError(f"{SETTINGS_FILE}: {name} is {_KINDS[kind]}")
    return value


_KINDS: Final = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
        return f'"{escaped}"'
    return repr(value)
