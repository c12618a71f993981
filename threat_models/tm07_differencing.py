"""TM-7: differencing. Sums over cohorts that change between iterations are subtracted until one artist is left.

The server first asks for cohorts that lack one artist, for three that combine to one although nobody is in all of them
(X + Y, then X + a, then Y), and for an iteration twice. Whoever refuses these refuses nothing when artists drop out, or
are said to have: so it sums over its target and as few others as it may, then over the others alone. Nor does anyone
refuse X + Y + a, X + a and Y + a, of which any two differ in many. The server spends the artists' whole budget on such
sums, and compares what is left with the portfolios of all artists, which it has, down to the last artwork (Lam et al.,
ICML 2021). The noise is Gaussian and its width public: the likeliest portfolio is the best guess there is.

Rosters and restarts are tried where artists speak once, too. What can be told from sums does not depend on how they
were masked, so that is measured once.
"""

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.aggregation.masking import REFUSALS
from fedstyle_secure.aggregation.opening import open_window
from fedstyle_secure.aggregation.session import NO_LOG, Subject, session_params
from fedstyle_secure.aggregation.summing import Aggregate, AggregationAborted, aggregate
from fedstyle_secure.aggregation.windows import AnyParams, OwnBeacon, Speaking
from fedstyle_secure.announcement import Announcement
from fedstyle_secure.engines.courier import FOREVER
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.randomness import RandomBytes
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.server.receipts import ReceiptDesk
from fedstyle_secure.training.moments import outer_product_rows
from fedstyle_secure.training.tensors import moments_segment
from protocols.primitives.algebra import lightest, reduce
from protocols.speakonce.messages import SpeakRequest

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .few_sums import DELTA, EPSILON, combined, left_over, likeliest, one_of, opened, upload
from .platform_key import PLATFORM, SERVER_KEY
from .scripted import scripted
from .town import D, Federation, Mailbox, an_hour, codebook, first_model, mailbox, style_features
from .windows import ONCE

ARTISTS, SURVIVORS, MIN_COHORT = 8, 6, 5
MANY = 24  # artists, whose cohort is cut in two
_TRIALS: Final = {Effort.FAST: 320, Effort.SLOW: 2_400}
_MOMENTS: Final = moments_segment(D, 1.0)
_NOISE: Final = "noise for a whole artist"
_POLICY: Final = "protocols.policy:ClientPolicy.check_terms"
_EDITS: Final = {
    "cohort history": (Edit(_POLICY, "not conflict, conflict", "True, conflict"),),
    "restart limit": (
        Edit("fedstyle_secure.artist.terms:Terms.check_cost", "if uploads >= self.max_uploads:", "if False:"),
    ),
    _NOISE: (),
}

CLAIM = Claim(
    number=7,
    title="differencing over iterations",
    adversary="a server that changes cohorts, starts iterations again, lets artists drop out, and has every artwork of "
    "every artist, but not who is who",
    assets="which artist is behind an identity, and that artist's style",
    assumption=f"{ARTISTS} artists of whom {ARTISTS - SURVIVORS} may drop out, or {MANY} in three cohorts; the whole "
    f"budget, epsilon {EPSILON:g} at delta {DELTA:g} for each artist, goes into two or three sums of the attacker's "
    "choice",
    promise="no artist uploads in two cohorts that differ in fewer artists than its minimum cohort, nor in one "
    "iteration twice; what three cohorts and dropouts leave open names an artist no more often than two guesses would",
    defenses={
        "cohort history": "protocols/policy.py, POL-4, over what fedstyle_secure/artist remembers, AGT-5; and "
        "where cohorts are chosen: fedstyle_secure/aggregation/session.py, check_cohort",
        "restart limit": "an iteration is uploaded to as often as the artist's terms allow: artist/terms.py, TRM-4",
        _NOISE: "fedstyle_secure/privacy, --unit artist",
    },
    power=(
        Limit(figure="artists singled out by rosters", at_most=1),
        Limit(figure=f"{ONCE}artists singled out by rosters", at_most=1),
        Limit(figure="re-identified after dropouts", at_least=0.9),
        Limit(figure="re-identified by three cohorts", at_least=0.9),
    ),
    protected=(
        Limit(figure="artists singled out by rosters", at_least=MIN_COHORT),
        Limit(figure="sums of one iteration", at_most=1),
        Limit(figure=f"{ONCE}artists singled out by rosters", at_least=MIN_COHORT),
        Limit(figure=f"{ONCE}sums of one iteration", at_most=1),
        Limit(figure="re-identified after dropouts", at_most=2 / ARTISTS),
        Limit(figure="re-identified by three cohorts", at_most=2 / MANY),
    ),
    residual="rosters are compared two at a time, and survivor sets not at all, or whoever drops out once would end "
    "every later session: against a server that makes use of either noise alone protects. With --unit artwork, the "
    "default, it protects single artworks and not who made them (the figure 're-identified, noise per artwork'). Among "
    f"more artists two guesses are worth less, and against invented dropouts epsilon {EPSILON:g} may not keep to them "
    f"(the figure 're-identified after dropouts among {MANY}, in guesses', where sums get all of the budget). So "
    "cohorts stay within a run, and an artist who minds being recognized by style chooses --unit artist and a smaller "
    "epsilon.",
    tests=(
        "tests/protocols/test_cohorts.py",
        "tests/protocols/test_policy.py::test_a_session_is_not_started_again_with_other_survivors",
        "tests/artist/test_artist.py::test_an_artist_remembers_its_cohort_and_refuses_one_that_lacks_a_single_artist",
        "tests/server/test_iterations.py",
    ),
    linddun=(Linddun.LINKING, Linddun.IDENTIFYING, Linddun.DATA_DISCLOSURE),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)


