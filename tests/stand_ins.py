"""A tiny atelier, and a quick eye in place of a neural network, for tests that are not about pictures."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fedstyle_secure.artworks.atelier import write_atelier
from fedstyle_secure.config import Settings
from fedstyle_secure.encoder.spec import BackboneSpec
from fedstyle_secure.experiments import bench
from fedstyle_secure.runs import choosing
from fedstyle_secure.runs import search as seek
from fedstyle_secure.runs import train as run

ARTISTS, ARTWORKS = 12, 6


def paint(folder: Path, *, artists: int = ARTISTS, artworks: int = ARTWORKS) -> Path:
    write_atelier(folder, artists=artists, artworks=artworks, seed=0, size=32)
    return folder


class Eye:
    """Colors, contrasts and a coarse thumbnail."""

    image_size, pooled_size, runtime, workers = 32, 12, "a stand-in", 1

    def __init__(self, spec: BackboneSpec = BackboneSpec(), *_: object) -> None:  # noqa: B008 - frozen
        self.name = f"{spec.name}@0"

    def encode(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        strokes = [np.abs(np.diff(image, axis=axis)).mean((1, 2)) for axis in (1, 2)]
        thumbnail = image.reshape(3, 4, 8, 4, 8).mean((2, 4)).transpose(1, 2, 0).ravel()[:12]
        return np.concatenate([image.mean((1, 2)), image.std((1, 2)), *strokes, thumbnail])


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs and searches look with an `Eye`, and leave out the report, which has its own tests."""
    for module in (run, choosing, bench, seek):
        monkeypatch.setattr(module, "open_encoder", Eye)
    monkeypatch.setattr(run, "make_page", lambda *_, **__: "<html></html>")


def forbid_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tripwire: whatever must be refused before the long work begins does not reach this."""

    def trip(*_arguments: object, **_options: object) -> None:
        raise AssertionError("features were extracted")

    monkeypatch.setattr(choosing, "extract", trip)


def listing(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder, hidden files and contents included."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def settings(artworks: Path, out: Path, **changes: object) -> Settings:
    """A run of eight artists that takes a second or two."""
    quick = {"all_agreed": True, "fresh_ledgers": "ledgers" not in changes}
    quick |= {"artworks": artworks, "out": out, "iterations": 2, "views": 1, "max_artworks": 20}
    return Settings(**(quick | changes))
