"""Audit what a run's releases really cost: attack them as well as anyone could.

PAU-1  What is attacked is the released aggregate: rows through `pipeline.protect` with the operating system's
       randomness, summed in the ring and decoded as the server does. What comes before, from pixels to rows, the
       artist's ledger, and noise across releases are for `paired_audit` to see.
PAU-2  The adversary is given more than any server has: every release by itself, before anything is made of it, all
       contributions but the canary, and the noise of corrupt artists. What hides the canary is the noise of
       min_survivors - corrupt artists, in the local view of one: counted here, the mechanism is not asked.

Two audits here. *Two worlds*: all releases of the run, with and without one artwork that fills its clip norm in each,
many times. The trials are independent, so this bound takes nothing for granted. It needs thousands of runs, and time
grows with dimension where noise, clip norm and claim do not: the run's own budget is spent on a small style space.
*One run*: the first iteration's release at full size with many orthogonal canaries, each in or out by a fair coin.
Their scores are taken to be independent, as those of orthogonal canaries are under a correct mechanism.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any, Final, cast

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from ..aggregation.letters import Purpose, answering
from ..aggregation.masking import IN_PROCESS, REFUSALS, Conditions, Enrolment, MaskedSession, Part, mask
from ..aggregation.session import NO_LOG, Subject, session_params
from ..aggregation.summing import aggregate, ring_sum
from ..artist.rows import contribute
from ..config import Settings
from ..encoder.features import StyleFeatures
from ..encoder.model import StyleModel
from ..encoder.whitening import Whitening
from ..engines.memory import MemoryEngine, Unreachable
from ..errors import InputError
from ..privacy.auditing import Claim, Finding, judge, steinke_bound, thresholds
from ..privacy.clipping import Unit
from ..privacy.mechanism import Mechanism, View
from ..privacy.noise import add_noise_share
from ..privacy.pipeline import protect
from ..privacy.quantization import QuantizedUpdate, dequantize
from ..privacy.sizing import Mode
from ..report.audit_plot import draw_audit
from ..runs.budget import plan_budget
from ..runs.folder import whole_or_nothing
from ..runs.progress import Progress, Silent
from ..runs.train import DIMENSIONS, OUTPUTS
from ..training.codebook import Codebook
from ..training.updates import Contributions
from .paired_audit import audit_from_pixels

ARTISTS: Final = 24
"""Default size of the cohort."""
TRIALS: Final = 6000
"""Default number of trials in each world: 2,000 could not show half of epsilon 1 at 99 %, wherever the threshold."""
CANARIES: Final = 2000
"""Default number of canaries in the one run."""
CONFIDENCE: Final = 0.99
"""Default probability with which an audit leaves a true claim alone."""
FORMAT: Final = "fedstyle-privacy-audit-1"
AUDIT_FILE, TWO_WORLDS_FILE, ONE_RUN_FILE = "audit.json", "two-worlds.svg", "one-run.svg"

SMALL_DIMENSIONS, SMALL_OUTPUTS = 16, 8
"""Style space and head in two worlds: 264 coordinates in the first iteration, exactly 128, unpadded, in later ones."""

_BATCH: Final = 128  # trials whose noise is drawn together; more at once are no faster
_ANSWERS: Final = 2  # of an artist who then drops out: its neighbors hold its keys by then, and masks to recover
_SMALL_HEAD: Final = 0.05  # a head so short that its gradient is many clip norms long
_LONG: Final = 4.0  # clip norms that a canary of the one run measures before it is clipped
_NORMAL: Final = NormalDist()
_RATES: Final = [_NORMAL.cdf(step / 10) for step in range(-35, 36)]  # where the results give a claim's curve


@dataclass(frozen=True, kw_only=True, eq=False)
class Probe:
    """One release, and one canary artwork's part in it.

    Attributes:
        mechanism: The release.
        view: Whose noise counts.
        canary: What its artist contributes because of the canary.
    """

    mechanism: Mechanism
    view: View
    canary: Contributions

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float64]]:
        """For each tensor, float64 like it, what its coordinates count: a canary that fills its clip norm scores 1."""
        parts = self.mechanism.layout.split(self.canary.rows.sum(axis=0, dtype=np.float64))
        return {
            segment.name: parts[segment.name]
            * (segment.share / (segment.clip_norm * np.linalg.norm(parts[segment.name])))
            for segment in self.mechanism.layout.segments
        }

    def score(self, total: NDArray[np.int64]) -> float:
        """How much of the canary shows in a released sum, int64 [dimension]."""
        tensors = self.mechanism.layout.split(dequantize(total, self.mechanism))
        return float(sum(tensors[name] @ weights for name, weights in self.weights.items()))


def audit_privacy(
    settings: Settings,
    *,
    artists: int = ARTISTS,
    trials: int = TRIALS,
    canaries: int | None = None,
    confidence: float = CONFIDENCE,
    out: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Plan a run's releases as the run would, and hold what they show against what they claim.

    Args:
        settings: Of the run; no file or folder they name is touched.
        artists: Size of the cohort.
        trials: In each of two worlds.
        canaries: In one run; None for `CANARIES`, or as many as the artists may bring.
        confidence: Probability with which an audit leaves a true claim alone, for each of the two by itself.
        out: Folder to write the results and their pictures to; must not exist. None for nowhere.
        progress: Where to show how far it is.

    Returns:
        The results in plain values, as written to ``audit.json``; `one_run` is None where artists are the unit, who are
        too few for it.

    Raises:
        InputError: A number is out of range, nothing is promised, or the cohort cannot bear the settings.
        PrivacyError: The budget cannot be kept.
        FedStyleError: The masked session did not complete, or the results cannot be written.
    """
    if settings.privacy is Mode.NONE:
        raise InputError("--privacy none promises nothing to audit: choose distributed or local")
    for name, number in (("artists", artists), ("trials", trials), ("canaries", canaries)):
        if number is not None and number < 1:
            raise InputError(f"--{name} must be at least 1, got {number}")
    if not 0.5 <= confidence < 1:
        raise InputError(f"--confidence must be at least 0.5 and below 1, got {confidence}")
    kept = nullcontext() if out is None else whole_or_nothing(out)
    with kept as folder:
        results = _audit(
            settings,
            artists=artists,
            trials=trials,
            canaries=canaries,
            confidence=confidence,
            progress=progress or Silent(),
        )
        if folder is not None:
            _write(results, folder)
    return results


