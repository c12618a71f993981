"""What the successful cases must say, from the second implementation: `ANSWERS` maps operations to it.

Not covered: sessions (see `retrace`), single clients and servers, and the bounds behind the choice of a graph.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256

from . import independent as second
from .independent import PRIME, bind, integer, number
from .log_answers import LOG_ANSWERS


def _hex(*parts: bytes) -> list[str]:
    return [part.hex() for part in parts]


def _element(value: int) -> str:
    return value.to_bytes(33, "big").hex()


# Parameters and graph


def _params(inputs: Mapping) -> dict:
    return {"encoding": second.encode_params(inputs).hex(), **second.derived(inputs)}


def _decode_params(inputs: Mapping) -> dict:
    fields = second.decode_params(bytes.fromhex(inputs["encoding"]))
    return {**fields, **second.derived(fields)}


def _graph(inputs: Mapping) -> dict:
    digests = {int(index): bytes.fromhex(digest) for index, digest in inputs["digests"].items()}
    digest, order, neighbors = second.graph(bytes.fromhex(inputs["session_id"]), inputs["degree"], digests)
    named = {str(index): near for index, near in sorted(neighbors.items())}
    return {"graph_digest": digest.hex(), "order": order, "neighbors": named}


def _neighbors(inputs: Mapping) -> dict:
    return {"neighbors": _graph(inputs)["neighbors"][str(inputs["index"])]}


# Keys


def _domain(inputs: Mapping) -> dict:
    return {"label": second.label(inputs["domain"]).hex()}


def _bind(inputs: Mapping) -> dict:
    return {"bytes": bind(inputs["domain"], bytes.fromhex(inputs["digest"]), *inputs["indices"]).hex()}


def _public_key(inputs: Mapping) -> dict:
    return {"public_key": second.public(bytes.fromhex(inputs["private_key"])).hex()}


def _agree(inputs: Mapping) -> dict:
    return {"key": second.agree(*(bytes.fromhex(inputs[name]) for name in ("private_key", "peer_key", "info"))).hex()}


def _keystream(inputs: Mapping) -> dict:
    return {"bytes": second.stream(bytes.fromhex(inputs["seed"]), bytes.fromhex(inputs["info"]), inputs["size"]).hex()}


def _coefficients(inputs: Mapping) -> dict:
    seed, digest = bytes.fromhex(inputs["sharing_seed"]), bytes.fromhex(inputs["graph_digest"])
    elements = second.coefficients(seed, inputs["domain"], digest, inputs["threshold"])
    return {"coefficients": [_element(element) for element in elements]}


def _commit(inputs: Mapping) -> dict:
    statement = bind("COMMITMENT", _session_id(inputs), inputs["index"]) + bytes.fromhex(inputs["self_mask_seed"])
    return {"commitment": sha256(statement).hexdigest()}


def _advertise(inputs: Mapping) -> dict:
    content = b"".join(bytes.fromhex(inputs[name]) for name in ("seal_key", "mask_key", "commitment"))
    statement = bind("ADVERTISEMENT", _session_id(inputs), inputs["index"]) + content
    advertisement = content + second.sign(bytes.fromhex(inputs["identity_private_key"]), statement)
    digest = sha256(second.label("ADVERTISEMENT_DIGEST") + advertisement)
    names = ("statement", "advertisement", "advertisement_digest")
    return dict(zip(names, _hex(statement, advertisement, digest.digest()), strict=True))


def _sign_survivors(inputs: Mapping) -> dict:
    statement = bind("SURVIVORS", bytes.fromhex(inputs["graph_digest"])) + second.indices(inputs["survivors"])
    signature = second.sign(bytes.fromhex(inputs["identity_private_key"]), statement)
    return {"statement": statement.hex(), "signature": signature.hex()}


def _session_id(inputs: Mapping) -> bytes:
    return second.session_id(second.decode_params(bytes.fromhex(inputs["params"])))


def _nothing(inputs: Mapping) -> dict:  # noqa: ARG001  (a check that passes says nothing)
    return {}


# Boxes, masks, packing


def _sign_unopened(inputs: Mapping) -> dict:
    named = second.bind("UNOPENED", bytes.fromhex(inputs["graph_digest"]), inputs["index"])
    statement = named + second.indices(inputs["unopened"])
    signature = second.sign(bytes.fromhex(inputs["identity_private_key"]), statement)
    return {"statement": statement.hex(), "signature": signature.hex()}


def _seal(inputs: Mapping) -> dict:
    key, context = _box_key(inputs)
    content = bytes.fromhex(inputs["self_mask_share"] + inputs["mask_key_share"])
    return {"key": key.hex(), "box": second.seal(key, content, context).hex()}


def _open(inputs: Mapping) -> dict:
    key, context = _box_key(inputs)
    content = second.unseal(key, bytes.fromhex(inputs["box"]), context)
    return {"self_mask_share": content[:33].hex(), "mask_key_share": content[33:].hex()}


def _box_key(inputs: Mapping) -> tuple[bytes, bytes]:
    context = bind("BOX", bytes.fromhex(inputs["graph_digest"]), inputs["sender"], inputs["recipient"])
    private, peer = (bytes.fromhex(inputs[name]) for name in ("private_key", "peer_key"))
    return second.agree(private, peer, context), context


def _self_mask(inputs: Mapping) -> dict:
    info = bind("SELF_MASK", bytes.fromhex(inputs["graph_digest"]), inputs["index"])
    return _packed(second.mask_words(bytes.fromhex(inputs["self_mask_seed"]), info, inputs["vectors"]), inputs)


def _pairwise_mask(inputs: Mapping) -> dict:
    index, peer = inputs["index"], inputs["peer"]
    info = bind("PAIRWISE_MASK", bytes.fromhex(inputs["graph_digest"]), min(index, peer), max(index, peer))
    seed = second.agree(bytes.fromhex(inputs["private_key"]), bytes.fromhex(inputs["peer_key"]), info)
    return _packed(second.mask_words(seed, info, inputs["vectors"], 1 if index < peer else -1), inputs)


def _packed(masks: list[list[int]], inputs: Mapping) -> dict:
    parts = [second.pack(words, spec["modulus_bits"]) for words, spec in zip(masks, inputs["vectors"], strict=True)]
    if max(map(len, masks)) > 100:
        return {"sha256_of_packed": sha256(b"".join(parts)).hexdigest()}
    return {"packed": _hex(*parts)}


def _pack(inputs: Mapping) -> dict:
    bits = inputs["modulus_bits"]
    return {"packed": second.pack([integer(word) % (1 << bits) for word in inputs["words"]], bits).hex()}


def _unpack(inputs: Mapping) -> dict:
    words = second.unpack(bytes.fromhex(inputs["packed"]), inputs["length"], inputs["modulus_bits"])
    return {"words": [number(word) for word in words]}


def _to_ring(inputs: Mapping) -> dict:
    return {"words": [number(integer(value) % (1 << inputs["modulus_bits"])) for value in inputs["integers"]]}


def _from_ring(inputs: Mapping) -> dict:
    return {"integers": [number(second.signed(integer(word), inputs["modulus_bits"])) for word in inputs["words"]]}


# Shares


def _element_value(inputs: Mapping) -> dict:
    return {"value": hex(int(inputs["encoding"], 16))}


def _split(inputs: Mapping) -> dict:
    polynomial = [int(part, 16) for part in (inputs["secret"], *inputs["coefficients"])]
    return {"shares": [_element(second.evaluate(polynomial, integer(place) % PRIME)) for place in inputs["positions"]]}


def _combine(inputs: Mapping) -> dict:
    return {"secret": second.interpolate(_shares(inputs)).to_bytes(32, "big").hex()}


def _correct(inputs: Mapping) -> dict:
    secret, wrong = second.correct(_shares(inputs), inputs["threshold"])
    return {"secret": secret.to_bytes(32, "big").hex(), "wrong": wrong}


def _shares(inputs: Mapping) -> dict[int, int]:
    return {place: int(share, 16) for place, share in zip(inputs["positions"], inputs["shares"], strict=True)}


# Messages

_KINDS = (
    "AdvertiseKeysRequest",
    "AdvertiseKeysResponse",
    "ShareKeysRequest",
    "ShareKeysResponse",
    "MaskedInputRequest",
    "MaskedInputResponse",
    "ConsistencyCheckRequest",
    "ConsistencyCheckResponse",
    "UnmaskingRequest",
    "UnmaskingResponse",
)
_TABLES = {
    "ShareKeysRequest": (("advertisements", 160), ("digests", 32)),
    "ShareKeysResponse": (("boxes", 82),),
    "MaskedInputRequest": (("boxes", 82),),
    "UnmaskingRequest": (("signatures", 64),),
    "UnmaskingResponse": (("self_mask_shares", 33), ("mask_key_shares", 33)),
}


def _kind(inputs: Mapping) -> dict:
    return {"message": _KINDS[int(inputs["bytes"][:2], 16) - 1]}


def _decode(inputs: Mapping) -> dict:
    kind, body = inputs["message"], bytes.fromhex(inputs["bytes"])[34:]
    match kind:
        case "AdvertiseKeysRequest":
            return {"params": second.decode_params(bytes.fromhex(inputs["bytes"])[2:])}
        case "AdvertiseKeysResponse":
            return {"advertisement": _advertisement(body.hex())}
        case "MaskedInputResponse":
            named, body = second.read_table(body, 0)
            signature, body, packed = body[:64].hex(), body[64:], []
            for spec in second.decode_params(bytes.fromhex(inputs["params"]))["vectors"]:
                size = -(-spec["length"] * spec["modulus_bits"] // 8)
                packed, body = [*packed, body[:size].hex()], body[size:]
            return {"unopened": [int(index) for index in named], "signature": signature, "packed": packed}
        case "ConsistencyCheckRequest":
            return {"survivors": [int(index) for index in second.read_table(body, 0)[0]]}
        case "ConsistencyCheckResponse":
            return {"signature": body.hex()}
    fields = {}
    for name, size in _TABLES[kind]:
        entries, body = second.read_table(body, size)
        fields[name] = {str(index): entry.hex() for index, entry in entries.items()}
    if kind == "ShareKeysRequest":
        fields["advertisements"] = {i: _advertisement(entry) for i, entry in fields["advertisements"].items()}
    return fields


def _advertisement(text: str) -> dict:
    ends = {"seal_key": (0, 64), "mask_key": (64, 128), "commitment": (128, 192), "signature": (192, 320)}
    return {name: text[start:end] for name, (start, end) in ends.items()}


def _window_params(inputs: Mapping) -> dict:
    return second.window(bytes.fromhex(inputs["encoding"]))


def _merkle(inputs: Mapping) -> dict:
    leaves = [bytes.fromhex(leaf) for leaf in inputs["leaves"]]
    proof = second.tree_proof(leaves, set(inputs["places"]), b"node\0")
    return {"root": second.tree_root(leaves, b"node\0").hex(), "proof": _hex(*proof)}


ANSWERS: dict[str, Callable[[Mapping], dict]] = {
    "params": _params,
    "decode_params": _decode_params,
    "graph": _graph,
    "neighbors": _neighbors,
    "domain": _domain,
    "bind": _bind,
    "public_key": _public_key,
    "check_public_key": _nothing,
    "agree": _agree,
    "keystream": _keystream,
    "coefficients": _coefficients,
    "commit": _commit,
    "advertise": _advertise,
    "verify_advertisement": _nothing,
    "sign_survivors": _sign_survivors,
    "verify_survivors": _nothing,
    "sign_unopened": _sign_unopened,
    "verify_unopened": _nothing,
    "seal": _seal,
    "open": _open,
    "self_mask": _self_mask,
    "pairwise_mask": _pairwise_mask,
    "pack": _pack,
    "unpack": _unpack,
    "to_ring": _to_ring,
    "from_ring": _from_ring,
    "element": _element_value,
    "split": _split,
    "combine": _combine,
    "correct": _correct,
    "request_type": _kind,
    "response_type": _kind,
    "decode": _decode,
    "window_params": _window_params,
    "merkle": _merkle,
    "verify_merkle": _nothing,
    **LOG_ANSWERS,
}
