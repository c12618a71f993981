"""HOM-1 to HOM-3, RCV-1 to RCV-3, POR-1: an artist's folder, its ledger on a new machine, its artworks read once."""

import json
import stat
from contextlib import closing

import numpy as np
import pytest

from fedstyle_secure.artist import portfolio
from fedstyle_secure.artist.home import Home, ledger_path, read_pins, read_status
from fedstyle_secure.artist.pins import PlatformPins
from fedstyle_secure.artist.recovery import RECOVERY_FILE, open_ledger, recover, write_recovery
from fedstyle_secure.artist.store import StoreError
from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.artworks.reader import read_portfolio
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.ledger import BudgetExceededError, LedgerError
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.releases import Release
from fedstyle_secure.wire.enrolment import Invitation, Pins
from fedstyle_secure.wire.pins import PublicPins
from tests.stand_ins import Eye

INVITATION = Invitation(
    address="https://gallery.example:8443",
    certificates="a certificate",
    platform_key=b"p" * 32,
    log_key=b"l" * 32,
    log_origin="gallery.example/log",
    token=b"t" * 32,
    expires=1,
)
SPACE = Pins(
    style_space=b"s" * 32,
    architecture=b"a" * 32,
    encoder="lite0@0",
    log_origin="gallery.example/log",
    leaf=3,
    salt=b"z" * 32,
)


def pins(home):
    identity = home.identity.public_key().public_bytes_raw()
    return PlatformPins.of(INVITATION, SPACE, identity=identity, name="Ada", link=None)


@pytest.fixture
def home(tmp_path):
    with closing(Home.make(tmp_path / "home", write_terms())) as home:
        yield home


class TestHome:
    def test_hom1_nobody_else_looks_into_it(self, home):
        home.pin(pins(home))
        home.tell({"state": "waiting"})
        home.keep_evidence("fork", b"two checkpoints")
        write_recovery(open_ledger(home.ledger_path, home.terms).path)
        for path in [home.folder, *home.folder.rglob("*")]:
            wanted = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == wanted, path
        home.close()
        home.folder.chmod(0o750)
        with pytest.raises(InputError, match=f"chmod 700 {home.folder}"):
            Home.open(home.folder)

    def test_hom2_a_second_process_is_told_that_there_is_a_first(self, home):
        home.pin(pins(home))
        with pytest.raises(StoreError, match="is in use by another process of this artist"):
            Home.open(home.folder)

    def test_hom3_an_unfinished_home_goes_on_with_the_same_key(self, home):
        key = home.identity.private_bytes_raw()
        with pytest.raises(InputError, match="has joined no platform"):
            Home.open(home.folder)
        home.close()
        again = Home.make(home.folder, "other terms, which come too late")
        with closing(again):
            assert again.identity.private_bytes_raw() == key
            assert again.terms.epsilon == 8.0
            again.pin(pins(again))
        with pytest.raises(InputError, match="has joined https"):
            Home.make(home.folder, write_terms())
        with closing(Home.open(home.folder)) as opened:
            assert opened.identity.private_bytes_raw() == key
            assert read_pins(opened.folder).space == SPACE

    def test_another_folder_is_left_alone(self, tmp_path):
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "cat.jpg").write_bytes(b"meow")
        with pytest.raises(InputError, match="holds other things"):
            Home.make(tmp_path / "photos", write_terms())
        assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]

    def test_damaged_pins_are_no_pins(self, home):
        home.pin(pins(home))
        (home.folder / "pins.json").write_bytes(pins(home).encode().replace(b"lite0", b"lite1"))
        assert (
            read_pins(home.folder).space.encoder == "lite1@0"
        )  # what a person changes is theirs; what is none is told
        (home.folder / "pins.json").write_bytes(b"{}")
        with pytest.raises(InputError, match="is damaged"):
            read_pins(home.folder)

    def test_an_answer_about_another_log_is_refused(self):
        other = Pins(**{name: getattr(SPACE, name) for name in Pins.__slots__} | {"log_origin": "elsewhere/log"})
        with pytest.raises(InputError, match="names 'gallery"):
            PlatformPins.of(INVITATION, other, identity=bytes(32), name="Ada", link=None)

    def test_word_is_left_for_whoever_asks(self, home):
        assert read_status(home.folder) == {}
        home.tell({"state": "waiting", "refused": 2})
        assert read_status(home.folder).items() >= {"state": "waiting", "refused": 2}.items()

    def test_an_artist_and_an_operator_see_the_same_fingerprint(self, home):
        assert pins(home).fingerprint == PublicPins.of(INVITATION).fingerprint