def _audit(
    settings: Settings, *, artists: int, trials: int, canaries: int | None, confidence: float, progress: Progress
) -> dict[str, Any]:
    if not settings.updates:
        raise InputError("--iterations 0 trains nothing, and sums are what is audited: audit at least one iteration")
    budget = plan_budget(settings, clients=artists, dimensions=DIMENSIONS, outputs=OUTPUTS)
    view, delta = budget.view, settings.delta
    large = budget.cohort.mechanism(1, dimensions=DIMENSIONS, outputs=OUTPUTS)
    small = budget.mechanisms(dimensions=SMALL_DIMENSIONS, outputs=SMALL_OUTPUTS)
    probes = [make_probe(mechanism, view=view, views=settings.views) for mechanism in small]
    with progress.stage("One artist, from pixels on", None):
        pair = audit_from_pixels(settings, budget)
    one = None
    if settings.unit is Unit.ARTWORK:
        wanted = _fitting(canaries, large)
        one = audit_one_run(large, view=view, canaries=wanted, delta=delta, confidence=confidence, progress=progress)
    session = compare_with_masks(probes[settings.updates - 1], min_cohort=settings.min_cohort)
    two = audit_two_worlds(probes, trials=trials, delta=delta, confidence=confidence, progress=progress)
    audits = {name: found for name, found in (("two-world audit", two), ("one-run audit", one)) if found is not None}
    problems = [
        f"the {name} refutes the claim: epsilon is at least {found['lower_bound']:.3g}, not {found['claim']:.3g}"
        for name, found in audits.items()
        if not found["holds"]
    ]
    problems += pair["problems"]
    if not session["agrees"]:
        problems.append("a session's sum is not the sum of its survivors' uploads in the ring")
    return {
        "format": FORMAT,
        "holds": not problems,
        "problems": problems,
        "warnings": [
            f"the {name} could not refute epsilon {found['claim']:.3g} whatever it saw: raise {option}"
            for (name, found), option in zip(audits.items(), ("--trials", "--canaries"), strict=False)
            if not found["can_refute"]
        ],
        "promise": {
            "epsilon": settings.epsilon,
            "delta": delta,
            "unit": settings.unit.value,
            "mode": settings.privacy.value,
            "noise": settings.noise.value,
            "sampling_rate": settings.sampling_rate,
            "view": view.value,
            "artists": artists,
            "min_survivors": large.min_survivors,
            "corrupt": large.corrupt,
        },
        "session": session,
        "from_pixels": pair,
        "two_worlds": two,
        "one_run": one,
    }


