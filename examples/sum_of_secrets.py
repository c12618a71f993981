"""Ten clients sum their secret numbers; two vanish on the way; the server learns the sum of eight and no vector.

Run it with `python examples/sum_of_secrets.py`.
"""

import os
import time
from functools import partial

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import CLIENT_RANDOM_BYTES, Client, ClientPolicy, Server, SessionParams, VectorSpec

# Long-lived identities; everyone knows the public halves beforehand.
keys = [Ed25519PrivateKey.generate() for _ in range(10)]
identities = tuple(key.public_key().public_bytes_raw() for key in keys)
server_key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()

params = SessionParams(
    session=1,
    iteration=1,
    server_key=server_key,
    identities=identities,
    vectors=(
        VectorSpec(name="steps", length=7, modulus_bits=24, max_abs_input=100_000),
        VectorSpec(name="count", length=1, modulus_bits=8, max_abs_input=1),
    ),
    degree=9,  # everyone is everyone's neighbor
    threshold=6,  # neighbors that together recover a vanished client's mask key
    corrupt=1,  # clients that may work with a lying server
    min_survivors=7,
)
# Each client's own conditions: the server cannot talk it into less.
policy = ClientPolicy(
    roster=frozenset(identities),
    min_cohort=8,
    min_survivors=7,
    min_corrupt=1,
    server_key=server_key,
    iteration=1,
    last_session=0,
    vectors=params.vectors,
)


def secrets(number: int) -> dict[str, np.ndarray]:
    """What a client brings. It is asked once, when its neighbors' boxes have been checked."""
    return {"steps": np.arange(7) + 1000 * number, "count": np.array([1])}


clients = [
    Client(
        identity=key,
        policy=policy,
        vectors=partial(secrets, number),
        random=os.urandom(CLIENT_RANDOM_BYTES),
        clock=time.time,
    )
    for number, key in enumerate(keys)
]

vanish_in_round = {3: 1, 7: 2}  # client 3 after its keys, client 7 after its shares
server = Server(params)
requests, number = server.start(), 0
while requests:
    for index, request in requests.items():
        if number < vanish_in_round.get(index, 5):
            server.receive(index, clients[index].receive(request))
    requests, number = server.close_round(), number + 1

print("clients in the sum:", server.survivors)
print({name: total.tolist() for name, total in server.aggregate().items()})
