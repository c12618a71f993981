"""An artist's folder on the artist's own machine: all that an agent needs to go on, and nothing for anybody else.

    terms.toml        what the artist insists on; for people to read and change (`termsfile`)
    artist.sqlite     identity, sessions, outbox; encrypted under artist.key (`store`)
    features/         numbers of artworks, encrypted (`feature_cache`)
    ledger/           what was released, its key, and the recovery file to copy elsewhere (`recovery`)
    pins.json         the platform that was joined
    showcase.json     what copies of works are known by that the artist shows anyway (`showcase`)
    status.json       what the agent did last, for `fedstyle artist status`
    evidence/         what was refused because somebody lied
    seen/             the platform's public catalogue, for the artist's page

HOM-1  The folder belongs to its owner: folders are made with mode 0700, what is not encrypted in them with 0600, and a
       folder that others can look into is not used.
HOM-2  One process at a time: whoever opens a home holds its store (STO-3), and a second is told so.
HOM-3  A home is whole or unfinished: before `pins.json` is there nobody was joined, and `join` goes on with the same
       key.
"""

import json
import os
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..durable import replace
from ..encoder.folders import make_private
from ..errors import InputError
from ..writing import write_whole
from .pins import PlatformPins
from .store import FileStore
from .termsfile import StandingTerms

TERMS_FILE, PINS_FILE, STATUS_FILE = "terms.toml", "pins.json", "status.json"
STORE_FILE: Final = "artist.sqlite"
FEATURES_FOLDER, LEDGER_FOLDER, EVIDENCE_FOLDER, SEEN_FOLDER = "features", "ledger", "evidence", "seen"
LEDGER_FILE: Final = "ledger.jsonl"
TRAINING, OUTCOME, UNSIGNED, ENDED = "training", "outcome", "unsigned", "ended"
"""In the store: the training that was agreed to last, and what it came to; there while its signature was not published;
and why no agent takes part from this home any more."""
SIGNATURE: Final = "signature/"
"""In the store, before the name of a publication: the signature that was made for it."""
KEYS_UNTIL: Final = "keys until"
"""In the store while keys for a window live: until when, in whole seconds of this machine's clock."""
IDENTITY, NEXT_IDENTITY = "identity", "next identity"
"""In the store: the signing key, and the one that is to take its place while the platform is asked."""
_FEATURES_KEY: Final = "features key"
_KEY_BYTES: Final = 32


class Home:
    """An open home: this process alone has it (HOM-2).

    Args:
        folder: Where it is.
        store: Its open store.
    """

    def __init__(self, folder: Path, store: FileStore) -> None:
        self.folder, self.store = folder, store

    @classmethod
    def make(cls, folder: Path, terms: str) -> Self:
        """Begin a home, or open one that `make` began and nobody joined with (HOM-3).

        Args:
            folder: Made with mode 0700; empty, or an unfinished home.
            terms: Of ``terms.toml``, unless that is there.

        Raises:
            InputError: It is another folder, others can look into it, or it has joined a platform already.
            StoreError: Another process has it open.
        """
        try:
            if folder.is_dir() and any(folder.iterdir()) and not (folder / STORE_FILE).exists():
                raise InputError(f"{folder} holds other things: give --home a folder that does not exist yet")
            make_private(folder)
            for name in (FEATURES_FOLDER, LEDGER_FOLDER, EVIDENCE_FOLDER):
                make_private(folder / name)
            _check_private(folder)
            if not (folder / TERMS_FILE).exists():
                replace(folder / TERMS_FILE, terms.encode())
        except OSError as error:
            raise InputError(f"{folder} cannot be an artist's folder ({error}): give another --home") from error
        if (folder / PINS_FILE).exists():
            raise InputError(
                f"{folder} has joined {read_pins(folder).address} already: `fedstyle artist run` takes part there; "
                "give another --home to join a second platform"
            )
        home = cls(folder, FileStore.open(folder / STORE_FILE))
        if home.store.read(IDENTITY) is None:
            fresh = Ed25519PrivateKey.generate().private_bytes_raw()
            home.store.write({IDENTITY: fresh, _FEATURES_KEY: os.urandom(_KEY_BYTES)})
        return home

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a home that has joined.

        Raises:
            InputError: There is none, or others can look into it.
            StoreError: Another process has it open, or its state or key is damaged.
        """
        read_pins(folder)
        _check_private(folder)
        home = cls(folder, FileStore.open(folder / STORE_FILE))
        if home.store.read(IDENTITY) is None:
            home.close()
            raise InputError(f"{folder} has lost its identity: put a copy of {STORE_FILE} and its key back")
        return home

    def close(self) -> None:
        """Let another process open it."""
        self.store.close()

    @property
    def identity(self) -> Ed25519PrivateKey:
        """The long-lived signing key, made here and never sent."""
        return Ed25519PrivateKey.from_private_bytes(self.store.read(IDENTITY) or b"")

    @property
    def features_key(self) -> bytes:
        """What features are encrypted under, 32 bytes."""
        return self.store.read(_FEATURES_KEY) or b""

    @property
    def terms(self) -> StandingTerms:
        """What the artist insists on now.

        Raises:
            InputError: One sentence about the line that is wrong.
        """
        return read_terms(self.folder)

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is; its key is beside it."""
        return ledger_path(self.folder)

    def pin(self, pins: PlatformPins) -> None:
        """Join for good (HOM-3); the artist alone changes what is pinned (PIN-1)."""
        replace(self.folder / PINS_FILE, pins.encode())

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Leave word of what the agent is doing, for `fedstyle artist status`."""
        content = json.dumps({**facts, "time": round(time.time())}, indent=1, ensure_ascii=False) + "\n"
        try:
            write_whole(self.folder / STATUS_FILE, content.encode())
            (self.folder / STATUS_FILE).chmod(0o600)
        except OSError:
            return  # whoever looks is told something old; a disk that is full is told elsewhere

    def keep_evidence(self, kind: str, content: bytes) -> Path:
        """Keep what shows that somebody lied, under a name that says what it is.

        Raises:
            OSError: It cannot be written.
        """
        path = self.folder / EVIDENCE_FOLDER / f"{kind}-{sha256(content).hexdigest()[:16]}"
        if not path.exists():
            replace(path, content)
        return path


def read_pins(folder: Path) -> PlatformPins:
    """The platform that a home has joined.

    Raises:
        InputError: None, or the file is damaged.
    """
    path = folder / PINS_FILE
    try:
        return PlatformPins.decode(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{folder} has joined no platform: `fedstyle artist join INVITATION --artworks DIR` does, or --home names "
            "another folder"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except InputError as error:
        raise InputError(f"{path} is damaged ({error}): put a copy back") from error


def log_note(origin: str) -> str:
    """In the store: the newest checkpoint that was taken of the log of this name."""
    return f"log note {origin}"


def read_terms(folder: Path) -> StandingTerms:
    """A home's terms.

    Raises:
        InputError: One sentence about the line that is wrong.
    """
    return StandingTerms.read(folder / TERMS_FILE)


def read_status(folder: Path) -> dict[str, Any]:
    """What the agent left word of last; empty if it never ran."""
    try:
        content = json.loads((folder / STATUS_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def ledger_path(folder: Path) -> Path:
    """Where a home's ledger is; its key is beside it."""
    return folder / LEDGER_FOLDER / LEDGER_FILE


def _check_private(folder: Path) -> None:
    """Refuse a home that others can look into (HOM-1)."""
    if folder.stat().st_mode & 0o077:
        raise InputError(f"{folder} can be looked into by others than its owner: chmod 700 {folder}")
