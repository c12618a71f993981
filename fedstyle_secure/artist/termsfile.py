"""``terms.toml``: what an artist insists on whatever a platform offers, in the artist's own words and numbers.

TRF-1  The file is complete: what it leaves out is refused like what it gets wrong, in one sentence that names the line,
       the value and the remedy. Nothing is taken from a default, and nothing from a platform.
TRF-2  Accomplices are at least so many, and at least such a part of the roster: a roster that grows takes noise that
       grows.
TRF-3  A roster with too many newcomers is no roster until the artist itself agrees: invented artists need numbers.
"""

import math
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from ..aggregation.kinds import Protocol
from ..bounds import ARTWORKS, CORRUPT, DELTA, EPSILON, MIN_COHORT, SAMPLING_RATE, Bounds
from ..encoder.spec import LITE0, LITE0_WEIGHTS
from ..errors import InputError
from ..names import shown
from ..privacy.clipping import Unit
from ..privacy.mechanism import View
from ..privacy.sizing import Mode

if TYPE_CHECKING:
    from .terms import Terms

_NUMBERS_END: Final = (1 << 32) - 1
_MODES: Final = (Mode.DISTRIBUTED, Mode.LOCAL)


@dataclass(frozen=True, slots=True)
class _Term:
    """One line of the file: what stands above it, what `join` proposes, and what it may be."""

    about: str
    proposed: bool | int | float | str | tuple[str, ...]
    bounds: Bounds | None = None
    choices: tuple[str, ...] = ()


