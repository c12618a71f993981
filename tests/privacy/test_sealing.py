"""SEA-1: each type on the way out is made in one place, and cannot be made, copied or altered elsewhere."""

import ast
import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fedstyle_secure
from fedstyle_secure.errors import PrivacyError
from fedstyle_secure.privacy.clipping import ClippedUpdate, Unit, clip
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.noise import NoisyUpdate, add_noise_share
from fedstyle_secure.privacy.quantization import QuantizedUpdate, quantize
from fedstyle_secure.training.updates import Contributions

MAKERS = {
    "ClippedUpdate": {"clipping.py"},
    "QuantizedUpdate": {"quantization.py"},
    "NoisyUpdate": {"noise.py"},
}


def test_only_the_room_that_does_the_work_makes_its_type() -> None:
    found: dict[str, set[str]] = {name: set() for name in MAKERS}
    for file in Path(fedstyle_secure.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if name in found:
                    found[name].add(file.name)
    assert found == MAKERS


def test_nothing_is_made_without_the_seal(make_mechanism: Callable[..., Mechanism]) -> None:
    mechanism, values = make_mechanism(), np.zeros(128, dtype=np.int64)
    for kind in (QuantizedUpdate, NoisyUpdate):
        with pytest.raises(PrivacyError, match="its guarantee is void"):
            kind(values=values, mechanism=mechanism, seal=object())
        with pytest.raises(TypeError, match="seal"):
            kind(values=values, mechanism=mechanism)  # type: ignore[call-arg]
    with pytest.raises(PrivacyError, match=r"only privacy\.clipping\.clip"):
        ClippedUpdate(
            values=np.zeros(100), layout=mechanism.layout, unit=Unit.ARTIST, max_artworks=1, dropped_rows=0, seal=None
        )


def test_a_made_update_cannot_be_altered(
    make_mechanism: Callable[..., Mechanism],
    make_contributions: Callable[..., Contributions],
    random: Callable[[int], bytes],
) -> None:
    clipped = clip(make_contributions(), Unit.ARTWORK, max_artworks=50)
    quantized = quantize(clipped, make_mechanism(), random)
    for update in (clipped, quantized, add_noise_share(quantized, random)):
        with pytest.raises(ValueError, match="read-only"):
            update.values += 1  # type: ignore[misc]
        with pytest.raises(dataclasses.FrozenInstanceError):
            update.values = update.values * 2  # type: ignore[misc]
        with pytest.raises(ValueError, match="seal"):
            dataclasses.replace(update, values=update.values * 2)
        assert copy.copy(update).values is update.values


def test_an_update_never_prints_its_values(
    make_mechanism: Callable[..., Mechanism],
    make_contributions: Callable[..., Contributions],
    random: Callable[[int], bytes],
) -> None:
    clipped = clip(make_contributions(), Unit.ARTWORK, max_artworks=50)
    for update in (clipped, quantize(clipped, make_mechanism(), random)):
        assert "values" not in repr(update)
        assert "dropped_rows" not in repr(update)
