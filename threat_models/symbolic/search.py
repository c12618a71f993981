"""Maude as a library: load the model, search every state, and tell in sentences how one was reached.

SYM-3  Whatever Maude writes to standard error is a failure: a statement it warns about is one it ignores.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path

import maude

FOLDER = Path(__file__).parent
MODELS = {"model.maude": "SCENARIOS", "windows.maude": "WINDOWS"}
"""Files in the order in which they are loaded, and the module that each defines."""

SAFE = "safe"
"""Verdict on a server that learns the promised sums at most."""

_STATE = "ST:State"


class ModelError(Exception):
    """The model cannot be trusted: Maude warned about it, or does not know what it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What a search found.

    Attributes:
        verdict: The first attack, in the model's words, or `SAFE` after every state was seen.
        states: How many states were seen.
        trace: How the attack goes, a sentence for each step; empty if there is none.
    """

    verdict: str
    states: int
    trace: tuple[str, ...]


class Model:
    """Both protocols and their goals; what is asked of it is a term of the last module, which extends the first.

    Args:
        folder: Where the `MODELS` are. A process can load them once.

    Raises:
        ModelError: Maude cannot load them, or warns.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        with _no_warnings():
            maude.init(advise=True, handleInterrupts=False)
            for name, module in MODELS.items():
                path = (folder / name).resolve()
                if not maude.load(str(path)):
                    raise ModelError(f"Maude cannot load {path}")
                self._module = maude.getModule(module)
                if self._module is None:
                    raise ModelError(f"{path} defines no module {module}")
        self._judged, self._knows = self._symbol("judged"), self._symbol("knows")

    @property
    def checks(self) -> frozenset[str]:
        """Names of all checks that can be left out."""
        sort = self._module.findSort("Check")
        constants = [symbol for symbol in self._module.getSymbols() if symbol.arity() == 0]
        names = {str(constant) for constant in constants if constant.getRangeSort() == sort}
        return frozenset(names - {"Check"})  # Maude's own: one named after each sort

    def explore(self, start: str) -> Exploration:
        """Searches all states, nearest first, until one is not safe."""
        with _no_warnings():
            search = self._term(start).search(maude.ANY_STEPS, self._term(_STATE))
            states = 0
            for state, *_ in search:
                states += 1
                if (verdict := _value(self._judged, state)) != SAFE:
                    end = f"the server computes {_told_sums(_value(self._knows, state))}"
                    return Exploration(verdict=verdict, states=states, trace=(*_steps(search), end))
            return Exploration(verdict=SAFE, states=states, trace=())

    def reaches(self, start: str, total: str) -> bool:
        """Whether there is a state in which the server can compute this sum."""
        with _no_warnings():
            goal = maude.EqualityCondition(self._term(f"computes(knows({_STATE}), {total})"), self._term("true"))
            return any(True for _ in self._term(start).search(maude.ANY_STEPS, self._term(_STATE), [goal]))

    def _term(self, text: str) -> maude.Term:
        term = self._module.parseTerm(text)
        if term is None:
            raise ModelError(f"the model does not know {text!r}")
        return term

    def _symbol(self, name: str) -> maude.Symbol:
        found = [symbol for symbol in self._module.getSymbols() if str(symbol) == name]
        if len(found) != 1:
            raise ModelError(f"the model has {len(found)} operators {name!r}, one is needed")
        return found[0]


def _value(function: maude.Symbol, state: maude.Term) -> str:
    term = function.makeTerm([state])
    term.reduce()
    return str(term)


def _steps(search: maude.RewriteSequenceSearch) -> Iterator[str]:
    """A sentence for each step to the state that a search is at; clients that do the same in turn share one."""
    deeds = [_deed(before, after) for before, after in pairwise(search.pathTo(search.getStateNr())[::2])]
    for (iteration, deed), same in groupby(deeds, key=itemgetter(1, 2)):
        yield f"{', '.join(name for name, _, _ in same)} (iteration {iteration}): {deed}"


def _deed(before: maude.Term, after: maude.Term) -> tuple[str, str, str]:
    """Name, iteration and answer of the one client that a step changed."""
    known = {str(client) for client in _clients(before)}
    (client,) = (client for client in _clients(after) if str(client) not in known)
    name, iteration, phase = client.arguments()
    facts = list(phase.arguments())
    match str(phase.symbol()):
        case "advertised":
            deed = f"invited with {facts[0]}, advertise keys"
        case "shared":
            deed = f"given {_told_keys(facts[1], iteration)}, seal shares to them"
        case "masked":
            deed = "upload a masked vector" + _told_boxes(*facts[1:])
        case "signed" | "counted":
            deed = f"sign the survivor set {facts[4]}"
        case "unmasked" | "released":
            deed = f"release shares for the survivor set {facts[4]}"
        case "spoke":
            deed = f"given {_told_keys(facts[1], iteration)}, speak to the committee {facts[2]}"
        case other:
            raise ModelError(f"no sentence tells of the phase {other!r}")
    return str(name), str(iteration), deed


def _clients(state: maude.Term) -> list[maude.Term]:
    _, _, clients, _ = state.arguments()
    return list(clients.arguments())


def _advertisements(several: maude.Term) -> list[maude.Term]:
    return list(several.arguments()) if str(several.symbol()) == "_;_" else [several]


def _told_keys(advertisements: maude.Term, iteration: maude.Term) -> str:
    """Only what is not as it should be is worth a word."""
    strange = [_told_key(one, iteration) for one in _advertisements(advertisements)]
    return ", ".join(filter(None, strange)) or "everyone's own keys"


def _told_key(advertisement: maude.Term, iteration: maude.Term) -> str:
    name, *numbers = advertisement.arguments()
    match str(advertisement.symbol()):
        case "honest":
            return "" if numbers[0].equal(iteration) else f"{name}'s keys of iteration {numbers[0]}"
        case "corrupt":
            return f"keys of {name}, who is the server's"
        case "stale":
            return f"{name}'s keys of a session before"
        case _:
            return f"the server's keys in the name of {name}"


def _told_boxes(shown: maude.Term, came: maude.Term, opened: maude.Term) -> str:
    """Whose box was withheld, and whose did not open."""
    withheld, spoiled = _rest(shown, came), _rest(came, opened)
    return (f", no mask with {withheld}" if withheld else "") + (f", no share of {spoiled}" if spoiled else "")


def _rest(several: maude.Term, some: maude.Term) -> str:
    """Names of those who are not among some."""
    among = {str(one) for one in _advertisements(some)}
    return " ".join(str(next(one.arguments())) for one in _advertisements(several) if str(one) not in among)


def _told_sums(known: str) -> str:
    return known.replace(" | ", " and ")


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Raises what Maude, which is no Python code, writes to file descriptor 2 meanwhile."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as heard:
        os.dup2(heard.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        heard.seek(0)
        if text := heard.read().decode(errors="replace").strip():
            raise ModelError(f"Maude warns: {text}")
