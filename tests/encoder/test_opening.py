"""Encoders by their names: known graphs without torch, cached ones by their digest (NET-3), devices that are there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fedstyle_secure.encoder import backbones, opening
from fedstyle_secure.encoder.backbones import Backbone
from fedstyle_secure.encoder.device import TOLERANCE, Device
from fedstyle_secure.encoder.encoder import Encoder, GraphEncoder
from fedstyle_secure.encoder.folders import user_cache
from fedstyle_secure.encoder.network import NetworkEncoder
from fedstyle_secure.encoder.opening import LITE0_GRAPH, open_encoder, open_weights
from fedstyle_secure.encoder.spec import IMAGE_SIZE, LITE0_WEIGHTS, BackboneSpec
from fedstyle_secure.errors import InputError

LITE0 = BackboneSpec(name="lite0")
IMAGE = np.random.default_rng(0).random((3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
WITHOUT_TORCH = """
import sys
from fedstyle_secure.encoder.opening import open_encoder
from fedstyle_secure.encoder.spec import BackboneSpec
print(open_encoder(BackboneSpec(name="lite0")).name)
print(sorted({"torch", "timm", "torchvision"} & sys.modules.keys()))
"""


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lite0: Encoder) -> Path:
    """Where the graph is cached; the cache is empty."""
    assert lite0.workers >= 1
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "fedstyle-secure" / "encoders" / f"{LITE0_GRAPH}.onnx"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, lite0_backbone: Backbone) -> list[int]:
    """How often the packaged weights were read."""
    times: list[int] = []

    def load() -> Backbone:
        times.append(1)
        return lite0_backbone

    monkeypatch.setattr(backbones, "load_lite0", load)
    return times


def test_a_graph_is_drawn_once_and_found_ever_after(cached: Path, drawn: list[int], lite0: Encoder) -> None:
    first, again = open_encoder(LITE0), open_encoder(LITE0, Device.CPU)
    assert len(drawn) == 1
    assert cached.stat().st_size > 10**7
    assert [path.name for path in cached.parent.iterdir()] == [cached.name]
    for encoder in (first, again):
        assert isinstance(encoder, GraphEncoder)
        assert encoder.name == f"lite0@{LITE0_WEIGHTS}"
        np.testing.assert_array_equal(encoder.encode(IMAGE), lite0.encode(IMAGE))


@pytest.mark.parametrize("content", [b"", b"not a graph", "another network", "one bit"])
def test_a_cached_graph_is_the_known_one_or_is_drawn_again(
    content: bytes | str, cached: Path, drawn: list[int], lite0: Encoder, small_backbone: Backbone
) -> None:
    """NET-3."""
    open_encoder(LITE0)
    good = cached.read_bytes()
    if content == "another network":
        content = opening.draw_graph("small", small_backbone.weights())
    elif content == "one bit":
        content = good[:5000] + bytes([good[5000] ^ 1]) + good[5001:]
    cached.write_bytes(content)
    np.testing.assert_array_equal(open_encoder(LITE0).encode(IMAGE), lite0.encode(IMAGE))
    assert len(drawn) == 2
    assert cached.read_bytes() == good


def test_other_packaged_weights_are_refused(
    cached: Path, monkeypatch: pytest.MonkeyPatch, lite0_backbone: Backbone
) -> None:
    weights = lite0_backbone.weights()
    weights["conv_head.weight"] = weights["conv_head.weight"] * np.float32(1.0001)
    changed = type("Changed", (), {"weights": lambda: weights})
    monkeypatch.setattr(backbones, "load_lite0", lambda: changed)
    with pytest.raises(InputError, match=r"holds other weights than the known ones: install version 0\.1\.0"):
        open_encoder(LITE0)
    assert not cached.exists()


def test_a_cache_that_cannot_be_written_costs_time_only(cached: Path, drawn: list[int]) -> None:
    cached.parents[2].write_text("in the way")
    assert open_encoder(LITE0).name == open_encoder(LITE0).name
    assert len(drawn) == 2


def test_a_known_graph_waits_for_no_torch(lite0: Encoder) -> None:
    code = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True)
    assert code.stdout.split("\n")[:2] == [lite0.name, "[]"]


def test_weights_of_its_own_make_another_encoder(lite0_backbone: Backbone, lite0: Encoder) -> None:
    """As tuning does, on torch and as a graph."""
    weights = lite0_backbone.weights()
    weights["blocks.1.0.bn1.weight"] = weights["blocks.1.0.bn1.weight"] + np.float32(0.1)
    tuned = open_weights("lite0", weights)
    network = NetworkEncoder(backbones.fill_backbone("lite0", weights), "lite0")
    assert tuned.name == network.name != lite0.name
    assert np.abs(tuned.encode(IMAGE) - lite0.encode(IMAGE)).max() > 0.01
    assert (np.abs(tuned.encode(IMAGE) - network.encode(IMAGE)) / (1 + np.abs(network.encode(IMAGE)))).max() < 1e-5


def test_users_have_their_caches_where_their_system_puts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ann"))
    places = {
        "linux": "/home/ann/.cache/fedstyle-secure",
        "darwin": "/home/ann/Library/Caches/fedstyle-secure",
        "win32": "/home/ann/AppData/Local/fedstyle-secure",
    }
    for platform, place in places.items():
        monkeypatch.setattr(sys, "platform", platform)
        assert user_cache().as_posix() == place
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(os.environ, "XDG_CACHE_HOME", "/elsewhere")
    assert user_cache() == Path("/elsewhere/fedstyle-secure")


@pytest.mark.parametrize("device", [Device.CUDA, Device.MPS])
def test_a_device_that_is_not_there_is_refused(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"--device {device} is not there: torch finds cpu here"):
        open_encoder(LITE0, device)


def test_another_network_computes_on_the_accelerator_that_is_there(
    monkeypatch: pytest.MonkeyPatch, small_backbone: Backbone
) -> None:
    """What ``auto`` is: with a known graph the processor, else what torch finds."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "is_available", lambda: False)
    moved: list[str] = []
    monkeypatch.setattr(Backbone, "to", lambda self, device: moved.append(device) or self)
    assert NetworkEncoder(small_backbone, "small", Device.AUTO).runtime.endswith("on CUDA")
    assert moved == ["cuda"]
    assert isinstance(open_weights("small", small_backbone.weights()), GraphEncoder)


@pytest.mark.parametrize("device", [Device.CUDA, Device.MPS])
@pytest.mark.parametrize("name", ["lite0", "small"])
def test_an_accelerator_computes_what_the_processor_does(
    name: str, device: Device, request: pytest.FixtureRequest
) -> None:
    if not getattr(torch, device).is_available():
        pytest.skip(f"torch finds no {device} on this machine")
    weights = request.getfixturevalue(f"{name}_backbone").weights()
    there, here = open_weights(name, weights, device), open_weights(name, weights)
    assert there.runtime != here.runtime
    assert there.name == here.name
    expected = here.encode(IMAGE)
    assert (np.abs(there.encode(IMAGE) - expected) / (1 + np.abs(expected))).max() < TOLERANCE
    np.testing.assert_array_equal(there.encode(IMAGE), there.encode(IMAGE))
