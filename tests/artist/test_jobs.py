"""Researchers' jobs at an artist's: what is approved of is charged once, and answered apart from everything else."""

import math
import os
import shutil
import socket
import subprocess
from contextlib import closing

import numpy as np
import pytest

from fedstyle_secure.artist import sandbox
from fedstyle_secure.artist.jobs import (
    JOB_TYPES,
    Job,
    JobError,
    JobRequest,
    compute,
    mock_features,
    perform,
    preview,
)
from fedstyle_secure.artist.recovery import RECOVERY_FILE, open_ledger
from fedstyle_secure.artist.sandbox import ensure_sandbox, run_apart
from fedstyle_secure.artist.termsfile import StandingTerms, write_terms
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy.accounting import epsilon_of_mu
from tests.artist import stage

RESEARCHER = bytes(range(32))


def request(kind="count", epsilon=1.0, number=1):
    return JobRequest(type=kind, epsilon=epsilon, number=number)


def job(**changes):
    return Job(request=request(**changes), researcher=RESEARCHER)


@pytest.fixture
def terms(tmp_path):
    path = tmp_path / "terms.toml"
    path.write_text(write_terms())
    return StandingTerms.read(path)


@pytest.fixture
def home(tmp_path, art, monkeypatch, authority):
    address = "https://127.0.0.1:1"  # nobody is called
    with closing(
        stage.settle(tmp_path / "home", art, monkeypatch, address=address, certificates=authority.pem)
    ) as home:
        yield home


def spent(home):
    ledger = open_ledger(home.ledger_path, home.terms)
    return ledger.spent(ledger.view)


def here(request, terms, features):
    """What the sandbox computes, without it."""
    return compute(request, request.mechanism(terms), features, os.urandom)


class TestRequests:
    """JOB-1: a name from the list and a number, and nothing else."""

    def test_job1_there_is_one_way_to_ask(self):
        asked = request("steadiness", 0.5)
        assert JobRequest.decode(asked.encode()) == asked
        for data in (
            b"",
            b"#!/bin/sh\nid",
            asked.encode() + b" ",
            asked.encode().replace(b"0.5", b"0.50"),
            b"x" * 2_000,
        ):
            with pytest.raises(InputError):
                JobRequest.decode(data)

    @pytest.mark.parametrize("changes", [{"kind": "__import__"}, {"epsilon": 0.0}, {"epsilon": math.inf}])
    def test_job1_what_is_not_listed_or_out_of_bounds_is_refused(self, changes):
        with pytest.raises(InputError):
            request(**changes)


class TestRows:
    """JOB-3: what one artwork adds is bounded, and depends on nothing else."""

    @pytest.mark.parametrize("kind", JOB_TYPES)
    @pytest.mark.parametrize("fill", [0.0, 1.0, -1.0, 1e38, math.inf, math.nan])
    def test_job3_a_row_has_norm_one_at_most_whatever_the_features(self, kind, fill):
        with np.errstate(all="ignore"):
            rows = JOB_TYPES[kind].row(np.full((1, 5, 8), fill, np.float32))
        assert rows.shape == (1, len(JOB_TYPES[kind].bins))
        assert np.linalg.norm(rows[0]) <= 1

    @pytest.mark.parametrize("kind", JOB_TYPES)
    def test_job3_the_noise_is_what_the_charge_says(self, kind, terms):
        asked, mock = request(kind, 1.0), mock_features()
        mechanism = asked.mechanism(terms)
        event = mechanism.event(terms.view)
        assert epsilon_of_mu(1 / event.noise_multiplier, terms.delta) <= 1.0
        bins = JOB_TYPES[kind].bins
        exact = sum(JOB_TYPES[kind].row(mock.views[at : at + 1])[0] for at in range(len(mock)))
        runs = 40 if len(bins) > 1 else 200
        answers = np.array([compute(asked, mechanism, mock, os.urandom) for _ in range(runs)])
        spread = np.sqrt(((answers - exact) ** 2).mean())
        assert 0.8 < spread / event.noise_multiplier < 1.25
        assert np.abs(answers.mean(axis=0) - exact).max() < 5 * event.noise_multiplier / math.sqrt(runs)


