"""Days on which something is wrong with an artist's machine, before a platform that really listens."""

import shutil
import threading
import time
from contextlib import closing

import pytest

from fedstyle_secure.artist.agent import Agent, StoppedError
from fedstyle_secure.artist.home import Home
from tests.platform.live import found
from tests.platform.test_live import free_port, serving


@pytest.fixture
def live(tmp_path, art):
    return found(tmp_path / "live", f"sqlite:///{tmp_path}/db", (free_port(),), art)


def take_part(folder, *, until):
    with closing(Home.open(folder)) as home:
        Agent(home, sleep=lambda seconds: time.sleep(min(seconds, 0.2))).run(until=until)


def once():
    """Poll until something was answered, once."""
    polls = iter([False, True])
    return lambda: next(polls)


def test_of_two_agents_with_one_key_one_is_stopped(live, tmp_path):
    """AGE-3: a folder that was copied to a second machine; both count the same start."""
    shutil.copytree(live.home(0), tmp_path / "copy")
    over, problems = threading.Event(), []

    def work(folder):
        try:
            take_part(folder, until=over.is_set)
        except StoppedError as error:
            problems.append(str(error))
            over.set()

    agents = [threading.Thread(target=work, args=(folder,)) for folder in (live.home(0), tmp_path / "copy")]
    with serving(live, live.ports[0]):
        for agent in agents:
            agent.start()
        over.wait(60)
        over.set()
        for agent in agents:
            agent.join()
    assert len(problems) == 1
    assert "another agent with this key is at work, or this folder is an old copy" in problems[0]


def test_an_old_copy_of_a_folder_is_stopped_and_the_newest_goes_on(live, tmp_path):
    """AGE-3: what an old copy has forgotten, releases among it, it cannot release again."""
    with serving(live, live.ports[0]):
        take_part(live.home(1), until=once())
        shutil.copytree(live.home(1), tmp_path / "backup")
        for _ in range(2):
            take_part(live.home(1), until=once())
        with pytest.raises(StoppedError, match="or this folder is an old copy"):
            take_part(tmp_path / "backup", until=once())
        take_part(live.home(1), until=once())
