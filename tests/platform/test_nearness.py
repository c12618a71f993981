"""NER-1 on a platform: what is near is learned on public artists, signed with the catalogue, and changes with it."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from fedstyle_secure import canonical
from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.learning import learn_nearness
from fedstyle_secure.catalogue.nearness import NEARNESS_FILE, Nearness
from fedstyle_secure.catalogue.signature import Signature
from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.store.trainings import keep_foundation
from fedstyle_secure.runs.visiting import Visitor, find_pins
from fedstyle_secure.server.foundation import Foundation
from fedstyle_secure.wire.catalogue import Contents, Manifest
from fedstyle_secure.wire.fetching import Fetcher
from tests.platform.shown import TRAINING, Shown, add_training

ARTISTS = 8


@pytest.fixture
def house(town, tmp_path):
    """A platform with a foundation, after a training, whose artists have published."""
    shown = Shown(tmp_path / "platform")
    shown.foundation = Foundation(model=town.model(), public=[each.views for each in town.public_features()])
    shown.model, shown.release = town.model(), town.mechanism()
    space = shown.foundation.signature_space(shown.model, 8)
    works = [space.apply(shown.model.embed(town.features(number).views[:, 0])) for number in range(ARTISTS)]
    signatures = [Signature(f"artist {number}", to_unit(rows.mean(axis=0))) for number, rows in enumerate(works)]
    shown.index = StyleIndex(space, signatures)
    with shown.database.writing() as connection:
        keep_foundation(connection, shown.foundation.encode())
        add_training(connection, TRAINING, shown.release)
    shown.publish(shown.model.encode(), shown.index)
    yield shown
    shown.database.close()


def newest(shown):
    return shown.catalogue.edition().contents.collections[-1]


def learned(shown):
    return shown.catalogue.file(newest(shown).nearness)


def visitor(tmp_path, address, bend=lambda _path, content: content):
    get = Fetcher(address).get
    pins = find_pins(str(tmp_path / "pins"), tell=pytest.fail)
    return Visitor(pins, lambda path: bend(path, get(path)), tmp_path / "seen")


def test_ner1_what_is_near_is_what_public_artists_tell_and_the_same_after_a_restart(house):
    model = house.model
    expected = learn_nearness(
        [model.embed(views[:, 0]) for views in house.foundation.public],
        house.index,
        noise=house.release.noise_multiplier,
        works=10.0,
        rng=np.random.Generator(np.random.PCG64(int.from_bytes(sha256(model.encode()).digest(), "big"))),
    )
    assert set(expected.bounds) == {1, 3, 5}
    assert learned(house) == expected.encode()
    assert sha256(learned(house)).digest() == newest(house).nearness
    again = Shown(house.folder)
    assert learned(again) == expected.encode()
    again.database.close()


def test_ctg2_with_who_withdraws_it_is_another_and_the_one_before_is_gone(house):
    before = newest(house).nearness
    public = np.concatenate([house.model.embed(views[:, 0]) for views in house.foundation.public])
    nearest = np.argmax(house.index.space.apply(public) @ house.index.vectors.T, axis=1)
    house.withdraw(house.index.artists[np.bincount(nearest).argmax()])  # strangers come nearest to this one
    assert newest(house).nearness != before
    assert house.catalogue.file(before) is None


def test_a_visitor_says_the_words_that_the_signed_catalogue_carries(house, tmp_path):
    with house.served(tmp_path / "pins") as address:
        edition = visitor(tmp_path, address).fetch_catalogue()
        assert (edition / "catalogue" / NEARNESS_FILE).read_bytes() == learned(house)
        assert Nearness.load(edition / "catalogue").bounds


def test_a_visitor_uses_no_other_file_than_the_catalogue_names(house, tmp_path):
    """Nor a catalogue that names another, which the platform did not sign."""
    named = newest(house).nearness
    other = Nearness({1: (-1.0, -1.0)}).encode()  # everybody is near

    def file(path, content):
        return other if path.endswith(named.hex()) else content

    def manifest(path, content):
        if path != "/v1/catalogue":
            return file(path, content)
        honest = canonical.decode(Manifest, content)
        (collection,) = honest.contents.collections
        forged = replace(collection, nearness=sha256(other).digest())
        contents = Contents(checkpoint=honest.contents.checkpoint, collections=(forged,), page=honest.contents.page)
        return replace(honest, contents=contents).encode()

    with house.served(tmp_path / "pins") as address:
        with pytest.raises(InputError, match="is another than its name says"):
            visitor(tmp_path, address, file).fetch_catalogue()
        with pytest.raises(InputError, match="was not signed with the platform's pinned key"):
            visitor(tmp_path, address, manifest).fetch_catalogue()
    assert not list((tmp_path / "seen").rglob(NEARNESS_FILE))


def test_a_platform_without_a_foundation_says_no_word(tmp_path, town):
    shown = Shown(tmp_path / "platform")
    space = Foundation(model=town.model(), public=[each.views for each in town.public_features()]).signature_space(
        town.model(), 4
    )
    shown.publish(town.model().encode(), StyleIndex(space, [Signature("ann", np.eye(4, dtype=np.float32)[0])]))
    assert newest(shown).nearness is None
    with shown.served(tmp_path / "pins") as address:
        edition = visitor(tmp_path, address).fetch_catalogue()
    assert Nearness.load(edition / "catalogue").bounds == {}
    shown.database.close()
