"""From contributions to what may leave, in the one order that is the guarantee."""

from ..training.updates import Contributions
from .clipping import clip
from .mechanism import Mechanism
from .noise import NoisyUpdate, add_noise_share, without_noise
from .quantization import quantize
from .randomness import RandomBytes
from .sampling import sample
from .sizing import Mode


def protect(contributions: Contributions, mechanism: Mechanism, random: RandomBytes) -> NoisyUpdate:
    """Sample, clip, quantize and add noise as the mechanism says. Charge the ledger first.

    Args:
        contributions: One row per artwork.
        mechanism: The release; its mode decides how much noise is added.
        random: Source of secret random bytes, os.urandom outside tests.

    Raises:
        InputError: There are more artworks than the mechanism's public bound.
        PrivacyError: The contributions were made for another layout.
    """
    contributions = sample(contributions, mechanism.sampling_rate, random)
    clipped = clip(contributions, mechanism.unit, max_artworks=mechanism.max_artworks)
    if mechanism.mode is Mode.NONE:
        return without_noise(quantize(clipped, mechanism, _halves))
    return add_noise_share(quantize(clipped, mechanism, random), random)


def _halves(count: int) -> bytes:
    """A dither of one half: where nothing is protected, rounding to the nearest makes a run repeatable."""
    return b"\x80" * count
