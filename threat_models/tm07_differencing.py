"""TM-7: differencing. Sums over cohorts that change between iterations are subtracted until one artist is left.

The server first asks for cohorts that lack one artist, and for an iteration twice. Whoever refuses these refuses
nothing when artists drop out, or are said to have: so it sums over its target and as few others as it may, then over
the others alone, spends the artists' whole budget on the two, and compares the difference with the portfolios of all
artists, which it has, down to the last artwork (Lam et al., ICML 2021). The noise is Gaussian and its width public: the
likeliest portfolio is the best guess there is.
"""

import tempfile
from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.aggregation.masking import REFUSALS
from fedstyle_secure.aggregation.session import Subject, session_params
from fedstyle_secure.aggregation.summing import Aggregate, AggregationAborted, aggregate
from fedstyle_secure.announcement import Announcement
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.moments import outer_product_rows
from fedstyle_secure.training.tensors import moments_segment
from protocols.primitives.algebra import lightest, reduce

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .scripted import scripted
from .town import D, Federation, codebook, first_model, style_features
from .two_sums import DELTA, EPSILON, half_the_budget, left_over, likeliest, opened, upload

ARTISTS, SURVIVORS = 8, 6
MANY = 3  # times as many artists, for the figure that the promise is not about
_TRIALS: Final = {Effort.FAST: 320, Effort.SLOW: 2_400}
_MOMENTS: Final = moments_segment(D, 1.0)
_NOISE: Final = "noise for a whole artist"
_POLICY: Final = "protocols.secagg.policy:ClientPolicy.check"
_EDITS: Final = {
    "cohort history": (Edit(_POLICY, "not conflict, conflict", "True, conflict"),),
    "restart limit": (
        Edit(_POLICY, "params.iteration > self.last_iteration,", "True,"),
        Edit(
            "fedstyle_secure.artist.artist:Artist._consent",
            "if announcement.iteration <= self.last_iteration:",
            "if False:",
        ),
    ),
    _NOISE: (),
}

