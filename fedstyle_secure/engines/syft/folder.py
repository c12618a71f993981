"""A folder that several machines see (a shared disk, what a drive's client keeps alike) as a transport of syft's.

    PARTY/cards/READER.json     a party's card for one reader: its syft key and its version of syft (`cards`)
    PARTY/from/SENDER/*         what a sender proposes to write into this party's datasite
    PARTY/to/READER/*           what changed in this party's datasite, for one reader

SYF-1  Nothing goes into the folder, and nothing is taken out of it, that syft has not sealed for one party: syft itself
       sends in clear what it has no key for.
SYF-2  What a party keeps for itself (who its peers are, what happened in its datasite) is not in the folder, where
       whoever runs it could change it: peers are those that were enrolled.
SYF-3  A message is taken once: the same name again is an old one. One that cannot be taken is put aside, and holds
       nothing up.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

import syft_crypto_python as syc
from pydantic import Field, PrivateAttr
from syft.sync.connections.base_connection import ConnectionConfig, SyftboxPlatformConnection
from syft.sync.version.version_info import VersionInfo

from ...errors import InputError
from ...writing import write_whole
from .cards import Card, CardError, read_card

LARGEST: Final = 1 << 28
"""Bytes of the largest message that is taken: eight of the longest masked vectors."""


class FolderError(InputError):
    """The shared folder cannot be used."""


class FolderConnection(SyftboxPlatformConnection):
    """One party's way into a shared folder."""

    _taken: set[str] = PrivateAttr(default_factory=set)
    _last: Path | None = PrivateAttr(default=None)
    problems: dict[str, str] = Field(default_factory=dict)
    """By peer: what is wrong with its card."""

    @classmethod
    def from_config(cls, config: ConnectionConfig) -> "FolderConnection":
        """The one connection of a party, however often syft asks for it."""
        if not isinstance(config, FolderConfig):
            raise FolderError("a connection to a folder needs a FolderConfig")
        if config._connection is None:
            config._connection = connection = cls(config=config)
            connection._taken = set(connection._journal.read_text().split()) if connection._journal.exists() else set()
        return config._connection

    @property
    def _facts(self) -> "FolderConfig":
        if not isinstance(self.config, FolderConfig):
            raise FolderError("a connection to a folder needs a FolderConfig")
        return self.config

    @property
    def _journal(self) -> Path:
        """Names of the messages that were taken (SYF-3)."""
        return self._facts.state / "taken"

    # What is between two parties.

    def watcher_send_raw_bytes_to_inbox(self, recipient: str, filename: str, data: bytes) -> None:
        """Propose a change to another's datasite."""
        self._put(self._facts.folder / recipient / "from" / self._facts.email, filename, data)

    def owner_download_next_raw_proposed_message_from_inbox(self, sender_email: str) -> tuple[bytes, str] | None:
        """The oldest proposal of a sender that was not taken yet, and its name."""
        return next(self._untaken(self._inbox(sender_email)), None)

    def owner_remove_proposed_filechange_message_from_inbox(self, message: Any) -> None:
        """A proposal was taken."""
        self._settle(message.platform_id)

    def owner_write_raw_bytes_to_outbox(self, recipient: str, filename: str, data: bytes) -> None:
        """Tell a reader what changed in the own datasite."""
        self._put(self._facts.folder / self._facts.email / "to" / recipient, filename, data)

    def watcher_get_outbox_file_metadatas(self, peer_email: str, since_timestamp: float | None) -> list[dict[str, str]]:
        """The oldest news that was not taken yet: by name, not by `since_timestamp`, since a drive keeps no order."""
        del since_timestamp
        outbox = self._facts.folder / peer_email / "to" / self._facts.email
        return [{"file_id": name} for _, name in self._untaken(outbox)][:1]

    def download_file(self, file_id: str) -> bytes:
        """What `watcher_get_outbox_file_metadatas` named."""
        return self._read(self._facts.folder / file_id)

    def has_untaken(self, sender: str) -> bool:
        """Whether a proposal of a sender was not taken yet."""
        return any(self._names(self._inbox(sender)))

    @property
    def in_hand(self) -> str:
        """The message that was handed out last and is not settled; "" for none."""
        return "" if self._last is None else str(self._last.relative_to(self._facts.folder))

    def settle(self) -> None:
        """Take the message in hand for an old one, whether it could be taken or not (SYF-3)."""
        if name := self.in_hand:
            self._settle(name)

    def _put(self, place: Path, filename: str, data: bytes) -> None:
        _check_sealed(data, filename)
        try:
            place.mkdir(parents=True, exist_ok=True)
            write_whole(place / filename, data)
        except OSError as error:
            raise FolderError(f"{place} cannot be written to: {error.strerror}") from error

    def _inbox(self, sender: str) -> Path:
        return self._facts.folder / self._facts.email / "from" / sender

    def _names(self, place: Path) -> Iterator[tuple[Path, str]]:
        """Of what lies there and was not taken, oldest first: where it is, and its path in the folder."""
        for path in sorted(place.glob("*.tar.gz"), key=_written_at):
            name = str(path.relative_to(self._facts.folder))
            if name not in self._taken and not path.is_symlink():
                yield path, name

    def _untaken(self, place: Path) -> Iterator[tuple[bytes, str]]:
        """What lies there and was not taken, oldest first, with its path in the folder."""
        for path, name in self._names(place):
            try:
                yield self._read(path), name
            except FolderError:
                self.settle()

    def _read(self, path: Path) -> bytes:
        self._last = path
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            raise FolderError(f"{path} cannot be read: {error.strerror}") from error
        _check_sealed(data, path.name)
        return data

    def _settle(self, name: str) -> None:
        self._taken.add(name)
        with self._journal.open("a") as file:
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # whoever may not remove it knows it by its name
            (self._facts.folder / name).unlink()
        self._last = None

    # Who the peers are (SYF-2).

    def get_authenticated_email(self) -> str:
        """The own name."""
        return self._facts.email

    def _get_peers_json(self, force_download: bool = False) -> dict[str, dict[str, str]]:
        del force_download
        return {peer: {"state": "accepted"} for peer in self._facts.peers}

    def get_peer_requests(self) -> list[str]:
        """None: whoever is not enrolled is no peer."""
        return []

    def _update_peer_state(self, *_: object) -> None:
        """Peers are those that were enrolled."""

    def read_peer_encryption_bundle(self, peer_email: str) -> str | None:
        """A peer's key, as the peer's enrolled key vouches for it; None while it has not come."""
        card = self._card(peer_email)
        return None if card is None else card.bundle

    def read_peer_version_file(self, peer_email: str) -> VersionInfo | None:
        """The version of syft that a peer runs."""
        card = self._card(peer_email)
        if card is None:
            return None
        version = VersionInfo.current()
        return version.model_copy(update={"syft_client_version": card.version, "syft_client_install_source": None})

    def _card(self, peer: str) -> Card | None:
        self.problems.pop(peer, None)
        try:
            return read_card(self._facts.folder, peer, self._facts.email)
        except CardError as error:
            self.problems[peer] = str(error)
        except OSError as error:
            self.problems[peer] = f"the card of {peer[:16]} has not come, or cannot be read: {error.strerror}"
        return None

    # What syft keeps of the own datasite beside the datasite itself: it is there on this machine's own disk already.

    def owner_write_raw_bytes_to_syftbox(self, filename: str, data: bytes) -> str:  # noqa: D102, ARG002
        return filename

    def owner_get_all_accepted_event_file_ids(self, since_timestamp: float | None = None) -> list[str]:  # noqa: D102, ARG002
        return []

    def download_raw_latest_checkpoint(self) -> bytes | None:  # noqa: D102
        return None

    def download_all_raw_incremental_checkpoints(self) -> list[bytes]:  # noqa: D102
        return []

    def download_raw_rolling_state(self) -> bytes | None:  # noqa: D102
        return None

    def upload_raw_incremental_checkpoint(self, filename: str, data: bytes) -> str:  # noqa: D102, ARG002
        return filename

    def get_next_incremental_sequence_number(self) -> int:  # noqa: D102
        return 1

    def get_incremental_checkpoint_count(self) -> int:  # noqa: D102
        return 0

    def delete_rolling_state(self) -> None:  # noqa: D102
        pass

    def upload_raw_rolling_state(self, filename: str, data: bytes) -> str:  # noqa: D102, ARG002
        return filename

    def watcher_list_collections(self, prefix: str) -> list[dict[str, str]]:  # noqa: D102, ARG002
        return []


class FolderConfig(ConnectionConfig):
    """Where a shared folder is, and for whom."""

    connection_type: ClassVar[type[SyftboxPlatformConnection]] = FolderConnection
    folder: Path
    state: Path
    """Of this party alone: which messages it took."""
    email: str
    peers: tuple[str, ...]
    _connection: FolderConnection | None = PrivateAttr(default=None)


def _check_sealed(data: bytes, name: str) -> None:
    """Refuse what syft has not sealed (SYF-1)."""
    try:
        syc.parse_envelope(data)
    except Exception as error:
        raise FolderError(f"{name} is not sealed: it is neither sent nor taken") from error
    if len(data) > LARGEST:
        raise FolderError(f"{name} is longer than {LARGEST} bytes: it is neither sent nor taken")


def _written_at(path: Path) -> tuple[float, str]:
    """When a message says that it was written, in its name; those of one moment by name."""
    try:
        return float(path.name.split("_")[1]), path.name
    except (IndexError, ValueError):
        return time.time(), path.name
