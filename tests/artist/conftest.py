"""A street with a platform's house on it, and the authority whose certificates are believed there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.artist.street import Authority, Street, open_street


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def street(tmp_path: Path, authority: Authority) -> Iterator[Street]:
    with open_street(tmp_path / "street", authority) as street:
        yield street
