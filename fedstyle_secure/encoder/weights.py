"""Weights files of public networks, in the names of timm or torchvision, of OpenAI's CLIP, or of CSD.

CSD (Somepalli et al., arXiv 2404.01292) is CLIP's image tower trained for style, in a checkpoint with prefixed names.

WGT-1  A file runs nothing: one that holds other objects than tensors and plain values is refused, but for the
       `argparse.Namespace` of CSD's checkpoints, which is data and is dropped.
WGT-2  Every tensor of a network comes from the file, in its shape, and none of the file's is left over, but for the
       last layers that speak of classes or captions.
"""

import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.layers.activations import QuickGELU
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn

from ..errors import InputError

_WRAPPERS = ("model_state_dict", "state_dict", "model")
"""Under which names checkpoints keep the state dict beside an optimizer's state and the like."""

_CLIP_PREFIXES = ("backbone.", "visual.", "")
"""Where the image tower is in a file of CSD, of CLIP, and of the tower alone."""


def load_weights(network: nn.Module, path: Path, *, encoder: str, unused: Sequence[str] = ()) -> None:
    """Fill a network with a file's tensors.

    Args:
        network: Any network; a vision transformer of timm also takes the names of CLIP and CSD.
        path: A state dict or checkpoint, ``.safetensors`` or whatever `torch.save` wrote.
        encoder: Name of the network, for errors.
        unused: Prefixes of tensors to leave out: layers that the network was made without.

    Raises:
        InputError: No such file, no weights, objects that are no tensors, or tensors that do not fit.
    """
    if not path.is_file():
        raise InputError(f"weights file {path} does not exist")
    try:
        state = _read_state(path)
        if isinstance(network, VisionTransformer):
            state = checkpoint_filter_fn(_find_clip(state, network), network)
        _fill(network, {name: tensor for name, tensor in state.items() if not name.startswith(tuple(unused))})
    except UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        reason = (
            f"it holds a Python object ({found[1]}), and only tensors are loaded; save its state dict alone"
            if found
            else "it is damaged, or was not written by torch.save"
        )
        raise InputError(f"weights file {path} is no state dict of {encoder}: {reason}") from error
    except (SafetensorError, EOFError, RuntimeError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"weights file {path} is no state dict of {encoder}: {reason}") from error


def _read_state(path: Path) -> dict[str, Tensor]:
    """Names and tensors, without what a checkpoint or a parallel wrapper puts around them."""
    state: Any
    if path.suffix == ".safetensors":
        state = load_file(path)
    else:
        with torch.serialization.safe_globals([Namespace]):
            state = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in _WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ValueError("it is not a mapping of names to tensors")
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _find_clip(state: dict[str, Tensor], network: VisionTransformer) -> dict[str, Tensor]:
    """The image tower of CLIP or CSD under the prefix by which timm knows it; other state dicts as they are.

    CSD's two projections stay behind: what they project, the class token, is the pooled embedding here.
    """
    prefix = next((prefix for prefix in _CLIP_PREFIXES if f"{prefix}class_embedding" in state), None)
    if prefix is None:
        return state
    if "last_layer_style" in state and not isinstance(network.get_submodule("blocks.0.mlp.act"), QuickGELU):
        raise ValueError("CSD computes with QuickGELU; use timm:vit_large_patch14_clip_quickgelu_224")
    return {f"visual.{name.removeprefix(prefix)}": t for name, t in state.items() if name.startswith(prefix)}


def _fill(network: nn.Module, state: dict[str, Tensor]) -> None:
    for name, tensor in network.state_dict().items():
        if name in state and state[name].shape != tensor.shape:
            raise ValueError(f"{name} has shape {tuple(state[name].shape)}, not {tuple(tensor.shape)}")
    missing, left_over = network.load_state_dict(state, strict=False)
    if missing:
        raise ValueError(f"the network's tensor {missing[0]} is not in it ({len(missing)} such tensors)")
    if left_over:
        raise ValueError(f"its tensor {left_over[0]} has no place in the network ({len(left_over)} such tensors)")
