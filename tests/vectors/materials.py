"""Fixed bytes that look random, and the sessions made of them."""

from hashlib import shake_256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

PRIME = 2**256 + 297
DIGESTS = (
    "model_digest",
    "architecture_digest",
    "anchors_digest",
    "privacy_digest",
    "training_digest",
    "checkpoint_digest",
)


def fixed(name: str, index: int = 0, size: int = 32) -> bytes:
    """The same bytes at each call."""
    return shake_256(f"{name} {index}".encode()).digest(size)


def fixed_hex(name: str, index: int = 0, size: int = 32) -> str:
    return fixed(name, index, size).hex()


def element(value: int) -> str:
    """A field element, or what pretends to be one, as 33 bytes."""
    return value.to_bytes(33, "big").hex()


def fixed_element(name: str, index: int = 0) -> int:
    return int.from_bytes(fixed(name, index, 64), "big") % PRIME


def identity(index: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(fixed("identity", index))


def identity_hex(index: int) -> str:
    return identity(index).public_key().public_bytes_raw().hex()


def public_hex(private: bytes) -> str:
    """The X25519 public key of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()


def vector(name: str = "update", length: int = 3, modulus_bits: int = 24, max_abs_input: int = 1000) -> dict:
    return {"name": name, "length": length, "modulus_bits": modulus_bits, "max_abs_input": max_abs_input}


def params_of(clients: int = 4, **changes: object) -> dict:
    """The fields of a session's parameters: nobody corrupt, a complete graph, unless `changes` say otherwise."""
    degree, corrupt = changes.get("degree", clients - 1), changes.get("corrupt", 0)
    threshold = changes.get("threshold", (degree + corrupt) // 2 + 1)
    return {
        "version": 2,
        "session": 7,
        "iteration": 3,
        "server_key": identity_hex(99),
        "identities": [identity_hex(index) for index in range(clients)],
        "vectors": [vector()],
        "degree": degree,
        "threshold": threshold,
        "corrupt": corrupt,
        "min_survivors": max(threshold + 1, (clients + corrupt) // 2 + 1, corrupt + 2),
        **{name: fixed_hex(name) for name in DIGESTS},
        **changes,
    }


def policy_of(params: dict) -> dict:
    """The policy of a client that agrees to these parameters and to little else."""
    return {
        "roster": params["identities"],
        "min_cohort": len(params["identities"]),
        "min_survivors": params["min_survivors"],
        "min_corrupt": params["corrupt"],
        "adversary": "malicious",
        "security_bits": 80,
        "patience": 60,
        "server_key": params["server_key"],
        "iteration": params["iteration"],
        "last_session": params["session"] - 1,
        "vectors": params["vectors"],
        "earlier": [],
        "architectures": [params["architecture_digest"]],
        "model_digest": params["model_digest"],
        "anchors_digest": params["anchors_digest"],
        "privacy_digest": params["privacy_digest"],
        "training_digest": params["training_digest"],
        "checkpoint_digest": params["checkpoint_digest"],
    }
