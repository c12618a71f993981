"""OPE-1: the same run through each engine: the same integers, the same model, byte for byte.

Engines whose libraries are not installed are skipped; `make test-engines` has them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fedstyle_secure.config import Protocol
from fedstyle_secure.engines.opening import EngineName
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs import train as run
from tests import stand_ins
from tests.engines.doors import need

pytestmark = pytest.mark.usefixtures("quick")

ENGINES = (EngineName.HTTP, EngineName.FLOWER, pytest.param(EngineName.SYFT, marks=pytest.mark.slow))
PROTOCOLS = (Protocol.SECAGG, pytest.param(Protocol.SPEAKONCE, marks=pytest.mark.slow))


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What each iteration of all runs came to."""
    found, loop = [], run.run

    def noted(**arguments: Any) -> Iterator[Any]:
        for outcome in loop(**arguments):
            found.append((outcome.aggregate.digest, outcome.aggregate.survivors, outcome.problem))
            yield outcome

    monkeypatch.setattr(run, "run", noted)
    return found


def train(art: Path, out: Path, sums: list[Any], **changes: object) -> tuple[list[Any], bytes]:
    """What a run without noise comes to, which follows its seed alone (RUN-2)."""
    sums.clear()
    run.train(stand_ins.settings(art, out, privacy=Mode.NONE, drop_rate=0.15, **changes))
    return list(sums), (out / "model.safetensors").read_bytes()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("engine", ENGINES)
def test_ope1_the_same_integers_and_the_same_model(
    engine: EngineName, protocol: Protocol, art: Path, tmp_path: Path, sums: list[Any]
) -> None:
    """One artist of eight vanishes in each iteration, in the middle of its session."""
    need(engine)
    expected = train(art, tmp_path / "memory", sums, protocol=protocol)
    assert [survivors for _, survivors, _ in expected[0]] != [8, 8]
    assert train(art, tmp_path / engine, sums, protocol=protocol, engine=engine) == expected
