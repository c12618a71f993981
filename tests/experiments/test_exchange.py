"""Masked sums of rivals' uploads: the same integers as without masks (EXC-2), and no table keyed by artist (EXC-1)."""

import numpy as np
import pytest

from fedstyle_secure.aggregation.session import SupportError
from fedstyle_secure.aggregation.summing import ring_sum
from fedstyle_secure.experiments import exchange as exchange_module
from fedstyle_secure.experiments.exchange import ClearExchange, MaskedExchange, prepare
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.quantization import dequantize
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.server.cohort import CohortPlan
from fedstyle_secure.training.baselines import BASELINES
from fedstyle_secure.training.baselines.task import Recipe
from fedstyle_secure.training.updates import Support
from tests.training.test_baselines import make_task

ARTISTS = 6
RECIPE = Recipe(learning_rate=1.0, local_steps=2)
CLIP_NORMS = {"head": 150.0, "classifier": 150.0, "count": 50.0, "prototypes": 1.5}
SUMMING = [name for name, baseline in BASELINES.items() if baseline.uploads is Support.COHORT]


def masked() -> MaskedExchange:
    cohort = CohortPlan(
        mode=Mode.NONE,
        unit=Unit.ARTWORK,
        clients=ARTISTS,
        corrupt=1,
        min_cohort=5,
        min_survivors=ARTISTS,
        max_artworks=50,
        noise=Noise.GAUSSIAN,
        sampling_rate=1.0,
        multipliers=[0.0],
        seed=b"exchange",
    )
    return MaskedExchange(cohort=cohort, clip_norms=CLIP_NORMS, min_cohort=5)


class BesidePlain(MaskedExchange):
    """Holds every masked sum against the plain sum of the same quantized uploads."""

    compared = 0

    def total(self, uploads, support):
        mechanism = self.mechanism(uploads[0], support)
        updates = [prepare(upload, mechanism) for upload in uploads]
        plain = mechanism.layout.split(
            dequantize(ring_sum([update.values for update in updates], mechanism), mechanism)
        )
        sums = super().total(uploads, support)
        for name, total in sums.items():
            assert np.array_equal(total.ravel(), plain[name])
        BesidePlain.compared += 1
        return sums


def test_the_rivals_that_sum_are_fedavg_fedprox_and_moon() -> None:
    assert SUMMING == ["fedavg", "fedprox", "moon"]


@pytest.mark.parametrize("name", SUMMING)
def test_masked_sums_are_the_plain_sums_to_the_integer(name: str) -> None:
    exchange = masked()
    beside = BesidePlain(cohort=exchange.cohort, clip_norms=CLIP_NORMS, min_cohort=5)
    BesidePlain.compared = 0
    task = make_task(rounds=2, artists=ARTISTS)
    heads = BASELINES[name].fit(task, RECIPE, beside)
    assert BesidePlain.compared == 2
    assert beside.bytes_up > 2 * beside.mechanism({"head": task.head}, Support.COHORT).dimension
    rounded = BASELINES[name].fit(task, RECIPE, ClearExchange())
    assert np.abs(heads - rounded).max() < 0.1 * np.abs(rounded - task.head).max()


def test_a_table_keyed_by_artist_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    monkeypatch.setattr(exchange_module, "aggregate", lambda *_arguments: sent.append(1))
    with pytest.raises(SupportError, match="'prototypes' has 1 artist"):
        BASELINES["fedproto"].fit(make_task(artists=ARTISTS), RECIPE, masked())
    assert sent == []


def test_bytes_in_the_clear_are_an_artists_own_row_up_and_the_table_down() -> None:
    exchange = ClearExchange()
    BASELINES["fedproto"].fit(make_task(rounds=3, artists=ARTISTS), RECIPE, exchange)
    assert (exchange.bytes_up, exchange.bytes_down) == (3 * 4 * 3, 3 * 4 * 3 * ARTISTS)


def test_longer_uploads_than_the_clip_norm_are_shortened() -> None:
    exchange = MaskedExchange(cohort=masked().cohort, clip_norms={"head": 1.0}, min_cohort=5)
    uploads = [{"head": np.full((2, 2), 5.0, dtype=np.float32)}] * ARTISTS
    total = exchange.total(uploads, Support.COHORT)["head"]
    assert np.linalg.norm(total) == pytest.approx(ARTISTS, rel=0.02)
