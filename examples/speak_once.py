"""Twelve clients sum their secret numbers, never online together; two never come; one message from each is enough.

Run it with `python examples/speak_once.py`.
"""

import os

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import ClientPolicy, VectorSpec
from protocols.speakonce import CLIENT_RANDOM_BYTES, Client, Prekeys, Server, WindowParams, WindowPolicy, parameters

# Long-lived identities; everyone knows the public halves beforehand.
keys = [Ed25519PrivateKey.generate() for _ in range(12)]
identities = tuple(key.public_key().public_bytes_raw() for key in keys)
server_key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()

# Ahead: each client publishes keys for session 1. Then the roster is frozen, and only then a beacon is drawn.
clients = [
    Client(identity=key, server_key=server_key, session=1, random=os.urandom(CLIENT_RANDOM_BYTES)) for key in keys
]
prekeys = tuple(Prekeys.decode(client.publish()) for client in clients)
sizes = parameters(12, corrupt=0.08, dropout=0.17)  # one may be corrupt, two may never come
beacon = os.urandom(32)
params = WindowParams(
    session=1,
    iteration=1,
    server_key=server_key,
    identities=identities,
    prekeys=prekeys,
    vectors=(VectorSpec(name="steps", length=7, modulus_bits=24, max_abs_input=100_000),),
    degree=sizes.degree,
    floor=sizes.floor,
    members=sizes.members,
    quorum=sizes.quorum,
    corrupt=sizes.corrupt,
    min_survivors=sizes.min_survivors,
    beacon=beacon,
    end=20_000,  # in days, say
)
# Each client's own conditions: the server cannot talk it into less.
policy = WindowPolicy(
    terms=ClientPolicy(
        roster=frozenset(identities),
        min_cohort=12,
        min_survivors=10,
        min_corrupt=1,
        server_key=server_key,
        iteration=1,
        last_session=0,
        vectors=params.vectors,
    ),
    frozen_digest=params.frozen_digest,  # as it was published before the beacon
    beacon=beacon,
    latest_end=20_000,
)

# The window: whoever comes online says all it ever says; two never come, and nobody waits for anybody.
server = Server(params)
opening = server.start()
absent = [index for index in range(12) if index not in params.committee][:2]
for index in sorted(set(range(12)) - set(absent)):
    steps = {"steps": np.arange(7) + 1000 * index}
    server.receive(index, clients[index].speak(opening[index], policy=policy, vectors=lambda steps=steps: steps))

# Afterwards: the committee opens its boxes, signs who is counted, and releases what unmasks their sum.
requests = server.close_round()
while requests:
    for member, request in requests.items():
        server.receive(member, clients[member].receive(request))
    requests = server.close_round()

total = sum(1000 * index for index in server.survivors)
print("clients in the sum:", len(server.survivors), "of them in the committee:", len(params.committee))
print("exact:", server.aggregate()["steps"].tolist() == [total + 10 * step for step in range(7)])
