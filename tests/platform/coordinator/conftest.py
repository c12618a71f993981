"""A platform without its doors, and its artists."""

from collections.abc import Iterator

import pytest

from threat_models.gallery import ARTISTS, Gallery


@pytest.fixture
def gallery_url(request, tmp_path) -> str:
    """SQLite, unless a test asks for the other kind too."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return request.getfixturevalue("shared_cluster").new_database()
    return f"sqlite:///{tmp_path}/platform.sqlite"


@pytest.fixture
def gallery(town, gallery_url, tmp_path) -> Iterator[Gallery]:
    gallery = Gallery(town, gallery_url, tmp_path / "platform")
    gallery.join(*range(ARTISTS))
    yield gallery
    gallery.database.close()
