"""`fedstyle budget plan`, `fedstyle budget show`, `fedstyle audit privacy`: planning and ledgers are those of a run."""

import json
from pathlib import Path

import pytest

from fedstyle_secure.config import Settings
from fedstyle_secure.encoder.signature_space import MAX_DIMENSIONS
from fedstyle_secure.encoder.whitening import Space
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.runs import train as run
from fedstyle_secure.runs.budget import plan_budget
from tests import stand_ins


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("budget")
    art = stand_ins.paint(folder / "art")
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_ins.install(monkeypatch)
        run.train(stand_ins.settings(art, folder / "run"))
    return folder / "run"


def test_a_plan_has_the_noise_that_a_run_would_have(call):
    code, out, _ = call("budget", "plan", "--artists", 20, "--artworks", 30, "--epsilon", 4, "--json")
    assert code == 0
    settings = Settings(artworks=Path("a"), out=Path("b"), epsilon=4.0)
    budget = plan_budget(settings, clients=20, dimensions=run.DIMENSIONS, outputs=run.OUTPUTS)
    for multiplier in (*budget.cohort.multipliers, budget.signature_multiplier):
        assert str(round(multiplier, 6))[:6] in out
    plan = json.loads(out)
    assert plan["privacy"]["epsilon"][View.AGGREGATE] == pytest.approx(4.0, abs=0.01)
    (signature,) = plan["releases"][-1]["tensors"]
    assert signature["coordinates"] == budget.signature_length(30) < MAX_DIMENSIONS


def test_a_plan_is_shown_with_a_sentence_for_each_view(call):
    code, out, _ = call("budget", "plan", "--artists", 20, "--artworks", 30, "--epsilon", 4)
    assert code == 0
    for words in ("Aggregate view.", "Local view.", "Worst case view.", "<- chosen", "in at most 5 of 100 tries"):
        assert words in out


def test_a_plan_that_cannot_be_kept_is_refused_with_what_to_change(call):
    code, _, err = call("budget", "plan", "--artists", 3, "--artworks", 30, "--epsilon", 4)
    assert code == 2
    assert "minimum cohort of 5" in err


def test_what_was_spent_is_what_the_run_says(call, finished):
    summary = json.loads((finished / "summary.json").read_text())
    code, out, _ = call("budget", "show", finished, "--json")
    assert code == 0
    shown = json.loads(out)["artists"]
    assert len(shown) == summary["artists"]
    for account in shown.values():
        assert account["epsilon"] == pytest.approx(summary["privacy"]["epsilon"], abs=1e-3)
        assert account["before"] == dict.fromkeys(View, 0.0)
        assert account["limit"] == 8.0
    name = next(iter(shown))
    code, out, _ = call("budget", "show", finished, "--artist", name)
    assert code == 0
    assert "signature" in out
    code, _, err = call("budget", "show", finished, "--artist", "nobody")
    assert (code, "has no artist 'nobody'" in err) == (2, True)


def test_what_was_compared_before_is_shown(call, tmp_path, monkeypatch):
    stand_ins.install(monkeypatch)
    monkeypatch.setattr(run, "LEAST_PUBLIC", 3)
    art = stand_ins.paint(tmp_path / "art")
    run.train(stand_ins.settings(art, tmp_path / "run", public=3, iterations=None))
    code, out, _ = call("budget", "show", tmp_path / "run")
    assert code == 0
    assert "Rehearsed on public artists" in out
    code, out, _ = call("budget", "show", tmp_path / "run", "--json")
    played = json.loads(out)["rehearsal"]
    assert {(each["space"], each["iterations"]) for each in played} == {(space, n) for space in Space for n in (0, 6)}


def test_a_ledger_that_lost_its_last_line_is_named(call, finished, tmp_path):
    code, before, _ = call("budget", "show", finished, "--json")
    (tmp_path / "seen.json").write_text(before)
    name, account = next(iter(json.loads(before)["artists"].items()))
    ledger = finished / "ledger" / account["ledger"]
    content = ledger.read_bytes()
    try:
        ledger.write_bytes(b"".join(content.splitlines(keepends=True)[:-1]))
        code, _, err = call("budget", "show", finished, "--since", tmp_path / "seen.json")
        assert code == 1
        assert f"the ledger of {name} does not hold" in err
        assert "was rolled back" in err
    finally:
        ledger.write_bytes(content)
    assert call("budget", "show", finished, "--since", tmp_path / "seen.json")[0] == 0


def test_a_small_audit_holds_the_claim_against_the_real_code(call, tmp_path):
    config = tmp_path / "run.toml"
    config.write_text("epsilon = 8.0\niterations = 2\n")
    arguments = ("--artists", 8, "--trials", 200, "--canaries", 200, "--out", tmp_path / "audit", "--json")
    code, out, err = call("audit", "privacy", config, *arguments)
    assert code == 0, err
    results = json.loads(out)
    assert results["session"]["agrees"]
    assert 0 < results["two_worlds"]["lower_bound"] <= results["two_worlds"]["claim"]
    assert sorted(path.name for path in (tmp_path / "audit").iterdir()) == [
        "audit.json",
        "one-run.svg",
        "two-worlds.svg",
    ]


def test_what_promises_nothing_cannot_be_audited(call, tmp_path):
    config = tmp_path / "run.toml"
    config.write_text('privacy = "none"\n')
    code, _, err = call("audit", "privacy", config)
    assert code == 2
    assert "promises nothing to audit" in err
