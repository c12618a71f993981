"""What a server computes from a window's bytes, where the oracle only counts: it takes off every mask that it can.

It combines all shares that it has of a secret, be they released or dealt to members whose keys it has, and takes the
result for the secret if it is what the dealer committed to; a pair's secret it may also agree on with a mask key.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from protocols.audit import Exchange
from protocols.codec import Domain, unpack
from protocols.errors import InvalidShareError
from protocols.masking import Mask, mask_of_pair, pairwise_secret, remove_masks, self_mask
from protocols.primitives.aead import unseal
from protocols.primitives.field import decode_element
from protocols.primitives.key_agreement import KeyPair
from protocols.primitives.shamir import combine, lagrange_coefficients, secret_bytes
from protocols.speakonce import WindowParams
from protocols.speakonce.dealing import shares_in
from protocols.speakonce.messages import ConsistencyCheckRequest, SpeakResponse, UnmaskingResponse
from protocols.speakonce.statements import commit

_KEY = 32


class Attacker:
    """Knows what passed in a window, and all that some of its clients drew.

    Args:
        params: The window.
        exchanges: What passed.
        drawn: By client that works with it, its random bytes.
        left_out: Kinds of masks that clients leave out, as it knows: ``self``, ``pairwise``.
    """

    def __init__(
        self,
        params: WindowParams,
        exchanges: Sequence[Exchange],
        drawn: Mapping[int, bytes] | None = None,
        left_out: Collection[str] = (),
    ) -> None:
        self._params, self._left_out = params, frozenset(left_out)
        self._drawn = drawn or {}
        self._messages: dict[int, SpeakResponse] = {}
        self._shares: dict[tuple[int, int], dict[int, int]] = {}  # of an owner's secret at a place, by position
        survivors: dict[int, frozenset[int]] = {}
        for exchange in exchanges:
            match exchange.response:
                case bytes() as response if response[0] == SpeakResponse.TAG:
                    self._messages[exchange.index] = SpeakResponse.decode(response, params)
                case bytes() as response if exchange.request[0] == ConsistencyCheckRequest.TAG:
                    request = ConsistencyCheckRequest.decode(exchange.request, params)
                    survivors[exchange.index] = frozenset(request.counted)
                case bytes() as response if response[0] == UnmaskingResponse.TAG:
                    self._note(exchange.index, survivors[exchange.index], UnmaskingResponse.decode(response, params))
        for member in self._drawn.keys() & set(params.committee):
            self._open_boxes(member)
        self._secrets = dict(self._recovered())

    def stripped(self) -> dict[int, NDArray[np.unsignedinteger]]:
        """By client who spoke and is not its own: its vector, without the masks that could be computed; shape [m]."""
        return {index: self._strip(index) for index in self._messages.keys() - self._drawn.keys()}

    def raw(self) -> dict[int, NDArray[np.unsignedinteger]]:
        """The same as it was sent."""
        return {index: self._words(index) for index in self._messages.keys() - self._drawn.keys()}

    def _words(self, index: int) -> NDArray[np.unsignedinteger]:
        (spec,), (packed,) = self._params.vectors, self._messages[index].packed
        return unpack(packed, spec.length, spec.modulus_bits).copy()

    def _note(self, member: int, survivors: frozenset[int], response: UnmaskingResponse) -> None:
        position = self._params.committee.index(member) + 1
        for owner, release in response.releases.items():
            for place, share in zip(self._params.released(owner, survivors), release.shares, strict=True):
                self._shares.setdefault((owner, place), {})[position] = share

    def _open_boxes(self, member: int) -> None:
        """Opens what was dealt to a member whose keys it has."""
        params, place = self._params, self._params.committee.index(member)
        keys = KeyPair(self._drawn[member][:_KEY])
        for sender, message in self._messages.items():
            context = Domain.BOX.bind(params.session_id, sender, member)
            content = unseal(keys.agree(params.prekeys[sender].seal_key, context), message.boxes[place], context)
            for number, share in enumerate(shares_in(content)):
                self._shares.setdefault((sender, number), {})[place + 1] = decode_element(share)

    def _recovered(self) -> Iterator[tuple[tuple[int, int], bytes]]:
        """Secrets that all shares of them together give, by the dealer and the other end; both ends of a pair."""
        params = self._params
        for (owner, place), shares in self._shares.items():
            peer, positions = (*params.neighbors(owner), owner)[place], sorted(shares)
            try:
                secret = secret_bytes(combine([shares[each] for each in positions], lagrange_coefficients(positions)))
            except InvalidShareError:
                continue
            if commit(params, owner, peer, secret) == self._messages[owner].commitments[place]:
                yield (owner, peer), secret
                yield (peer, owner), secret

    def _strip(self, index: int) -> NDArray[np.unsignedinteger]:
        params, ring, masks, words = self._params, self._params.ring, list[Mask](), self._words(index)
        if (index, index) in self._secrets and "self" not in self._left_out:
            masks.append(self_mask(seed=self._secrets[index, index], graph=ring, index=index))
        for peer in params.neighbors(index) if "pairwise" not in self._left_out else ():
            secret = self._secrets.get((index, peer))
            if peer in self._drawn:
                keys, peer_key = KeyPair(self._drawn[peer][_KEY : 2 * _KEY]), params.prekeys[index].mask_key
                secret = pairwise_secret(keys=keys, peer_key=peer_key, graph=ring, index=index, peer=peer)
            if secret is not None:
                masks.append(mask_of_pair(secret=secret, graph=ring, index=index, peer=peer))
        remove_masks([words], masks)
        return words