_TERMS: Final[Mapping[str, _Term]] = {
    "epsilon": _Term(
        "Most that everything ever released of your artworks may cost, whatever platform asks (smaller is more\n"
        "private). Your ledger refuses what would cost more.",
        8.0,
        EPSILON,
    ),
    "delta": _Term("Probability at which every epsilon here is stated.", 1e-5, DELTA),
    "iteration_epsilon": _Term("Most that one session may cost.", 7.0, EPSILON),
    "unsummed_epsilon": _Term(
        "Most that sessions which ended without a sum may cost together; at least iteration_epsilon.", 7.0, EPSILON
    ),
    "max_uploads": _Term(
        "How often you upload for one model update at most: every retry is charged again.", 2, Bounds(1, 1_000)
    ),
    "max_jump": _Term(
        "How far numbers of updates and sessions may jump, so that nobody runs them to their end.",
        1_000,
        Bounds(1, _NUMBERS_END),
    ),
    "privacy": _Term(
        'Where noise comes from: "distributed" (all artists\' noise together protects, behind masks) or "local"\n'
        "(your own noise protects you alone; much more of it).",
        Mode.DISTRIBUTED.value,
        choices=tuple(mode.value for mode in _MODES),
    ),
    "unit": _Term(
        'What is protected: that any one "artwork" of yours was there, or that you, the "artist", were.',
        Unit.ARTWORK.value,
        choices=tuple(unit.value for unit in Unit),
    ),
    "sampling_rate": _Term("Chance of each artwork to take part in an update.", 1.0, SAMPLING_RATE),
    "max_artworks": _Term(
        "A public bound on the number of your artworks: a round number, at least as many as you have.", 100, ARTWORKS
    ),
    "min_cohort": _Term("Fewest artists among whom you hide, and in any sum that you are part of.", 5, MIN_COHORT),
    "accomplices": _Term("Artists on the roster that may secretly work with the platform, at least.", 1, CORRUPT),
    "accomplices_share": _Term("The same as a part of the roster; the larger of both counts.", 0.1, Bounds(0.0, 0.5)),
    "roster_growth": _Term(
        "Newcomers that a roster may have without asking you, as a part of the one you accepted before. A platform\n"
        "can invent artists; beyond this, `fedstyle artist run --accept-roster` shows you what to agree to.",
        0.5,
        Bounds(0.0, 100.0),
    ),
    "patience": _Term("Seconds in which a session must show you the keys of the others.", 3_600, Bounds(1, 10**7)),
    "answer_seconds": _Term(
        "Fewest seconds that a platform must leave you for an answer: who is too late was charged for nothing.",
        10,
        Bounds(1, 10**6),
    ),
    "sign": _Term(
        "Publish a signature when a training is over, so that buyers find you: false waits until you say\n"
        "`fedstyle artist sign`. A signature costs epsilon too, and is public for good.",
        False,
    ),
    "protocols": _Term(
        'How you take part in sessions: "secagg" (five rounds, with everybody there) or "speakonce" (keys ahead, then\n'
        "one message whenever your machine is on; what you said can be opened until the window is over, by more\n"
        "members of a committee than may be accomplices).",
        tuple(each.value for each in Protocol),
        choices=tuple(each.value for each in Protocol),
    ),
    "encoders": _Term(
        "Networks that you agree to look at your artworks with, each as name@digest of its weights.",
        (f"{LITE0}@{LITE0_WEIGHTS}",),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingTerms:
    """What stands in ``terms.toml``; what each term is, its comment there says.

    Raises:
        InputError: Two terms contradict each other.
    """

    epsilon: float
    delta: float
    iteration_epsilon: float
    unsummed_epsilon: float
    max_uploads: int
    max_jump: int
    privacy: Mode
    unit: Unit
    sampling_rate: float
    max_artworks: int
    min_cohort: int
    accomplices: int
    accomplices_share: float
    roster_growth: float
    patience: int
    answer_seconds: int
    sign: bool
    protocols: tuple[str, ...]
    encoders: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.unsummed_epsilon < self.iteration_epsilon:
            raise InputError(
                f"unsummed_epsilon is {self.unsummed_epsilon:g}, less than iteration_epsilon, which is "
                f"{self.iteration_epsilon:g}: raise the first or lower the second"
            )
        if self.sampling_rate < 1 and self.unit is not Unit.ARTWORK:
            raise InputError(
                f"sampling_rate is {self.sampling_rate:g} and unit is artist: what is sampled are artworks, so make "
                "the rate 1.0 or the unit artwork"
            )

    @property
    def view(self) -> View:
        """The view whose epsilon is limited: the strongest that the mode's noise bears."""
        return View.LOCAL if self.privacy is Mode.LOCAL else View.AGGREGATE

    def corrupt(self, roster: int) -> int:
        """Accomplices to expect among so many artists (TRF-2)."""
        return max(self.accomplices, math.ceil(self.accomplices_share * roster))

    def newcomers(self, roster: Collection[bytes], accepted: Collection[bytes]) -> int:
        """How many of a roster are more newcomers than the artist agrees to without being asked; 0 for none (TRF-3).

        Args:
            roster: Identities on the roster that is proposed.
            accepted: Those on the last one agreed to; empty before the first, which is taken as it is.
        """
        fresh = len(set(roster) - set(accepted))
        return fresh if accepted and fresh > self.roster_growth * len(accepted) else 0

    def for_training(self, *, platform_key: bytes, architecture: bytes, roster: int) -> "Terms":
        """The terms of every session of a training.

        Args:
            platform_key: Pinned, 32 bytes.
            architecture: The one that was pinned, 32 bytes.
            roster: How many artists are on it.
        """
        from .terms import Terms

        return Terms(
            platform_key=platform_key,
            architectures=frozenset({architecture}),
            corrupt=self.corrupt(roster),
            min_cohort=self.min_cohort,
            min_survivors=self.min_cohort,
            patience=self.patience,
            mode=self.privacy,
            unit=self.unit,
            sampling_rate=self.sampling_rate,
            max_artworks=self.max_artworks,
            iteration_epsilon=self.iteration_epsilon,
            unsummed_epsilon=self.unsummed_epsilon,
            max_uploads=self.max_uploads,
            max_jump=self.max_jump,
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and check a file, each number in it (TRF-1).

        Raises:
            InputError: One sentence: the file, the line, the value and the remedy.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the terms {path} cannot be read ({error}): put a copy back, or join again") from error
        try:
            values = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not TOML: {error}") from error
        for name in values:
            if name not in _TERMS:
                raise InputError(f"{_place(path, text, name)}: {shown(name)!r} is no term: take the line out")
        for name, term in _TERMS.items():
            if name not in values:
                raise InputError(f"{path} does not say {name}: add a line, for example {name} = {_toml(term.proposed)}")
        found = {name: _checked(name, values[name], _place(path, text, name)) for name in _TERMS}
        try:
            return cls(**found)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def write_terms(changes: Mapping[str, Any] | None = None) -> str:
    """The file as `join` writes it: safe values, each with its explanation.

    Args:
        changes: Values to write in place of those that are proposed.

    Raises:
        InputError: A change is no term, or is out of its bounds.
    """
    changes = {} if changes is None else changes
    unknown = sorted(set(changes) - set(_TERMS))
    if unknown:
        raise InputError(f"{unknown[0]} is no term: the terms are {', '.join(_TERMS)}")
    lines = [
        "# What you insist on, whatever a platform offers: your agent takes part only within these terms.",
        "# Change what you like and start `fedstyle artist run` again; every line must stay.",
    ]
    for name, term in _TERMS.items():
        value = _checked(name, changes.get(name, term.proposed), "terms")
        lines += ["", *(f"# {line}" for line in term.about.split("\n")), f"{name} = {_toml(value)}"]
    return "\n".join(lines) + "\n"


def _checked(name: str, value: object, place: str) -> Any:
    """A value of its term's type and within its bounds."""
    term, kind = _TERMS[name], type(_TERMS[name].proposed)
    is_number = type(value) is kind or (kind is float and type(value) is int)
    if kind in {int, float} and is_number and isinstance(value, int | float):
        if term.bounds is not None:
            term.bounds.check(f"{place}: {name}", value)
        return kind(value)
    if kind is tuple and isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
        unknown = [each for each in value if term.choices and each not in term.choices]
        if not unknown:
            return tuple(value)
    if kind is str and value in term.choices:
        return (Mode if name == "privacy" else Unit)(value)
    if kind is bool and isinstance(value, bool):
        return value
    wanted = f"one of {', '.join(map(_toml, term.choices))}" if term.choices else _KINDS[kind]
    raise InputError(
        f"{place}: {name} is {shown(repr(value))[:60]}, and must be {wanted}: write {_toml(term.proposed)[:60]}"
    )


_KINDS: Final = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list of names in quotes",
}


def _place(path: Path, text: str, name: str) -> str:
    """Where a term stands in a file."""
    pattern = re.compile(rf"\s*[\[\"']*{re.escape(name)}\b")
    line = next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), None)
    return f"{path}" if line is None else f"{path} line {line}"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple() | list():
            return f"[{', '.join(map(_toml, value))}]"
        case str():
            return f'"{value}"'
    return str(value)
