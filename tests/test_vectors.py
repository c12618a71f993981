"""The vector files are what the code makes, can be run from their JSON alone, and agree with a second one."""

import ast
import json
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

import protocols.errors
from protocols import AbortReason, PolicyRule
from protocols.codec import Domain
from protocols.graph import Adversary
from tests.vectors import ROOT, VECTORS, render
from tests.vectors.answers import ANSWERS
from tests.vectors.independent import failure, insecurity
from tests.vectors.keys import SMALL_ORDER
from tests.vectors.replay import OPERATIONS, outcome
from tests.vectors.retrace import Retraced, sums

_FAMILIES = (protocols.errors.ProtocolError, protocols.errors.RemoteError, protocols.errors.InvalidDataError)
"""Errors that are never raised themselves."""
_WITHOUT_ANSWER = {
    "session",
    "client",
    "server",
    "window_session",
    "window_client",
    "window_server",
    "parameters",
    "check_graph",
}


@cache
def content(name: str) -> dict:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def cases(*, success: bool | None = None) -> list[tuple[str, dict]]:
    """Cases with the inputs that their file's cases share."""
    return [
        (name, case | {"inputs": content(name).get("shared", {}) | case["inputs"]})
        for name in VECTORS
        for case in content(name)["cases"]
        if success in {None, case["success"]}
    ]


def said(case: Mapping) -> dict:
    return {key: value for key, value in case.items() if key not in {"comment", "operation", "inputs"}}


def completed() -> list[tuple[Mapping, Mapping]]:
    """Facts and outputs of the sessions that gave a sum."""
    return [
        (case["inputs"]["sessions"][case["inputs"]["session"]], case["outputs"])
        for _, case in cases(success=True)
        if case["operation"] == "session"
    ]


