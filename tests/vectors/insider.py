"""Somebody who knows every secret of a session and can say whatever any of its parties could say, true or not."""

from collections.abc import Iterable
from functools import cached_property
from hashlib import sha256

from .cases import Json
from .independent import (
    agree,
    bind,
    decode_params,
    graph,
    indices,
    label,
    public,
    read_table,
    seal,
    session_id,
    sign,
    unseal,
)
from .parties import Rounds, rounds_of

ADVERTISEMENT, BOX, SIGNATURE, SHARE = 160, 82, 64, 33
"""Sizes of the entries of tables."""


class Insider:
    """All that can be said in one session.

    Args:
        facts: The session, as in vectors/sessions.json.
    """

    def __init__(self, facts: Json) -> None:
        self._facts = facts
        self.params = decode_params(bytes.fromhex(str(facts["params"])))
        self.session_id = session_id(self.params)

    @cached_property
    def rounds(self) -> Rounds:
        return rounds_of(self._facts)

    @cached_property
    def advertisements(self) -> dict[int, bytes]:
        return {index: response[34:] for index, response in self.rounds[0]["responses"].items()}

    @cached_property
    def digests(self) -> dict[int, bytes]:
        return {index: digest_of(advertisement) for index, advertisement in self.advertisements.items()}

    @cached_property
    def graph_digest(self) -> bytes:
        return graph(self.session_id, self.params["degree"], self.digests)[0]

    @cached_property
    def neighbors(self) -> dict[int, list[int]]:
        return self.neighbors_among(self.digests)

    def neighbors_among(self, digests: dict[int, bytes]) -> dict[int, list[int]]:
        return graph(self.session_id, self.params["degree"], digests)[2]

    def request(self, number: int, index: int) -> bytes:
        """What client `index` was asked in round `number`."""
        return self.rounds[number]["requests"][index]

    def response(self, number: int, index: int) -> bytes:
        """What it answered."""
        return self.rounds[number]["responses"][index]

    def message(self, tag: int, *parts: bytes) -> bytes:
        return bytes([tag, 2]) + self.session_id + b"".join(parts)

    def tables(self, number: int, index: int, *sizes: int, response: bool = False) -> list[dict[int, bytes]]:
        """The tables that a request or a response consists of."""
        data = (self.response if response else self.request)(number, index)[34:]
        found = []
        for size in sizes:
            entries, data = read_table(data, size)
            found.append(entries)
        return found

    def random(self, index: int, part: int) -> bytes:
        """The 32 bytes of a client's seal key, mask key, self-mask seed or sharing seed: parts 0 to 3."""
        return bytes.fromhex(self._facts["clients"][index]["random"])[32 * part : 32 * (part + 1)]

    def identity(self, index: int) -> bytes:
        return bytes.fromhex(self._facts["clients"][index]["identity_private_key"])

    def advertise(
        self,
        index: int,
        *,
        seal_key: bytes | None = None,
        mask_key: bytes | None = None,
        session: bytes | None = None,
        signer: int | None = None,
    ) -> bytes:
        """An advertisement of client `index` with other keys, for another session, or signed by another client."""
        seed = self.random(index, 2)
        commitment = sha256(bind("COMMITMENT", self.session_id, index) + seed).digest()
        keys = (seal_key or public(self.random(index, 0))) + (mask_key or public(self.random(index, 1)))
        statement = bind("ADVERTISEMENT", session or self.session_id, index) + keys + commitment
        return keys + commitment + sign(self.identity(index if signer is None else signer), statement)

    def sealed(self, sender: int, recipient: int, content: bytes, graph_digest: bytes | None = None) -> bytes:
        key, context = self._box_key(sender, recipient, graph_digest or self.graph_digest)
        return seal(key, content, context)

    def dealt(self, sender: int, recipient: int) -> bytes:
        """Both shares that a client honestly sealed for another."""
        key, context = self._box_key(sender, recipient, self.graph_digest)
        return unseal(key, self.tables(1, sender, BOX, response=True)[0][recipient], context)

    def signature(self, signer: int, survivors: list[int], graph_digest: bytes | None = None) -> bytes:
        return sign(self.identity(signer), bind("SURVIVORS", graph_digest or self.graph_digest) + indices(survivors))

    def masked_input(
        self,
        index: int,
        packed: bytes | None = None,
        *,
        named: Iterable[int] = (),
        signer: int | None = None,
        signed: Iterable[int] | None = None,
        graph_digest: bytes | None = None,
    ) -> bytes:
        """Client `index`'s vectors, or others, and a signed statement about whose boxes did not open."""
        statement = bind("UNOPENED", graph_digest or self.graph_digest, index if signer is None else signer)
        statement += indices(named if signed is None else signed)
        signature = sign(self.identity(index if signer is None else signer), statement)
        vectors = self.response(2, index)[34 + 4 + SIGNATURE :] if packed is None else packed
        return self.message(6, indices(named), signature, vectors)

    def _box_key(self, sender: int, recipient: int, graph_digest: bytes) -> tuple[bytes, bytes]:
        context = bind("BOX", graph_digest, sender, recipient)
        return agree(self.random(sender, 0), public(self.random(recipient, 0)), context), context


def digest_of(advertisement: bytes) -> bytes:
    return sha256(label("ADVERTISEMENT_DIGEST") + advertisement).digest()


def flip(data: bytes, offset: int) -> bytes:
    """The same bytes but for one bit."""
    offset %= len(data)
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]
