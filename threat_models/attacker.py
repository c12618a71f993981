"""A server that lies and then computes: the oracle's counterpart, with real bytes where the oracle only counts.

A lying server speaks through a `Wire`, which writes everything down. An `Attacker` opens every box it has a key for,
combines every share it got, and takes off every mask that it can compute; the others stay on.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import shake_256
from typing import Any, Protocol

import numpy as np

from protocols import CLIENT_RANDOM_BYTES, Client, ProtocolError, SessionParams
from protocols.audit import Exchange, Transcript
from protocols.codec import Domain, unpack
from protocols.graph import Graph
from protocols.masking import from_ring, pairwise_mask, remove_masks, self_mask
from protocols.primitives import aead
from protocols.primitives.key_agreement import KeyPair
from protocols.primitives.shamir import combine, lagrange_coefficients
from protocols.secagg.messages import (
    AdvertiseKeysResponse,
    Advertisement,
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    MaskedInputRequest,
    MaskedInputResponse,
    ShareKeysRequest,
    ShareKeysResponse,
    SharePair,
    UnmaskingRequest,
    UnmaskingResponse,
)
from protocols.secagg.statements import commit
from protocols.wire import Message


def key_pairs(name: str) -> tuple[KeyPair, KeyPair]:
    """The seal and mask keys of whoever consumes the bytes that this name gives."""
    random = shake_256(name.encode()).digest(CLIENT_RANDOM_BYTES)
    return KeyPair(random[:32]), KeyPair(random[32:64])


class Played(Protocol):
    """A cohort whose honest server has asked, and been answered, for some rounds; `clients` are those, or bent ones."""

    params: SessionParams
    clients: Sequence[Any]
    requests: Sequence[Mapping[int, bytes]]
    responses: Sequence[Mapping[int, bytes]]


@dataclass
class Wire:
    """Speaks to a cohort's clients and writes everything down, starting with what its honest server did."""

    cohort: Played
    exchanges: list[Exchange] = field(init=False)

    def __post_init__(self) -> None:
        played = zip(self.cohort.requests, self.cohort.responses, strict=False)
        self.exchanges = [
            Exchange(index, request, responses.get(index))
            for requests, responses in played
            for index, request in requests.items()
        ]

    @property
    def params(self) -> SessionParams:
        """The session's parameters."""
        return self.cohort.params

    @property
    def transcript(self) -> Transcript:
        """All that has passed."""
        return Transcript(self.params, tuple(self.exchanges))

    def ask(self, index: int, request: bytes) -> bytes | None:
        """One request, and the answer; None is a refusal."""
        response: bytes | None
        try:
            response = self.cohort.clients[index].receive(request)
        except ProtocolError:
            response = None
        self.exchanges.append(Exchange(index, request, response))
        return response

    def sign(self, survivors: Iterable[int], asked: Iterable[int]) -> dict[int, bytes]:
        """Signatures under a survivor set by those who give one."""
        request = ConsistencyCheckRequest(survivors=frozenset(survivors)).encode(self.params)
        answers = {index: self.ask(index, request) for index in asked}
        return {
            index: ConsistencyCheckResponse.decode(answer, self.params).signature
            for index, answer in answers.items()
            if answer is not None
        }

    def unmask(self, signatures: Mapping[int, bytes], asked: Iterable[int]) -> list[int]:
        """Asks for shares; returns who gave some."""
        request = UnmaskingRequest(signatures=signatures).encode(self.params)
        return [index for index in asked if self.ask(index, request) is not None]

    def make_forgetful(self, message: type[Message[SessionParams]]) -> None:
        """Switches CLI-1 off: clients answer requests of this kind, and what follows them, again and again."""
        self.cohort.clients = [Forgetful(client, message.TAG) for client in self.cohort.clients]


@dataclass
class Forgetful:
    """A client that, at another request of one kind, goes back to where it was at the one before."""

    client: Client
    tag: int
    before: Any = None

    def receive(self, request: bytes) -> bytes:
        """Answers, after going back if this is a request of that kind."""
        if request[0] == self.tag:
            now = self.client._held.take()
            self.before = self.before or now
            self.client._held.put(self.before)
        return self.client.receive(request)


@dataclass
class _Upload:
    words: list[np.ndarray]
    graph: Graph
    index: int
    mask_key: bytes
    peers: dict[int, bytes]


