"""vectors/keys.json: domains, key agreement, keystreams, commitments, signatures."""

from .cases import Cases, Json
from .independent import encode_params, label, session_id
from .materials import fixed, fixed_hex, identity_hex, params_of, public_hex

_PARAMS = params_of(3)
_ID = session_id(_PARAMS).hex()
_GRAPH = fixed_hex("graph digest")
_OTHER_GRAPH = fixed_hex("another graph digest")
_OTHER_PARAMS = encode_params(params_of(3, session=8)).hex()
_DOMAINS = (
    "SESSION",
    "ROSTER_LEAF",
    "ROSTER_NODE",
    "ADVERTISEMENT",
    "ADVERTISEMENT_DIGEST",
    "SURVIVORS",
    "UNOPENED",
    "ENVELOPE",
    "COMMITMENT",
    "BOX",
    "SELF_MASK",
    "PAIRWISE_MASK",
    "SHARING_SELF_MASK_SEED",
    "SHARING_MASK_KEY",
    "GRAPH",
    "GRAPH_POSITION",
)
_P = 2**255 - 19
_EIGHTH = 325606250916557431795983626356110631294008115727848805560023387167927233504
_OTHER_EIGHTH = 39382357235489614581723060781553021112529911719440698176882885853963445705823
SMALL_ORDER = {
    "0, of order 2": 0,
    "1, of order 4": 1,
    "-1, of order 4 on the twist": _P - 1,
    "a point of order 8": _EIGHTH,
    "the other point of order 8": _OTHER_EIGHTH,
    "p, another encoding of 0": _P,
    "p + 1, another encoding of 1": _P + 1,
}
"""All u-coordinates of small order that 255 bits can encode, on the curve and on its twist."""
HIGH_BIT = (9 | 1 << 255).to_bytes(32, "little")
"""The base point with the bit set that X25519 ignores (RFC 7748, section 5): a second encoding, which is refused."""
BEYOND = (_P + 9).to_bytes(32, "little")
"""The same beyond the prime."""
_L = 2**252 + 27742317777372353535851937790883648493  # the order of Ed25519's base point


def keys() -> Json:
    cases = Cases(
        "Domains, key agreement, keystreams, commitments and signatures. `graph_digest` is that of the session's "
        "graph.",
        params=encode_params(_PARAMS).hex(),
        graph_digest=_GRAPH,
    )
    _domains(cases)
    _agreement(cases)
    _streams(cases)
    _advertisements(cases)
    _survivors(cases)
    _unopened(cases)
    return cases.file()


def _domains(cases: Cases) -> None:
    for domain in _DOMAINS:
        cases.good(f"the label of {domain}", "domain", domain=domain)
    for domain, digest, indices in (
        ("ADVERTISEMENT", _ID, [2]),
        ("COMMITMENT", _ID, [2**32 - 1]),
        ("GRAPH", _ID, []),
        ("GRAPH_POSITION", _GRAPH, [1]),
        ("SURVIVORS", _GRAPH, []),
        ("UNOPENED", _GRAPH, [1]),
        ("BOX", _GRAPH, [0, 2]),
        ("SELF_MASK", _GRAPH, [256]),
        ("PAIRWISE_MASK", _GRAPH, [1, 2]),
        ("SHARING_SELF_MASK_SEED", _GRAPH, []),
        ("SHARING_MASK_KEY", _GRAPH, []),
    ):
        cases.good(f"{domain} for {indices}", "bind", domain=domain, digest=digest, indices=indices)


def _agreement(cases: Cases) -> None:
    mine, theirs = fixed("private key", 0), fixed("private key", 2)
    for comment, info in (
        ("the key of a box from 0 to 2", _context("BOX", 0, 2)),
        ("the key of a box from 2 to 0", _context("BOX", 2, 0)),
        ("the seed of a pairwise mask", _context("PAIRWISE_MASK", 0, 2)),
    ):
        for side, private, peer in (("0", mine, theirs), ("2", theirs, mine)):
            inputs = {"private_key": private.hex(), "peer_key": public_hex(peer), "info": info}
            cases.good(f"{comment}, computed by {side}", "agree", **inputs)
    high_bit = bytes.fromhex(public_hex(theirs))
    high_bit = high_bit[:31] + bytes([high_bit[31] | 0x80])
    inputs = {"private_key": mine.hex(), "info": _context("BOX", 0, 2)}
    for comment, public in (
        ("a public key with its highest bit set", high_bit),
        ("the base point with the highest bit set", HIGH_BIT),
        ("the base point plus p", BEYOND),
        ("2^255 - 1", (2**255 - 1).to_bytes(32, "little")),
    ):
        cases.refused("InvalidKeyError", comment, "check_public_key", public_key=public.hex())
        cases.refused("InvalidKeyError", f"{comment}: no key agreed", "agree", **inputs, peer_key=public.hex())
    for comment, private in (
        ("a private key", mine),
        ("a private key of zeros: RFC 7748 sets and clears bits when it is used", bytes(32)),
    ):
        cases.good(comment, "public_key", private_key=private.hex())
    cases.good("a public key", "check_public_key", public_key=public_hex(mine))
    cases.good("2, the smallest that is no small order", "check_public_key", public_key=_little(2))
    for size in (0, 31, 33):
        comment = f"a private key of {size} bytes"
        cases.refused("LocalProtocolError", comment, "public_key", private_key=fixed_hex("private key", 0, size))
        comment = f"a public key of {size} bytes"
        cases.refused("InvalidKeyError", comment, "check_public_key", public_key=fixed_hex("key", 0, size))
        cases.refused("InvalidKeyError", comment, "agree", **inputs, peer_key=fixed_hex("key", 0, size))
    for comment, u in SMALL_ORDER.items():
        for note, public in ((comment, u), (f"{comment}, highest bit set", u | 1 << 255)):
            cases.refused("InvalidKeyError", note, "check_public_key", public_key=_little(public))
            cases.refused("InvalidKeyError", f"{note}: no key agreed", "agree", **inputs, peer_key=_little(public))


