"""An encoder that is ready: one image becomes raw features, by ONNX Runtime where its graph is known.

ENC-1  An image passes an encoder by itself, in one thread, so that its features have the same bits whatever else is
       encoded before, after or beside it.
"""

import os
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .layers import POOLED, STATISTICS


class Encoder(Protocol):
    """A frozen public network.

    Attributes:
        name: Which network it is and the digest of its weights, as ``name@sha256``.
        image_size: S, the side in pixels of the images it takes.
        pooled_size: How many of the last raw features are the pooled embedding.
        runtime: What computes, for people; equal texts compute equal bits on one machine.
        workers: How many images it can be given at once, each from its own thread.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - above
    @property
    def image_size(self) -> int: ...  # noqa: D102
    @property
    def pooled_size(self) -> int: ...  # noqa: D102
    @property
    def runtime(self) -> str: ...  # noqa: D102
    @property
    def workers(self) -> int: ...  # noqa: D102

    def encode(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """One image [3, S, S] in [0, 1] to raw features [statistics + pooled], float32; pooled stands last (ENC-1)."""
        ...


class GraphEncoder:
    """A graph of `graphs.draw_graph` on the processor.

    Args:
        graph: The file's bytes.
        name: Which network it is and the digest of its weights, as ``name@sha256``.
    """

    def __init__(self, graph: bytes, name: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # ENC-1; images run side by side instead
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.name = name
        self.image_size: int = self._session.get_inputs()[0].shape[-1]
        self.pooled_size: int = self._session.get_outputs()[-1].shape[-1]
        self.runtime = f"ONNX Runtime {onnxruntime.__version__} on CPU"
        self.workers = available_cores()

    def encode(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """One image [3, S, S] in [0, 1] to raw features [statistics + pooled], float32 (ENC-1)."""
        parts = self._session.run([STATISTICS, POOLED], {"images": image[None]})
        features: NDArray[np.float32] = np.concatenate(parts, axis=1)[0]
        return features


def title_of(encoder: Encoder, *, crops: int = 0) -> str:
    """Of the stage in which artworks are encoded: what computes, and how many images at a time."""
    what = f"{crops} crops of artworks" if crops else "artworks"
    return f"Encoding {what} ({encoder.runtime}, {encoder.workers} at a time)"


def available_cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
