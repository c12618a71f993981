"""Who decides what an adversary does: dice here, and in tests Hypothesis, which shrinks what fails."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Chooser(ABC):
    """Where all decisions come from; the simplest choice is the first one, none, or no."""

    @abstractmethod
    def number(self, least: int, most: int) -> int: ...

    @abstractmethod
    def mixed(self, items: Sequence[T]) -> list[T]: ...

    def one(self, items: Sequence[T]) -> T:
        return items[self.number(0, len(items) - 1)]

    def some(self, items: Collection[int], least: int = 0, most: int | None = None) -> list[int]:
        """Some of the items, in any order."""
        most = len(items) if most is None else min(most, len(items))
        size = self.number(max(0, min(least, most)), max(0, most))
        return self.mixed(sorted(items))[:size] if size else []

    def chance(self, percent: int) -> bool:
        return self.number(0, 99) >= 100 - percent


class Dice(Chooser):
    """Every number is as likely as every other: many more different sessions than Hypothesis makes in the same time."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  (an adversary's decisions are no secrets)

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def mixed(self, items: Sequence[T]) -> list[T]:
        return self._random.sample(items, len(items))
