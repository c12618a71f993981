"""A smaller atelier for fast tests."""

import pytest

from fedstyle_secure.encoder.spec import SMALL
from threat_models import reconstruction
from threat_models.decoder import open_studio


def shrink(patch):
    patch.setattr(reconstruction, "PUBLIC_ARTISTS", 12)
    patch.setattr(reconstruction, "PUBLIC_ARTWORKS", 4)


@pytest.fixture
def atelier_is_small(monkeypatch):
    shrink(monkeypatch)


@pytest.fixture(scope="session")
def small_studio():
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        return open_studio(SMALL, 32)