def _streams(cases: Cases) -> None:
    seed = fixed_hex("seed")
    for comment, info in (
        ("a self mask's stream", _context("SELF_MASK", 0)),
        ("the same seed for another client", _context("SELF_MASK", 1)),
        ("a pairwise mask's stream", _context("PAIRWISE_MASK", 0, 2)),
        ("info may be empty", ""),
    ):
        cases.good(comment, "keystream", seed=seed, info=info, size=80)
    folded = bytes(a ^ b for a, b in zip(bytes.fromhex(seed)[:16], b"\1" * 16, strict=True)) + bytes.fromhex(seed)[16:]
    cases.good("all 32 bytes of a seed count", "keystream", seed=folded.hex(), info="", size=80)
    for domain in ("SHARING_SELF_MASK_SEED", "SHARING_MASK_KEY"):
        inputs = {"domain": domain, "sharing_seed": fixed_hex("sharing seed")}
        cases.good(f"coefficients, threshold 4, {domain}", "coefficients", **inputs, threshold=4)
    cases.good("threshold 1 needs none", "coefficients", **inputs, threshold=1)
    cases.good("for another graph", "coefficients", **inputs, threshold=2, graph_digest=_OTHER_GRAPH)
    for size in (0, 16, 31, 33):
        short = fixed_hex("seed", 0, size)
        comment = f"a seed of {size} bytes"
        cases.refused("LocalProtocolError", comment, "keystream", seed=short, info=_context("SELF_MASK", 0), size=80)
        cases.refused("LocalProtocolError", comment, "coefficients", **inputs | {"sharing_seed": short}, threshold=4)
    for index in (0, 2):
        cases.good(f"commitment of client {index}", "commit", index=index, self_mask_seed=fixed_hex("seed"))
    cases.good("in another session", "commit", params=_OTHER_PARAMS, index=0, self_mask_seed=fixed_hex("seed"))


def _advertisements(cases: Cases) -> None:
    facts = {
        "seal_key": public_hex(fixed("seal key")),
        "mask_key": public_hex(fixed("mask key")),
        "commitment": fixed_hex("commitment"),
    }
    made = cases.good(
        "client 1 advertises", "advertise", index=1, identity_private_key=fixed_hex("identity", 1), **facts
    )
    good = str(made["advertisement"])
    cases.good("it verifies", "verify_advertisement", index=1, advertisement=good)
    error, operation = "InvalidSignatureError", "verify_advertisement"
    cases.refused(error, "as another client's", operation, index=0, advertisement=good)
    cases.refused(error, "in another session", operation, index=1, advertisement=good, params=_OTHER_PARAMS)
    parts = {"seal key": 0, "mask key": 32, "commitment": 64, "signature's first half": 96, "its second half": 128}
    for name, offset in parts.items():
        cases.refused(error, f"a bit of the {name} flipped", operation, index=1, advertisement=_flip(good, offset))
    swapped = good[64:128] + good[:64] + good[128:]
    cases.refused(error, "seal key and mask key swapped", operation, index=1, advertisement=swapped)
    cases.refused(error, "S + L in the signature's second half", operation, index=1, advertisement=_plus_order(good))
    cases.refused(error, "a signature of zeros", operation, index=1, advertisement=good[:192] + "00" * 64)
    stranger = {"index": 1, "identity_private_key": fixed_hex("identity", 9)}
    forged = _quietly("advertise", **stranger, **facts)["advertisement"]
    cases.refused(error, "signed by somebody else", operation, index=1, advertisement=forged)
    no_key = params_of(3, identities=[identity_hex(0), _little(2), identity_hex(2)])
    inputs = {"index": 1, "advertisement": good, "params": encode_params(no_key).hex()}
    cases.refused(error, "under an identity that is no point of the curve", operation, **inputs)
    anybodys = params_of(3, identities=[identity_hex(0), _little(1), identity_hex(2)])
    inputs = {"index": 1, "advertisement": good[:192] + _little(1) + "00" * 32, "params": encode_params(anybodys).hex()}
    cases.refused(error, "signed by nobody under an identity of small order", operation, **inputs)
    for size in (0, 159, 161):
        data = (bytes.fromhex(good) + b"\0")[:size].hex()
        cases.refused("MalformedMessageError", f"{size} bytes", operation, index=1, advertisement=data)


