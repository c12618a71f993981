"""The log over the wire: what its public routes answer, and how whoever watches it reads them.

WLG-1  Nothing that comes back is believed: it is read into what `transparency` can check, or refused.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from ..errors import InputError
from ..transparency.tree import HASH_BYTES
from ..transparency.watch import Place, Watch
from .routes import Route

_MOST_ENTRIES: Final = 1 << 20


def encode_proof(proof: Sequence[bytes]) -> bytes:
    """A proof's hashes as JSON."""
    return json.dumps({"hashes": [node.hex() for node in proof]}).encode()


def decode_proof(body: bytes) -> tuple[bytes, ...]:
    """The hashes of a proof.

    Raises:
        InputError: None.
    """
    proof = tuple(_read(body, "hashes", bytes.fromhex))
    if any(len(node) != HASH_BYTES for node in proof):
        raise InputError(f"a proof is made of hashes of {HASH_BYTES} bytes")
    return proof


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Entries as JSON: they are text."""
    return json.dumps({"leaves": [entry.decode() for entry in entries]}, ensure_ascii=False).encode()


def decode_entries(body: bytes) -> list[bytes]:
    """The entries.

    Raises:
        InputError: None.
    """
    return _read(body, "leaves", str.encode)


class LogReader:
    """Reads a platform's log.

    Args:
        fetch: Gets the body of a public page by its path; raises for what is refused.
    """

    def __init__(self, fetch: Callable[[str], bytes]) -> None:
        self._fetch = fetch

    def follow(self, watch: Watch) -> Watch:
        """The watch at the log's newest checkpoint.

        Raises:
            CheckpointError: The log did not sign it.
            ForkError: It did not grow out of the newest one taken before.
        """
        note = self._fetch(Route.CHECKPOINT)
        return watch.take(note, self.growth(watch, note))

    def growth(self, watch: Watch, note: bytes) -> tuple[bytes, ...]:
        """The platform's proof that a checkpoint grew out of the newest one taken; not checked."""
        size = watch.open(note).size
        if not 0 < watch.size < size:
            return ()
        return decode_proof(self._fetch(f"{Route.CONSISTENCY}?{urlencode({'old': watch.size, 'new': size})}"))

    def place(self, leaf: int, size: int) -> Place:
        """Where an entry stands, with the platform's proof; not checked.

        Raises:
            InputError: No proof came back.
        """
        body = self._fetch(f"{Route.INCLUSION}?{urlencode({'leaf': leaf, 'size': size})}")
        return Place(leaf=leaf, proof=decode_proof(body))

    def entries(self, start: int, end: int) -> list[bytes]:
        """Entries from `start` to before `end`; not checked.

        Raises:
            InputError: Others came back, or there are more than anybody reads.
        """
        if end - start > _MOST_ENTRIES:
            raise InputError(f"the log has {end - start} new entries, more than {_MOST_ENTRIES}")
        entries: list[bytes] = []
        while start + len(entries) < end:
            query = urlencode({"start": start + len(entries), "end": end})
            fresh = decode_entries(self._fetch(f"{Route.LEAVES}?{query}"))
            if not fresh or start + len(entries) + len(fresh) > end:
                raise InputError(f"{len(fresh)} entries came back where {end - start - len(entries)} were asked for")
            entries += fresh
        return entries


def _read(body: bytes, name: str, read: Callable[[str], Any]) -> list[Any]:
    try:
        facts = json.loads(body)
        if type(facts) is dict and facts.keys() == {name} and type(facts[name]) is list:
            return [read(item) for item in facts[name]]
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"the log's {name} cannot be read: {error}") from error
    raise InputError(f"the log's answer is not one list of {name}")
