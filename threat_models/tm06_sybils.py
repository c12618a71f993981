"""TM-6: sybils. Corrupt artists add no noise, and a server that works with them lets honest artists drop out.

The noise that hides an artist is that of the honest survivors. So shares are sized for `min_survivors - corrupt`, and
each client holds the session to these numbers, whether it takes part in five rounds or speaks once; what remains with
n - 1 sybils is printed as the worst case. Sybils in a committee, and rosters that shrink around them, are TM-3's.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dp_accounting import GaussianDpEvent
from numpy.typing import NDArray

from fedstyle_secure.aggregation.joining import join
from fedstyle_secure.aggregation.letters import Purpose, answering
from fedstyle_secure.aggregation.masking import (
    IN_PROCESS,
    REFUSALS,
    Conditions,
    Enrolment,
    Keeping,
    MaskedSession,
    Part,
    mask,
)
from fedstyle_secure.aggregation.session import NO_LOG, Subject, session_params
from fedstyle_secure.aggregation.summing import AggregationAborted, aggregate, ring_sum
from fedstyle_secure.aggregation.windows import Frozen, KeysWanted, OwnBeacon, draw, freeze
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.errors import PrivacyError
from fedstyle_secure.experiments.privacy_audit import Probe, claim_of, make_probe
from fedstyle_secure.privacy.accounting import quick_epsilon
from fedstyle_secure.privacy.auditing import judge, thresholds
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism, View, plan
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support
from protocols import ProtocolError
from protocols.speakonce import CLIENT_RANDOM_BYTES
from protocols.speakonce.client import make_prekeys
from protocols.speakonce.committee import least_survivors
from protocols.speakonce.messages import SpeakRequest

from .adversaries.parties import crafted
from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .platform_key import PLATFORM, SERVER_KEY
from .town import Federation, make_announcement, make_mechanism
from .windows import ONCE

CLIENTS, CORRUPT, SURVIVORS, MIN_COHORT = 12, 3, 9, 5
DELTA, CONFIDENCE = 1e-5, 0.9999
_TRIALS: Final = {Effort.FAST: 1500, Effort.SLOW: 6000}
NOISE_FOR_HONEST: Final = Edit("fedstyle_secure.privacy.sizing:Sizing.sigma_share", "/ self.shares)", "/ self.clients)")
_MASK: Final = "fedstyle_secure.aggregation.masking:policy_of"
_EDITS: Final = {
    "noise for honest survivors": (NOISE_FOR_HONEST,),
    "the client holds the session to its noise": (
        Edit(_MASK, "conditions.min_survivors, mechanism.min_survivors", "conditions.min_survivors"),
        Edit(_MASK, "max(conditions.corrupt, mechanism.corrupt)", "conditions.corrupt"),
    ),
    "accomplices by the artist's terms": (
        Edit("fedstyle_secure.artist.terms:Terms.check", "mechanism.corrupt >= self.corrupt", "True"),
    ),
}
_SUBJECT: Final = Subject(
    iteration=1, model_digest=bytes(32), architecture_digest=bytes(32), anchors_digest=bytes(32), agreed=NO_LOG
)
_ACCOMPLICES = 2  # of a town's eight artists
_SMALL, _MOST = 5, 4  # a cohort of a town's eight artists, and the accomplices in it
_ANSWERS = 2  # of an artist whom the server then lets drop out: keys are exchanged by then

CLAIM = Claim(
    number=6,
    title="sybils",
    adversary=f"{CORRUPT} of {CLIENTS} artists who add no noise, or all but one of them, and a server "
    "that lets honest artists drop out, or picks a small cohort, most of them its accomplices, and announces none",
    assets="whether one artwork was in an honest artist's portfolio",
    assumption="the claimed epsilon: at most c corrupt artists; the worst-case epsilon: none",
    promise="what an attack measures is at most the claimed epsilon with c sybils, and at most the worst-case epsilon "
    "with n - 1; accomplices are counted over the whole roster, however small the cohort that the server picks",
    defenses={
        "noise for honest survivors": "privacy/sizing.py, Sizing.honest: shares for n - c - dropouts, not for n",
        "the client holds the session to its noise": "aggregation/masking.py, mask: AGG-3",
        "accomplices by the artist's terms": "artist/terms.py, TRM-3: at least as many as the artist reckons with",
    },
    power=(
        Limit(figure="c sybils: measured / claimed", at_least=1.2),
        Limit(figure="c sybils that are not announced: true / charged", at_least=1.2),
        Limit(figure="a small cohort of mostly accomplices: true / charged", at_least=2.0),
    ),
    protected=(
        Limit(figure="c sybils: measured / claimed", at_least=0.5, at_most=1.0),
        Limit(figure="n - 1 sybils: measured / worst case", at_least=0.5, at_most=1.0),
        Limit(figure="survivors fewer than promised", at_most=0.0, unit="artists"),
        Limit(figure=f"{ONCE}survivors fewer than promised", at_most=0.0, unit="artists"),
        Limit(figure="c sybils that are not announced: true / charged", at_most=1.0),
        Limit(figure="a small cohort of mostly accomplices: true / charged", at_most=1.0),
    ),
    residual="with more than c sybils the claimed epsilon is void and the worst case holds; nothing here says who is a "
    "sybil: that is up to enrolment",
    tests=(
        "tests/threat_models/test_tm06_sybils.py",
        "tests/privacy/test_noise.py",
        "tests/artist/test_terms.py::test_accomplices_are_counted_over_the_roster_however_small_the_cohort",
    ),
    linddun=(Linddun.DETECTING, Linddun.DATA_DISCLOSURE),
    stride=(Stride.SPOOFING, Stride.INFORMATION_DISCLOSURE),
)


def defended(deployment: Deployment) -> bool:
    """Single artworks are protected by noise shares, and at least one artist is assumed corrupt."""
    return deployment.is_noised and deployment.settings.unit is Unit.ARTWORK and deployment.corrupt >= 1


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Get a sum of as few artists as clients allow, some of them sybils without noise, and test for one artwork."""
    promised = _release()
    epsilons = {view: claim_of([promised], view=view, delta=DELTA).epsilon() for view in View}
    with off(without, _EDITS):
        release = _release()
        survivors, survivors_once = _fewest_survivors(release), _fewest_in_a_window(release)
        unannounced = _true_over_charged(_ACCOMPLICES)
        mostly = _true_over_charged(_MOST, clients=_SMALL, min_survivors=_SMALL)
        some = _lower_bound(promised, release, View.AGGREGATE, survivors - CORRUPT, _TRIALS[effort])
        all_others = _lower_bound(promised, release, View.WORST_CASE, 1, _TRIALS[effort])
    return {
        "epsilon claimed, c sybils": epsilons[View.AGGREGATE],
        "epsilon measured, c sybils": some,
        "epsilon claimed, n - 1 sybils": epsilons[View.WORST_CASE],
        "epsilon measured, n - 1 sybils": all_others,
        "c sybils: measured / claimed": some / epsilons[View.AGGREGATE],
        "n - 1 sybils: measured / worst case": all_others / epsilons[View.WORST_CASE],
        "survivors fewer than promised": SURVIVORS - survivors,
        f"{ONCE}survivors fewer than promised": SURVIVORS - survivors_once,
        "c sybils that are not announced: true / charged": unannounced,
        "a small cohort of mostly accomplices: true / charged": mostly,
    }


