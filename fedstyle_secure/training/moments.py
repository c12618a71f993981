"""Prototype moments: the outer products of an artist's artworks in the public style space.

Their sum over the cohort tells the server how artworks of one artist vary ("Analyze Gauss", Dwork et al. 2014) and says
nothing of one artist: every artist adds to every coordinate, and one artwork's row has length 1.

MOM-1  What an artist takes out of its artworks first, its own style, is a prototype that was paid for and made noisy:
       given it, an artwork's row depends on that artwork alone. The exact mean would put every artwork into every row.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..encoder.whitening import to_unit


@dataclass(frozen=True, slots=True, eq=False)
class Prototype:
    """An artist's style as far as its noise lets it be seen: a direction of the public style space.

    Attributes:
        direction: float32 [d], unit length.
        trust: Between 0 and 1, how far the direction stands out of its noise; 1 without noise.
    """

    direction: NDArray[np.float32]
    trust: float

    @classmethod
    def exact(cls, whitened: NDArray[np.float32]) -> "Prototype":
        """Of artworks that are public anyway, unit vectors [artworks, d]."""
        return cls(to_unit(whitened.mean(axis=0)), 1.0)

    def remove_from(self, whitened: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is left of unit vectors [artworks, d] without this style, scaled to length 1: subject and chance."""
        along = whitened @ self.direction
        return to_unit(whitened - np.float32(self.trust) * along[:, None] * self.direction)


def packed_length(dimensions: int) -> int:
    """Coordinates of a packed symmetric d x d matrix: d (d + 1) / 2."""
    return dimensions * (dimensions + 1) // 2


def outer_product_rows(whitened: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pack x x^T of each unit vector [artworks, d] as a row [artworks, d (d + 1) / 2].

    Off-diagonal entries carry a factor sqrt(2), so that a row's Euclidean norm is the matrix's Frobenius norm: 1.
    """
    rows, columns = np.triu_indices(whitened.shape[1])
    weights = np.where(rows == columns, 1.0, np.sqrt(2.0)).astype(np.float32)
    packed: NDArray[np.float32] = whitened[:, rows] * whitened[:, columns] * weights
    return packed


def unpack_moments(packed: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    """The symmetric matrix [d, d] of a packed vector [d (d + 1) / 2]."""
    rows, columns = np.triu_indices(dimensions)
    weights = np.where(rows == columns, 1.0, np.sqrt(2.0))
    matrix = np.empty((dimensions, dimensions))
    matrix[rows, columns] = matrix[columns, rows] = packed / weights
    return matrix
