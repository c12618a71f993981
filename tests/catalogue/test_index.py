"""IDX-1 and IDX-2: catalogues are written whole and read with suspicion."""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from fedstyle_secure.catalogue.index import ARTISTS_FILE, FORMAT, SIGNATURES_FILE, StyleIndex
from fedstyle_secure.catalogue.signature import Signature
from fedstyle_secure.catalogue.strangers import MOST
from fedstyle_secure.errors import InputError

FACTS = {"format": FORMAT}


@pytest.fixture
def saved(index, tmp_path):
    index.save(tmp_path / "catalogue")
    return tmp_path / "catalogue"


def test_artists_come_in_the_order_of_their_names(space, signatures):
    index = StyleIndex(space, reversed(signatures))
    assert index.artists == tuple(sorted(signature.artist for signature in signatures))
    assert len(index) == len(signatures)
    assert np.array_equal(index.vectors[3], signatures[3].vector)


def test_two_signatures_of_one_artist_are_refused(space, signatures):
    with pytest.raises(InputError, match="artist-04"):
        StyleIndex(space, [*signatures, Signature("artist-04", signatures[0].vector)])


def test_a_signature_of_another_length_is_refused(space, signatures):
    with pytest.raises(InputError, match="mary"):
        StyleIndex(space, [*signatures, Signature("mary", np.array([1, 0], dtype=np.float32))])


def test_a_catalogue_comes_back_as_it_was_saved(index, saved):
    loaded = StyleIndex.load(saved)
    assert loaded.artists == index.artists
    assert np.array_equal(loaded.vectors, index.vectors)
    assert np.array_equal(loaded.space.projection, index.space.projection)
    assert sorted(path.name for path in saved.iterdir()) == [ARTISTS_FILE, SIGNATURES_FILE]


def test_an_empty_catalogue_and_names_of_any_script_come_back(space, signatures, tmp_path):
    StyleIndex(space, []).save(tmp_path / "empty")
    assert len(StyleIndex.load(tmp_path / "empty")) == 0
    name = "\U0001f3a8" * 63 + '"\\'
    StyleIndex(space, [Signature(name, signatures[0].vector)]).save(tmp_path / "names")
    assert StyleIndex.load(tmp_path / "names").artists == (name,)


def test_saving_never_overwrites(index, saved):
    with pytest.raises(InputError, match="exists already"):
        index.save(saved)


def test_a_failed_save_leaves_nothing_behind(index, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        index.save(tmp_path / "catalogue")
    assert list(tmp_path.iterdir()) == []


def tensors(index, **replaced):
    kept = {"projection": index.space.projection, "vectors": index.vectors, "strangers": index.strangers}
    return kept | replaced


@pytest.mark.parametrize(
    "bend",
    [
        lambda index: (tensors(index), {"format": "fedstyle-model-1"}),
        lambda index: (tensors(index), None),
        lambda index: (tensors(index, extra=np.zeros(1, dtype=np.float32)), FACTS),
        lambda index: ({"vectors": index.vectors}, FACTS),
        lambda index: (tensors(index, vectors=index.vectors.astype(np.float64)), FACTS),
        lambda index: (tensors(index, vectors=index.vectors.astype(np.int32)), FACTS),
        lambda index: (tensors(index, vectors=index.vectors.ravel()), FACTS),
        lambda index: (tensors(index, vectors=index.vectors[:, :-1].copy()), FACTS),
        lambda index: (tensors(index, vectors=index.vectors[:-1].copy()), FACTS),
        lambda index: (tensors(index, vectors=2 * index.vectors), FACTS),
        lambda index: (tensors(index, vectors=index.vectors * np.float32("nan")), FACTS),
        lambda index: (tensors(index, strangers=index.vectors[:, :-1].copy()), FACTS),
        lambda index: (tensors(index, strangers=2 * index.vectors), FACTS),
        lambda index: (tensors(index, strangers=np.repeat(index.vectors[:1], MOST + 1, axis=0)), FACTS),
        lambda index: (tensors(index, projection=2 * index.space.projection), FACTS),
        lambda index: (tensors(index, projection=index.space.projection[:0].copy()), FACTS),
    ],
)
def test_tensors_that_make_no_catalogue_are_refused(index, saved, bend):
    bent, facts = bend(index)
    save_file(bent, saved / SIGNATURES_FILE, facts)
    with pytest.raises(InputError, match="catalogue"):
        StyleIndex.load(saved)


def listed(names):
    return json.dumps({"format": FORMAT, "artists": names})


GOOD = [f"artist-{number:02d}" for number in range(12)]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "[" * 5000,
        '{"format": "fedstyle-catalogue-2"}',
        json.dumps({"format": "fedstyle-catalogue-1", "artists": GOOD}),
        listed(GOOD[:-1]),
        listed([*GOOD, "one more"]),
        listed([*GOOD[:-1], "artist-00"]),
        listed([*GOOD[:-1], 7]),
        listed([*GOOD[:-1], ""]),
        listed([*GOOD[:-1], "\x1b[2J"]),
        listed([*GOOD[:-1], "\ud800"]),
        listed("artist-00"),
        listed(GOOD) + " " * 100_000,
        "\udcff",
    ],
)
def test_names_that_do_not_fit_the_signatures_are_refused(saved, content):
    (saved / ARTISTS_FILE).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match="catalogue"):
        StyleIndex.load(saved)


