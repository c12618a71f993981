"""A second implementation of what docs/protocol.md describes, short and slow, which shares no line with `protocols`.

It knows the honest paths only and refuses nothing. `answers` and `retrace` are made of it.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from hashlib import sha256
from itertools import combinations
from math import comb, prod

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

PRIME = 2**256 + 297
DIGESTS = (
    "model_digest",
    "architecture_digest",
    "anchors_digest",
    "privacy_digest",
    "training_digest",
    "checkpoint_digest",
)


def u4(value: int) -> bytes:
    return value.to_bytes(4, "big")


SPEAK_ONCE = {
    *("PREKEYS", "PREKEYS_LEAF", "PREKEYS_NODE", "FROZEN", "SEED", "RING_POSITION", "COMMITTEE_POSITION", "WINDOW"),
    *("SECRET", "SHARING", "DEALT_LEAF", "DEALT_NODE", "BOXES_LEAF", "BOXES_NODE", "MANIFEST", "REPORT", "COUNTED"),
    "RELEASE",
}
"""Domains of the protocol in which clients speak once."""


def label(name: str) -> bytes:
    """`BOX` is `secagg/2/box` and a zero byte, `SEED` is `speakonce/1/seed` and a zero byte."""
    names = {"COMMITMENT": "self-mask-commitment", "SECRET": "secret-commitment"}
    protocol = "speakonce/1" if name in SPEAK_ONCE else "secagg/2"
    return f"{protocol}/{names.get(name, name.lower().replace('_', '-'))}\0".encode()


def bind(name: str, digest: bytes, *indices: int) -> bytes:
    return label(name) + digest + b"".join(map(u4, indices))


def table(entries: Mapping[int, bytes]) -> bytes:
    return u4(len(entries)) + b"".join(u4(index) + entries[index] for index in sorted(entries))


def indices(members: Iterable[int]) -> bytes:
    return table(dict.fromkeys(members, b""))


def read_table(data: bytes, size: int) -> tuple[dict[int, bytes], bytes]:
    """Reads a good table of entries of this size; returns what follows it, too."""
    count, row = int.from_bytes(data[:4], "big"), 4 + size
    rows = [data[4 + row * i : 4 + row * (i + 1)] for i in range(count)]
    return {int.from_bytes(entry[:4], "big"): entry[4:] for entry in rows}, data[4 + row * count :]


def number(value: int) -> int | str:
    return value if abs(value) <= 2**53 else hex(value)


def integer(value: int | str) -> int:
    return int(value, 16) if isinstance(value, str) else value


# Parameters


def encode_fields(fields: Mapping) -> bytes:
    """The parameters up to the number of identities; refuses nothing that fits into its bytes."""
    vectors = b"".join(
        bytes([len(spec["name"].encode("latin-1"))])
        + spec["name"].encode("latin-1")
        + u4(spec["length"])
        + bytes([spec["modulus_bits"]])
        + integer(spec["max_abs_input"]).to_bytes(8, "big")
        for spec in fields["vectors"]
    )
    return b"".join(
        (
            fields["version"].to_bytes(2, "big"),
            integer(fields["session"]).to_bytes(8, "big"),
            integer(fields["iteration"]).to_bytes(8, "big"),
            bytes.fromhex(fields["server_key"]),
            bytes([len(fields["vectors"])]),
            vectors,
            *(u4(fields[name]) for name in ("degree", "threshold", "corrupt", "min_survivors")),
            *(bytes.fromhex(fields[name]) for name in DIGESTS),
            u4(len(fields["identities"])),
        )
    )


def encode_params(fields: Mapping) -> bytes:
    return encode_fields(fields) + b"".join(map(bytes.fromhex, fields["identities"]))


def tree_root(leaves: list[bytes], node: bytes) -> bytes:
    """RFC 6962, section 2.1, in its recursive form, over leaves that are hashed already."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(node + tree_root(leaves[:half], node) + tree_root(leaves[half:], node)).digest()