def spend(home, town, name="moments"):
    mechanism = town.mechanism(noise_multiplier=4.0)
    ledger = open_ledger(home.ledger_path, home.terms)
    ledger.charge(Release.of(mechanism, name=name, iteration=1))
    return ledger


class TestRecovery:
    @pytest.fixture
    def other(self, tmp_path):
        with closing(Home.make(tmp_path / "new machine", write_terms())) as home:
            yield home

    def test_rcv1_a_ledger_is_carried_over_by_its_file(self, home, other, town):
        ledger = spend(home, town)
        content = write_recovery(home.ledger_path).read_bytes()
        carried = recover(other.ledger_path, content, other.terms, is_complete=True)
        assert (carried.head, carried.releases) == (ledger.head, ledger.releases)
        again = open_ledger(other.ledger_path, other.terms)
        assert again.spent(View.AGGREGATE) == ledger.spent(View.AGGREGATE) > 0
        assert json.loads((other.ledger_path.parent / RECOVERY_FILE).read_bytes()) == json.loads(content)

    @pytest.mark.parametrize("has_file", [True, False])
    def test_rcv3_what_nobody_knows_counts_as_spent(self, home, other, town, has_file):
        spend(home, town)
        content = write_recovery(home.ledger_path).read_bytes() if has_file else None
        ledger = recover(other.ledger_path, content, other.terms, is_complete=False)
        assert ledger.spent(View.AGGREGATE) == pytest.approx(other.terms.epsilon, rel=1e-3)
        assert ledger.spent(View.LOCAL) == np.inf
        with pytest.raises(BudgetExceededError):
            ledger.charge(Release.of(town.mechanism(noise_multiplier=50.0), name="head", iteration=2))

    def test_rcv2_a_ledger_that_counts_something_is_not_replaced(self, home, other, town):
        content = write_recovery(spend(home, town).path).read_bytes()
        spend(other, town)
        with pytest.raises(InputError, match="counts releases already"):
            recover(other.ledger_path, content, other.terms, is_complete=True)

    def test_another_file_is_none(self, other):
        with pytest.raises(InputError, match=f"give the {RECOVERY_FILE}"):
            recover(other.ledger_path, b"{}", other.terms, is_complete=True)
        assert open_ledger(other.ledger_path, other.terms).releases == ()

    def test_an_altered_one_is_refused(self, home, other, town):
        spend(home, town)
        content = write_recovery(home.ledger_path).read_bytes().replace(b"moments", b"nothing")
        with pytest.raises(LedgerError, match="was altered"):
            recover(other.ledger_path, content, other.terms, is_complete=True)


class TestPortfolio:
    def test_artworks_are_read_once(self, home, art, monkeypatch):
        (folder, *_) = sorted(path for path in art.iterdir() if path.is_dir())
        gallery = read_portfolio(folder)
        monkeypatch.setattr(portfolio, "open_encoder", Eye)
        encoder = portfolio.choose_encoder("lite0@0", ("lite0@0",), None)
        done = []
        portfolio.keep_features(home, gallery, encoder, done.append)
        features = portfolio.load_features(home)
        assert features.views.shape[:2] == (len(gallery.portfolios[0].artworks), 1 + portfolio.VIEWS)
        assert len(done) == len(features)
        (first, *_) = [path for path in (home.folder / "features").rglob("*") if path.is_file()]
        first.unlink()
        with pytest.raises(StoreError, match="lacks the features of 1 of 6 artworks"):
            portfolio.load_features(home)

    def test_por1_an_encoder_that_is_not_on_the_list_looks_at_nothing(self, monkeypatch):
        monkeypatch.setattr(portfolio, "open_encoder", Eye)
        with pytest.raises(InputError, match="not among the encoders"):
            portfolio.choose_encoder("lite0@1", ("lite0@0",), None)
        with pytest.raises(InputError, match="the encoder here is lite0@0, the platform's is lite0@1"):
            portfolio.choose_encoder("lite0@1", ("lite0@1",), None)


def test_a_ledger_has_its_place(home):
    assert home.ledger_path == ledger_path(home.folder)
