import numpy as np
import pytest

from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.encoder.signature_space import MAX_DIMENSIONS
from fedstyle_secure.errors import InputError


def unit(*numbers: float):
    vector = np.array(numbers, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_a_signature_keeps_a_read_only_copy():
    vector = unit(3, 4)
    signature = Signature("mary", vector)
    vector[0] = 9
    assert signature.vector.tolist() == pytest.approx([0.6, 0.8])
    with pytest.raises(ValueError, match="read-only"):
        signature.vector[0] = 1


@pytest.mark.parametrize(
    "vector",
    [
        unit(3, 4) * 1.01,
        np.zeros(4, dtype=np.float32),
        np.array([np.nan, 1], dtype=np.float32),
        np.array([np.inf, 1], dtype=np.float32),
        np.array([0.6, 0.8]),
        unit(3, 4)[None],
        np.zeros(0, dtype=np.float32),
        unit(*np.ones(MAX_DIMENSIONS + 1)),
    ],
    ids=["long", "zero", "nan", "infinite", "float64", "matrix", "empty", "too many numbers"],
)
def test_only_finite_unit_vectors_are_signatures(vector):
    with pytest.raises(InputError, match="mary"):
        Signature("mary", vector)


@pytest.mark.parametrize("name", ["", "x" * 256, "a\x1b[2Jb", "two\nlines", "a\u202eb", "\ud800"])
def test_names_that_cannot_be_shown_are_refused(name):
    with pytest.raises(InputError, match="artist"):
        Signature(name, unit(3, 4))


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "Łukasz O'Brien", "x" * 255, "\u0645\u06cc\u200c\u062e"])
def test_names_a_folder_can_have_are_kept_as_they_are(name):
    assert Signature(name, unit(3, 4)).artist == name


def test_a_space_keeps_the_largest_directions_of_its_second_moment():
    moment = np.diag([1.0, 9.0, 4.0, 0.5])
    space = SignatureSpace.fit(moment, 2)
    assert space.projection.tolist() == [[0, 0], [1, 0], [0, 1], [0, 0]]
    assert (space.embedding_size, space.dimensions) == (4, 2)


def test_equal_moments_give_equal_spaces_whatever_the_solver_flips(rng):
    z = rng.normal(size=(50, 10))
    projection = SignatureSpace.fit(z.T @ z, 6).projection
    assert (projection[np.abs(projection).argmax(axis=0), np.arange(6)] > 0).all()
    assert np.allclose(projection.T @ projection, np.eye(6), atol=1e-6)


def test_a_moment_of_low_rank_still_gives_an_orthonormal_space():
    z = np.eye(5)[:1]
    assert SignatureSpace.fit(z.T @ z, 3).dimensions == 3


@pytest.mark.parametrize(
    ("moment", "dimensions"),
    [
        (np.eye(4), 0),
        (np.eye(4), 5),
        (np.eye(200), MAX_DIMENSIONS + 1),
        (np.full((3, 3), np.nan), 1),
        (np.ones((3, 4)), 1),
        (np.triu(np.ones((3, 3))), 1),
    ],
)
def test_moments_that_make_no_space_are_refused(moment, dimensions):
    with pytest.raises(InputError):
        SignatureSpace.fit(moment, dimensions)


@pytest.mark.parametrize(
    "projection",
    [
        np.eye(4, 2),
        2 * np.eye(4, 2, dtype=np.float32),
        np.ones((4, 2), dtype=np.float32),
        np.eye(2, 4, dtype=np.float32),
        np.full((4, 2), np.nan, dtype=np.float32),
        np.zeros((4, 0), dtype=np.float32),
        np.eye(MAX_DIMENSIONS + 1, dtype=np.float32),
    ],
    ids=["float64", "not unit", "not orthogonal", "wider than high", "nan", "empty", "too long"],
)
def test_projections_that_are_not_orthonormal_are_refused(projection):
    with pytest.raises(InputError):
        SignatureSpace(projection)


def test_embeddings_become_unit_vectors_of_the_same_arrangement(space, rng):
    embeddings = rng.normal(size=(3, 2, space.embedding_size)).astype(np.float32)
    mapped = space.apply(embeddings)
    assert mapped.shape == (3, 2, space.dimensions)
    assert mapped.dtype == np.float32
    assert np.allclose(np.linalg.norm(mapped, axis=-1), 1, atol=1e-6)


def test_embeddings_of_another_length_or_not_finite_are_refused(space):
    for embeddings in (np.ones(space.embedding_size + 1), np.float32(1), np.full(space.embedding_size, np.nan)):
        with pytest.raises(InputError):
            space.apply(np.asarray(embeddings, dtype=np.float32))
