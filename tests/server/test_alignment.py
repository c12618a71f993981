"""The stairs: what an aggregate does to the model, from pure signal to pure noise."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.aggregation.summing import Aggregate
from fedstyle_secure.privacy.shrinkage import kept_fraction
from fedstyle_secure.server.alignment import Alignment
from fedstyle_secure.training.moments import outer_product_rows, packed_length
from fedstyle_secure.training.objective import StyleHead, anchor_loss, per_artwork_gradients
from fedstyle_secure.training.tensors import HEAD, HEAD_CLIP_NORM, MOMENTS, head_segment, moments_segment
from fedstyle_secure.training.updates import Support


def aggregate_of(tensors, *, noise=0.0, survivors=8) -> Aggregate:
    return Aggregate(tensors=tensors, noise=dict.fromkeys(tensors, noise), survivors=survivors, digest=b"")


@pytest.fixture
def cohort(town):
    """Whitened views of eight artists who share a few directions that public art hardly knows."""
    rng = np.random.default_rng(5)
    stretch = np.linspace(4, 0.2, town.RAW)
    model = town.model()
    return [
        model.whiten((town.features(number).views * stretch * rng.normal(1, 0.01)).astype(np.float32))
        for number in range(8)
    ]


def moments_of(cohort) -> np.ndarray:
    return sum(outer_product_rows(whitened[:, 0]).astype(np.float64).sum(0) for whitened in cohort)


def head_gradient(town, model, cohort) -> np.ndarray:
    gradients = [
        per_artwork_gradients(model.head, model.align(whitened[:, 1:]), number, town.codebook()).sum(0)
        for number, whitened in enumerate(cohort)
    ]
    return np.sum(gradients, axis=0, dtype=np.float64).ravel()


def summed_loss(town, model, cohort) -> float:
    head, anchors = StyleHead(torch.from_numpy(model.head.copy())), torch.from_numpy(town.codebook().anchors)
    with torch.no_grad():
        return sum(
            float(anchor_loss(head(torch.from_numpy(model.align(w[:, 1:]))), torch.full((len(w),), k), anchors).sum())
            for k, w in enumerate(cohort)
        )


def unevenness(vectors: np.ndarray) -> float:
    """Largest over mean eigenvalue of the second moment; 1 if perfectly white."""
    values = np.linalg.eigvalsh(vectors.T.astype(np.float64) @ vectors)
    return float(values[-1] / values.mean())


def test_segments_declare_their_support_and_sizes():
    head, moments = head_segment(12, 4, 0.3), moments_segment(12, 0.7)
    assert (head.length, moments.length) == (48, packed_length(12))
    assert head.support is moments.support is Support.COHORT
    assert (head.clip_norm, moments.clip_norm) == (HEAD_CLIP_NORM, 1.0)
    assert (head.share, moments.share) == (0.3, 0.7)


def test_public_moments_have_mean_eigenvalue_1(town):
    moments = town.alignment().public_moments
    assert moments.shape == (town.D, town.D)
    assert np.trace(moments) == pytest.approx(town.D)


def test_without_noise_the_cohort_is_whiter_after_than_before(town, cohort):
    model = town.model()
    _, after = town.alignment().advance(model, aggregate_of({MOMENTS: moments_of(cohort)}))
    plain = np.concatenate([whitened[:, 0] for whitened in cohort])
    assert unevenness(after.align(plain)) < 0.8 * unevenness(model.align(plain))
    np.testing.assert_array_equal(after.head, model.head)
    np.testing.assert_array_equal(after.alignment, after.alignment.T)


def test_the_number_of_artworks_does_not_matter_to_the_moments(town, cohort):
    """An artwork adds exactly 1 to the trace: nobody has to tell how many there are."""
    packed = moments_of(cohort)
    once, often = (
        town.alignment().advance(town.model(), aggregate_of({MOMENTS: times * packed}))[1] for times in (1, 25)
    )
    np.testing.assert_allclose(once.alignment, often.alignment, rtol=1e-5, atol=1e-6)


def test_overwhelming_noise_moves_nothing(town, cohort):
    model, start = town.model(), town.alignment()
    rng = np.random.default_rng(0)
    tensors = {
        MOMENTS: moments_of(cohort) + rng.normal(size=packed_length(town.D)),
        HEAD: head_gradient(town, model, cohort) + rng.normal(size=model.head.size),
    }
    _, after = start.advance(model, aggregate_of(tensors, noise=1e6))
    np.testing.assert_array_equal(after.head, model.head)
    # Nothing believed of the cohort: aligned as by the public moments alone.
    alone = start.public_moments[np.triu_indices(town.D)] * np.where(np.eye(town.D)[np.triu_indices(town.D)], 1, 2**0.5)
    _, public = start.advance(model, aggregate_of({MOMENTS: alone}))
    np.testing.assert_allclose(after.alignment, public.alignment, atol=1e-6)


def test_noise_that_is_longer_than_usual_by_chance_moves_nothing(town, cohort):
    """Half of all noise is longer than its mean: a margin keeps it from burying the public moments."""
    start, rng = town.alignment(), np.random.default_rng(0)
    _, public = start.advance(town.model(), aggregate_of({MOMENTS: np.zeros(packed_length(town.D))}, noise=1e9))
    for _ in range(50):
        noisy = moments_of(cohort) + 1e6 * rng.normal(size=packed_length(town.D))
        _, after = start.advance(town.model(), aggregate_of({MOMENTS: noisy}, noise=1e6))
        np.testing.assert_array_equal(after.alignment, public.alignment)


@pytest.mark.parametrize("trace", [0.0, -50.0])
def test_moments_drowned_to_a_negative_trace_give_a_finite_alignment(trace, town):
    packed = np.zeros(packed_length(town.D))
    packed[0] = trace
    _, after = town.alignment().advance(town.model(), aggregate_of({MOMENTS: packed}, noise=100.0))
    assert np.isfinite(after.alignment).all()


@given(st.lists(st.floats(-1e6, 1e6), max_size=20), st.floats(0, 1e12))
def test_kept_fraction_lies_between_0_and_1(observed, noise):
    values = np.array(observed, dtype=np.float64)
    kept = kept_fraction(values, noise)
    assert 0 <= kept <= 1
    assert kept_fraction(values, noise + 1) <= kept
    assert kept_fraction(values, float(np.sum(values**2))) == 0


def test_kept_fraction_without_noise_is_everything():
    assert kept_fraction(np.ones(3), 0.0) == 1
    assert kept_fraction(np.zeros(3), 0.0) == 0


def test_the_head_goes_downhill_on_the_summed_loss(town, cohort):
    state, model = town.alignment(), town.model()
    losses = [summed_loss(town, model, cohort)]
    for _ in range(5):
        state, model = state.advance(model, aggregate_of({HEAD: head_gradient(town, model, cohort)}))
        losses.append(summed_loss(town, model, cohort))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.8 * losses[0]
    np.testing.assert_array_equal(model.alignment, town.model().alignment)


def test_a_step_against_the_gradient_would_go_uphill(town, cohort):
    """Shows that the test above can fail."""
    model = town.model()
    _, wrong = town.alignment().advance(model, aggregate_of({HEAD: -head_gradient(town, model, cohort)}))
    assert summed_loss(town, wrong, cohort) > summed_loss(town, model, cohort)


def test_a_zero_gradient_leaves_the_head(town):
    model = town.model()
    _, after = town.alignment().advance(model, aggregate_of({HEAD: np.zeros(model.head.size)}))
    np.testing.assert_array_equal(after.head, model.head)


def test_noise_of_past_steps_is_remembered_in_the_smoothed_direction(town):
    gradient = np.ones(town.model().head.size)
    state, _ = town.alignment().advance(town.model(), aggregate_of({HEAD: gradient}, noise=2.0))
    again, _ = state.advance(town.model(), aggregate_of({HEAD: gradient}, noise=2.0))
    assert state.direction_noise == pytest.approx(4.0)
    assert 4.0 < again.direction_noise < 8.0
    assert np.all(again.direction > state.direction)


def test_advance_is_a_function_of_the_aggregate_and_its_own_state(town, cohort):
    """Post-processing only: called again it gives the same, whatever else has happened; it changes no argument."""
    model, state = town.model(), town.alignment()
    tensors = {MOMENTS: moments_of(cohort), HEAD: head_gradient(town, model, cohort)}
    copies = {name: tensor.copy() for name, tensor in tensors.items()}
    before = (model.digest, state.public_moments.copy(), state.direction.copy())
    first_state, first = state.advance(model, aggregate_of(tensors, noise=0.3))
    np.random.default_rng(0).normal(size=10)
    torch.manual_seed(99)
    _, second = Alignment(*before[1:], state.direction_noise).advance(model, aggregate_of(copies, noise=0.3))
    assert first.digest == second.digest
    assert model.digest == before[0]
    np.testing.assert_array_equal(state.direction, before[2])
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, copies[name])
    assert first_state is not state


def test_a_tensor_that_was_not_asked_for_changes_nothing(town):
    state, model = town.alignment().advance(town.model(), aggregate_of({}))
    assert model is town.model()
    assert state is town.alignment()
