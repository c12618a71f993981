"""vectors/speakonce.json: domains, Merkle trees, parameters, a whole window, and what its parties refuse."""

from hashlib import sha256

from protocols import VectorSpec
from protocols.codec import Domain, encode_indices
from protocols.speakonce.client import Client
from protocols.speakonce.messages import OpenBoxesResponse, SpeakRequest
from protocols.speakonce.params import Prekeys, WindowParams
from protocols.speakonce.statements import attest

from .cases import Cases, Json
from .materials import fixed, fixed_hex, identity
from .window import WINDOW_STEPS

_CLIENTS, _SESSION = 4, 3
_DOMAINS = (
    "PREKEYS",
    "PREKEYS_LEAF",
    "PREKEYS_NODE",
    "FROZEN",
    "SEED",
    "RING_POSITION",
    "COMMITTEE_POSITION",
    "WINDOW",
    "SECRET",
    "SHARING",
    "DEALT_LEAF",
    "DEALT_NODE",
    "BOXES_LEAF",
    "BOXES_NODE",
    "MANIFEST",
    "REPORT",
    "COUNTED",
    "RELEASE",
)


def speakonce() -> Json:
    """The content of the file."""
    params = _params()
    facts = _facts(params)
    cases = Cases("The protocol in which clients speak once.", window=facts)
    for domain in _DOMAINS:
        cases.good(f"the label of {domain}", "domain", domain=domain)
    _trees(cases)
    _parameters(cases, params)
    cases.good("everybody answers", "window_session", silent_from={})
    cases.good("client 3 says nothing", "window_session", silent_from={"3": 0})
    _clients(cases, params)
    _servers(cases, params, facts)
    return cases.file()


def _facts(params: WindowParams) -> Json:
    return {
        "params": params.encode().hex(),
        "clients": [
            {
                "identity_private_key": fixed_hex("identity", index),
                "random": fixed("random", index, 128).hex(),
                "vectors": {"v": [index, -index]},
            }
            for index in range(params.clients)
        ],
        "policy": {
            "min_cohort": 4,
            "min_corrupt": 0,
            "security_bits": 1,
            "last_session": _SESSION - 1,
            "frozen_digest": params.frozen_digest.hex(),
            "beacon": params.beacon.hex(),
            "latest_end": params.end,
        },
    }


def _params(**changes: object) -> WindowParams:
    clients = changes.pop("clients", _CLIENTS)
    server_key = fixed("server key")
    prekeys = [
        Client(identity=identity(index), server_key=server_key, session=_SESSION, random=fixed("random", index, 128))
        for index in range(clients)
    ]
    fields = {
        "session": _SESSION,
        "iteration": 7,
        "server_key": server_key,
        "identities": tuple(identity(index).public_key().public_bytes_raw() for index in range(clients)),
        "prekeys": tuple(Prekeys.decode(client.publish()) for client in prekeys),
        "vectors": (VectorSpec(name="v", length=2, modulus_bits=16, max_abs_input=100),),
        "degree": clients - 1,
        "floor": 0,
        "members": 3,
        "quorum": 2,
        "corrupt": 0,
        "min_survivors": clients // 2 + 1,
        "beacon": fixed("beacon"),
        "end": 1000,
    }
    return WindowParams(**(fields | changes))


def _trees(cases: Cases) -> None:
    leaves = [sha256(bytes([number])).hexdigest() for number in range(7)]
    for count, places in ((1, [0]), (2, [1]), (3, [2]), (7, [0, 5]), (7, [6]), (7, list(range(7)))):
        cases.good(f"places {places} of {count}", "merkle", leaves=leaves[:count], places=places)
    tree = WINDOW_STEPS["merkle"]({"leaves": leaves, "places": [0, 5]})
    shown = {"0": leaves[0], "5": leaves[5]}
    honest = {"shown": shown, "count": 7, "proof": tree["proof"], "root": tree["root"]}
    cases.good("two of seven", "verify_merkle", **honest)
    for comment, changes in (
        ("another leaf", {"shown": {**shown, "5": leaves[4]}}),
        ("another place", {"shown": {"0": leaves[0], "4": leaves[5]}}),
        ("a hash too few", {"proof": tree["proof"][:-1]}),
        ("a hash too many", {"proof": [*tree["proof"], leaves[0]]}),
        ("the same hashes in another order", {"proof": tree["proof"][::-1]}),
        ("another root", {"root": leaves[0]}),
        ("another number of leaves", {"count": 6}),
    ):
        cases.refused("InvalidProofError", comment, "verify_merkle", **{**honest, **changes})


def _parameters(cases: Cases, params: WindowParams) -> None:
    cases.good("four clients, three members", "window_params", encoding=params.encode().hex())
    sparse = _params(clients=7, degree=2, floor=1, members=5, quorum=4, corrupt=1, min_survivors=5)
    cases.good("a ring of seven", "window_params", encoding=sparse.encode().hex())
    honest = params.encode()
    sizes = honest.index(params.beacon) - 24
    for comment, place, value in (
        ("version 9", 1, 9),
        ("min_survivors of half of the clients", sizes + 7, 2),
        ("one neighbor", sizes + 11, 1),
        ("two neighbors and no floor", sizes + 11, 2),
        ("a floor in the complete graph", sizes + 15, 1),
        ("no members", sizes + 19, 0),
        ("more members than clients", sizes + 19, 5),
        ("a quorum of half of the members", sizes + 23, 1),
        ("a quorum of more than all members", sizes + 23, 4),
    ):
        bent = honest[:place] + bytes([value]) + honest[place + 1 :]
        cases.refused("MalformedMessageError", comment, "window_params", encoding=bent.hex())
    cases.refused("MalformedMessageError", "a byte too many", "window_params", encoding=honest.hex() + "00")
    cases.refused("MalformedMessageError", "a byte too few", "window_params", encoding=honest.hex()[:-2])


