"""A buyer at a platform: the catalogue comes here, checked; a platform that lies is caught, and nothing goes there."""

import json

import numpy as np
import pytest

from fedstyle_secure import canonical
from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.errors import InputError
from fedstyle_secure.runs import visiting
from fedstyle_secure.runs.visiting import Visitor, find_pins, visit
from fedstyle_secure.transparency.checkpoints import Checkpoint
from fedstyle_secure.transparency.tree import ProofError
from fedstyle_secure.transparency.watch import ForkError
from fedstyle_secure.wire.catalogue import Contents, Manifest
from fedstyle_secure.wire.fetching import Fetcher
from fedstyle_secure.wire.pins import PublicPins
from tests.platform.shown import Shown, anybody
from threat_models.town import first_model

SPACE = SignatureSpace(np.eye(4, 3, dtype=np.float32))
NAMES = ("Anna", "Bea", "Cleo")
INDEX = StyleIndex(SPACE, [Signature(name, row) for name, row in zip(NAMES, np.eye(3, dtype=np.float32), strict=True)])
MODEL = first_model().encode()


@pytest.fixture
def shown(tmp_path):
    platform = Shown(tmp_path / "platform")
    platform.publish(MODEL, INDEX)
    yield platform
    platform.database.close()


@pytest.fixture
def asked(monkeypatch):
    """Every path that was asked for."""
    paths = []
    get = Fetcher.get

    def note(self, path):
        paths.append(path)
        return get(self, path)

    monkeypatch.setattr(Fetcher, "get", note)
    return paths


def visitor(tmp_path):
    return visit(str(tmp_path / "pins"), tell=pytest.fail, folder=tmp_path / "seen")


def names(edition):
    return StyleIndex.load(edition / "catalogue").artists


def test_the_catalogue_comes_here_and_the_model_only_once(shown, tmp_path, asked):
    with shown.served(tmp_path / "pins"):
        edition = visitor(tmp_path).fetch_catalogue()
        assert (edition / "model.safetensors").read_bytes() == MODEL
        assert names(edition) == NAMES
        assert np.array_equal(StyleIndex.load(edition / "catalogue").vectors, INDEX.vectors)
        first = len(asked)
        assert visitor(tmp_path).fetch_catalogue() == edition
    model = shown.catalogue.edition().manifest
    assert f"/v1/files/{canonical.decode(Manifest, model).contents.collections[0].model.hex()}" not in asked[first:]
    assert {path.partition("?")[0].rpartition("/")[0] for path in asked} == {"/v1", "/v1/log", "/v1/files"}


def test_vis4_what_was_withdrawn_is_gone_with_the_next_visit(shown, tmp_path):
    with shown.served(tmp_path / "pins"):
        visitor(tmp_path).fetch_catalogue()
        shown.withdraw("Bea")
        assert names(visitor(tmp_path).fetch_catalogue()) == ("Anna", "Cleo")
        for name in ("Anna", "Cleo"):
            shown.withdraw(name)
        with pytest.raises(InputError, match="nobody has a signature"):
            visitor(tmp_path).fetch_catalogue()
    assert not list((tmp_path / "seen").rglob("signatures.safetensors"))


def test_vis3_a_fork_is_refused_and_the_proof_is_kept(shown, tmp_path):
    other = shown.fork(tmp_path / "other")
    one = Shown(tmp_path / "platform")
    one.enter(anybody(1))
    with one.served(tmp_path / "pins"):
        assert names(visitor(tmp_path).fetch_catalogue()) == NAMES
    one.database.close()
    other.enter(anybody(2), anybody(3))
    with other.served() as address:
        pins = find_pins(str(tmp_path / "pins"), tell=pytest.fail)
        deceived = Visitor(pins, Fetcher(address).get, tmp_path / "seen")
        for ask in (deceived.read_log, deceived.fetch_catalogue):
            with pytest.raises(ForkError, match="another history than before") as refused:
                ask()
            assert str(deceived.folder) in str(refused.value)
    other.database.close()
    (kept,) = (deceived.folder / "evidence").iterdir()
    proof = json.loads(kept.read_bytes())
    sizes = [
        Checkpoint.open(proof[name].encode(), origin=proof["log"], key=bytes.fromhex(proof["key"])).size
        for name in ("seen", "shown")
    ]
    assert sizes == [6, 7]


