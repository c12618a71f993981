"""Vision transformers: patches are the map, the class token is pooled, and a file may be CLIP's or CSD's."""

from argparse import Namespace
from functools import partial
from pathlib import PurePosixPath

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from timm.data import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from timm.layers import LayerNorm
from timm.models import generate_default_cfgs, register_model
from timm.models.vision_transformer import VisionTransformer, _cfg, _create_vision_transformer
from torchvision.models.vision_transformer import VisionTransformer as TorchvisionTransformer

from fedstyle_secure.encoder import backbones
from fedstyle_secure.encoder.backbones import load_backbone
from fedstyle_secure.encoder.device import Device
from fedstyle_secure.encoder.features import extract
from fedstyle_secure.encoder.network import NetworkEncoder
from fedstyle_secure.encoder.opening import open_encoder
from fedstyle_secure.encoder.spec import STAGES, BackboneSpec
from fedstyle_secure.errors import InputError

WIDTH, DEPTH, SIZE = 48, 7, 56

default_cfgs = generate_default_cfgs(
    {
        f"{name}.random": _cfg(input_size=(3, SIZE, SIZE), num_classes=16, mean=OPENAI_CLIP_MEAN, std=OPENAI_CLIP_STD)
        for name in ("fedstyle_tiny_clip", "fedstyle_tiny_clip_gelu")
    }
)


def tiny_clip(name: str, activation: str, *, pretrained: bool, **changes) -> VisionTransformer:
    """What timm makes of CLIP's image tower, with two heads of 12."""
    shape = {"img_size": SIZE, "patch_size": 14, "embed_dim": WIDTH, "depth": DEPTH, "num_heads": 2}
    norm = {"pre_norm": True, "norm_layer": partial(LayerNorm, eps=1e-5)}
    return _create_vision_transformer(
        name, pretrained=pretrained, **{**shape, **norm, "act_layer": activation, **changes}
    )


@register_model
def fedstyle_tiny_clip(pretrained=False, **changes):
    return tiny_clip("fedstyle_tiny_clip", "quick_gelu", pretrained=pretrained, **changes)


@register_model
def fedstyle_tiny_clip_gelu(pretrained=False, **changes):
    return tiny_clip("fedstyle_tiny_clip_gelu", "gelu", pretrained=pretrained, **changes)


CLIP = "timm:fedstyle_tiny_clip"


@pytest.fixture
def tower():
    """Image tower with random numbers everywhere, norms and biases too, so that no two tensors can be exchanged."""
    network = timm.create_model("fedstyle_tiny_clip")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for weight in network.parameters():
            weight.data.normal_(0, 0.3)
    return network.eval()


def in_clip_names(network) -> dict[str, torch.Tensor]:
    """The same tensors as OpenAI names them, written down from the names in CLIP's own `VisionTransformer`."""
    own = network.state_dict()
    clip = {
        "class_embedding": own["cls_token"][0, 0],
        "positional_embedding": own["pos_embed"][0],
        "conv1.weight": own["patch_embed.proj.weight"],
    }
    for ours, theirs in (("norm_pre", "ln_pre"), ("norm", "ln_post")):
        clip |= {f"{theirs}.{kind}": own[f"{ours}.{kind}"] for kind in ("weight", "bias")}
    for block in range(DEPTH):
        ours, theirs = f"blocks.{block}", f"transformer.resblocks.{block}"
        for kind in ("weight", "bias"):
            clip[f"{theirs}.attn.in_proj_{kind}"] = own[f"{ours}.attn.qkv.{kind}"]
            clip[f"{theirs}.attn.out_proj.{kind}"] = own[f"{ours}.attn.proj.{kind}"]
            clip[f"{theirs}.ln_1.{kind}"] = own[f"{ours}.norm1.{kind}"]
            clip[f"{theirs}.ln_2.{kind}"] = own[f"{ours}.norm2.{kind}"]
            clip[f"{theirs}.mlp.c_fc.{kind}"] = own[f"{ours}.mlp.fc1.{kind}"]
            clip[f"{theirs}.mlp.c_proj.{kind}"] = own[f"{ours}.mlp.fc2.{kind}"]
    return clip


def as_timm(network):
    return network.state_dict()


