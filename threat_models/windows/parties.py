"""Who takes part in a window: its parameters, clients with prekeys of their own, and what they insist on."""

from collections.abc import Sequence
from functools import cache
from hashlib import shake_256
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocols import ClientPolicy, VectorSpec
from protocols.speakonce import CLIENT_RANDOM_BYTES, Client, Prekeys, WindowParams, WindowPolicy
from protocols.speakonce.client import make_prekeys
from protocols.speakonce.committee import least_survivors
from protocols.vault import Vault

from ..adversaries.parties import ITERATION, SERVER_KEY, SESSION, digest, identity, owner_of, roster

END = 1000


def randomness(seed: int, index: int) -> bytes:
    """What a client draws from its operating system, repeatable."""
    return shake_256(b"window %d %d" % (seed, index)).digest(CLIENT_RANDOM_BYTES)


@cache
def prekeys_of(seed: int, index: int, session: int = SESSION) -> Prekeys:
    """What client `index` publishes ahead of a session."""
    return signed_prekeys(identity(index), randomness(seed, index), session)


def signed_prekeys(signer: Ed25519PrivateKey, random: bytes, session: int = SESSION) -> Prekeys:
    """The public halves of these keys, signed by whoever signs."""
    return make_prekeys(signer, server_key=SERVER_KEY, session=session, random=random).prekeys


def window(clients: int = 4, *, seed: int = 0, length: int = 2, **changes: Any) -> WindowParams:
    """A window; unless said otherwise everyone is a neighbor and a member, and nobody is corrupt."""
    members = changes.get("members", clients)
    degree, corrupt = changes.get("degree", clients - 1), changes.get("corrupt", 0)
    fields: dict[str, Any] = {
        "session": SESSION,
        "iteration": ITERATION,
        "server_key": SERVER_KEY,
        "identities": roster(clients),
        "prekeys": tuple(prekeys_of(seed, index) for index in range(clients)),
        "vectors": (VectorSpec(name="update", length=length, modulus_bits=16, max_abs_input=100),),
        "degree": degree,
        "floor": 0 if degree == clients - 1 else 1,
        "members": members,
        "quorum": (members + corrupt) // 2 + 1,
        "corrupt": corrupt,
        "min_survivors": least_survivors(clients, corrupt),
        "beacon": digest("beacon"),
        "end": END,
        "model_digest": digest("model_digest"),
    }
    return WindowParams(**(fields | changes))


def policy_for(params: WindowParams, **changes: Any) -> WindowPolicy:
    """What a client insists on that agreed to just this window; `changes` says where it differs.

    Windows here are far too small for 80 bits, so committees and rings are judged for one.
    """
    pinned: dict[str, Any] = {"frozen_digest": params.frozen_digest, "beacon": params.beacon, "latest_end": params.end}
    pinned |= {name: changes.pop(name) for name in tuple(changes) if name in pinned}
    terms: dict[str, Any] = {
        "roster": frozenset(params.identities),
        "min_cohort": params.clients,
        "min_survivors": params.min_survivors,
        "min_corrupt": params.corrupt,
        "server_key": SERVER_KEY,
        "iteration": ITERATION,
        "last_session": SESSION - 1,
        "vectors": params.vectors,
        "model_digest": params.model_digest,
        "security_bits": 1,
    }
    return WindowPolicy(terms=ClientPolicy(**(terms | changes)), **pinned)


def vectors_of(params: WindowParams, index: int) -> dict[str, NDArray[np.int64]]:
    """Client `index`'s input, another for each."""
    (spec,) = params.vectors
    places = np.arange(spec.length)
    return {spec.name: ((index + 1) * 31 + 17 * places) % (2 * spec.max_abs_input) - spec.max_abs_input}


def sum_of(params: WindowParams, clients: Sequence[int]) -> list[int]:
    """The sum that these clients' inputs have."""
    total: list[int] = np.sum([vectors_of(params, index)["update"] for index in clients], axis=0).tolist()
    return total


def make_client(params: WindowParams, index: int, seed: int, vault: Vault | None = None) -> Client:
    """A client that published these very prekeys, if they are its own."""
    return Client(
        identity=owner_of(params.identities[index]),
        server_key=SERVER_KEY,
        session=SESSION,
        random=randomness(seed, index),
        vault=vault,
    )
