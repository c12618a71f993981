"""MEC-1 to MEC-3: sized for the honest, inside the ring, claimed no better than proven."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, NonPrivateDpEvent, ZCDpEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy.accounting import delta_of_mu, epsilon
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import MODULUS_BITS, Mechanism, View, plan
from fedstyle_secure.privacy.sizing import BETA, EPSILON_CEILING, SMOOTHING, Mode, Noise
from fedstyle_secure.privacy.skellam import Skellam
from fedstyle_secure.training.updates import Layout, Segment, Support

MakeMechanism = Callable[..., Mechanism]


def single(length: int, clip_norm: float = 1.0) -> Layout:
    return Layout((Segment(name="head", length=length, support=Support.COHORT, clip_norm=clip_norm, share=1.0),))


@settings(deadline=None)
@given(
    mode=st.sampled_from([Mode.DISTRIBUTED, Mode.LOCAL]),
    unit=st.sampled_from(Unit),
    length=st.integers(1, 20_000),
    multiplier=st.floats(0.05, 50),
    cohort=st.tuples(st.integers(1, 500), st.integers(0, 200), st.integers(0, 200)),
    artworks=st.integers(1, 500),
)
def test_every_plan_keeps_its_promises(
    *, mode: Mode, unit: Unit, length: int, multiplier: float, cohort: tuple[int, int, int], artworks: int
) -> None:
    honest, corrupt, dropouts = cohort
    try:
        mechanism = plan(
            mode=mode,
            unit=unit,
            layout=single(length),
            noise_multiplier=multiplier,
            clients=honest + corrupt + dropouts,
            corrupt=corrupt,
            min_survivors=honest + corrupt,
            max_artworks=artworks,
            rotation_seed=bytes(32),
        )
    except PrivacyError:
        return
    assert mechanism.clients * mechanism.max_abs_input < 2 ** (mechanism.modulus_bits - 1)
    assert mechanism.sensitivity <= 1.1 * mechanism.scale
    assert mechanism.honest == honest
    aggregate, alone = (mechanism.event(view).noise_multiplier for view in (View.AGGREGATE, View.LOCAL))
    assert alone <= aggregate * (1 + 1e-9)
    if mode is Mode.DISTRIBUTED:
        assert aggregate == pytest.approx(multiplier, rel=1e-9)
        assert honest * mechanism.sigma_share**2 >= (multiplier * mechanism.sensitivity) ** 2
    else:
        assert alone == pytest.approx(multiplier, rel=1e-9)
        assert multiplier * math.sqrt(honest) * (1 - 1e-9) <= aggregate
        assert mechanism.sigma_share >= multiplier * mechanism.sensitivity


@pytest.mark.parametrize("clients", [8, 10, 40])
def test_shares_are_sized_for_the_honest_survivors_not_for_all_clients(
    make_mechanism: MakeMechanism, clients: int
) -> None:
    mechanism = make_mechanism(clients=clients, min_survivors=8, corrupt=2)
    needed = math.sqrt((mechanism.sensitivity**2 + SMOOTHING**2) / 6)
    assert mechanism.sigma_share == pytest.approx(needed, rel=1e-12)


def test_more_corrupt_clients_or_dropouts_mean_more_noise_each(make_mechanism: MakeMechanism) -> None:
    shares = [make_mechanism(corrupt=corrupt).sigma_share for corrupt in range(8)]
    assert shares == sorted(shares)
    shares = [make_mechanism(min_survivors=survivors).sigma_share for survivors in range(10, 2, -1)]
    assert shares == sorted(shares)


@given(shift=st.integers(29, 45), gain=st.integers(128, 255))
def test_the_sensitivity_is_the_better_of_two_bounds_and_never_below_the_scale(shift: int, gain: int) -> None:
    mechanism = dataclasses.replace(WIDE_RING, shift=shift, gain=gain)
    scale, dimension = mechanism.scale, mechanism.dimension
    assert scale == pytest.approx(gain * 2.0 ** (30 - shift) * math.sqrt(dimension))
    lemma = scale**2 + dimension / 4 + math.sqrt(2 * math.log(2**40)) * (scale + math.sqrt(dimension) / 2)
    assert mechanism.sensitivity == pytest.approx(min(scale + math.sqrt(dimension), math.sqrt(lemma)))
    assert mechanism.sensitivity > scale


WIDE_RING = Mechanism(
    mode=Mode.NONE,
    unit=Unit.ARTIST,
    layout=single(100),
    noise_multiplier=0.0,
    clients=1,
    corrupt=0,
    min_survivors=1,
    max_artworks=1,
    rotation_seed=bytes(32),
    gain=128,
    shift=40,
    modulus_bits=32,
)


def test_views_trust_less_and_less(make_mechanism: MakeMechanism) -> None:
    mechanism = make_mechanism(noise_multiplier=3.0)
    local, aggregate, worst = (mechanism.event(view) for view in (View.LOCAL, View.AGGREGATE, View.WORST_CASE))
    assert aggregate.noise_multiplier == pytest.approx(3.0)
    assert local == worst
    exact = math.sqrt(mechanism.sigma_share**2 - SMOOTHING**2) / mechanism.sensitivity
    assert local == GaussianDpEvent(exact)
    assert local.noise_multiplier < 3.0 / math.sqrt(6)


def test_the_claimed_gaussian_dominates_the_discrete_one() -> None:
    """Delta of the exact discrete distributions, shifted along one coordinate, against the claim's closed form."""
    for sigma, shift in ((4.0, 3), (4.0, 11), (20.0, 35)):
        grid = np.arange(-40 * int(sigma), 40 * int(sigma) + 1, dtype=float)
        here, there = (np.exp(-((grid - center) ** 2) / (2 * sigma**2)) for center in (shift, 0))
        here, there = here / here.sum(), there / there.sum()
        mu = shift / math.sqrt(sigma**2 - SMOOTHING**2)
        for level in (0.01, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0):
            exact = np.maximum(here - math.exp(level) * there, 0).sum()
            assert exact <= delta_of_mu(mu, level) + 1e-15


