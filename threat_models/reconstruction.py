"""How well an artwork was reconstructed, against what anyone may know beforehand: public art.

RCN-1  Every figure is held against the floor: the decibels of the public mean image, which knows nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.artworks.artwork import Portfolio
from fedstyle_secure.artworks.atelier import paint_atelier

PUBLIC_ARTISTS, PUBLIC_ARTWORKS, PUBLIC_SEED = 32, 8, 1
BEST_DECIBELS = 120.0
"""What an exact reconstruction counts: float32 tells no more."""


def psnr(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of images in [0, 1], [..., pixels], each by itself, in dB, at most `BEST_DECIBELS`."""
    error = np.mean((truth - np.clip(guess, 0, 1)) ** 2, axis=-1)
    decibels: NDArray[np.float64] = -10 * np.log10(np.maximum(error, 10 ** (-BEST_DECIBELS / 10)))
    return decibels


@cache
def paint(artists: int, artworks: int, *, seed: int, size: int) -> tuple[Portfolio, ...]:
    """The atelier, painted once."""
    return paint_atelier(artists, artworks, seed=seed, size=size)


def paint_public(size: int) -> tuple[Portfolio, ...]:
    """The art that everyone may study: no artist of it is ever attacked."""
    return paint(PUBLIC_ARTISTS, PUBLIC_ARTWORKS, seed=PUBLIC_SEED, size=size)


def pixels(portfolios: tuple[Portfolio, ...]) -> NDArray[np.float64]:
    """All artworks as numbers in [0, 1], float64 [artworks, side * side * 3]."""
    artworks = [artwork for portfolio in portfolios for artwork in portfolio.artworks]
    return np.stack([artwork.pixels.reshape(-1) for artwork in artworks]) / 255


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prior:
    """What public art says of an unseen artwork: a Gaussian in its principal components, and a rest outside them.

    Attributes:
        mean: The public mean image, float64 [pixels].
        components: Orthonormal columns, float64 [pixels, k].
        variances: Along the components, float64 [k].
        rest: Variance of each pixel outside them.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    variances: NDArray[np.float64]
    rest: float

    @classmethod
    def fit(cls, public: NDArray[np.float64]) -> Self:
        """Fit to public images [artworks, pixels]: half of them give directions, the other half variances.

        Variances along directions fitted to the same images would be too large, and that of the rest too small.
        """
        mean = public.mean(axis=0)
        fitting, holding = public[::2] - mean, public[1::2] - mean
        components = np.linalg.svd(fitting, full_matrices=False)[2].T
        inside = holding @ components
        left = np.mean(np.sum(holding**2, axis=1) - np.sum(inside**2, axis=1))
        rest = float(left / (public.shape[1] - components.shape[1]))
        return cls(mean=mean, components=components, variances=np.mean(inside**2, axis=0), rest=rest)

    @property
    def total(self) -> float:
        """Variance of a whole image: the expected squared distance from the mean."""
        return float(self.variances.sum()) + self.rest * (len(self.mean) - len(self.variances))

    def narrow(self, directions: int) -> Self:
        """The same of the coordinates along the first components alone."""
        return replace(
            self,
            mean=np.zeros(directions),
            components=np.eye(directions),
            variances=self.variances[:directions],
            rest=0.0,
        )

    def shrink(
        self, observed: NDArray[np.float64], keep: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Keep a fraction of each direction of deviations from the mean.

        Args:
            observed: Deviations [..., pixels].
            keep: From variances [k + 1] to fractions [..., k + 1] of what was observed along each.
        """
        fractions = keep(np.append(self.variances, self.rest))
        inside = observed @ self.components
        outside = observed - inside @ self.components.T
        kept: NDArray[np.float64] = (inside * fractions[..., :-1]) @ self.components.T + outside * fractions[..., -1:]
        return kept

    def floor(self, truth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Decibels of the public mean image for each artwork [..., pixels]: what knowing nothing is worth (RCN-1)."""
        return psnr(truth, self.mean)
