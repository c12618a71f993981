"""SPA-1: a signature space has one encoding; what a space refuses is tested with signatures."""

import numpy as np
import pytest

from fedstyle_secure.encoder.signature_space import SignatureSpace
from fedstyle_secure.errors import InputError

SPACE = SignatureSpace.fit(np.diag([3.0, 2.0, 1.0]), 2)


def test_spa1_a_space_is_read_back_and_nothing_else_is_one():
    data = SPACE.encode()
    np.testing.assert_array_equal(SignatureSpace.decode(data).projection, SPACE.projection)
    assert SignatureSpace.decode(data).encode() == data
    for other in (
        b"",
        data[:-1],
        data + b"\0",
        data.replace(b"projection", b"projectioN"),
        data.replace(b"space-1", b"space-2"),
    ):
        with pytest.raises(InputError, match=r"not a signature space|orthonormal"):
            SignatureSpace.decode(other)
