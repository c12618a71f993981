"""Who a party is to syft: a name made of its enrolled key, and a card by which that key vouches for syft's.

SYF-4  A syft key is one that the enrolled Ed25519 key signed for: nobody is trusted because its key came first, and a
       card that somebody replaced is refused with its name.
SYF-5  syft's private keys are in a file that only their owner can read, in a folder that holds nothing else of ours;
       our own keys never come near syft.
SYF-6  Both sides run a version of syft that was tried: another is named, with the range.
"""

import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from syft.sync.peers.peer_store import PeerStore

from ...errors import InputError
from ...extras import EXTRAS
from ...writing import write_whole

_KEYS_FILE: Final = "keys.json"
_AT: Final = "@fedstyle.invalid"
_DOMAIN: Final = b"fedstyle-secure/1/syft-card\0"
_LARGEST: Final = 1 << 16
_OWNER_ONLY: Final = 0o600


class CardError(InputError):
    """A party's card is not what its enrolled key signed, or names a version of syft that was not tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a party tells of itself.

    Attributes:
        bundle: Its syft public keys, as syft exchanges them: JSON.
        version: Of syft.
    """

    bundle: str
    version: str


def name_of(identity: bytes) -> str:
    """What syft calls the owner of an enrolled Ed25519 public key of 32 bytes; syft wants the form of an address."""
    return identity.hex() + _AT


def identity_of(name: str) -> bytes:
    """The inverse of `name_of`.

    Raises:
        CardError: It is no such name.
    """
    try:
        identity = bytes.fromhex(name.removesuffix(_AT))
    except ValueError:
        identity = b""
    if name_of(identity) != name or len(identity) != 32:
        raise CardError(f"{name!r} is no party of this platform")
    return identity


def card_file(shared: Path, owner: str, reader: str) -> Path:
    """Where in the shared folder a party's card for one reader is."""
    return shared / owner / "cards" / f"{reader}.json"


def show_card(shared: Path, reader: str, identity: Ed25519PrivateKey, store: PeerStore, version: str) -> None:
    """Put the own card into the shared folder.

    Args:
        shared: Folder that all parties see.
        reader: Name of the party that it is for.
        identity: The enrolled key.
        store: Has syft's keys.
        version: Of syft, here.

    Raises:
        OSError: It cannot be written.
    """
    bundle = json.dumps({"public_encryption_bundle": store.get_public_bundle()})
    facts = {"bundle": bundle, "reader": reader, "syft": version}
    statement = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    signature = identity.sign(_DOMAIN + statement.encode())
    card = {"statement": statement, "signature": b64encode(signature).decode()}
    path = card_file(shared, name_of(identity.public_key().public_bytes_raw()), reader)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(card).encode())


def read_card(shared: Path, owner: str, reader: str) -> Card:
    """Another party's card for this one, as its enrolled key signed it (SYF-4).

    Args:
        shared: Folder that all parties see.
        owner: The other party's name, which is its enrolled key.
        reader: This party's.

    Raises:
        CardError: It is not, or names a version of syft that was not tried (SYF-6).
        OSError: There is none, or it cannot be read.
    """
    path = card_file(shared, owner, reader)
    with path.open("rb") as file:
        data = file.read(_LARGEST)
    try:
        card = json.loads(data)
        statement = str(card["statement"]).encode()
        key = Ed25519PublicKey.from_public_bytes(identity_of(owner))
        key.verify(b64decode(card["signature"], validate=True), _DOMAIN + statement)
        facts: dict[str, Any] = json.loads(statement)
        found = Card(bundle=str(facts["bundle"]), version=str(facts["syft"]))
        is_mine = facts["reader"] == reader
    except (InvalidSignature, ValueError, KeyError, TypeError):
        is_mine = False
    if not is_mine:
        raise CardError(
            f"{path} is not what the key that was enrolled for {owner.removesuffix(_AT)[:16]} signed for this reader: "
            "somebody replaced it, or its owner was enrolled anew; nothing is sent to it or taken from it"
        )
    library = EXTRAS["syft"][0]
    if not library.fits(found.version):
        raise CardError(f"{path}: its owner runs syft {found.version[:40]}, this was tried with {library.range}")
    return found


def keep_keys(folder: Path, name: str) -> Path:
    """The private keys that syft has of a party, made where there are none (SYF-5).

    Args:
        folder: Theirs alone; made with mode 0700.
        name: The party's.

    Returns:
        The file, with mode 0600, whatever it had.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / _KEYS_FILE
    if not path.exists():
        fresh = folder / f".{_KEYS_FILE}.new"
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY))
        store = PeerStore(email=name, use_encryption=True)
        store.generate_keys()
        store.save_keys(fresh)  # which keeps the mode of a file that is there
        fresh.replace(path)
    path.chmod(_OWNER_ONLY)
    return path