def _write(results: dict[str, Any], folder: Path) -> None:
    (folder / AUDIT_FILE).write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    for name, found in ((TWO_WORLDS_FILE, results["two_worlds"]), (ONE_RUN_FILE, results["one_run"])):
        if found is not None:
            (folder / name).write_text(draw_audit(found), encoding="utf-8")


def claim_of(mechanisms: Sequence[Mechanism], *, view: View, delta: float) -> Claim:
    """What releases claim together, in one view."""
    return Claim(
        events=tuple(mechanism.event(view) for mechanism in mechanisms),
        delta=delta,
        delta_slack=sum(mechanism.delta_slack for mechanism in mechanisms),
    )


# Two worlds


def make_probe(mechanism: Mechanism, *, view: View, views: int) -> Probe:
    """A release of the small style space, or of one artist, with a canary that fills its clip norm in every tensor.

    Its gradient is computed as an artist computes it, from `views` views that all show the same: the worst case should
    they be clipped one by one.
    """
    layout = mechanism.layout
    if mechanism.clients == 1:
        row = np.full((1, layout.length), layout.length**-0.5, dtype=np.float32)
        return Probe(mechanism=mechanism, view=view, canary=Contributions(row, layout))
    d, h = SMALL_DIMENSIONS, SMALL_OUTPUTS
    model = StyleModel(
        whitening=Whitening(center=np.zeros(d, dtype=np.float32), projection=np.eye(d, dtype=np.float32)),
        alignment=np.eye(d, dtype=np.float32),
        head=np.eye(h, d, dtype=np.float32) * _SMALL_HEAD,
        residual=1.0,
        encoder="audit@0",
    )
    features = StyleFeatures(np.tile(np.linspace(1, 2, d, dtype=np.float32), (1, 1 + views, 1)))
    codebook = Codebook.from_seed(b"fedstyle-secure audit", dimensions=h)
    return Probe(mechanism=mechanism, view=view, canary=contribute(features, model, mechanism, codebook, codeword=0))


def audit_two_worlds(
    probes: Sequence[Probe], *, trials: int, delta: float, confidence: float, progress: Progress
) -> dict[str, Any]:
    """All releases together against their joint claim, see `two_worlds`; the findings in plain values."""
    mechanisms = [probe.mechanism for probe in probes]
    claim = claim_of(mechanisms, view=probes[0].view, delta=delta)
    cuts = thresholds(claim)
    with progress.stage("Two worlds", trials) as advance:
        absent, present = two_worlds(probes, trials=trials, advance=advance)
    finding = judge(absent, present, cuts=cuts, claim=claim, confidence=confidence)
    return {
        "title": f"{len(probes)} releases together, in two worlds of {trials:,} trials",
        "trials": trials,
        "dimensions": [mechanism.dimension for mechanism in mechanisms],
        **_plain(finding, claim),
    }


