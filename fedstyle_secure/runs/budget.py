"""Plan a run's noise before anything is read or computed, and refuse what cannot be kept."""

import math
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dp_accounting import DpEvent

from ..aggregation.session import NO_LOG, Subject, check_support, fewest_survivors, session_params
from ..artist.artist import PROTOTYPE, SIGNATURE
from ..config import Settings
from ..encoder.signature_space import LEAST_DIMENSIONS, MAX_DIMENSIONS, signature_length
from ..errors import InputError, PrivacyError
from ..privacy.accounting import all_gaussian, gaussian_mu, is_within, plan_multipliers, quick_epsilon
from ..privacy.mechanism import Mechanism, View, plan
from ..privacy.releases import Release
from ..privacy.sizing import BETA, Mode, Noise
from ..server.cohort import CohortPlan, training_shares
from ..training.updates import Layout, Segment, Support

PROTOTYPE_SHARE = 0.06
"""A prototype's share of the whole budget, counted in mu squared: a rough one serves."""

SIGNATURE_SHARE = 0.5
"""A signature's share of mu squared where there is training, unless another is given; without training it has all."""

_SLACK_RESERVE = 1e-3  # of delta, set aside for the mechanisms' failure probabilities; more where delta is tiny
_LEAST, _MOST, _STEPS = 0.02, 1.5, 1024  # noise, over what a Gaussian that takes all artworks would need
_MOST_AFTER = 50.0  # the same where something was released before
_SIGNATURE_SEED = b"\0" * 32  # a rotation needs a public seed, not a secret one


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The promises of a run.

    Attributes:
        cohort: The training's part.
        prototype_multiplier: Noise multiplier of a prototype; 0 in mode none, None where nothing is trained.
        signature_multiplier: Noise multiplier of a signature; 0 in mode none, None where nobody signs.
        view: The view that `Settings.epsilon` limits.
        length: Numbers of a signature; None for as many as its noise is worth.
    """

    cohort: CohortPlan
    prototype_multiplier: float | None
    signature_multiplier: float | None
    view: View
    length: int | None = None

    def prototype_mechanism(self, dimensions: int) -> Mechanism:
        """The release of one prototype, before training: one artist alone, so that all views are the same."""
        return self._alone(PROTOTYPE, dimensions, self.prototype_multiplier or 0.0)

    def signature_mechanism(self, dimensions: int) -> Mechanism:
        """The release of one signature, after training: one artist alone as well."""
        return self._alone(SIGNATURE, dimensions, self.signature_multiplier or 0.0)

    def signature_length(self, artworks: float, part: float = 1.0) -> int:
        """How many numbers a signature should have.

        Args:
            artworks: How many an artist sums in the mean.
            part: Of what its noise is worth; a number that was pinned stays.
        """
        if self.length is not None:
            return self.length
        worth = part * signature_length(self.signature_multiplier or 0.0, artworks)
        return round(min(max(worth, LEAST_DIMENSIONS), MAX_DIMENSIONS))

    def _alone(self, name: str, dimensions: int, noise_multiplier: float) -> Mechanism:
        segment = Segment(name=name, length=dimensions, support=Support.ARTIST, clip_norm=1.0, share=1.0)
        return plan(
            mode=self.cohort.mode,
            unit=self.cohort.unit,
            layout=Layout((segment,)),
            noise_multiplier=noise_multiplier,
            clients=1,
            corrupt=0,
            min_survivors=1,
            max_artworks=self.cohort.max_artworks,
            noise=self.cohort.noise,
            rotation_seed=_SIGNATURE_SEED,
        )

    def mechanisms(self, *, dimensions: int, outputs: int, artworks: float = math.inf) -> list[Mechanism]:
        """All releases of an artist: the iterations', the prototype, and the signature last.

        Args:
            dimensions: d of the style space, at most.
            outputs: h of the head.
            artworks: Decides how long a signature is, as in `signature_length`; the longest, unless said.

        Raises:
            PrivacyError: No ring holds a release.
        """
        training = [
            self.cohort.mechanism(iteration, dimensions=dimensions, outputs=outputs)
            for iteration in range(1, len(self.cohort.multipliers) + 1)
        ]
        releases = training
        if self.prototype_multiplier is not None:
            releases.append(self.prototype_mechanism(dimensions))
        if self.signature_multiplier is not None:
            releases.append(self.signature_mechanism(self.signature_length(artworks)))
        return releases

    def scaled(self, factor: float) -> "Budget":
        """The same with all noise multiplied by `factor`."""
        prototype, signature = (
            None if multiplier is None else factor * multiplier
            for multiplier in (self.prototype_multiplier, self.signature_multiplier)
        )
        multipliers = [factor * multiplier for multiplier in self.cohort.multipliers]
        return replace(
            self,
            cohort=replace(self.cohort, multipliers=multipliers),
            prototype_multiplier=prototype,
            signature_multiplier=signature,
        )


def plan_budget(
    settings: Settings,
    *,
    clients: int,
    dimensions: int,
    outputs: int,
    spent: Collection[Sequence[Release]] = (),
) -> Budget:
    """Size everything for a cohort, and try every release on for size.

    Args:
        settings: The user's wishes.
        clients: Artists in the cohort.
        dimensions: d of the style space, at most.
        outputs: h of the head.
        spent: What was released of each artist's works before, which `Settings.epsilon` limits as well.

    Raises:
        InputError: The cohort cannot bear the dropouts or corrupt clients asked for.
        PrivacyError: No noise that fits a ring meets epsilon.
    """
    corrupt, min_survivors = _cohort_sizes(settings, clients)
    view = settings.limited_view
    earlier = {_Before.of(releases, view) for releases in spent} or {_Before()}
    before = max(earlier, key=lambda each: quick_epsilon(each.events, settings.delta, delta_slack=each.slack))
    updates = settings.updates
    signature_multiplier: float | None = 0.0 if settings.sign else None
    prototype_multiplier: float | None = 0.0 if updates else None
    multipliers = [0.0] * updates
    if settings.privacy is not Mode.NONE:
        parts = _parts(updates, settings.signature_share or SIGNATURE_SHARE if settings.sign else 0.0)
        slack = max(settings.delta * _SLACK_RESERVE, 2 * BETA * len(parts)) + before.slack
        if slack >= settings.delta:
            raise PrivacyError(
                f"--delta {settings.delta:g} is smaller than the {slack:.1g} by which {len(parts)} releases may fail: "
                "raise --delta or lower --iterations"
            )
        if not is_within(before.events, settings.epsilon, settings.delta, delta_slack=before.slack):
            raise _nothing_left(settings, before)
        mu = gaussian_mu(before.events) if all_gaussian(before.events) else 0.0
        try:
            planned = plan_multipliers(settings.epsilon, settings.delta, parts, delta_slack=slack, spent_mu=mu)
        except PrivacyError as error:
            raise _nothing_left(settings, before) from error
        multipliers = [planned[str(index)] for index in range(updates)]
        prototype_multiplier, signature_multiplier = planned.get(PROTOTYPE), planned.get(SIGNATURE)
    cohort = CohortPlan(
        mode=settings.privacy,
        unit=settings.unit,
        clients=math.ceil(clients / settings.buckets),
        corrupt=corrupt,
        min_cohort=settings.min_cohort,
        min_survivors=min_survivors,
        max_artworks=settings.max_artworks,
        noise=settings.noise,
        sampling_rate=settings.sampling_rate,
        multipliers=multipliers,
        seed=settings.seed.to_bytes(8, "big", signed=True),
        buckets=settings.buckets,
    )
    budget = Budget(
        cohort=cohort,
        prototype_multiplier=prototype_multiplier,
        signature_multiplier=signature_multiplier,
        view=view,
        length=settings.signature_length,
    )
    try:
        if settings.privacy is not Mode.NONE and not (
            settings.noise is Noise.GAUSSIAN and settings.sampling_rate == 1 and all_gaussian(before.events)
        ):
            budget = _least_noise(
                budget,
                lambda tried: _meets(settings, tried, tried.mechanisms(dimensions=dimensions, outputs=outputs), before),
                most=_MOST_AFTER if before.events else _MOST,
            )
        mechanisms = budget.mechanisms(dimensions=dimensions, outputs=outputs)
    except (InputError, PrivacyError) as error:
        raise type(error)(
            f"--epsilon {settings.epsilon:g} cannot be met by {clients} artists, --iterations {updates} "
            f"and --max-artworks {settings.max_artworks}: raise the first or lower the others ({error})"
        ) from error
    if settings.privacy is not Mode.NONE and not all(_meets(settings, budget, mechanisms, each) for each in earlier):
        raise PrivacyError(
            f"--epsilon {settings.epsilon:g} at --delta {settings.delta:g} is beyond what ledgers can account for: "
            "choose a smaller one, or a larger --delta"
        )
    for mechanism in mechanisms[:updates]:
        check_support(mechanism, settings.min_cohort)
        _check_session(mechanism)
    return budget


def _parts(updates: int, signature: float) -> dict[str, float]:
    """Each release's share of the whole budget, counted in mu squared; without training the signature has it all.

    Args:
        updates: How many there are.
        signature: Its share beside training; 0 where nobody signs.
    """
    if not updates:
        return {SIGNATURE: 1.0}
    training = 1 - PROTOTYPE_SHARE - signature
    parts = {str(index): share * training for index, share in enumerate(training_shares(updates))}
    return parts | {PROTOTYPE: PROTOTYPE_SHARE} | ({SIGNATURE: signature} if signature else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What was released of an artist's works before, in the view that is limited."""

    events: tuple[DpEvent, ...] = ()
    slack: float = 0.0

    @classmethod
    def of(cls, releases: Sequence[Release], view: View) -> "_Before":
        return cls(
            events=tuple(release.events[view] for release in releases),
            slack=sum(release.delta_slack for release in releases),
        )


