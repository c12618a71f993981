"""What a buyer gets: several pictures of one hand, and the same epsilon without any training."""

import json
from pathlib import Path

import numpy as np
import pytest

from fedstyle_secure.catalogue.search import gather
from fedstyle_secure.encoder.signature_space import MAX_DIMENSIONS
from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.privacy.accounting import epsilon
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.runs import buyer
from fedstyle_secure.runs import train as run
from fedstyle_secure.runs.budget import plan_budget, untrained_budget
from tests import stand_ins


def test_pictures_of_one_hand_are_asked_with_together_and_far_ones_share_a_question() -> None:
    rows = to_unit(np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32))
    together = gather(rows, 3)
    assert together == pytest.approx(to_unit(np.stack([rows[[0, 2, 4]].mean(0), rows[[1, 3, 5]].mean(0)])), abs=1e-6)
    assert gather(rows, 1) == pytest.approx(rows, abs=1e-6)
    assert len(gather(rows, 8)) == 0


@pytest.mark.parametrize("noise", list(Noise))
def test_without_training_the_whole_epsilon_is_the_signatures(noise: Noise, tmp_path: Path) -> None:
    settings = stand_ins.settings(tmp_path / "art", tmp_path / "run", epsilon=4.0, noise=noise)
    planned = plan_budget(settings, clients=8, dimensions=20, outputs=4)
    mechanism = untrained_budget(settings, 8).signature_mechanism(MAX_DIMENSIONS)
    spent = epsilon([mechanism.event(View.LOCAL)], settings.delta, delta_slack=mechanism.delta_slack)
    assert 0.97 * settings.epsilon < spent <= settings.epsilon
    assert mechanism.noise_multiplier < planned.signature_mechanism(MAX_DIMENSIONS).noise_multiplier


@pytest.mark.usefixtures("quick")
def test_what_is_played_without_training_is_neither_published_nor_charged(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = []

    def note(prepared, start):
        ledgers = sorted((tmp_path).rglob("*.jsonl"))
        before = [path.read_bytes() for path in ledgers]
        played.append(make(prepared, start))
        assert ledgers
        assert [path.read_bytes() for path in ledgers] == before
        return played[-1]

    make = buyer.untrained_catalogue
    monkeypatch.setattr(buyer, "untrained_catalogue", note)
    summary = run.train(stand_ins.settings(art, tmp_path / "run", epsilon=6.0))
    (catalogue,) = played
    published = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert not any(vector.tobytes() in published for vector in catalogue.vectors)
    assert summary["buyer"]["epsilon"] == pytest.approx(summary["privacy"]["epsilon"]["aggregate"], abs=1e-3)
    assert summary["buyer"]["references"]["1"] is not None
    assert summary["buyer"]["references"]["5"] is None, "no artist of the tiny atelier holds out five artworks"


@pytest.mark.usefixtures("quick")
def test_without_privacy_there_is_no_epsilon(art: Path, tmp_path: Path) -> None:
    run.train(stand_ins.settings(art, tmp_path / "run", privacy=Mode.NONE))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["buyer"]["epsilon"] is None
