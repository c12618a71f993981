"""One real client and its real server among thousands of others that are played: what large cohorts cost.

Of the others, real are: identities, advertisements, signatures, the boxes between each of them and the real client, and
every secret that the server recovers. Made up are what nobody opens or looks into: boxes between two others (random
bytes), their masked inputs (the same random bytes each), and the polynomials behind their shares (constants, so that a
share is the secret itself). The real parties cannot tell, and do exactly the work of a full session; but its sum means
nothing and is not looked at.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from hashlib import sha256

from protocols.codec import Domain, encode_indices
from protocols.graph import Graph
from protocols.primitives import aead, signing
from protocols.primitives.key_agreement import KeyPair
from protocols.secagg.messages import (
    BOX_SIZE,
    AdvertiseKeysResponse,
    Advertisement,
    ConsistencyCheckResponse,
    MaskedInputResponse,
    ShareKeysResponse,
    SharePair,
    UnmaskingResponse,
)
from protocols.secagg.statements import advertise, commit, sign_unopened

from .cohort import ADVERTISE_KEYS, MASKED_INPUT, SHARE_KEYS, Cohort

REAL = 0
"""Index of the real client."""


class Crowd:
    """All clients of a cohort but the real one.

    Args:
        cohort: Who is invited.
        dropouts: How many of them vanish after ShareKeys.
    """

    def __init__(self, cohort: Cohort, dropouts: int) -> None:
        self._params = cohort.params
        self._keys = cohort.keys
        self._others = range(REAL + 1, self._params.clients)
        self._staying = self._others[: len(self._others) - dropouts]
        self._advertisements = {index: self._advertise(index) for index in self._others}
        self._shares_of_real: Mapping[int, SharePair] = {}

    def hear(self, number: int, response: bytes) -> None:
        """Takes in what of the real client's responses reaches the others: its advertisement, then its boxes."""
        if number == ADVERTISE_KEYS:
            self._advertisements[REAL] = AdvertiseKeysResponse.decode(response, self._params).advertisement
        elif number == SHARE_KEYS:
            boxes = ShareKeysResponse.decode(response, self._params).boxes
            self._shares_of_real = {peer: self._unseal(peer, box) for peer, box in boxes.items()}

    def responses(self, number: int) -> Iterator[tuple[int, bytes]]:
        """Makes the others' responses of a round, by index, one at a time."""
        makers: tuple[Callable[[int], bytes], ...] = (
            self._response_with_keys,
            self._response_with_boxes,
            self._response_with_input,
            self._response_with_signature,
            self._response_with_shares,
        )
        return ((index, makers[number](index)) for index in (self._staying if number >= MASKED_INPUT else self._others))

    @cached_property
    def _graph(self) -> Graph:
        digests = {index: advertisement.digest for index, advertisement in self._advertisements.items()}
        return Graph.over(self._params.session_id, self._params.degree, digests)

    @cached_property
    def _packed(self) -> list[bytes]:
        return [os.urandom(vector.packed_size) for vector in self._params.vectors]

    @cached_property
    def _survivors(self) -> frozenset[int]:
        return frozenset({REAL, *self._staying})

    @cached_property
    def _survivors_statement(self) -> tuple[bytes, bytes]:
        return Domain.SURVIVORS.bind(self._graph.digest), encode_indices(self._survivors)

    def _advertise(self, index: int) -> Advertisement:
        return advertise(
            self._params,
            index,
            self._keys[index],
            seal_key=KeyPair(_seal_key(index)).public,
            mask_key=KeyPair(_mask_key(index)).public,
            commitment=commit(self._params, index, _self_mask_seed(index)),
        )

    def _response_with_keys(self, index: int) -> bytes:
        return AdvertiseKeysResponse(advertisement=self._advertisements[index]).encode(self._params)

    def _response_with_boxes(self, index: int) -> bytes:
        boxes = {
            peer: self._seal(index) if peer == REAL else os.urandom(BOX_SIZE) for peer in self._graph.neighbors(index)
        }
        return ShareKeysResponse(boxes=boxes).encode(self._params)

    def _response_with_input(self, index: int) -> bytes:
        signature = sign_unopened(self._graph, index, self._keys[index], frozenset())
        return MaskedInputResponse(unopened=frozenset(), signature=signature, packed=self._packed).encode(self._params)

    def _response_with_signature(self, index: int) -> bytes:
        signature = signing.sign(self._keys[index], *self._survivors_statement)
        return ConsistencyCheckResponse(signature=signature).encode(self._params)

    def _response_with_shares(self, index: int) -> bytes:
        near = self._graph.neighbors(index)
        shares = {owner: self._shares_of_real[index] if owner == REAL else _shares_of(owner) for owner in near}
        return UnmaskingResponse(
            self_mask_shares={owner: pair.self_mask for owner, pair in shares.items() if owner in self._survivors},
            mask_key_shares={owner: pair.mask_key for owner, pair in shares.items() if owner not in self._survivors},
        ).encode(self._params)

    def _seal(self, sender: int) -> bytes:
        """The sender's box for the real client."""
        context = Domain.BOX.bind(self._graph.digest, sender, REAL)
        key = KeyPair(_seal_key(sender)).agree(self._advertisements[REAL].seal_key, context)
        return aead.seal(key, _shares_of(sender).encode(), context)

    def _unseal(self, recipient: int, box: bytes) -> SharePair:
        """The real client's box for the recipient."""
        context = Domain.BOX.bind(self._graph.digest, REAL, recipient)
        key = KeyPair(_seal_key(recipient)).agree(self._advertisements[REAL].seal_key, context)
        return SharePair.decode(aead.unseal(key, box, context))


def _seal_key(index: int) -> bytes:
    return sha256(b"seal key %d" % index).digest()


def _mask_key(index: int) -> bytes:
    return sha256(b"mask key %d" % index).digest()


def _self_mask_seed(index: int) -> bytes:
    return sha256(b"self-mask seed %d" % index).digest()


def _shares_of(owner: int) -> SharePair:
    """Every holder's shares of the owner's secrets: points of constant polynomials."""
    self_mask, mask_key = (int.from_bytes(secret, "big") for secret in (_self_mask_seed(owner), _mask_key(owner)))
    return SharePair(self_mask=self_mask, mask_key=mask_key)
