"""`fedstyle artist`: what a person sees, and what a program gets."""

import json
import shutil
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.artist import portfolio
from fedstyle_secure.artist.home import Home
from fedstyle_secure.artist.recovery import open_ledger, write_recovery
from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.privacy.releases import Release
from fedstyle_secure.wire.enrolment import Invitation
from fedstyle_secure.wire.pins import PublicPins
from tests.artist import stage
from tests.artist.street import Authority
from tests.stand_ins import Eye
from tests.wire.test_bodies import FACTS


@pytest.fixture
def home(tmp_path, art, monkeypatch):
    """The folder of an artist who joined, with one release in its ledger."""
    pem = Authority().pem
    with closing(
        stage.settle(tmp_path / "home", art, monkeypatch, address="https://127.0.0.1:1", certificates=pem)
    ) as home:
        release = Release.of(stage.alone("prototype", stage.D), name="prototype", iteration=0)
        open_ledger(home.ledger_path, home.terms).charge(release)
        write_recovery(home.ledger_path)
        home.tell({"state": "waiting", "training": 3, "answered": 2, "refused": 1, "problem": "", "refusals": []})
        return home.folder


@pytest.fixture
def invitation(tmp_path):
    invited = Invitation(
        address="https://127.0.0.1:1",
        certificates=Authority().pem,
        platform_key=stage.public(stage.PLATFORM),
        log_key=stage.public(Ed25519PrivateKey.generate()),
        log_origin=stage.ORIGIN,
        token=bytes(32),
        expires=1,
    )
    path = tmp_path / "ada.invitation"
    path.write_bytes(invited.encode())
    return path


def test_status_says_who_where_and_what_was_spent(call, home):
    facts = json.loads(call("artist", "status", "--home", home, "--json").out)
    assert (facts["name"], facts["address"]) == ("Ada", "https://127.0.0.1:1")
    assert facts["agent"]["refused"] == 1
    assert 0 < facts["spent"]["aggregate"] < facts["spent"]["limit"] == 8.0
    shown = call("artist", "status", "--home", home).out
    assert facts["fingerprint"] in shown
    assert "waiting, training 3" in shown


def test_budget_lists_every_release(call, home):
    facts = json.loads(call("artist", "budget", "--home", home, "--json").out)
    assert facts["releases"] == [{"release": "prototype", "iteration": 0, "session": None}]
    assert set(facts["spent"]) == {"local", "aggregate", "worst_case", "limit", "delta"}
    assert "prototype" in call("artist", "budget", "--home", home).out


def test_status_and_budget_may_be_asked_while_the_agent_runs(call, home):
    with closing(Home.open(home)):
        assert call("artist", "status", "--home", home).code == 0
        assert call("artist", "budget", "--home", home).code == 0
        told = call("artist", "sign", "--home", home)
    assert told.code == 1
    assert "is in use by another process of this artist: end that one first" in told.err


def test_without_a_home_one_sentence_says_how_to_get_one(call, tmp_path):
    for command in ("run", "status", "sign", "leave", "recover"):
        told = call("artist", command, "--home", tmp_path / "none")
        assert told.code == 2
        assert "has joined no platform: `fedstyle artist join INVITATION --artworks DIR` does" in told.sentence()


def test_a_fingerprint_is_asked_for_before_anything_is_sent(call, tmp_path, art, invitation):
    pictures = next(path for path in sorted(art.iterdir()) if path.is_dir())
    join = ("artist", "join", invitation, "--artworks", pictures, "--home", tmp_path / "new")
    told = call(*join)  # nobody is there to be asked
    own = PublicPins.read(invitation).fingerprint
    assert (told.code, own in told.err) == (2, True)
    told = call(*join, "--fingerprint", "0000 " * 8)
    assert told.code == 2
    assert "is of a platform with the fingerprint" in told.err


def test_a_line_of_the_terms_that_is_wrong_is_named(call, home):
    path = home / "terms.toml"
    path.write_text(path.read_text().replace("min_cohort = 5", "min_cohort = 1"))
    told = call("artist", "run", "--home", home)
    assert told.code == 2
    assert "terms.toml line 37: min_cohort must lie between 2 and 100,000, got 1" in told.sentence()


