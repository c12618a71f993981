"""The one reader of the platform's private keys: it seals envelopes, and signs what log and catalogue say.

SGN-1  What the log last said is kept beside the keys and outside the database (`signer.json`), on disk before it is
       signed: a checkpoint that did not grow out of it is not signed. A database that was restored from a backup is
       noticed before anybody is shown a fork.
SGN-2  Only a person begins the log anew (`begin_epoch`), under another name, and its first entry says out of what.
SGN-3  Keys are in files that nobody else can read; they are handed to nobody, and no error shows one.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..durable import KeyFileError, locked, make_key, read_key
from ..durable import replace as write
from ..errors import InputError
from ..transparency.checkpoints import Checkpoint, check_origin
from ..transparency.leaves import Epoch
from ..transparency.tree import HASH_BYTES, ProofError, Tree, verify_growth
from ..wire.catalogue import CATALOGUE_DOMAIN

PLATFORM_KEY_FILE: Final = "platform.key"
LOG_KEY_FILE: Final = "log.key"
STATE_FILE: Final = "signer.json"
_LOCK_FILE: Final = "signer.lock"


class RestoredError(InputError):
    """The database holds another history of the log than was signed last; nothing is signed until a person decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the log said last.

    Attributes:
        name: The log's name without its epoch.
        epoch: From 1.
        size: Entries.
        root: Root over them, 32 bytes.
        before: Size and root of the epoch before, when it was ended; 0 and zeros in the first.
    """

    name: str
    epoch: int
    size: int
    root: bytes
    before: tuple[int, bytes]

    @property
    def origin(self) -> str:
        """The log's name in its checkpoints."""
        return f"{self.name}/{self.epoch}"

    @property
    def opening(self) -> Epoch:
        """The first entry of this epoch."""
        size, root = self.before
        return Epoch(number=self.epoch, size=size, root=root)

    def encode(self) -> bytes:
        """As it stands in its file."""
        size, root = self.before
        facts = {
            "name": self.name,
            "epoch": self.epoch,
            "size": self.size,
            "root": self.root.hex(),
            "before": {"size": size, "root": root.hex()},
        }
        return json.dumps(facts, indent=1).encode() + b"\n"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            InputError: Missing or damaged.
        """
        try:
            match json.loads(path.read_bytes()):
                case {
                    "name": str(name),
                    "epoch": int(epoch),
                    "size": int(size),
                    "root": str(root),
                    "before": {"size": int(old), "root": str(old_root)},
                }:
                    before = old, bytes.fromhex(old_root)
                    said = cls(name=name, epoch=epoch, size=size, root=bytes.fromhex(root), before=before)
                    Checkpoint(origin=said.origin, size=size, root=said.root)
                    return said
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} cannot be read ({error}): restore it from its copy; it says what the log said last"
            ) from error
        raise InputError(f"{path} does not say what the log said last: restore it from its copy")


class Signer:
    """A platform's keys, and what its log said last; several processes may have one each.

    Args:
        folder: Of the platform; its keys lie in ``secrets/``.

    Raises:
        InputError: A key or the state is missing or damaged, or others than the owner can read a key.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._platform, self._log = (
                Ed25519PrivateKey.from_private_bytes(read_key(folder / "secrets" / name))
                for name in (PLATFORM_KEY_FILE, LOG_KEY_FILE)
            )
        except KeyFileError as error:
            raise InputError(str(error)) from error
        except OSError as error:
            raise InputError(
                f"a key of the platform cannot be read: {error}; restore secrets/ from its copy"
            ) from error
        Said.read(folder / STATE_FILE)

    @classmethod
    def create(cls, folder: Path, *, log_name: str, identity: Ed25519PrivateKey | None = None) -> Self:
        """Make keys and an empty log's state.

        Args:
            folder: Of the platform; ``secrets/`` is made if it is not there.
            log_name: The log's name, host and path, unique in the world.
            identity: What its envelopes are sealed with; None for a fresh key.

        Raises:
            InputError: There are keys already, or the name names no log.
            OSError: They cannot be written.
        """
        first = Said(name=log_name, epoch=1, size=0, root=Tree().root(), before=(0, bytes(HASH_BYTES)))
        check_origin(first.origin)
        secrets = folder / "secrets"
        secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(secrets / _LOCK_FILE):
            for path in (secrets / PLATFORM_KEY_FILE, secrets / LOG_KEY_FILE):
                if path.exists():
                    raise InputError(f"{path} exists already: this platform was set up before")
            make_key(secrets / PLATFORM_KEY_FILE, None if identity is None else identity.private_bytes_raw())
            make_key(secrets / LOG_KEY_FILE)
            write(folder / STATE_FILE, first.encode())
        return cls(folder)

    @property
    def identity(self) -> Ed25519PrivateKey:
        """What the platform's envelopes are sealed with (`aggregation.letters`)."""
        return self._platform

    @property
    def platform_key(self) -> bytes:
        """The platform's public key, 32 bytes."""
        return self._platform.public_key().public_bytes_raw()

    @property
    def log_key(self) -> bytes:
        """The log's public key, 32 bytes."""
        return self._log.public_key().public_bytes_raw()

    @property
    def said(self) -> Said:
        """What the log said last.

        Raises:
            InputError: The file is missing or damaged.
        """
        return Said.read(self._folder / STATE_FILE)

    def sign_checkpoint(self, tree: Tree) -> bytes:
        """Sign the whole of a log that grew out of what was signed last (SGN-1).

        Args:
            tree: Over all its entries.

        Returns:
            The signed note.

        Raises:
            RestoredError: It did not grow out of that.
            InputError: The state cannot be read.
            OSError: The state cannot be written; nothing was signed.
        """
        with locked(self._folder / "secrets" / _LOCK_FILE):
            said = self.said
            size, root = len(tree), tree.root()
            proof = tree.prove_growth(said.size, size) if said.size <= size else ()
            try:
                verify_growth((said.size, said.root), (size, root), proof)
            except ProofError as error:
                raise RestoredError(
                    f"the log {said.origin!r} was last signed with {said.size} entries, and the database holds another "
                    f"history ({error}): if it was restored from a backup, bring back the entries since with `fedstyle "
                    "log restore`, or begin a new epoch with `fedstyle log begin`"
                ) from error
            if (size, root) != (said.size, said.root):
                write(self._folder / STATE_FILE, replace(said, size=size, root=root).encode())
            return Checkpoint(origin=said.origin, size=size, root=root).sign(self._log)

    def begin_epoch(self) -> Said:
        """Begin the log anew under the next epoch's name (SGN-2); a person's decision, which artists must confirm.

        Raises:
            InputError: The state cannot be read.
            OSError: It cannot be written; the log goes on as it was.
        """
        with locked(self._folder / "secrets" / _LOCK_FILE):
            said = self.said
            following = replace(said, epoch=said.epoch + 1, size=0, root=Tree().root(), before=(said.size, said.root))
            write(self._folder / STATE_FILE, following.encode())
            return following

    def sign_catalogue(self, statement: bytes) -> bytes:
        """The platform's signature over what its catalogue holds, 64 bytes."""
        return self._platform.sign(CATALOGUE_DOMAIN + statement)