def defended(deployment: Deployment) -> bool:
    """Whole artists are protected, at epsilon 8 or less, and are eight at most, in one session."""
    return (
        deployment.has_noise_of(EPSILON)
        and deployment.settings.unit is Unit.ARTIST
        and deployment.settings.buckets * deployment.clients <= ARTISTS
    )


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Try rosters and restarts, then dropouts, and name the artist behind each difference."""
    mode = Mode.NONE if _NOISE in without else Mode.DISTRIBUTED
    with off(without, _EDITS):
        asked = {
            f"{kind}{name}": figure
            for kind, once in (("", False), (ONCE, True))
            for name, figure in (
                (
                    "artists singled out by rosters",
                    min(_fewest_singled_out(_rosters_that_gave_sums(each, once=once)) for each in _ROSTERS),
                ),
                ("sums of one iteration", _sums_of_one_iteration(once=once)),
            )
        }
        dropouts = _is_left_out_by_dropouts()
        three = len(_rosters_that_gave_sums(_ANY_TWO_APART)) == len(_ANY_TWO_APART)
    trials = _TRIALS[effort]
    return {
        **asked,
        "re-identified after dropouts": _after_dropouts(mode, Unit.ARTIST, ARTISTS, trials) if dropouts else 0.0,
        "re-identified by three cohorts": _by_three_cohorts(mode, MANY, 2 * trials) if three else 0.0,
        "re-identified, noise per artwork": _after_dropouts(mode, Unit.ARTWORK, ARTISTS, trials),
        f"re-identified after dropouts among {MANY}, in guesses": MANY
        * _after_dropouts(mode, Unit.ARTIST, MANY, trials),
        "trials": trials,
    }


class _Hall:
    """A server that may ask for any cohort; it brings its own artists, whose ledgers have no limit.

    Args:
        folder: For ledgers.
        artists: How many.
        once: Whether they speak once.
    """

    def __init__(self, folder: Path, artists: int = ARTISTS, *, once: bool = False) -> None:
        self._beacon = OwnBeacon(scripted("beacon")) if once else None
        self.federation = Federation(
            folder=folder, unit=Unit.ARTIST, clients=artists, min_cohort=MIN_COHORT, beacon=self._beacon
        )
        for artist in self.federation.artists.values():
            artist.terms = replace(artist.terms, max_uploads=1)  # as a run agrees (`runs.agreement`)
        self._sessions = 0

    def ask(self, iteration: int, cohort: Sequence[int], gone: Collection[int] = ()) -> Aggregate | None:
        """The sum over a cohort without those who are said to have dropped out; None if there is none."""
        mechanism = _release(2, Mode.NONE, Unit.ARTIST, len(cohort))
        model, artists = first_model(), self.federation.artists
        announcement = Announcement(iteration=iteration, mechanism=mechanism, model=model)
        mailboxes: dict[str, Callable[[bytes], bytes]] = dict.fromkeys(
            (self.federation.names[number] for number in cohort), _unreachable
        )
        for number in cohort:
            name = self.federation.names[number]
            try:
                artists[name].receive_announcement(announcement.encode())
            except FedStyleError:
                continue
            answer: Mailbox = artists[name].receive_request
            if number in gone:
                answer = _unreachable if self._beacon is None else _silent_in_the_window(answer)
            mailboxes[name] = mailbox(artists[name], answer, Purpose.SESSION)
        names = [self.federation.names[number] for number in cohort]
        engine = MemoryEngine(mailboxes, refusals=REFUSALS)
        subject = Subject(
            iteration=iteration,
            model_digest=model.digest,
            architecture_digest=model.architecture_digest,
            anchors_digest=codebook().digest,
            agreed=NO_LOG,
        )
        identities = [self.federation.identities[number] for number in cohort]
        take = ReceiptDesk().take
        self._sessions += 1
        params: AnyParams
        try:
            if self._beacon is None:
                params = session_params(identities, subject, mechanism, session=self._sessions, server_key=SERVER_KEY)
            else:
                params = open_window(
                    subject,
                    mechanism,
                    engine,
                    dict(zip(names, identities, strict=True)),
                    session=self._sessions,
                    identity=PLATFORM,
                    speaking=Speaking(beacon=self._beacon, opening=an_hour),
                    take=take,
                    window=FOREVER,
                )
            return aggregate(params, mechanism, engine, names, identity=PLATFORM, take=take)
        except AggregationAborted:
            return None


def _unreachable(_request: bytes) -> bytes:
    raise Unreachable


def _silent_in_the_window(answer: Mailbox) -> Mailbox:
    """An artist who gives keys, and then does not speak."""

    def mailbox(request: bytes) -> bytes:
        return _unreachable(request) if request[0] == SpeakRequest.TAG else answer(request)

    return mailbox


def _release(releases: int, mode: Mode, unit: Unit, artists: int) -> Mechanism:
    return one_of(releases, mode, unit, _MOMENTS, artists=artists, survivors=_survivors(artists))


def _survivors(artists: int) -> int:
    """As many as of eight, in proportion; of fewer, the same number."""
    return max(SURVIVORS, artists * SURVIVORS // ARTISTS)


# What artists let a server do


_X, _Y, _A = (*range(6),), (*range(6, 12),), 12
_LACKING_ONE: Final = tuple(tuple(i for i in range(ARTISTS) if i != left_out) for left_out in (None, *range(ARTISTS)))
_NOBODY_IN_ALL: Final = ((*_X, *_Y), (*_X, _A), _Y)
_ROSTERS: Final = (_LACKING_ONE, _NOBODY_IN_ALL)
_ANY_TWO_APART: Final = ((*_X, *_Y, _A), (*_X, _A), (*_Y, _A))


def _rosters_that_gave_sums(cohorts: Sequence[Sequence[int]], *, once: bool = False) -> list[frozenset[bytes]]:
    """Those of one iteration after the other in which the server gets a sum."""
    given = []
    with tempfile.TemporaryDirectory(prefix="threat-") as folder:
        hall = _Hall(Path(folder), 1 + max(map(max, cohorts)), once=once)
        for iteration, cohort in enumerate(cohorts, start=1):
            if hall.ask(iteration, cohort) is not None:
                given.append(frozenset(hall.federation.identities[number] for number in cohort))
    return given


def _fewest_singled_out(rosters: Collection[frozenset[bytes]]) -> int:
    """Artists in the smallest combination of sums over these rosters."""
    return len(lightest(reduce({int.from_bytes(identity): 1 for identity in roster} for roster in rosters)))


def _sums_of_one_iteration(*, once: bool) -> int:
    """Over everybody, and again over everybody but the first."""
    with tempfile.TemporaryDirectory(prefix="threat-") as folder:
        hall = _Hall(Path(folder), once=once)
        return sum(hall.ask(1, range(ARTISTS), gone) is not None for gone in ((), (0,)))


def _is_left_out_by_dropouts() -> bool:
    """Whether two iterations give sums over the same artists, but for one that dropped out of the second."""
    gone = range(SURVIVORS + 1, ARTISTS)
    with tempfile.TemporaryDirectory(prefix="threat-") as folder:
        hall = _Hall(Path(folder))
        sums = [hall.ask(iteration, range(ARTISTS), out) for iteration, out in ((1, gone), (2, (0, *gone)))]
    return [each and each.survivors for each in sums] == [SURVIVORS + 1, SURVIVORS]


# What is left of one artist in these sums


@cache
def _after_dropouts(mode: Mode, unit: Unit, artists: int, trials: int) -> float:
    """How often the likeliest portfolio is the target's own, in the difference of two sums."""
    mechanism = _release(2, mode, unit, artists)
    return _reidentified(unit, artists, trials, lambda target, rows, random: left_over(target, rows, mechanism, random))