def test_skellam_shares_claim_their_renyi_bound_and_nothing_for_smoothing(make_mechanism: MakeMechanism) -> None:
    mechanism = make_mechanism(noise=Noise.SKELLAM, noise_multiplier=2.0)
    squared, root = mechanism.sensitivity**2, math.sqrt(mechanism.dimension)
    for view, shares in ((View.AGGREGATE, 6), (View.LOCAL, 1), (View.WORST_CASE, 1)):
        variance = shares * mechanism.sigma_share**2
        event = mechanism.event(view)
        for order in (2, 3, 17, 256):
            extra = ((2 * order - 1) * squared + 6 * root * mechanism.sensitivity) / (4 * variance**2)
            bound = order * squared / (2 * variance) + extra
            # zCDP has no negative constant, so a little of the bound's own is given away where the grid is fine.
            assert bound * (1 - 1e-12) <= event.xi + event.rho * order <= bound + squared / (4 * variance**2)
    assert 6 * mechanism.sigma_share**2 == pytest.approx(4 * squared)
    assert mechanism.max_abs_input == mechanism.clamp + Skellam.largest(mechanism.sigma_share)
    assert mechanism.digest != make_mechanism(noise_multiplier=2.0).digest


def test_where_the_grid_is_fine_skellam_costs_what_a_gaussian_costs_by_renyi(make_mechanism: MakeMechanism) -> None:
    mechanism = make_mechanism(noise=Noise.SKELLAM)
    cost = epsilon([mechanism.event(View.AGGREGATE)], 1e-5)
    assert cost == pytest.approx(epsilon([ZCDpEvent(rho=0.5)], 1e-5), rel=1e-3)
    assert cost > epsilon([make_mechanism().event(View.AGGREGATE)], 1e-5)


def test_an_integer_bounds_l1_by_l2(make_mechanism: MakeMechanism) -> None:
    fine, coarse = make_mechanism(), dataclasses.replace(WIDE_RING, shift=45)
    assert fine.sensitivity_l1 == pytest.approx(fine.sensitivity * math.sqrt(fine.dimension))
    assert coarse.sensitivity < math.sqrt(coarse.dimension)
    assert coarse.sensitivity_l1 == pytest.approx(coarse.sensitivity**2)


def test_one_artist_alone_is_a_cohort_of_one(make_mechanism: MakeMechanism) -> None:
    mechanism = make_mechanism(layout=single(1280), clients=1, corrupt=0, min_survivors=1)
    assert mechanism.event(View.LOCAL) == mechanism.event(View.AGGREGATE)
    assert mechanism.event(View.LOCAL).noise_multiplier == pytest.approx(1.0)


def test_no_noise_is_accounted_as_no_privacy(make_mechanism: MakeMechanism) -> None:
    mechanism = make_mechanism(mode=Mode.NONE, noise_multiplier=0.0)
    assert {mechanism.event(view) for view in View} == {NonPrivateDpEvent()}
    assert mechanism.sigma_share == 0
    assert mechanism.delta_slack == 0


def test_slack_counts_rounding_and_samplers(make_mechanism: MakeMechanism) -> None:
    mechanism = make_mechanism()
    samplers = mechanism.honest * mechanism.dimension * 2.0**-127 * (1 + math.exp(EPSILON_CEILING))
    assert mechanism.delta_slack == BETA + samplers
    assert make_mechanism(mode=Mode.LOCAL).delta_slack == mechanism.delta_slack
    large = make_mechanism(layout=single(2**17), clients=1000, min_survivors=900, corrupt=10)
    assert large.delta_slack < 2 * BETA


