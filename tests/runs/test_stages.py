"""What a run knows after training: how many artworks stand behind its sums."""

import numpy as np
import pytest

from fedstyle_secure.aggregation.summing import Aggregate
from fedstyle_secure.runs.stages import Trained
from fedstyle_secure.server.iterations import Outcome
from fedstyle_secure.training.moments import outer_product_rows
from fedstyle_secure.training.tensors import MOMENTS
from threat_models.town import make_mechanism


@pytest.fixture
def trained(town):
    """Training by five artists who summed these tensors, one iteration each; None where a session was aborted."""
    model = town.model()

    def make(*sums, **changes) -> Trained:
        mechanism = make_mechanism(**changes)
        summed = [None if each is None else Aggregate(tensors=each, noise={}, survivors=5, digest=b"") for each in sums]
        outcomes = [
            Outcome(
                iteration=number,
                model=model,
                aggregate=each,
                problem="",
                mechanism=mechanism,
                checkpoint=town.checkpoint(),
                sessions=(),
            )
            for number, each in enumerate(summed, start=1)
        ]
        return Trained(start=model, outcomes=outcomes, artists={}, engine=None)

    return make


def moments_of(town, artworks: int) -> dict:
    rows = np.random.default_rng(0).normal(size=(artworks, town.D)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return {MOMENTS: outer_product_rows(rows).astype(np.float64).sum(0)}


def test_the_trace_of_moments_tells_how_many_artworks_an_artist_has(town, trained) -> None:
    assert trained(moments_of(town, 40)).artworks_each() == pytest.approx(8, rel=1e-5)
    assert trained(None, moments_of(town, 40), {}).artworks_each() == pytest.approx(8, rel=1e-5)


def test_of_sampled_artworks_there_are_more_than_were_summed(town, trained) -> None:
    assert trained(moments_of(town, 40), sampling_rate=0.5).artworks_each() == pytest.approx(16, rel=1e-5)


def test_without_moments_or_with_drowned_ones_nothing_is_known(town, trained) -> None:
    drowned = {name: -tensor for name, tensor in moments_of(town, 40).items()}
    assert trained(None, {}).artworks_each() == trained(drowned).artworks_each() == 0