@pytest.mark.parametrize("name", [SIGNATURES_FILE, ARTISTS_FILE])
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(InputError, match=name):
        StyleIndex.load(saved)


@pytest.mark.parametrize("name", [SIGNATURES_FILE, ARTISTS_FILE])
def test_a_folder_in_a_files_place_is_refused(saved, name):
    (saved / name).unlink()
    (saved / name).mkdir()
    with pytest.raises(InputError, match=name):
        StyleIndex.load(saved)


def test_a_header_that_claims_more_than_the_file_holds_is_refused(saved):
    path = saved / SIGNATURES_FILE
    path.write_bytes((2**62).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(InputError, match=SIGNATURES_FILE):
        StyleIndex.load(saved)


@pytest.mark.parametrize("kind", ["BF16", "F16", "I16"])
def test_other_kinds_of_numbers_are_refused_by_their_header(saved, kind):
    parts = {"projection": {"dtype": kind, "shape": [24, 8], "data_offsets": [0, 384]}}
    parts["vectors"] = {"dtype": kind, "shape": [12, 8], "data_offsets": [384, 576]}
    parts["strangers"] = {"dtype": "F32", "shape": [0, 8], "data_offsets": [576, 576]}
    header = json.dumps({"__metadata__": FACTS, **parts}).encode()
    header += b" " * (-len(header) % 8)
    (saved / SIGNATURES_FILE).write_bytes(len(header).to_bytes(8, "little") + header + bytes(576))
    with pytest.raises(InputError, match="float32 matrix"):
        StyleIndex.load(saved)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from([SIGNATURES_FILE, ARTISTS_FILE]))
def test_bent_files_load_or_are_refused_and_nothing_else(saved, data, name):
    path = saved / name
    whole = path.read_bytes()
    try:
        cut = data.draw(st.integers(0, len(whole)))
        bent = bytearray(whole[:cut] if data.draw(st.booleans()) else whole)
        for _ in range(data.draw(st.integers(0, 3)) if bent else 0):
            bent[data.draw(st.integers(0, len(bent) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(bent)
        with suppress(InputError):
            StyleIndex.load(saved)
    finally:
        path.write_bytes(whole)


def test_strangers_come_back_and_stay_when_artists_come_and_go(space, signatures, tmp_path):
    strangers = np.stack([signature.vector for signature in signatures[:5]])
    index = StyleIndex(space, signatures[1:], strangers=strangers)
    index.save(tmp_path / "catalogue")
    loaded = StyleIndex.load(tmp_path / "catalogue")
    for kept in (loaded, index.without("artist-04"), index.with_signature(signatures[0])):
        assert np.array_equal(kept.strangers, strangers)


def test_artists_come_and_go_and_the_others_stay_as_they_are(index, signatures):
    smaller = index.without("artist-04")
    assert "artist-04" not in smaller.artists
    assert np.array_equal(smaller.vectors, np.delete(index.vectors, 4, axis=0))
    whole = smaller.with_signature(signatures[4])
    assert whole.artists == index.artists
    assert np.array_equal(whole.vectors, index.vectors)
    with pytest.raises(InputError, match="artist-04"):
        index.with_signature(signatures[4])
    with pytest.raises(InputError, match="no artist 'nobody'"):
        index.without("nobody")


@pytest.mark.parametrize("name", ["ARTIST-04", "artist\u200b-04", " Artist-04", "\uff41rtist-04"])
def test_an_artist_is_in_it_once_however_the_name_is_written(index, signatures, name):
    assert index.find(name) == "artist-04"
    assert "artist-04" not in index.without(name).artists
    with pytest.raises(InputError, match=r"artist-04.* are one artist, with more than one signature"):
        index.with_signature(Signature(name, signatures[5].vector))
