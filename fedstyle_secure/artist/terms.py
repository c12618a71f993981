"""What an artist insists on, whoever announces it: every number that protects it, and none of them from the wire.

TRM-1  Terms are the artist's own and complete: none has a default, and none is taken from an announcement.
TRM-2  An announcement is held against them before anything else happens; what breaks one is refused, costs nothing,
       and is refused alike whatever the artist's artworks are.
TRM-3  Accomplices are counted over all artists on the roster, because the platform picks the cohort: noise is sized for
       so many in every cohort, however small.
TRM-4  What one iteration may cost is limited, what sessions that end without a sum may cost together, how often an
       iteration is uploaded to, and how far numbers may jump: a platform that has its artists' agreement cannot burn
       their budgets, nor run their numbers to the end.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dp_accounting import DpEvent

from ..aggregation.masking import Conditions
from ..aggregation.session import check_support
from ..announcement import Announcement
from ..encoder.model import StyleModel
from ..errors import InputError, PrivacyError
from ..privacy.accounting import is_within, quick_epsilon
from ..privacy.clipping import MAX_ARTWORKS, Unit
from ..privacy.ledger import Ledger
from ..privacy.releases import Release
from ..privacy.sizing import Mode
from ..training.tensors import HEAD, MOMENTS, head_segment, moments_segment
from ..training.updates import Segment

_KEY_BYTES: Final = 32
_NUMBERS_END: Final = 1 << 32


class TermsError(PrivacyError):
    """An announcement, or a release, breaks the artist's own terms; nothing was charged and nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(Conditions):
    """An artist's own terms, beside the conditions of every session.

    Attributes:
        mode: Where noise comes from.
        unit: What is protected.
        sampling_rate: Probability with which each artwork takes part in an iteration.
        max_artworks: The bound that the artist keeps to; a release for fewer is refused. Choose a round number: it is
            public, the number of artworks is not.
        iteration_epsilon: Most that one session may cost, as epsilon in the view and at the delta of the ledger.
        unsummed_epsilon: Most that sessions which ended without a sum may cost together; one session's, at least.
        max_uploads: How often an iteration is uploaded to at most, retries after aborted sessions included.
        max_jump: How far the number of an iteration, or of a session, may lie above the last one.

    Raises:
        InputError: A term is out of range, or two contradict each other.
    """

    mode: Mode
    unit: Unit
    sampling_rate: float
    max_artworks: int
    iteration_epsilon: float
    unsummed_epsilon: float
    max_uploads: int
    max_jump: int

    def __post_init__(self) -> None:
        checks = (
            (len(self.platform_key) == _KEY_BYTES, f"platform_key has {_KEY_BYTES} bytes"),
            (self.corrupt >= 0, "corrupt is at least 0"),
            (min(self.min_cohort, self.min_survivors) >= 2, "min_cohort and min_survivors are at least 2"),
            (self.patience >= 1, "patience is at least 1 second"),
            (0 < self.sampling_rate <= 1, "sampling_rate lies above 0 and is at most 1"),
            (1 <= self.max_artworks <= MAX_ARTWORKS, f"max_artworks is 1 to {MAX_ARTWORKS}"),
            (self.iteration_epsilon > 0, "iteration_epsilon is above 0"),
            (self.unsummed_epsilon >= self.iteration_epsilon, "unsummed_epsilon is at least iteration_epsilon"),
            (self.max_uploads >= 1, "max_uploads is at least 1"),
            (1 <= self.max_jump < _NUMBERS_END, "max_jump is 1 to 2^32 - 1"),
            (
                self.mode is not Mode.NONE or math.isinf(self.iteration_epsilon),
                "mode none costs without bound, so iteration_epsilon is infinite",
            ),
        )
        for holds, rule in checks:
            if not holds:
                raise InputError(f"an artist's terms: {rule}")

    def check(self, announcement: Announcement, *, last_iteration: int) -> None:
        """Hold an announcement against these terms (TRM-2).

        Args:
            announcement: What the platform proposes.
            last_iteration: The newest iteration this artist was charged for, 0 for none.

        Raises:
            TermsError: Names the term that is broken.
            SupportError: A tensor has too few artists behind a coordinate.
        """
        mechanism, iteration = announcement.mechanism, announcement.iteration
        lines = (
            (
                (mechanism.mode, mechanism.unit) == (self.mode, self.unit),
                f"{mechanism.mode} per {mechanism.unit} was announced, {self.mode} per {self.unit} was agreed to",
            ),
            (
                mechanism.sampling_rate == self.sampling_rate,
                f"sampling rate {mechanism.sampling_rate:g} was announced, {self.sampling_rate:g} was agreed to",
            ),
            (
                mechanism.corrupt >= self.corrupt,
                f"noise against {mechanism.corrupt} accomplices was announced, {self.corrupt} is the least",
            ),
            (
                mechanism.clients >= self.min_cohort,
                f"a cohort of {mechanism.clients} was announced, {self.min_cohort} is the least",
            ),
            (
                mechanism.min_survivors >= self.min_survivors,
                f"sums of {mechanism.min_survivors} were announced, {self.min_survivors} is the least",
            ),
            (
                mechanism.max_artworks >= self.max_artworks,
                f"a bound of {mechanism.max_artworks} artworks was announced, {self.max_artworks} is the least",
            ),
            (
                last_iteration <= iteration <= last_iteration + self.max_jump,
                f"iteration {iteration} was announced after {last_iteration}: numbers rise, by {self.max_jump} at most",
            ),
            (
                announcement.model.architecture_digest in self.architectures,
                "the announced model has an architecture this artist did not agree to train",
            ),
        )
        for holds, problem in lines:
            if not holds:
                raise TermsError(f"refused by this artist's terms: {problem}")
        for segment in mechanism.layout.segments:
            _check_segment(segment, announcement.model)
        check_support(mechanism, self.min_cohort)

    def check_cost(self, release: Release, ledger: Ledger, *, summed: Collection[bytes]) -> None:
        """Hold a release in a session against what terms let one cost, before the ledger's own limit (TRM-4).

        Args:
            release: What would be charged.
            ledger: Where; caught up with its file.
            summed: Ids of sessions that this artist saw to their end.

        Raises:
            TermsError: Names the term that is broken.
        """
        charged = [entry for entry in ledger.releases if entry.session and entry.session.platform == self.platform_key]
        session_id = release.session.session_id if release.session else None
        others = [entry for entry in charged if entry.session and entry.session.session_id != session_id]
        uploads = sum(entry.iteration == release.iteration for entry in others)
        if uploads >= self.max_uploads:
            raise TermsError(
                f"refused by this artist's terms: iteration {release.iteration} was uploaded to {uploads} times, "
                f"{self.max_uploads} is the most"
            )
        unsummed = [entry for entry in others if entry.session and entry.session.session_id not in summed]
        for term, limit, releases in (
            ("one session", self.iteration_epsilon, [release]),
            ("sessions that ended without a sum", self.unsummed_epsilon, [*unsummed, release]),
        ):
            events = tuple(entry.events[ledger.view] for entry in releases)
            slack = sum(entry.delta_slack for entry in releases)
            if not _costs_at_most(events, limit, ledger.delta, slack):
                raise TermsError(
                    f"refused by this artist's terms: {term} would cost epsilon "
                    f"{quick_epsilon(events, ledger.delta, delta_slack=slack):.4g}, {limit:.4g} is the most"
                )

    def check_session(self, number: int, *, last_session: int) -> None:
        """Hold a session's number against these terms.

        Raises:
            TermsError: It lies too far above the last one.
        """
        if number > last_session + self.max_jump:
            raise TermsError(
                f"refused by this artist's terms: session {number} was opened after {last_session}: numbers rise by "
                f"{self.max_jump} at most"
            )


def _check_segment(segment: Segment, model: StyleModel) -> None:
    """What each tensor's support and length are, the artist decides from its own code (AGT-2)."""
    outputs, dimensions = model.head.shape
    own = {
        HEAD: head_segment(dimensions, outputs, segment.share),
        MOMENTS: moments_segment(dimensions, segment.share),
    }.get(segment.name)
    if own is None or (segment.support, segment.length) != (own.support, own.length):
        raise TermsError(
            f"refused by this artist's terms: the platform asks for tensor {segment.name!r} with support "
            f"{segment.support} and {segment.length} coordinates"
        )


@lru_cache(maxsize=256)
def _costs_at_most(events: tuple[DpEvent, ...], limit: float, delta: float, slack: float) -> bool:
    """Where there is no closed form this takes a while, and all artists of a simulation ask the same."""
    return is_within(events, limit, delta, delta_slack=slack)