def _survivors(cases: Cases) -> None:
    signer = {"identity_private_key": fixed_hex("identity", 1)}
    signature = str(cases.good("client 1 signs 0, 1, 2", "sign_survivors", survivors=[0, 1, 2], **signer)["signature"])
    cases.good("client 1 signs 0, 1", "sign_survivors", survivors=[0, 1], **signer)
    cases.good("for another graph", "sign_survivors", survivors=[0, 1, 2], **signer, graph_digest=_OTHER_GRAPH)
    operation, whole = "verify_survivors", {"index": 1, "survivors": [0, 1, 2]}
    cases.good("it verifies", operation, **whole, signature=signature)
    for comment, changes in (
        ("another set: one client fewer", {"survivors": [0, 1]}),
        ("another set: one client more", {"survivors": [0, 1, 2, 3]}),
        ("another set of the same size", {"survivors": [0, 1, 3]}),
        ("no set", {"survivors": []}),
        ("another client's", {"index": 0}),
        ("another graph of the same session", {"graph_digest": _OTHER_GRAPH}),
        ("the session id in the graph digest's place", {"graph_digest": _ID}),
        ("a bit of the first half flipped", {"signature": _flip(signature, 0)}),
        ("a bit of the second half flipped", {"signature": _flip(signature, 32)}),
        ("S + L in the second half", {"signature": _plus_order(signature)}),
        ("63 bytes", {"signature": signature[:-2]}),
        ("65 bytes", {"signature": signature + "00"}),
        ("no bytes", {"signature": ""}),
        ("an advertisement's signature", {"signature": _advertised()}),
    ):
        inputs = {**whole, "signature": signature, **changes}
        cases.refused("InvalidSignatureError", comment, operation, **inputs)


def _unopened(cases: Cases) -> None:
    signer = {"index": 1, "identity_private_key": fixed_hex("identity", 1)}
    made = cases.good("client 1 names 0 and 2", "sign_unopened", unopened=[0, 2], **signer)
    signature = str(made["signature"])
    cases.good("client 1 names nobody", "sign_unopened", unopened=[], **signer)
    operation, whole = "verify_unopened", {"index": 1, "unopened": [0, 2]}
    cases.good("it verifies", operation, **whole, signature=signature)
    for comment, changes in (
        ("a sender fewer", {"unopened": [0]}),
        ("a sender more", {"unopened": [0, 2, 3]}),
        ("nobody", {"unopened": []}),
        ("another client's", {"index": 0}),
        ("another graph of the same session", {"graph_digest": _OTHER_GRAPH}),
        ("a bit flipped", {"signature": _flip(signature, 0)}),
        ("S + L in the second half", {"signature": _plus_order(signature)}),
        ("no bytes", {"signature": ""}),
    ):
        inputs = {**whole, "signature": signature, **changes}
        cases.refused("InvalidSignatureError", comment, operation, **inputs)


def _advertised() -> str:
    facts = {"seal_key": fixed_hex("a"), "mask_key": fixed_hex("b"), "commitment": fixed_hex("c")}
    identity = {"identity_private_key": fixed_hex("identity", 1)}
    return str(_quietly("advertise", index=1, **identity, **facts)["advertisement"])[192:]


def _quietly(operation: str, **inputs: object) -> Json:
    """Outputs of a case that is not written down."""
    return Cases("", params=encode_params(_PARAMS).hex(), graph_digest=_GRAPH).good("", operation, **inputs)


def _context(domain: str, *indices: int) -> str:
    return (label(domain) + bytes.fromhex(_GRAPH) + b"".join(index.to_bytes(4, "big") for index in indices)).hex()


def _little(value: int) -> str:
    return value.to_bytes(32, "little").hex()


def _flip(text: str, offset: int) -> str:
    data = bytearray.fromhex(text)
    data[offset] ^= 1
    return data.hex()


def _plus_order(text: str) -> str:
    """The same signature with its scalar not reduced: what RFC 8032, section 5.1.7, refuses."""
    return text[:-64] + _little(int.from_bytes(bytes.fromhex(text[-64:]), "little") + _L)
