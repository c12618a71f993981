"""What the artists of a run agree to: the run's settings, read as each artist's own terms."""

import math

from ..aggregation.masking import IN_PROCESS
from ..artist.terms import Terms
from ..config import Protocol, Settings
from ..encoder.model import StyleModel
from ..privacy.accounting import quick_epsilon
from ..privacy.sizing import Mode
from .budget import Budget

_HEADROOM = 1 + 1e-6  # over what was planned, for the rounding of two roads to one number


def agree(settings: Settings, budget: Budget, model: StyleModel, platform_key: bytes) -> Terms:
    """Terms that bear what was planned and nothing more.

    Args:
        settings: The run's.
        budget: What was planned with them.
        model: Before any iteration.
        platform_key: The platform's Ed25519 public key, 32 bytes.
    """
    cohort = budget.cohort
    most = _most_of_one_iteration(settings, budget, model)
    # Who drops out after its upload sees no sum, as often as it drops out; who speaks once never sees one.
    sees_no_sum = settings.drop_rate or settings.protocol is Protocol.SPEAKONCE
    unsummed = settings.epsilon if sees_no_sum else max(most, settings.epsilon / 2)
    return Terms(
        platform_key=platform_key,
        architectures=frozenset({model.architecture_digest}),
        corrupt=cohort.corrupt,
        min_cohort=cohort.min_cohort,
        min_survivors=cohort.min_survivors,
        patience=IN_PROCESS,
        mode=settings.privacy,
        unit=settings.unit,
        sampling_rate=settings.sampling_rate,
        max_artworks=settings.max_artworks,
        iteration_epsilon=most,
        unsummed_epsilon=max(most, unsummed),
        max_uploads=1,
        max_jump=max(1, settings.updates) * settings.buckets,
    )


def _most_of_one_iteration(settings: Settings, budget: Budget, model: StyleModel) -> float:
    """Epsilon of the costliest iteration, in the view that the run limits."""
    if settings.privacy is Mode.NONE:
        return math.inf
    if not settings.updates:
        return settings.epsilon  # nothing is announced
    outputs, dimensions = model.head.shape
    releases = {
        budget.cohort.mechanism(iteration, dimensions=dimensions, outputs=outputs)
        for iteration in {1, settings.updates}  # the first takes most, the others share what is left
    }
    return _HEADROOM * max(
        quick_epsilon([release.event(budget.view)], settings.delta, delta_slack=release.delta_slack)
        for release in releases
    )
