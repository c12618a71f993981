"""Rehearsals: what public artists are played for, and what a play may see."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.config import Settings
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.encoder.spec import MADE, BackboneSpec
from fedstyle_secure.encoder.whitening import Space, Whitening
from fedstyle_secure.errors import InputError
from fedstyle_secure.runs import choosing
from fedstyle_secure.runs import train as run
from fedstyle_secure.runs.budget import Budget, plan_budget
from fedstyle_secure.runs.evaluation import rank
from fedstyle_secure.runs.rehearsal import FOLDS, LEAST_PUBLIC, LENGTHS, MARGIN, SHARES, Played, Stage, rehearse
from tests import stand_ins

RAW, POOLED, D, OUTPUTS, CLIENTS = 24, 4, 12, 4, 20


def painters(count: int, *, seed: int = 0, artworks: int = 8) -> dict[str, StyleFeatures]:
    rng = np.random.default_rng(seed)
    return {
        f"painter {number}": StyleFeatures(
            (3 * rng.normal(size=RAW) + rng.normal(size=(artworks, 2, RAW))).astype(np.float32)
        )
        for number in range(count)
    }


def budgets(*counts: int, **changes: object) -> dict[tuple[int, float], Budget]:
    """One for each number of iterations, with the rule's share."""
    return {(count, SHARES[0] if count else 1.0): budget(count, **changes) for count in counts}


def budget(iterations: int, **changes: object) -> Budget:
    settings = Settings(artworks=Path("art"), out=Path("run"), iterations=iterations, **changes)
    return plan_budget(settings, clients=CLIENTS, dimensions=D, outputs=OUTPUTS)


class Cut(NamedTuple):
    """Stands in for a whitening, and only says how it would have been fitted."""

    space: Space

    def cut(self, _dimensions: int) -> "Cut":
        return self


def stage(public: Mapping[str, StyleFeatures], seed: int = 0) -> Stage:
    return Stage(
        public=public,
        pooled_size=POOLED,
        dimensions=D,
        outputs=OUTPUTS,
        clients=CLIENTS,
        artworks=500,
        seed=seed,
    )


def test_every_choice_is_played_and_the_best_comes_first() -> None:
    plans = budgets(0, 3) | {(3, SHARES[1]): budget(3, signature_share=SHARES[1])}
    played = rehearse(stage(painters(9)), plans)
    assert {(each.space, each.iterations, each.share, each.length) for each in played} == {
        (space, *split, length) for space in Space for split in plans for length in LENGTHS
    }
    preferred = [(each.space is Space.WITHIN) + (each.length == 1) + (each.share != SHARES[1]) for each in played]
    missed = [(1 - each.mrr) * (1 - MARGIN) ** count for each, count in zip(played, preferred, strict=True)]
    assert missed == sorted(missed)
    assert all(0.2 < each.mrr <= 1 for each in played)


def test_a_rehearsal_is_repeatable() -> None:
    first, again, other = (rehearse(stage(painters(6), seed), budgets(0, epsilon=0.5)) for seed in (1, 1, 2))
    assert first == again != other


def test_who_plays_a_client_fits_nothing_in_that_play(monkeypatch: pytest.MonkeyPatch) -> None:
    public, known = painters(7), []

    def note(space, portfolios, **sizes):
        known.append([rows.tobytes() for rows in portfolios])
        return fit(space, portfolios, **sizes)

    fit = Whitening.fit_space
    monkeypatch.setattr(Whitening, "fit_space", note)
    rehearse(stage(public), budgets(0))
    absent = [
        name
        for name, features in public.items()
        for fitted in known[:: len(Space)]
        if features.views[:, 0].tobytes() not in fitted
    ]
    assert sorted(absent) == sorted(public), "each plays a client once"
    assert len(known) == FOLDS * len(Space)


def test_reh4_whoever_fits_a_space_is_nobodys_rival_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rivals = []
    monkeypatch.setattr(
        "fedstyle_secure.runs.rehearsal.rank",
        lambda queries, targets: rivals.append(len(targets)) or rank(queries, targets),
    )
    rehearse(stage(painters(7)), budgets(0, 1))
    assert set(rivals) == {2, 3}, "seven artists in three plays"


def test_training_nothing_wins_a_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedstyle_secure.runs.rehearsal._Play.scores", lambda *_, **__: dict.fromkeys(LENGTHS, 0.5))
    assert rehearse(stage(painters(6)), budgets(6, 0))[0].iterations == 0


