"""The steps of a session one by one: keys, commitments, signatures, boxes, masks, packing, shares."""

from collections.abc import Callable, Mapping
from hashlib import sha256

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols.codec import Domain, encode_indices, pack, unpack, word_type
from protocols.graph import Graph
from protocols.masking import Mask, add_masks, from_ring, pairwise_mask, self_mask, to_ring
from protocols.params import SessionParams
from protocols.primitives import aead
from protocols.primitives.field import UNIFORM_SIZE, decode_element, elements_from_uniform, encode_element
from protocols.primitives.key_agreement import KeyPair, check_public_key
from protocols.primitives.prg import Keystream
from protocols.primitives.shamir import combine, correct, lagrange_coefficients, secret_bytes, split
from protocols.secagg.messages import Advertisement, SharePair
from protocols.secagg.statements import (
    advertise,
    commit,
    sign_survivors,
    sign_unopened,
    verify_advertisement,
    verify_survivors,
    verify_unopened,
)

from .notation import bytes_of, integer_of, number

# Keys, commitments, signatures


def _domain(inputs: Mapping) -> dict:
    return {"label": Domain[inputs["domain"]].value.hex()}


def _bind(inputs: Mapping) -> dict:
    return {"bytes": _bound(inputs["domain"], inputs["digest"], *inputs["indices"]).hex()}


def _bound(domain: str, digest: str, *indices: int) -> bytes:
    return Domain[domain].bind(bytes_of(digest), *indices)


def _public_key(inputs: Mapping) -> dict:
    return {"public_key": KeyPair(bytes_of(inputs["private_key"])).public.hex()}


def _check_public_key(inputs: Mapping) -> dict:
    check_public_key(bytes_of(inputs["public_key"]))
    return {}


def _agree(inputs: Mapping) -> dict:
    key = KeyPair(bytes_of(inputs["private_key"])).agree(bytes_of(inputs["peer_key"]), bytes_of(inputs["info"]))
    return {"key": key.hex()}


def _keystream(inputs: Mapping) -> dict:
    return {"bytes": Keystream(bytes_of(inputs["seed"]), bytes_of(inputs["info"])).read(inputs["size"]).hex()}


def _coefficients(inputs: Mapping) -> dict:
    stream = Keystream(bytes_of(inputs["sharing_seed"]), _bound(inputs["domain"], inputs["graph_digest"]))
    coefficients = elements_from_uniform(stream.read((inputs["threshold"] - 1) * UNIFORM_SIZE))
    return {"coefficients": [encode_element(coefficient).hex() for coefficient in coefficients]}


def _commit(inputs: Mapping) -> dict:
    return {"commitment": commit(_session(inputs), inputs["index"], bytes_of(inputs["self_mask_seed"])).hex()}


def _advertise(inputs: Mapping) -> dict:
    params, index = _session(inputs), inputs["index"]
    keys = {name: bytes_of(inputs[name]) for name in ("seal_key", "mask_key", "commitment")}
    advertisement = advertise(params, index, _identity(inputs), **keys)
    statement = Domain.ADVERTISEMENT.bind(params.session_id, index) + b"".join(keys.values())
    return {
        "statement": statement.hex(),
        "advertisement": advertisement.encode().hex(),
        "advertisement_digest": advertisement.digest.hex(),
    }


def _verify_advertisement(inputs: Mapping) -> dict:
    advertisement = Advertisement.decode(bytes_of(inputs["advertisement"]))
    verify_advertisement(_session(inputs), inputs["index"], advertisement)
    return {}


def _sign_survivors(inputs: Mapping) -> dict:
    graph, survivors = _graph_of(inputs), frozenset(inputs["survivors"])
    statement = Domain.SURVIVORS.bind(graph.digest) + encode_indices(survivors)
    return {"statement": statement.hex(), "signature": sign_survivors(graph, _identity(inputs), survivors).hex()}


def _verify_survivors(inputs: Mapping) -> dict:
    signature, survivors = bytes_of(inputs["signature"]), frozenset(inputs["survivors"])
    verify_survivors(_session(inputs), _graph_of(inputs), inputs["index"], survivors, signature)
    return {}


def _sign_unopened(inputs: Mapping) -> dict:
    graph, index, unopened = _graph_of(inputs), inputs["index"], frozenset(inputs["unopened"])
    statement = Domain.UNOPENED.bind(graph.digest, index) + encode_indices(unopened)
    return {"statement": statement.hex(), "signature": sign_unopened(graph, index, _identity(inputs), unopened).hex()}


def _verify_unopened(inputs: Mapping) -> dict:
    signature, unopened = bytes_of(inputs["signature"]), frozenset(inputs["unopened"])
    verify_unopened(_session(inputs), _graph_of(inputs), inputs["index"], unopened, signature)
    return {}


def _session(inputs: Mapping) -> SessionParams:
    return SessionParams.decode(bytes_of(inputs["params"]))


def _identity(inputs: Mapping) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes_of(inputs["identity_private_key"]))


def _graph_of(inputs: Mapping) -> Graph:
    """A graph of which only the digest matters."""
    return Graph(order=(0, 1), degree=1, digest=bytes_of(inputs["graph_digest"]))


# Boxes


