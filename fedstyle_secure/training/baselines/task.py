"""What every rival is given, and what it gives back: heads of the same shape as FedStyle's, from the same start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..updates import Support

Upload = Mapping[str, NDArray[np.float32]]
"""One artist's tensors of one round, by name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """The same for all rivals.

    Attributes:
        head: Where the head starts, float32 [h, d]: FedStyle's own start.
        artists: For each artist, head inputs float32 [artworks, K, d], unit vectors.
        public: The same for each public artist.
        rounds: How often artists and server exchange something.
        seed: Starts the classifiers.
    """

    head: NDArray[np.float32]
    artists: Sequence[NDArray[np.float32]]
    public: Sequence[NDArray[np.float32]]
    rounds: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is tuned on public artists.

    Attributes:
        learning_rate: Of full-batch gradient descent.
        local_steps: Steps of an artist in one round.
    """

    learning_rate: float
    local_steps: int


class Exchange(Protocol):
    """Adds up what artists send in one round."""

    def total(self, uploads: Sequence[Upload], support: Support) -> Mapping[str, NDArray[np.float64]]:
        """The sum of all uploads, tensor by tensor and in their shapes.

        Args:
            uploads: One for each artist, all with the same names and shapes.
            support: How many artists stand behind each coordinate.
        """
        ...


class Baseline(Protocol):
    """One rival.

    Attributes:
        name: As in results and options.
        title: As in tables.
        reference: The paper.
        uploads: How many artists stand behind each coordinate of what it sends; None if it sends nothing.
        local_steps: Numbers of local steps worth trying.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see the class

    @property
    def title(self) -> str: ...  # noqa: D102

    @property
    def reference(self) -> str: ...  # noqa: D102

    @property
    def uploads(self) -> Support | None: ...  # noqa: D102

    @property
    def local_steps(self) -> tuple[int, ...]: ...  # noqa: D102

    def fit(self, task: Task, recipe: Recipe, exchange: Exchange) -> NDArray[np.float32]:
        """Train.

        Returns:
            float32 [1, h, d], a head that all share, or [artists, h, d], each artist's own.
        """
        ...
