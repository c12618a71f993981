"""ACT-1 to ACT-3: an artist with a real platform, over TLS, changes its key; killed between any two steps, too."""

from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.artist import acts
from fedstyle_secure.artist.acts import ActError
from fedstyle_secure.artist.agent import Agent
from fedstyle_secure.artist.client import Line
from fedstyle_secure.artist.home import NEXT_IDENTITY, Home, read_pins
from fedstyle_secure.artist.pins import PlatformPins
from fedstyle_secure.artist.recovery import open_ledger
from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.store.artists import find_identity
from fedstyle_secure.transparency.leaves import Joined, Retired, commit_identity, decode
from fedstyle_secure.wire.enrolment import Pins, Withdraw
from tests.platform.house import House, make, serving
from tests.platform.letters import artist_key, public


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture
def met(tmp_path, shared_town):
    """A platform, and the home of an artist who joined it."""
    folder = make(tmp_path / "platform", shared_town)
    with serving(folder) as house:
        invitation = house.invite("ada")
        space = house.opened(0, house.join(0, invitation), Purpose.JOIN, Pins)
        with closing(Home.make(tmp_path / "home", write_terms())) as home:
            home.store.write({"identity": artist_key(0).private_bytes_raw()})
            pins = PlatformPins.of(invitation, space, identity=public(artist_key(0)), name="Ada", link=None)
            open_ledger(home.ledger_path, home.terms)
            home.pin(pins)
            yield house, home


@contextmanager
def line(house: House):
    with Line(f"https://127.0.0.1:{house.door.port}", house.folder.authority.read_text()) as opened:
        yield opened


def speaks(house: House, key: bytes) -> bool:
    with house.service.database.reading() as connection:
        return find_identity(connection, key) is not None


def test_act3_a_new_key_takes_the_place_of_the_old_one_and_all_else_stays(met):
    house, home = met
    old, ledger, features = home.identity, home.ledger_path.read_bytes(), home.features_key
    with line(house) as way:
        leaf = acts.renew(home, way)
        with pytest.raises(ActError, match="no published signature"):
            acts.act(home, way, Withdraw())  # the platform knows who asks
    pins, fresh = read_pins(home.folder), home.identity
    assert (pins.identity, pins.space.leaf) == (public(fresh), leaf)
    assert public(fresh) != public(old)
    assert (speaks(house, public(old)), speaks(house, public(fresh))) == (False, True)
    assert (home.ledger_path.read_bytes(), home.features_key) == (ledger, features)
    entries = list(map(decode, house.service.logbook.snapshot()[1]))
    assert entries[leaf] == Joined(commitment=commit_identity(public(fresh), pins.space.salt))
    assert isinstance(entries[leaf - 1], Retired)


@pytest.mark.parametrize("moment", ["before it is sent", "before the answer", "before the pins", "after the pins"])
def test_act3_killed_at_any_moment_the_artist_has_one_key_and_the_platform_the_same(met, monkeypatch, moment):
    house, home = met

    def die(*_arguments: object) -> None:
        raise KilledError

    with line(house) as way, monkeypatch.context() as patched:
        post, pin = Line.post, Home.pin
        match moment:
            case "before it is sent":
                patched.setattr(Line, "post", die)
            case "before the answer":
                patched.setattr(Line, "post", lambda *about: die(post(*about)))
            case "before the pins":
                patched.setattr(Home, "pin", die)
            case _:
                patched.setattr(Home, "pin", lambda *about: die(pin(*about)))
        with pytest.raises(KilledError):
            acts.renew(home, way)
    with line(house) as way:
        monkeypatch.setattr("fedstyle_secure.artist.agent.Line", lambda *_, **__: way)
        agent = Agent(home)
        agent.run(until=lambda: True)
        assert agent._pins.identity == public(home.identity) == read_pins(home.folder).identity
    assert home.store.read(NEXT_IDENTITY) is None
    assert (speaks(house, public(artist_key(0))), speaks(house, public(home.identity))) == (False, True)


def test_act3_where_the_platform_refuses_the_old_key_stays(met):
    house, home = met
    with line(house) as way:
        acts.renew(home, way)
    home.store.write({"identity": artist_key(0).private_bytes_raw()})
    stale = home.identity
    pins = read_pins(home.folder)
    home.pin(pins.renewed(public(stale), pins.space))
    with line(house) as way, pytest.raises(ActError, match=r"refused to renew .401."):
        acts.renew(home, way)
    assert public(home.identity) == public(stale)
    assert home.store.read(NEXT_IDENTITY) is None


def test_pin1_a_platform_that_answers_for_another_space_is_not_gone_on_with(met):
    pins = read_pins(met[1].folder)

    for name, value in (
        ("style_space", bytes(32)),
        ("architecture", bytes(32)),
        ("encoder", "x@1"),
        ("log_origin", "a/2"),
    ):
        with pytest.raises(InputError, match="another style space, architecture or log"):
            pins.renewed(bytes(32), replace(pins.space, **{name: value}))
