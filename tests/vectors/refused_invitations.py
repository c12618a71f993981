"""Cases of vectors/sessions.json: sessions in which a client takes no part, and clients that nobody should make."""

from collections.abc import Mapping

from .cases import Cases, Json
from .independent import encode_params
from .insider import Insider
from .materials import fixed_hex, identity_hex, params_of, vector
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
        ("policy: iteration 0", {"iteration": 0}),
        ("policy: a negative session", {"last_session": -1}),
        ("policy: no security bits", {"security_bits": 0}),
        ("policy: no patience", {"patience": 0}),
        ("policy: a server's key of 31 bytes", {"server_key": fixed_hex("a", 0, 31)}),
        ("policy: a training digest of 31 bytes", {"training_digest": fixed_hex("a", 0, 31)}),
        ("policy: a checkpoint digest of 33 bytes", {"checkpoint_digest": fixed_hex("a", 0, 33)}),
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
        ("server", "another server than the one pinned", {"server_key": identity_hex(98)}),
        ("iteration", "an earlier iteration was announced", {"iteration": 2}),
        ("iteration", "a later iteration was announced", {"iteration": 4}),
        ("session", "the session is the last one taken part in", {"last_session": 7}),
        ("session", "the session is before the last one", {"last_session": 8}),
        ("training", "another training than the one agreed to", {"training_digest": other}),
        ("checkpoint", "another checkpoint than the one shown", {"checkpoint_digest": other}),
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
        *(
            ("vector", f"a vector was agreed to {comment}", {"vectors": [vector(**changes)]})
            for comment, changes in (
                ("of another name", {"name": "other"}),
                ("with a coordinate less", {"length": 2}),
                ("with a coordinate more", {"length": 4}),
                ("of another modulus", {"modulus_bits": 25}),
                ("of another bound", {"max_abs_input": 999}),
            )
        ),
        ("vector", "two vectors were agreed to", {"vectors": [vector(), vector("other")]}),
        ("vector", "no vector was agreed to", {"vectors": []}),
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
    _graphs(client, insider)


def _graphs(client: Tricked, insider: Insider) -> None:
    low = params_of(7, degree=4, threshold=2)
    for comment, params in (
        ("half of the neighbors can take masks off", low),
        ("threshold too low for two corrupt clients", params_of(7, degree=4, corrupt=2, threshold=3)),
        ("threshold too low for three corrupt clients", params_of(10, degree=6, corrupt=3, threshold=4)),
    ):
        asked = b"\1\2" + encode_params(params)
        policy = {"roster": params["identities"]}
        client.refuses(f"{comment}, sparse graph", 0, asked, error=_rule("graph"), policy=policy)
    trusting = {"roster": low["identities"], "adversary": "semi_honest"}
    request = b"\1\2" + encode_params(low)
    client.accepts("the low threshold, by who trusts the server to follow the protocol", 0, request, policy=trusting)
    broken = insider.params | {"threshold": 1}
    client.refuses("parameters that are refused themselves", 0, b"\1\2" + encode_params(broken))


def _rule(rule: str) -> Json:
    return {"error": "PolicyViolationError", "rule": rule}
