"""Two parties and the files between them, through syft: an artist's datasite, and whoever may visit it.

An artist owns its datasite, and says there who may write and read what: a visitor proposes files into one folder of it,
and sees another. Files are text (base64), which is what syft proposes; each is written once, and never changed.

SYF-7  One box for one visitor: syft believes what a message says of who sent it, so that two visitors of one datasite
       could write in each other's name.
SYF-8  A visitor writes what was permitted to it, and reads what was permitted to it; what a message from an artist
       says of other datasites than its own is not written anywhere.
"""

import io
import logging
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from syft import __version__ as syft_version
from syft.sync.peers.peer_store import PeerStore
from syft.sync.syftbox_manager import SyftboxManager, SyftboxManagerConfig
from syft.sync.sync.caches.datasite_owner_cache import DataSiteOwnerEventCacheConfig
from syft.sync.sync.caches.datasite_watcher_cache import DataSiteWatcherCacheConfig
from syft.sync.sync.datasite_owner_syncer import DatasiteOwnerSyncerConfig
from syft.sync.sync.datasite_watcher_syncer import DatasiteWatcherSyncerConfig
from syft.sync.version.peer_manager import PeerManagerConfig
from syft_permissions.spec.access import Access
from syft_permissions.spec.rule import Rule
from syft_permissions.spec.ruleset import PERMISSION_FILE_NAME, RuleSet

from ...errors import InputError
from ...writing import write_whole
from .cards import keep_keys, name_of, show_card
from .folder import FolderConfig, FolderConnection, FolderError

REQUESTS, ANSWERS = "requests", "answers"
_SUFFIX: Final = ".b64"
_MESSAGES: Final = 1_000
"""Most messages of one peer that one call takes: more come with the next."""
_TRIES: Final = 2
"""How often a message is tried: what an interrupted sync left behind is mended by the next."""
_EVENTS: Final = 8
"""After so many changes syft keeps what is left of them, and forgets the rest."""

logging.getLogger("syft").setLevel(logging.ERROR)


def configure(
    shared: Path, own: Path, identity: Ed25519PrivateKey, peers: Sequence[str], *, owns: bool
) -> SyftboxManagerConfig:
    """How syft is set up for one party.

    Args:
        shared: Folder that all parties see.
        own: Folder of this party alone.
        identity: Its enrolled key.
        peers: Names of those whom it exchanges files with.
        owns: Whether it owns a datasite, or visits others'.

    Raises:
        InputError: A folder cannot be used.
    """
    name = name_of(identity.public_key().public_bytes_raw())
    box = own / "box"
    try:
        keys = keep_keys(own / "keys", name)
        (own / "state").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InputError(f"{own} cannot hold what syft keeps of a party: {error.strerror}") from error
    way = FolderConfig(folder=shared, state=own / "state", email=name, peers=tuple(peers))
    return SyftboxManagerConfig(
        email=name,
        syftbox_folder=box,
        has_do_role=owns,
        has_ds_role=not owns,
        use_in_memory_cache=False,
        datasite_owner_syncer_config=DatasiteOwnerSyncerConfig(
            email=name,
            syftbox_folder=box,
            connection_configs=[way],
            cache_config=DataSiteOwnerEventCacheConfig(email=name, syftbox_folder=box, use_in_memory_cache=False),
        ),
        datasite_watcher_syncer_config=DatasiteWatcherSyncerConfig(
            email=name,
            syftbox_folder=box,
            connection_configs=[way],
            datasite_watcher_cache_config=DataSiteWatcherCacheConfig(
                email=name, syftbox_folder=box, use_in_memory_cache=False, connection_configs=[way]
            ),
        ),
        peer_manager_config=PeerManagerConfig(
            syftbox_folder=box,
            email=name,
            connection_configs=[way],
            has_do_role=owns,
            has_ds_role=not owns,
            use_encryption=True,
            crypto_keys_path=keys,
        ),
    )


