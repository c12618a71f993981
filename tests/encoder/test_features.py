"""Views of an artwork: the plain one, and crops of its own; other artworks change no bit of them (FEA-2)."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from fedstyle_secure.artworks.seeding import named_rng
from fedstyle_secure.encoder.backbones import Backbone
from fedstyle_secure.encoder.features import extract, make_views, random_crop, to_image, to_square
from fedstyle_secure.encoder.network import NetworkEncoder
from fedstyle_secure.encoder.spec import IMAGE_SIZE


class Hostile(nn.Module):
    """Weights made for it: the same sum in two orders, so that nothing is left but how it was rounded, times 2^40."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(0)
        weights = rng.normal(size=(4, 3 * 64 * 64)).astype(np.float32)
        order = rng.permutation(weights.shape[1])
        self.order = torch.from_numpy(order)
        self.forth, self.back = (torch.from_numpy(np.ascontiguousarray(w.T)) for w in (weights, weights[:, order]))
        self.stage = nn.Identity()

    def forward(self, images):
        flat = images[:, :, :64, :64].flatten(1)
        return self.stage((flat @ self.forth - flat[:, self.order] @ self.back)[:, :, None, None] * 2.0**40)


@pytest.fixture(scope="module")
def hostile():
    network = Hostile()
    return Backbone(network, stages=[network.stage], channels=[4], pool=network.stage, mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture
def hostile_encoder(hostile):
    return NetworkEncoder(hostile, "hostile")


@pytest.mark.parametrize("views", [0, 2])
@pytest.mark.parametrize("eye", ["small", "lite0", "hostile_encoder"])
def test_an_artworks_features_are_the_same_bits_whatever_else_is_there(eye, views, request, make_artwork):
    """FEA-2: one artwork less, any subset, any order."""
    encoder = request.getfixturevalue(eye)
    artworks = [make_artwork(50 + phase, 70, phase=phase) for phase in range(6)]
    whole = extract(artworks, encoder, views=views).views
    for chosen in ([1, 2, 3, 4, 5], [0], [3, 1], [5, 4, 3, 2, 1, 0], [0, 2, 4, 5]):
        part = extract([artworks[i] for i in chosen], encoder, views=views).views
        np.testing.assert_array_equal(part, whole[chosen])


def test_a_hostile_network_does_tell_how_many_it_is_shown(hostile):
    """What the test above rests on: shown together, the same images come out otherwise."""
    images = torch.rand(5, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(0))
    together = hostile(images)
    assert any(not torch.equal(hostile(images[:count])[:1], together[:1]) for count in range(1, 5))


def test_crops_are_the_artworks_own(make_artwork):
    """FEA-2: they follow from its pixels, and more views only add to them."""
    artwork, again, other = make_artwork(phase=1), make_artwork(phase=1), make_artwork(phase=2)
    views = make_views(artwork, 3, IMAGE_SIZE)
    np.testing.assert_array_equal(make_views(again, 2, IMAGE_SIZE), views[:3])
    assert not np.array_equal(views[1], views[2])
    rngs = [named_rng(0, "crops", each.digest.hex()).random(5) for each in (artwork, other)]
    assert np.abs(rngs[0] - rngs[1]).max() > 0.01


def test_shapes_and_order(small, make_artwork):
    done = []
    artworks = [make_artwork(phase=phase) for phase in range(5)]
    features = extract(artworks, small, views=3, on_progress=done.append)
    assert features.views.dtype == np.float32
    assert features.views.shape[:2] == (5, 4)
    assert len(features) == sum(done) == 5
    plain = extract(artworks, small, views=0).views
    assert plain.shape[1] == 1
    np.testing.assert_array_equal(features.views[:, 0], plain[:, 0])


@pytest.mark.parametrize("size", [(1, 500), (500, 1), (7, 9), (1, 1), (192, 192), (1000, 3)])
def test_odd_sizes_work(size, small, make_artwork):
    features = extract([make_artwork(*size)], small, views=3).views
    assert features.shape[:2] == (1, 4)
    assert np.isfinite(features).all()


def bands(image):
    """Numbers [3, H, W] as the crops want them."""
    return tuple(Image.fromarray(np.ascontiguousarray(band, dtype=np.float32)) for band in image)


def test_the_plain_view_is_the_whole_center_square():
    square = np.linspace(0, 1, 48, dtype=np.float32).reshape(3, 4, 4)
    image = np.full((3, 4, 10), 9.0, dtype=np.float32)
    image[:, :, 3:7] = square
    np.testing.assert_array_equal(to_square(bands(image)), to_square(bands(square)))
    assert to_square(bands(square)).shape == (3, IMAGE_SIZE, IMAGE_SIZE)
    corners = to_square(bands(square))[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, square[:, [0, 0, -1, -1], [0, -1, 0, -1]], atol=1e-6)


def test_an_image_is_its_pixels_between_0_and_1(make_artwork):
    artwork = make_artwork(3, 5)
    image = np.stack([np.asarray(band) for band in to_image(artwork)])
    assert image.shape == (3, 3, 5)
    np.testing.assert_allclose(image.transpose(1, 2, 0) * 255, artwork.pixels, rtol=1e-6)


@pytest.mark.parametrize("size", [(128, 128), (500, 300), (40, 700)])
def test_views_are_resized_as_torch_resizes_them(size, make_artwork):
    """Bilinear with antialiasing, from numbers that were not rounded to 8 bits."""
    from torchvision.transforms.v2 import functional as transforms

    pixels = torch.from_numpy(make_artwork(*size).pixels.copy()).permute(2, 0, 1).float() / 255
    square = transforms.center_crop(pixels, [min(size)] * 2)
    expected = transforms.resize(square, [IMAGE_SIZE] * 2, antialias=True).numpy()
    np.testing.assert_allclose(to_square(to_image(make_artwork(*size))), expected, atol=2e-5)


def test_crops_differ_stay_inside_and_keep_the_palette():
    rng = np.random.default_rng(0)
    image = np.array([0.2, 0.5, 0.8])[:, None, None] + np.tile(np.linspace(0, 0.1, 70), (3, 50, 1))
    crops = [random_crop(bands(image), rng) for _ in range(20)]
    starts = {round(float(crop[0, 0, 0]), 4) for crop in crops}
    assert len(starts) > 10
    mirrored = [bool(crop[0, 0, 0] > crop[0, 0, -1]) for crop in crops]
    assert 3 < sum(mirrored) < 17
    for crop in crops:
        assert crop.shape == (3, IMAGE_SIZE, IMAGE_SIZE)
        assert image.min() - 1e-5 <= crop.min() <= crop.max() <= image.max() + 1e-5
        np.testing.assert_allclose(crop[1] - crop[0], 0.3, atol=1e-5)
