"""Session after session, each with few deviations, until one of them leaks or time is up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import process_time
from typing import Protocol

from .choices import Chooser, Dice
from .deviations import DEVIATIONS
from .evil_clients import LyingClients
from .evil_server import Deviation, EvilServer
from .parties import ROOMY, cohort
from .wire import Violation

PATIENCE = 60.0
"""Seconds in which a missing defense must be found."""
ELSEWHERE = 20
"""Sessions that are enough where nothing is missing, while something is elsewhere."""


class Session(Protocol):
    """What can be played once."""

    def play(self) -> bool:
        """Whether there is an exact sum; raises `Violation`."""


def lying_server(choose: Chooser, attacks: Sequence[type[Deviation]] = ()) -> EvilServer:
    """A session with a lying server, near honest: most bend one thing or two.

    Args:
        choose: Decides everything.
        attacks: Deviations to be taken every other time.
    """
    invited = cohort(choose)
    kinds = [
        choose.one(attacks) if attacks and choose.chance(50) else choose.one(DEVIATIONS)
        for _ in range(choose.one((0, 1, 1, 1, 2, 2)))
    ]
    return EvilServer(invited, choose, list(dict.fromkeys(kinds)))


def lying_clients(choose: Chooser) -> LyingClients:
    """A session with an honest server, in which corrupt clients bend a round or two."""
    return LyingClients(cohort(choose, ROOMY), choose)


@dataclass(slots=True)
class Tally:
    """What many sessions came to.

    Attributes:
        sessions: How many were played; the last one's number is one less.
        completed: How many ended in the exact sum.
        seconds: Processor time they took; other work on the machine does not count.
        violation: What the adversary got in the last one, if anything.
    """

    sessions: int = 0
    completed: int = 0
    seconds: float = 0.0
    violation: Violation | None = None

    def __str__(self) -> str:
        rate = self.sessions / self.seconds if self.seconds else 0.0
        outcome = f"violation: {self.violation}" if self.violation else "no violation"
        return f"{self.sessions} sessions, {self.completed} exact sums, {self.seconds:.1f} s ({rate:.0f}/s), {outcome}"


def hunt(
    make: Callable[[Chooser], Session], *, sessions: int, seconds: float = float("inf"), may_crash: bool = False
) -> Tally:
    """Plays sessions 0, 1, 2 and so on, the same ones each time it is called, until the first violation.

    Args:
        make: Makes a session out of decisions.
        sessions: At most so many.
        seconds: For at most so long.
        may_crash: Whether a party may raise what is no refusal, as one with a check taken out does.
    """
    tally = Tally()
    start = process_time()
    while not tally.violation and tally.sessions < sessions and process_time() - start < seconds:
        session = make(Dice(tally.sessions))
        tally.sessions += 1
        try:
            tally.completed += session.play()
        except Violation as violation:
            violation.add_note(f"session {tally.sessions - 1}: {session}")
            tally.violation = violation
        except (KeyError, AttributeError):
            if not may_crash:
                raise
    tally.seconds = process_time() - start
    return tally


def searched(make: Callable[[Chooser], Session], sessions: int, *, missing: bool) -> Tally:
    """As `hunt`: where a defense is missing, until that is found or a minute is over; else so many sessions."""
    if missing:
        return hunt(make, sessions=10_000, seconds=PATIENCE, may_crash=True)
    return hunt(make, sessions=sessions)


def attack(attacks: Sequence[type[Deviation]]) -> Callable[[Chooser], Session]:
    """Sessions in which these deviations are likely."""
    return partial(lying_server, attacks=attacks)