class Attacker:
    """Knows the transcripts, the corrupt clients' keys and the keys it forged itself.

    Args:
        transcripts: All that passed, masked vectors included.
        corrupt: Clients that work with it, by index.
        keys: Key pairs that it has: seal and mask keys.
        left_out: Kinds of masks that clients leave out, as it knows: ``self``, ``pairwise``.

    Attributes:
        uploads: By session and client, each upload without the masks that could be computed; shape [m] each.
    """

    def __init__(
        self,
        transcripts: Sequence[Transcript],
        *,
        corrupt: Iterable[int] = (),
        keys: Iterable[tuple[KeyPair, KeyPair]] = (),
        left_out: Collection[str] = (),
    ) -> None:
        self._corrupt = frozenset(corrupt)
        self._left_out = frozenset(left_out)
        pairs = [*keys]
        self._seal = {seal.public: seal for seal, _ in pairs}
        self._mask = {mask.public: mask for _, mask in pairs}
        self._shares: dict[tuple[bytes, bytes], tuple[dict[int, int], dict[int, int]]] = {}
        self._owners: dict[tuple[bytes, bytes], tuple[SessionParams, int, bytes]] = {}
        self._seeds: dict[bytes, bytes] = {}
        self._found: list[tuple[int, int, _Upload]] = []
        for session, transcript in enumerate(transcripts):
            self._read(session, transcript)
        for name, (params, index, commitment) in self._owners.items():
            self._combine(name, params, index, commitment)
        self.uploads: dict[tuple[int, int], list[np.ndarray]] = {}
        for session, client, upload in self._found:
            self.uploads.setdefault((session, client), []).append(self._strip(upload))

    def _read(self, session: int, transcript: Transcript) -> None:
        params = transcript.params
        if not isinstance(params, SessionParams):
            raise TypeError("this attacker reads sessions of five rounds")
        graphs: dict[int, Graph] = {}
        shown: dict[int, Mapping[int, Advertisement]] = {}
        own: dict[int, Advertisement] = {}
        for exchange in transcript.exchanges:
            index, request, response = exchange.index, exchange.request, exchange.response
            if not isinstance(response, bytes) or index in self._corrupt:
                continue
            if response[0] == AdvertiseKeysResponse.TAG:
                own[index] = AdvertiseKeysResponse.decode(response, params).advertisement
            elif response[0] == ShareKeysResponse.TAG:
                seen = ShareKeysRequest.decode(request, params)
                digests = {i: entry.digest for i, entry in seen.advertisements.items()} | dict(seen.digests)
                graphs[index] = Graph.over(params.session_id, params.degree, digests)
                shown[index] = seen.advertisements
                name = graphs[index].digest, own[index].mask_key
                self._owners[name] = params, index, own[index].commitment
                for holder, box in ShareKeysResponse.decode(response, params).boxes.items():
                    keys = own[index].seal_key, seen.advertisements[holder].seal_key
                    self._open(name, keys, index, holder, box)
            elif response[0] == MaskedInputResponse.TAG:
                boxes = MaskedInputRequest.decode(request, params).boxes
                packed = MaskedInputResponse.decode(response, params).packed
                words = [
                    unpack(part, spec.length, spec.modulus_bits).copy()
                    for part, spec in zip(packed, params.vectors, strict=True)
                ]
                peers = {peer: shown[index][peer].mask_key for peer in boxes}
                upload = _Upload(words, graphs[index], index, own[index].mask_key, peers)
                self._found.append((session, index, upload))
            elif response[0] == UnmaskingResponse.TAG:
                shares = UnmaskingResponse.decode(response, params)
                for kind, table in enumerate((shares.self_mask_shares, shares.mask_key_shares)):
                    for owner, share in table.items():
                        self._note((graphs[index].digest, shown[index][owner].mask_key), kind, index, share)

    def _open(self, name: tuple[bytes, bytes], keys: tuple[bytes, bytes], owner: int, holder: int, box: bytes) -> None:
        own_key, seal_key = keys
        if seal_key in self._seal:
            context = Domain.BOX.bind(name[0], owner, holder)
            pair = SharePair.decode(aead.unseal(self._seal[seal_key].agree(own_key, context), box, context))
            self._note(name, 0, holder, pair.self_mask)
            self._note(name, 1, holder, pair.mask_key)

    def _note(self, name: tuple[bytes, bytes], kind: int, holder: int, share: int) -> None:
        self._shares.setdefault(name, ({}, {}))[kind][holder + 1] = share

    def _combine(self, name: tuple[bytes, bytes], params: SessionParams, index: int, commitment: bytes) -> None:
        for kind, shares in enumerate(self._shares.get(name, ({}, {}))):
            positions = sorted(shares)[: params.threshold]
            if len(positions) < params.threshold:
                continue
            element = combine([shares[position] for position in positions], lagrange_coefficients(positions))
            secret = element.to_bytes(33, "big")[1:]
            if kind == 0 and commit(params, index, secret) == commitment:
                self._seeds[name[1]] = secret
            if kind == 1 and KeyPair(secret).public == name[1]:
                self._mask[name[1]] = KeyPair(secret)

    def _strip(self, upload: _Upload) -> np.ndarray:
        graph, index, own = upload.graph, upload.index, upload.mask_key
        masks = []
        if own in self._seeds and "self" not in self._left_out:
            masks.append(self_mask(seed=self._seeds[own], graph=graph, index=index))
        for peer, key in upload.peers.items() if "pairwise" not in self._left_out else ():
            for keys, other in ((self._mask.get(key), own), (self._mask.get(own), key)):
                if keys is not None:
                    masks.append(pairwise_mask(keys=keys, peer_key=other, graph=graph, index=index, peer=peer))
                    break
        remove_masks(upload.words, masks)
        return upload.words[0]

    def sum(self, combination: Mapping[tuple[int, int], int], bits: int) -> list[int]:
        """A combination of uploads, first vector, as signed integers; each by session and client."""
        words = [np.zeros_like(next(iter(self.uploads.values()))[0])]
        for place, coefficient in combination.items():
            (upload,) = self.uploads[place]
            words.append(upload * np.asarray(coefficient).astype(upload.dtype))
        total: list[int] = from_ring(np.sum(words, axis=0, dtype=words[0].dtype), bits).tolist()
        return total