class Box:
    """What both ends of an exchange of files have in common.

    Args:
        shared: Folder that all parties see.
        own: Folder of this party alone, made with mode 0700.
        identity: Its enrolled key.
        peers: Enrolled Ed25519 public keys of those whom it exchanges files with, 32 bytes each.
        owns: Whether it owns a datasite.

    Attributes:
        name: What syft calls this party.
        refused: By name of a message: why it was not taken.

    Raises:
        InputError: A folder cannot be used.
    """

    def __init__(
        self, shared: Path, own: Path, identity: Ed25519PrivateKey, peers: Sequence[bytes], *, owns: bool
    ) -> None:
        names = [name_of(peer) for peer in peers]
        config = configure(shared, own, identity, names, owns=owns)
        self.name: str = config.email
        self.refused: dict[str, str] = {}
        self._failures: Counter[str] = Counter()
        self._box: Path = config.syftbox_folder
        self._manager = SyftboxManager.from_config(config)
        self._store: PeerStore = self._manager.peer_manager.peer_store
        (way,) = self._manager._connection_router.connections
        self._way: FolderConnection = way
        try:
            for peer in names:
                show_card(shared, peer, identity, self._store, syft_version)
        except OSError as error:
            raise FolderError(f"{shared} cannot be written to: {error.strerror}") from error

    @property
    def manager(self) -> SyftboxManager:
        """What syft runs on, for what syft builds upon it."""
        return self._manager

    @property
    def problems(self) -> dict[str, str]:
        """By name of a peer: what is wrong with its card, so that nothing goes to it or comes from it."""
        return self._way.problems

    def _take(self, syncing: Callable[[], object]) -> bool:
        """Let syft take messages; whether there may be more, because one could not be taken."""
        try:
            with redirect_stdout(io.StringIO()):  # syft prints
                syncing()
        except Exception as error:  # whatever a message made of syft, the next one is to be taken
            name = self._way.in_hand
            if not name:
                raise
            self._failures[name] += 1
            if self._failures[name] >= _TRIES:
                self.refused[name] = f"not taken ({type(error).__name__}): {error}"
                self._way.settle()
            return True
        return False


class ArtistBox(Box):
    """An artist's datasite, which one visitor proposes requests to and reads answers from (SYF-7).

    Args:
        shared: Folder that all parties see.
        own: Folder of this artist and visitor alone.
        identity: The artist's enrolled key.
        visitor: The visitor's enrolled key, 32 bytes.
    """

    def __init__(self, shared: Path, own: Path, identity: Ed25519PrivateKey, visitor: bytes) -> None:
        super().__init__(shared, own, identity, [visitor], owns=True)
        self.datasite = self._box / self.name
        self._visitor = name_of(visitor)
        RuleSet(
            rules=[
                Rule(pattern=f"{REQUESTS}/**", access=Access(write=[self._visitor])),
                Rule(pattern=f"{ANSWERS}/**", access=Access(read=[self._visitor])),
            ]
        ).save(self.datasite / PERMISSION_FILE_NAME)
        self._syncer = self._manager.datasite_owner_syncer
        self._cache = self._syncer.event_cache
        for path in (self.datasite / ANSWERS).rglob(f"*{_SUFFIX}"):  # a sync that was killed may not have told of it
            self._cache.file_hashes.pop(path.relative_to(self.datasite), None)

    def sync(self) -> bool:
        """Take what was proposed, and tell the visitor what changed.

        Returns:
            Whether the visitor's card is there and is what its enrolled key signed: without it, nothing was done.

        Raises:
            FolderError: The shared folder cannot be used.
        """
        self._manager.load_peers()
        if not self._store.has_peer_bundle(self._visitor):
            return False
        with self._manager.sync_file_lock():
            for _ in range(_MESSAGES):
                if not self._take(lambda: self._syncer.sync([self._visitor])):
                    break
            self._take(lambda: self._syncer.try_create_checkpoint(_EVENTS))
        self._cache.events_messages_connection.clear_cache()
        return True

    @property
    def has_news(self) -> bool:
        """Whether something lies in the shared folder that was not taken."""
        return self._way.has_untaken(self._visitor)

    def unanswered(self) -> Iterator[tuple[str, bytes]]:
        """What was asked and is not answered, oldest first, by its name."""
        requests = self.datasite / REQUESTS
        asked = [path for path in requests.rglob("*") if path.is_file() and path.suffix == _SUFFIX]
        for path in sorted(asked, key=lambda path: path.stat().st_mtime_ns):
            name = path.relative_to(requests).with_suffix("").as_posix()
            if not self._place(name).exists():
                yield name, _decode(path)

    def answer(self, name: str, content: bytes) -> None:
        """Answer what was asked under a name; it goes out with the next `sync`."""
        place = self._place(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, b64encode(content))

    def forget(self, name: str) -> None:
        """Remove what was asked and answered under a name, here and, with the next `sync`, at the visitor's."""
        for side in (REQUESTS, ANSWERS):
            (self.datasite / side / f"{name}{_SUFFIX}").unlink(missing_ok=True)

    def _place(self, name: str) -> Path:
        return self.datasite / ANSWERS / f"{name}{_SUFFIX}"


