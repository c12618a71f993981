"""Artists who speak once: agents of which no two ever run at the same time come to an exact sum."""

import threading
from contextlib import closing
from itertools import count, cycle

import pytest

from fedstyle_secure.aggregation.kinds import Protocol
from fedstyle_secure.artist.agent import Agent
from fedstyle_secure.artist.home import Home
from fedstyle_secure.platform.store.log import log_entries
from fedstyle_secure.transparency.leaves import Drawn, Session, decode
from tests.platform.live import ARTISTS, found, made
from tests.platform.test_live import charged, free_port, tap

TURNS = 40 * ARTISTS
"""More than it takes."""


def take_a_turn(live, number):
    """An agent is started, asks once whether there is something to do, does it, and ends."""
    polls = count()
    with closing(Home.open(live.home(number))) as home:
        agent = Agent(home, sleep=lambda _seconds: None)
        agent.run(until=lambda: next(polls) > 0)
        return agent._word


@pytest.mark.slow
def test_agents_that_run_one_after_the_other_come_to_an_exact_sum(tmp_path, art, monkeypatch):
    plan = {"protocol": Protocol.SPEAKONCE, "multipliers": (4.0,)}
    live = found(tmp_path / "live", f"sqlite:///{tmp_path}/db", (free_port(),), art, planned=plan)
    uploads, words = tap(tmp_path, monkeypatch), []
    with made(live, live.ports[0], poll_seconds=0.3) as server:
        serving = threading.Thread(target=server.run)
        serving.start()
        try:
            for number, _ in zip(cycle(range(ARTISTS)), range(TURNS), strict=False):
                words.append(take_a_turn(live, number))
                if live.training().state.name in {"ENDED", "FAILED"}:
                    break
        finally:
            server.should_exit = True
            serving.join()
    assert live.training().problem == "", [word for word in words if word.problem][-5:]
    outcome = live.outcome()
    assert outcome.survivors == (ARTISTS,)
    assert all(map(uploads.explain, outcome.sums, outcome.survivors))
    assert [charged(live, number) for number in range(ARTISTS)] == [[("prototype", 0), ("moments+head", 1)]] * ARTISTS
    assert not any(word.refused for word in words)
    with closing(live.database) as database, database.reading() as connection:
        leaves = list(map(decode, log_entries(connection, 1, 0, 1 << 62)))
    drawn, ended = ([leaf for leaf in leaves if isinstance(leaf, kind)] for kind in (Drawn, Session))
    assert [leaf.session for leaf in drawn] == [1]
    assert [leaf.survivors for leaf in ended] == [ARTISTS]
