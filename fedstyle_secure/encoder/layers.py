"""Layers of a convolutional network as nodes of an ONNX graph, with the weights that torch keeps under their names."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .onnx_file import Graph
from .spec import CORRELATED, VARIANCE_FLOOR

Weights = Mapping[str, NDArray[np.generic]]
"""A state dict: tensors by name."""

STATISTICS, POOLED = "statistics", "pooled"
"""Names of the two outputs, [1, statistics] and [1, pooled]."""

LOOKS: Final = 2
"""How often a network sees an image, as it is and mirrored: features are the mean of both."""

EPSILON: Final = 1e-5
"""Added to variances by normalization layers."""


class FeatureMap(NamedTuple):
    """A value [LOOKS, channels, side, side] of the graph."""

    name: str
    channels: int
    side: int


class Layers:
    """A network under construction.

    Args:
        weights: All of its tensors; each is used once.
        image_size: Side of the input ``images``, float32 [1, 3, side, side] in [0, 1], which the network sees as it is
            and mirrored.
        scale: Mean and deviation of the colors by which the network wants it scaled.
    """

    def __init__(self, weights: Weights, *, image_size: int, scale: tuple[Sequence[float], Sequence[float]]) -> None:
        self._left = dict(weights)
        self._graph = Graph((1, 3, image_size, image_size))
        self._statistics: list[str] = []
        self._count = 0
        mean, deviation = (self._graph.constant(np.array(each, np.float32).reshape(3, 1, 1)) for each in scale)
        centered = self._graph.add("Sub", self._graph.image, mean)
        scaled = self._graph.add("Div", centered, deviation)
        self.image = FeatureMap(self._graph.add("Concat", scaled, self._mirror(scaled), axis=0), 3, image_size)

    def has(self, layer: str) -> bool:
        """Whether there is a layer of that name which has not found its place yet."""
        return f"{layer}.weight" in self._left

    def convolve(self, given: FeatureMap, layer: str, *, stride: int = 1) -> FeatureMap:
        """A convolution without bias that keeps the side, over `stride`; depthwise if its filters see one channel each.

        Raises:
            ValueError: The weights, here as in all layers, have other shapes than the map asks for.
        """
        weights = self._take(f"{layer}.weight")
        filters, seen, kernel, width = (*weights.shape, 0, 0, 0, 0)[:4]
        if weights.ndim != 4 or seen not in {1, given.channels} or kernel != width or kernel % 2 == 0:
            raise ValueError(f"{layer}.weight has shape {weights.shape}, for {given.channels} channels")
        name = self._graph.add(
            "Conv",
            given.name,
            self._graph.constant(weights),
            group=given.channels // seen,
            kernel_shape=(kernel, kernel),
            pads=(kernel // 2,) * 4,
            strides=(stride, stride),
        )
        return FeatureMap(name, filters, -(-given.side // stride))

    def normalize(self, given: FeatureMap, layer: str) -> FeatureMap:
        """Batch normalization by the statistics of training."""
        tensors = [self._vector(layer, part, given) for part in ("weight", "bias", "running_mean", "running_var")]
        return given._replace(name=self._graph.add("BatchNormalization", given.name, *tensors, epsilon=EPSILON))

    def normalize_groups(self, given: FeatureMap, layer: str, *, groups: int) -> FeatureMap:
        """Group normalization: that of instances, where the channels of a group count as one."""
        graph, places = self._graph, (LOOKS, given.channels, given.side, given.side)
        ones, zeros = (graph.constant(np.full(groups, each, dtype=np.float32)) for each in (1, 0))
        grouped = graph.add("Reshape", given.name, graph.constant(np.array([LOOKS, groups, -1])))
        normal = graph.add("InstanceNormalization", grouped, ones, zeros, epsilon=EPSILON)
        apart = graph.add("Reshape", normal, graph.constant(np.array(places)))
        scale, shift = (self._vector(layer, part, given, (-1, 1, 1)) for part in ("weight", "bias"))
        return given._replace(name=graph.add("Add", graph.add("Mul", apart, scale), shift))

    def clip(self, given: FeatureMap) -> FeatureMap:
        """ReLU6."""
        return given._replace(name=self._graph.add("Clip", given.name, self._number(0), self._number(6)))

    def gelu(self, given: FeatureMap) -> FeatureMap:
        """Times the normal distribution function: x / 2 (1 + erf(x / sqrt 2))."""
        graph = self._graph
        erf = graph.add("Erf", graph.add("Div", given.name, self._number(math.sqrt(2))))
        half = graph.add("Mul", given.name, self._number(0.5))
        return given._replace(name=graph.add("Mul", half, graph.add("Add", erf, self._number(1))))

    def join(self, one: FeatureMap, other: FeatureMap) -> FeatureMap:
        """The sum of two maps of one shape."""
        return one._replace(name=self._graph.add("Add", one.name, other.name))

    def summarize(self, given: FeatureMap) -> None:
        """Keep the mean and the standard deviation of a map, and correlations of its channels if they are few.

        Its variance is written out as a mean of squares.
        """
        graph = self._graph
        mean = graph.add("ReduceMean", given.name, axes=(2, 3), keepdims=1)
        centered = graph.add("Sub", given.name, mean)
        variance = graph.add("ReduceMean", graph.add("Mul", centered, centered), axes=(2, 3), keepdims=1)
        deviation = graph.add("Sqrt", graph.add("Add", variance, self._number(VARIANCE_FLOOR)))
        self._statistics += [mean, deviation]
        self._count += 2 * given.channels
        if given.channels <= CORRELATED:
            self._correlate(graph.add("Div", centered, deviation), given)

    def _correlate(self, standardized: str, given: FeatureMap) -> None:
        """Keep the mean product of each two channels of a standardized map, row by row."""
        graph, channels = self._graph, given.channels
        first, second = np.triu_indices(channels, 1)
        pairs = graph.constant((first * channels + second).astype(np.int64))
        rows = graph.add("Reshape", standardized, graph.constant(np.array([LOOKS, channels, -1])))
        products = graph.add("MatMul", rows, graph.add("Transpose", rows, perm=(0, 2, 1)))
        flat = graph.add(
            "Reshape", graph.add("Div", products, self._number(given.side**2)), graph.constant(np.array([LOOKS, -1]))
        )
        chosen = graph.add("Gather", flat, pairs, axis=1)
        self._statistics.append(graph.add("Reshape", chosen, graph.constant(np.array([LOOKS, -1, 1, 1]))))
        self._count += len(first)

    def finish(self, pooled: FeatureMap) -> bytes:
        """The file, once every tensor has found its place: of all looks the mean, of a last map the pooled embedding.

        Raises:
            ValueError: Tensors are left over.
        """
        if self._left:
            raise ValueError(
                f"its tensor {min(self._left)} has no place in the network ({len(self._left)} such tensors)"
            )
        graph = self._graph
        statistics = graph.add("ReduceMean", graph.add("Concat", *self._statistics, axis=1), axes=(0,), keepdims=1)
        graph.add("Reshape", statistics, graph.constant(np.array([1, -1])), output=STATISTICS)
        places = graph.add("ReduceMean", pooled.name, axes=(0, 2, 3), keepdims=1)
        graph.add("Reshape", places, graph.constant(np.array([1, -1])), output=POOLED)
        return graph.encode({STATISTICS: (1, self._count), POOLED: (1, pooled.channels)})

    def _mirror(self, image: str) -> str:
        """Columns from the last to the first."""
        last, beyond, columns = (self._graph.constant(np.array([each])) for each in (-1, np.iinfo(np.int64).min, 3))
        return self._graph.add("Slice", image, last, beyond, columns, last)

    def _take(self, name: str) -> NDArray[np.float32]:
        if name not in self._left:
            raise ValueError(f"the network's tensor {name} is not in it")
        return self._left.pop(name).astype(np.float32)

    def _vector(self, layer: str, part: str, given: FeatureMap, shape: tuple[int, ...] = (-1,)) -> str:
        values = self._take(f"{layer}.{part}")
        if values.shape != (given.channels,):
            raise ValueError(f"{layer}.{part} has shape {values.shape}, not {(given.channels,)}")
        return self._graph.constant(values.reshape(shape))

    def _number(self, value: float) -> str:
        return self._graph.constant(np.array(value, dtype=np.float32))
