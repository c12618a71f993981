"""Prototype moments: the outer products of an artist's artworks in the public style space.

Their sum over the cohort tells the server how style varies among these artists ("Analyze Gauss", Dwork et al. 2014)
and says nothing of one artist: every artist adds to every coordinate, and one artwork's row has length 1.
"""

import numpy as np
from numpy.typing import NDArray


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
