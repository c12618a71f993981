from types import ModuleType

import pytest

from tests.threat_models.doors import closed, honest, make_claim
from threat_models.register import WAITING, RegisterError, missing, read_threat, threats


def make_module(name: str = "tm01_door", **content: object) -> ModuleType:
    module = ModuleType(f"threat_models.{name}")
    for key, value in content.items():
        setattr(module, key, value)
    return module


def test_every_number_has_a_module_or_a_reason_to_wait() -> None:
    assert not missing()
    assert set(threats()) == {*range(1, 26), 27}


def test_no_threat_waits_that_has_a_module() -> None:
    assert not threats().keys() & {waiting.number for waiting in WAITING}
    assert all(waiting.reason for waiting in WAITING)


def test_a_threats_module_is_read_by_its_three_names() -> None:
    threat = read_threat(make_module(CLAIM=make_claim(), attack=honest, defended=closed))
    assert (threat.claim.id, threat.attack, threat.module) == ("TM-1", honest, "threat_models.tm01_door")
    assert (threat.defended, threat.condition) == (closed, "The door is closed.")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("tm1_door", {}, "two digits"),
        ("tm01_door", {"defended": None}, "lacks a CLAIM, an attack or a defended"),
        ("tm01_door", {"attack": None}, "lacks a CLAIM, an attack or a defended"),
        ("tm01_door", {"CLAIM": None}, "lacks a CLAIM, an attack or a defended"),
        ("tm01_door", {"CLAIM": make_claim(2)}, "number in its name"),
        ("tm99_door", {"CLAIM": make_claim(99)}, "number in its name"),
        (
            "tm01_door",
            {"CLAIM": make_claim(ablations=(frozenset({"moat"}),))},
            r"\['moat'\], which are none of its defenses",
        ),
    ],
)
def test_a_module_that_is_no_threat_is_refused_by_name(name: str, content: dict, sentence: str) -> None:
    whole = {"CLAIM": make_claim(), "attack": honest, "defended": closed}
    with pytest.raises(RegisterError, match=sentence):
        read_threat(make_module(name, **(whole | content)))


@pytest.mark.parametrize("threat", threats().values(), ids=lambda threat: threat.claim.id)
def test_a_claim_says_who_attacks_what_is_promised_and_what_is_left_to_fear(threat) -> None:
    claim = threat.claim
    for text in (claim.title, claim.adversary, claim.assets, claim.assumption, claim.promise, claim.residual):
        assert text.strip()
    assert claim.defenses
    assert threat.condition.endswith(".")
    assert claim.power
    assert claim.protected
    assert claim.linddun or claim.stride
    assert frozenset().union(*claim.ablated_sets) == claim.defenses.keys(), "a defense that no ablation takes away"
