"""A run's own platform on loopback: a gateway in a process of its own, which trusts nobody and outlives nobody."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.artist.client import Line
from fedstyle_secure.engines.courier import Wait
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.engines.opening import EngineName
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.platform.gateway.receiving import UNKNOWN
from fedstyle_secure.runs import loopback, opening
from fedstyle_secure.runs.opening import Parties, ensure_engine
from fedstyle_secure.wire.routes import ANSWERED
from tests.engines.doors import only_outcome, opened

PATIENT = Wait(deadline=60.0, enough=2, grace=60.0)


def sealed(town, number, *, session=1):
    request = Envelope(
        sender=town.SERVER_KEY,
        recipient=town.public_key(number),
        purpose=Purpose.SESSION,
        session=session,
        round=0,
        body=b"a request",
    )
    return request.seal(town.PLATFORM)


def parties(town, count=2):
    return Parties(platform=town.PLATFORM, artists={str(number): town.identity(number) for number in range(count)})


def replying(town, number):
    """A mailbox that signs whatever it is asked."""

    def mailbox(request):
        claimed = Envelope.claims(request)
        reply = Envelope(
            sender=town.public_key(number),
            recipient=town.SERVER_KEY,
            purpose=claimed.purpose,
            session=claimed.session,
            round=claimed.round,
            body=b"an answer",
        )
        return reply.seal(town.identity(number))

    return mailbox


def ask(engine, town, *numbers, name="x", **changes):
    requests = {f"{number}/session": sealed(town, number, **changes) for number in numbers}
    return dict(engine.exchange(requests, name=name, wait=PATIENT))


def test_loo1_the_sums_are_those_without_and_all_that_passes_is_in_envelopes(town, monkeypatch):
    """ENG-1: what the gateway is given, and what it gives, was sealed by the platform or by the artist who calls."""
    passed, post = [], Line.post

    def noted(line, route, letter):
        answer = post(line, route, letter)
        passed.append((letter, answer.body))
        return answer

    monkeypatch.setattr(Line, "post", noted)
    changes = {"clients": 5, "min_survivors": 5, "multipliers": (0.0,)}
    federation = town.federation(**changes)
    with opened(EngineName.HTTP, federation) as engine:
        over = only_outcome(federation, engine)
    (within,) = type(federation)(folder=federation.folder / "again", **changes).run()
    assert over.problem == ""
    assert (over.aggregate.digest, over.aggregate.survivors) == (within.aggregate.digest, 5)
    known = {town.public_key(number) for number in range(5)}
    answered = 0
    for letter, body in passed:
        said = Envelope.claims(letter)
        Envelope.open(letter, sender=said.sender, recipient=town.SERVER_KEY, purpose=said.purpose)
        assert said.sender in known
        answered += said.purpose in ANSWERED
        if body:
            asked = Envelope.claims(body)
            Envelope.open(body, sender=town.SERVER_KEY, recipient=said.sender, purpose=asked.purpose)
    assert answered == 6 * 5


def test_loo1_what_an_artist_did_not_sign_is_refused_at_the_door_and_is_silence(town):
    mailboxes = MemoryEngine({"0/session": replying(town, 7), "1/session": replying(town, 1)})
    with loopback.open_local(mailboxes, parties(town)) as engine:
        assert set(ask(engine, town, 0, 1)) == {"1/session"}
    assert mailboxes.refusals == {"0/session": UNKNOWN}


def test_nobody_waits_for_an_artist_who_will_not_answer(town):
    def vanish(_request):
        raise Unreachable

    mailboxes = MemoryEngine({"0/session": replying(town, 0), "1/session": vanish})
    with loopback.open_local(mailboxes, parties(town)) as engine:
        begun = time.monotonic()
        assert set(ask(engine, town, 0, 1)) == {"0/session"}
        assert time.monotonic() - begun < PATIENT.deadline / 2


def test_loo3_a_mistake_of_ours_is_not_silence(town):
    def broken(_request):
        raise LookupError("a bug")

    mailboxes = MemoryEngine({"0/session": broken, "1/session": replying(town, 1)})
    with pytest.raises(LookupError, match="a bug"), loopback.open_local(mailboxes, parties(town)) as engine:
        ask(engine, town, 0, 1)


def test_loo3_a_gateway_that_is_killed_ends_the_run_in_a_sentence(town, monkeypatch):
    started, popen = [], subprocess.Popen

    def noted(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    def kill(_request):
        started[0].kill()
        started[0].wait()
        raise Unreachable

    monkeypatch.setattr(loopback.subprocess, "Popen", noted)
    mailboxes = MemoryEngine({"0/session": replying(town, 0), "1/session": kill})
    with (
        pytest.raises(FedStyleError, match="the gateway of this run ended with -9"),
        loopback.open_local(mailboxes, parties(town)) as engine,
    ):
        ask(engine, town, 0, 1)


def test_loo3_a_gateway_that_cannot_begin_says_why(town, tmp_path, monkeypatch):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such thing >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(loopback.sys, "executable", str(broken))
    with (
        pytest.raises(FedStyleError, match=r"ended with 3 \(no such thing\): run it again"),
        loopback.open_local(MemoryEngine({}), parties(town)),
    ):
        pass


ALONE = """
import sys
from pathlib import Path
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.platform.gateway.receiving import UNKNOWN
from fedstyle_secure.runs import loopback
from fedstyle_secure.runs.opening import Parties
from threat_models.platform_key import PLATFORM
gateway = loopback._Gateway(loopback._make(Path(sys.argv[1]), Parties(platform=PLATFORM, artists={})))
with gateway:
    print(gateway._process.pid, flush=True)
    sys.stdin.read()
"""


def test_loo2_a_gateway_ends_with_whoever_started_it_even_if_that_is_killed(tmp_path):
    root = Path(__file__).resolve().parents[2]
    starter = subprocess.Popen(
        [sys.executable, "-c", ALONE, str(tmp_path / "platform")],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with starter:
        gateway = int(starter.stdout.readline())
        assert is_alive(gateway)
        starter.kill()
    until = time.monotonic() + 30
    try:
        while is_alive(gateway) and time.monotonic() < until:
            time.sleep(0.05)
        assert not is_alive(gateway)
    finally:
        with suppress(ProcessLookupError):
            os.kill(gateway, signal.SIGKILL)


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_ope1_what_a_platform_needs_and_is_not_there_is_one_sentence(monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(opening, "import_module", missing)
    with pytest.raises(FedStyleError, match=r"--engine http needs what a platform needs .*fedstyle-secure\[platform\]"):
        ensure_engine(EngineName.HTTP)
