"""Arguments of wrong types are the caller's mistake, and are called that."""

import os
import time
from collections.abc import Callable

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import (
    CLIENT_RANDOM_BYTES,
    Client,
    ClientPolicy,
    LocalProtocolError,
    Server,
    SessionParams,
    VectorSpec,
    parameters,
)

KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(4)]
IDENTITIES = tuple(key.public_key().public_bytes_raw() for key in KEYS)
VECTOR = {"name": "v", "length": 4, "modulus_bits": 32, "max_abs_input": 10}
PARAMS = {
    "iteration": 1,
    "session": 1,
    "server_key": bytes(32),
    "identities": IDENTITIES,
    "vectors": (VectorSpec(**VECTOR),),
    "degree": 3,
    "threshold": 2,
    "corrupt": 0,
    "min_survivors": 3,
}
POLICY = {
    "roster": frozenset(IDENTITIES),
    "min_cohort": 3,
    "min_survivors": 3,
    "min_corrupt": 0,
    "iteration": 1,
    "last_session": 0,
    "server_key": bytes(32),
    "vectors": (VectorSpec(**VECTOR),),
}
OPTIONAL = ("adversary", "security_bits", "patience", "earlier", "architectures", "model_digest", "checkpoint_digest")
CLIENT = {
    "identity": KEYS[0],
    "policy": ClientPolicy(**POLICY),
    "vectors": lambda: {"v": np.zeros(4, np.int64)},
    "random": os.urandom(CLIENT_RANDOM_BYTES),
    "clock": time.monotonic,
}


def started() -> Server:
    server = Server(SessionParams(**PARAMS))
    server.start()
    return server


CALLS: dict[str, Callable[[object], object]] = {
    **{f"Client: {name}": lambda value, name=name: Client(**CLIENT | {name: value}) for name in list(CLIENT)[:2]},
    "Client: random": lambda value: Client(**CLIENT | {"random": value}),
    **{f"ClientPolicy: {name}": lambda value, name=name: ClientPolicy(**POLICY | {name: value}) for name in POLICY},
    **{f"ClientPolicy: {name}": lambda value, name=name: ClientPolicy(**POLICY | {name: value}) for name in OPTIONAL},
    "ClientPolicy: an identity": lambda value: ClientPolicy(**POLICY | {"roster": frozenset({value})}),
    **{f"SessionParams: {name}": lambda value, name=name: SessionParams(**PARAMS | {name: value}) for name in PARAMS},
    **{f"VectorSpec: {name}": lambda value, name=name: VectorSpec(**VECTOR | {name: value}) for name in VECTOR},
    "parameters: n": lambda value: parameters(value, corrupt=0.1, dropout=0.1),
    "parameters: corrupt": lambda value: parameters(10, corrupt=value, dropout=0.1),
    "parameters: dropout": lambda value: parameters(10, corrupt=0.1, dropout=value),
    "Server: params": Server,
    "Server.receive: index": lambda value: started().receive(value, b"x"),
    "Server.receive: data": lambda value: started().receive(0, value),
    "Client.receive: data": lambda value: Client(**CLIENT).receive(value),
}


@pytest.mark.parametrize(
    "value", [None, object(), True, 1j], ids=["nothing", "an object", "a truth", "a complex number"]
)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_wrong_type_is_the_callers_mistake(call: Callable[[object], object], value: object) -> None:
    with pytest.raises(LocalProtocolError):
        call(value)
