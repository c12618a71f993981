"""A privacy budget in plain values, before anything runs and without any artwork: what noise, what error, what epsilon.

BGT-1  Nothing here sizes noise: every figure is read off the mechanisms that a run with these settings would use.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from itertools import groupby
from typing import Any, Final

from dp_accounting import GaussianDpEvent

from ..config import Settings
from ..errors import FedStyleError, InputError
from ..privacy.accounting import epsilon, gaussian_mu, naming_bound
from ..privacy.clipping import Unit
from ..privacy.mechanism import Mechanism, View
from ..privacy.promises import Promises
from ..privacy.sizing import Mode
from ..server.cohort import CohortPlan
from ..training.tensors import HEAD, MOMENTS
from .budget import Budget, plan_budget, untrained_budget
from .progress import Progress, Silent
from .rehearsal import Played
from .spending import finite
from .train import DIMENSIONS, OUTPUTS

FORMAT: Final = "fedstyle-plan-1"

ITERATIONS: Final = (1, 2, 4, 6, 8, 12, 20)
"""Numbers of iterations that are compared, beside the chosen one."""

CANDIDATES: Final = 100
"""For one artwork behind a signature, as in TM-15."""

_FLOAT_BYTES: Final = 4


def tabulate(
    settings: Settings,
    *,
    artists: int,
    artworks: int,
    dimensions: int = DIMENSIONS,
    outputs: int = OUTPUTS,
    rehearsal: Sequence[Played] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Plan a run as the run would, and say what that comes to.

    An error is the noise in a tensor, as the root mean square of its L2 norm, relative to the largest norm that the
    released sum can have: that of a sum in which all artists stay and all their artworks agree.

    Args:
        settings: Of the run.
        artists: Size of the cohort.
        artworks: Training artworks of each artist, as a public guess.
        dimensions: d of the style space; a run with little public art may have fewer.
        outputs: h of the head.
        rehearsal: What was compared before these settings were chosen.
        progress: Where to show how far it is.

    Returns:
        The plan in plain values, as ``fedstyle budget plan --json`` prints it; infinite epsilon is null.

    Raises:
        InputError: The numbers contradict each other, or the cohort cannot bear the settings.
        PrivacyError: No noise that fits a ring meets epsilon.
    """
    if not 1 <= artworks <= settings.max_artworks:
        raise InputError(
            f"--artworks must lie between 1 and --max-artworks, which is {settings.max_artworks}, got {artworks}: "
            "of more, a run would leave out the rest"
        )

    @cache
    def planned(changed: Settings) -> Budget:
        return plan_budget(changed, clients=artists, dimensions=dimensions, outputs=outputs)

    def errors(count: int, rate: float) -> dict[str, Any]:
        try:
            cohort = planned(replace(settings, iterations=count, sampling_rate=rate)).cohort
        except FedStyleError as error:
            return {"problem": str(error)}
        return _training_errors(cohort, artworks, dimensions, outputs)

    choices = sorted({*ITERATIONS, settings.updates} - {0})
    with (progress or Silent()).stage("Planning", len(choices)) as advance:
        budget = planned(settings)
        compared = []
        for count in choices:
            compared.append(
                {
                    "iterations": count,
                    "is_chosen": count == settings.updates,
                    "error": errors(count, settings.sampling_rate),
                    "error_without_sampling": errors(count, 1.0),
                }
            )
            advance(1)
    is_open = settings.sign and settings.iterations is None and not rehearsal
    summed = artworks if settings.unit is Unit.ARTWORK else 1
    mechanisms = budget.mechanisms(dimensions=dimensions, outputs=outputs, artworks=summed)
    return {
        "format": FORMAT,
        "artworks": artworks,
        "dimensions": dimensions,
        "outputs": outputs,
        "max_artworks": settings.max_artworks,
        "sign": settings.sign,
        "privacy": _privacy(settings, budget, mechanisms),
        "rehearsal": [asdict(each) for each in rehearsal],
        "named": _named(budget),
        "named_untrained": _named(untrained_budget(settings, artists)) if is_open else None,
        "releases": _releases(mechanisms, artworks),
        "upload_bytes": sum(map(_upload_bytes, mechanisms)),
        "iterations": compared,
    }


