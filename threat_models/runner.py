"""Run a threat's three arms: defenses off, defenses on, one defense off; many threats share the cores."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from time import process_time

from fedstyle_secure.experiments.processes import worker_processes

from .claim import Arm, Attack, Claim, Effort, Figures, Verdict
from .register import Threat, threats


@dataclass(frozen=True, slots=True)
class Rule:
    """One arm before it has run: what is off, and what must come out.

    Attributes:
        off: Defenses that are left out.
        holds: Whether figures are as they must be.
    """

    off: frozenset[str]
    holds: Callable[[Figures], bool]


def judge(claim: Claim) -> Mapping[str, Rule]:
    """All arms of a claim, by name, in the order in which they run."""

    def has_power(figures: Figures) -> bool:
        return all(limit.holds(figures) for limit in claim.power)

    def is_protected(figures: Figures) -> bool:
        return all(limit.holds(figures) for limit in claim.protected)

    def is_broken(figures: Figures) -> bool:
        return not is_protected(figures)

    ablated = {f"without {', '.join(sorted(off))}": Rule(off, is_broken) for off in claim.ablated_sets}
    return {
        "power": Rule(claim.off_for_power, has_power),
        "protected": Rule(frozenset(), is_protected),
        **ablated,
    }


def run(claim: Claim, attack: Attack, effort: Effort, *, on_arm: Callable[[str], None] = lambda _name: None) -> Verdict:
    """All arms, one after the other.

    Args:
        claim: What is stated.
        attack: What measures it.
        effort: How hard to try.
        on_arm: Told the name of each arm before it runs.

    Raises:
        KeyError: The attack did not measure a figure that a limit names.
    """

    def measure(name: str, rule: Rule) -> Arm:
        on_arm(name)
        start = process_time()
        figures = {figure: float(value) for figure, value in attack(rule.off, effort).items()}
        return Arm(name=name, figures=figures, holds=rule.holds(figures), seconds=process_time() - start)

    return Verdict(claim=claim, arms=tuple(measure(name, rule) for name, rule in judge(claim).items()))


def run_together(chosen: Sequence[Threat], effort: Effort, jobs: int) -> Iterator[Verdict]:
    """Several threats at a time, each in a process of its own.

    Args:
        chosen: Threats of the register.
        effort: How hard to try.
        jobs: How many at a time.

    Yields:
        Verdicts, in whatever order they come.

    Raises:
        FedStyleError: A process died, for example for want of memory.
        KeyError: As `run` does.
    """
    with worker_processes(min(jobs, len(chosen))) as pool:
        # Attacks that learn take longest and have high numbers: begun last, one of them would run alone in the end.
        futures = {pool.submit(_run_arms, threat.claim.number, effort): threat.claim for threat in reversed(chosen)}
        for future in as_completed(futures):
            yield Verdict(claim=futures[future], arms=future.result())


def _run_arms(number: int, effort: Effort) -> tuple[Arm, ...]:
    threat = threats()[number]
    return run(threat.claim, threat.attack, effort).arms
