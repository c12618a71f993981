"""AGT-10: near-honest announcements and requests end in an answer or a typed refusal, and a refusal costs nothing."""

import json
import math
import struct
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fedstyle_secure.aggregation.masking import REFUSALS
from fedstyle_secure.aggregation.session import NO_LOG
from fedstyle_secure.announcement import RECEIPT_BYTES, Announcement
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artist.store import MemoryStore
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import View
from tests.artist.hall import Hall
from threat_models.town import Town, codebook, make_enrolment, make_mechanism, make_terms, style_features

TYPED = (FedStyleError, *REFUSALS)

NUMBERS = (5e-324, 1e-300, -0.0, 0.0, 0.5, 1.0, 1e300, math.inf, -math.inf, math.nan, -1, 0, 1, 2**31, 2**63, 10**400)
VALUES = st.one_of(
    st.sampled_from((*NUMBERS, "", "local", None, True, [], {}, [[]])), st.floats(), st.integers(-(2**70), 2**70)
)


def leaves(value, path=()):
    """Where the numbers and words of plain values are."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = [leaf for key, below in items for leaf in leaves(below, (*path, key))]
    return inner or [path]


def facts_of(data):
    length = int.from_bytes(data[RECEIPT_BYTES : RECEIPT_BYTES + 4], "big")
    start = RECEIPT_BYTES + 4
    return json.loads(data[start : start + length]), data[start + length :]


def announce(facts, model):
    text = json.dumps(facts, sort_keys=True).encode()
    return bytes(RECEIPT_BYTES) + len(text).to_bytes(4, "big") + text + model


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return Town(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture(scope="module")
def make_artist(world):
    """An artist as a store says it is, each time another one."""

    def make(store, ledger="fuzzed", **terms):
        return Artist(
            features=style_features(0),
            codebook=codebook(),
            codeword=0,
            enrolment=make_enrolment(0, artists=8),
            terms=make_terms(**terms),
            agreed=NO_LOG,
            ledger=Ledger.open(world.folder / f"{ledger}.jsonl", limit=math.inf, delta=1e-5, view=View.AGGREGATE),
            store=store,
            random=world.scripted("fuzz"),
        )

    return make


HONEST, MODEL = facts_of(Announcement(iteration=1, mechanism=make_mechanism(), model=Town.model()).encode())
PATHS = leaves(HONEST)


def bent(path, value):
    facts = json.loads(json.dumps(HONEST))
    place = facts
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return facts


@settings(max_examples=150)
@given(path=st.sampled_from(PATHS), value=VALUES)
@example(path=("mechanism", "sampling_rate"), value=5e-324)
@example(path=("mechanism", "min_survivors"), value=10**400)
@example(path=("iteration",), value=2**32 - 1)
def test_a_bent_announcement_is_agreed_to_or_refused_by_type(make_artist, path, value):
    facts = bent(path, value)
    rate = facts["mechanism"]["sampling_rate"]
    agreed = rate if type(rate) is float and 0 < rate <= 1 else 1.0  # an artist that agreed even to a strange rate
    artist = make_artist(MemoryStore(), sampling_rate=agreed)
    before = artist.ledger.head
    with suppress(*TYPED):
        artist.receive_announcement(announce(facts, MODEL))
    assert artist.ledger.head == before


@settings(max_examples=100)
@given(data=st.data())
def test_bytes_in_an_announcement_that_are_other_bytes_are_refused_by_type(make_artist, data):
    whole = announce(HONEST, MODEL)
    at = data.draw(st.integers(0, len(whole) - 1))
    piece = data.draw(st.binary(max_size=8))
    artist = make_artist(MemoryStore())
    with suppress(*TYPED):
        artist.receive_announcement(whole[:at] + piece + whole[at + data.draw(st.integers(0, 8)) :])
    assert artist.ledger.releases == ()


@pytest.mark.parametrize("number", [np.nan, np.inf, 3e38, 1e-45, 0.0])
@pytest.mark.parametrize("tensor", ["alignment", "head"])
def test_a_model_of_strange_numbers_is_trained_or_refused_by_type(number, tensor, world, tmp_path):
    """What a hostile model makes of artworks counts as nothing, and as charged."""
    model = world.model()
    strange = replace(model, **{tensor: np.full_like(getattr(model, tensor), number)})
    town = Town(tmp_path)
    hall = Hall(town, town.artist())
    try:
        hall.announce(world.announcement(model=strange))
    except TYPED:
        return
    facts = {"model_digest": strange.digest, "architecture_digest": strange.architecture_digest}
    answers, _ = hall.walk(world.mechanism(), rounds=3, **facts)
    assert len(answers) == 3


@pytest.fixture(scope="module", params=range(5))
def asked(request, world, make_artist):
    """A store of an artist that is about to be asked in some round, and the honest request."""
    store, town = MemoryStore(), Town(world.folder / str(request.param))
    hall = Hall(town, make_artist(store, f"asked-{request.param}"))
    hall.announce(town.announcement())
    _, honest = hall.walk(town.mechanism(), rounds=request.param)
    return store, f"asked-{request.param}", honest


@settings(max_examples=40)
@given(data=st.data())
def test_a_bent_request_is_answered_or_refused_by_type(make_artist, asked, data):
    store, ledger, honest = asked
    copy = MemoryStore()
    copy.write({name: store.read(name) for name in store.names("")})
    at = data.draw(st.integers(0, len(honest) - 1))
    piece = data.draw(
        st.one_of(st.binary(max_size=8), st.sampled_from([struct.pack(">I", n) for n in (0, 7, 8, 2**32 - 1)]))
    )
    cut = data.draw(st.integers(0, 8))
    artist = make_artist(copy, ledger)
    with suppress(*TYPED):
        artist.receive_request(honest[:at] + piece + honest[at + cut :])
