"""A session gone through again with the second implementation: every response of an honest client, and the sums."""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256

from cryptography.exceptions import InvalidTag

from . import independent as second
from .independent import agree, bind, coefficients, evaluate, indices, public, read_table, seal, sign, table, unseal


class Retraced:
    """One client of a session: from its secrets and what it was asked, what it must have answered.

    Args:
        facts: The session, as in vectors/sessions.json.
        rounds: What crossed the wire.
        index: Which client.
    """

    def __init__(self, facts: Mapping, rounds: list[Mapping], index: int) -> None:
        own, random = facts["clients"][index], bytes.fromhex(facts["clients"][index]["random"])
        self._params = second.decode_params(bytes.fromhex(facts["params"]))
        self._session_id = second.session_id(self._params)
        self._rounds, self._index = rounds, index
        self._identity, self._vectors = bytes.fromhex(own["identity_private_key"]), own["vectors"]
        self._seal_key, self._mask_key, self._seed, self._sharing_seed = (
            random[start : start + 32] for start in range(0, 128, 32)
        )
        advertisements, digests = self._advertised()
        self._advertisements = advertisements
        self._graph, _, neighbors = second.graph(self._session_id, self._params["degree"], digests)
        self._neighbors = neighbors.get(index, [])

    def responses(self) -> list[str]:
        """Its answers, as far as it was asked."""
        rounds = (self._advertise, self._share, self._mask, self._sign, self._unmask)
        asked = sum(str(self._index) in traffic["requests"] for traffic in self._rounds)
        return [
            (bytes([2 * number + 2, 2]) + self._session_id + answer()).hex()
            for number, answer in enumerate(rounds[:asked])
        ]

    def _request(self, number: int) -> bytes:
        return bytes.fromhex(self._rounds[number]["requests"][str(self._index)])[34:]

    def _advertised(self) -> tuple[dict[int, bytes], dict[int, bytes]]:
        if str(self._index) not in self._rounds[1]["requests"]:
            return {}, {}
        advertisements, rest = read_table(self._request(1), 160)
        label = second.label("ADVERTISEMENT_DIGEST")
        seen = {index: sha256(label + advertisement).digest() for index, advertisement in advertisements.items()}
        return advertisements, seen | read_table(rest, 32)[0]

    def _advertise(self) -> bytes:
        commitment = sha256(bind("COMMITMENT", self._session_id, self._index) + self._seed).digest()
        content = public(self._seal_key) + public(self._mask_key) + commitment
        return content + sign(self._identity, bind("ADVERTISEMENT", self._session_id, self._index) + content)

    def _share(self) -> bytes:
        def shares(purpose: str, secret: bytes, holder: int) -> bytes:
            hidden = coefficients(self._sharing_seed, purpose, self._graph, self._params["threshold"])
            return evaluate([int.from_bytes(secret, "big"), *hidden], holder + 1).to_bytes(33, "big")

        def box(peer: int) -> bytes:
            context = bind("BOX", self._graph, self._index, peer)
            pair = shares("SHARING_SELF_MASK_SEED", self._seed, peer) + shares("SHARING_MASK_KEY", self._mask_key, peer)
            return seal(agree(self._seal_key, self._advertisements[peer][:32], context), pair, context)

        return table({peer: box(peer) for peer in self._neighbors})

    def _held(self) -> dict[int, bytes]:
        """What is in the boxes that open."""
        pairs = {}
        for peer, box in self._boxes().items():
            context = bind("BOX", self._graph, peer, self._index)
            with suppress(InvalidTag):
                pairs[peer] = unseal(agree(self._seal_key, self._advertisements[peer][:32], context), box, context)
        return pairs

    def _boxes(self) -> dict[int, bytes]:
        return read_table(self._request(2), 82)[0]

    def _mask(self) -> bytes:
        specs, index = self._params["vectors"], self._index
        masks = [second.mask_words(self._seed, bind("SELF_MASK", self._graph, index), specs)]
        for peer in self._boxes():
            info = bind("PAIRWISE_MASK", self._graph, min(index, peer), max(index, peer))
            seed = agree(self._mask_key, self._advertisements[peer][32:64], info)
            masks.append(second.mask_words(seed, info, specs, 1 if index < peer else -1))
        parts = []
        for number, spec in enumerate(specs):
            columns = zip(self._vectors[spec["name"]], *(mask[number] for mask in masks), strict=True)
            words = [sum(column) % (1 << spec["modulus_bits"]) for column in columns]
            parts.append(second.pack(words, spec["modulus_bits"]))
        named = indices(self._boxes().keys() - self._held().keys())
        return named + sign(self._identity, bind("UNOPENED", self._graph, index) + named) + b"".join(parts)

    def _sign(self) -> bytes:
        return sign(self._identity, bind("SURVIVORS", self._graph) + indices(self._survivors()))

    def _survivors(self) -> list[int]:
        return list(read_table(self._request(3), 0)[0])

    def _unmask(self) -> bytes:
        survivors = self._survivors()
        seeds = {owner: pair[:33] for owner, pair in self._held().items() if owner in survivors}
        keys = {owner: pair[33:] for owner, pair in self._held().items() if owner not in survivors}
        return table(seeds) + table(keys)


def sums(facts: Mapping, survivors: list[int]) -> dict[str, list[int]]:
    """The survivors' vectors, added up."""
    vectors = [facts["clients"][index]["vectors"] for index in survivors]
    return {
        name: [sum(column) for column in zip(*(each[name] for each in vectors), strict=True)] for name in vectors[0]
    }
