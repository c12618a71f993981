"""A hub that is not there: one sentence within seconds, with and without an answer from the network."""

import logging
import time
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from huggingface_hub import constants

from fedstyle_secure.encoder import hub
from fedstyle_secure.encoder.backbones import load_backbone
from fedstyle_secure.encoder.spec import BackboneSpec
from fedstyle_secure.errors import InputError


def absent(*_arguments: object, **_options: object) -> None:
    raise URLError("Name or service not known")


@pytest.mark.parametrize("name", ["timm:resnet10t", "torchvision:resnet18"])
def test_a_hub_that_is_not_there_is_told_within_seconds(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub.socket, "create_connection", absent)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", absent)
    before = time.monotonic()
    with pytest.raises(InputError, match=rf"the weights of encoder {name} cannot be fetched \(.+\): check the network"):
        load_backbone(BackboneSpec(name=name, download=True))
    assert time.monotonic() - before < 20
    assert [record for record in caplog.records if record.name.startswith("huggingface_hub")] == []
    assert (constants.HF_HUB_OFFLINE, logging.getLogger("huggingface_hub").level) == (False, logging.WARNING)


def test_what_needs_no_hub_asks_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.socket, "create_connection", lambda *_, **__: pytest.fail("a hub was asked"))
    with pytest.raises(InputError, match="needs pretrained weights"):
        load_backbone(BackboneSpec(name="timm:resnet10t"))


def test_behind_a_proxy_the_library_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.socket, "create_connection", absent)
    monkeypatch.setattr(hub, "getproxies", lambda: {"https": "http://proxy"})
    with hub.from_hub(BackboneSpec(name="timm:resnet10t", download=True)):
        assert not constants.HF_HUB_OFFLINE
    monkeypatch.setattr(hub, "getproxies", dict)
    with hub.from_hub(BackboneSpec(name="timm:resnet10t", download=True)):
        assert constants.HF_HUB_OFFLINE