def tree_proof(leaves: list[bytes], places: set[int], node: bytes) -> list[bytes]:
    """From the leaves up: the roots of the halves that hold none of the places, of those that hold some."""
    proof, width = [], 1
    while width < len(leaves):
        halves = {place // width for place in places}
        missing = sorted(half ^ 1 for half in halves if half ^ 1 not in halves and (half ^ 1) * width < len(leaves))
        proof += [tree_root(leaves[half * width : (half + 1) * width], node) for half in missing]
        width *= 2
    return proof


def merkle_root(entries: list[bytes], leaf: str = "ROSTER_LEAF", node: str = "ROSTER_NODE") -> bytes:
    return tree_root([sha256(label(leaf) + entry).digest() for entry in entries], label(node))


def window(encoding: bytes) -> dict:
    """All that follows from the parameters of a window."""
    opening, rest = encoding[:50], encoding[50:]
    vectors, rest = rest[:1], rest[1:]
    for _ in range(vectors[0]):
        size = 1 + rest[0] + 4 + 1 + 8
        vectors, rest = vectors + rest[:size], rest[size:]
    digests, sizes, beacon, end, rest = rest[:192], rest[192:216], rest[216:248], rest[248:256], rest[256:]
    count = int.from_bytes(rest[:4], "big")
    identities = [rest[4 + 32 * index : 36 + 32 * index] for index in range(count)]
    rest = rest[4 + 32 * count :]
    prekeys = [rest[128 * index : 128 * (index + 1)] for index in range(count)]
    frozen = sha256(
        label("FROZEN")
        + opening[:10]
        + opening[18:]
        + sizes
        + u4(count)
        + merkle_root(identities)
        + merkle_root(prekeys, "PREKEYS_LEAF", "PREKEYS_NODE")
    ).digest()
    seed = sha256(label("SEED") + frozen + beacon).digest()
    members, quorum = (int.from_bytes(sizes[start : start + 4], "big") for start in (16, 20))

    def drawn(purpose: str) -> list[int]:
        return sorted(range(count), key=lambda index: sha256(bind(purpose, seed, index)).digest())

    return {
        "frozen_digest": frozen.hex(),
        "session_id": sha256(label("WINDOW") + frozen + beacon + end + opening + vectors + digests).hexdigest(),
        "threshold": 2 * quorum - members,
        "order": drawn("RING_POSITION"),
        "committee": sorted(drawn("COMMITTEE_POSITION")[:members]),
    }


def session_id(fields: Mapping) -> bytes:
    root = merkle_root([bytes.fromhex(identity) for identity in fields["identities"]])
    return sha256(label("SESSION") + encode_fields(fields) + root).digest()


def decode_params(data: bytes) -> dict:
    """Reads an encoding known to be good."""
    offset = 0

    def take(size: int) -> bytes:
        nonlocal offset
        offset += size
        return data[offset - size : offset]

    def read(size: int) -> int | str:
        return number(int.from_bytes(take(size), "big"))

    fields: dict = {"version": read(2), "session": read(8), "iteration": read(8), "identities": []}
    fields["server_key"] = take(32).hex()
    fields["vectors"] = [
        {
            "name": take(read(1)).decode(),
            "length": read(4),
            "modulus_bits": read(1),
            "max_abs_input": read(8),
        }
        for _ in range(read(1))
    ]
    fields |= {name: read(4) for name in ("degree", "threshold", "corrupt", "min_survivors")}
    fields |= {name: take(32).hex() for name in DIGESTS}
    fields["identities"] = [take(32).hex() for _ in range(read(4))]
    return fields


def derived(fields: Mapping) -> dict:
    identities = [bytes.fromhex(identity) for identity in fields["identities"]]
    return {
        "roster_root": merkle_root(identities).hex(),
        "session_id": session_id(fields).hex(),
        "confirmations": (len(identities) + fields["corrupt"]) // 2 + 1,
    }


# The graph


def graph(session: bytes, degree: int, digests: Mapping[int, bytes]) -> tuple[bytes, list[int], dict[int, list[int]]]:
    """Digest, order on the ring, neighbors."""
    digest = sha256(bind("GRAPH", session) + table(digests)).digest()
    order = sorted(digests, key=lambda index: sha256(bind("GRAPH_POSITION", digest, index)).digest())
    size = len(order)
    neighbors = {}
    for place, index in enumerate(order):
        if degree >= size - 1:
            near = set(order) - {index}
        else:
            near = {order[(place + step) % size] for step in range(-(degree // 2), degree // 2 + 1) if step}
        neighbors[index] = sorted(near)
    return digest, order, neighbors


# Keys, boxes, streams, signatures


def public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def agree(private: bytes, peer: bytes, info: bytes) -> bytes:
    secret = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(peer))
    return HKDF(SHA256(), 32, None, info).derive(secret)


def stream(seed: bytes, info: bytes, size: int) -> bytes:
    key = HKDFExpand(SHA256(), 32, info).derive(seed)
    return Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(size))


def seal(key: bytes, content: bytes, context: bytes) -> bytes:
    return AESGCM(key).encrypt(bytes(12), content, context)


def unseal(key: bytes, box: bytes, context: bytes) -> bytes:
    return AESGCM(key).decrypt(bytes(12), box, context)


def sign(private: bytes, statement: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).sign(statement)


# Masks and packing


def word_size(bits: int) -> int:
    return next(size for size in (1, 2, 4, 8) if bits <= 8 * size)


def mask_words(seed: bytes, info: bytes, vectors: list[Mapping], sign_of_mask: int = 1) -> list[list[int]]:
    """One stream, read as little-endian words, vector after vector without a gap."""
    sizes = [spec["length"] * word_size(spec["modulus_bits"]) for spec in vectors]
    data, masks = stream(seed, info, sum(sizes)), []
    for spec, size in zip(vectors, sizes, strict=True):
        part, data = data[:size], data[size:]
        width, modulus = word_size(spec["modulus_bits"]), 1 << spec["modulus_bits"]
        words = (int.from_bytes(part[start : start + width], "little") for start in range(0, size, width))
        masks.append([sign_of_mask * word % modulus for word in words])
    return masks


def pack(words: Iterable[int], bits: int) -> bytes:
    """One integer: coordinate i times 2^(i b), little-endian."""
    words = list(words)
    text = "".join(f"{word:0{bits}b}" for word in reversed(words))
    return int(text or "0", 2).to_bytes((len(words) * bits + 7) // 8, "little")


def unpack(packed: bytes, length: int, bits: int) -> list[int]:
    whole = int.from_bytes(packed, "little")
    return [whole >> (bits * i) & ((1 << bits) - 1) for i in range(length)]


def signed(word: int, bits: int) -> int:
    return word - (1 << bits) if word >> (bits - 1) else word


# Shares


def evaluate(polynomial: list[int], position: int) -> int:
    return sum(coefficient * position**power for power, coefficient in enumerate(polynomial)) % PRIME


def interpolate(shares: Mapping[int, int], position: int = 0) -> int:
    """Lagrange, straight from the book."""
    total = 0
    for i, share in shares.items():
        others = [j for j in shares if j != i]
        total += share * prod(position - j for j in others) * pow(prod(i - j for j in others), -1, PRIME)
    return total % PRIME


def correct(shares: Mapping[int, int], threshold: int) -> tuple[int, list[int]]:
    """Tries all subsets: the polynomial through one that nearly all shares lie on."""
    for chosen in combinations(shares, threshold):
        points = {position: shares[position] for position in chosen}
        wrong = [position for position in shares if interpolate(points, position) != shares[position]]
        if 2 * len(wrong) <= len(shares) - threshold:
            return interpolate(points), wrong
    raise ValueError("more shares are wrong than can be corrected")


def coefficients(seed: bytes, purpose: str, graph_digest: bytes, threshold: int) -> list[int]:
    data = stream(seed, bind(purpose, graph_digest), 64 * (threshold - 1))
    return [int.from_bytes(data[start : start + 64], "big") % PRIME for start in range(0, len(data), 64)]


# How many neighbors are enough


def tail(population: int, marked: int, drawn: int, least: int) -> Fraction:
    """Exactly: the probability that at least `least` of `drawn` are among the `marked`."""
    ways = sum(comb(marked, x) * comb(population - marked, drawn - x) for x in range(max(0, least), drawn + 1))
    return Fraction(ways, comb(population, drawn))


def insecurity(case: Mapping) -> Fraction:
    """The larger of the two bounds on what must not happen, for numbers that make sense."""
    degree, threshold, corrupt = case["degree"], case["threshold"], case["corrupt"]
    malicious, honest = case["adversary"] == "malicious", case["adversary"] == "semi_honest"
    ring = case["clients"] - (case["dropouts"] if malicious else 0)
    fatal = threshold if honest else 2 * threshold - degree
    neighborhood = ring * tail(ring, corrupt, min(degree, ring), fatal)
    if ring <= degree + 1:
        return neighborhood
    pairs, window, crowd = Fraction(ring * (ring - degree - 1), 2), degree // 2, threshold - degree // 2
    if not malicious:
        return max(neighborhood, pairs * tail(ring, min(ring, corrupt + case["dropouts"]), degree, degree))
    if 2 * crowd > corrupt:
        return neighborhood
    second = tail(ring - window, min(ring - window, corrupt - max(0, crowd)), window, crowd)
    return max(neighborhood, pairs * tail(ring, corrupt, window, crowd) * second)


def failure(clients: int, dropouts: int, degree: int, threshold: int) -> Fraction:
    """Bounds the probability that fewer than `threshold` neighbors of some client are left."""
    return clients * tail(clients, dropouts, degree, degree - threshold + 1)