def as_openai(network):
    """Both towers; of the text's, a few names that the image's has as well."""
    text = {"positional_embedding": torch.ones(7, 5), "transformer.resblocks.0.ln_1.weight": torch.ones(5)}
    image = in_clip_names(network) | {"proj": torch.ones(WIDTH, 16)}
    return {f"visual.{name}": tensor for name, tensor in image.items()} | text | {"logit_scale": torch.ones(())}


def as_csd(network):
    """As `train_csd.py` saves it, command line and optimizer included."""
    image = {f"module.backbone.{name}": tensor for name, tensor in in_clip_names(network).items()}
    layers = {f"module.last_layer_{kind}": torch.ones(WIDTH, 16) for kind in ("style", "content")}
    rest = {"opt_bb": {"state": {}, "param_groups": [{"lr": 0.1}]}, "iter": 3, "args": Namespace(lr=0.1, out="x")}
    return {"model_state_dict": image | layers, **rest}


FILES = {"timm": as_timm, "openai": as_openai, "csd": as_csd, "the tower alone": in_clip_names}


def save(content, path):
    if path.suffix == ".safetensors":
        content = content.get("model_state_dict", content)
        save_file({name: tensor.contiguous().clone() for name, tensor in content.items()}, path)
    else:
        torch.save(content, path)
    return path


def features_of(name, path, artworks):
    return extract(artworks, open_encoder(BackboneSpec(name=name, weights=path), Device.CPU), views=1).views


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_same_weights_in_everybodys_names_give_equal_features(suffix, tower, tmp_path, make_artwork):
    artworks = [make_artwork(), make_artwork(phase=3)]
    found = {
        name: features_of(CLIP, save(write(tower), tmp_path / f"{name}{suffix}"), artworks)
        for name, write in FILES.items()
    }
    assert found["timm"].shape == (2, 2, STAGES * 2 * WIDTH + WIDTH)
    assert np.abs(found["timm"][0, 0] - found["timm"][1, 0]).max() > 1e-3
    for name, features in found.items():
        np.testing.assert_array_equal(features, found["timm"], err_msg=name)


def test_half_precision_files_are_computed_in_single_precision(tower, tmp_path):
    content = {name: tensor.half() for name, tensor in as_openai(tower).items()}
    backbone = load_backbone(BackboneSpec(name=CLIP, weights=save(content, tmp_path / "half.pth")))
    assert {weight.dtype for weight in backbone.network.parameters()} == {torch.float32}


