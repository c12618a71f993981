"""``fedstyle log verify`` and ``fedstyle search --platform``, against a platform on loopback."""

import json
import shutil
from pathlib import Path

import pytest

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.platform.settings import Settings
from fedstyle_secure.runs import signing, visiting
from fedstyle_secure.runs import train as run_module
from fedstyle_secure.wire.pins import PublicPins
from tests import stand_ins
from tests.command_line import Call
from tests.platform.shown import Shown, anybody


@pytest.fixture(scope="module")
def trained(art: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli_log")
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_ins.install(monkeypatch)
        # A platform publishes no public works, and so holds no strangers against a signature.
        monkeypatch.setattr(signing, "choose_strangers", lambda works: works[:0])
        run_module.train(stand_ins.settings(art, folder / "run", iterations=1, public=3))
    return folder / "run"


@pytest.fixture
def shown(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A platform whose catalogue is that of the run."""
    monkeypatch.setattr(visiting, "platforms_folder", lambda: tmp_path / "seen")
    stand_ins.install(monkeypatch)
    platform = Shown(tmp_path / "platform")
    platform.publish((trained / "model.safetensors").read_bytes(), StyleIndex.load(trained / "catalogue"))
    yield platform
    platform.database.close()


def test_a_search_at_a_platform_finds_what_a_search_in_the_run_does(
    shown: Shown, trained: Path, art: Path, call: Call, tmp_path: Path
) -> None:
    picture = next(art.rglob("*.png"))
    with shown.served(tmp_path / "pins"):
        code, out, err = call("search", "--platform", "pins", picture, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)["results"]
    assert found == json.loads(call("search", trained, picture, "--json").out)["results"]
    assert len(found) == 5


def test_a_search_takes_a_run_or_a_platform(call: Call, tmp_path: Path) -> None:
    ended = call("search", "picture")
    assert ended.code == 2
    assert "a run and a picture, or a picture and --platform" in ended.sentence()
    assert not list(tmp_path.iterdir())


def test_a_log_is_verified_and_told(shown: Shown, call: Call, tmp_path: Path) -> None:
    with shown.served(tmp_path / "pins") as address:
        code, out, err = call("log", "verify", address, "--json")
        assert code == 0
        assert err.startswith("note: ")
        facts = json.loads(out)
        assert facts["size"] == sum(facts["entries"].values()) == 2 + len(shown.artists)
        assert facts["published"] == len(shown.artists)
        assert facts["fingerprint"] in err
        shown.enter(anybody(1))
        code, out, err = call("log", "verify", "pins")
    assert (code, err) == (0, "")
    assert "gallery.example/log/1 is whole, " in out
    assert facts["fingerprint"] in out


def test_a_forked_log_ends_in_a_sentence_that_names_the_proof(shown: Shown, call: Call, tmp_path: Path) -> None:
    other = shown.fork(tmp_path / "other")
    one = Shown(tmp_path / "platform")
    one.enter(anybody(1))
    with one.served(tmp_path / "pins"):
        assert call("log", "verify", "pins").code == 0
    one.database.close()
    other.enter(anybody(2), anybody(3))
    with other.served(tmp_path / "pins"):
        for command in (("log", "verify", "pins"), ("search", "--platform", "pins", "picture.png")):
            ended = call(*command)
            assert ended.code == 1
            assert "another history than before" in ended.sentence()
    other.database.close()
    (proof,) = (tmp_path / "seen").rglob("evidence/*.json")
    assert proof.name in ended.err
    shutil.rmtree(tmp_path / "seen")


def test_an_operator_brings_a_log_back_or_begins_it_anew(shown: Shown, call: Call, tmp_path: Path) -> None:
    platform = tmp_path / "platform"
    settings = Settings(address="https://127.0.0.1:8443", hosts=("127.0.0.1",), listen="127.0.0.1:1", has_tls=False)
    (platform / "platform.toml").write_text(settings.encode())
    told = call("log", "pins", platform, tmp_path / "pins").out
    assert PublicPins.read(tmp_path / "pins").fingerprint in told
    shown.logbook.checkpoint()
    (tmp_path / "entries").write_bytes(b"".join(entry + b"\n" for entry in shown.logbook.snapshot()[1]))
    assert call("log", "restore", platform, tmp_path / "entries").out.startswith("0 entries are back")
    assert "cannot be read" in call("log", "restore", platform, tmp_path / "nowhere").sentence()
    (tmp_path / "entries").write_bytes(b"others\n")
    assert "that were signed last" in call("log", "restore", platform, tmp_path / "entries").sentence()
    assert "tell them" in call("log", "begin", platform).sentence()
    assert shown.signer.said.epoch == 1
    assert "gallery.example/log/2 from now on" in call("log", "begin", platform, "--everybody-was-told").out
    assert shown.signer.said.epoch == 2