CLAIM = Claim(
    number=7,
    title="differencing over iterations",
    adversary="a server that changes cohorts, starts iterations again, lets artists drop out, and has every artwork of "
    "every artist, but not who is who",
    assets="which artist is behind an identity, and that artist's style",
    assumption=f"{ARTISTS} artists, of whom {ARTISTS - SURVIVORS} may drop out; the whole budget, epsilon {EPSILON:g} "
    f"at delta {DELTA:g} for each artist, goes into two sums of the attacker's choice",
    promise="no artist joins cohorts whose sums, however combined, single out fewer artists than one sum may, nor one "
    "iteration twice; what dropouts leave open names an artist no more often than two guesses would",
    defenses={
        "cohort history": "protocols/secagg/policy.py, POL-4, over what an artist remembers, AGT-5; "
        "and where cohorts are chosen: fedstyle_secure/aggregation/session.py, check_cohort",
        "restart limit": "none is allowed: protocols/secagg/policy.py, POL-5, and artist/artist.py, AGT-3",
        _NOISE: "fedstyle_secure/privacy, --unit artist",
    },
    power=(
        Limit(figure="artists singled out by rosters", at_most=1),
        Limit(figure="re-identified", at_least=0.9),
    ),
    protected=(
        Limit(figure="artists singled out by rosters", at_least=SURVIVORS),
        Limit(figure="sums of one iteration", at_most=1),
        Limit(figure="re-identified", at_most=2 / ARTISTS),
    ),
    residual="survivor sets are not compared over iterations, or whoever drops out once would end every later "
    "session: against a server that lies about dropouts noise alone protects. With --unit artwork, the "
    "default, it protects single artworks and not who made them (the figure 're-identified, noise per "
    "artwork'). Among more artists two guesses are worth less, and epsilon 8 may not keep to them (the "
    "figure 're-identified among more, in guesses', with three times as many). So cohorts stay within a "
    "run, and an artist who minds being recognized by style chooses --unit artist and a smaller epsilon.",
    tests=(
        "tests/protocols/secagg/test_cohorts.py",
        "tests/protocols/secagg/test_policy.py::test_an_iteration_is_not_started_again_with_other_survivors",
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
        rosters = _rosters_that_gave_sums()
        repeated = _sums_of_one_iteration()
        dropouts = _is_left_out_by_dropouts()
    trials = _TRIALS[effort]
    by_artist = _reidentified(mode, Unit.ARTIST, ARTISTS, trials) if dropouts else 0.0
    return {
        "artists singled out by rosters": _fewest_singled_out(rosters),
        "sums of one iteration": repeated,
        "re-identified": by_artist,
        "re-identified, noise per artwork": _reidentified(mode, Unit.ARTWORK, ARTISTS, trials),
        "re-identified among more, in guesses": MANY
        * ARTISTS
        * _reidentified(mode, Unit.ARTIST, MANY * ARTISTS, trials // 2),
        "trials": trials,
    }


class _Hall:
    """A server that may ask for any cohort; it brings its own artists, whose ledgers have no limit.

    Args:
        folder: For ledgers.
    """

    def __init__(self, folder: Path) -> None:
        self.federation = Federation(folder=folder, unit=Unit.ARTIST, clients=ARTISTS)

    def ask(self, iteration: int, cohort: Sequence[int], gone: Collection[int] = ()) -> Aggregate | None:
        """The sum over a cohort without those who are said to have dropped out; None if there is none."""
        mechanism = _release(Mode.NONE, Unit.ARTIST, len(cohort))
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
            mailboxes[name] = _unreachable if number in gone else artists[name].receive_request
        names = [self.federation.names[number] for number in cohort]
        engine = MemoryEngine(mailboxes, refusals=REFUSALS)
        subject = Subject(
            iteration=iteration,
            model_digest=model.digest,
            architecture_digest=model.architecture_digest,
            anchors_digest=codebook().digest,
        )
        identities = [self.federation.identities[number] for number in cohort]
        try:
            return aggregate(session_params(identities, subject, mechanism), mechanism, engine, names)
        except AggregationAborted:
            return None


def _unreachable(_request: bytes) -> bytes:
    raise Unreachable


def _release(mode: Mode, unit: Unit, artists: int) -> Mechanism:
    return half_the_budget(mode, unit, _MOMENTS, artists=artists, survivors=_survivors(artists))


def _survivors(artists: int) -> int:
    """As many as of eight, in proportion; of fewer, the same number."""
    return max(SURVIVORS, artists * SURVIVORS // ARTISTS)


# What artists let a server do


def _rosters_that_gave_sums() -> list[frozenset[bytes]]:
    """Everybody; then everybody but one, for each one."""
    everyone = tuple(range(ARTISTS))
    given = []
    with tempfile.TemporaryDirectory(prefix="threat-") as folder:
        hall = _Hall(Path(folder))
        for iteration, left_out in enumerate((None, *everyone), start=1):
            cohort = [number for number in everyone if number != left_out]
            if hall.ask(iteration, cohort) is not None:
                given.append(frozenset(hall.federation.identities[number] for number in cohort))
    return given


def _fewest_singled_out(rosters: Collection[frozenset[bytes]]) -> int:
    """Artists in the smallest combination of sums over these rosters."""
    return len(lightest(reduce({int.from_bytes(identity): 1 for identity in roster} for roster in rosters)))


def _sums_of_one_iteration() -> int:
    """Over everybody, and again over everybody but the first."""
    with tempfile.TemporaryDirectory(prefix="threat-") as folder:
        hall = _Hall(Path(folder))
        return sum(hall.ask(1, range(ARTISTS), gone) is not None for gone in ((), (0,)))


def _is_left_out_by_dropouts() -> bool:
    """Whether two iterations give sums over the same artists, but for one that dropped out of the second."""
    gone = range(SURVIVORS + 1, ARTISTS)
    with tempfile.TemporaryDirectory(prefix="threat-") as folder:
        hall = _Hall(Path(folder))
        sums = [hall.ask(iteration, range(ARTISTS), out) for iteration, out in ((1, gone), (2, (0, *gone)))]
    return [each and each.survivors for each in sums] == [SURVIVORS + 1, SURVIVORS]


# What the difference of two sums tells


def _reidentified(mode: Mode, unit: Unit, artists: int, trials: int) -> float:
    """How often the likeliest portfolio is the target's own."""
    mechanism, portfolios = _release(mode, unit, artists), _portfolios(unit, artists)
    rows = [_rows(number) for number in range(artists)]
    targets = [trial % artists for trial in range(trials)]
    guesses = [
        likeliest(left_over(target, rows, mechanism, scripted(f"differencing {trial}")), portfolios)
        for trial, target in enumerate(targets)
    ]
    return sum(guess == target for guess, target in zip(guesses, targets, strict=True)) / trials


@cache
def _portfolios(unit: Unit, artists: int) -> NDArray[np.float64]:
    """Every artist's update without noise: [artists, coordinates]."""
    mechanism, random = _release(Mode.NONE, unit, artists), scripted("portfolios")
    return np.array([opened(upload(_rows(number), mechanism, random), mechanism) for number in range(artists)])


@cache
def _rows(number: int) -> NDArray[np.float32]:
    return outer_product_rows(first_model().whiten(style_features(number).views[:, 0]))
