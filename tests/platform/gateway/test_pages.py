"""The buyer's page over a real socket, without a browser: what is served where, and how it may be kept."""

import gzip
import http.client
import json
import re
import socket
from dataclasses import replace
from hashlib import sha256
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest

from fedstyle_secure.encoder.signature_space import SignatureSpace
from fedstyle_secure.encoder.spec import LITE0, LITE0_WEIGHTS
from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.pages.buyer import LOADER, NETWORK, RUNTIME, Exported
from fedstyle_secure.platform.service import opened
from fedstyle_secure.platform.settings import PlatformFolder
from fedstyle_secure.platform.store.artists import ARTISTS
from fedstyle_secure.platform.store.files import keep_file
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.platform.store.signatures import publish_signature
from fedstyle_secure.transparency.leaves import Model
from fedstyle_secure.web.answers import COMPUTES
from fedstyle_secure.wire.catalogue import Listed, Manifest
from tests.platform import house
from tests.platform.street import listening

TRAINING = bytes(32)
EVIL = "</main><script>alert(1)</script>"


def export(folder):
    """Stand-ins for what `fedstyle platform export-web` writes."""
    folder.mkdir()
    (folder / LOADER).write_bytes(b"export {}")
    for name in (RUNTIME, NETWORK):
        (folder / f"{name}.gz").write_bytes(gzip.compress(name.encode(), mtime=0))


@pytest.fixture
def made(shared_town, tmp_path):
    return house.make(tmp_path / "platform", shared_town)


def publish(home, *names):
    rng = np.random.default_rng(0)
    with home.service.database.writing() as connection:
        space = SignatureSpace(np.eye(6, 4, dtype=np.float32)).encode()
        files = [keep_file(connection, content) for content in (b"a model", space)]
        enter(connection, Model(digest=files[0], space=files[1], training=TRAINING))
        for name in names:
            row = {"label": name, "name": name, "folded": name, "terms": b""}
            artist = connection.execute(ARTISTS.insert().values(row).returning(ARTISTS.c.id)).scalar_one()
            vector = rng.normal(size=4)
            vector = (vector / np.linalg.norm(vector)).astype("<f4").tobytes()
            publish_signature(connection, artist, Listed(training=TRAINING, name=name, link=None, vector=vector))


@pytest.mark.parametrize(
    ("encoder", "reason"),
    [
        (f"{LITE0}@{LITE0_WEIGHTS}", "its operator makes one with `fedstyle platform export-web`."),
        ("timm:resnet18@00", "This platform sees with the encoder timm:resnet18, which no page computes."),
    ],
)
def test_a_platform_without_a_page_says_why_and_how_to_search(shared_town, tmp_path, encoder, reason):
    town = SimpleNamespace(
        model=lambda: replace(shared_town.model(), encoder=encoder), public_features=shared_town.public_features
    )
    with house.serving(house.make(tmp_path / "platform", town)) as home:
        answer = home.door.call("GET", "/")
        assert answer.status == 404
        search = f"Search from the command line: fedstyle search --platform {house.SETTINGS.address} PICTURE"
        assert f"{reason} {search}" in unescape(answer.body.decode())
        assert home.door.call("GET", "/offline.js").status == 404


def test_the_page_names_files_that_are_there_and_what_they_hold(made):
    export(made.web)
    with house.serving(made) as home:
        assert b"Nobody has published" in home.door.call("GET", "/").body
        publish(home, "anna", "bea", "cleo", EVIL)
        answer = home.door.call("GET", "/")
        text = answer.body.decode()
        assert answer.headers["Content-Security-Policy"] == COMPUTES
        assert answer.headers["Cache-Control"] == "no-cache"
        assert EVIL not in text
        assert text.count("<script") == 1
        facts = json.loads(unescape(re.search('data-facts="([^"]+)"', text)[1]))
        assert set(facts["files"]) == {"runtime", "network", "model", "space", "signatures"}
        for file in facts["files"].values():
            got = home.door.call("GET", file["path"])
            packed = got.headers["Content-Encoding"] == "gzip"
            content = gzip.decompress(got.body) if packed else got.body
            assert (sha256(content).hexdigest(), len(content)) == (file["sha256"], file["size"])
            assert "immutable" in got.headers["Cache-Control"]
        for path in facts["kept"][1:]:
            assert home.door.call("GET", path).headers["Content-Type"].startswith(("text/javascript", "text/css")), path
        offline = home.door.call("GET", "/offline.js")
        assert (offline.status, offline.headers["Cache-Control"]) == (200, "no-cache")
        named = Manifest.open(home.door.call("GET", "/v1/catalogue").body, platform_key=home.key).contents.page
        assert {each.name: each.sha256 for each in named} == dict(Exported.read(made.web).digests)


def test_a_page_is_made_anew_when_the_catalogue_changes_and_only_then(made):
    export(made.web)
    with house.serving(made) as home:
        publish(home, "anna", "bea")
        first, second = (home.door.call("GET", "/").body for _ in range(2))
        assert first == second
        assert b"A map to wander in" not in first, "two signatures span no plane"
        publish(home, "cleo")
        third = home.door.call("GET", "/").body
        assert b"cleo" in third
        assert b"A map to wander in" in third


@pytest.mark.parametrize("path", ["/assets/", "/assets/x/theme.css", "/assets/..%2f..%2fplatform.toml", "/index.html"])
def test_what_is_no_file_of_a_page_is_missing(made, path):
    export(made.web)
    with house.serving(made) as home:
        assert home.door.call("GET", path).status == 404


def test_half_an_export_is_told(made):
    export(made.web)
    (made.web / f"{NETWORK}.gz").unlink()
    with pytest.raises(InputError, match="export-web"):
        Exported.read(PlatformFolder(made.path).web)


def test_lst2_a_browser_of_this_machine_may_come_without_tls_and_no_other(made):
    export(made.web)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = replace(made.settings(), local=f"127.0.0.1:{port}")
    with opened(made) as service, listening(service.app, made, settings):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        assert b"Nobody has published" in connection.getresponse().read()
        connection.close()
    for address in ("0.0.0.0:80", "192.0.2.1:80", "nowhere"):
        with pytest.raises(InputError, match="local is"):
            replace(settings, local=address)
