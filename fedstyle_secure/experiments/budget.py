"""Plan a run's noise before anything is read or computed, and refuse what cannot be kept."""

from dataclasses import dataclass

from ..aggregation import check_support, threshold
from ..artist import SIGNATURE
from ..config import Settings
from ..errors import InputError
from ..iterations import CohortPlan, training_shares
from ..privacy.accounting import plan_multipliers
from ..privacy.mechanism import Mechanism, View, plan
from ..privacy.sizing import Mode
from ..training.updates import Layout, Segment, Support

SIGNATURE_SHARE = 0.4
"""A signature's share of the whole budget, counted in mu squared."""

SIGNATURE_DIMENSIONS = 96
"""Length of a signature: noise grows with it, detail too."""

_SLACK_RESERVE = 1e-3  # of delta, set aside for the mechanisms' failure probabilities
_SIGNATURE_SEED = b"\0" * 32  # a rotation needs a public seed, not a secret one


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The promises of a run.

    Attributes:
        cohort: The training's part.
        signature_multiplier: Noise multiplier of a signature; 0 in mode none, None where nobody signs.
        view: The view that `Settings.epsilon` limits.
    """

    cohort: CohortPlan
    signature_multiplier: float | None
    view: View

    def signature_mechanism(self, dimensions: int) -> Mechanism:
        """The release of one signature: one artist alone, so that all views are the same."""
        segment = Segment(name=SIGNATURE, length=dimensions, support=Support.ARTIST, clip_norm=1.0, share=1.0)
        return plan(
            mode=self.cohort.mode,
            unit=self.cohort.unit,
            layout=Layout((segment,)),
            noise_multiplier=self.signature_multiplier or 0.0,
            clients=1,
            corrupt=0,
            min_survivors=1,
            max_artworks=self.cohort.max_artworks,
            rotation_seed=_SIGNATURE_SEED,
        )


def plan_budget(settings: Settings, *, clients: int, dimensions: int, outputs: int) -> Budget:
    """Size everything for a cohort, and try every release on for size.

    Args:
        settings: The user's wishes.
        clients: Artists in the cohort.
        dimensions: d of the style space, at most.
        outputs: h of the head.

    Raises:
        InputError: The cohort cannot bear the dropouts or corrupt clients asked for.
        PrivacyError: No noise that fits a ring meets epsilon.
    """
    corrupt, min_survivors = _cohort_sizes(settings, clients)
    shares = training_shares(settings.iterations)
    signature_multiplier: float | None = 0.0 if settings.sign else None
    multipliers = [0.0] * settings.iterations
    if settings.privacy is not Mode.NONE:
        training = 1 - SIGNATURE_SHARE if settings.sign else 1.0
        parts = {str(index): share * training for index, share in enumerate(shares)}
        if settings.sign:
            parts[SIGNATURE] = SIGNATURE_SHARE
        planned = plan_multipliers(settings.epsilon, settings.delta, parts, delta_slack=settings.delta * _SLACK_RESERVE)
        multipliers = [planned[str(index)] for index in range(settings.iterations)]
        signature_multiplier = planned.get(SIGNATURE)
    cohort = CohortPlan(
        mode=settings.privacy,
        unit=settings.unit,
        clients=clients,
        corrupt=corrupt,
        min_survivors=min_survivors,
        max_artworks=settings.max_artworks,
        multipliers=multipliers,
        seed=settings.seed.to_bytes(8, "big", signed=True),
    )
    view = View.LOCAL if settings.privacy is Mode.LOCAL else View.AGGREGATE
    budget = Budget(cohort=cohort, signature_multiplier=signature_multiplier, view=view)
    for iteration in (1, settings.iterations):
        check_support(
            cohort.mechanism(iteration, dimensions=dimensions, outputs=outputs), min_cohort=settings.min_cohort
        )
    if settings.sign:
        budget.signature_mechanism(SIGNATURE_DIMENSIONS)
    return budget


def _cohort_sizes(settings: Settings, clients: int) -> tuple[int, int]:
    """Corrupt clients and minimum survivors."""
    corrupt = settings.corrupt if settings.corrupt is not None else max(1, clients // 10)
    min_survivors = clients - int(settings.drop_rate * clients)
    if min_survivors < settings.min_cohort:
        raise InputError(
            f"with --drop-rate {settings.drop_rate:g} only {min_survivors} of {clients} artists are sure to stay, "
            f"fewer than the minimum cohort of {settings.min_cohort}: lower --drop-rate or --min-cohort, or add artists"
        )
    needed = max(threshold(clients, corrupt), corrupt + 2)
    if needed > min_survivors:
        raise InputError(
            f"{corrupt} corrupt artists among {clients} need at least {needed} survivors to be safe, but only "
            f"{min_survivors} are sure to stay: lower --corrupt or --drop-rate, or add artists"
        )
    return corrupt, min_survivors
