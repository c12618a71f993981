import json
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from itertools import product
from pathlib import Path

import pytest

from protocols import ParametersError
from threat_models.symbolic.__main__ import CAVEAT, INSTALL, main
from threat_models.symbolic.cases import (
    CASES,
    DROPOUTS,
    SAFE,
    TWO_ITERATIONS,
    WINDOW_KEYS,
    WINDOW_SETS,
    Case,
    Result,
    search,
)
from threat_models.symbolic.search import FOLDER, MODELS, Exploration, Model, ModelError


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


def case_without(*checks: str, scenario=TWO_ITERATIONS) -> Case:
    (found,) = (case for case in CASES if case.without == checks and case.scenario is scenario)
    return found


def test_with_all_checks_nothing_but_the_promised_sum_is_learned_in_two_iterations(model: Model) -> None:
    result = search(model, case_without())
    assert (result.holds, result.found.verdict, result.found.trace) == (True, SAFE, ())
    assert result.found.states > 1000


def test_without_signatures_the_server_in_the_middle_is_found_and_told(model: Model) -> None:
    result = search(model, case_without("advertisement"))
    assert result.holds
    assert any("the server's keys in the name of" in step for step in result.found.trace)
    assert result.found.trace[-1] == "the server computes vector(a, 1)"


@pytest.mark.parametrize("checks", [(), ("advertisement",), ("advertised-session",), ("drawn-itself",)])
def test_whoever_speaks_once_is_safe_unless_keys_are_forged_or_replayed_or_the_committee_is_steered(
    checks, model: Model
) -> None:
    result = search(model, case_without(*checks, scenario=WINDOW_KEYS))
    assert result.holds, result.in_words
    assert (result.found.verdict == SAFE) == (not checks)


@pytest.mark.parametrize("check", ["whose-shares", "survivors"])
def test_a_member_that_releases_too_much_or_signs_too_little_is_found_and_told(check, model: Model) -> None:
    result = search(model, case_without(check, scenario=WINDOW_SETS))
    assert result.holds, result.in_words
    assert any("release shares for the survivor set a b" in step for step in result.found.trace)


def test_a_client_whose_box_does_not_open_is_in_the_sum_all_the_same(model: Model) -> None:
    """All others are done, and the box from d to a was never made: the server spoils it, or a signs no set with d."""
    keys = {name: f"honest({name}, 1)" for name in "abcd"}
    graph = f"graph(1, {' ; '.join(keys.values())})"
    others = {name: " ; ".join(keys[peer] for peer in keys if peer != name) for name in keys}
    clients = f"< a, 1, shared({graph}, {others['a']}) >" + "".join(
        f" < {name}, 1, masked({graph}, {others[name]}, {others[name]}, {others[name]}) >" for name in "bcd"
    )
    boxes = ", ".join(f"box({name}, 1, {keys['a']}, {graph})" for name in "bc")
    uploads = ", ".join(f"upload({name}, 1, {graph}, {others[name]})" for name in "bcd")
    start = f"{{nothing / numbers(2, 3, 3, a b c d, nobody) / {clients} / {boxes}, {uploads}, claim(a b c d)}}"
    assert model.reaches(start, DROPOUTS.sums["a b c d"])
    assert model.explore(start).verdict == SAFE


def test_every_check_of_the_model_is_missed_in_some_attack(model: Model) -> None:
    assert model.checks == {check for case in CASES if case.verdict != SAFE for check in case.without}


def test_checks_that_are_missed_only_together_are_shown_to_hold_alone() -> None:
    for case in CASES:
        if len(case.without) > 1:
            assert all(case_without(check).verdict == SAFE for check in case.without)


def test_a_case_in_which_no_honest_run_completes_shows_nothing(model: Model) -> None:
    out_of_reach = DROPOUTS.honest((), "a b")  # two survivors, of whom three must sign
    assert not model.reaches(out_of_reach, "vector(a, 1) + vector(b, 1)")
    nothing_happens = Exploration(verdict=SAFE, states=1, trace=())
    result = Result(case=case_without(), completes=False, found=nothing_happens)
    assert (result.holds, result.in_words) == (False, "no honest run completes: nothing is shown")


