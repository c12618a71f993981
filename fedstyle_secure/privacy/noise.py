"""Add this client's noise share, the last step before the letterbox: what leaves is a ``NoisyUpdate``.

NOI-1  A `NoisyUpdate` holds a full noise share of scale `sigma_share`, from fresh random bytes of the source handed in.
NOI-2  An update without noise exists only where the mechanism, and with it its accounting, says mode none.
"""

from dataclasses import InitVar, dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import PrivacyError
from .mechanism import Mechanism
from .quantization import QuantizedUpdate
from .randomness import RandomBytes
from .sealing import SEAL, check_seal, freeze
from .sizing import Mode


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoisyUpdate:
    """What an artist may hand to secure aggregation.

    Made only by `add_noise_share` and, where nothing is promised, `without_noise`.

    Attributes:
        values: int64 [mechanism.dimension], each within +-mechanism.max_abs_input.
        mechanism: The release, with the layout and the ring.
    """

    values: NDArray[np.int64] = field(repr=False)
    mechanism: Mechanism
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        check_seal(seal, "privacy.noise")
        freeze(self.values)


def add_noise_share(quantized: QuantizedUpdate, random: RandomBytes) -> NoisyUpdate:
    """Add integer noise of scale `sigma_share`, of the law the mechanism names, to every coordinate (NOI-1).

    Call it once per charge of the ledger: two shares on one update are two releases, and their mean has less noise.

    Args:
        quantized: The update on the grid, with its mechanism.
        random: Source of ``8 * dimension`` fresh random bytes (and rarely more).

    Raises:
        PrivacyError: If the mechanism has no noise.
    """
    mechanism = quantized.mechanism
    if mechanism.mode is Mode.NONE:
        raise PrivacyError("a release of mode none has no noise share: plan it with another mode")
    noise = mechanism.noise.sampler(mechanism.sigma_share).sample(mechanism.dimension, random)
    return NoisyUpdate(values=quantized.values + noise, mechanism=mechanism, seal=SEAL)


def without_noise(quantized: QuantizedUpdate) -> NoisyUpdate:
    """NOTHING IS PROTECTED: pass an update on without any noise, for comparison with the private modes.

    Its mechanism's events are `NonPrivateDpEvent`, so every report says epsilon = infinity (NOI-2).

    Raises:
        PrivacyError: If the mechanism promises any privacy.
    """
    if quantized.mechanism.mode is not Mode.NONE:
        raise PrivacyError(f"a release of mode {quantized.mechanism.mode} promises noise: use add_noise_share")
    return NoisyUpdate(values=quantized.values.copy(), mechanism=quantized.mechanism, seal=SEAL)
