"""TM-8: places in a sum that one artist fills alone, and codewords that name the artist who trains towards them.

A table with a row for each artist is no sum: masks hide nothing in it. The head is one, but each artist trains it
towards a codeword of its own, and whoever is left out of the second of two sums leaves its gradient, and with it its
codeword, in the difference. The attacker has every artwork and the model, so it knows what the gradient would be for
each codeword. The table is asked for where artists speak once, too; what is linked does not depend on how sums were
masked.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.aggregation.joining import join
from fedstyle_secure.aggregation.letters import Purpose, answering
from fedstyle_secure.aggregation.masking import REFUSALS, Keeping, Part
from fedstyle_secure.aggregation.opening import open_window
from fedstyle_secure.aggregation.session import SupportError, session_params
from fedstyle_secure.aggregation.summing import AggregationAborted, aggregate
from fedstyle_secure.aggregation.windows import AnyParams, OwnBeacon, Speaking
from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.engines.courier import FOREVER
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.tensors import head_segment
from fedstyle_secure.training.updates import Contributions, Segment, Support

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .few_sums import DELTA, EPSILON, left_over, likeliest, one_of, opened, upload
from .platform_key import PLATFORM, SERVER_KEY
from .scripted import scripted
from .town import (
    D,
    H,
    an_hour,
    codebook,
    cosine,
    first_model,
    identity,
    make_enrolment,
    make_subject,
    make_terms,
    public_key,
    style_features,
)
from .windows import ONCE

ARTISTS, SURVIVORS = 8, 6
CODEWORDS = len(codebook())
TABLE, WIDTH = "table", 6
_HEAD: Final = head_segment(D, H, 1.0)
_TRIALS: Final = {Effort.FAST: 320, Effort.SLOW: 2_400}
_RULE, _NOISE = "support rule", "noise for a whole artist"
_EDITS: Final = {
    _RULE: (Edit("fedstyle_secure.aggregation.session:check_support", "if support < min_cohort:", "if False:"),),
    _NOISE: (),
}

CLAIM = Claim(
    number=8,
    title="single support and linkage",
    adversary="a server that asks for a tensor with a place for each artist, or lets artists drop out between "
    "iterations; it has every artwork, and wants the codewords",
    assets="an artist's own row; the codeword along which the trained head carries an artist's style",
    assumption=f"{ARTISTS} artists, {CODEWORDS} codewords; the whole budget, epsilon {EPSILON:g} at delta {DELTA:g} "
    "for each artist, goes into two sums of the attacker's choice",
    promise="nothing is masked whose coordinates have fewer artists behind them than the minimum cohort; whom dropouts "
    "single out, four guesses at the codeword would find as often",
    defenses={
        _RULE: "aggregation/session.py, check_support, AGG-2; and AGT-2, by which an artist asks its own code",
        _NOISE: "fedstyle_secure/privacy, --unit artist",
    },
    power=(
        Limit(figure="artists whose row was read", at_least=ARTISTS),
        Limit(figure=f"{ONCE}artists whose row was read", at_least=ARTISTS),
        Limit(figure="codewords linked", at_least=0.9),
    ),
    protected=(
        Limit(figure="artists whose row was read", at_most=0),
        Limit(figure=f"{ONCE}artists whose row was read", at_most=0),
        Limit(figure="codewords linked", at_most=4 / CODEWORDS),
    ),
    residual="a codeword carries its artist's style, not artworks. Noise for a whole artist leaves the attacker "
    "between two and four guesses' worth; with --unit artwork, the default, it links far more (the figure "
    "'codewords linked, noise per artwork'). In a cohort that stays there is nothing to subtract, so a run "
    "keeps its own.",
    tests=("tests/aggregation/test_aggregation.py::test_support_rule_nothing_is_masked_that_one_artist_fills_alone",),
    linddun=(Linddun.LINKING, Linddun.IDENTIFYING),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)


def defended(deployment: Deployment) -> bool:
    """Whole artists are protected, at epsilon 8 or less."""
    return deployment.has_noise_of(EPSILON) and deployment.settings.unit is Unit.ARTIST


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Ask for the table; then subtract two sums of head gradients and look for the codeword."""
    mode, trials = Mode.NONE if _NOISE in without else Mode.DISTRIBUTED, _TRIALS[effort]
    with off(without, _EDITS):
        read, read_once = _rows_read(None), _rows_read(OwnBeacon(scripted("beacon")))
    return {
        "artists whose row was read": read,
        f"{ONCE}artists whose row was read": read_once,
        "codewords linked": _linked(mode, Unit.ARTIST, trials),
        "codewords linked, noise per artwork": _linked(mode, Unit.ARTWORK, trials),
        "trials": trials,
    }


