"""Public routes over a real socket: the log, the catalogue, files, and what caches are told."""

import http.client
from hashlib import sha256
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.gateway.catalogue import Catalogue, catalogue_routes
from fedstyle_secure.platform.gateway.log import log_routes
from fedstyle_secure.platform.logbook import Logbook
from fedstyle_secure.platform.signer import Signer
from fedstyle_secure.platform.store.artists import ARTISTS
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.files import keep_file
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.platform.store.signatures import publish_signature, withdraw_signature
from fedstyle_secure.transparency.leaves import Model
from fedstyle_secure.wire.catalogue import Listed, Manifest, check
from fedstyle_secure.wire.fetching import Fetcher, MissingError
from fedstyle_secure.wire.log import LogReader
from fedstyle_secure.wire.pins import PublicPins
from tests.platform.gateway.served import serving

TRAINING = b"t" * 32


def listed(name, number=1):
    return Listed(training=TRAINING, name=name, link=None, vector=bytes([number] * 8))


@pytest.fixture
def platform(new_url, tmp_path):
    """One with a model, two artists, and its public routes served."""
    signer = Signer.create(tmp_path / "platform", log_name="gallery.example/log")
    database = Database.open(new_url())
    logbook = Logbook(database, signer)
    with database.writing() as connection:
        model, space = (keep_file(connection, content) for content in (b"a model", b"a space"))
        enter(connection, Model(digest=model, space=space, training=TRAINING))
        artists = [
            connection.execute(
                ARTISTS.insert().values(label=name, name=name, folded=name, terms=b"").returning(ARTISTS.c.id)
            ).scalar_one()
            for name in ("anna", "bea")
        ]
    pins = PublicPins(
        address="https://gallery.example",
        certificates="",
        platform_key=signer.platform_key,
        log_key=signer.log_key,
        log_origin=signer.said.origin,
    )
    catalogue = Catalogue(database, logbook, signer)
    with serving(lambda _address: [log_routes(logbook), catalogue_routes(catalogue, pins)]) as address:
        yield SimpleNamespace(
            address=address, pins=pins, database=database, artists=artists, model=model, fetch=Fetcher(address).get
        )
    database.close()


def ask(platform, path, **headers):
    """Status, headers and body of one request."""
    connection = http.client.HTTPConnection(urlsplit(platform.address).netloc, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def published(platform):
    """The catalogue as a buyer finds it, checked against the log."""
    contents = Manifest.open(platform.fetch("/v1/catalogue"), platform_key=platform.pins.platform_key).contents
    reader = LogReader(platform.fetch)
    watch = platform.pins.watch().take(contents.checkpoint, ())
    listings = {each.signatures: platform.fetch(f"/v1/files/{each.signatures.hex()}") for each in contents.collections}
    return check(contents, listings, watch, watch.read(reader.entries(0, watch.size)))


def test_ctg1_the_catalogue_is_what_was_published_on_the_newest_checkpoint(platform):
    assert published(platform) == {}
    anna, bea = platform.artists
    with platform.database.writing() as connection:
        publish_signature(connection, anna, listed("Anna"))
        publish_signature(connection, bea, listed("Bea"))
    assert published(platform) == {TRAINING: (listed("Anna"), listed("Bea"))}
    with platform.database.writing() as connection:
        publish_signature(connection, anna, listed("Anna", 2))
    assert published(platform) == {TRAINING: (listed("Bea"), listed("Anna", 2))}


def test_ctg2_what_was_withdrawn_is_in_no_manifest_and_no_file_from_then_on(platform):
    anna, bea = platform.artists
    with platform.database.writing() as connection:
        publish_signature(connection, anna, listed("Anna"))
        publish_signature(connection, bea, listed("Bea"))
    contents = Manifest.open(platform.fetch("/v1/catalogue"), platform_key=platform.pins.platform_key).contents
    name = contents.collections[0].signatures.hex()
    assert b"Anna" in platform.fetch(f"/v1/files/{name}")
    with platform.database.writing() as connection:
        withdraw_signature(connection, anna)
    assert published(platform) == {TRAINING: (listed("Bea"),)}
    with pytest.raises(MissingError):
        platform.fetch(f"/v1/files/{name}")


def test_a_manifest_is_asked_for_again_and_a_file_is_kept_for_ever(platform):
    status, headers, body = ask(platform, "/v1/catalogue")
    assert (status, headers["Cache-Control"]) == (200, "no-cache")
    assert headers["ETag"] == f'"{sha256(body).hexdigest()}"'
    for known in (headers["ETag"], f"W/{headers['ETag']}", f'"other", {headers["ETag"]}'):
        assert ask(platform, "/v1/catalogue", **{"If-None-Match": known})[::2] == (304, b"")
    assert ask(platform, "/v1/catalogue", **{"If-None-Match": '"other"'})[2] == body
    with platform.database.writing() as connection:
        publish_signature(connection, platform.artists[0], listed("Anna"))
    assert ask(platform, "/v1/catalogue", **{"If-None-Match": headers["ETag"]})[0] == 200
    status, headers, body = ask(platform, f"/v1/files/{platform.model.hex()}")
    assert (status, body, headers["ETag"]) == (200, b"a model", f'"{platform.model.hex()}"')
    assert "immutable" in headers["Cache-Control"]
    assert ask(platform, f"/v1/files/{platform.model.hex()}", **{"If-None-Match": headers["ETag"]})[0] == 304


def test_what_is_no_public_file_is_missing(platform):
    for name in ("0" * 64, "A" * 64, "zz", "..%2f..%2fplatform.sqlite", "%00"):
        assert ask(platform, f"/v1/files/{name}")[0] == 404, name


def test_what_the_log_does_not_have_is_refused_in_a_sentence(platform):
    for query in (
        "leaves",
        "leaves?start=0",
        "leaves?start=0&end=x",
        "leaves?start=-1&end=1",
        "leaves?start=0&end=99999999999999999999999",
        "leaves?start=1&end=1",
        "inclusion?leaf=5&size=2",
        "inclusion?leaf=0&size=0",
        "consistency?old=2&new=1",
        "consistency?old=0&new=77",
    ):
        with pytest.raises(InputError, match="refused"):
            platform.fetch(f"/v1/log/{query}")
        assert ask(platform, f"/v1/log/{query}")[0] == 400, query


def test_pins_are_shown_as_they_are(platform):
    assert b"gallery.example" in platform.fetch("/v1/pins")
    assert len(platform.pins.fingerprint) == 39
