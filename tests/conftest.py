"""Hypothesis' profile, a tiny atelier and a town as fixtures, whose imports wait until a test asks for one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Call
    from threat_models.town import Town

# A busy machine is slow, not wrong: time never decides a property test.
settings.register_profile("fedstyle", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fedstyle")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder that all processes of the tests share, and the user's own is left alone."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test touches the ledgers of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def town(tmp_path: Path) -> Town:
    from threat_models.town import Town

    return Town(tmp_path)


@pytest.fixture(scope="session")
def shared_town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town that Hypothesis may use for all its examples; keep no ledgers in it."""
    from threat_models.town import Town

    return Town(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="session")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny atelier, painted once."""
    from tests import stand_ins

    return stand_ins.paint(tmp_path_factory.mktemp("painted") / "atelier")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quick eye in place of a neural network."""
    from tests import stand_ins

    stand_ins.install(monkeypatch)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Runs the command line in an empty folder, its tables 200 columns wide."""
    from rich.console import Console

    from fedstyle_secure.cli.screen import screen
    from tests.command_line import make_call

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(screen, "out", Console(width=200))
    return make_call(monkeypatch, capsys)
