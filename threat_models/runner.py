"""Run a threat's three arms: defenses off, defenses on, one defense off."""

from collections.abc import Callable
from time import process_time

from .claim import Arm, Attack, Claim, Effort, Figures, Verdict


def run(claim: Claim, attack: Attack, effort: Effort) -> Verdict:
    """All arms, one after the other.

    Raises:
        KeyError: The attack did not measure a figure that a limit names.
    """

    def measure(name: str, without: frozenset[str], holds: Callable[[Figures], bool]) -> Arm:
        start = process_time()
        figures = {name: float(value) for name, value in attack(without, effort).items()}
        return Arm(name=name, figures=figures, holds=holds(figures), seconds=process_time() - start)

    def is_protected(figures: Figures) -> bool:
        return all(limit.holds(figures) for limit in claim.protected)

    def has_power(figures: Figures) -> bool:
        return all(limit.holds(figures) for limit in claim.power)

    def is_broken(figures: Figures) -> bool:
        return not is_protected(figures)

    return Verdict(
        claim=claim,
        arms=(
            measure("power", claim.off_for_power, has_power),
            measure("protected", frozenset(), is_protected),
            *(measure(f"without {', '.join(sorted(off))}", off, is_broken) for off in claim.ablated_sets),
        ),
    )
