"""Style statistics by hand; every kind of backbone from local files; errors that name the fix; nothing downloaded."""

import socket
from itertools import combinations
from typing import ClassVar

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torchvision.models.swin_transformer import SwinTransformer

from fedstyle_secure.encoder.backbones import Backbone, _find_maps, load_backbone, style_statistics, wrap_small
from fedstyle_secure.encoder.features import extract, to_image, to_square
from fedstyle_secure.encoder.network import NetworkEncoder
from fedstyle_secure.encoder.small import SmallEncoder
from fedstyle_secure.encoder.spec import CORRELATED, IMAGE_SIZE, LITE0_WEIGHTS, STAGES, BackboneSpec
from fedstyle_secure.errors import InputError


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_arguments, **_settings):
        pytest.fail("a backbone opened a network connection")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def by_hand(channels_first: np.ndarray) -> np.ndarray:
    """Plain loops over [B, C, places]."""
    rows = []
    for image in channels_first:
        means = [sum(channel) / len(channel) for channel in image]
        deviations = [
            (sum((x - m) ** 2 for x in channel) / len(channel) + 1e-6) ** 0.5
            for channel, m in zip(image, means, strict=True)
        ]
        standard = [[(x - m) / s for x in channel] for channel, m, s in zip(image, means, deviations, strict=True)]
        products = [
            sum(x * y for x, y in zip(one, other, strict=True)) / len(one) for one, other in combinations(standard, 2)
        ]
        rows.append([*means, *deviations, *products])
    return np.array(rows)


