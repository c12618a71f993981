"""Window after window, each with one lie, until one of them leaks: sessions for `adversaries.hunt`."""

from collections.abc import Callable, Sequence

from ..adversaries.choices import Chooser
from ..adversaries.wire import Violation
from .attacks import ATTACKS, Attack, anything


class LyingWindow:
    """One window before a server that lies.

    Args:
        attack: What it tries.
        choose: Decides everything.
    """

    def __init__(self, attack: Attack, choose: Chooser) -> None:
        self._attack = attack
        self._choose = choose

    def __repr__(self) -> str:
        return self._attack.__name__

    def play(self) -> bool:
        """Whether there is a sum; it is the only one, and as large as was promised.

        Raises:
            Violation: more leaks.
        """
        server = self._attack(self._choose)
        leaks = server.findings().leaks
        if len(leaks) > 1 or any(len(leak) < server.least or set(leak.values()) != {1} for leak in leaks):
            raise Violation(f"{self!r}: {leaks}")
        return bool(leaks)


def lying_windows(attacks: Sequence[Attack] = ()) -> Callable[[Chooser], LyingWindow]:
    """Windows in which a server tries one of these, or, if none is named, anything and everything."""

    def make(choose: Chooser) -> LyingWindow:
        if attacks:
            return LyingWindow(choose.one(attacks), choose)
        return LyingWindow(anything if choose.chance(75) else choose.one(ATTACKS), choose)

    return make
