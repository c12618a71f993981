"""PAI-1 to PAI-3: bugs between pixels and the sum, each planted in the real code and found by the audit of a whole run.

FEA-2, UPD-2 and CLP-1 together: what one picture more changes, through `extract`, `Artist` and `clip`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedstyle_secure.artist import artist as agents
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artworks.seeding import named_rng
from fedstyle_secure.config import Settings
from fedstyle_secure.encoder import features as studio
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.experiments import paired_audit
from fedstyle_secure.experiments.paired_audit import audit_from_pixels
from fedstyle_secure.privacy import clipping
from fedstyle_secure.privacy.clipping import ClippedUpdate, Unit
from fedstyle_secure.privacy.inversion import TableSampler
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs.budget import Budget, plan_budget
from fedstyle_secure.training.moments import Prototype
from fedstyle_secure.training.updates import Contributions

SETTINGS = Settings(artworks=Path("art"), out=Path("run"), views=2, epsilon=8.0, iterations=3)
GROWS = "changes more than its own row"


@pytest.fixture(scope="module")
def budget() -> Budget:
    return plan_budget(SETTINGS, clients=8, dimensions=16, outputs=8)


@pytest.fixture
def problems(budget: Budget) -> Callable[[], str]:
    return lambda: "; ".join(audit_from_pixels(SETTINGS, budget)["problems"])


@pytest.mark.parametrize("mode", [Mode.DISTRIBUTED, Mode.LOCAL])
def test_one_picture_moves_every_sum_by_one_and_no_more(mode: Mode) -> None:
    settings = Settings(artworks=Path("art"), out=Path("run"), views=2, iterations=3, privacy=mode)
    found = audit_from_pixels(settings, plan_budget(settings, clients=8, dimensions=16, outputs=8))
    assert found["problems"] == []
    assert found["releases"] == 3 + 2
    assert 0.999 < found["influence"] <= 1
    assert found["noise"] == pytest.approx(1, abs=0.15)


def test_crops_drawn_from_one_generator_for_a_portfolio_are_found(
    problems: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = paired_audit.extract

    def one_generator(*arguments: Any, **options: Any) -> StyleFeatures:
        sequential = named_rng(0, "crops")
        monkeypatch.setattr(studio, "named_rng", lambda *_names: sequential)
        return honest(*arguments, **options)

    monkeypatch.setattr(paired_audit, "extract", one_generator)
    assert GROWS in problems()


def test_features_centered_on_a_portfolio_are_found(
    problems: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = paired_audit.extract

    def centered(*arguments: Any, **options: Any) -> StyleFeatures:
        views = honest(*arguments, **options).views
        return StyleFeatures(views - views.mean(axis=0))

    monkeypatch.setattr(paired_audit, "extract", centered)
    assert GROWS in problems()


def test_inputs_minus_half_their_own_mean_are_found(
    problems: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = agents.contribute

    def shifted(*arguments: Any, whitened: Any, **options: Any) -> Contributions:
        return honest(*arguments, whitened=whitened - whitened.mean(axis=(0, 1)) / 2, **options)

    monkeypatch.setattr(agents, "contribute", shifted)
    assert GROWS in problems()


def test_an_exact_prototype_is_found(problems: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Artist.release_prototype

    def exact(self: Artist, model: Any, mechanism: Any) -> None:
        honest(self, model, mechanism)
        self._prototype = Prototype.exact(model.whiten(self.features.views[:, 0]))

    monkeypatch.setattr(Artist, "release_prototype", exact)
    assert f"moments+head: one artwork less {GROWS}" in problems()


def test_trust_in_a_prototype_from_the_exact_number_of_artworks_is_found(
    problems: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Artist.release_prototype

    def counted(self: Artist, model: Any, mechanism: Any) -> None:
        honest(self, model, mechanism)
        assert self._prototype is not None
        self._prototype = Prototype(self._prototype.direction, len(self.features) / (len(self.features) + 5))

    monkeypatch.setattr(Artist, "release_prototype", counted)
    assert f"moments+head: one artwork less {GROWS}" in problems()


def test_a_signature_of_all_views_as_rows_is_found(
    problems: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Artist.publish_signature

    def of_all_views(self: Artist, embed: Any, mechanism: Any) -> Any:
        views = self.features.views
        self.features = StyleFeatures(views.reshape(-1, 1, views.shape[2]))
        return honest(self, embed, mechanism)

    monkeypatch.setattr(Artist, "publish_signature", of_all_views)
    found = problems()
    assert f"signature: one artwork less {GROWS}" in found
    assert "moves a clipped sum by" in found


def test_rows_clipped_to_the_artists_own_median_are_found(
    problems: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = clipping.clip

    def adaptive(contributions: Contributions, unit: Unit, *, max_artworks: int) -> ClippedUpdate:
        rows = contributions.rows * np.float32(3 / np.median(np.linalg.norm(contributions.rows, axis=1)))
        rows[:, 0] += len(rows)
        return honest(Contributions(rows, contributions.layout), unit, max_artworks=max_artworks)

    monkeypatch.setattr(clipping, "clip", adaptive)
    assert "moves a clipped sum by" in problems()


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    honest = TableSampler.sample
    return lambda bent: monkeypatch.setattr(
        TableSampler, "sample", lambda self, count, random: bent(lambda n, r: honest(self, n, r), count, random)
    )


def test_the_same_noise_in_all_iterations_is_found(problems: Callable[[], str], sample: Any) -> None:
    sample(lambda draw, count, _random: draw(count, np.random.Generator(np.random.PCG64(5)).bytes))
    assert "noise comes back" in problems()


def test_half_of_the_noise_repeated_is_found(problems: Callable[[], str], sample: Any) -> None:
    sample(lambda draw, count, random: np.tile(draw(count // 2, random), 2)[:count])
    assert "noise comes back" in problems()


def test_half_as_much_noise_is_found(problems: Callable[[], str], sample: Any) -> None:
    sample(lambda draw, count, random: draw(count, random) // 2)
    assert "times as wide as planned" in problems()


def test_a_ledger_that_refuses_nothing_is_found(problems: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Ledger.open.__func__

    def unlimited(cls: type[Ledger], path: Path, **options: Any) -> Ledger:
        return honest(cls, path, **(options | {"limit": float("inf")}))

    monkeypatch.setattr(Ledger, "open", classmethod(unlimited))
    assert "released once more after its budget was spent" in problems()
