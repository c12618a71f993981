"""Write the test vectors in vectors/: `python -m tests.vectors`, run by `make vectors`.

Every secret of a client is an argument, so a whole session is a function of fixed bytes.
"""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import CLIENT_RANDOM_BYTES, Client, ClientPolicy, Server, SessionParams

ROOT = Path(__file__).resolve().parents[1]
_CLIENTS, _DROPOUT, _LENGTH, _BITS = 4, 3, 5, 24
_ROUND_OF_INPUTS = 2


def session() -> dict[str, object]:
    """One session of four clients, of whom the last vanishes before its masked input: all bytes that move."""
    keys = [Ed25519PrivateKey.from_private_bytes(_bytes("identity", index, 32)) for index in range(_CLIENTS)]
    identities = tuple(key.public_key().public_bytes_raw() for key in keys)
    digests = {name: _bytes(name, 0, 32) for name in ("model_digest", "anchors_digest", "privacy_digest")}
    architecture = _bytes("architecture_digest", 0, 32)
    params = SessionParams(
        iteration=7,
        identities=identities,
        vector_length=_LENGTH,
        modulus_bits=_BITS,
        threshold=3,
        corrupt=1,
        min_survivors=3,
        max_abs_input=1000,
        architecture_digest=architecture,
        **digests,
    )
    policy = ClientPolicy(
        roster=frozenset(identities),
        min_cohort=3,
        min_survivors=3,
        min_corrupt=1,
        last_iteration=6,
        architectures=frozenset({architecture}),
        **digests,
    )
    vectors = [np.arange(_LENGTH, dtype=np.int64) * (index + 1) - 3 for index in range(_CLIENTS)]
    randoms = [_bytes("random", index, CLIENT_RANDOM_BYTES) for index in range(_CLIENTS)]
    clients = [
        Client(identity=key, policy=policy, vector=vector, random=random)
        for key, vector, random in zip(keys, vectors, randoms, strict=True)
    ]
    rounds, server = _play(Server(params), clients)
    return {
        "description": "client 3 answers rounds 0 and 1 only; every message in hexadecimal",
        "identity_private_keys": [_bytes("identity", index, 32).hex() for index in range(_CLIENTS)],
        "params": params.encode().hex(),
        "session_id": params.session_id.hex(),
        "random": [random.hex() for random in randoms],
        "inputs": [vector.tolist() for vector in vectors],
        "rounds": rounds,
        "survivors": list(server.survivors),
        "aggregate": server.aggregate().tolist(),
    }


def _play(server: Server, clients: list[Client]) -> tuple[list[dict[str, dict[str, str]]], Server]:
    rounds: list[dict[str, dict[str, str]]] = []
    requests = server.start()
    while requests:
        responses = {
            index: clients[index].receive(request)
            for index, request in requests.items()
            if index != _DROPOUT or len(rounds) < _ROUND_OF_INPUTS
        }
        rounds.append(
            {
                "requests": {str(index): data.hex() for index, data in requests.items()},
                "responses": {str(index): data.hex() for index, data in responses.items()},
            }
        )
        for index, response in responses.items():
            server.receive(index, response)
        requests = server.close_round()
    return rounds, server


def _bytes(name: str, index: int, size: int) -> bytes:
    """Fixed bytes that look random."""
    blocks = (sha256(f"{name} {index} {block}".encode()).digest() for block in range(-(-size // 32)))
    return b"".join(blocks)[:size]


VECTORS = {"vectors/session.json": session}


def render(name: str) -> str:
    """The text of one vector file."""
    return json.dumps(VECTORS[name](), indent=1) + "\n"


if __name__ == "__main__":
    for name in VECTORS:
        (ROOT / name).write_text(render(name), encoding="utf-8")
