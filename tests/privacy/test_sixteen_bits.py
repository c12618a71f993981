"""What two bytes for each coordinate cost: next to nothing, beside noise added in one place and at full precision.

Errors are root mean squares over 131,072 coordinates, of which the standard error is 1 / sqrt(2 * 131,072) = 0.2 %.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, ZCDpEvent

from fedstyle_secure.aggregation.summing import ring_sum
from fedstyle_secure.privacy.accounting import epsilon, mu_of
from fedstyle_secure.privacy.clipping import Unit, clip
from fedstyle_secure.privacy.mechanism import Mechanism, View
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.quantization import dequantize
from fedstyle_secure.privacy.sizing import Noise
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

DELTA, RELEASES = 1e-5, 8
WIDE = Layout((Segment(name="head", length=16384, support=Support.COHORT, clip_norm=1.0, share=1.0),))
SETTINGS = [
    {"unit": Unit.ARTIST, "max_artworks": 50, "clients": 8},
    {"unit": Unit.ARTWORK, "max_artworks": 20, "clients": 4},
]

MakeMechanism = Callable[..., Mechanism]


@pytest.fixture(params=SETTINGS, ids=["eight artists", "twenty artworks of four"])
def narrow(request: pytest.FixtureRequest, make_mechanism: MakeMechanism) -> MakeMechanism:
    """Mechanisms for which `plan` takes 16 bits."""
    cohort = {"layout": WIDE, "corrupt": 0, "min_survivors": request.param["clients"]} | request.param

    def make(**changes: object) -> Mechanism:
        mechanism = make_mechanism(**(cohort | changes))
        assert mechanism.modulus_bits == 16
        return mechanism

    return make


def spent(mechanism: Mechanism) -> float:
    return epsilon([mechanism.event(View.AGGREGATE)], DELTA, delta_slack=mechanism.delta_slack)


def error_of_a_sum(mechanism: Mechanism, generator: np.random.Generator) -> np.ndarray:
    """What comes out of the ring, less the exact sum of the clipped rows: float64 [length]."""
    exact, uploads = np.zeros(mechanism.length), []
    for _ in range(mechanism.clients):
        rows = generator.normal(size=(mechanism.max_artworks, mechanism.length)).astype(np.float32)
        rows[0] = rows[0, 0] * (np.arange(mechanism.length) == 7)  # a spike, which the rotation has to spread
        contributions = Contributions(rows, mechanism.layout)
        exact += clip(contributions, mechanism.unit, max_artworks=mechanism.max_artworks).values
        uploads.append(protect(contributions, mechanism, generator.bytes).values)
    return dequantize(ring_sum(uploads, mechanism), mechanism) - exact


@pytest.mark.parametrize("noise", Noise)
def test_the_error_is_that_of_a_central_gaussian_at_the_same_epsilon(narrow: MakeMechanism, noise: Noise) -> None:
    mechanism, generator = narrow(noise=noise), np.random.default_rng(16)
    errors = np.concatenate([error_of_a_sum(mechanism, generator) for _ in range(RELEASES)])
    found = math.sqrt(np.mean(errors**2))
    limit = spent(mechanism)  # of a Skellam release by Renyi divergences, the only way it is accounted for
    central = 1 / mu_of(limit, DELTA) if noise is Noise.GAUSSIAN else multiplier_by_renyi(limit)
    assert found == pytest.approx(central, rel=0.02)


@pytest.mark.parametrize("multiplier", [0.7, 1.0])
def test_epsilon_is_that_of_a_central_gaussian_with_the_same_multiplier(
    narrow: MakeMechanism, multiplier: float
) -> None:
    central = GaussianDpEvent(multiplier)
    assert spent(narrow(noise_multiplier=multiplier)) == pytest.approx(epsilon([central], DELTA), abs=0.02)
    by_renyi = epsilon([ZCDpEvent(rho=1 / (2 * multiplier**2))], DELTA)
    assert spent(narrow(noise_multiplier=multiplier, noise=Noise.SKELLAM)) == pytest.approx(by_renyi, abs=0.02)


def multiplier_by_renyi(limit: float) -> float:
    """The noise multiplier of the Gaussian whose Renyi divergences give this epsilon."""
    low, high = 0.1, 10.0
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if epsilon([ZCDpEvent(rho=1 / (2 * middle**2))], DELTA) > limit else (low, middle)
    return high