def _release() -> Mechanism:
    """A head's gradient; sized anew in each arm, since a missing defense is in its sizes."""
    segment = Segment(name="head", length=128, support=Support.COHORT, clip_norm=0.5, share=1.0)
    return plan(
        mode=Mode.DISTRIBUTED,
        unit=Unit.ARTWORK,
        layout=Layout((segment,)),
        noise_multiplier=1.0,
        clients=CLIENTS,
        corrupt=CORRUPT,
        min_survivors=SURVIVORS,
        max_artworks=20,
        rotation_seed=bytes(32),
    )


def _lower_bound(promised: Mechanism, release: Mechanism, view: View, honest: int, trials: int) -> float:
    """Epsilon that is proven against what is promised in `view`, of a sum that holds the noise of so many artists."""
    shares = promised.honest if view is View.AGGREGATE else 1
    deviation = math.sqrt(shares) * promised.sigma_share / promised.scale
    absent, present = _scores(make_probe(release, view=view, views=1), honest, trials) / deviation
    claim = claim_of([promised], view=view, delta=DELTA)
    return judge(absent, present, cuts=thresholds(claim), claim=claim, confidence=CONFIDENCE).lower_bound


def _scores(probe: Probe, honest: int, trials: int) -> NDArray[np.float64]:
    """How much of the canary shows in sums without and with it, float64 [2, trials]; sybils upload zeros.

    As in `two_worlds`, both worlds of a trial share the noise of everyone but the canary's artist.
    """
    mechanism = probe.mechanism
    nothing = Contributions(probe.canary.rows[:0], mechanism.layout)
    zeros = np.zeros(mechanism.dimension, dtype=np.int64)
    scores = np.empty((2, trials))
    for trial in range(trials):
        others = sum((protect(nothing, mechanism, os.urandom).values for _ in range(honest - 1)), zeros)
        for world, contributions in enumerate((nothing, probe.canary)):
            upload = protect(contributions, mechanism, os.urandom).values
            scores[world, trial] = probe.score(ring_sum([others, upload], mechanism))
    return scores


