"""`fedstyle budget plan`, `fedstyle budget show`, `fedstyle audit privacy`: planning and ledgers are those of a run."""

import json
from pathlib import Path

import pytest

from fedstyle_secure.config import Settings
from fedstyle_secure.encoder.signature_space import MAX_DIMENSIONS
from fedstyle_secure.encoder.whitening import Space
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.runs import choosing
from fedstyle_secure.runs import train as run
from fedstyle_secure.runs.budget import plan_budget
from fedstyle_secure.runs.dataset import read_dataset
from fedstyle_secure.runs.rehearsal import LENGTHS, SHARES
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
    monkeypatch.setattr(choosing, "LEAST_PUBLIC", 3)
    art = stand_ins.paint(tmp_path / "art")
    run.train(stand_ins.settings(art, tmp_path / "run", public=3, iterations=None))
    code, out, _ = call("budget", "show", tmp_path / "run")
    assert code == 0
    assert "Rehearsed on public artists" in out
    code, out, _ = call("budget", "show", tmp_path / "run", "--json")
    played = json.loads(out)["rehearsal"]
    assert {(each["space"], each["iterations"]) for each in played} == {(space, n) for space in Space for n in (0, 6)}


def test_a_plan_rehearses_on_public_artists_and_looks_at_no_clients_artwork(call, tmp_path, monkeypatch):
    stand_ins.install(monkeypatch)
    monkeypatch.setattr(choosing, "LEAST_PUBLIC", 3)
    heard, extract = [], choosing.extract

    def listen(artworks, *given, **options):
        heard.extend(artworks)
        return extract(artworks, *given, **options)

    monkeypatch.setattr(choosing, "extract", listen)
    art = stand_ins.paint(tmp_path / "art")
    arguments = ("--rehearse", art, "--public", 3, "--all-agreed", "--views", 1, "--seed", 4)
    code, out, err = call("budget", "plan", *arguments, "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert {(each["space"], each["iterations"], each["share"], each["length"]) for each in plan["rehearsal"]} == {
        (space, *split, length)
        for space in Space
        for split in ((0, 1.0), *((6, share) for share in SHARES))
        for length in LENGTHS
    }
    dataset = read_dataset(Settings(artworks=art, out=tmp_path / "run", public=3, all_agreed=True, seed=4))
    public = {artwork.digest for portfolio in dataset.public for artwork in portfolio.artworks}
    assert {artwork.digest for artwork in heard} == public
    assert plan["privacy"]["clients"] == len(dataset.training)
    chosen = plan["rehearsal"][0]
    assert len(plan["releases"]) == (1 if not chosen["iterations"] else 4)
    assert plan["named_untrained"] is None
    summary = run.train(stand_ins.settings(art, tmp_path / "run", public=3, iterations=None, max_artworks=500, seed=4))
    assert summary["rehearsal"] == plan["rehearsal"], "as the run itself"
    code, out, _ = call("budget", "plan", *arguments)
    assert (code, "Rehearsed on public artists" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "needs --artists and --artworks, or a run's artworks to --rehearse"),
        (("--artists", 20), "needs --artists and --artworks"),
        (("--rehearse", "art", "--artists", 20), "give either --artists and --artworks or --rehearse"),
        (("--rehearse", "art", "--public", 3, "--all-agreed"), "fewer than 6 public artists (here 3)"),
    ],
)
def test_a_plan_of_nothing_is_refused(arguments, problem, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stand_ins.forbid_looking(monkeypatch)
    if "--public" in arguments:
        stand_ins.paint(tmp_path / "art")
    code, _, err = call("budget", "plan", *arguments)
    assert (code, problem in " ".join(err.split())) == (2, True), err


def test_a_plan_says_what_the_signature_costs_if_nothing_is_trained(call):
    plan = ("budget", "plan", "--artists", 20, "--artworks", 30)
    sentence = "in at most 13 of 100 tries; a guess would in 1. If a rehearsal leaves it the whole budget, in 26."
    assert sentence in " ".join(call(*plan)[1].split())
    assert "If a rehearsal" not in call(*plan, "--iterations", 6)[1]
    assert "in at most 26 of 100 tries" in " ".join(call(*plan, "--iterations", 0)[1].split())


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