MAP = np.random.default_rng(0).normal(size=(2, 5, 3, 4)).astype(np.float32)
LAYOUTS = {
    "NCHW": MAP,
    "NHWC": MAP.transpose(0, 2, 3, 1),
    "tokens": MAP.reshape(2, 5, 12).transpose(0, 2, 1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_style_statistics_are_mean_deviation_and_correlations_over_places(layout):
    output = torch.from_numpy(np.ascontiguousarray(LAYOUTS[layout]))
    expected = by_hand(MAP.reshape(2, 5, 12).astype(np.float64))
    np.testing.assert_allclose(style_statistics(output, 5).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [CORRELATED, CORRELATED + 1])
def test_channels_of_wide_maps_are_not_correlated(channels):
    wide = torch.rand(2, channels, 3, 3)
    pairs = channels * (channels - 1) // 2 if channels == CORRELATED else 0
    assert style_statistics(wide, channels).shape == (2, 2 * channels + pairs)


def test_a_map_without_that_many_channels_is_refused():
    with pytest.raises(InputError, match=r"\(2, 5, 3, 4\).*7 channels"):
        style_statistics(torch.from_numpy(MAP), 7)


def test_a_constant_map_has_a_finite_gradient_free_deviation():
    statistics = style_statistics(torch.full((1, 2, 4, 4), 3.0), 2)
    np.testing.assert_allclose(statistics.numpy(), [[3, 3, 1e-3, 1e-3, 0]], rtol=1e-4)


def test_lite0_has_the_packaged_weights(lite0_backbone):
    state = lite0_backbone.network.state_dict()
    assert len(state) == 296
    assert list(state) == list(timm.create_model("efficientnet_lite0", pretrained=False).state_dict())
    assert lite0_backbone.digest() == LITE0_WEIGHTS


def test_lite0_features_of_one_image_are_pinned(lite0, make_artwork):
    (row,) = extract([make_artwork()], lite0, views=0).views[:, 0]
    statistics, pooled = row[: -lite0.pooled_size], row[-lite0.pooled_size :]
    assert (len(row), lite0.pooled_size) == (3384, 1280)
    # The network must see an image as it was trained to: on another scale these numbers are far off.
    found = [statistics.mean(), statistics.std(), pooled.mean(), pooled.std(), row @ np.cos(np.arange(len(row)))]
    np.testing.assert_allclose(found, [0.9726, 2.7632, 0.1338, 0.3819, 7.1098], rtol=2e-3)


def test_backbones_are_frozen(lite0_backbone, small_backbone):
    for backbone in (lite0_backbone, small_backbone):
        assert not backbone.network.training
        assert not [name for name, weight in backbone.named_parameters() if weight.requires_grad]


def squares(make_artwork):
    return torch.from_numpy(np.stack([to_square(to_image(make_artwork(phase=phase))) for phase in range(4)]))


@pytest.mark.parametrize("name", ["lite0_backbone", "small_backbone"])
def test_an_artworks_features_do_not_depend_on_its_batch_neighbors(name, make_artwork, request):
    backbone = request.getfixturevalue(name)
    images = squares(make_artwork)
    with torch.inference_mode():
        together = backbone(images)
        elsewhere = backbone(torch.cat([torch.rand(2, *images.shape[1:]), images[:1]]))
        alone = backbone(images[:1])
    np.testing.assert_allclose(together[0], alone[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(elsewhere[2], alone[0], rtol=1e-4, atol=1e-4)


def test_batch_normalization_in_training_mode_would_break_independence(make_artwork):
    """Shows that the test above can fail: the same network, not frozen."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=8), nn.BatchNorm2d(4))
    backbone = Backbone(network, stages=[network[1]], channels=[4], pool=network[1], mean=(0,) * 3, std=(1,) * 3)
    backbone.network.train()
    images = squares(make_artwork)
    with torch.inference_mode():
        assert (backbone(images)[0] - backbone(images[:2])[0]).abs().max() > 1e-2


def test_digest_changes_with_every_tensor():
    backbone = wrap_small(SmallEncoder())
    weights = list(backbone.network.parameters())
    digests = {backbone.digest()}
    for weight in weights:
        weight[(0,) * weight.ndim] += 1
        digests.add(backbone.digest())
    assert len(digests) == 1 + len(weights)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", ["timm:test_resnet", "torchvision:shufflenet_v2_x0_5"])
def test_a_local_weights_file_works(name, suffix, tmp_path, make_artwork):
    network = make_network(name)
    path = save_weights(network, tmp_path / f"weights{suffix}")
    backbone = load_backbone(BackboneSpec(name=name, weights=path))
    assert backbone.network.state_dict().keys() == network.state_dict().keys()
    features = extract([make_artwork(), make_artwork(phase=3)], NetworkEncoder(backbone, name), views=1).views
    assert features.shape[:2] == (2, 2)
    assert np.isfinite(features).all()
    assert np.abs(features[0, 0] - features[1, 0]).max() > 1e-4
    state = load_backbone(BackboneSpec(name=name, weights=path)).network.state_dict()
    for key, tensor in network.state_dict().items():
        assert torch.equal(state[key], tensor), key


def test_maps_with_channels_last_are_told_from_maps_with_channels_first():
    swin = SwinTransformer([4, 4], embed_dim=24, depths=[1, 1], num_heads=[2, 4], window_size=[6, 6])
    assert [count for _, count in _find_maps(swin, list(swin.features))] == [24, 24, 48, 48]
    resnet = make_network("timm:test_resnet")
    assert [count for _, count in _find_maps(resnet, [resnet.layer1, resnet.layer4])] == [32, 96]
    stage = nn.Identity()
    backbone = Backbone(stage, stages=[stage], channels=[3], pool=stage, mean=(0,) * 3, std=(1,) * 3)
    with torch.inference_mode():
        features = backbone(to_maps := torch.rand(2, 3, IMAGE_SIZE, IMAGE_SIZE))
    np.testing.assert_allclose(features[:, -3:], to_maps.mean((2, 3)), rtol=1e-4)


def test_statistics_come_from_at_most_so_many_stages(tmp_path):
    path = save_weights(make_network("torchvision:squeezenet1_1"), tmp_path / "weights.pth")
    backbone = load_backbone(BackboneSpec(name="torchvision:squeezenet1_1", weights=path))
    with torch.inference_mode():
        backbone(torch.rand(1, 3, IMAGE_SIZE, IMAGE_SIZE))
    assert len(backbone._statistics) == STAGES


def make_network(name):
    library, _, model = name.partition(":")
    if library == "timm":
        return timm.create_model(model, pretrained=False)
    return torchvision.models.get_model(model, weights=None)


def save_weights(network, path):
    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    else:
        torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("lite1", "use lite0, tuned, small, timm:NAME or torchvision:NAME"),
        ("", "use lite0"),
        ("timm:", "timm:NAME"),
        ("small", "use lite0"),  # trained in a run, never loaded by name
        ("timm:no_such_model", r"timm.list_models\('no_suc\*'\)"),
        ("torchvision:no_such_model", "list_models"),
        ("torchvision:raft_small", "no classifier"),
    ],
)
def test_an_unknown_encoder_is_refused_with_what_there_is(name, fix):
    with pytest.raises(InputError, match=fix):
        load_backbone(BackboneSpec(name=name))


@pytest.mark.parametrize("name", ["timm:test_resnet", "torchvision:shufflenet_v2_x0_5"])
def test_missing_weights_are_refused_and_nothing_is_downloaded(name, tmp_path):
    with pytest.raises(InputError, match="--weights FILE, or allow a download with --download-weights"):
        load_backbone(BackboneSpec(name=name))
    with pytest.raises(InputError, match=r"gone\.pth does not exist"):
        load_backbone(BackboneSpec(name=name, weights=tmp_path / "gone.pth"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", ["empty", "garbage", "truncated", "another network"])
def test_weights_that_do_not_fit_are_refused_with_the_files_name(content, suffix, tmp_path):
    path = tmp_path / f"weights{suffix}"
    save_weights(make_network("timm:test_vit" if content == "another network" else "timm:test_resnet"), path)
    if content != "another network":
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "garbage": b"not weights" * 9, "truncated": whole[: len(whole) // 2]}[content])
    with pytest.raises(InputError, match=rf"weights\{suffix} is no state dict of timm:test_resnet: .+"):
        load_backbone(BackboneSpec(name="timm:test_resnet", weights=path))


class Fussy(nn.Module):
    """Takes images of 100 x 100 pixels alone, and does not say so beforehand."""

    feature_info = ({"module": "stage", "num_chs": 3},)
    pretrained_cfg: ClassVar = {"mean": (0.5,) * 3, "std": (0.5,) * 3}

    def __init__(self):
        super().__init__()
        self.stage = nn.Conv2d(3, 3, 1)

    def forward(self, images):
        raise AssertionError(f"Input height ({images.shape[2]}) doesn't match model (100).")


def test_a_network_that_insists_on_another_size_is_refused_with_a_way_out(tmp_path, monkeypatch):
    path = save_weights(Fussy(), tmp_path / "weights.pth")
    monkeypatch.setattr(timm, "create_model", lambda _name, **_changes: Fussy())
    with pytest.raises(
        InputError,
        match=r"256 x 256 pixels \(.*model \(100\)\.\): choose another network",
    ):
        load_backbone(BackboneSpec(name="timm:test_resnet", weights=path))
