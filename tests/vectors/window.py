"""Windows of the protocol in which clients speak once: whole ones, and parties brought to a state of one."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import ClientPolicy
from protocols.primitives.merkle import Tree, verify
from protocols.speakonce.client import Client
from protocols.speakonce.messages import SpeakRequest
from protocols.speakonce.params import WindowParams
from protocols.speakonce.policy import WindowPolicy
from protocols.speakonce.server import Server

from .notation import bytes_of, integer_of, number

_NODE = b"node\0"


def _params(inputs: Mapping) -> dict:
    params = WindowParams.decode(bytes_of(inputs["encoding"]))
    if params.encode().hex() != inputs["encoding"]:
        raise AssertionError("two encodings of the same parameters")
    return {
        "frozen_digest": params.frozen_digest.hex(),
        "session_id": params.session_id.hex(),
        "threshold": params.threshold,
        "order": list(params.ring.order),
        "committee": list(params.committee),
    }


def _merkle(inputs: Mapping) -> dict:
    tree = Tree([bytes_of(leaf) for leaf in inputs["leaves"]], _NODE)
    return {"root": tree.root.hex(), "proof": [each.hex() for each in tree.prove(inputs["places"])]}


def _verify_merkle(inputs: Mapping) -> dict:
    leaves = {int(place): bytes_of(leaf) for place, leaf in inputs["shown"].items()}
    verify(leaves, inputs["count"], [bytes_of(each) for each in inputs["proof"]], bytes_of(inputs["root"]), _NODE)
    return {}


def _session(inputs: Mapping) -> dict:
    rounds, server = _play(json.dumps(inputs["window"]), json.dumps(inputs["silent_from"]))
    return {
        "rounds": [
            {
                "sha256_of_requests": {str(index): sha256(data).hexdigest() for index, data in requests.items()},
                "responses": {str(index): data.hex() for index, data in responses.items()},
            }
            for requests, responses in rounds
        ],
        "survivors": list(server.survivors),
        "aggregate": {name: list(map(number, vector.tolist())) for name, vector in server.aggregate().items()},
    }


def _client(inputs: Mapping) -> dict:
    """Brings a client to a state of the window in which everybody answers, then gives it one other request."""
    facts, index = inputs["window"], inputs["client"]
    rounds, _ = _play(json.dumps(facts), "{}")
    policy = {**facts["policy"], **inputs.get("policy", {})}
    answer = _party(facts, index, policy)
    for requests, _ in rounds[: inputs["answered"]]:
        answer(requests[index])
    request = inputs["request"]
    return {"response": answer(rounds[request][0][index] if isinstance(request, int) else bytes_of(request)).hex()}


def _server(inputs: Mapping) -> dict:
    """Plays to a server what clients said; `silent_from` and `changes` say who said something else, or nothing."""
    rounds, _ = _play(json.dumps(inputs["window"]), "{}")
    server = Server(WindowParams.decode(bytes_of(inputs["window"]["params"])))
    server.start()
    for number_, (_, responses) in enumerate(rounds[: inputs["closed"] + 1]):
        for index, response in responses.items():
            changed = inputs["changes"].get(f"{number_} {index}", response)
            if changed is not None:
                server.receive(index, bytes_of(changed) if isinstance(changed, str) else changed)
        server.close_round()
    return {"survivors": list(server.survivors)}


def _party(facts: Mapping, index: int, policy: Mapping) -> Callable[[bytes], bytes]:
    mine = facts["clients"][index]
    params = WindowParams.decode(bytes_of(facts["params"]))
    client = Client(
        identity=Ed25519PrivateKey.from_private_bytes(bytes_of(mine["identity_private_key"])),
        server_key=params.server_key,
        session=params.session,
        random=bytes_of(mine["random"]),
    )
    pinned = WindowPolicy(
        terms=ClientPolicy(
            roster=frozenset(params.identities),
            min_cohort=policy["min_cohort"],
            min_survivors=2,
            min_corrupt=policy["min_corrupt"],
            security_bits=policy["security_bits"],
            server_key=params.server_key,
            iteration=params.iteration,
            last_session=policy["last_session"],
            vectors=params.vectors,
        ),
        frozen_digest=bytes_of(policy["frozen_digest"]),
        beacon=bytes_of(policy["beacon"]),
        latest_end=policy["latest_end"],
    )
    vectors = {
        name: np.array([integer_of(each) for each in vector], np.int64) for name, vector in mine["vectors"].items()
    }

    def answer(request: bytes) -> bytes:
        if request[:1] == bytes((SpeakRequest.TAG,)):
            return client.speak(request, policy=pinned, vectors=lambda: vectors)
        return client.receive(request)

    return answer


@cache
def _play(facts_text: str, silent_text: str) -> tuple[list[tuple[dict, dict]], Server]:
    facts, silent_from = json.loads(facts_text), json.loads(silent_text)
    answers = [_party(facts, index, facts["policy"]) for index in range(len(facts["clients"]))]
    server = Server(WindowParams.decode(bytes_of(facts["params"])))
    rounds: list[tuple[dict, dict]] = []
    requests = dict(server.start())
    while requests:
        responses = {
            index: answers[index](request)
            for index, request in requests.items()
            if len(rounds) < silent_from.get(str(index), len(rounds) + 1)
        }
        for index, response in responses.items():
            server.receive(index, response)
        rounds.append((requests, responses))
        requests = dict(server.close_round())
    return rounds, server


WINDOW_STEPS: dict[str, Callable[[Mapping], dict]] = {
    "window_params": _params,
    "merkle": _merkle,
    "verify_merkle": _verify_merkle,
    "window_session": _session,
    "window_client": _client,
    "window_server": _server,
}
