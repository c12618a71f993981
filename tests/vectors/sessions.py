"""vectors/sessions.json: whole sessions, and what their clients and servers refuse on the way."""

from .cases import Cases, Json
from .independent import coefficients, encode_params, evaluate, table
from .insider import BOX, SHARE, Insider
from .materials import element, fixed, fixed_hex, identity, params_of, policy_of, vector
from .refused_invitations import refused_invitations
from .refused_requests import refused_requests
from .refused_responses import refused_responses


def sessions() -> Json:
    facts = _sessions()
    cases = Cases(
        "Whole sessions from fixed randomness, with every byte that moves; then `client` and `server`, brought to some "
        "state of such a session and given something else.",
        sessions=facts,
    )
    for name, comment in (
        ("complete", "complete graph of four; client 3 does not deliver its vector"),
        ("sparse", "seven clients, four neighbors each; client 5 never answers, client 2 stops before its vectors"),
        ("corrected", "complete graph of eight; client 2 dealt client 0 a wrong share, client 1 releases a wrong one"),
        (
            "spoiled",
            "complete graph of nine; two of client 2's boxes do not open; client 1 says so of an honest one",
        ),
        ("late", "ten clients of whom four answer no, one, three and four requests"),
    ):
        cases.good(comment, "session", session=name)
    inconsistent = {"error": "SessionAborted", "reason": "INCONSISTENT_SHARES"}
    cases.refused(inconsistent, "client 2 dealt shares of a seed it did not commit to", "session", session="dealer")
    refused_invitations(cases, facts)
    refused_requests(cases, facts)
    refused_responses(cases, facts)
    return cases.file()


def _sessions() -> dict[str, Json]:
    two = [vector("head", 3, 11, 100), vector("moments", 2, 40, 2**31)]
    facts = {
        "complete": _facts("complete", params_of(4), {"3": 2}),
        "sparse": _facts("sparse", params_of(7, degree=4, vectors=two), {"5": 0, "2": 2}),
        "corrected": _facts("corrected", params_of(8, min_survivors=6), {"7": 3}),
        "late": _facts("late", params_of(10, degree=8, corrupt=1), {"9": 0, "8": 1, "7": 3, "6": 4}),
        "dealer": _facts("dealer", params_of(4), {}),
    }
    facts["spoiled"] = _facts("spoiled", params_of(9, corrupt=1), {"1": 4})
    spoiled = Insider(facts["spoiled"])
    facts["spoiled"]["lies"] = [_spoiled_boxes(spoiled), _a_wolf_cried(spoiled)]
    corrected, dealer = Insider(facts["corrected"]), Insider(facts["dealer"])
    facts["corrected"]["lies"] = [_wrong_deal(corrected), _wrong_release(corrected)]
    facts["dealer"]["lies"] = [_deal_of_another_seed(dealer)]
    return facts


def _facts(name: str, params: Json, silent_from: dict[str, int]) -> Json:
    return {
        "params": encode_params(params).hex(),
        "policy": policy_of(params),
        "clients": [
            {
                "identity_private_key": identity(index).private_bytes_raw().hex(),
                "random": fixed_hex(f"random of {name}", index, 128),
                "vectors": {spec["name"]: _coordinates(spec, index) for spec in params["vectors"]},
            }
            for index in range(len(params["identities"]))
        ],
        "silent_from": silent_from,
        "lies": [],
    }


def _coordinates(spec: Json, index: int) -> list[int]:
    """Spread over what is allowed; the first two of client 1 are its ends."""
    bound = spec["max_abs_input"]
    drawn = [
        int.from_bytes(fixed(f"{spec['name']} of client {index}", place, 8), "big") % (2 * bound + 1) - bound
        for place in range(spec["length"])
    ]
    return [bound, -bound, *drawn[2:]] if index == 1 else drawn


def _spoiled_boxes(insider: Insider) -> Json:
    """Client 2's boxes for clients 0 and 3 do not open."""
    (boxes,) = insider.tables(1, 2, BOX, response=True)
    return {
        "round": 1,
        "client": 2,
        "response": insider.message(4, table(boxes | {0: bytes(BOX), 3: bytes(BOX)})).hex(),
    }


def _a_wolf_cried(insider: Insider) -> Json:
    """Client 1 says that client 4's box did not open."""
    return {"round": 2, "client": 1, "response": insider.masked_input(1, named=[4]).hex()}


def _wrong_deal(insider: Insider) -> Json:
    """Client 2 deals client 0 another share of its self-mask seed than its polynomial says."""
    (boxes,) = insider.tables(1, 2, BOX, response=True)
    boxes[0] = insider.sealed(2, 0, bytes.fromhex(element(4711)) + insider.dealt(2, 0)[SHARE:])
    return {"round": 1, "client": 2, "response": insider.message(4, table(boxes)).hex()}


def _wrong_release(insider: Insider) -> Json:
    """Client 1 releases another share of client 5's self-mask seed than it was dealt."""
    seeds, keys = insider.tables(4, 1, SHARE, SHARE, response=True)
    seeds[5] = bytes.fromhex(element(int.from_bytes(seeds[5], "big") ^ 1))
    return {"round": 4, "client": 1, "response": insider.message(10, table(seeds), table(keys)).hex()}


def _deal_of_another_seed(insider: Insider) -> Json:
    """Client 2 deals shares of a seed it did not commit to: they agree with one another."""
    others = coefficients(fixed("another sharing seed"), "SHARING_SELF_MASK_SEED", insider.graph_digest, 2)
    polynomial = [int.from_bytes(fixed("another seed"), "big"), *others]
    boxes = {
        peer: insider.sealed(
            2, peer, bytes.fromhex(element(evaluate(polynomial, peer + 1))) + insider.dealt(2, peer)[SHARE:]
        )
        for peer in insider.neighbors[2]
    }
    return {"round": 1, "client": 2, "response": insider.message(4, table(boxes)).hex()}
