"""A tiny atelier, painted once, and the stand-ins installed."""

from pathlib import Path

import pytest

from tests.experiments import stand_ins


@pytest.fixture(scope="session")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_ins.paint(tmp_path_factory.mktemp("painted") / "atelier")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.install(monkeypatch)
