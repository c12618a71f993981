"""Cases of vectors/sessions.json: sessions in which a client takes no part, and clients that nobody should make."""

from collections.abc import Mapping

from .cases import Cases, Json
from .independent import encode_params
from .materials import fixed_hex, identity_hex, params_of
from .tricked import Tricked


def refused_invitations(cases: Cases, facts: Mapping[str, Json]) -> None:
    """Adds them: of client 0 in a complete graph."""
    client = Tricked(cases, facts["complete"], "complete")
    _constructor(client)
    _policy(client)


def _constructor(client: Tricked) -> None:
    request, facts = client.insider.request(0, 0), client.facts
    roster = facts["policy"]["roster"]
    for comment, size in (("a byte of randomness missing", 127), ("a byte of randomness too many", 129)):
        changes = {"changes": {"random": fixed_hex("random", 0, size)}}
        client.refuses(comment, 0, request, error="LocalProtocolError", **changes)
    for comment, policy in (
        ("the client's own identity is not in its roster", {"roster": roster[1:]}),
        ("policy: an identity of 31 bytes", {"roster": [*roster, fixed_hex("identity", 0, 31)]}),
        ("policy: a cohort of one is enough", {"min_cohort": 1}),
        ("policy: one survivor is enough", {"min_survivors": 1}),
        ("policy: a negative number of corrupt clients", {"min_corrupt": -1}),
        ("policy: a negative iteration", {"last_iteration": -1}),
        ("policy: an earlier roster with an identity of 31 bytes", {"earlier": [[fixed_hex("a", 0, 31)]]}),
        ("policy: an earlier roster of nobody", {"earlier": [[]]}),
        ("policy: the digest of an architecture of 31 bytes", {"architectures": [fixed_hex("a", 0, 31)]}),
        ("policy: a model digest of 33 bytes", {"model_digest": fixed_hex("a", 0, 33)}),
        ("policy: an anchors digest of 31 bytes", {"anchors_digest": fixed_hex("a", 0, 31)}),
        ("policy: no privacy digest", {"privacy_digest": ""}),
    ):
        client.refuses(comment, 0, request, error="ParametersError", policy=policy)


def _policy(client: Tricked) -> None:
    request, insider, roster = client.insider.request(0, 0), client.insider, client.facts["policy"]["roster"]
    other = fixed_hex("something else")
    stranger = {"identity_private_key": fixed_hex("identity", 9)}
    strangers = [identity_hex(number) for number in range(9, 13)]
    halves = [*roster[:2], *strangers], [*roster[2:], *strangers]
    for rule, comment, policy in (
        ("roster", "client 3 is not in the roster", {"roster": roster[:3]}),
        ("min_cohort", "five clients at least", {"min_cohort": 5}),
        ("min_survivors", "four survivors at least", {"min_survivors": 4}),
        ("min_corrupt", "one corrupt client at least", {"min_corrupt": 1}),
        ("iteration", "the iteration is the last one taken part in", {"last_iteration": 7}),
        ("iteration", "the iteration is before the last one", {"last_iteration": 8}),
        ("earlier", "three of the four were in a sum before", {"earlier": [roster[:3]]}),
        ("earlier", "one of the four took another's place", {"earlier": [[*roster[:3], identity_hex(9)]]}),
        ("earlier", "three others were in a sum with the four before", {"earlier": [[*roster, *strangers[:3]]]}),
        ("architecture", "an architecture not on the list", {"architectures": [other]}),
        ("architecture", "an empty list of architectures", {"architectures": []}),
        ("model", "another model than the one received", {"model_digest": other}),
        ("model", "no model was received", {"model_digest": "00" * 32}),
        ("anchors", "other anchors than the ones received", {"anchors_digest": other}),
        ("privacy", "other privacy parameters than the ones received", {"privacy_digest": other}),
        (
            "roster",
            "several lines broken: the first is named",
            {"roster": roster[:3], "min_cohort": 5, "model_digest": other},
        ),
        ("model", "several lines broken, others than the first", {"model_digest": other, "privacy_digest": other}),
    ):
        client.refuses(comment, 0, request, error=_rule(rule), policy=policy)
    for comment, least, earlier in (
        ("the same four before", 4, [roster]),
        ("four others were in a sum with the four before", 4, [[*roster, *strangers]]),
        ("four others and client 0, where three are enough", 3, [[*strangers, roster[0]]]),
        ("two cohorts that differ in two from this one: no three sums are combined", 2, list(halves)),
    ):
        client.accepts(comment, 0, request, policy={"earlier": earlier, "min_cohort": least})
    invited = {"changes": stranger, "policy": {"roster": [*roster, identity_hex(9)]}}
    client.refuses("a client that is not invited", 0, request, error=_rule("roster"), **invited)
    for comment, coordinates in (("a vector at its bounds", [1000, -1000, 1000]), ("a vector of zeros", [0, 0, 0])):
        client.accepts(comment, 0, request, changes={"vectors": {"update": coordinates}})
    for comment, vectors in (
        ("no vector", {}),
        ("a vector of another name", {"other": [0, 0, 0]}),
        ("a vector too many", {"update": [0, 0, 0], "other": [0]}),
        ("a coordinate missing", {"update": [0, 0]}),
        ("a coordinate too many", {"update": [0, 0, 0, 0]}),
        ("a coordinate above the bound", {"update": [0, 1001, 0]}),
        ("a coordinate below the bound", {"update": [0, 0, -1001]}),
        ("the coordinate of the largest absolute value", {"update": [f"{-(2**63):#x}", 0, 0]}),
    ):
        client.refuses(comment, 0, request, error=_rule("vector"), changes={"vectors": vectors})
    low = params_of(7, degree=4, threshold=2)
    for comment, params in (
        ("half of the neighbors can take masks off", low),
        ("threshold too low for two corrupt clients", params_of(7, degree=4, corrupt=2, threshold=3)),
        ("threshold too low for three corrupt clients", params_of(10, degree=6, corrupt=3, threshold=4)),
    ):
        asked = b"\1\1" + encode_params(params)
        policy = {"roster": params["identities"]}
        client.refuses(f"{comment}, sparse graph", 0, asked, error=_rule("graph"), policy=policy)
    trusting = {"roster": low["identities"], "adversary": "semi_honest"}
    request = b"\1\1" + encode_params(low)
    client.accepts("the low threshold, by who trusts the server to follow the protocol", 0, request, policy=trusting)
    broken = insider.params | {"threshold": 1}
    client.refuses("parameters that are refused themselves", 0, b"\1\1" + encode_params(broken))


def _rule(rule: str) -> Json:
    return {"error": "PolicyViolationError", "rule": rule}
