"""One door for all modes: what leaves has the noise its mechanism promises, and none has none (RND-1)."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

WIDE = Layout((Segment(name="head", length=16384, support=Support.COHORT, clip_norm=1.0, share=1.0),))


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize(("mode", "multiplier"), [(Mode.DISTRIBUTED, 3.0), (Mode.LOCAL, 3.0), (Mode.NONE, 0.0)])
def test_each_mode_sends_the_noise_it_promises(
    make_mechanism: Callable[..., Mechanism],
    random: Callable[[int], bytes],
    unit: Unit,
    mode: Mode,
    multiplier: float,
) -> None:
    mechanism = make_mechanism(mode=mode, unit=unit, noise_multiplier=multiplier, layout=WIDE)
    nothing = Contributions(np.zeros((3, WIDE.length), dtype=np.float32), WIDE)
    values = protect(nothing, mechanism, random).values
    if mode is Mode.NONE:
        assert set(values) <= {0}
    else:
        assert values.std() == pytest.approx(mechanism.sigma_share, rel=0.03)


@pytest.mark.parametrize("mode", [Mode.DISTRIBUTED, Mode.LOCAL])
def test_no_other_generator_than_the_one_handed_in_is_asked(
    make_mechanism: Callable[..., Mechanism],
    make_contributions: Callable[..., Contributions],
    random: Callable[[int], bytes],
    monkeypatch: pytest.MonkeyPatch,
    mode: Mode,
) -> None:
    """RND-1: torch keeps 32 bits of a seed, so whoever tries all streams of it finds the noise of an upload."""

    def trip(*_arguments: object, **_options: object) -> None:
        pytest.fail("a generator for learning was asked for noise")

    for owner, name in (
        (torch, "Generator"),
        (torch, "normal"),
        (torch, "randn"),
        (torch, "rand"),
        (np.random, "Generator"),
    ):
        monkeypatch.setattr(owner, name, trip)
    states = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    asked: list[int] = []

    def counted(size: int) -> bytes:
        asked.append(size)
        return random(size)

    mechanism = make_mechanism(mode=mode)
    protect(make_contributions(), mechanism, counted)
    assert torch.equal(torch.random.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    assert sum(asked) >= 2 * 8 * mechanism.dimension, "a dither and a noise share, 64 bits a coordinate each"


@pytest.mark.parametrize("noise", Noise)
def test_local_noise_shares_take_the_same_way(
    make_mechanism: Callable[..., Mechanism], make_contributions: Callable[..., Contributions], noise: Noise
) -> None:
    """With the same bytes and the same scale of a share, both modes send the same integers."""
    local = make_mechanism(mode=Mode.LOCAL, clients=1, min_survivors=1, corrupt=0, noise=noise)
    alone = make_mechanism(mode=Mode.DISTRIBUTED, clients=1, min_survivors=1, corrupt=0, noise=noise)
    uploads = [
        protect(make_contributions(), mechanism, np.random.default_rng(1).bytes).values for mechanism in (local, alone)
    ]
    np.testing.assert_array_equal(*uploads)