def test_a_ledger_is_recovered_in_a_home_that_is_new(call, home, tmp_path, art, monkeypatch):
    fresh = tmp_path / "new machine"
    stage.settle(fresh, art, monkeypatch, address="https://127.0.0.1:1", certificates=Authority().pem).close()
    told = call("artist", "recover", home / "ledger" / "recovery.json", "--home", fresh, "--complete")
    assert told.code == 0
    assert told.out.startswith("Epsilon ")
    assert "in 1 releases" in told.out
    again = call("artist", "recover", "--home", fresh)
    assert again.code == 2
    assert "counts releases already" in again.err


def test_artworks_are_added_and_what_was_there_counts_once(call, home, art, monkeypatch):
    monkeypatch.setattr(portfolio, "open_encoder", Eye)
    first, second, third, *_ = sorted(path for path in art.iterdir() if path.is_dir())
    added = [json.loads(call("artist", "add", folder, "--home", home, "--json").out) for folder in (second, first)]
    assert added == [{"new": 6, "artworks": 12}, {"new": 0, "artworks": 12}]
    with closing(Home.open(home)) as opened:
        assert len(portfolio.load_features(opened)) == 12
    terms = home / "terms.toml"
    terms.write_text(terms.read_text().replace("max_artworks = 100", "max_artworks = 17"))
    refused = call("artist", "add", third, "--home", home).sentence()
    assert "there would be 18 artworks, and max_artworks" in refused
    with closing(Home.open(home)) as opened:
        assert len(portfolio.load_features(opened)) == 12


def test_what_an_artist_shows_is_told_and_dropped(call, home, art, tmp_path, monkeypatch):
    monkeypatch.setattr(portfolio, "open_encoder", Eye)
    (first, second, *_) = sorted(path for path in art.iterdir() if path.is_dir())

    def shown():
        return json.loads(call("artist", "status", "--home", home, "--json").out)["shown"]

    def showcase(*arguments):
        return call("artist", "showcase", *arguments, "--home", home)

    assert shown() == 0
    assert "no works" in call("artist", "status", "--home", home).out
    told = showcase(second)
    assert told.out.strip() == "6 works join your next signature. 6 artworks are private."
    with closing(Home.open(home)):
        assert shown() == 6
        assert "6 works, which join your next signature at no cost" in call("artist", "status", "--home", home).out
        assert "is in use by another process" in showcase("--drop").err
    for number, picture in enumerate(sorted(first.glob("*.png"))[:2]):
        (tmp_path / "two").mkdir(exist_ok=True)
        shutil.copy(picture, tmp_path / "two" / f"{number}.png")
    assert json.loads(showcase(tmp_path / "two", "--json").out) == {"shown": 2, "in_both": 2, "artworks": 4}
    assert "2 of your artworks are among them, and private no more" in " ".join(showcase(tmp_path / "two").out.split())
    (tmp_path / "two" / "1.png").unlink()
    for arguments, sentence in (
        ((tmp_path / "two",), "two holds 1 artworks, the minimum is 2"),
        ((tmp_path / "absent",), "absent does not exist"),
        ((first,), "all 6 artworks in"),
        ((), "name the folder of works that you show, or --drop"),
        ((second, "--drop"), "name the folder of works that you show, or --drop"),
    ):
        refused = showcase(*arguments)
        assert (refused.code, sentence in refused.sentence()) == (2, True), refused.err
    assert shown() == 2
    assert json.loads(showcase("--drop", "--json").out) == {"shown": 0, "in_both": 0, "artworks": 6}
    assert shown() == 0


def test_a_key_is_not_renewed_in_the_middle_of_a_training(call, home):
    with closing(Home.open(home)) as opened:
        opened.store.write({"training": FACTS.encode()})
        before = opened.identity.private_bytes_raw()
    assert "training 1, which you agreed to, has told no outcome" in call("artist", "renew", "--home", home).sentence()
    with closing(Home.open(home)) as opened:
        assert opened.identity.private_bytes_raw() == before


def test_terms_may_be_brought_along(call, tmp_path, art, invitation):
    terms = tmp_path / "mine.toml"
    terms.write_text(write_terms().replace("epsilon = 8.0", "epsilon = 'much'"))
    pictures = next(path for path in sorted(art.iterdir()) if path.is_dir())
    told = call("artist", "join", invitation, "--artworks", pictures, "--home", tmp_path / "new", "--terms", terms)
    assert told.code == 2
    assert "mine.toml line 6: epsilon is 'much'" in told.sentence()
    assert not (tmp_path / "new").exists()