_NOTHING: Final = _Before()


def _nothing_left(settings: Settings, before: _Before) -> PrivacyError:
    spent = quick_epsilon(before.events, settings.delta, delta_slack=before.slack)
    return PrivacyError(
        f"epsilon {spent:.2f} was spent on these artworks before, which leaves nothing of --epsilon "
        f"{settings.epsilon:g}, the limit on all that is ever released of them: raise it, or count nothing that was "
        "released before with --fresh-ledgers"
    )


def untrained_budget(settings: Settings, clients: int) -> Budget:
    """The same epsilon where nothing is trained: a signature has the whole of it."""
    untrained = replace(settings, iterations=0, sign=True)
    return plan_budget(untrained, clients=clients, dimensions=1, outputs=1)  # sizes of what is not released


def _least_noise(budget: Budget, is_enough: Callable[[Budget], bool], *, most: float = _MOST) -> Budget:
    """The least noise, to one part in `_STEPS`, that is enough where no closed form says how much is needed."""
    factors = [_LEAST * (most / _LEAST) ** (step / _STEPS) for step in range(_STEPS + 1)]

    def fits(factor: float) -> bool:
        try:
            return is_enough(budget.scaled(factor))
        except PrivacyError:  # noise too narrow for its grid
            return False

    step = bisect_left(factors, True, key=fits)
    return budget.scaled(factors[min(step, _STEPS)])


