"""The public codebook: the same everywhere, well spread, and drawn from in secret."""

import os

import numpy as np
import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.training.codebook import CODEWORDS_PER_DIMENSION, Codebook


@pytest.mark.parametrize("dimensions", [2, 3, 44])
def test_rows_are_unit_and_blocks_orthonormal(dimensions):
    codebook = Codebook.from_seed(b"seed", dimensions=dimensions)
    assert len(codebook) == CODEWORDS_PER_DIMENSION * dimensions
    assert codebook.anchors.dtype == np.float32
    for block in codebook.anchors.reshape(-1, dimensions, dimensions):
        np.testing.assert_allclose(block @ block.T, np.eye(dimensions), atol=1e-5)


def test_blocks_differ():
    codebook = Codebook.from_seed(b"seed", dimensions=6)
    products = codebook.anchors @ codebook.anchors.T - np.eye(len(codebook))
    assert products.max() < 0.999


def test_a_seed_gives_one_codebook_on_every_machine():
    digest = "f8e849cfd719a21fb696dc74d6ea17a169647f8db0f6d2ff11d8c67d091bd8e3"
    assert Codebook.from_seed(b"pinned", dimensions=6).digest.hex() == digest
    assert Codebook.from_seed(b"other", dimensions=6).digest.hex() != digest


def test_the_digest_covers_every_anchor():
    codebook = Codebook.from_seed(b"seed", dimensions=3)
    digests = {codebook.digest}
    for index in range(codebook.anchors.size):
        anchors = codebook.anchors.copy()
        anchors.flat[index] = -anchors.flat[index]
        digests.add(Codebook(anchors).digest)
    assert len(digests) == 1 + codebook.anchors.size


@pytest.mark.parametrize("dimensions", [-1, 0, 1])
def test_too_few_dimensions_are_refused(dimensions):
    with pytest.raises(InputError, match=f"at least 2 dimensions, got {dimensions}"):
        Codebook.from_seed(b"seed", dimensions=dimensions)


def test_draws_use_the_given_randomness_and_nothing_else():
    codebook = Codebook.from_seed(b"seed", dimensions=4)
    asked = []

    def random(size: int) -> bytes:
        asked.append(size)
        return (1000).to_bytes(size, "little")

    assert [codebook.draw(random) for _ in range(3)] == [1000 % len(codebook)] * 3
    assert asked == [16] * 3


def test_draws_cover_all_codewords_evenly():
    codebook = Codebook.from_seed(b"seed", dimensions=2)
    counts = np.bincount([codebook.draw(os.urandom) for _ in range(16_000)], minlength=len(codebook))
    assert len(counts) == len(codebook) == 16
    # 1,000 expected of each; a deviation of 200 has probability below 1e-8.
    assert np.abs(counts - 1000).max() < 200
