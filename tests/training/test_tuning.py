"""A tuned encoder tells public hands apart, is made once, and goes on where it was interrupted."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fedstyle_secure.artworks import paint_atelier
from fedstyle_secure.encoder.backbones import load_lite0
from fedstyle_secure.encoder.graphs import digest_of
from fedstyle_secure.encoder.opening import open_weights
from fedstyle_secure.encoder.spec import TUNED
from fedstyle_secure.runs import search, train
from fedstyle_secure.runs.publish import publish
from fedstyle_secure.training import tuning
from fedstyle_secure.training.tuning import tune
from tests import stand_ins


@pytest.fixture
def atelier():
    return paint_atelier(artists=2, artworks=3, seed=0, size=48)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    for name, value in {"STEPS": 4, "BATCH": 4, "SIDE": 32, "KEPT": 2}.items():
        monkeypatch.setattr(tuning, name, value)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small batches are not worth a second one
    yield
    torch.set_num_threads(threads)


def test_tuning_tells_hands_apart_and_leaves_edges_statistics_and_classes_alone(tmp_path, monkeypatch):
    atelier = paint_atelier(artists=6, artworks=2, seed=0, size=48)
    losses = []
    cross_entropy = tuning.F.cross_entropy

    def recorded(*arguments, **options):
        losses.append(cross_entropy(*arguments, **options))
        return losses[-1]

    monkeypatch.setattr(tuning.F, "cross_entropy", recorded)
    monkeypatch.setattr(tuning, "STEPS", 12)
    monkeypatch.setattr(tuning, "BATCH", 24)
    done = []
    weights = tune(atelier, seed=4, folder=tmp_path, on_progress=done.append)
    assert sum(done) == 12
    assert torch.stack(losses[-3:]).mean() < 0.8 * torch.stack(losses[:3]).mean()
    before = load_lite0().weights()
    changed = {name for name in before if not np.array_equal(before[name], weights[name])}
    assert {name.split(".")[1] for name in changed if name.startswith("blocks.")} == set("23456")
    assert not any("running" in name or name.startswith(tuning._FROZEN) for name in changed)
    assert open_weights(TUNED, weights).name == f"{TUNED}@{digest_of(weights)}"


def test_an_interrupted_tuning_goes_on_to_the_same_weights_and_a_finished_one_is_found(atelier, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = digest_of(tune(atelier, seed=4, folder=whole))
    seen = []

    def stop(steps):
        seen.append(steps)
        if sum(seen) == 3:  # a step after the first snapshot
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(atelier, seed=4, folder=parts, on_progress=stop)
    again = []
    assert digest_of(tune(atelier, seed=4, folder=parts, on_progress=again.append)) == expected
    assert again == [2, 1, 1]
    found = []
    assert digest_of(tune(atelier, seed=4, folder=parts, on_progress=found.append)) == expected
    assert found == [4]


def test_a_damaged_snapshot_is_none(atelier, tmp_path):
    expected = digest_of(tune(atelier, seed=4, folder=tmp_path))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    done = []
    assert digest_of(tune(atelier, seed=4, folder=tmp_path, on_progress=done.append)) == expected
    assert done[0] == 0


def test_other_artworks_or_another_seed_are_another_tuning(atelier, tmp_path):
    assert len({digest_of(tune(atelier, seed=seed, folder=tmp_path)) for seed in (0, 1)}) == 2
    tune(paint_atelier(artists=2, artworks=3, seed=1, size=48), seed=0, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_run_holds_its_tuned_encoder_and_so_does_what_is_published_of_it(art: Path, tmp_path):
    settings = stand_ins.settings(art, tmp_path / "run", encoder=TUNED, iterations=0, epsilon=30.0, views=1)
    train.train(settings)
    publish(tmp_path / "run", tmp_path / "public")
    artist = search.open_run(tmp_path / "run").index.artists[0]
    pictures = sorted((art / artist).glob("*.png"))[:2]
    answers = [search.open_run(tmp_path / each).search(pictures, top=3).results for each in ("run", "public")]
    assert answers[0] == answers[1]
