"""How large the numbers may be that come from outside: all bounds of the product, in one place.

BND-1  A number that means nothing or would only waste memory and time is refused by its name, before either is spent.
"""

from dataclasses import dataclass
from typing import Final

from .encoder.signature_space import MAX_DIMENSIONS
from .errors import InputError
from .privacy.clipping import MAX_ARTWORKS
from .privacy.sizing import EPSILON_CEILING

_SHOWN_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most that a number may be, both allowed; never "not a number".

    Attributes:
        least: Smallest value.
        most: Largest value.
        below: What is wrong below, where that is not plain.
        above: The same above.
    """

    least: float
    most: float
    below: str = ""
    above: str = ""

    def check(self, name: str, value: int | float) -> None:
        """Refuse a number outside.

        Args:
            name: What the user calls it, for example ``--views``.
            value: The number, of any size.

        Raises:
            InputError: It is smaller, larger, or not a number.
        """
        if not self.least <= value <= self.most:
            shown = f"{value}" if isinstance(value, float) else _short(value)
            why = self.below if value < self.least else self.above if value > self.most else ""
            span = f"between {_plain(self.least)} and {_plain(self.most)}"
            raise InputError(f"{name} must lie {span}, got {shown}{f': {why}' if why else ''}")


def _short(number: int) -> str:
    """Python refuses to print the largest."""
    return f"{number}" if number.bit_length() <= _SHOWN_BITS else f"a number of {number.bit_length()} bits"


def _plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


EPSILON: Final = Bounds(
    0.001,
    EPSILON_CEILING,
    below="nothing can be learned from what is that private",
    above=f"with odds that may shift by e^{EPSILON_CEILING:g} nothing is protected",
)
DELTA: Final = Bounds(1e-15, 0.5, above="delta is the probability that epsilon does not hold")
SAMPLING_RATE: Final = Bounds(0.001, 1.0)
DROP_RATE: Final = Bounds(0.0, 0.99)
HOLD_OUT: Final = Bounds(0.0, 0.9)
CONFIDENCE: Final = Bounds(0.5, 0.999999)

ITERATIONS: Final = Bounds(0, 1_000, above="each is a session of its own, and all share one budget")
SIGNATURE_SHARE: Final = Bounds(0.05, 0.9, above="training and prototype need a part of it")
SIGNATURE_LENGTH: Final = Bounds(1, MAX_DIMENSIONS, above="longer signatures drown in noise")
VIEWS: Final = Bounds(1, 64, above="every view of every artwork is kept in memory")
COHORT: Final = Bounds(1, 100_000)
MIN_COHORT: Final = Bounds(2, 100_000, below="a sum of one hides nobody")
CORRUPT: Final = Bounds(0, 100_000)
BUCKETS: Final = Bounds(1, 1_000)
MIN_ARTWORKS: Final = Bounds(2, MAX_ARTWORKS)
ARTWORKS: Final = Bounds(1, MAX_ARTWORKS)
PUBLIC_ARTISTS: Final = Bounds(1, 100_000)
SEED: Final = Bounds(1 - (1 << 63), (1 << 63) - 1)

WINDOW_SECONDS: Final = Bounds(1, 30 * 24 * 3600)
"""Artists' time for an answer."""
ATTEMPTS: Final = Bounds(1, 20)
INVITATION_DAYS: Final = Bounds(1, 365)

NAMED: Final = Bounds(1, 100_000)
"""Artists in one answer of a search."""
QUESTIONS: Final = Bounds(1, 1_000_000)
"""Asked by one buyer."""
PAINTERS: Final = Bounds(1, 10_000)
PICTURES: Final = Bounds(1, 10_000)
"""Artworks of one painter of an atelier."""
REPETITIONS: Final = Bounds(1, 1_000)
"""Seeds of an experiment."""
JOBS: Final = Bounds(1, 1_024)
SIMULATED: Final = Bounds(4, 10_000_000)
SIMULATED_COHORT: Final = Bounds(4, 10_000, above="a session's artists are all in one process")
COORDINATES: Final = Bounds(1, 1 << 24)
TRIALS: Final = Bounds(1, 10_000_000)
CANARIES: Final = Bounds(1, MAX_ARTWORKS)