@pytest.mark.parametrize(("ahead", "chosen"), [(0.4 * MARGIN, Space.WITHIN), (0.6 * MARGIN, Space.PRINCIPAL)])
def test_a_space_within_artists_gives_way_to_more_than_chance(
    monkeypatch: pytest.MonkeyPatch, ahead: float, chosen: Space
) -> None:
    monkeypatch.setattr("fedstyle_secure.runs.rehearsal._Play.whitening", lambda _play, space: Cut(space))
    monkeypatch.setattr("fedstyle_secure.runs.rehearsal._Play.model", lambda _play, whitening: whitening.space)
    monkeypatch.setattr(
        "fedstyle_secure.runs.rehearsal._Play.scores",
        lambda _play, space, *_, **__: dict.fromkeys(LENGTHS, 0.5 + ahead * (space is Space.PRINCIPAL)),
    )
    assert rehearse(stage(painters(6)), budgets(0))[0].space is chosen


@pytest.mark.parametrize(("ahead", "chosen"), [(0.4 * MARGIN, (SHARES[0], 1.0)), (0.6 * MARGIN, (SHARES[1], 0.5))])
def test_reh5_rules_of_signatures_give_way_to_more_than_chance(
    monkeypatch: pytest.MonkeyPatch, ahead: float, chosen: tuple[float, float]
) -> None:
    short, half = 0.5, budget(3).signature_multiplier
    monkeypatch.setattr(
        "fedstyle_secure.runs.rehearsal._Play.scores",
        lambda _play, _start, plan, **__: {
            length: 0.5 + ahead * (length == short) + ahead * (plan.signature_multiplier != half) for length in LENGTHS
        },
    )
    plans = {(3, share): budget(3, signature_share=share) for share in SHARES}
    best = rehearse(stage(painters(6)), plans)[0]
    assert (best.share, best.length) == chosen