def lying(shown, tmp_path, bend):
    """What a visitor says to a platform whose answers are bent."""
    with shown.served(tmp_path / "pins") as address:
        get = Fetcher(address).get
        pins = find_pins(str(tmp_path / "pins"), tell=pytest.fail)
        return Visitor(pins, lambda path: bend(path, get), tmp_path / "seen").fetch_catalogue()


def showing(shown, collections, files):
    """A platform that signs another catalogue, on the log as it is."""

    def bend(path, get):
        if path != "/v1/catalogue":
            return files.get(bytes.fromhex(path[-64:])) or get(path) if "/files/" in path else get(path)
        checkpoint = canonical.decode(Manifest, get(path)).contents.checkpoint
        contents = Contents(checkpoint=checkpoint, collections=collections)
        return Manifest(contents=contents, signature=shown.signer.sign_catalogue(canonical.encode(contents))).encode()

    return bend


def test_vis2_a_platform_that_hides_or_shows_what_the_log_does_not_say_is_refused(shown, tmp_path):
    before = shown.catalogue.edition()
    collections = canonical.decode(Manifest, before.manifest).contents.collections
    shown.withdraw("Bea")
    with pytest.raises(InputError, match="shows a signature that was withdrawn"):
        lying(shown, tmp_path, showing(shown, collections, before.made))
    with pytest.raises(InputError, match="hides a signature"):
        lying(shown, tmp_path, showing(shown, (), {}))
    assert not list((tmp_path / "seen").rglob("model.safetensors"))


@pytest.mark.parametrize(
    ("route", "old", "new", "error"),
    [
        ("/v1/catalogue", b'"signature":"', b'"signature":"00', InputError),
        ("/v1/log/leaves", b"published", b"withdrawn", ProofError),
        ("/v1/files", b"head", b"hebd", InputError),
    ],
)
def test_vis2_bytes_that_were_altered_are_refused(shown, tmp_path, route, old, new, error):
    def bend(path, get):
        return get(path).replace(old, new, 1) if path.startswith(route) else get(path)

    with pytest.raises(error):
        lying(shown, tmp_path, bend)
    assert not list((tmp_path / "seen").rglob("model.safetensors"))


def test_a_cache_that_was_damaged_is_fetched_anew(shown, tmp_path):
    with shown.served(tmp_path / "pins"):
        here = visitor(tmp_path)
        edition = here.fetch_catalogue()
        (here.folder / "entries").write_bytes(b"damaged\n")
        (edition / "model.safetensors").write_bytes(b"damaged")
        assert (here.fetch_catalogue() / "model.safetensors").read_bytes() == MODEL


def test_an_address_is_pinned_once_and_its_fingerprint_is_told(shown, tmp_path, monkeypatch):
    monkeypatch.setattr(visiting, "platforms_folder", lambda: tmp_path / "seen")
    told = []
    with shown.served(tmp_path / "pins") as address:
        pins = find_pins(address, tell=told.append)
        assert find_pins(f"{address}/", tell=told.append) == pins == PublicPins.read(tmp_path / "pins")
        assert len(told) == 1
        assert pins.fingerprint in told[0]
        assert visit(address, tell=pytest.fail).fetch_catalogue().exists()
    with pytest.raises(InputError, match="cannot be reached"):
        visit(address, tell=pytest.fail).read_log()


@pytest.mark.parametrize(
    "where", ["http://gallery.example", "ftp://127.0.0.1", "https://", "http://127.0.0.1:99999999"]
)
def test_what_is_no_address_is_refused(where, tmp_path):
    with pytest.raises(InputError, match="no address of a platform"):
        find_pins(where, tell=pytest.fail, folder=tmp_path)


def test_what_holds_no_pins_is_named(tmp_path):
    (tmp_path / "note").write_text("{}")
    with pytest.raises(InputError, match="neither"):
        find_pins(str(tmp_path / "note"), tell=pytest.fail)
    with pytest.raises(InputError, match="cannot be read"):
        find_pins(str(tmp_path / "nowhere"), tell=pytest.fail)