@cache
def _by_three_cohorts(mode: Mode, artists: int, trials: int) -> float:
    """The same of three sums, over everybody and over two halves that share the target."""
    sizes = artists, artists // 2, artists - artists // 2 + 1
    mechanisms = [_release(3, mode, Unit.ARTIST, size) for size in sizes]
    return _reidentified(
        Unit.ARTIST, artists, trials, lambda target, rows, random: combined(target, rows, mechanisms, random)
    )


def _reidentified(
    unit: Unit,
    artists: int,
    trials: int,
    left: Callable[[int, Sequence[NDArray[np.float32]], RandomBytes], NDArray[np.float64]],
) -> float:
    """How often the likeliest portfolio is the target's own."""
    portfolios, rows = _portfolios(unit, artists), [_rows(number) for number in range(artists)]
    targets = [trial % artists for trial in range(trials)]
    guesses = [
        likeliest(left(target, rows, scripted(f"differencing {trial}")), portfolios)
        for trial, target in enumerate(targets)
    ]
    return sum(guess == target for guess, target in zip(guesses, targets, strict=True)) / trials


@cache
def _portfolios(unit: Unit, artists: int) -> NDArray[np.float64]:
    """Every artist's update without noise: [artists, coordinates]."""
    mechanism, random = _release(2, Mode.NONE, unit, artists), scripted("portfolios")
    return np.array([opened(upload(_rows(number), mechanism, random), mechanism) for number in range(artists)])


@cache
def _rows(number: int) -> NDArray[np.float32]:
    return outer_product_rows(first_model().whiten(style_features(number).views[:, 0]))