def test_an_attack_that_is_not_found_and_one_that_should_not_be_are_failures() -> None:
    nothing = Exploration(verdict=SAFE, states=9, trace=())
    something = Exploration(verdict="one-vector", states=9, trace=("a (iteration 1): ...",))
    missed = Result(case=case_without("advertisement"), completes=True, found=nothing)
    broken = Result(case=case_without(), completes=True, found=something)
    assert (missed.holds, missed.in_words) == (False, "one-vector was not found")
    assert (broken.holds, broken.in_words) == (False, "the claim fails")


@pytest.mark.parametrize(
    ("scenario", "field"),
    [
        *product((TWO_ITERATIONS, DROPOUTS), ("threshold", "min_survivors")),
        *product((WINDOW_KEYS, WINDOW_SETS), ("quorum", "min_survivors")),
    ],
)
def test_the_scenarios_have_the_least_numbers_that_a_session_may_have(scenario, field: str) -> None:
    weaker = {field: getattr(scenario.params, field) - 1}
    given = {item.name: getattr(scenario.params, item.name) for item in fields(scenario.params) if item.init}
    assert replace(scenario.params, **given) == scenario.params
    with pytest.raises(ParametersError):
        replace(scenario.params, **weaker)


def test_what_the_model_does_not_know_is_refused(model: Model) -> None:
    with pytest.raises(ModelError, match="does not know"):
        model.explore(TWO_ITERATIONS.lying(("no-such-check",)))


BROKEN = """
import sys
from pathlib import Path
from threat_models.symbolic.search import Model, ModelError
try:
    Model(Path(sys.argv[1]))
except ModelError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "line", "instead"),
    [
        ("model.maude", "  eq N N = N .", "  eq N N = Nobody .\n"),  # a name that is not declared
        ("model.maude", "    if N in NS /\\", "    if N in NS NS NS in /\\"),  # no parse
        ("model.maude", "mod SCENARIOS is", "mod SCENES is"),
        ("windows.maude", "    if N in COM /\\", "    if N in COM COM COM in /\\"),
        ("windows.maude", "mod WINDOWS is", "mod PANES is"),
    ],
)
def test_a_model_that_maude_warns_about_is_a_failure(tmp_path: Path, name: str, line: str, instead: str) -> None:
    for each in MODELS:
        shutil.copy(FOLDER / each, tmp_path)
    path = tmp_path / name
    text = path.read_text(encoding="utf-8")
    assert line in text
    path.write_text(text.replace(line, instead), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-c", BROKEN, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.startswith(("Maude warns", f"{path} defines no module")), answer


def test_the_command_prints_cases_as_json_and_fails_if_one_does(capsys, monkeypatch) -> None:
    quick = (case_without("advertisement"), case_without("roster"))
    monkeypatch.setattr("threat_models.symbolic.cases.CASES", quick)
    monkeypatch.setattr("threat_models.symbolic.search.Model", lambda: Model.__new__(Model))
    found = Exploration(verdict="one-vector", states=3, trace=("somehow",))
    for completes, status in ((True, 0), (False, 1)):
        monkeypatch.setattr(
            "threat_models.symbolic.cases.search",
            lambda _, case, completes=completes: Result(case=case, completes=completes, found=found),
        )
        assert main(["--json"]) == status
        content = json.loads(capsys.readouterr().out)
        assert content["caveat"] == CAVEAT
        assert [(case["without"], case["holds"]) for case in content["cases"]] == [
            (["advertisement"], completes),
            (["roster"], completes),
        ]
        assert main([]) == status
        assert "somehow" in capsys.readouterr().out


def test_without_maude_the_command_says_what_to_install(capfd, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert main([]) == 2
    assert " ".join(capfd.readouterr().err.split()) == INSTALL
