"""The vectors nearest to a point by inner product less a handicap: numpy for ordinary catalogues, faiss for large ones.

NEI-1  Both give the same rows in the same order. They only propose candidates, with a margin for float32 rounding;
       one function ranks those, in float64, ties by row number.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

EXACT_LIMIT: Final = 100_000
"""Most vectors searched with numpy: a query takes milliseconds and 400 kB there, so faiss would buy nothing."""

_MARGIN: Final = 2**-13
"""Above twice the rounding error of a float32 inner product of two unit vectors of up to 384 numbers, to each of which
one number of at most 1 is added: 2 * 385 * 2^-24."""

_BLOCK: Final = 1 << 22
"""Scores held at a time: 16 MB."""


class Neighbors:
    """Finds the nearest of fixed vectors.

    Args:
        vectors: float32 [n, d], unit length.
        handicaps: float64 [n], each at most 1 in size: what is taken from a vector's inner products.
        exact_limit: Up to how many vectors numpy is used.
    """

    def __init__(
        self, vectors: NDArray[np.float32], handicaps: NDArray[np.float64], *, exact_limit: int = EXACT_LIMIT
    ) -> None:
        self._vectors, self._handicaps = vectors, handicaps
        self._longer = np.column_stack([vectors, -handicaps.astype(np.float32)])  # a point's number there is 1
        self._is_large = len(vectors) > exact_limit
        self._flat: Any = None  # faiss has no types; built by the first search that needs it

    def nearest(self, points: NDArray[np.float32], top: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Rank the vectors for each point.

        Args:
            points: float32 [q, d], unit length.
            top: How many vectors to return, 1 to n.

        Yields:
            For each point (rows, inner products less handicaps), both [top], largest first, ties by row.

        Raises:
            InputError: The catalogue needs faiss, which is not installed.
        """
        propose = self._propose_large if self._is_large else self._propose
        longer = np.column_stack([points, np.ones(len(points), dtype=np.float32)])
        for point, rows in zip(points, propose(longer, top), strict=True):
            # Row by row, not as a matrix product: equal vectors must get equal scores wherever they stand.
            scores = (self._vectors[rows] * point.astype(np.float64)).sum(axis=1) - self._handicaps[rows]
            order = np.lexsort((rows, -scores))[:top]
            yield rows[order], scores[order]

    def _propose(self, points: NDArray[np.float32], top: int) -> Iterator[NDArray[np.intp]]:
        count = len(self._vectors)
        step = max(1, _BLOCK // count)
        for start in range(0, len(points), step):
            scores = points[start : start + step] @ self._longer.T
            last = np.partition(scores, count - top, axis=1)[:, count - top]
            for row, threshold in zip(scores, last - _MARGIN, strict=True):
                yield np.flatnonzero(row > threshold)

    def _propose_large(self, points: NDArray[np.float32], top: int) -> Iterator[NDArray[np.intp]]:
        if self._flat is None:
            self._flat = _build_flat(self._longer)
        step = max(1, _BLOCK // top)
        for start in range(0, len(points), step):
            block = np.ascontiguousarray(points[start : start + step])
            last = self._flat.search(block, top)[0][:, -1]
            for point, threshold in zip(block, last - _MARGIN, strict=True):
                yield self._flat.range_search(point[None], float(threshold))[2].astype(np.intp)


def _build_flat(vectors: NDArray[np.float32]) -> Any:
    try:
        import faiss  # noqa: PLC0415 - an optional extra, and only beyond the limit
    except ImportError:
        raise InputError(
            f"a catalogue of {len(vectors)} signatures needs faiss to be searched: "
            'pip install "fedstyle-secure[large-catalogue]"'
        ) from None
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    return flat