# How few survivors the clients put up with


def _fewest_survivors(release: Mechanism) -> int:
    """The smallest sum that a lying server gets out of real sessions; all survivors that were promised if it must."""
    for survivors in range(MIN_COHORT + 1, SURVIVORS):
        for corrupt in range(CORRUPT, -1, -1):
            if _completes(release, survivors, corrupt):
                return survivors
    if not _completes(release, SURVIVORS, CORRUPT):
        raise AssertionError("an honest session must complete, or this attack shows nothing")
    return SURVIVORS


def _fewest_in_a_window(release: Mechanism) -> int:
    """The smallest sum for which an artist speaks when a lying server opens a window."""
    for survivors in range(least_survivors(CLIENTS, 0), SURVIVORS):
        for corrupt in range(CORRUPT, -1, -1):
            if survivors >= least_survivors(CLIENTS, corrupt) and _speaks(release, survivors, corrupt):
                return survivors
    if not _speaks(release, SURVIVORS, CORRUPT):
        raise AssertionError("an honest window must be spoken in, or this attack shows nothing")
    return SURVIVORS


def _speaks(release: Mechanism, survivors: int, corrupt: int) -> bool:
    """Whether an artist speaks in a window that announces these numbers, whatever the noise was made for."""
    beacon, identities = OwnBeacon(os.urandom), _identities()
    session = join(
        _part(_keys()[0], release),
        beacon=beacon,
        random=os.urandom,
        keeping=Keeping(key=bytes(32), keep=lambda _stage, _snapshot: None),
    )
    prekeys = {
        identity: make_prekeys(
            key, server_key=SERVER_KEY, session=1, random=os.urandom(CLIENT_RANDOM_BYTES)
        ).prekeys.encode()
        for identity, key in zip(identities, _keys(), strict=True)
    }
    prekeys[identities[0]] = session.receive(KeysWanted(session=1).encode())
    honest = freeze(
        identities, _SUBJECT, release, session=1, server_key=SERVER_KEY, prekeys=prekeys, end=int(time.time())
    )
    lying = replace(honest, min_survivors=survivors, corrupt=corrupt)
    session.receive(Frozen(session=1, pulse=1, digest=lying.frozen_digest).encode())
    try:
        session.receive(SpeakRequest(params=draw(lying, beacon.pulse(1))).encode())
    except ProtocolError:
        return False
    return True


