"""A smaller atelier for fast tests."""

import pytest

from threat_models import reconstruction


@pytest.fixture
def atelier_is_small(monkeypatch):
    monkeypatch.setattr(reconstruction, "PUBLIC_ARTISTS", 12)
    monkeypatch.setattr(reconstruction, "PUBLIC_ARTWORKS", 4)