def _meets(settings: Settings, budget: Budget, mechanisms: Sequence[Mechanism], before: _Before = _NOTHING) -> bool:
    """Charge all releases at once, as every artist's ledger will one by one."""
    events = [*before.events, *(mechanism.event(budget.view) for mechanism in mechanisms)]
    slack = before.slack + sum(mechanism.delta_slack for mechanism in mechanisms)
    return is_within(events, settings.epsilon, settings.delta, delta_slack=slack)


def _check_session(mechanism: Mechanism) -> None:
    """Whether the protocol bears such a cohort; names and digests do not matter for that."""
    nothing = bytes(32)
    subject = Subject(
        iteration=1, model_digest=nothing, architecture_digest=nothing, anchors_digest=nothing, agreed=NO_LOG
    )
    cohort = [number.to_bytes(32, "big") for number in range(mechanism.clients)]
    session_params(cohort, subject, mechanism, session=1, server_key=nothing)


def _cohort_sizes(settings: Settings, clients: int) -> tuple[int, int]:
    """Corrupt clients and minimum survivors of a session; all corrupt ones may be in one bucket."""
    corrupt = settings.corrupt if settings.corrupt is not None else max(1, clients // 10)
    if clients < settings.buckets * settings.min_cohort:
        buckets = f"{settings.buckets} buckets of at least " if settings.buckets > 1 else ""
        raise InputError(
            f"{clients} artists are fewer than {buckets}the minimum cohort of {settings.min_cohort}: add artists, or "
            f"lower {'--buckets or ' if buckets else ''}--min-cohort"
        )
    smallest, clients = clients // settings.buckets, math.ceil(clients / settings.buckets)
    min_survivors = smallest - int(settings.drop_rate * clients)
    if min_survivors < settings.min_cohort:
        raise InputError(
            f"with --drop-rate {settings.drop_rate:g} only {min_survivors} of {clients} artists are sure to stay, "
            f"fewer than the minimum cohort of {settings.min_cohort}: lower --drop-rate or --min-cohort, or add artists"
        )
    needed = fewest_survivors(clients, corrupt)
    if needed > min_survivors:
        raise InputError(
            f"{corrupt} corrupt artists among {clients} need at least {needed} survivors to be safe, but only "
            f"{min_survivors} are sure to stay: lower --corrupt or --drop-rate, or add artists"
        )
    return corrupt, min_survivors