class VisitorBox(Box):
    """What one visitor of several artists' datasites proposes there and reads from there.

    Args:
        shared: Folder that all parties see.
        own: Folder of this visitor alone.
        identity: Its enrolled key.
        artists: Enrolled keys of the artists, 32 bytes each.
    """

    def __init__(self, shared: Path, own: Path, identity: Ed25519PrivateKey, artists: Sequence[bytes]) -> None:
        super().__init__(shared, own, identity, artists, owns=False)
        self._names = [name_of(artist) for artist in artists]
        self.meet()

    def meet(self) -> None:
        """Look at all cards again."""
        self._manager.load_peers()

    def knows(self, artist: bytes) -> bool:
        """Whether an artist's card is there, and is what its enrolled key signed."""
        return bool(self._store.has_peer_bundle(name_of(artist)))

    def ask(self, artist: bytes, name: str, content: bytes) -> None:
        """Propose a request to an artist.

        Raises:
            FolderError: The shared folder cannot be written to.
        """
        path, syncer = Path(name_of(artist)) / REQUESTS / f"{name}{_SUFFIX}", self._manager.datasite_watcher_syncer
        syncer.datasite_watcher_cache.file_hashes.pop(path, None)  # proposed as new: the first may never have come
        syncer.on_file_change(path, b64encode(content).decode())

    def answers(self, artist: bytes) -> Iterator[tuple[str, bytes]]:
        """What an artist answered since this was last asked, by the name it was asked under."""
        place = self.copy_of(artist) / ANSWERS
        for _ in self.pull(artist):
            for path in sorted(place.rglob(f"*{_SUFFIX}")):
                yield path.relative_to(place).with_suffix("").as_posix(), _decode(path)

    def pull(self, artist: bytes) -> Iterator[None]:
        """Take what an artist told since this was last done, one message after the other; yields after each."""
        peer, syncer = name_of(artist), self._manager.datasite_watcher_syncer
        syncer.datasite_watcher_cache.pre_write_filter = lambda path, _is_deleted: Path(path).parts[0] == peer
        for _ in range(_MESSAGES):
            if self._take(lambda: syncer.sync_down([peer])):
                continue
            if not self._way.in_hand:
                return
            yield
            self._way.settle()
            syncer.datasite_watcher_cache.events_connection.clear_cache()

    def copy_of(self, artist: bytes) -> Path:
        """What is known here of an artist's datasite."""
        return self._box / name_of(artist)


def _decode(path: Path) -> bytes:
    """A file's content; none for what is no base64, which is no envelope either."""
    try:
        return b64decode(path.read_bytes(), validate=True)
    except ValueError:
        return b""