def _clients(cases: Cases, params: WindowParams) -> None:
    first, other = params.committee[0], next(i for i in range(_CLIENTS) if i not in params.committee)
    for rule, changes in (
        ("frozen", {"frozen_digest": fixed_hex("another digest")}),
        ("beacon", {"beacon": fixed_hex("another beacon")}),
        ("window", {"latest_end": params.end - 1}),
        ("min_cohort", {"min_cohort": 5}),
        ("min_corrupt", {"min_corrupt": 1}),
        ("session", {"last_session": _SESSION}),
    ):
        error = {"error": "PolicyViolationError", "rule": rule}
        cases.refused(error, f"policy: {rule}", "window_client", client=0, answered=0, policy=changes, request=0)
    weak = _params(corrupt=2, quorum=2, min_survivors=4)
    request, pinned = SpeakRequest(params=weak).encode().hex(), {"frozen_digest": weak.frozen_digest.hex()}
    error = {"error": "PolicyViolationError", "rule": "committee"}
    comment = "two of four may be corrupt, and one of three members is enough"
    cases.refused(error, comment, "window_client", client=0, answered=0, policy=pinned, request=request)
    for comment, client, answered, asked in (
        ("boxes before it has spoken", first, 0, 1),
        ("a survivor set before its boxes", first, 1, 2),
        ("signatures before a survivor set", first, 2, 3),
        ("a survivor set after it has released shares", first, 4, 2),
    ):
        cases.refused("FaultyServerError", comment, "window_client", client=client, answered=answered, request=asked)
    cases.refused(
        "FaultyServerError", "who is no member is asked", "window_client", client=other, answered=1, request="2302"
    )
    for number in range(1, 4):
        inputs = {"client": first, "answered": number}
        cases.good(f"a member in round {number}", "window_client", **inputs, request=number)
    for comment, answered, request in (
        ("another version", 1, "2301" + params.session_id.hex()),
        ("another session", 1, "2302" + "00" * 32),
        ("no survivors", 2, "2502" + params.session_id.hex() + "00000000"),
        ("no signatures", 3, "2702" + params.session_id.hex() + "00000000"),
        ("no request's tag", 1, "ff02"),
    ):
        cases.refused("FaultyServerError", comment, "window_client", client=first, answered=answered, request=request)


def _servers(cases: Cases, params: WindowParams, facts: Json) -> None:
    members = params.committee
    everyone = WINDOW_STEPS["window_session"]({"window": facts, "silent_from": {}})["rounds"]
    for reason, closed, changes in (
        ("TOO_FEW_SURVIVORS", 0, {"0 0": None, "0 1": None}),
        ("TOO_FEW_REPORTS", 1, {f"1 {member}": None for member in members[1:]}),
        ("TOO_FEW_SIGNATURES", 2, {f"2 {member}": None for member in members[1:]}),
        ("TOO_FEW_UNMASKINGS", 3, {f"3 {member}": None for member in members}),
    ):
        error = {"error": "SessionAborted", "reason": reason}
        cases.refused(error, f"{len(changes)} stay away", "window_server", closed=closed, changes=changes)
    ring = _params(clients=6, degree=4, floor=1)
    absent = {f"0 {index}": None for index in ring.ring.order[:2]}
    error = {"error": "SessionAborted", "reason": "THIN_WINDOW"}
    comment = "two neighbors on the ring stay away"
    cases.refused(error, comment, "window_server", window=_facts(ring), closed=0, changes=absent)
    unopened = frozenset({0})
    reports = {
        f"1 {member}": OpenBoxesResponse(
            unopened=unopened,
            signature=attest(params, identity(member), Domain.REPORT, member, encode_indices(unopened)),
        )
        .encode(params)
        .hex()
        for member in members
    }
    error = {"error": "SessionAborted", "reason": "SPOILED_BOXES"}
    cases.refused(error, "nobody opens client 0's boxes", "window_server", closed=1, changes=reports)
    for comment, number, client, response in (
        ("a message with a flipped bit", 0, 1, _flip(everyone[0]["responses"]["1"], 40)),
        ("a message of another client", 0, 1, everyone[0]["responses"]["0"]),
        ("a report with another signature", 1, members[0], _flip(everyone[1]["responses"][str(members[0])], -1)),
        ("a signature on another set", 2, members[0], everyone[2]["responses"][str(members[1])]),
        ("shares with another signature", 3, members[0], _flip(everyone[3]["responses"][str(members[0])], -1)),
    ):
        error = {"error": "FaultyClientError", "client": client}
        changes = {f"{number} {client}": response}
        cases.refused(error, comment, "window_server", closed=number, changes=changes)


def _flip(text: str, place: int) -> str:
    data = bytearray(bytes.fromhex(text))
    data[place] ^= 1
    return data.hex()