def test_patches_are_the_map_and_the_class_token_is_pooled(tower, tmp_path):
    """By hand, block by block: the class token has no part in the statistics, and nothing but it is pooled."""
    backbone = load_backbone(BackboneSpec(name=CLIP, weights=save(as_timm(tower), tmp_path / "weights.pth")))
    images = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD))
    expected = []
    with torch.inference_mode():
        looks = torch.cat([images, images.flip(3)])
        tokens = tower.norm_pre(tower._pos_embed(tower.patch_embed((looks - mean) / std)))
        assert tokens.shape == (4, 1 + (SIZE // 14) ** 2, WIDTH)
        for number, block in enumerate(tower.blocks):
            tokens = block(tokens)
            if number != 5:  # six of seven blocks, and always the last
                expected += [tokens[:, 1:].mean(1), (tokens[:, 1:].var(1, correction=0) + 1e-6).sqrt()]
        expected.append(tower.norm(tokens)[:, 0])
        found = backbone(images)
    np.testing.assert_allclose(found, torch.cat(expected, 1).unflatten(0, (2, 2)).mean(0), rtol=1e-4, atol=1e-4)
    assert backbone.pooled_size == WIDTH


@pytest.mark.parametrize(
    ("name", "size", "tokens", "width"),
    [("test_vit", 160, 1, 64), ("test_vit4", 160, 1, 96), ("test_vit_relpos", 160, 0, 96), (CLIP[5:], SIZE, 1, WIDTH)],
)
def test_a_transformer_sees_artworks_at_its_own_size_and_scale(name, size, tokens, width, tmp_path, make_artwork):
    network = timm.create_model(name)
    path = save(as_timm(network), tmp_path / "weights.pth")
    backbone = load_backbone(BackboneSpec(name=f"timm:{name}", weights=path))
    assert (backbone.image_size, backbone._prefix_tokens, backbone.pooled_size) == (size, tokens, width)
    np.testing.assert_allclose(backbone.mean.flatten(), network.pretrained_cfg["mean"])
    np.testing.assert_allclose(backbone.std.flatten(), network.pretrained_cfg["std"])
    seen = []
    backbone.register_forward_pre_hook(lambda _module, inputs: seen.append(tuple(inputs[0].shape)))
    assert np.isfinite(extract([make_artwork()], NetworkEncoder(backbone, name), views=2).views).all()
    assert seen == [(1, 3, size, size)] * 3


def test_a_transformer_of_torchvision_works_as_well(tmp_path, make_artwork, monkeypatch):
    def make(_name, *, weights):
        assert weights is None
        return TorchvisionTransformer(48, 12, 6, 2, WIDTH, 32, num_classes=7)

    monkeypatch.setattr(torchvision.models, "get_model", make)
    network = make("", weights=None)
    torch.nn.init.normal_(network.class_token)
    path = save(network.state_dict(), tmp_path / "weights.pth")
    backbone = load_backbone(BackboneSpec(name="torchvision:vit_b_16", weights=path))
    assert (backbone.image_size, backbone.pooled_size) == (48, WIDTH)
    assert extract([make_artwork()], NetworkEncoder(backbone, "vit"), views=0).views.shape == (
        1,
        1,
        STAGES * 2 * WIDTH + WIDTH,
    )
    images = torch.rand(1, 3, 48, 48)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (backbones.IMAGENET_MEAN, backbones.IMAGENET_STD))
    with torch.inference_mode():
        tokens = network.eval()._process_input((torch.cat([images, images.flip(3)]) - mean) / std)
        tokens = network.encoder(torch.cat([network.class_token.expand(2, -1, -1), tokens], 1))
        np.testing.assert_allclose(backbone(images)[0, -WIDTH:], tokens[:, 0].mean(0), rtol=1e-4, atol=1e-4)


def without(name):
    def change(content):
        del content["model_state_dict"][name]

    return change


def with_tensor(name, tensor):
    return lambda content: content["model_state_dict"].update({name: tensor})


BLOCK = "module.backbone.transformer.resblocks.2"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without(f"{BLOCK}.ln_1.bias"), r"the network's tensor blocks\.2\.norm1\.bias is not in it \(1 such"),
        (without("module.backbone.class_embedding"), r"the network's tensor cls_token is not in it \(\d+ such"),
        (
            with_tensor(f"{BLOCK}.more", torch.ones(3)),
            r"its tensor blocks\.2\.more has no place in the network \(1 such",
        ),
        (
            with_tensor(f"{BLOCK}.mlp.c_fc.bias", torch.ones(3)),
            r"\.2\.mlp\.fc1\.bias has shape \(3,\), not \(192,\)",
        ),
        (with_tensor("module.backbone.positional_embedding", torch.ones(3)), "csd.pth is no state dict of timm:.*: ."),
        (with_tensor("module.backbone.class_embedding", 7), "it is not a mapping of names to tensors"),
        (lambda content: content.update(path=PurePosixPath("x")), r"holds a Python object \(pathlib\.\w+\).* alone$"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_in_one_sentence(change, sentence, tower, tmp_path):
    content = as_csd(tower)
    change(content)
    with pytest.raises(InputError, match=sentence) as refusal:
        load_backbone(BackboneSpec(name=CLIP, weights=save(content, tmp_path / "csd.pth")))
    assert "\n" not in str(refusal.value)


def test_a_list_is_no_state_dict(tmp_path):
    with pytest.raises(InputError, match="it is not a mapping of names to tensors"):
        load_backbone(BackboneSpec(name=CLIP, weights=save([torch.ones(3)], tmp_path / "list.pth")))


class Runs:
    """An object that, when unpickled, writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tower, tmp_path):
    """WGT-1."""
    path = save(as_csd(tower) | {"args": Namespace(run=Runs(tmp_path / "was-here"))}, tmp_path / "csd.pth")
    with pytest.raises(InputError, match=r"it holds a Python object \(\w*io\.open\), and only tensors are loaded"):
        load_backbone(BackboneSpec(name=CLIP, weights=path))
    assert not (tmp_path / "was-here").exists()


def test_csd_in_a_network_with_another_activation_is_refused(tower, tmp_path):
    """The tensors would fit, and the features would be wrong."""
    path = save(as_csd(tower), tmp_path / "csd.pth")
    with pytest.raises(InputError, match="QuickGELU; use timm:vit_large_patch14_clip_quickgelu_224"):
        load_backbone(BackboneSpec(name="timm:fedstyle_tiny_clip_gelu", weights=path))