@pytest.mark.parametrize("name", VECTORS)
def test_the_code_still_makes_the_same_bytes(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == render(name)


def test_nothing_else_lies_beside_them() -> None:
    found = {f"vectors/{path.name}" for path in (ROOT / "vectors").iterdir()}
    assert found == {*VECTORS, "vectors/README.md"}


def test_every_case_runs_from_its_json_alone() -> None:
    for name, case in cases():
        assert outcome(case["operation"], case["inputs"]) == said(case), (name, case["comment"])


def test_the_second_implementation_gives_every_answer() -> None:
    answered: Counter[str] = Counter()
    for name, case in cases(success=True):
        if case["operation"] not in _WITHOUT_ANSWER:
            assert ANSWERS[case["operation"]](case["inputs"]) == case["outputs"], (name, case["comment"])
            answered[case["operation"]] += 1
    assert answered.keys() == OPERATIONS.keys() - _WITHOUT_ANSWER


def test_exact_fractions_say_the_same_of_every_graph() -> None:
    """For numbers that make sense: the others are refused whatever their bounds are."""
    judged: Counter[bool] = Counter()
    for _, case in cases():
        inputs = case["inputs"]
        if case["operation"] == "check_graph" and _sensible(inputs):
            secure = insecurity(inputs) <= Fraction(1, 2 ** (inputs["security_bits"] + 1))
            assert secure == case["success"], case["comment"]
            judged[secure] += 1
        if case["operation"] == "parameters" and case["success"]:
            found = case["outputs"]
            dropouts = inputs["clients"] - found["min_survivors"]
            fails = failure(inputs["clients"], dropouts, found["degree"], found["threshold"])
            assert fails <= Fraction(1, 2 ** inputs["correctness_bits"]), case["comment"]
    assert judged[True] > 20
    assert judged[False] > 20


def _sensible(inputs: Mapping) -> bool:
    left = inputs["clients"] - inputs["dropouts"]
    numbers = 0 < left <= inputs["clients"] and 0 <= inputs["corrupt"] <= left
    shape = 1 <= inputs["threshold"] <= inputs["degree"] and (
        inputs["degree"] % 2 == 0 or inputs["degree"] == inputs["clients"] - 1
    )
    return numbers and shape


def test_the_second_implementation_knows_nothing_of_the_library() -> None:
    for name in ("independent", "answers", "log_answers", "retrace"):
        tree = ast.parse((Path(__file__).parent / f"vectors/{name}.py").read_text(encoding="utf-8"))
        imported = {
            f"{'.' * node.level}{node.module or ''}" if isinstance(node, ast.ImportFrom) else node.names[0].name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        assert all(module.split(".")[0] != "protocols" for module in imported)
        assert {module for module in imported if module.startswith(".")} <= {".", ".independent", ".log_answers"}


def test_every_honest_client_answered_what_the_second_implementation_answers() -> None:
    retraced = 0
    for facts, outputs in completed():
        lies = {(lie["round"], lie["client"]) for lie in facts["lies"]}
        for index in range(len(facts["clients"])):
            expected = Retraced(facts, outputs["rounds"], index).responses()
            for number, response in enumerate(expected):
                sent = outputs["rounds"][number]["responses"].get(str(index))
                silent = number >= facts["silent_from"].get(str(index), 5)
                assert (sent is None) == silent
                if not silent:
                    assert (sent == response) != ((number, index) in lies)
                    retraced += 1
    assert retraced > 100


def test_every_session_sums_its_survivors() -> None:
    assert len(completed()) == 5
    for facts, outputs in completed():
        assert outputs["aggregate"] == sums(facts, outputs["survivors"])
        gone = {int(index) for index, number in facts["silent_from"].items() if number <= 2}
        assert outputs["survivors"] == [index for index in range(len(facts["clients"])) if index not in gone]


def test_clients_drop_out_of_every_round_and_lies_are_named() -> None:
    assert {number for facts, _ in completed() for number in facts["silent_from"].values()} == {0, 1, 2, 3, 4}
    named = [outputs["wrong_shares"] for facts, outputs in completed() if facts["lies"]]
    assert named == [{"2": [0], "5": [1]}, {}]
    unopened = [outputs["unopened"] for facts, outputs in completed() if facts["lies"]]
    assert unopened == [{}, {"0": [2], "1": [4], "3": [2]}]


def test_the_keys_of_small_order_are_all_there_are() -> None:
    """Curve25519 has order 8 l, its twist 4 l' (RFC 7748, section 4.1): their points of order 1, 2, 4 and 8."""
    p, a = 2**255 - 19, 486662

    def roots(square: int) -> set[int]:
        """Square roots modulo p = 5 (mod 8)."""
        root = pow(square, (p + 3) // 8, p)
        candidates = {root, root * pow(2, (p - 1) // 4, p) % p}
        return {sign * each % p for each in candidates if (each * each - square) % p == 0 for sign in (1, -1)}

    assert not roots(a * a - 4), (
        "doubling u gives (u^2 - 1)^2 / (4 u (u^2 + a u + 1)): infinity at 0 only, 0 at 1 and -1"
    )
    # With w = u + 1/u, doubling gives 1 where w = 2 +- 2 sqrt(2 + a), and -1 where w = -2 +- 2 sqrt(2 - a).
    sums_with_inverse = {2 * end + 2 * root for end in (1, -1) for root in roots(2 + end * a)}
    eighths = {
        (w + root) * pow(2, -1, p) % p for w in sums_with_inverse for root in roots(w * w - 4)
    }  # the solutions of u^2 - w u + 1 = 0
    assert len(eighths) == 2
    small = {0, 1, p - 1} | eighths
    assert set(SMALL_ORDER.values()) == {u + turn for u in small for turn in (0, p) if u + turn < 2**255}


def test_refusals_outnumber_successes() -> None:
    good, refused = len(cases(success=True)), len(cases(success=False))
    assert refused > 2 * good
    assert good > 150


def test_every_error_rule_and_reason_occurs() -> None:
    refused = [case for _, case in cases(success=False)]
    raised = {
        name
        for name, kind in vars(protocols.errors).items()
        if isinstance(kind, type) and issubclass(kind, protocols.errors.ProtocolError) and kind not in _FAMILIES
    }
    assert {case["error"] for case in refused} == raised | {"CheckpointError", "InputError", "ProofError"}
    assert {case["rule"] for case in refused if "rule" in case} == set(PolicyRule)
    assert {case["reason"] for case in refused if "reason" in case} == {reason.name for reason in AbortReason}


def test_every_domain_adversary_and_operation_occurs() -> None:
    everything = [case for _, case in cases()]
    assert {case["inputs"]["domain"] for case in everything if case["operation"] == "domain"} == set(Domain.__members__)
    assert {case["inputs"]["adversary"] for case in everything if "adversary" in case["inputs"]} == set(Adversary)
    assert {case["operation"] for case in everything} == OPERATIONS.keys()


def test_no_two_cases_are_the_same() -> None:
    seen = Counter(json.dumps([case["operation"], case["inputs"]], sort_keys=True) for _, case in cases())
    assert [text[:200] for text, count in seen.items() if count > 1] == []


def test_the_files_stay_small() -> None:
    assert sum((ROOT / name).stat().st_size for name in VECTORS) < 1_400_000
