"""Where long work reports how far it is; the library shows nothing by itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Shows stages of known or unknown length."""

    def stage(self, name: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """Open a stage; the function it gives takes the number of steps done since its last call."""
        ...

    def tell(self, sentence: str) -> None:
        """Say something that whoever started this must know before it goes on."""
        ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Callable[[int], None]]:  # noqa: ARG002 - says nothing
        """Open a stage nobody sees."""
        yield lambda _done: None

    def tell(self, sentence: str) -> None:
        """Say nothing."""
