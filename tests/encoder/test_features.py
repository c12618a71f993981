"""Views of an artwork: the plain one, and crops that a seed reproduces; any picture size works."""

import numpy as np
import pytest
import torch

from fedstyle_secure.encoder.backbones import IMAGE_SIZE
from fedstyle_secure.encoder.features import BATCH, extract, random_crop, to_image, to_square


def test_views_are_reproducible_by_seed(small, make_artwork):
    artworks = [make_artwork(phase=phase) for phase in range(3)]
    first, again, other = (extract(artworks, small, views=2, seed=seed).views for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first[:, 0], other[:, 0], rtol=1e-5, atol=1e-5)
    assert np.abs(first[:, 1:] - other[:, 1:]).max(axis=2).min() > 1e-4


def test_shapes_and_order(small, make_artwork):
    artworks = [make_artwork(phase=phase) for phase in range(5)]
    features = extract(artworks, small, views=3, seed=0)
    assert features.views.dtype == np.float32
    assert features.views.shape[:2] == (5, 4)
    assert len(features) == 5
    plain = extract(artworks[::-1], small, views=0, seed=0).views[::-1]
    assert plain.shape[1] == 1
    np.testing.assert_allclose(features.views[:, 0], plain[:, 0], rtol=1e-4, atol=1e-4)


def test_many_artworks_take_several_batches_and_report_progress(small, make_artwork):
    done = []
    views = BATCH // 2 - 1
    features = extract([make_artwork(9, 9)] * 3, small, views=views, seed=0, on_progress=done.append)
    assert features.views.shape[:2] == (3, 1 + views)
    assert done == [2, 1]


def test_more_views_than_a_batch_still_work(small, make_artwork):
    assert extract([make_artwork(9, 9)], small, views=BATCH + 1, seed=0).views.shape[1] == BATCH + 2


@pytest.mark.parametrize("size", [(1, 500), (500, 1), (7, 9), (1, 1), (192, 192), (1000, 3)])
def test_odd_sizes_work(size, small, make_artwork):
    features = extract([make_artwork(*size)], small, views=3, seed=0).views
    assert features.shape[:2] == (1, 4)
    assert np.isfinite(features).all()


def test_the_plain_view_is_the_whole_center_square():
    square = torch.linspace(0, 1, 48).reshape(3, 4, 4)
    image = torch.full((3, 4, 10), 9.0)
    image[:, :, 3:7] = square
    assert torch.equal(to_square(image), to_square(square))
    assert to_square(square).shape == (3, IMAGE_SIZE, IMAGE_SIZE)
    corners = to_square(square)[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    torch.testing.assert_close(corners, square[:, [0, 0, -1, -1], [0, -1, 0, -1]])


def test_an_image_is_its_pixels_between_0_and_1(make_artwork):
    artwork = make_artwork(3, 5)
    image = to_image(artwork)
    assert image.shape == (3, 3, 5)
    np.testing.assert_allclose(image.permute(1, 2, 0).numpy() * 255, artwork.pixels, rtol=1e-6)


def test_crops_differ_stay_inside_and_keep_the_palette():
    generator = torch.Generator().manual_seed(0)
    image = torch.tensor([0.2, 0.5, 0.8])[:, None, None].expand(3, 50, 70) + torch.linspace(0, 0.1, 70)
    crops = [random_crop(image, generator) for _ in range(20)]
    starts = {round(float(crop[0, 0, 0]), 4) for crop in crops}
    assert len(starts) > 10
    mirrored = [bool(crop[0, 0, 0] > crop[0, 0, -1]) for crop in crops]
    assert 3 < sum(mirrored) < 17
    for crop in crops:
        assert crop.shape == (3, IMAGE_SIZE, IMAGE_SIZE)
        assert image.min() - 1e-5 <= crop.min() <= crop.max() <= image.max() + 1e-5
        torch.testing.assert_close(crop[1] - crop[0], torch.full_like(crop[0], 0.3), rtol=0, atol=1e-5)