def tensor_noise(mechanism: Mechanism, survivors: int) -> dict[str, float]:
    """Standard deviation of the noise in a coordinate of each tensor of an aggregate, in clip norms of that tensor.

    Args:
        mechanism: The release.
        survivors: Artists whose noise is in the sum.
    """
    joint = math.sqrt(survivors) * mechanism.sigma_share / mechanism.scale
    return {segment.name: joint / math.sqrt(segment.share) for segment in mechanism.layout.segments}


def relative_errors(mechanism: Mechanism, artworks: int) -> dict[str, float]:
    """Of each tensor: root mean square norm of the noise over the largest norm of the sum, if all clients stay.

    Args:
        mechanism: The release.
        artworks: Of each artist; with a sampling rate, so many times the rate are expected in the sum.
    """
    each = artworks * mechanism.sampling_rate if mechanism.unit is Unit.ARTWORK else 1.0
    noise = tensor_noise(mechanism, mechanism.clients)
    largest = mechanism.clients * each
    return {s.name: noise[s.name] * math.sqrt(s.length) / largest for s in mechanism.layout.segments}


def _releases(mechanisms: Sequence[Mechanism], artworks: int) -> list[dict[str, Any]]:
    """One entry for each release, equal ones together."""
    # The rotation's seed is all in which equal releases of two iterations differ.
    runs = groupby(enumerate(mechanisms, start=1), key=lambda numbered: replace(numbered[1], rotation_seed=bytes(32)))
    entries = []
    for mechanism, group in runs:
        numbers = [number for number, _ in group]
        noise, errors = tensor_noise(mechanism, mechanism.clients), relative_errors(mechanism, artworks)
        is_alone = mechanism.clients == 1
        entries.append(
            {
                "iterations": None if is_alone else [numbers[0], numbers[-1]],
                "tensors": [
                    {"name": s.name, "coordinates": s.length, "noise": noise[s.name], "error": errors[s.name]}
                    for s in mechanism.layout.segments
                ],
                "noise_multiplier": mechanism.noise_multiplier,
                "noise_share": mechanism.sigma_share,
                "modulus_bits": mechanism.modulus_bits,
                "coordinates": mechanism.dimension,
                "upload_bytes": _upload_bytes(mechanism),
            }
        )
    return entries


def _upload_bytes(mechanism: Mechanism) -> int:
    """The masked vector, without the keys and shares around it; what one artist releases alone is floats."""
    if mechanism.clients == 1:
        return _FLOAT_BYTES * mechanism.length
    return mechanism.dimension * mechanism.modulus_bits // 8


def _named(budget: Budget) -> float | None:
    """How often a signature names an artwork among CANDIDATES to who knows all others; None where nothing says."""
    if budget.signature_multiplier is None:
        return None
    event = budget.signature_mechanism(1).event(View.LOCAL)
    return naming_bound(gaussian_mu([event]), CANDIDATES) if isinstance(event, GaussianDpEvent) else None


def _training_errors(cohort: CohortPlan, artworks: int, dimensions: int, outputs: int) -> dict[str, Any]:
    """Of the moments, of the head's first gradient, which shares their release, and of each later one."""
    first, *later = (
        relative_errors(cohort.mechanism(iteration, dimensions=dimensions, outputs=outputs), artworks)
        for iteration in range(1, min(len(cohort.multipliers), 2) + 1)
    )
    return {"moments": first[MOMENTS], "first_head": first[HEAD], "later_head": later[0][HEAD] if later else None}


def _privacy(settings: Settings, budget: Budget, mechanisms: Sequence[Mechanism]) -> dict[str, Any]:
    """What all releases promise together, as every artist's ledger will say after them."""
    cohort, slack = budget.cohort, sum(mechanism.delta_slack for mechanism in mechanisms)
    spent = {
        view: epsilon([mechanism.event(view) for mechanism in mechanisms], settings.delta, delta_slack=slack)
        for view in View
    }
    promises = Promises(
        mode=cohort.mode,
        unit=cohort.unit,
        clients=cohort.clients,
        corrupt=cohort.corrupt,
        min_survivors=cohort.min_survivors,
        delta=settings.delta,
    )
    return asdict(promises) | {
        "noise": cohort.noise,
        "sampling_rate": cohort.sampling_rate,
        "epsilon": {view.value: finite(value) for view, value in spent.items()},
        "limit": None if cohort.mode is Mode.NONE else settings.epsilon,
        "limited_view": budget.view,
        "promises": {view.value: promises.in_words(view, value) for view, value in spent.items()},
    }
