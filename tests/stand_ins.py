"""A tiny atelier, and a quick eye in place of a neural network, for tests that are not about pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fedstyle_secure.artworks.artwork import Artwork
from fedstyle_secure.artworks.atelier import write_atelier
from fedstyle_secure.artworks.seeding import named_rng
from fedstyle_secure.config import Settings
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.experiments import bench, feature_cache
from fedstyle_secure.runs import search as seek
from fedstyle_secure.runs import train as run

ARTISTS, ARTWORKS = 12, 6
EYE = SimpleNamespace(pooled_size=12, digest=lambda: "0")


def paint(folder: Path, *, artists: int = ARTISTS, artworks: int = ARTWORKS) -> Path:
    write_atelier(folder, artists=artists, artworks=artworks, seed=0, size=32)
    return folder


def look(
    artworks: Sequence[Artwork],
    _backbone: object,
    *,
    views: int,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> StyleFeatures:
    """Colors, contrasts and a coarse thumbnail; views differ a little."""
    rows = []
    for artwork in artworks:
        pixels = artwork.pixels.astype(np.float32) / 255
        strokes = [np.abs(np.diff(pixels, axis=axis)).mean((0, 1)) for axis in (0, 1)]
        thumbnail = pixels.reshape(4, 8, 4, 8, 3).mean((1, 3)).ravel()[:12]
        row = np.concatenate([pixels.mean((0, 1)), pixels.std((0, 1)), *strokes, thumbnail])
        rng = named_rng(0, artwork.digest.hex())
        rows.append(row + np.vstack([np.zeros(len(row)), 0.01 * rng.normal(size=(views, len(row)))]))
    on_progress(len(artworks))
    return StyleFeatures(np.stack(rows).astype(np.float32))


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs and searches look with `look`, and leave out the report, which has its own tests."""
    monkeypatch.setattr(run, "extract", look)
    monkeypatch.setattr(feature_cache, "extract", look)
    for module in (run, bench):
        monkeypatch.setattr(module, "choose_backbone", lambda settings, *_: (EYE, f"{settings.encoder}@0"))
    monkeypatch.setattr(run, "write_report", lambda folder: (folder / "report.html").write_text("<html></html>"))
    monkeypatch.setattr(seek, "extract", look)
    monkeypatch.setattr(seek, "_load", lambda *_: EYE)


def forbid_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tripwire: whatever must be refused before the long work begins does not reach this."""

    def trip(*_arguments: object, **_options: object) -> None:
        raise AssertionError("features were extracted")

    monkeypatch.setattr(run, "extract", trip)


def listing(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder, hidden files and contents included."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def settings(artworks: Path, out: Path, **changes: object) -> Settings:
    """A run of eight artists that takes a second or two."""
    quick = {"all_agreed": True, "artworks": artworks, "out": out, "iterations": 2, "views": 1, "max_artworks": 20}
    return Settings(**(quick | changes))
