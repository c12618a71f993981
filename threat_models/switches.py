"""Switch defenses off from outside: the real code has no switch for them, so an attack patches one name at a time."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

Switches = Mapping[str, Callable[[], AbstractContextManager[object]]]
"""For each defense, a context in which the real code does without it."""


@contextmanager
def off(without: Collection[str], switches: Switches) -> Iterator[None]:
    """Leave out the named defenses while the context lasts.

    Raises:
        KeyError: A defense without a switch: an attack that left nothing out would prove nothing.
    """
    with ExitStack() as stack:
        for name in sorted(without):
            stack.enter_context(switches[name]())
        yield
