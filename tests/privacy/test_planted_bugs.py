"""Six bugs, each planted in the real code, and the audit that refutes the claim because of it.

Thresholds hold with 99.9 % confidence, so a sound claim is refuted in at most one of a thousand runs of a test. Where a
bug is planted, noise is half of what was promised or less, or sensitivity more than twice: with so many trials the two
worlds then lie several standard errors beyond the claimed curve.
"""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from fedstyle_secure.experiments.privacy_audit import Probe, claim_of, make_probe, two_worlds
from fedstyle_secure.privacy import pipeline
from fedstyle_secure.privacy.auditing import Finding, judge, rate_at_most, thresholds
from fedstyle_secure.privacy.clipping import FRACTION_BITS, ClippedUpdate, Unit
from fedstyle_secure.privacy.inversion import TableSampler
from fedstyle_secure.privacy.mechanism import Mechanism, View, plan
from fedstyle_secure.privacy.sealing import SEAL
from fedstyle_secure.privacy.sizing import Mode, Sizing
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

DELTA, CONFIDENCE, TRIALS, VIEWS = 1e-5, 0.999, 1000, 4
HEAD = Layout((Segment(name="head", length=128, support=Support.COHORT, clip_norm=0.5, share=1.0),))


def release(**changes: object) -> Mechanism:
    """A head's gradient from twelve artists, of whom three are corrupt and three may drop out."""
    settings: dict[str, object] = {
        "mode": Mode.DISTRIBUTED,
        "unit": Unit.ARTWORK,
        "layout": HEAD,
        "noise_multiplier": 1.0,
        "clients": 12,
        "corrupt": 3,
        "min_survivors": 9,
        "max_artworks": 20,
        "rotation_seed": bytes(32),
    }
    return plan(**(settings | changes))  # type: ignore[arg-type]


def audited(mechanism: Mechanism, claimed: Mechanism | None = None) -> Finding:
    """The finding on one release, held against its own claim or against that of another."""
    probe = make_probe(mechanism, view=View.AGGREGATE, views=VIEWS)
    return _judged([probe], claimed or mechanism)


def _judged(probes: Sequence[Probe], claimed: Mechanism) -> Finding:
    claim = claim_of([claimed], view=View.AGGREGATE, delta=DELTA)
    absent, present = two_worlds(probes, trials=TRIALS)
    return judge(absent, present, cuts=thresholds(claim), claim=claim, confidence=CONFIDENCE)


def assert_refuted(finding: Finding) -> None:
    assert not finding.holds
    assert finding.lower_bound > finding.claim


def test_without_a_bug_the_claim_stands_and_the_audit_has_power() -> None:
    finding = audited(release())
    assert finding.holds
    assert finding.claim / 2 <= finding.lower_bound <= finding.claim


def is_refuted(mechanism: Mechanism) -> bool:
    """Of a sampled release, whose curve takes seconds to compute: the verdict without the lower bound."""
    claim = claim_of([mechanism], view=View.AGGREGATE, delta=DELTA)
    cuts, curve = thresholds(claim), claim.trade_off()
    absent, present = two_worlds([make_probe(mechanism, view=View.AGGREGATE, views=VIEWS)], trials=TRIALS)
    error = (1 - CONFIDENCE) / (2 * len(cuts))
    return any(
        rate_at_most(int((present <= cut).sum()), TRIALS, error)
        < curve(rate_at_most(int((absent > cut).sum()), TRIALS, error))
        for cut in cuts
    )


def test_sampled_without_a_bug_the_claim_stands() -> None:
    assert not is_refuted(release(sampling_rate=0.1, noise_multiplier=0.7))


def test_half_the_noise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = TableSampler.sample
    monkeypatch.setattr(TableSampler, "sample", lambda self, count, random: honest(self, count, random) // 2)
    assert_refuted(audited(release()))


def test_no_noise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TableSampler, "sample", lambda _self, count, _random: np.zeros(count, dtype=np.int64))
    assert_refuted(audited(release()))


def test_no_clipping_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of three clip norms stays as long as it is."""

    def unclipped(contributions: Contributions, unit: Unit, *, max_artworks: int) -> ClippedUpdate:
        summed = contributions.rows.sum(axis=0, dtype=np.float64) / HEAD.segments[0].clip_norm
        values = np.ldexp(np.trunc(np.ldexp(summed, FRACTION_BITS)), -FRACTION_BITS)
        return ClippedUpdate(
            values=values, layout=HEAD, unit=unit, max_artworks=max_artworks, dropped_rows=0, seal=SEAL
        )

    monkeypatch.setattr(pipeline, "clip", unclipped)
    probe = make_probe(release(), view=View.AGGREGATE, views=VIEWS)
    long = Contributions(probe.canary.rows * np.float32(3 * 0.5 / np.linalg.norm(probe.canary.rows)), HEAD)
    assert_refuted(_judged([Probe(mechanism=probe.mechanism, view=probe.view, canary=long)], probe.mechanism))


def test_views_clipped_apart_are_caught() -> None:
    """One artwork's K views as K rows: its influence grows to K clip norms."""
    probe = make_probe(release(), view=View.AGGREGATE, views=VIEWS)
    apart = Contributions(np.repeat(probe.canary.rows, VIEWS, axis=0), HEAD)
    assert_refuted(_judged([Probe(mechanism=probe.mechanism, view=probe.view, canary=apart)], probe.mechanism))


def test_sampling_at_rate_1_where_less_is_claimed_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "sample", lambda contributions, _rate, _random: contributions)
    assert is_refuted(release(sampling_rate=0.1, noise_multiplier=0.7))


def test_noise_divided_among_all_clients_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve shares make up the claim, six of them are honest survivors': the claim is that of the honest."""
    claimed = release()

    def shared_by_all(sizing: Sizing) -> float:
        return math.sqrt(((sizing.noise_multiplier * sizing.sensitivity) ** 2 + sizing.smoothing**2) / sizing.clients)

    honest = claim_of([claimed], view=View.AGGREGATE, delta=DELTA)
    monkeypatch.setattr(Sizing, "sigma_share", property(shared_by_all))
    probe = make_probe(release(), view=View.AGGREGATE, views=VIEWS)
    absent, present = two_worlds([probe], trials=TRIALS)
    assert_refuted(judge(absent, present, cuts=thresholds(honest), claim=honest, confidence=CONFIDENCE))
