"""Take a defense of the real code away, inside this process, for as long as an attack runs.

An edit changes the source text of one function and puts the compiled result in its place, so that every importer gets
it. The code itself has no switch that could be left off.

EDI-1  An edit whose text is not found exactly once is an error: the defense moved, and nothing was taken away.
EDI-2  Whatever happens meanwhile, the functions are afterwards what they were.
EDI-3  What a function whose result is kept gave before is forgotten, before an attack and after it.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class _Kept(Protocol):
    """A function whose result is kept, as `functools.cache` does."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """What it gave before, or gives now."""

    def cache_clear(self) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One defense in one function.

    Attributes:
        place: `module:function` or `module:Class.method`; a property is a method too.
        defense: Text of the function that occurs in it once.
        without: What stands there without the defense.
    """

    place: str
    defense: str
    without: str

    def found(self) -> object:
        """What is at its place."""
        module, _, name = self.place.partition(":")
        return reduce(inspect.getattr_static, name.split("."), import_module(module))

    def function(self) -> FunctionType:
        """The function that holds the defense."""
        return _plain(self.found())


@contextmanager
def applied(edits: Iterable[Edit]) -> Iterator[None]:
    """The code without these defenses.

    Raises:
        LookupError: the text of an edit is not there, or there more than once (EDI-1).
    """
    edits = dict.fromkeys(edits)  # two defenses may share one
    kept = [found for edit in edits if isinstance(found := edit.found(), _Kept)]
    with ExitStack() as stack:
        stack.callback(_forget, kept)  # last of all
        for function in dict.fromkeys(edit.function() for edit in edits):
            code = _edited(function, [edit for edit in edits if edit.function() is function])
            stack.callback(setattr, function, "__code__", function.__code__)
            function.__code__ = code
        _forget(kept)
        yield


def off(without: Collection[str], edits: Mapping[str, Sequence[Edit]]) -> AbstractContextManager[None]:
    """The code without the defenses of these names.

    Raises:
        KeyError: nobody knows how to take one of them away: an attack that left nothing out would prove nothing.
        LookupError: as `applied` does, on entering.
    """
    return applied([edit for name in sorted(without) for edit in edits[name]])


def _forget(kept: Iterable[_Kept]) -> None:
    for each in kept:
        each.cache_clear()


def _plain(found: object) -> FunctionType:
    """The function behind a property, a class method or a decorator, whose own text is elsewhere."""
    if isinstance(found, property):
        found = found.fget
    elif isinstance(found, classmethod | staticmethod):
        found = found.__func__
    plain = inspect.unwrap(found) if isinstance(found, FunctionType | _Kept) else found
    if not isinstance(plain, FunctionType):
        raise TypeError(f"{found!r} is no function")
    return plain


def _edited(function: FunctionType, edits: Iterable[Edit]) -> CodeType:
    source = dedent(inspect.getsource(function))
    for edit in edits:
        if source.count(edit.defense) != 1:
            raise LookupError(f"{edit.place} holds {source.count(edit.defense)} times: {edit.defense}")
        source = source.replace(edit.defense, edit.without)
    namespace = dict(function.__globals__)
    exec(source, namespace)  # noqa: S102  (our own source, edited)
    return _plain(namespace[function.__name__]).__code__
