"""`fedstyle research` and the jobs of `fedstyle artist`: asked by name, seen on mock data, approved, answered."""

import json
import shutil
from contextlib import closing
from importlib.util import find_spec

import pytest

from fedstyle_secure.artist.recovery import open_ledger
from tests.artist import stage
from tests.artist.street import Authority

needs_syft = pytest.mark.skipif(
    find_spec("syft") is None or find_spec("syft_rds") is None, reason="needs the optional extra: pip install '.[syft]'"
)
needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")


@pytest.fixture
def home(tmp_path, art, monkeypatch):
    """The folder of an artist who joined."""
    folder, pem = tmp_path / "home", Authority().pem
    with closing(stage.settle(folder, art, monkeypatch, address="https://127.0.0.1:1", certificates=pem)) as home:
        open_ledger(home.ledger_path, home.terms)
        return home.folder


class Both:
    """A researcher and an artist at their machines, with one folder between them."""

    def __init__(self, call, folder, home):
        self._call, self._folder, self._home, self._own = call, folder / "shared", home, folder / "researcher"
        self.researcher = call("research", "key", "--home", self._own).out.strip()
        self.identity = json.loads(call("artist", "status", "--home", home, "--json").out)["identity"]
        self.jobs()  # leaves the artist's card

    def research(self, command, *words):
        words = (self.identity, *words, "--folder", self._folder, "--home", self._own)
        return self._call("research", command, *words)

    def artist(self, command, *words):
        words = (*words, "--researcher", self.researcher, "--folder", self._folder, "--home", self._home)
        return self._call("artist", command, *words)

    def jobs(self):
        return {job["job"]: job for job in json.loads(self.artist("jobs", "--json").out)["jobs"]}

    def answers(self):
        return {job["job"]: job for job in json.loads(self.research("answers", "--json").out)["jobs"]}

    def spent(self):
        return json.loads(self._call("artist", "budget", "--home", self._home, "--json").out)["spent"]["aggregate"]


@pytest.fixture
def both(call, tmp_path, home):
    return Both(call, tmp_path, home)


@needs_syft
def test_a_job_from_asking_to_the_answer(both):
    assert both.research("ask", "count", "--epsilon", "2").code == 0
    assert both.research("ask", "steadiness", "--epsilon", "1").code == 0
    jobs = both.jobs()
    assert set(jobs) == {"count-2-1", "steadiness-1-1"}
    assert jobs["count-2-1"]["mock_exact"] == {"artworks": 30.0}
    assert jobs["count-2-1"]["spent"] == 0.0
    assert jobs["count-2-1"]["spent_after"] == pytest.approx(2.0, abs=0.05)
    shown = both.artist("jobs").out
    assert "fedstyle artist approve count-2-1 count" in shown

    wrong = both.artist("approve", "count-2-1", "steadiness", "--without-sandbox")
    assert wrong.code == 1
    assert "'count' was asked for and 'steadiness' approved of: nothing was charged" in wrong.err
    assert both.spent() == 0.0

    assert both.artist("approve", "count-2-1", "count", "--without-sandbox").code == 0
    assert both.artist("refuse", "steadiness-1-1").code == 0
    assert both.spent() == pytest.approx(2.0, abs=0.05)
    answers = both.answers()
    assert answers["steadiness-1-1"]["status"] == "rejected"
    assert answers["steadiness-1-1"]["numbers"] is None
    assert set(answers["count-2-1"]["numbers"]) == {"artworks"}
    assert answers["count-2-1"]["delta"] == 1e-5
    again = both.artist("approve", "count-2-1", "count", "--without-sandbox")
    assert again.code == 2
    assert "there is no open job 'count-2-1': nothing is asked of you" in again.err
    assert both.spent() == pytest.approx(2.0, abs=0.05)


@needs_syft
@needs_bubblewrap
def test_a_job_is_run_in_bubblewrap(both):
    assert both.research("ask", "count", "--epsilon", "4").code == 0
    both.jobs()
    assert both.artist("approve", "count-4-1", "count").code == 0
    assert both.answers()["count-4-1"]["status"] == "done"


@needs_syft
def test_without_bubblewrap_nothing_is_charged(both, monkeypatch):
    assert both.research("ask", "count", "--epsilon", "2").code == 0
    both.jobs()
    monkeypatch.setattr("fedstyle_secure.artist.sandbox.BUBBLEWRAP", "bwrap-is-not-here")
    refused = both.artist("approve", "count-2-1", "count")
    assert refused.code == 2
    assert "jobs run in bubblewrap, which is not installed" in refused.err
    assert both.spent() == 0.0


@needs_syft
def test_what_is_no_request_is_named_and_cannot_be_approved_of(both, tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from fedstyle_secure.durable import read_key
    from fedstyle_secure.engines.syft.boxes import VisitorBox
    from fedstyle_secure.engines.syft.desks import ResearcherDesk

    own = tmp_path / "researcher"
    key = Ed25519PrivateKey.from_private_bytes(read_key(own / "researcher.key"))
    identity = bytes.fromhex(both.identity)
    desk = ResearcherDesk(VisitorBox(tmp_path / "shared", own / both.identity[:16], key, [identity]))
    desk.ask(identity, "evil", b"#!/bin/sh\nid\n")
    shown = both.artist("jobs")
    assert "evil: no JobRequest" in shown.err
    assert both.artist("approve", "evil", "count", "--without-sandbox").code == 2


@pytest.mark.parametrize("key", ["", "ann", "00" * 31, "AB" * 32])
def test_what_is_no_key_is_refused(call, tmp_path, key):
    refused = call("research", "answers", key, "--folder", tmp_path, "--home", tmp_path / "own")
    assert refused.code == 2
    assert "a key is 64 hexadecimal digits" in refused.err


@pytest.mark.skipif(find_spec("syft") is not None, reason="the optional extra is installed")
def test_without_the_extra_there_is_one_sentence(call, tmp_path):
    refused = call("research", "answers", "ab" * 32, "--folder", tmp_path, "--home", tmp_path / "own")
    assert refused.code == 2
    assert "jobs over a shared folder needs an optional extra: pip install 'fedstyle-secure[syft]'" in refused.err
