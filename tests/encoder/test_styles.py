"""Directions of signatures: those in which public artworks are largest, whatever their crops and the head say."""

import numpy as np

from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.styles import signature_space
from fedstyle_secure.encoder.whitening import Whitening

F, D, H = 12, 8, 3
RNG = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


MODEL = StyleModel(
    whitening=Whitening(center=numbers(F), projection=numbers(F, D)),
    alignment=numbers(D, D),
    head=numbers(H, D),
    residual=0.25,
    encoder="test@0",
)
PUBLIC = [numbers(works, 3, F) for works in (5, 9, 4)]


def test_no_other_directions_hold_more_of_public_artworks() -> None:
    space = signature_space(MODEL, PUBLIC, 4)
    rows = MODEL.align(MODEL.whiten(np.concatenate([views[:, 0] for views in PUBLIC])))
    values = np.linalg.svd(rows, compute_uv=False) ** 2
    kept = np.sum((rows @ space.projection[:D]) ** 2)
    np.testing.assert_allclose(kept, values[:4].sum(), rtol=1e-4)


def test_crops_and_the_head_have_no_part_in_them() -> None:
    space = signature_space(MODEL, PUBLIC, 4)
    other = [np.concatenate([views[:, :1], numbers(len(views), 2, F)], axis=1) for views in PUBLIC]
    np.testing.assert_array_equal(signature_space(MODEL, other, 4).projection, space.projection)
    assert not space.projection[D:].any()


def test_there_are_no_more_directions_than_embeddings_have() -> None:
    assert signature_space(MODEL, PUBLIC, 384).dimensions == D
