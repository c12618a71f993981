"""Known encoders as ONNX graphs, made of their weights alone, for a runtime that starts in a tenth of a second.

NET-1  A graph is drawn here, of numbers, and is never taken from anyone: whoever hands on weights hands on no program.
NET-2  Every layer of a network finds its tensors among the weights, in their shapes, and none is left over.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from ..errors import InputError
from .layers import FeatureMap, Layers, Weights
from .spec import IMAGE_SIZE, LITE0, SCALES, SMALL, SMALL_GROUPS, SMALL_STAGES, STAGES, TUNED

_BLOCKS: Final = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Of each stage of EfficientNet-Lite0: how many blocks, and the stride of the first; the others have stride 1."""

_CLASSIFIER, _COUNTER = "classifier.", ".num_batches_tracked"
"""What a state dict holds beside the layers up to the pooled embedding."""


def digest_of(weights: Weights) -> str:
    """SHA-256 over names, shapes and bytes of all weights in the order of their names, in hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name}{weights[name].shape}".encode())
        digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()


def draw_graph(architecture: str, weights: Weights) -> bytes:
    """An ONNX file that takes ``images`` float32 [1, 3, S, S] in [0, 1] and gives STATISTICS and POOLED.

    Args:
        architecture: ``lite0``, ``tuned`` or ``small``.
        weights: Its state dict, in the names of torch.

    Raises:
        InputError: These are not the weights of such a network (NET-2).
    """
    used = {
        name: tensor
        for name, tensor in weights.items()
        if not name.startswith(_CLASSIFIER) and not name.endswith(_COUNTER)
    }
    try:
        layers = Layers(used, image_size=IMAGE_SIZE, scale=SCALES[architecture])
        return layers.finish(_DRAWINGS[architecture](layers))
    except ValueError as error:
        raise InputError(f"these are not the weights of encoder {architecture}: {error}") from error


def _draw_lite0(layers: Layers) -> FeatureMap:
    """EfficientNet-Lite0 in timm's names: blocks that widen, filter channel by channel, and narrow; ReLU6 between."""
    value = _layer(layers, layers.image, "conv_stem", "bn1", stride=2)
    for stage, (blocks, stride) in enumerate(_BLOCKS):
        for number in range(blocks):
            value = _block(layers, value, f"blocks.{stage}.{number}", stride=1 if number else stride)
        if stage < STAGES:
            layers.summarize(value)
    return _layer(layers, value, "conv_head", "bn2")


def _block(layers: Layers, given: FeatureMap, name: str, *, stride: int) -> FeatureMap:
    """The first stage's block does not widen, and names its layers otherwise."""
    widens = layers.has(f"{name}.conv_pwl")
    filters, narrows, last = ("bn2", "conv_pwl", "bn3") if widens else ("bn1", "conv_pw", "bn2")
    wide = _layer(layers, given, f"{name}.conv_pw", f"{name}.bn1") if widens else given
    filtered = _layer(layers, wide, f"{name}.conv_dw", f"{name}.{filters}", stride=stride)
    narrow = layers.normalize(layers.convolve(filtered, f"{name}.{narrows}"), f"{name}.{last}")
    return layers.join(narrow, given) if narrow[1:] == given[1:] else narrow


def _layer(layers: Layers, given: FeatureMap, convolution: str, norm: str, *, stride: int = 1) -> FeatureMap:
    return layers.clip(layers.normalize(layers.convolve(given, convolution, stride=stride), norm))


def _draw_small(layers: Layers) -> FeatureMap:
    """`SmallEncoder`: strided convolutions, each followed by a depthwise one."""
    value = layers.image
    for stage in range(SMALL_STAGES):
        for convolution, norm, stride in (("0", "1", 2), ("3", "4", 1)):
            value = layers.convolve(value, f"stages.{stage}.{convolution}", stride=stride)
            value = layers.gelu(layers.normalize_groups(value, f"stages.{stage}.{norm}", groups=SMALL_GROUPS))
        layers.summarize(value)
    return value


_DRAWINGS: Final[Mapping[str, Callable[[Layers], FeatureMap]]] = {
    LITE0: _draw_lite0,
    TUNED: _draw_lite0,
    SMALL: _draw_small,
}
