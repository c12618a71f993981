"""Write an ONNX file: the few fields of the format (onnx.proto3, IR version 8) that a network of fixed shapes needs.

torch's own exporters need two more packages at run time, take seconds, and write other bytes with every version. Here
equal weights give equal bytes everywhere, so that a file is known by its digest.
"""

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

IR_VERSION, OPSET = 8, 17
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
_IS_FLOAT, _IS_INT, _ARE_INTS = 1, 2, 7  # AttributeProto.AttributeType
_VARINT, _BYTES, _FIXED32 = 0, 2, 5  # wire types of protocol buffers

Attribute = int | float | Sequence[int]


class Graph:
    """A network under construction; values are known by name, in the order in which they were added.

    Args:
        image: Shape of the one input, float32, which is named ``images``.
    """

    def __init__(self, image: Sequence[int]) -> None:
        self.image = "images"
        self._input = _value_info(self.image, image)
        self._nodes: list[bytes] = []
        self._tensors: list[bytes] = []

    def constant(self, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Add a tensor of float32 or int64; its name."""
        name = f"c{len(self._tensors)}"
        little = np.ascontiguousarray(values, dtype="<i8" if values.dtype.kind == "i" else "<f4")
        shape = b"".join(_integer(1, size) for size in values.shape)
        kind = _integer(2, _INT64 if values.dtype.kind == "i" else _FLOAT)
        self._tensors.append(shape + kind + _text(8, name) + _bytes(9, little.tobytes()))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Attribute) -> str:
        """Add a node with one output; its name."""
        name = output or f"v{len(self._nodes)}"
        node = b"".join(_text(1, each) for each in inputs) + _text(2, name) + _text(4, operator)
        self._nodes.append(node + b"".join(_bytes(5, _attribute(*item)) for item in sorted(attributes.items())))
        return name

    def encode(self, outputs: Mapping[str, Sequence[int]]) -> bytes:
        """The file's bytes.

        Args:
            outputs: Names of float32 values and their shapes.
        """
        graph = b"".join(
            [
                *(_bytes(1, node) for node in self._nodes),
                _text(2, "fedstyle"),
                *(_bytes(5, tensor) for tensor in self._tensors),
                _bytes(11, self._input),
                *(_bytes(12, _value_info(name, shape)) for name, shape in outputs.items()),
            ]
        )
        opset = _text(1, "") + _integer(2, OPSET)
        return _integer(1, IR_VERSION) + _text(2, "fedstyle-secure") + _bytes(7, graph) + _bytes(8, opset)


def _value_info(name: str, shape: Sequence[int]) -> bytes:
    dimensions = b"".join(_bytes(1, _integer(1, size)) for size in shape)
    tensor = _integer(1, _FLOAT) + _bytes(2, dimensions)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        content, kind = _varint(2 << 3 | _FIXED32) + struct.pack("<f", value), _IS_FLOAT
    elif isinstance(value, int):
        content, kind = _integer(3, value), _IS_INT
    else:
        content, kind = b"".join(_integer(8, each) for each in value), _ARE_INTS
    return _text(1, name) + content + _integer(20, kind)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value % (1 << 64))


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