def _seal(inputs: Mapping) -> dict:
    pair = SharePair(
        self_mask=int(inputs["self_mask_share"], 16),
        mask_key=int(inputs["mask_key_share"], 16),
    )
    key, context = _box_key(inputs)
    return {"key": key.hex(), "box": aead.seal(key, pair.encode(), context).hex()}


def _open(inputs: Mapping) -> dict:
    key, context = _box_key(inputs)
    pair = SharePair.decode(aead.unseal(key, bytes_of(inputs["box"]), context))
    return {
        "self_mask_share": encode_element(pair.self_mask).hex(),
        "mask_key_share": encode_element(pair.mask_key).hex(),
    }


def _box_key(inputs: Mapping) -> tuple[bytes, bytes]:
    context = _bound("BOX", inputs["graph_digest"], inputs["sender"], inputs["recipient"])
    return KeyPair(bytes_of(inputs["private_key"])).agree(bytes_of(inputs["peer_key"]), context), context


# Masks and packing


def _self_mask(inputs: Mapping) -> dict:
    mask = self_mask(seed=bytes_of(inputs["self_mask_seed"]), graph=_graph_of(inputs), index=inputs["index"])
    return _masked(mask, inputs)


def _pairwise_mask(inputs: Mapping) -> dict:
    mask = pairwise_mask(
        keys=KeyPair(bytes_of(inputs["private_key"])),
        peer_key=bytes_of(inputs["peer_key"]),
        graph=_graph_of(inputs),
        index=inputs["index"],
        peer=inputs["peer"],
    )
    return _masked(mask, inputs)


def _masked(mask: Mask, inputs: Mapping) -> dict:
    """Zeros under the mask; of more than a hundred coordinates the digest alone."""
    vectors = [np.zeros(spec["length"], word_type(spec["modulus_bits"])) for spec in inputs["vectors"]]
    add_masks(vectors, [mask])
    packed = [pack(words, spec["modulus_bits"]) for words, spec in zip(vectors, inputs["vectors"], strict=True)]
    if max(map(len, vectors)) > 100:
        return {"sha256_of_packed": sha256(b"".join(packed)).hexdigest()}
    return {"packed": [part.hex() for part in packed]}


def _pack(inputs: Mapping) -> dict:
    words = np.array([integer_of(word) for word in inputs["words"]], word_type(inputs["modulus_bits"]))
    return {"packed": pack(words, inputs["modulus_bits"]).hex()}


def _unpack(inputs: Mapping) -> dict:
    words = unpack(bytes_of(inputs["packed"]), inputs["length"], inputs["modulus_bits"])
    return {"words": [number(word) for word in words.tolist()]}


def _to_ring(inputs: Mapping) -> dict:
    integers = np.array([integer_of(integer) for integer in inputs["integers"]], np.int64)
    bits = inputs["modulus_bits"]
    words = to_ring(integers, bits).astype(np.uint64) & np.uint64(2**bits - 1)
    return {"words": [number(word) for word in words.tolist()]}


def _from_ring(inputs: Mapping) -> dict:
    words = np.array([integer_of(word) for word in inputs["words"]], word_type(inputs["modulus_bits"]))
    return {"integers": [number(integer) for integer in from_ring(words, inputs["modulus_bits"]).tolist()]}


# Shares


def _element(inputs: Mapping) -> dict:
    return {"value": f"{decode_element(bytes_of(inputs['encoding'])):#x}"}


def _split(inputs: Mapping) -> dict:
    secret = int.from_bytes(bytes_of(inputs["secret"]), "big")
    shares = split(secret, _elements(inputs["coefficients"]), _positions(inputs))
    return {"shares": [encode_element(share).hex() for share in shares]}


def _combine(inputs: Mapping) -> dict:
    element = combine(_elements(inputs["shares"]), lagrange_coefficients(_positions(inputs)))
    return {"secret": secret_bytes(element).hex()}


def _correct(inputs: Mapping) -> dict:
    element, wrong = correct(_elements(inputs["shares"]), _positions(inputs), inputs["threshold"])
    return {"secret": secret_bytes(element).hex(), "wrong": sorted(wrong)}


def _elements(encodings: list[str]) -> list[int]:
    return [decode_element(bytes_of(encoding)) for encoding in encodings]


def _positions(inputs: Mapping) -> list[int]:
    return [integer_of(position) for position in inputs["positions"]]


STEPS: dict[str, Callable[[Mapping], dict]] = {
    "domain": _domain,
    "bind": _bind,
    "public_key": _public_key,
    "check_public_key": _check_public_key,
    "agree": _agree,
    "keystream": _keystream,
    "coefficients": _coefficients,
    "commit": _commit,
    "advertise": _advertise,
    "verify_advertisement": _verify_advertisement,
    "sign_survivors": _sign_survivors,
    "verify_survivors": _verify_survivors,
    "sign_unopened": _sign_unopened,
    "verify_unopened": _verify_unopened,
    "seal": _seal,
    "open": _open,
    "self_mask": _self_mask,
    "pairwise_mask": _pairwise_mask,
    "pack": _pack,
    "unpack": _unpack,
    "to_ring": _to_ring,
    "from_ring": _from_ring,
    "element": _element,
    "split": _split,
    "combine": _combine,
    "correct": _correct,
}