@pytest.mark.usefixtures("quick")
def test_a_shorter_signature_and_a_smaller_share_are_what_the_run_publishes(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prefer(stage: Stage, plans: Mapping[tuple[int, float], Budget]) -> list[Played]:
        best = next(each for each in rehearse(stage, plans) if each.share == SHARES[1])
        return [replace(best, length=0.25)]

    monkeypatch.setattr(choosing, "LEAST_PUBLIC", 3)
    monkeypatch.setattr(choosing, "rehearse", prefer)
    monkeypatch.setattr("fedstyle_secure.runs.budget.LEAST_DIMENSIONS", 1)
    summary = run.train(stand_ins.settings(art, tmp_path / "run", public=3, iterations=None))
    settings = summary["settings"]
    assert (settings["iterations"], settings["signature_share"]) == (6, SHARES[1])
    assert StyleIndex.load(tmp_path / "run" / "catalogue").space.dimensions == settings["signature_length"] == 6
    assert summary["privacy"]["epsilon"]["aggregate"] == pytest.approx(8.0, rel=0.02)


@pytest.mark.parametrize("unit", ["artwork", "artist"])
@pytest.mark.parametrize("privacy", ["none", "local", "distributed"])
def test_whatever_is_promised_can_be_played(unit: str, privacy: str) -> None:
    changes = {"unit": unit, "privacy": privacy}
    played = rehearse(stage(painters(6)), budgets(0, 1, **changes))
    assert all(np.isfinite(each.mrr) for each in played)


def test_who_plays_a_client_has_no_more_artworks_than_a_client_may() -> None:
    few, many = (
        rehearse(replace(stage(painters(9, artworks=60)), artworks=count), budgets(0, epsilon=1.0))[0].mrr
        for count in (2, 42)
    )
    assert many > few + 0.1


def test_more_noise_finds_fewer() -> None:
    clear, noisy = (rehearse(stage(painters(9)), budgets(0, epsilon=epsilon))[0].mrr for epsilon in (30.0, 0.05))
    assert clear > noisy + 0.2


@pytest.mark.usefixtures("quick")
def test_a_run_that_trains_nothing_publishes_and_charges_one_signature_with_the_whole_epsilon(
    art: Path, tmp_path: Path
) -> None:
    summary = run.train(stand_ins.settings(art, tmp_path / "run", iterations=0))
    assert summary["privacy"]["epsilon"]["aggregate"] == pytest.approx(8.0, rel=0.02)
    assert summary["privacy"]["epsilon"]["aggregate"] == summary["privacy"]["epsilon"]["worst_case"]
    assert summary["communication"] == {"bytes_up_per_artist": 0, "bytes_down_per_artist": 0}
    assert summary["aggregation"]["sessions"] == 0
    assert summary["history"] == []
    assert summary["buyer"]["no_training"] == summary["buyer"]["references"]
    lines = [path.read_text().splitlines() for path in (tmp_path / "run").rglob("*.jsonl")]
    assert len(lines) == summary["artists"]
    assert all('"signature"' in " ".join(each) and '"prototype"' not in " ".join(each) for each in lines)


@pytest.mark.usefixtures("quick")
def test_a_run_rehearses_on_public_artists_alone_and_keeps_what_it_chose(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(choosing, "LEAST_PUBLIC", 3)
    monkeypatch.setattr(choosing, "rehearse", lambda stage, budgets: seen.append(stage) or rehearse(stage, budgets))
    summary = run.train(stand_ins.settings(art, tmp_path / "run", public=3, iterations=None))
    assert [list(each.public) for each in seen] == [summary["public_artists"]]
    assert (
        summary["rehearsal"][0]["iterations"] == summary["settings"]["iterations"] == summary["aggregation"]["sessions"]
    )
    assert summary["rehearsal"][0]["space"] == summary["space"]
    assert {each["iterations"] for each in summary["rehearsal"]} == {0, 6}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("encoder", MADE)
def test_an_encoder_that_was_made_on_public_artists_is_not_heard(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: str
) -> None:
    class Coarse(stand_ins.Eye):
        def encode(self, image):
            return np.round(super().encode(image))

    seen = []
    monkeypatch.setattr(choosing, "LEAST_PUBLIC", 3)
    monkeypatch.setattr(run, "choose_encoder", lambda *_: Coarse(BackboneSpec(name=encoder)))
    monkeypatch.setattr(choosing, "rehearse", lambda stage, budgets: seen.append(stage) or rehearse(stage, budgets))
    summary = run.train(stand_ins.settings(art, tmp_path / "run", public=3, encoder=encoder))
    assert [list(each.public) for each in seen] == [summary["public_artists"]]
    assert not any((each.views == np.round(each.views)).all() for each in seen[0].public.values())


@pytest.mark.usefixtures("quick")
def test_public_art_from_elsewhere_says_nothing_of_the_clients(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "rehearse", lambda *_: pytest.fail("rehearsed"))
    monkeypatch.setattr(choosing, "LEAST_PUBLIC", 1)
    changes = {"public": None, "public_art": tmp_path / "shared"}
    (tmp_path / "shared").mkdir()
    for number, folder in enumerate(sorted(art.iterdir())[:3]):
        if folder.is_dir():
            shutil.copytree(folder, tmp_path / "shared" / f"shared {number}")
    summary = run.train(stand_ins.settings(art, tmp_path / "run", iterations=1, **changes))
    assert summary["rehearsal"] == []
    assert summary["space"] == Space.PRINCIPAL
    assert not len(StyleIndex.load(tmp_path / "run" / "catalogue").strangers)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("least", [3, 4])
def test_what_is_pinned_is_not_chosen(least: int, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "LEAST_PUBLIC", least)
    pinned = {"space": Space.WITHIN, "iterations": 1, "signature_share": 0.75, "signature_length": 7}
    summary = run.train(stand_ins.settings(art, tmp_path / "run", public=3, **pinned))
    assert summary["space"] == Space.WITHIN
    assert [(each["space"], each["iterations"]) for each in summary["rehearsal"]] == [(Space.WITHIN, 1)] * (4 - least)
    assert StyleIndex.load(tmp_path / "run" / "catalogue").space.dimensions == 7
    assert summary["privacy"]["epsilon"]["aggregate"] == pytest.approx(8.0, rel=0.02)


def test_a_signatures_share_is_of_all_that_is_spent() -> None:
    alone, half, most = (budget(count, signature_share=share) for count, share in ((0, None), (2, None), (2, 0.75)))
    ratios = [(alone.signature_multiplier / each.signature_multiplier) ** 2 for each in (half, most)]
    assert ratios == pytest.approx([0.5, 0.75], rel=0.01)
    assert most.cohort.multipliers[0] > half.cohort.multipliers[0]


def test_nothing_trained_and_nothing_published_is_refused() -> None:
    with pytest.raises(InputError, match="neither train nor publish"):
        Settings(artworks=Path("art"), out=Path("run"), iterations=0, sign=False)


def test_few_public_artists_are_not_rehearsed_with() -> None:
    assert LEAST_PUBLIC // FOLDS >= 2