def two_worlds(
    probes: Sequence[Probe], *, trials: int, advance: Callable[[int], None] = lambda _done: None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Run all releases without and with the canary.

    A trial's two worlds share the noise of all artists but the canary's own: each world's trials are independent, which
    is all the bounds ask for, and half of the noise need not be drawn.

    Args:
        probes: The releases of a run.
        trials: In each world.
        advance: Called with the number of trials done since the last call.

    Returns:
        Scores without and with the canary, float64 [trials] each: the likelihood ratio of Gaussian noise, in standard
        deviations of the noise as promised.
    """
    precisions = [_deviation(probe.mechanism, probe.view) ** -2 for probe in probes]
    scores = np.zeros((2, trials))
    for start in range(0, trials, _BATCH):
        stop = min(start + _BATCH, trials)
        for probe, precision in zip(probes, precisions, strict=True):
            for world, totals in enumerate(_worlds(probe, stop - start)):
                scores[world, start:stop] += [precision * probe.score(total) for total in totals]
        advance(stop - start)
    scores /= math.sqrt(sum(precisions))
    return scores[0], scores[1]


def _worlds(probe: Probe, trials: int) -> Iterator[NDArray[np.int64]]:
    """Released sums without the canary, then with it, int64 [trials, dimension] each."""
    mechanism = probe.mechanism
    others = [_silent_uploads(mechanism, trials) for _ in range(_honest(mechanism, probe.view) - 1)]
    yield ring_sum([*others, _silent_uploads(mechanism, trials)], mechanism)
    with_canary = [protect(probe.canary, mechanism, os.urandom).values for _ in range(trials)]
    yield ring_sum([*others, np.stack(with_canary)], mechanism)


def _silent_uploads(mechanism: Mechanism, number: int) -> NDArray[np.int64]:
    """What artists without artworks upload, int64 [number, dimension].

    Nothing rounds to nothing whatever the dither, so such an upload is a noise share and no more. That lets one call of
    the real `add_noise_share` draw many side by side, in a fraction of the time of as many calls of `protect`. In each
    trial, the canary's artist alone also samples, clips, rounds and clamps; in the one run and in the session with
    masks, every artist goes the whole way.
    """
    if mechanism.mode is not Mode.DISTRIBUTED:
        nothing = Contributions(np.zeros((0, mechanism.length), dtype=np.float32), mechanism.layout)
        return np.stack([protect(nothing, mechanism, os.urandom).values for _ in range(number)])
    zeros = np.zeros(number * mechanism.dimension, dtype=np.int64)
    silent = cast("QuantizedUpdate", SimpleNamespace(values=zeros, mechanism=_SideBySide(mechanism, number)))
    return add_noise_share(silent, os.urandom).values.reshape(number, mechanism.dimension)


class _SideBySide:
    """A release as long as so many; all else, its noise share above all, is asked of the release itself."""

    def __init__(self, mechanism: Mechanism, number: int) -> None:
        self._mechanism, self.dimension = mechanism, number * mechanism.dimension

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mechanism, name)


def compare_with_masks(probe: Probe, *, min_cohort: int) -> dict[str, Any]:
    """Send one release through the real protocol, and compare with the sum in the ring.

    As many artists drop out as may, after their keys are shared. All coordinates are compared in the tensors' own
    units, to the last bit: where a layout needs no padding, no two integers give the same.

    Args:
        probe: A release of a training iteration.
        min_cohort: Fewest artists that an artist hides among.

    Returns:
        Number of `artists` and of `survivors`, and whether both sums agree: `agrees`.

    Raises:
        AggregationAborted: The session did not complete.
    """
    mechanism = probe.mechanism
    nothing = Contributions(probe.canary.rows[:0], mechanism.layout)
    updates = [
        protect(probe.canary if number == 0 else nothing, mechanism, os.urandom) for number in range(mechanism.clients)
    ]
    keys = [Ed25519PrivateKey.generate() for _ in updates]
    identities = [key.public_key().public_bytes_raw() for key in keys]
    digest, platform = bytes(32), Ed25519PrivateKey.generate()
    server_key = platform.public_key().public_bytes_raw()
    subject = Subject(
        iteration=1, model_digest=digest, architecture_digest=digest, anchors_digest=digest, agreed=NO_LOG
    )
    names = [f"artist {number}" for number in range(mechanism.clients)]
    conditions = Conditions(
        platform_key=server_key,
        architectures=frozenset({digest}),
        corrupt=mechanism.corrupt,
        min_cohort=min_cohort,
        min_survivors=mechanism.min_survivors,
        patience=IN_PROCESS,
    )
    mailboxes: dict[str, Callable[[bytes], bytes]] = {}
    for number, (name, key) in enumerate(zip(names, keys, strict=True)):
        session = mask(
            Part(
                protected=partial(updates.__getitem__, number),
                mechanism=mechanism,
                subject=subject,
                last_session=0,
                enrolment=Enrolment(identity=key, roster=frozenset(identities)),
                conditions=conditions,
            ),
            random=os.urandom,
        )
        answer = session.receive if number < mechanism.min_survivors else _vanishing(session)
        mailboxes[name] = answering(answer, Purpose.SESSION, identity=key, server_key=server_key)
    params = session_params(identities, subject, mechanism, session=1, server_key=server_key)
    masked = aggregate(params, mechanism, MemoryEngine(mailboxes, refusals=REFUSALS), names, identity=platform)
    plain = ring_sum([update.values for update in updates[: mechanism.min_survivors]], mechanism)
    tensors = mechanism.layout.split(dequantize(plain, mechanism))
    agrees = masked.survivors == mechanism.min_survivors and all(
        np.array_equal(masked.tensors[name], tensor) for name, tensor in tensors.items()
    )
    return {"artists": mechanism.clients, "survivors": masked.survivors, "agrees": agrees}


def _vanishing(session: MaskedSession) -> Callable[[bytes], bytes]:
    """The mailbox of an artist who drops out after some answers."""
    answers = count()

    def answer(request: bytes) -> bytes:
        if next(answers) >= _ANSWERS:
            raise Unreachable
        return session.receive(request)

    return answer


# One run


def audit_one_run(
    mechanism: Mechanism, *, view: View, canaries: int, delta: float, confidence: float, progress: Progress
) -> dict[str, Any]:
    """One release against its own claim, see `one_run`; the findings in plain values, and Steinke's bound beside."""
    claim = claim_of([mechanism], view=view, delta=delta)
    cuts = thresholds(claim)
    with progress.stage("One run", mechanism.min_survivors - mechanism.corrupt) as advance:
        scores, included = one_run(mechanism, view=view, canaries=canaries, advance=advance)
    finding = judge(scores[~included], scores[included], cuts=cuts, claim=claim, confidence=confidence)
    return {
        "title": f"1 release in one run, with {canaries:,} canaries",
        "canaries": canaries,
        "dimensions": [mechanism.dimension],
        "steinke": steinke_bound(scores, included, delta=delta, confidence=confidence),
        **_plain(finding, claim),
    }


def one_run(
    mechanism: Mechanism, *, view: View, canaries: int, advance: Callable[[int], None] = lambda _done: None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """One release with canaries dealt out among the honest artists, each in or out by a fair coin.

    A canary fills one coordinate of every tensor, beyond the clip norm; different canaries, different ones. In the
    local view every artist's upload is a release by itself.

    Args:
        mechanism: The release, of artworks.
        view: Whose noise counts.
        canaries: At most as many as `capacity` says.
        advance: Called with the number of artists done since the last call.

    Returns:
        For each canary, its score in standard deviations of the noise as promised, float64 [canaries], and its coin.
    """
    layout, artists = mechanism.layout, mechanism.min_survivors - mechanism.corrupt
    coins = np.unpackbits(np.frombuffer(os.urandom(canaries), dtype=np.uint8))[:canaries].astype(np.bool_)

    def uploads() -> Iterator[NDArray[np.int64]]:
        for number in range(artists):
            chosen = np.arange(number, canaries, artists)
            chosen = chosen[coins[chosen]]
            rows, start = np.zeros((len(chosen), layout.length), dtype=np.float32), 0
            for segment in layout.segments:
                rows[np.arange(len(chosen)), start + chosen] = _LONG * segment.clip_norm
                start += segment.length
            yield protect(Contributions(rows, layout), mechanism, os.urandom).values
            advance(1)

    def seen(total: NDArray[np.int64]) -> NDArray[np.float64]:
        tensors = layout.split(dequantize(total, mechanism))
        parts = [tensors[s.name][:canaries] * (s.share / s.clip_norm) for s in layout.segments]
        together: NDArray[np.float64] = np.sum(parts, axis=0)
        return together

    if view is View.LOCAL:
        scores = np.zeros(canaries)
        for number, upload in enumerate(uploads()):
            scores[number::artists] = seen(upload)[number::artists]
    else:
        scores = seen(ring_sum(uploads(), mechanism))
    return scores / _deviation(mechanism, view), coins


def capacity(mechanism: Mechanism) -> int:
    """Most canaries that one run can hold: so many artworks the honest artists may bring, so long is each tensor."""
    artworks = (mechanism.min_survivors - mechanism.corrupt) * mechanism.max_artworks
    return min(artworks, *(segment.length for segment in mechanism.layout.segments))


def _fitting(canaries: int | None, mechanism: Mechanism) -> int:
    most = capacity(mechanism)
    if canaries is not None and canaries > most:
        raise InputError(
            f"one run holds at most {most} canaries, got --canaries {canaries}: take fewer, or raise max_artworks"
        )
    return min(CANARIES, most) if canaries is None else canaries


# Both


def _honest(mechanism: Mechanism, view: View) -> int:
    """Artists whose noise the adversary does not know (PAU-2)."""
    return 1 if view is View.LOCAL else mechanism.min_survivors - mechanism.corrupt


def _deviation(mechanism: Mechanism, view: View) -> float:
    """Standard deviation of the noise in a score, as promised; a canary that fills its clip norm scores 1."""
    return math.sqrt(_honest(mechanism, view)) * mechanism.sigma_share / mechanism.scale


def _plain(finding: Finding, claim: Claim) -> dict[str, Any]:
    """A finding in plain values, with the curves to draw it against: pairs of false positive and negative rates."""
    curves = {"claimed_curve": claim.trade_off()}
    if finding.noise_at_most is not None:
        curves["bound_curve"] = claim.trade_off(finding.noise_at_most)
    drawn = {name: [[rate, curve(rate)] for rate in _RATES] for name, curve in curves.items()}
    return {"delta": claim.delta, **asdict(finding), **drawn}
