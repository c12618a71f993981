"""One door for all modes: what leaves has the noise its mechanism promises, and none has none."""

from collections.abc import Callable

import numpy as np
import pytest

from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.sizing import Mode
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
        assert values.std() == pytest.approx(mechanism.sigma_own, rel=0.03)
