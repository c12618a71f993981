"""What a threat model states, and what makes it a test: three arms, each with figures that somebody can check.

CLM-1  A claim holds only if its attack has power: with the defenses off it succeeds, by the figures stated.
CLM-2  A defense counts only if it is missed: with that one off, the limits of the protected arm are broken.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .deployment import Deployment

Figures = Mapping[str, float]
"""What one run of an attack measured, by name: decibels, rates, ranks, counts."""

Attack = Callable[[frozenset[str], "Effort"], Figures]
"""Runs the attack against the real code with the named defenses off (none: as shipped), and measures."""

Defended = Callable[[Deployment], bool]
"""Whether the claim speaks of a deployment: its assumption, as far as public parameters tell."""


class Effort(StrEnum):
    """How hard an attack tries."""

    FAST = "fast"
    """Seconds: on every commit."""
    SLOW = "slow"
    """Minutes: more trials, larger cohorts, stronger optimizers."""


class Linddun(StrEnum):
    """Privacy threat categories (LINDDUN)."""

    LINKING = "linking"
    IDENTIFYING = "identifying"
    NON_REPUDIATION = "non-repudiation"
    DETECTING = "detecting"
    DATA_DISCLOSURE = "data disclosure"
    UNAWARENESS = "unawareness"
    NON_COMPLIANCE = "non-compliance"


class Stride(StrEnum):
    """Security threat categories (STRIDE)."""

    SPOOFING = "spoofing"
    TAMPERING = "tampering"
    REPUDIATION = "repudiation"
    INFORMATION_DISCLOSURE = "information disclosure"
    DENIAL_OF_SERVICE = "denial of service"
    ELEVATION_OF_PRIVILEGE = "elevation of privilege"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A figure and the bound it must keep.

    Attributes:
        figure: Its name in `Figures`.
        at_least: Smallest value that is good enough, or None.
        at_most: Largest value that is good enough, or None.
        unit: For people: ``dB``, ``AUC``; may be empty.
    """

    figure: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    def holds(self, figures: Figures) -> bool:
        """Whether the figure was measured and is within the bound; NaN never is."""
        value = figures[self.figure]
        above = self.at_least is None or value >= self.at_least
        below = self.at_most is None or value <= self.at_most
        return above and below and not math.isnan(value)

    @property
    def bounds(self) -> str:
        """The bound without the figure's name, for people."""
        bounds = [
            f"{sign} {bound:g}" for sign, bound in ((">=", self.at_least), ("<=", self.at_most)) if bound is not None
        ]
        return f"{' and '.join(bounds)}{f' {self.unit}' if self.unit else ''}"

    def __str__(self) -> str:
        return f"{self.figure} {self.bounds}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One numbered threat.

    Attributes:
        number: 1 for TM-1.
        title: A few words.
        adversary: Who attacks, and with what.
        assets: What is at stake.
        assumption: What must be true for the claim to hold.
        promise: The claim in one sentence.
        defenses: What stands in the way, by the name under which `attack` can leave it out, and where it is.
        ablations: Sets of defenses; with each off, the protected arm's limits must break. By default each one alone.
        power: What must be seen with all of `powerless` off.
        powerless: The defenses that are off in the power arm; by default all.
        protected: What must be seen with none off.
        residual: What is left to fear.
        tests: Tests that belong to it, as pytest ids.
        linddun: Privacy categories.
        stride: Security categories.
    """

    number: int
    title: str
    adversary: str
    assets: str
    assumption: str
    promise: str
    defenses: Mapping[str, str]
    power: tuple[Limit, ...]
    protected: tuple[Limit, ...]
    residual: str
    tests: tuple[str, ...]
    linddun: Collection[Linddun] = ()
    stride: Collection[Stride] = ()
    ablations: tuple[frozenset[str], ...] | None = None
    powerless: frozenset[str] | None = None

    @property
    def id(self) -> str:
        """TM-n."""
        return f"TM-{self.number}"

    @property
    def off_for_power(self) -> frozenset[str]:
        """Defenses that are off in the power arm."""
        return frozenset(self.defenses) if self.powerless is None else self.powerless

    @property
    def ablated_sets(self) -> tuple[frozenset[str], ...]:
        """Defenses that are off in each ablated arm."""
        return tuple(frozenset({name}) for name in self.defenses) if self.ablations is None else self.ablations


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One run of an attack.

    Attributes:
        name: ``power``, ``protected`` or ``without ...``.
        figures: What was measured.
        holds: Whether it came out as it must: an ablated arm holds if it *breaks* the protected limits.
        seconds: Processor time.
    """

    name: str
    figures: Figures
    holds: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All arms of one threat."""

    claim: Claim
    arms: tuple[Arm, ...]

    @property
    def holds(self) -> bool:
        """Whether every arm came out as it must."""
        return all(arm.holds for arm in self.arms)

    @property
    def in_words(self) -> str:
        """``holds``, or what went wrong."""
        wrong = [arm.name for arm in self.arms if not arm.holds]
        if not wrong:
            return "holds"
        if "power" in wrong:
            return "the attack has no power: nothing is shown"
        if "protected" in wrong:
            return "the claim fails"
        return f"nobody misses a defense: {'; '.join(wrong)}"
