import numpy as np
import pytest

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace

E, D = 24, 8


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def space(rng):
    return SignatureSpace(np.linalg.qr(rng.normal(size=(E, D)))[0].astype(np.float32))


@pytest.fixture
def signatures(rng):
    rows = rng.normal(size=(12, D))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return [Signature(f"artist-{number:02d}", row) for number, row in enumerate(rows)]


@pytest.fixture
def index(space, signatures):
    return StyleIndex(space, signatures)