def test_the_smallest_ring_that_costs_little_is_chosen(make_mechanism: MakeMechanism) -> None:
    small = make_mechanism(layout=single(4), unit=Unit.ARTIST, clients=2, min_survivors=2, corrupt=0)
    large = make_mechanism(layout=single(16384), clients=1000, min_survivors=900, max_artworks=500)
    bits = [mechanism.modulus_bits for mechanism in (small, make_mechanism(), large)]
    assert bits == [16, 24, 32]
    for mechanism in (small, make_mechanism(), large):
        assert mechanism.sensitivity <= 1.01 * mechanism.scale
    for smaller in MODULUS_BITS[: MODULUS_BITS.index(large.modulus_bits)]:
        with pytest.raises(PrivacyError, match="do not fit"):
            dataclasses.replace(large, modulus_bits=smaller)


@pytest.mark.parametrize("clients", [8, 40])
def test_a_share_of_mode_local_is_sized_as_if_there_were_no_other(make_mechanism: MakeMechanism, clients: int) -> None:
    mechanism = make_mechanism(mode=Mode.LOCAL, clients=clients, min_survivors=8, corrupt=2)
    assert mechanism.sigma_share == pytest.approx(math.sqrt(mechanism.sensitivity**2 + SMOOTHING**2), rel=1e-12)
    assert mechanism.event(View.LOCAL) == mechanism.event(View.WORST_CASE)
    assert mechanism.event(View.LOCAL).noise_multiplier == pytest.approx(1.0)
    assert mechanism.event(View.AGGREGATE).noise_multiplier == pytest.approx(math.sqrt(6), rel=0.01)


def test_what_no_ring_holds_is_refused(make_mechanism: MakeMechanism) -> None:
    with pytest.raises(PrivacyError, match="no ring of up to 32 bits"):
        make_mechanism(clients=2**22, min_survivors=2**22, max_artworks=2**20, layout=single(4))
    with pytest.raises(PrivacyError, match="no ring of up to 32 bits"):
        make_mechanism(noise_multiplier=1e4, layout=single(16384))
    with pytest.raises(InputError, match="overflow 64 bits"):
        make_mechanism(layout=single(2**20), max_artworks=2**14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corrupt": 8}, "no honest survivor"),
        ({"corrupt": -1}, "no honest survivor"),
        ({"min_survivors": 11}, "min_survivors <= clients"),
        ({"min_survivors": 0, "corrupt": 0}, "no honest survivor"),
        ({"max_artworks": 0}, "max_artworks"),
        ({"rotation_seed": b"short"}, "32 bytes"),
        ({"noise_multiplier": -1.0}, "noise multiplier"),
        ({"noise_multiplier": math.nan}, "noise multiplier"),
        ({"noise_multiplier": math.inf}, "noise multiplier"),
        ({"noise_multiplier": 0.0}, "0 means none"),
        ({"mode": Mode.NONE}, "0 means none"),
    ],
)
def test_contradictory_choices_are_refused(
    make_mechanism: MakeMechanism, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_mechanism(**changes)


def test_a_mechanism_from_elsewhere_is_checked_when_it_is_built(make_mechanism: MakeMechanism) -> None:
    mechanism = make_mechanism()
    for changes in ({"gain": 127}, {"gain": 256}, {"shift": 0}, {"shift": 62}, {"modulus_bits": 40}):
        with pytest.raises(InputError, match="none `plan` makes"):
            dataclasses.replace(mechanism, **changes)
    with pytest.raises(PrivacyError, match="do not fit"):
        dataclasses.replace(mechanism, shift=mechanism.shift - 12)
    with pytest.raises(PrivacyError, match="lost on the grid"):
        dataclasses.replace(mechanism, shift=mechanism.shift + 12)
    with pytest.raises(PrivacyError, match="beyond its sampler"):
        dataclasses.replace(mechanism, noise_multiplier=200.0, modulus_bits=32)


def test_the_digest_binds_every_field(make_mechanism: MakeMechanism) -> None:
    base = make_mechanism()
    assert len(base.digest) == 32
    assert base.digest == make_mechanism().digest
    others = [
        make_mechanism(unit=Unit.ARTIST),
        make_mechanism(mode=Mode.LOCAL),
        make_mechanism(noise_multiplier=1.0000001),
        make_mechanism(clients=11),
        make_mechanism(corrupt=1),
        make_mechanism(min_survivors=7),
        make_mechanism(max_artworks=49),
        make_mechanism(rotation_seed=bytes(32)),
        make_mechanism(layout=single(100, clip_norm=2.0)),
        make_mechanism(layout=single(100)),
        dataclasses.replace(base, gain=base.gain - 1),
        dataclasses.replace(base, shift=base.shift + 1),
        dataclasses.replace(base, modulus_bits=32),
    ]
    assert len({mechanism.digest for mechanism in [base, *others]}) == len(others) + 1
