"""Simulated dropouts: in every session the same number of artists vanish, each at a random message."""

from collections.abc import Callable, Sequence

import numpy as np

from ..engines.memory import Unreachable

_MESSAGES = 5  # requests of one secure aggregation session; whoever vanishes misses at least the last of them


class Dropouts:
    """Decides who vanishes when.

    Args:
        names: All artists.
        count: How many vanish in each session.
        seed: Makes the choice reproducible; it decides nothing secret.
        ahead: Requests that everybody answers before a session: where artists speak once, the one for keys.
    """

    def __init__(self, names: Sequence[str], *, count: int, seed: int, ahead: int = 0) -> None:
        self._names, self._count, self._ahead = names, count, ahead
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._left: dict[str, int] = {}

    def next_session(self) -> None:
        """Choose anew who vanishes, and how many messages each still answers."""
        chosen = self._rng.permutation(len(self._names))[: self._count]
        self._left = {self._names[i]: self._ahead + int(self._rng.integers(_MESSAGES)) for i in chosen}

    def guard(self, name: str, mailbox: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        """A mailbox that stops answering when its owner has vanished."""

        def answer(request: bytes) -> bytes:
            if name in self._left:
                if self._left[name] == 0:
                    raise Unreachable
                self._left[name] -= 1
            return mailbox(request)

        return answer
