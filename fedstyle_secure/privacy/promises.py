"""What an epsilon promises, to whom, and on which conditions: in plain words, and the same words everywhere.

A plan, an artist's account and a run's report all ask here, so that none of them promises more than the others.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ..errors import InputError
from .clipping import Unit
from .mechanism import View
from .sizing import EPSILON_CEILING, Mode

_UNITS = {Unit.ARTWORK: "any one artwork was there", Unit.ARTIST: "any one artist's works were there"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """The terms that all epsilons of a run share.

    Attributes:
        mode: Where noise comes from.
        unit: What is protected.
        clients: Artists in the cohort.
        corrupt: Artists that may work with the server.
        min_survivors: Artists that must stay.
        delta: Probability at which epsilon is stated.
    """

    mode: Mode
    unit: Unit
    clients: int
    corrupt: int
    min_survivors: int
    delta: float

    @classmethod
    def read(cls, values: Mapping[str, object]) -> Self:
        """From a summary's plain values, by the names of the attributes; others are passed over.

        Raises:
            InputError: A value is missing, or is none of its kind.
        """
        match values:
            case {
                "mode": str(mode),
                "unit": str(unit),
                "clients": int(clients),
                "corrupt": int(corrupt),
                "min_survivors": int(min_survivors),
                "delta": float(delta),
            } if mode in set(Mode) and unit in set(Unit):
                return cls(
                    mode=Mode(mode),
                    unit=Unit(unit),
                    clients=clients,
                    corrupt=corrupt,
                    min_survivors=min_survivors,
                    delta=delta,
                )
        raise InputError("the run does not say what it promised, or in words unknown here: write it anew")

    def trusts(self, view: View) -> str:
        """Whom a view trusts, in a few words."""
        match view:
            case View.AGGREGATE:
                return f"masks; at most {self.corrupt} corrupt, at least {self.min_survivors} stay"
            case View.LOCAL:
                return "nobody"
            case View.WORST_CASE:
                return "nobody; all others corrupt"

    def in_words(self, view: View, epsilon: float) -> str:
        """What `epsilon` promises in a view; where it is infinite, that nothing is promised.

        Odds are those of differential privacy: of the probabilities of all that is seen, with the unit and without it.
        """
        if math.isinf(epsilon):
            why = "no noise is added" if self.mode is Mode.NONE else "at least one release has no bound"
            return f"Nothing is promised: {why}, so what is released may tell whether {_UNITS[self.unit]}."
        shift = (
            f"the odds that {_UNITS[self.unit]} shift by at most a factor of e^{epsilon:.2f} "
            f"(except with probability {self.delta:g})"
        )
        hopeless = " That is as good as no promise." if epsilon > EPSILON_CEILING else ""
        return f"For {self._observer(view)}, {shift}{self._condition(view)}.{hopeless}"

    def _observer(self, view: View) -> str:
        match view:
            case View.AGGREGATE:
                return "whoever sees all that the server sees and releases"
            case View.LOCAL:
                return "whoever sees one artist's own uploads without their masks"
            case View.WORST_CASE:
                return "a server that all other artists work with"

    def _condition(self, view: View) -> str:
        if view is View.AGGREGATE:
            helpers = "1 artist works" if self.corrupt == 1 else f"{self.corrupt} artists work"
            return (
                f", if masks hide single uploads, at most {helpers} with the server, and at least "
                f"{self.min_survivors} of {self.clients} stay to the end"
            )
        if self.mode is Mode.LOCAL:
            return ", whatever anyone else does, because all of the noise was in each upload before it left"
        return ", because the artist's own share of the noise is all that is left"
