"""The picture for people: small, and made by the attacks."""

from pathlib import Path

import numpy as np
import pytest

from threat_models import pictures
from threat_models.pictures import ROWS, Column, draw, main

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "images" / "reconstructions.png"
LIMIT = 300_000
PNG = b"\x89PNG"


def test_the_committed_picture_is_small():
    assert COMMITTED.read_bytes()[:4] == PNG
    assert COMMITTED.stat().st_size < LIMIT


def test_it_is_drawn_of_columns(tmp_path):
    rng = np.random.default_rng(0)
    columns = [Column(images=rng.uniform(size=(len(ROWS), 4 * 4 * 3))) for _ in range(2)]
    draw([("one", columns[:1]), ("two", columns)], tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes()[:4] == PNG


@pytest.mark.slow
def test_the_command_attacks_and_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_INVERTED", 1)
    main(["--out", str(tmp_path / "new" / "picture.png")])
    assert 10_000 < (tmp_path / "new" / "picture.png").stat().st_size < LIMIT