# The table


def _rows_read(beacon: OwnBeacon | None) -> int:
    """Artists whose row of the table comes out of a real session as they put it in; with a beacon they speak once."""
    table = Segment(name=TABLE, length=ARTISTS * WIDTH, support=Support.ARTIST, clip_norm=1.0, share=1.0)
    mechanism = _release(Mode.NONE, Unit.ARTIST, table)
    rows = {number: _own_row(number) for number in range(ARTISTS)}
    artists = {f"artist {number}": public_key(number) for number in rows}
    try:
        mailboxes = {name: _mailbox(number, rows[number], mechanism, beacon) for number, name in enumerate(artists)}
        engine = MemoryEngine(mailboxes, refusals=REFUSALS)
        params = _open(artists, mechanism, engine, beacon)
        summed = aggregate(params, mechanism, engine, list(artists), identity=PLATFORM)
    except (SupportError, AggregationAborted):
        return 0
    found = summed.tensors[TABLE].reshape(ARTISTS, WIDTH)
    return sum(cosine(found[number], row.reshape(ARTISTS, WIDTH)[number]) > 0.99 for number, row in rows.items())


def _mailbox(
    number: int, rows: NDArray[np.float32], mechanism: Mechanism, beacon: OwnBeacon | None
) -> Callable[[bytes], bytes]:
    """An artist who brings these rows."""
    session = join(
        Part(
            protected=partial(protect, Contributions(rows, mechanism.layout), mechanism, scripted(f"table {number}")),
            mechanism=mechanism,
            subject=make_subject(),
            last_session=0,
            enrolment=make_enrolment(number, artists=ARTISTS),
            conditions=make_terms(mode=Mode.NONE),
        ),
        beacon=beacon,
        random=scripted(f"keys {number}"),
        keeping=Keeping(key=bytes(32), keep=lambda _stage, _snapshot: None),
    )
    return answering(session.receive, Purpose.SESSION, identity=identity(number), server_key=SERVER_KEY)


def _open(
    artists: Mapping[str, bytes], mechanism: Mechanism, engine: MemoryEngine, beacon: OwnBeacon | None
) -> AnyParams:
    if beacon is None:
        return session_params([*artists.values()], make_subject(), mechanism, session=1, server_key=SERVER_KEY)
    return open_window(
        make_subject(),
        mechanism,
        engine,
        artists,
        session=1,
        identity=PLATFORM,
        speaking=Speaking(beacon=beacon, opening=an_hour),
        take=lambda _mailbox, reply: reply,
        window=FOREVER,
    )


def _own_row(number: int) -> NDArray[np.float32]:
    """One artist's mean style in its own row of the table, and nothing elsewhere: float32 [1, artists * width]."""
    table = np.zeros((ARTISTS, WIDTH), dtype=np.float32)
    table[number] = style_features(number).views[:, 0, :WIDTH].mean(axis=0)
    return table.reshape(1, -1)


# Codewords


def _linked(mode: Mode, unit: Unit, trials: int) -> float:
    """How often the likeliest codeword of the artist that is left over is its own."""
    mechanism = _release(mode, unit, _HEAD)
    right = 0
    for trial in range(trials):
        target, random = trial % ARTISTS, scripted(f"linkage {trial}")
        codewords = [codebook().draw(random) for _ in range(ARTISTS)]
        rows = [_rows(number, codeword) for number, codeword in enumerate(codewords)]
        difference = left_over(target, rows, mechanism, random)
        right += likeliest(difference, _gradients(target, unit)) == codewords[target]
    return right / trials


@cache
def _gradients(number: int, unit: Unit) -> NDArray[np.float64]:
    """What one artist's update would be for each codeword, without noise: [codewords, coordinates]."""
    mechanism, random = _release(Mode.NONE, unit, _HEAD), scripted("gradients")
    return np.array(
        [opened(upload(_rows(number, codeword), mechanism, random), mechanism) for codeword in range(CODEWORDS)]
    )


@cache
def _rows(number: int, codeword: int) -> NDArray[np.float32]:
    mechanism = _release(Mode.NONE, Unit.ARTIST, _HEAD)
    return contribute(style_features(number), first_model(), mechanism, codebook(), codeword).rows


def _release(mode: Mode, unit: Unit, segment: Segment) -> Mechanism:
    return one_of(2, mode, unit, segment, artists=ARTISTS, survivors=SURVIVORS)
