"""Hypothesis' profile, and the town of `threat_models.town` as fixtures; its imports wait until a test asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pathlib import Path

    from threat_models.town import Town

# A busy machine is slow, not wrong: time never decides a property test.
settings.register_profile("fedstyle", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fedstyle")


@pytest.fixture
def town(tmp_path: Path) -> Town:
    from threat_models.town import Town

    return Town(tmp_path)


@pytest.fixture(scope="session")
def shared_town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town that Hypothesis may use for all its examples; keep no ledgers in it."""
    from threat_models.town import Town

    return Town(tmp_path_factory.mktemp("town"))
