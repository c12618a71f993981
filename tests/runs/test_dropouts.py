"""Simulated dropouts: exactly as many as asked, at every message over time, and back in the next session."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.engines.courier import Wait
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.runs.dropouts import Dropouts

MESSAGES = 5
WAIT = Wait(deadline=1.0, enough=1, grace=0.0)
NAMES = [f"artist {number}" for number in range(9)]


def answered(dropouts: Dropouts) -> dict[str, int]:
    """How many requests of one session everybody answers."""
    engine = MemoryEngine({name: dropouts.guard(name, bytes.upper) for name in NAMES})
    dropouts.next_session()
    replies = [dict(engine.exchange(dict.fromkeys(NAMES, b"request"), name="", wait=WAIT)) for _ in range(MESSAGES)]
    for before, after in pairwise(replies):
        assert set(after) <= set(before)  # whoever has vanished stays away
    assert engine.refusals == {}
    return {name: sum(name in reply for reply in replies) for name in NAMES}


@given(count=st.integers(0, len(NAMES)), seed=st.integers(0, 2**63 - 1))
def test_exactly_as_many_vanish_as_asked_in_every_session(count: int, seed: int) -> None:
    dropouts = Dropouts(NAMES, count=count, seed=seed)
    for _ in range(3):
        assert sum(answers < MESSAGES for answers in answered(dropouts).values()) == count


def test_everyone_vanishes_sometimes_and_at_every_message() -> None:
    dropouts = Dropouts(NAMES, count=3, seed=0)
    who: Counter[str] = Counter()
    when: Counter[int] = Counter()
    for _ in range(100):
        gone = {name: answers for name, answers in answered(dropouts).items() if answers < MESSAGES}
        who.update(gone.keys())
        when.update(gone.values())
    assert set(who) == set(NAMES)
    assert set(when) == set(range(MESSAGES))
    assert min(when.values()) > 300 / MESSAGES / 2


@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_repeats_who_vanishes_and_when(seed: int) -> None:
    first, second = Dropouts(NAMES, count=2, seed=seed), Dropouts(NAMES, count=2, seed=seed)
    assert [answered(first) for _ in range(3)] == [answered(second) for _ in range(3)]