class TestPerforming:
    """JOB-2: approved of, charged once, and only then computed."""

    def test_job2_what_was_not_approved_of_costs_nothing(self, home):
        with pytest.raises(JobError, match="'count' was asked for and 'steadiness' approved of: nothing was charged"):
            perform(home, job(), approved="steadiness", run=here)
        assert spent(home) == 0

    def test_job2_an_answer_is_charged_and_the_same_one_again_is_not(self, home):
        first = perform(home, job(), approved="count", run=here)
        assert spent(home) == pytest.approx(1.0, abs=0.02)
        assert (home.ledger_path.parent / RECOVERY_FILE).exists()
        cost = spent(home)
        assert perform(home, job(), approved="count", run=here) == first
        assert spent(home) == cost
        perform(home, job(number=2), approved="count", run=here)
        assert spent(home) > cost

    def test_job2_the_ledger_is_charged_before_anything_is_computed(self, home):
        seen = []

        def failing(*_):
            seen.append(spent(home))
            raise JobError("the disk is full")

        with pytest.raises(JobError, match="the disk is full"):
            perform(home, job(), approved="count", run=failing)
        assert seen == [pytest.approx(1.0, abs=0.02)]
        perform(home, job(), approved="count", run=here)
        assert spent(home) == seen[0]

    def test_job2_a_budget_that_is_spent_answers_nothing(self, home):
        perform(home, job(epsilon=7.5), approved="count", run=here)
        ran = []
        with pytest.raises(PrivacyError, match="raise the limit, add noise or stop"):
            perform(home, job(epsilon=3.0, number=2), approved="count", run=lambda *args: ran.append(args))
        assert not ran

    def test_what_an_artist_sees_before_is_of_artworks_that_nobody_made(self, home, monkeypatch):
        monkeypatch.setattr("fedstyle_secure.artist.jobs.load_features", None)  # it would fail
        shown = preview(home, request("steadiness", 2.0))
        assert sum(shown.exact) == len(mock_features())
        assert (shown.spent, shown.limit) == (0.0, home.terms.epsilon)
        assert shown.after == pytest.approx(2.0, abs=0.05)
        assert spent(home) == 0


needs_bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap") is None
    or subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], check=False).returncode != 0,  # noqa: S607
    reason="bubblewrap is not here, or may not work here",
)


class TestSandbox:
    """JOB-4, SBX-1 to SBX-3: a process that has features, and nothing else."""

    @needs_bubblewrap
    def test_sbx2_a_job_is_answered_apart(self, terms):
        ensure_sandbox()
        answer = run_apart(request("count", 8.0), terms, mock_features())
        assert answer == [pytest.approx(len(mock_features()), abs=10)]

    @needs_bubblewrap
    def test_job4_inside_there_is_no_network_no_home_and_no_way_to_write(self, terms, tmp_path, monkeypatch):
        listening = socket.create_server(("127.0.0.1", 0))
        port, secret = listening.getsockname()[1], tmp_path / "secret"
        secret.write_text("a key")
        probe = (
            "import json, os, socket, sys; sys.stdin.buffer.read(); found = []\n"
            "def tried(what):\n"
            "    try:\n"
            "        what(); found.append(1.0)\n"
            "    except OSError:\n"
            "        found.append(0.0)\n"
            f"tried(lambda: open({str(secret)!r}).close())\n"
            f"tried(lambda: os.listdir({str(tmp_path)!r}))\n"
            f"tried(lambda: socket.create_connection(('127.0.0.1', {port}), 1))\n"
            "tried(lambda: socket.create_connection(('192.0.2.1', 80), 1))\n"
            "tried(lambda: open('/usr/written', 'w').close())\n"
            "found += [float(len([each for each in os.listdir('/proc') if each.isdigit()]) > 3)]\n"
            f"found += [float('SECRET' in os.environ), float(os.path.exists({__file__!r}))]\n"
            "json.dump(found, sys.stdout)"
        )
        monkeypatch.setenv("SECRET", "a key")
        monkeypatch.setattr(sandbox, "_ENTRY", probe)
        with listening:
            assert run_apart(request("steadiness"), terms, mock_features()) == [0.0] * 8

    def test_sbx1_without_bubblewrap_nothing_is_run_unless_the_artist_says_so(self, terms, monkeypatch):
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(InputError, match="jobs run in bubblewrap, which is not installed: install it"):
            ensure_sandbox()
        monkeypatch.setattr(sandbox, "BUBBLEWRAP", "bwrap-is-not-here")
        with pytest.raises(JobError, match="cannot be begun"):
            run_apart(request(), terms, mock_features())
        answer = run_apart(request("count", 8.0), terms, mock_features(), without_sandbox=True)
        assert answer == [pytest.approx(len(mock_features()), abs=10)]

    @pytest.mark.parametrize(
        "said",
        ["", "[1.0", "[1.0, 2.0]", "[NaN]", "[1e999]", '["1.0"]', "[true]", "{}", "[" * 5_000],
    )
    def test_sbx2_what_is_no_answer_is_refused(self, said):
        with pytest.raises(JobError, match="gave no answer: run it again, it is charged once"):
            sandbox._read_answer(said.encode(), 1)

    def test_sbx3_it_ends(self, terms, monkeypatch):
        monkeypatch.setattr(sandbox, "SECONDS", 1)
        monkeypatch.setattr(sandbox, "_ENTRY", "import time; time.sleep(20)")
        with pytest.raises(JobError, match="took longer than 1 seconds"):
            run_apart(request(), terms, mock_features(), without_sandbox=True)

    def test_a_process_that_fails_says_why(self, terms):
        broken = StyleFeatures(np.zeros((1000, 2, 2), np.float32))  # more than max_artworks
        with pytest.raises(JobError, match=r"the job's process failed \(.*artworks.*\): run it again"):
            run_apart(request(), terms, broken, without_sandbox=True)