def _completes(release: Mechanism, survivors: int, corrupt: int) -> bool:
    """Whether a session completes that announces these numbers, whatever the noise and the digests were made for."""
    names = [f"artist {number}" for number in range(CLIENTS)]
    honest = session_params(_identities(), _SUBJECT, release, session=1, server_key=SERVER_KEY)
    threshold = (honest.degree + corrupt) // 2 + 1
    params = crafted(honest, min_survivors=survivors, corrupt=corrupt, threshold=threshold)
    mailboxes: dict[str, Callable[[bytes], bytes]] = {}
    for number, (name, key) in enumerate(zip(names, _keys(), strict=True)):
        session = mask(_part(key, release), random=os.urandom)
        answer = session.receive if number < survivors else _vanishing(session)
        mailboxes[name] = answering(answer, Purpose.SESSION, identity=key, server_key=SERVER_KEY)
    try:
        return (
            aggregate(params, release, MemoryEngine(mailboxes, refusals=REFUSALS), names, identity=PLATFORM).survivors
            == survivors
        )
    except AggregationAborted:
        return False


def _part(key: Ed25519PrivateKey, release: Mechanism) -> Part:
    """What an artist brings who has nothing to hide but its noise."""
    nothing = Contributions(np.zeros((0, release.length), dtype=np.float32), release.layout)
    return Part(
        protected=partial(protect, nothing, release, os.urandom),
        mechanism=release,
        subject=_SUBJECT,
        last_session=0,
        enrolment=Enrolment(identity=key, roster=frozenset(_identities())),
        conditions=Conditions(
            platform_key=SERVER_KEY,
            architectures=frozenset({bytes(32)}),
            corrupt=0,  # what the noise was sized for is enough to refuse the others
            min_cohort=MIN_COHORT,
            min_survivors=MIN_COHORT,
            patience=IN_PROCESS,
        ),
    )


def _identities() -> list[bytes]:
    return [key.public_key().public_bytes_raw() for key in _keys()]


def _vanishing(session: MaskedSession) -> Callable[[bytes], bytes]:
    answers = count()

    def answer(request: bytes) -> bytes:
        if next(answers) >= _ANSWERS:
            raise Unreachable
        return session.receive(request)

    return answer


@cache
def _keys() -> tuple[Ed25519PrivateKey, ...]:
    return tuple(Ed25519PrivateKey.generate() for _ in range(CLIENTS))


# A server that says it has no accomplices


def _true_over_charged(accomplices: int, **cohort: Any) -> float:
    """What a sum is worth to a server with so many accomplices in it, over what the artist is charged for it.

    The server announces as few as the artist agrees to. Accomplices add no noise, so the honest survivors' is all.

    Args:
        accomplices: As many as the artist reckons with, among all whom it knows.
        cohort: What the server picks of a town's eight artists, as `make_mechanism` takes it.
    """
    with TemporaryDirectory(prefix="threat-") as folder:
        federation = Federation(folder=Path(folder), mode=Mode.DISTRIBUTED, corrupt=accomplices)
        artist = federation.artists[federation.names[0]]
        for announced in range(accomplices + 1):
            mechanism = make_mechanism(corrupt=announced, **cohort)
            try:
                artist.receive_announcement(make_announcement(mechanism).encode())
            except PrivacyError:
                continue
            honest = mechanism.min_survivors - accomplices
            deviation = math.sqrt(honest * mechanism.sigma_share**2 - mechanism.smoothing**2)
            true = quick_epsilon([GaussianDpEvent(deviation / mechanism.sensitivity)], DELTA)
            return true / quick_epsilon([mechanism.event(View.AGGREGATE)], DELTA)
    raise AssertionError("an honest announcement must be agreed to, or this attack shows nothing")
