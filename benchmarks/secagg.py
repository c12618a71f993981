"""What masking costs a client, beside the limit: the cipher's keystream and one addition, nothing else.

Run it with `make bench`, or `python -m benchmarks.secagg --clients 50 --length 1000000 --json`.
"""

import argparse
import json
import os
from collections.abc import Callable
from time import process_time

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from protocols import CLIENT_RANDOM_BYTES, Client, ClientPolicy, Server, SessionParams

_BLOCK = 1 << 14  # words; a block and its keystream stay in cache
_ROUND_OF_INPUTS = 2


def best_of(work: Callable[[], object], repetitions: int) -> float:
    """Least CPU time of one call in milliseconds: the machine may be busy, the minimum is the undisturbed cost."""
    times = []
    for _ in range(repetitions):
        start = process_time()
        work()
        times.append(process_time() - start)
    return 1000 * min(times)


def limit(masks: int, length: int) -> None:
    """Add `masks` AES-256-CTR keystreams of 32-bit words to a vector, block by block."""
    vector = np.zeros(length, dtype=np.uint32)
    ciphers = [Cipher(algorithms.AES(os.urandom(32)), modes.CTR(bytes(16))).encryptor() for _ in range(masks)]
    zeros, buffer = bytes(4 * _BLOCK), bytearray(4 * _BLOCK + 16)
    stream = np.frombuffer(buffer, dtype="<u4")
    for start in range(0, length, _BLOCK):
        words = vector[start : start + _BLOCK]
        for cipher in ciphers:
            cipher.update_into(zeros[: 4 * len(words)], buffer)
            np.add(words, stream[: len(words)], out=words)


class Cohort:
    """All parties of one session, in this process."""

    def __init__(self, clients: int, length: int, bits: int) -> None:
        keys = [Ed25519PrivateKey.generate() for _ in range(clients)]
        identities = tuple(key.public_key().public_bytes_raw() for key in keys)
        digests = {"model_digest": bytes(32), "anchors_digest": bytes(32), "privacy_digest": bytes(32)}
        threshold = (clients + 1) // 2 + 1
        params = SessionParams(
            iteration=1,
            identities=identities,
            vector_length=length,
            modulus_bits=bits,
            threshold=threshold,
            corrupt=1,
            min_survivors=threshold,
            max_abs_input=((1 << (bits - 1)) - 1) // clients,
            architecture_digest=bytes(32),
            **digests,
        )
        policy = ClientPolicy(
            roster=frozenset(identities),
            min_cohort=2,
            min_survivors=threshold,
            min_corrupt=1,
            last_iteration=0,
            architectures=frozenset({bytes(32)}),
            **digests,
        )
        vector = np.ones(length, dtype=np.int64)
        self.server = Server(params)
        self.clients = [
            Client(identity=key, policy=policy, vector=vector, random=os.urandom(CLIENT_RANDOM_BYTES)) for key in keys
        ]

    def run(self, dropouts: int) -> dict[str, float]:
        """A whole session in which the last `dropouts` clients vanish before their input; CPU milliseconds by party."""
        client, server, upload = [0.0] * 5, 0.0, 0
        requests, rounds = self.server.start(), 0
        while requests:
            staying = len(self.clients) - (dropouts if rounds >= _ROUND_OF_INPUTS else 0)
            for index, request in requests.items():
                if index >= staying:
                    continue
                start = process_time()
                response = self.clients[index].receive(request)
                client[rounds] += process_time() - start
                upload = max(upload, len(response))
                self.server.receive(index, response)
            start = process_time()
            requests = self.server.close_round()
            server += process_time() - start
            rounds += 1
        if not (self.server.aggregate() == len(self.server.survivors)).all():
            raise SystemExit("the sum is wrong")
        n = len(self.clients)
        return {
            "client_keys_and_shares_ms": 1000 * (client[0] + client[1]) / n,
            "client_mask_ms": 1000 * client[2] / (n - dropouts),
            "server_unmask_ms": 1000 * server,
            "upload_bytes": upload,
        }


def measure(clients: int, length: int, bits: int, dropouts: int) -> dict[str, float]:
    """One session and the limit beside it."""
    limit_ms = best_of(lambda: limit(clients, length), repetitions=5)
    session = Cohort(clients, length, bits).run(dropouts)
    return {
        "limit_mask_ms": limit_ms,
        **session,
        "client_mask_over_limit": session["client_mask_ms"] / limit_ms,
    }


def main() -> None:
    """Parse options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--length", type=int, default=1_000_000)
    parser.add_argument("--modulus-bits", type=int, default=32)
    parser.add_argument("--dropouts", type=int, default=5, help="clients that vanish before their masked input")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    result = measure(options.clients, options.length, options.modulus_bits, options.dropouts)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:28} {value:14,.2f}")


if __name__ == "__main__":
    main()
