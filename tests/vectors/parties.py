"""Whole sessions, and single clients and servers brought to some state of one: every byte comes from the JSON."""

import json
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import Adversary, Client, ClientPolicy, Cohorts, Server, SessionParams, VectorSpec
from protocols.errors import ProtocolError

from .notation import bytes_of, integer_of, number

Rounds = list[dict[str, dict[int, bytes]]]
_DIGESTS = ("model_digest", "anchors_digest", "privacy_digest", "training_digest", "checkpoint_digest")


def session(inputs: Mapping) -> dict:
    """Plays a whole session. The outputs are all that crossed the wire, and the sums."""
    rounds, server = _play(json.dumps(inputs["sessions"][inputs["session"]]))
    return {
        "rounds": [
            {side: {str(index): data.hex() for index, data in traffic[side].items()} for side in traffic}
            for traffic in rounds
        ],
        "survivors": list(server.survivors),
        "unopened": {str(holder): sorted(senders) for holder, senders in sorted(server.unopened.items())},
        "wrong_shares": {str(owner): sorted(holders) for owner, holders in sorted(server.wrong_shares.items())},
        "aggregate": _numbers(server.aggregate()),
    }


def client(inputs: Mapping) -> dict:
    """Brings a client to a state of a session, then gives it other requests; the last one counts."""
    facts = inputs["sessions"][inputs["session"]]
    index, answered = inputs["client"], inputs["answered"]
    party = make_client(
        {**facts["clients"][index], **inputs.get("changes", {})}, {**facts["policy"], **inputs.get("policy", {})}
    )
    if answered:
        for traffic in rounds_of(facts)[:answered]:
            party.receive(traffic["requests"][index])
    *earlier, last = [_request(facts, index, request) for request in inputs["requests"]]
    for request in earlier:
        _tolerate(party.receive, request)
    return {"response": party.receive(last).hex()}


def server(inputs: Mapping) -> dict:
    """Brings a server to a state of a session, then takes other steps with it; the last one counts."""
    facts = inputs["sessions"][inputs["session"]]
    party = Server(SessionParams.decode(bytes_of(facts["params"])))
    if inputs["closed"] is not None:
        party.start()
        for traffic in rounds_of(facts)[: inputs["closed"]] if inputs["closed"] else []:
            for index, response in traffic["responses"].items():
                party.receive(index, response)
            party.close_round()
    *earlier, last = inputs["steps"]
    for step in earlier:
        _tolerate(_take, facts, party, step)
    return _take(facts, party, last)


def spec_of(spec: Mapping) -> VectorSpec:
    return VectorSpec(name=spec["name"], **{key: integer_of(spec[key]) for key in spec if key != "name"})


def make_client(facts: Mapping, policy: Mapping) -> Client:
    """A client whose clock shows each of `facts["times"]` once, the last one ever after; 0 s if there are none."""
    times = iter(facts.get("times", []))
    now = facts.get("times", [0])[-1]
    return Client(
        identity=Ed25519PrivateKey.from_private_bytes(bytes_of(facts["identity_private_key"])),
        policy=ClientPolicy(
            roster=frozenset(map(bytes_of, policy["roster"])),
            min_cohort=policy["min_cohort"],
            min_survivors=policy["min_survivors"],
            min_corrupt=policy["min_corrupt"],
            adversary=Adversary(policy["adversary"]),
            security_bits=policy["security_bits"],
            patience=policy["patience"],
            server_key=bytes_of(policy["server_key"]),
            iteration=policy["iteration"],
            last_session=policy["last_session"],
            vectors=tuple(map(spec_of, policy["vectors"])),
            earlier=Cohorts(map(bytes_of, roster) for roster in policy["earlier"]),
            architectures=frozenset(map(bytes_of, policy["architectures"])),
            **{name: bytes_of(policy[name]) for name in _DIGESTS},
        ),
        vectors=lambda: {
            name: np.array([integer_of(coordinate) for coordinate in vector], np.int64)
            for name, vector in facts["vectors"].items()
        },
        random=bytes_of(facts["random"]),
        clock=lambda: next(times, now),
    )


def rounds_of(facts: Mapping) -> Rounds:
    """All requests and responses of a session that completes."""
    return _play(json.dumps(facts))[0]


@cache
def _play(facts_text: str) -> tuple[Rounds, Server]:
    facts = json.loads(facts_text)
    clients = [make_client(each, facts["policy"]) for each in facts["clients"]]
    lies = {(lie["round"], lie["client"]): bytes_of(lie["response"]) for lie in facts["lies"]}
    party = Server(SessionParams.decode(bytes_of(facts["params"])))
    rounds: Rounds = []
    requests = dict(party.start())
    while requests:
        responses = {}
        for index, request in requests.items():
            if len(rounds) < facts["silent_from"].get(str(index), len(rounds) + 1):
                honest = clients[index].receive(request)
                responses[index] = lies.get((len(rounds), index), honest)
                party.receive(index, responses[index])
        rounds.append({"requests": requests, "responses": responses})
        requests = dict(party.close_round())
    return rounds, party


def _request(facts: Mapping, index: int, request: str | int) -> bytes:
    """A number stands for what this client was asked in the round of that number."""
    return rounds_of(facts)[request]["requests"][index] if isinstance(request, int) else bytes_of(request)


def _take(facts: Mapping, party: Server, step: list) -> dict:  # noqa: PLR0911  (one for each step)
    match step:
        case ["start"]:
            return {"requests": _hex(party.start())}
        case ["receive", int(index), int(number)]:
            party.receive(index, rounds_of(facts)[number]["responses"][index])
            return {}
        case ["receive", int(index), str(response)]:
            party.receive(index, bytes_of(response))
            return {}
        case ["close_round"]:
            return {"requests": _hex(party.close_round())}
        case ["survivors"]:
            return {"survivors": list(party.survivors)}
        case ["unopened"]:
            return {"unopened": {str(holder): sorted(senders) for holder, senders in party.unopened.items()}}
        case ["wrong_shares"]:
            return {"wrong_shares": {str(owner): sorted(holders) for owner, holders in party.wrong_shares.items()}}
        case ["aggregate"]:
            return {"aggregate": _numbers(party.aggregate())}
    raise ValueError(f"no step of a server: {step}")


def _hex(traffic: Mapping[int, bytes]) -> dict[str, str]:
    return {str(index): data.hex() for index, data in traffic.items()}


def _numbers(vectors: Mapping[str, np.ndarray]) -> dict[str, list[int | str]]:
    return {name: [number(coordinate) for coordinate in vector.tolist()] for name, vector in vectors.items()}


def _tolerate(step: Callable[..., object], *arguments: object) -> None:
    """Takes a step that may be refused: what counts is what comes after it."""
    try:
        step(*arguments)
    except ProtocolError:
        return
